//! Every call to the file system, failing in turn: what an install leaves, and what the next one makes of it.
//!
//! An undisturbed run is counted first. Then each of its calls fails, in the ways a system has, once or from there on.
//! Whatever then becomes of the install: it has done all of its work, or says where it could not; every package is absent
//! or whole, and nobody claims more than is there; and the next install, undisturbed, ends with exactly the tree of the
//! undisturbed one, and no litter.
//!
//! `UTOO_TEST_FAULTS=all` tries every call with every failure, `UTOO_TEST_FAULTS=2/5` the second fifth of the calls so;
//! without it, failures take turns.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::*;
use serde_json::{Value, json};
use utoo_fs::{Call, Extent, Failure, FaultPlan};
use utoo_installer::{
    Freshness, InstallRequest, Installer, InstallerOptions, LinkMode, Policy, ScriptGate, ScriptRunner,
    ScriptSetup, StateInputs, is_up_to_date, record_state,
};
use utoo_lockfile::Lockfile;

/// What is there before, and what an install is to make of it.
struct Case {
    registry: Arc<Registry>,
    before: Before,
    tree: Value,
    link_mode: LinkMode,
    /// A tree whose packages may be seen for a while.
    passing: Option<Value>,
    scripts: Scripts,
}

/// Whether scripts run.
#[derive(Clone, Copy, PartialEq)]
enum Scripts {
    None,
    /// Those of the project, of its workspace and of every package.
    All,
}

enum Before {
    Nothing,
    /// The store has all packages.
    Store,
    /// Another tree is installed.
    Tree(Value),
}

