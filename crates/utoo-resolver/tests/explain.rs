//! Conflicts with the edits that resolve them, and the reasons for places, in memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::sync::Arc;

use utoo_lockfile::Lockfile;
use utoo_resolver::{
    Bounds, Change, Documents, EdgeProblem, ErrorCategory, Fix, FixSearch, Folder, Graph, ManifestCache,
    ManifestJob, ManifestJobDone, Obstacle, Origin, PeerConflict, Place, Project, Record, Registry,
    RegistryError, ResolveError, ResolveOptions, TrialVerdict, Unfit, Warning, find_fixes, inspect,
    resolve_with,
};
use utoo_testkit::Scenario;
use utoo_types::{Manifest, PackageName, Packument, Platform, Platforms};

/// The packages of a scenario's `registry` section.
struct Packages(Scenario);

impl Registry for Packages {
    fn documents(&self, _: &PackageName) -> Documents {
        Documents::Full
    }

    async fn execute(&self, job: ManifestJob) -> Result<ManifestJobDone, RegistryError> {
        let found = match &job {
            ManifestJob::Full { name } => self.0.registry().unwrap().get(name.as_str()).cloned(),
            _ => None,
        };
        let missing = || RegistryError::new("E404", ErrorCategory::NotFound, format!("nothing for {job:?}"));
        let document = found.ok_or_else(missing)?;
        Ok(ManifestJobDone::Full(Packument::from_json(document.to_string().into_bytes()).unwrap()))
    }
}

fn packages(lines: &str) -> Packages {
    Packages(Scenario::parse("packages", &format!("# Packages.\n-- registry --\n{lines}\n")))
}

fn manifest(text: &str) -> Manifest {
    Manifest::from_value(&serde_json::from_str(text).unwrap())
}

fn project(package_json: &str) -> Project {
    Project::new(manifest(package_json))
}

/// The conflict of a project, with the fixes that were found and how many resolves that took.
fn fixes(project: &Project, packages: &Packages) -> (PeerConflict, Vec<Fix>, usize) {
    let (options, mut cache) = (ResolveOptions::default(), ManifestCache::new());
    futures_executor::block_on(async {
        let failed = resolve_with(project, packages, &options, &mut cache, |_| {}).await.unwrap_err();
        let ResolveError::PeerConflict(conflict) = failed else { panic!("{failed}") };
        let mut search = FixSearch::default();
        let problem = (project, &options);
        find_fixes(problem, packages, &mut cache, (&conflict, Bounds::default()), &mut search).await;
        let tries = search.tries;
        (*conflict, search.into_fixes(), tries)
    })
}

/// `packages/a: dependencies react ^17.0.0 (17.0.2)`
fn words(fix: &Fix) -> Vec<String> {
    let edits = fix.edits.iter().map(|edit| match &edit.change {
        Change::Range { block, name, to, version, .. } => {
            format!("{}:{} {name} {to} ({version})", edit.location, block.key())
        }
        Change::Override { dependent, name, to } => {
            format!("{}:overrides {dependent}>{name} {to}", edit.location)
        }
    });
    edits.collect()
}

fn plain(fixes: &[Fix]) -> Vec<Vec<String>> {
    fixes.iter().map(words).filter(|edits| !edits.iter().any(|edit| edit.contains(":overrides "))).collect()
}

