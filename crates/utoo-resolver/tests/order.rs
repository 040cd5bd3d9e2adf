//! The order in which answers come in never shows: 256 random graphs, each resolved with its answers in order,
//! shuffled, and delayed, give the same bytes.

#![allow(clippy::unwrap_used, clippy::unreachable, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use utoo_resolver::{
    Documents, ErrorCategory, ManifestJob, ManifestJobDone, Project, Registry, RegistryError, ResolveOptions,
    resolve,
};
use utoo_types::{Manifest, PackageName, Packument};

/// A registry of a few packages that answers after a random number of polls.
struct Shuffled {
    packuments: BTreeMap<String, Packument>,
    /// No delays at all without it.
    random: Option<Mutex<fastrand::Rng>>,
}

impl Registry for Shuffled {
    fn documents(&self, _: &PackageName) -> Documents {
        Documents::Full
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
        let calm = outcome(&project, &Shuffled { packuments: packuments.clone(), random: None });
        prop_assert!(!calm.starts_with("EINTERNAL"), "{}", calm);
        for run in 0..3 {
            let random = Some(Mutex::new(fastrand::Rng::with_seed(seed.wrapping_add(run))));
            let registry = Shuffled { packuments: packuments.clone(), random };
            prop_assert_eq!(&calm, &outcome(&project, &registry));
        }
    }
}