/// A package of several files and folders, with commands, of a scope, with a large file, with one in its tarball, with one
/// below it.
fn first_tree(registry: &Registry) -> Value {
    let bin = |name: &str| json!({"bin": {name: "bin/cli.js"}});
    let bundler = json!({"name": "bundler", "version": "1.0.0", "bundleDependencies": ["inner"]}).to_string();
    let bundle = [
        ("package.json", bundler.as_str()),
        ("index.js", "b"),
        ("node_modules/inner/package.json", r#"{"name":"inner","version":"3.0.0"}"#),
        ("node_modules/inner/lib/a.js", "i"),
    ];
    json!({
        "node_modules/stays": registry.package("stays", "1.0.0", &[("index.js", "s")]),
        "node_modules/changes": with(
            registry.package("changes", "1.0.0", &[("bin/cli.js", "#!/usr/bin/env node\r\n1"), ("old.js", "")]),
            bin("changes"),
        ),
        "node_modules/changes/node_modules/kept": registry.package("kept", "1.0.0", &[("index.js", "k")]),
        "node_modules/goes": with(registry.package("goes", "1.0.0", &[("bin/cli.js", "g")]), bin("goes")),
        "node_modules/@s/goes": registry.package("@s/goes", "1.0.0", &[("index.js", "g")]),
        "node_modules/bundler": with(
            registry.add("bundler", "1.0.0", tarball(&bundle)),
            json!({"bundleDependencies": ["inner"]}),
        ),
        "node_modules/bundler/node_modules/inner": {"version": "3.0.0", "inBundle": true},
    })
}

fn second_tree(registry: &Registry) -> Value {
    let large = "0123456789abcdef".repeat(20_000);
    let files = [("bin/cli.js", "#!/usr/bin/env node\n2"), ("a/b/c.js", "c"), ("a/large.js", large.as_str())];
    let mut tree = first_tree(registry);
    let packages = tree.as_object_mut().unwrap();
    packages.retain(|location, _| !location.ends_with("goes"));
    let bin = json!({"bin": {"changes": "bin/cli.js"}});
    packages.insert("node_modules/changes".into(), with(registry.package("changes", "2.0.0", &files), bin));
    // In two members, so that it is unpacked while it is inflated; with a command that the archive doesn't make executable.
    let manifest = r#"{"name":"@s/comes","version":"1.0.0","bin":"cli.js"}"#;
    let streamed =
        tarball(&[("package.json", manifest), ("cli.js", "c"), ("lib/b/large.js", large.as_str())]);
    let comes = registry.add("@s/comes", "1.0.0", [streamed, gzip(b"")].concat());
    let comes = with(comes, json!({"bin": {"comes": "cli.js"}}));
    packages.insert("node_modules/@s/comes".into(), comes);
    let below = registry.package("below", "1.0.0", &[("lib/a.js", "b")]);
    packages.insert("node_modules/@s/comes/node_modules/below".into(), below);
    tree
}

impl Case {
    fn project(&self) -> Project {
        let project = Project { registry: self.registry.clone(), ..Project::in_memory() };
        if self.scripts == Scripts::All {
            project.write("package.json", &marking("root", "node_modules/.marks"));
            project.write("ws/package.json", &marking("ws", "../node_modules/.marks"));
        }
        match &self.before {
            Before::Nothing => {}
            Before::Store => {
                self.run(&project, &self.tree).unwrap();
                std::fs::remove_dir_all(project.modules()).unwrap();
            }
            Before::Tree(tree) => self.run(&project, tree).unwrap(),
        }
        project
    }

    /// An install with its record, as the command line does it.
    fn run(&self, project: &Project, tree: &Value) -> Result<(), String> {
        self.run_with(project, tree, self.scripts)
    }

    fn run_with(&self, project: &Project, tree: &Value, scripts: Scripts) -> Result<(), String> {
        let mut options = InstallerOptions { link_mode: self.link_mode, ..project.options() };
        let mut workspaces = Vec::new();
        if scripts == Scripts::All {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let environment = [("PATH".into(), path)].into_iter().collect();
            let setup = ScriptSetup { environment, init_cwd: project.root(), ..ScriptSetup::default() };
            options.scripts = Some(ScriptRunner::new(setup));
            options.policy = Arc::new(Policy { gate: ScriptGate::Open, ..Policy::default() });
            workspaces.push("ws".into());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let run = async {
            let request = InstallRequest { workspaces, ..InstallRequest::new(lockfile(tree.clone())) };
            let installer = Installer::new(options, self.registry.clone());
            let installed = installer.install(request).await?;
            record_state(&project.root(), &inputs(tree, installed.folders))
        };
        runtime.block_on(run).map_err(|error| error.to_string())
    }

    /// Lets each call fail, and each kind of call.
    fn try_each(&self) {
        let mut trial = self.trial();
        let wanted = std::env::var("UTOO_TEST_FAULTS").ok();
        let part = wanted.as_deref().and_then(|text| text.split_once('/'));
        let part = part.and_then(|(at, of)| Some((at.parse::<usize>().ok()?, of.parse::<usize>().ok()?)));
        let (first, last) = part.map_or((0, trial.calls.len()), |(at, of)| {
            (trial.calls.len() * (at - 1) / of, trial.calls.len() * at / of)
        });
        for number in first + 1..=last {
            for (turn, extent) in [Extent::Once, Extent::Onwards].into_iter().enumerate() {
                let turns = if wanted.is_some() { 0..Failure::ALL.len() } else { 0..1 };
                for at in turns {
                    let failure = Failure::ALL[(number * 3 + turn * 5 + at) % Failure::ALL.len()];
                    trial.attempt(&|folder| FaultPlan::fail(folder, number, failure, extent));
                }
            }
        }
        trial.try_kinds();
        // Not before: which call has which number differs from run to run, as packages are made side by side.
        assert_eq!(trial.struck, trial.kinds(), "each kind of call failed at least once");
        trial.end();
    }

    fn trial(&self) -> Trial<'_> {
        let undisturbed = self.project();
        let counting = FaultPlan::count(undisturbed.folder.path()).arm();
        self.run(&undisturbed, &self.tree).unwrap();
        let calls = counting.calls();
        drop(counting);
        let (before, after) = (self.packages_before(), self.outcome(&undisturbed));
        let expected = Expected { before, after, cache: settled_cache(&undisturbed) };
        Trial { case: self, calls, expected, may_vanish: false, struck: BTreeSet::new(), wrong: Vec::new() }
    }

    fn is_fresh(&self, project: &Project) -> bool {
        is_up_to_date(&project.root(), &inputs(&self.tree, Vec::new())) == Freshness::Fresh
    }

    /// What may be there besides what the tree has.
    fn packages_before(&self) -> Vec<Packages> {
        let mut all = vec![self.packages_of_before()];
        if let Some(tree) = &self.passing {
            let project = Project { registry: self.registry.clone(), ..Project::in_memory() };
            self.run_with(&project, tree, Scripts::None).unwrap();
            all.push(packages(&everything(&project.modules()), tree));
        }
        all
    }

    fn packages_of_before(&self) -> Packages {
        match &self.before {
            Before::Tree(tree) => {
                let project = self.project();
                packages(&everything(&project.modules()), tree)
            }
            _ => Packages::new(),
        }
    }

    fn outcome(&self, project: &Project) -> Outcome {
        let modules = everything(&project.modules());
        let mut known = self.tree.clone();
        if let Before::Tree(before) = &self.before {
            for (location, entry) in before.as_object().unwrap() {
                known.as_object_mut().unwrap().entry(location).or_insert(entry.clone());
            }
        }
        let packages = packages(&modules, &known);
        let hidden = modules.get(".package-lock.json").map(|text| Lockfile::parse(text, "hidden").unwrap());
        let is_honest = hidden.is_none_or(|hidden| {
            hidden.packages.iter().filter(|(_, entry)| !entry.link).all(|(location, entry)| {
                if !location.starts_with("node_modules/") {
                    return true;
                }
                let version = format!(r#""version":"{}""#, entry.version.as_deref().unwrap());
                let found = packages.get(&**location).and_then(|files| files.get("/package.json"));
                found.is_some_and(|text| text.contains(&version))
            })
        });
        Outcome { modules, packages, is_honest }
    }
}

/// What is tried, and what came of it.
struct Trial<'a> {
    case: &'a Case,
    /// Those of an undisturbed run.
    calls: Vec<(Call, PathBuf)>,
    expected: Expected,
    /// Whether it is no call that fails.
    may_vanish: bool,
    /// The kinds of calls that failed.
    struck: BTreeSet<Call>,
    wrong: Vec<String>,
}

impl Trial<'_> {
    fn kinds(&self) -> BTreeSet<Call> {
        self.calls.iter().map(|(call, _)| *call).collect()
    }

    /// Lets every call of a kind fail.
    fn try_kinds(&mut self) {
        for kind in self.kinds() {
            for failure in Failure::ALL {
                self.attempt(&|folder| FaultPlan::fail(folder, 1, failure, Extent::Onwards).only(kind));
            }
        }
    }

    fn end(self) {
        let Self { wrong, calls, .. } = self;
        let shown = &wrong[..wrong.len().min(40)];
        assert!(wrong.is_empty(), "{} of {} calls: {shown:#?}", wrong.len(), calls.len());
    }

    /// Lets a folder go away before each call.
    fn try_vanishing(&mut self, victim: &str) {
        for number in 1..=self.calls.len() {
            self.attempt(&|folder| FaultPlan::vanish(folder, number, &folder.join(victim)));
        }
    }

    /// One install with a failure, and another one without.
    fn attempt(&mut self, plan: &dyn Fn(&Path) -> FaultPlan) {
        let (case, expected) = (self.case, &self.expected);
        let project = case.project();
        let plan = plan(project.folder.path());
        let what = plan.to_string();
        let armed = plan.arm();
        let result = case.run(&project, &case.tree);
        let struck = armed.struck();
        drop(armed);
        let mut wrong = Vec::new();
        let now = case.outcome(&project);
        let is_done = difference(&now.modules, &expected.after.modules);
        // Who removes a folder file by file goes on with those that are moved out of it meanwhile.
        wrong.extend(now.half(expected).filter(|_| !self.may_vanish));
        wrong.extend((!now.is_honest).then(|| "the hidden lockfile lists what is not there".to_owned()));
        match &result {
            // What goes away behind the last look at it goes unseen, until the next install.
            Ok(()) if self.may_vanish => {}
            Ok(()) => wrong.extend(is_done.iter().map(|difference| format!("it succeeds, but {difference}"))),
            Err(error) => {
                let place = project.folder.path().file_name().unwrap().to_str().unwrap();
                wrong.extend((!error.contains(place)).then(|| "its error names no path".to_owned()));
            }
        }
        if case.is_fresh(&project) {
            wrong.extend(is_done.iter().map(|difference| format!("recorded as done, but {difference}")));
        }
        let damages = project.store().verify().unwrap();
        wrong.extend((!damages.is_empty()).then(|| format!("the store is damaged: {damages:?}")));
        match case.run(&project, &case.tree) {
            Ok(()) => {
                let repaired = case.outcome(&project);
                wrong.extend(difference(&repaired.modules, &expected.after.modules));
                // A cache that is gone lacks what no later install needed.
                if !self.may_vanish {
                    wrong.extend(difference(&settled_cache(&project), &expected.cache));
                }
                wrong.extend(
                    (!case.is_fresh(&project)).then(|| "a third install finds something to do".to_owned()),
                );
            }
            Err(error) => wrong.push(format!("the next install fails: {error}")),
        }
        self.struck.extend(struck.as_ref().map(|(call, _)| *call));
        self.wrong.extend(wrong.iter().map(|wrong| format!("{what} {struck:?} {result:?}: {wrong}")));
    }
}