#[test]
fn either_side_of_a_conflict_can_give_way() {
    let packages = packages(
        r#"react 17.0.2
react 18.2.0
plugin 1.0.0 {"peerDependencies": {"react": "^17.0.0"}}
plugin 1.1.0 {"peerDependencies": {"react": "^17.0.0"}}
plugin 2.3.0 {"peerDependencies": {"react": "^18.0.0"}}
plugin 3.0.0 {"peerDependencies": {"react": "^19.0.0"}}"#,
    );
    let project = project(r#"{"name": "app", "dependencies": {"plugin": "^1.0.0", "react": "^18.0.0"}}"#);
    let (conflict, fixes, _) = fixes(&project, &packages);
    assert_eq!((conflict.edge.from.as_str(), conflict.edge.spec.as_str()), ("plugin@1.1.0", "^17.0.0"));
    assert_eq!(conflict.chain[0].dependency, "plugin");
    // Newer versions come before older ones; plugin 3 does not fit.
    assert_eq!(
        plain(&fixes),
        [vec![":dependencies plugin ^2.3.0 (2.3.0)"], vec![":dependencies react ^17.0.2 (17.0.2)"]]
    );
}

#[test]
fn packages_that_belong_together_change_together() {
    let packages = packages(
        r#"react 17.0.2
react 18.2.0
dom 17.0.2 {"peerDependencies": {"react": "17.0.2"}}
dom 18.2.0 {"peerDependencies": {"react": "^18.2.0"}}
plugin 1.0.0 {"peerDependencies": {"react": "^17.0.0"}}"#,
    );
    let project = project(
        r#"{"dependencies": {"dom": "^18.2.0", "plugin": "^1.0.0"}, "devDependencies": {"react": "~18.2.0"}}"#,
    );
    let (_, fixes, tries) = fixes(&project, &packages);
    let mut edits = plain(&fixes).remove(0);
    edits.sort();
    assert_eq!(edits, [":dependencies dom ^17.0.2 (17.0.2)", ":devDependencies react ~17.0.2 (17.0.2)"]);
    assert!(tries <= Bounds::default().tries);
}

/// A range is only offered where it gives the version that was tried.
#[test]
fn a_range_that_would_give_another_version_is_not_offered() {
    let packages = packages(
        r#"react 16.0.0
react 17.0.0
plugin 1.4.0 {"peerDependencies": {"react": "^16.0.0"}}
plugin 1.5.0 {"peerDependencies": {"react": "^17.0.0"}}
plugin 2.0.0 {"peerDependencies": {"react": "^17.0.0"}}"#,
    );
    let project = project(r#"{"dependencies": {"plugin": "^2.0.0", "react": "16.0.0"}}"#);
    let (_, fixes, _) = fixes(&project, &packages);
    let fixes = plain(&fixes);
    assert!(fixes.contains(&vec![":dependencies plugin ~1.4.0 (1.4.0)".to_owned()]), "{fixes:?}");
    assert!(fixes.contains(&vec![":dependencies react 17.0.0 (17.0.0)".to_owned()]), "{fixes:?}");
}

#[test]
fn an_edit_belongs_to_the_workspace_that_has_the_dependency() {
    let packages = packages(
        r#"react 17.0.0
react 18.0.0
plugin 1.0.0 {"peerDependencies": {"react": "^17.0.0"}}
plugin 2.0.0 {"peerDependencies": {"react": "^18.0.0"}}"#,
    );
    let mut project = project(r#"{"name": "app", "workspaces": ["packages/*"]}"#);
    let workspace =
        r#"{"name": "a", "version": "1.0.0", "dependencies": {"plugin": "^1.0.0", "react": "^18.0.0"}}"#;
    let folder = Folder { location: "packages/a".into(), manifest: Arc::new(manifest(workspace)) };
    project.workspaces.push(folder);
    let (conflict, fixes, _) = fixes(&project, &packages);
    assert_eq!(conflict.chain[0].location, "packages/a");
    assert_eq!(plain(&fixes)[0], ["packages/a:dependencies plugin ^2.0.0 (2.0.0)"]);
    assert_eq!(plain(&fixes)[1], ["packages/a:dependencies react ^17.0.0 (17.0.0)"]);
}

#[test]
fn where_no_version_fits_nothing_is_offered() {
    let packages = packages(
        r#"react 18.0.0
plugin 1.0.0 {"peerDependencies": {"react": "^17.0.0"}}"#,
    );
    let project = project(r#"{"dependencies": {"plugin": "^1.0.0", "react": "^18.0.0"}}"#);
    let (_, fixes, _) = fixes(&project, &packages);
    assert_eq!(plain(&fixes), [[""; 0]; 0]);
}

fn graph(project: &Project, packages: &Packages) -> (Graph, Vec<Warning>) {
    let options = ResolveOptions { record: Record::Decisions, ..ResolveOptions::default() };
    let mut cache = ManifestCache::new();
    let resolve = resolve_with(project, packages, &options, &mut cache, |_| {});
    let resolution = futures_executor::block_on(resolve).unwrap();
    (resolution.graph.unwrap(), resolution.warnings)
}

fn place<'g>(graph: &'g Graph, location: &str) -> &'g Place {
    graph.places.iter().find(|place| &*place.location == location).unwrap()
}

#[test]
fn a_nested_package_says_who_keeps_it_from_the_top() {
    let packages = packages(
        r#"left 1.0.0
left 2.0.0
right 1.0.0 {"dependencies": {"left": "^1.0.0"}}"#,
    );
    let project = project(r#"{"name": "app", "dependencies": {"left": "^2.0.0", "right": "^1.0.0"}}"#);
    let (graph, _) = graph(&project, &packages);
    let nested = place(&graph, "node_modules/right/node_modules/left");
    let edge = &graph.edges[nested.edges_in[0]];
    assert_eq!((&*edge.spec, &*graph.places[edge.from].location), ("^1.0.0", "node_modules/right"));
    let Origin::Placed { trials, .. } = &nested.origin else { panic!("{nested:?}") };
    assert_eq!(trials[0].location, "node_modules/right");
    assert_eq!(trials[0].verdict, TrialVerdict::Free);
    let Some(Obstacle::Occupied { version, by }) = &trials[1].obstacle else { panic!("{trials:?}") };
    assert_eq!(version.as_deref(), Some("2.0.0"));
    assert_eq!(by[0].to_string(), "left@\"^2.0.0\" from app");
    assert_eq!(nested.above[0].obstacle, trials[1].obstacle);
}

#[test]
fn a_tree_from_a_lockfile_has_the_same_reasons() {
    let packages = packages(
        r#"left 1.0.0
left 2.0.0
right 1.0.0 {"dependencies": {"left": "^1.0.0"}}"#,
    );
    let mut project = project(r#"{"name": "app", "dependencies": {"left": "^2.0.0", "right": "^1.0.0"}}"#);
    let options = ResolveOptions::default();
    let mut cache = ManifestCache::new();
    let resolve = resolve_with(&project, &packages, &options, &mut cache, |_| {});
    let resolution = futures_executor::block_on(resolve).unwrap();
    assert!(resolution.graph.is_none(), "nobody asked");
    project.lock = Some(resolution.lockfile.into());
    let (graph, _) = graph(&project, &packages);
    let nested = place(&graph, "node_modules/right/node_modules/left");
    assert_eq!(nested.origin, Origin::Lockfile);
    assert!(matches!(nested.above[0].obstacle, Some(Obstacle::Occupied { .. })), "{nested:?}");
    assert_eq!(place(&graph, "node_modules/left").above, []);
}

#[test]
fn an_override_and_what_it_says_are_told() {
    let packages = packages(
        r#"left 1.0.0
left 2.0.0
right 1.0.0 {"dependencies": {"left": "^1.0.0"}}"#,
    );
    let mut project = project(
        r#"{"name": "app", "dependencies": {"right": "*"}, "overrides": {"right": {"left": "2.0.0"}}}"#,
    );
    let (graph, _) = graph(&project, &packages);
    let left = place(&graph, "node_modules/left");
    assert_eq!(left.marks, ["overridden"]);
    let overriding = graph.edges[left.edges_in[0]].overridden.clone().unwrap();
    assert_eq!((&*overriding.declared, overriding.path.join(" > ").as_str()), ("^1.0.0", "right > left"));
    // A look at a tree finds what is wrong with it, and changes nothing.
    let lock = r#"{"lockfileVersion": 3, "packages": {
        "node_modules/right": {"version": "1.0.0", "dependencies": {"left": "^1.0.0"}},
        "node_modules/left": {"version": "1.0.0"},
        "node_modules/nobody": {"version": "1.0.0"}}}"#;
    project.lock = Some(Lockfile::parse(lock, "package-lock.json").unwrap().into());
    let graph = inspect(&project, &ResolveOptions::default()).unwrap();
    let left = place(&graph, "node_modules/left");
    assert_eq!((left.version.as_deref(), &left.marks[..]), (Some("1.0.0"), &[][..]));
    assert_eq!(graph.edges[left.edges_in[0]].problem, Some(EdgeProblem::Invalid));
    assert_eq!(place(&graph, "node_modules/nobody").marks, ["extraneous"]);
}

#[test]
fn what_cannot_be_installed_here_says_why() {
    let packages = packages(
        r#"aix 1.0.0 {"os": ["aix"], "dependencies": {"below": "*"}}
below 1.0.0"#,
    );
    let project = project(r#"{"name": "app", "optionalDependencies": {"aix": "*"}}"#);
    let platforms = Some(Platforms::both(Platform { os: "linux".into(), cpu: "x64".into(), libc: None }));
    let options = ResolveOptions { record: Record::Decisions, platforms, ..ResolveOptions::default() };
    let mut cache = ManifestCache::new();
    let resolve = resolve_with(&project, &packages, &options, &mut cache, |_| {});
    let graph = futures_executor::block_on(resolve).unwrap().graph.unwrap();
    let aix = place(&graph, "node_modules/aix");
    assert!(
        matches!(&aix.unfit, Some(Unfit::Platform(mismatch)) if mismatch.wanted.contains("aix")),
        "{aix:?}"
    );
    assert_eq!(place(&graph, "node_modules/below").unfit, Some(Unfit::With("aix@1.0.0".to_owned())));
}

#[test]
fn a_peer_that_finds_no_place_is_named() {
    let packages = packages(
        r#"x 1.0.0 {"dependencies": {"a": "*", "b": "*"}}
a 1.0.0 {"peerDependencies": {"p": "^1.0.0"}}
b 1.0.0 {"peerDependencies": {"p": "^2.0.0"}}
p 1.0.0
p 2.0.0"#,
    );
    let (graph, warnings) = graph(&project(r#"{"name": "app", "dependencies": {"x": "*"}}"#), &packages);
    let nested = place(&graph, "node_modules/x/node_modules/b");
    let Origin::Placed { trials, .. } = &nested.origin else { panic!("{nested:?}") };
    let Some(Obstacle::Peer { edge, location, obstacle, .. }) = &trials[1].obstacle else {
        panic!("{trials:?}")
    };
    assert_eq!((edge.to_string().as_str(), location.as_str()), ("peer p@\"^2.0.0\" from b@1.0.0", ""));
    assert!(matches!(obstacle.as_deref(), Some(Obstacle::Occupied { .. })), "{obstacle:?}");
    assert!(warnings.is_empty(), "{warnings:?}");
}
