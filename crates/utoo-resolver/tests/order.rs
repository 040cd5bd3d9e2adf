//! The order in which answers come in never shows: 256 random graphs, each resolved with its answers in order,
//! shuffled, and delayed, give the same bytes. Nor does it show when the options come.

#![allow(clippy::unwrap_used, clippy::unreachable, reason = "a test may panic")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use utoo_resolver::{
    Documents, ErrorCategory, Folder, ManifestCache, ManifestJob, ManifestJobDone, Project, Registry,
    RegistryError, ResolveEvent, ResolveOptions, resolve, resolve_when,
};
use utoo_types::{Manifest, PackageName, Packument};

/// A registry of a few packages that answers after a random number of polls.
struct Shuffled {
    packuments: BTreeMap<String, Packument>,
    /// No delays at all without it.
    random: Option<Mutex<fastrand::Rng>>,
    /// How many jobs are to be under way.
    at_once: usize,
}

impl Registry for Shuffled {
    fn documents(&self, _: &PackageName) -> Documents {
        Documents::Full
    }

    fn at_once(&self) -> usize {
        self.at_once
    }

    async fn execute(&self, job: ManifestJob) -> Result<ManifestJobDone, RegistryError> {
        let polls = self.random.as_ref().map_or(0, |random| random.lock().unwrap().u32(0..12));
        Later(polls).await;
        let ManifestJob::Full { name } = &job else { unreachable!("only packuments are asked for: {job:?}") };
        let packument = self.packuments.get(name.as_str()).cloned();
        packument.map(ManifestJobDone::Full).ok_or_else(|| {
            RegistryError::new("E404", ErrorCategory::NotFound, format!("{name} is not in this registry"))
        })
    }
}

/// Ready after so many polls, so that no clock decides the order.
struct Later(u32);

impl Future for Later {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "@s/l"];
const RANGES: [&str; 8] =
    ["*", "^1.0.0", "^2.0.0", "~1.1.0", ">=1.1.0", "1.0.0", "latest", "^1.0.0 || ^2.0.0"];
const VERSIONS: [&str; 4] = ["1.0.0", "1.1.0", "2.0.0", "2.1.0-beta.1"];
const BLOCKS: [&str; 4] = ["dependencies", "dependencies", "optionalDependencies", "peerDependencies"];

/// Block, name and range by index, so that cases shrink.
type Dependency = (usize, usize, usize);

fn add(manifest: &mut Map<String, Value>, dependencies: &[Dependency]) {
    for &(block, name, range) in dependencies {
        let block = manifest.entry(BLOCKS[block]).or_insert_with(|| json!({}));
        block[NAMES[name]] = RANGES[range].into();
    }
}

fn dependency() -> impl Strategy<Value = Dependency> {
    (0..BLOCKS.len(), 0..NAMES.len(), 0..RANGES.len())
}

/// For each name and version its dependencies; names may lack versions, or be missing altogether.
fn graph() -> impl Strategy<Value = Vec<Vec<(bool, Vec<Dependency>)>>> {
    let version = (prop::bool::weighted(0.75), prop::collection::vec(dependency(), 0..4));
    prop::collection::vec(prop::collection::vec(version, VERSIONS.len()), NAMES.len())
}

fn packuments(graph: &[Vec<(bool, Vec<Dependency>)>]) -> BTreeMap<String, Packument> {
    let mut packuments = BTreeMap::new();
    for (name, versions) in NAMES.iter().zip(graph) {
        let mut documents = Map::new();
        for (version, (_, dependencies)) in VERSIONS.iter().zip(versions).filter(|(_, (there, _))| *there) {
            let mut manifest = Map::new();
            manifest.insert("name".into(), (*name).into());
            manifest.insert("version".into(), (*version).into());
            manifest.insert(
                "dist".into(),
                json!({"tarball": format!("https://registry.example/{name}-{version}.tgz")}),
            );
            add(&mut manifest, dependencies);
            documents.insert((*version).into(), manifest.into());
        }
        let Some(latest) = documents.keys().next_back().cloned() else { continue };
        let document = json!({"name": name, "dist-tags": {"latest": latest}, "versions": documents});
        let packument = Packument::from_json(serde_json::to_vec(&document).unwrap()).unwrap();
        packuments.insert((*name).to_owned(), packument);
    }
    packuments
}