/// The first difference between what is there and what should be.
fn difference(there: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> Option<String> {
    let paths = there.keys().chain(wanted.keys());
    let path = paths.min_by_key(|path| (there.get(*path) == wanted.get(*path), *path))?;
    let (there, wanted) = (there.get(path), wanted.get(path));
    (there != wanted).then(|| format!("{path} is {there:.60?} and not {wanted:.60?}"))
}

impl Outcome {
    fn half(&self, expected: &Expected) -> Option<String> {
        self.packages.iter().find_map(|(location, files)| {
            let mut whole = expected.before.iter().chain([&expected.after.packages]);
            let wanted = expected.after.packages.get(location).cloned().unwrap_or_default();
            let is_half = !whole.any(|all| all.get(location) == Some(files));
            is_half.then(|| format!("{location} is half: {:?}", difference(files, &wanted)))
        })
    }
}

struct Expected {
    before: Vec<Packages>,
    after: Outcome,
    cache: BTreeMap<String, String>,
}

struct Outcome {
    modules: BTreeMap<String, String>,
    packages: Packages,
    /// Whether the hidden lockfile lists only what is there.
    is_honest: bool,
}

/// The files of each package's own, by location.
type Packages = BTreeMap<String, BTreeMap<String, String>>;

fn packages(modules: &BTreeMap<String, String>, tree: &Value) -> Packages {
    let locations: Vec<&String> = tree.as_object().unwrap().keys().collect();
    let mut packages = Packages::new();
    for (path, text) in modules {
        let path = format!("node_modules/{path}");
        let owner = locations.iter().filter(|at| path.starts_with(&format!("{at}/")));
        if let Some(owner) = owner.max_by_key(|at| at.len()).filter(|_| text != FOLDER) {
            let own = path[owner.len()..].to_owned();
            packages.entry((*owner).clone()).or_default().insert(own, text.clone());
        }
    }
    packages
}

/// In place of a lockfile, the tree is one of the settings.
fn inputs(tree: &Value, folders: Vec<PathBuf>) -> StateInputs {
    StateInputs { files: Vec::new(), folders, settings: tree.to_string() }
}

const FOLDER: &str = "a folder";

/// How often [`settled_cache`] looks.
const LOOKS: usize = 20_000;

/// [`everything`] in a project's cache, once nothing is on its way into it or out of it. Whoever held the store last removes
/// what a failed install had begun to unpack, and that may be a thread which goes on for a while after the install's end.
fn settled_cache(project: &Project) -> BTreeMap<String, String> {
    let cache = &project.folder.path().join("cache");
    let is_going = |path: &String| path.starts_with("store/v1/tmp/");
    for _ in 0..LOOKS {
        let all = everything(cache);
        if !all.keys().any(is_going) {
            return all;
        }
        std::thread::yield_now();
    }
    everything(cache)
}

/// Every file with its mode and text, every folder and every link; of utoo's own record only that it is there.
fn everything(root: &Path) -> BTreeMap<String, String> {
    // See `settled_cache`.
    let is_going = |path: &Path| path.starts_with(root.join("store/v1/tmp"));
    let mut all = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let kind = match path.symlink_metadata() {
                Err(_) if is_going(&path) => continue,
                found => found.unwrap_or_else(|error| panic!("{}: {error}", path.display())).file_type(),
            };
            let text = if kind.is_symlink() {
                format!("-> {}", std::fs::read_link(&path).unwrap().display())
            } else if kind.is_dir() {
                open.push(path);
                FOLDER.to_owned()
            } else if name == ".utoo-state" {
                String::new()
            } else {
                let found = std::fs::read(&path).and_then(|text| Ok((text, path.metadata()?)));
                let (text, metadata) = match found {
                    Err(_) if is_going(&path) => continue,
                    found => found.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
                };
                let mark = if metadata.permissions().mode() & 0o111 == 0 { "" } else { "executable: " };
                let text = if text.len() < 4000 { text } else { format!("{} bytes", text.len()).into() };
                format!("{mark}{}", String::from_utf8_lossy(&text))
            };
            all.insert(name, text);
        }
    }
    all
}

