use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::write_atomic;

#[test]
fn trees_files_links_and_nothing_are_removed() {
    let root = tempfile::tempdir().unwrap();
    let tree = root.path().join("tree");
    fs::create_dir_all(tree.join("a/b")).unwrap();
    write_atomic(tree.join("a/b/file"), "x").unwrap();
    let file = root.path().join("file");
    write_atomic(&file, "x").unwrap();
    for path in [&tree, &file, &root.path().join("absent")] {
        remove_dir_all(path).unwrap();
        assert!(fs::symlink_metadata(path).is_err());
    }
}

#[test]
fn links_are_removed_and_never_followed() {
    let root = tempfile::tempdir().unwrap();
    let victim = root.path().join("victim");
    fs::create_dir(&victim).unwrap();
    write_atomic(victim.join("precious"), "x").unwrap();
    let tree = root.path().join("tree");
    fs::create_dir(&tree).unwrap();
    symlink(&victim, tree.join("link")).unwrap();
    symlink("nowhere", tree.join("dangling")).unwrap();
    let direct = root.path().join("direct");
    symlink(&victim, &direct).unwrap();
    remove_dir_all(&tree).unwrap();
    remove_dir_all(&direct).unwrap();
    assert!(!tree.exists() && !direct.exists());
    assert!(victim.join("precious").exists());
}

#[test]
fn read_only_directories_are_opened_up() {
    let root = tempfile::tempdir().unwrap();
    let tree = root.path().join("tree");
    fs::create_dir_all(tree.join("a")).unwrap();
    write_atomic(tree.join("a/file"), "x").unwrap();
    fs::set_permissions(tree.join("a"), fs::Permissions::from_mode(0o500)).unwrap();
    remove_dir_all(&tree).unwrap();
    assert!(!tree.exists());
}