/// The lockfile, or the code of the refusal.
fn outcome(project: &Project, registry: &Shuffled) -> String {
    let options = ResolveOptions::default();
    match futures_executor::block_on(resolve(project, registry, &options, |_| {})) {
        Ok(resolution) => resolution.lockfile.to_text(),
        Err(error) => format!("{}: {error}", error.code()),
    }
}

/// The same, with options that come after so many polls, and a guess at them that is wrong about all that may be guessed.
fn outcome_of_late_options(project: &Project, registry: &Shuffled, polls: u32) -> String {
    let options = ResolveOptions::default();
    let mut likely = options.clone();
    likely.pick.default_tag = "none".into();
    likely.pick.before = Some(0);
    let late = async {
        Later(polls).await;
        &options
    };
    let mut cache = ManifestCache::new();
    let resolving = resolve_when(project, registry, (&likely, late), &mut cache, |_| {});
    match futures_executor::block_on(resolving) {
        Ok(resolution) => resolution.lockfile.to_text(),
        Err(error) => format!("{}: {error}", error.code()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn any_order_of_answers_gives_the_same_bytes(
        graph in graph(),
        dependencies in prop::collection::vec(dependency(), 1..6),
        seed in any::<u64>(),
    ) {
        let packuments = packuments(&graph);
        let mut root = Map::new();
        root.insert("name".into(), "root".into());
        add(&mut root, &dependencies);
        let project = Project::new(Manifest::from_value(&root.into()));
        let calm = outcome(&project, &Shuffled { packuments: packuments.clone(), random: None, at_once: usize::MAX });
        prop_assert!(!calm.starts_with("EINTERNAL"), "{}", calm);
        for run in 0..3 {
            let random = Some(Mutex::new(fastrand::Rng::with_seed(seed.wrapping_add(run))));
            let registry = Shuffled { packuments: packuments.clone(), random, at_once: run as usize };
            prop_assert_eq!(&calm, &outcome(&project, &registry));
            prop_assert_eq!(&calm, &outcome_of_late_options(&project, &registry, run as u32 * 4));
        }
    }
}

/// The only version of a package.
fn one(name: &str, dependencies: Value) -> (String, Packument) {
    let dist = json!({"tarball": format!("https://registry.example/{name}-1.0.0.tgz")});
    let mut manifest = json!({"name": name, "version": "1.0.0", "dist": dist});
    manifest["dependencies"] = dependencies;
    let document = json!({"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": manifest}});
    (name.to_owned(), Packument::from_json(serde_json::to_vec(&document).unwrap()).unwrap())
}

/// Where the options are late, the first questions do not wait for them, and are asked once.
#[test]
fn the_first_questions_are_asked_before_the_options_are_known() {
    let packuments = [one("a", json!({"c": "*"})), one("b", json!({})), one("c", json!({}))];
    let registry = Shuffled { packuments: packuments.into(), random: None, at_once: usize::MAX };
    let root = json!({"name": "root", "dependencies": {"a": "*", "b": "*"}});
    let project = Project::new(Manifest::from_value(&root));
    let options = ResolveOptions::default();
    let wanted = RefCell::new(Vec::new());
    let late = async {
        Later(3).await;
        assert_eq!(
            wanted.borrow().len(),
            2,
            "what the project names, and nothing that has to be chosen first"
        );
        &options
    };
    let on_event = |event: ResolveEvent<'_>| {
        if let ResolveEvent::Wanted(job) = event {
            wanted.borrow_mut().push(format!("{job:?}"));
        }
    };
    let mut cache = ManifestCache::new();
    let resolving = resolve_when(&project, &registry, (&options, late), &mut cache, on_event);
    let resolution = futures_executor::block_on(resolving).unwrap();
    assert_eq!(resolution.lockfile.packages.len(), 4);
    assert_eq!(wanted.borrow().len(), 3, "{wanted:?}");
}