/// A package.json whose scripts say in a file, once for each, that they ran.
fn marking(name: &str, marks: &str) -> String {
    let line = format!(
        "grep -qs {name}:$npm_lifecycle_event {marks} || echo {name}:$npm_lifecycle_event >> {marks}"
    );
    json!({"name": name, "version": "1.0.0", "scripts": {"postinstall": line, "preinstall": line}})
        .to_string()
}

fn case(before: Before, registry: Arc<Registry>, link_mode: LinkMode) -> Case {
    let tree = second_tree(&registry);
    Case { registry, before, tree, link_mode, passing: None, scripts: Scripts::None }
}

#[test]
fn a_first_install_survives_every_failure() {
    case(Before::Nothing, Arc::default(), LinkMode::Auto).try_each();
}

#[test]
fn an_install_from_the_store_survives_every_failure() {
    case(Before::Store, Arc::default(), LinkMode::Auto).try_each();
}

#[test]
fn copies_survive_every_failure() {
    let case = case(Before::Store, Arc::default(), LinkMode::Copy);
    let mut trial = case.trial();
    trial.try_kinds();
    trial.end();
}

#[test]
fn a_change_of_versions_survives_every_failure() {
    let registry = Arc::<Registry>::default();
    let before = Before::Tree(first_tree(&registry));
    case(before, registry, LinkMode::Auto).try_each();
}

