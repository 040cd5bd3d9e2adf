use std::fs;

use super::*;

fn write(path: &Path, text: &str) {
    use std::io::Write;
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn the_nearest_package_json_or_node_modules_wins() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(&root.join("package.json"), "{}");
    fs::create_dir_all(root.join("a/node_modules")).unwrap();
    fs::create_dir_all(root.join("a/b/c")).unwrap();
    fs::create_dir_all(root.join("d/e")).unwrap();
    assert_eq!(find_project(&root.join("a/b/c")).root, root.join("a"));
    assert_eq!(find_project(&root.join("d/e")).root, root);
    assert_eq!(find_project(root), Project { root: root.to_owned(), workspace: None });
}

#[test]
fn a_workspace_belongs_to_the_root_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(&root.join("package.json"), r#"{"workspaces":["packages/*"]}"#);
    write(&root.join("packages/a/package.json"), "{}");
    write(&root.join("other/package.json"), "{}");
    fs::create_dir_all(root.join("packages/a/src")).unwrap();
    let inside = find_project(&root.join("packages/a/src"));
    assert_eq!(inside, Project { root: root.to_owned(), workspace: Some(root.join("packages/a")) });
    assert_eq!(find_project(&root.join("other")).root, root.join("other"));
}

#[test]
fn globs_of_workspaces() {
    let matches = |patterns: &[&str], path: &str| {
        WorkspaceGlobs::new(patterns.iter().copied()).matches(Path::new(path))
    };
    assert!(matches(&["packages/*"], "packages/a"));
    assert!(!matches(&["packages/*"], "packages/a/b"));
    assert!(matches(&["packages/**"], "packages/a/b"));
    assert!(matches(&["./packages/a/"], "packages/a"));
    assert!(matches(&["/packages/a"], "packages/a"));
    assert!(!matches(&["packages/*", "!packages/a"], "packages/a"));
    // What npm's map-workspaces says: a negation holds wherever it stands, unless a later pattern is one that it matches.
    assert!(!matches(&["!packages/a", "packages/*"], "packages/a"));
    assert!(matches(&["packages/*", "!packages/a", "packages/a"], "packages/a"));
    assert!(matches(&["p/**", "!p/in/**", "p/in/z"], "p/in/y"));
    assert!(matches(&["packages\\a"], "packages/a"));
    assert!(matches(&[".hidden/*"], ".hidden/a"));
    assert!(!matches(&["*/*"], ".hidden/a") && !matches(&["**"], "a/.hidden"));
    assert!(!matches(&["**"], "packages/a/node_modules/b"));
    assert!(matches(&["{apps,libs}/*"], "libs/x"));
    assert!(!matches(&["*"], ""));
}

#[test]
fn workspaces_are_a_list_or_an_object() {
    let globs = |text: &str| WorkspaceGlobs::from_manifest(&serde_json::from_str(text).unwrap());
    assert!(globs(r#"{"workspaces":{"packages":["a"]}}"#).unwrap().matches(Path::new("a")));
    assert!(globs(r#"{"workspaces":["a"]}"#).unwrap().matches(Path::new("a")));
    assert!(globs(r#"{"workspaces":"a"}"#).is_none());
    assert!(globs("{}").is_none());
}

#[test]
fn only_folders_that_can_hold_workspaces_are_looked_into() {
    let below = |patterns: &[&str], path: &str| {
        WorkspaceGlobs::new(patterns.iter().copied()).may_match_below(Path::new(path))
    };
    assert!(below(&["packages/*"], "packages"));
    assert!(!below(&["packages/*"], "packages/a"));
    assert!(!below(&["packages/*"], "src"));
    assert!(below(&["packages/**"], "packages/a/b"));
    assert!(below(&["a/*/c"], "a/b"));
    assert!(!below(&["a/*/c", "!a/**"], "a/b/c"));
    assert!(below(&["{a/b,c}/*"], "a/b"));
    assert!(below(&[".hidden/*"], ".hidden") && !below(&["*/*"], ".hidden") && !below(&["**"], ".hidden"));
    assert!(!below(&[], "a"));
}