/// What is asked for, in order, up to the first answer.
fn asked_first(project: &Project, registry: &Shuffled) -> Vec<String> {
    let (mut asked, mut is_answered) = (Vec::new(), false);
    let options = ResolveOptions::default();
    let resolving = resolve(project, registry, &options, |event| match event {
        ResolveEvent::Wanted(ManifestJob::Full { name }) if !is_answered => asked.push(name.to_string()),
        ResolveEvent::Arrived { .. } => is_answered = true,
        _ => {}
    });
    futures_executor::block_on(resolving).unwrap();
    asked
}

/// Workspaces have their turn behind the project, but what they need is asked for together with what that needs. Of one
/// another they need no registry.
#[test]
fn what_workspaces_need_is_asked_for_at_once_and_their_own_names_never() {
    let packuments = ["a", "b", "dev", "peer"].map(|name| one(name, json!({})));
    let registry = Shuffled { packuments: packuments.into(), random: None, at_once: usize::MAX };
    let folder = |location: &str, manifest: Value| Folder {
        location: location.into(),
        manifest: Arc::new(Manifest::from_value(&manifest)),
    };
    let root = json!({"name": "root", "workspaces": ["x", "y"], "dependencies": {"a": "*"}});
    let mut project = Project::new(Manifest::from_value(&root));
    project.workspaces = vec![
        folder("x", json!({"name": "x", "version": "1.0.0", "dependencies": {"b": "*", "y": "^1.0.0"}})),
        folder(
            "y",
            json!({"name": "y", "version": "1.0.0", "devDependencies": {"dev": "*", "x": "*"},
            "peerDependencies": {"peer": "*"}}),
        ),
    ];
    // The peers of what the project links to are looked at in its own turn.
    assert_eq!(asked_first(&project, &registry), ["a", "peer", "b", "dev"]);
    // Where a command is about one of them, the turn of others may never come.
    project.targets = vec!["x".into()];
    assert_eq!(asked_first(&project, &registry), ["a", "peer"]);
}

/// While a registry has enough to do, guesses wait; what the placer lacks does not.
#[test]
fn only_guesses_wait_while_the_registry_is_busy() {
    let guesses: Map<String, Value> = (0..9).map(|at| (format!("guess-{at}"), json!("*"))).collect();
    let mut packuments: BTreeMap<_, _> = guesses.keys().map(|name| one(name, json!({}))).collect();
    packuments.extend([one("a", json!({"b": "*"})), one("b", json!({})), one("z", guesses.into())]);
    let root = json!({"name": "root", "dependencies": {"a": "*", "z": "*"}});
    let project = Project::new(Manifest::from_value(&root));
    let most_and_all = |at_once| {
        let registry = Shuffled { packuments: packuments.clone(), random: None, at_once };
        let (mut open, mut most, mut all) = (0, 0, 0);
        let options = ResolveOptions::default();
        let resolving = resolve(&project, &registry, &options, |event| match event {
            ResolveEvent::Wanted(_) => {
                all += 1;
                open += 1;
                most = most.max(open);
            }
            ResolveEvent::Arrived { .. } => open -= 1,
            ResolveEvent::Chosen(_) => {}
        });
        futures_executor::block_on(resolving).unwrap();
        (most, all)
    };
    // The project's own two are asked for at once, and each is asked for once.
    assert_eq!(most_and_all(1), (2, 12));
    assert_eq!(most_and_all(usize::MAX), (10, 12));
}