/// Whoever's package.json cannot be read has no scripts only if it is not there: each has run in the end, or it is said.
#[test]
fn scripts_survive_every_failure() {
    let registry = Arc::<Registry>::default();
    let files = |name| [("package.json", marking(name, "marks")), ("index.js", "x".to_owned())];
    let package = |name| {
        let files = files(name);
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        with(registry.add(name, "1.0.0", tarball(&files)), json!({"hasInstallScript": true}))
    };
    let tree = json!({
        "node_modules/one": package("one"),
        "node_modules/two": with(package("two"), json!({"dependencies": {"one": "1"}})),
        "ws": {"version": "1.0.0"},
        "node_modules/ws": {"resolved": "ws", "link": true},
    });
    let passing = Some(tree.clone());
    let (link_mode, scripts) = (LinkMode::Auto, Scripts::All);
    let case = Case { registry, before: Before::Nothing, tree, link_mode, passing, scripts };
    case.try_each();
}

/// `rm -rf node_modules` in another terminal, or the cache is cleaned.
#[test]
fn folders_that_vanish_meanwhile_are_made_again() {
    let registry = Arc::<Registry>::default();
    let tree = || Before::Tree(first_tree(&registry));
    for (victim, before) in [
        ("project/node_modules", Before::Nothing),
        ("project/node_modules", Before::Store),
        ("project/node_modules", tree()),
        ("project/node_modules/.utoo-staging", tree()),
        ("cache", Before::Nothing),
    ] {
        let case = case(before, registry.clone(), LinkMode::Auto);
        let mut trial = case.trial();
        trial.may_vanish = true;
        trial.try_vanishing(victim);
        trial.end();
    }
}

/// The set of an optional package is on its way, and partly there, when it shows that the package cannot be had.
#[test]
fn an_optional_package_that_cannot_be_had_survives_every_failure() {
    let registry = Arc::<Registry>::default();
    let optional = |entry, more: Value| with(with(entry, json!({"optional": true})), more);
    let needs =
        json!({"bin": {"needy": "cli.js"}, "dependencies": {"stays": "1", "@s/comes": "1", "gone": "1"}});
    let needy = optional(registry.package("needy", "1.0.0", &[("cli.js", "n")]), needs);
    let stays = optional(registry.package("stays", "1.0.0", &[("index.js", "s")]), json!({}));
    let comes = optional(registry.package("@s/comes", "1.0.0", &[("index.js", "c")]), json!({}));
    let below = optional(registry.package("below", "1.0.0", &[("index.js", "b")]), json!({}));
    let plain = registry.package("plain", "1.0.0", &[("index.js", "p")]);
    let old = optional(registry.package("gone", "1.0.0", &[("index.js", "old")]), json!({}));
    let gone = json!({"version": "2.0.0", "resolved": "https://registry.example/nowhere.tgz"});
    let gone = optional(gone, json!({"dependencies": {"below": "1"}}));
    let root = json!({"optionalDependencies": {"needy": "1"}, "dependencies": {"plain": "1"}});
    let before = json!({
        "": root, "node_modules/needy": needy, "node_modules/stays": stays, "node_modules/gone": old,
    });
    let tree = json!({
        "": root, "node_modules/needy": needy, "node_modules/stays": stays, "node_modules/@s/comes": comes,
        "node_modules/gone": gone, "node_modules/gone/node_modules/below": below, "node_modules/plain": plain,
    });
    let passing = Some(json!({
        "node_modules/needy": needy, "node_modules/stays": stays, "node_modules/@s/comes": comes,
        "node_modules/plain": plain,
    }));
    let case = |before| Case {
        registry: registry.clone(),
        before,
        tree: tree.clone(),
        link_mode: LinkMode::Auto,
        passing: passing.clone(),
        scripts: Scripts::None,
    };
    case(Before::Nothing).try_each();
    case(Before::Tree(before)).try_each();
}
