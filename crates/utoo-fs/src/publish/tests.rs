use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::write_atomic;

fn staged(root: &Path, content: &str) -> std::path::PathBuf {
    let staged = tempfile::Builder::new().tempdir_in(root).unwrap().keep();
    write_atomic(staged.join("file"), content).unwrap();
    staged
}

/// By their paths, both below the folder that holds `staged`.
fn publish_dir(staged: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<Published> {
    let (staged, target) = (staged.as_ref(), target.as_ref());
    let root = staged.parent().unwrap();
    let root = Dir::open(root).unwrap();
    let target = target.strip_prefix(root.path()).unwrap();
    root.publish(staged.file_name().unwrap(), &root, target)
}

#[test]
fn a_directory_moves_into_place_and_its_parents_are_made() {
    let root = tempfile::tempdir().unwrap();
    let target = root.path().join("v1/sha512/ab");
    let from = staged(root.path(), "x");
    assert_eq!(publish_dir(&from, &target).unwrap(), Published::Moved);
    assert_eq!(fs::read(target.join("file")).unwrap(), b"x");
    assert!(!from.exists());
}

#[test]
fn who_comes_second_finds_it_there() {
    let root = tempfile::tempdir().unwrap();
    let target = root.path().join("target");
    publish_dir(staged(root.path(), "first"), &target).unwrap();
    let second = staged(root.path(), "second");
    assert_eq!(publish_dir(&second, &target).unwrap(), Published::AlreadyThere);
    assert_eq!(fs::read(target.join("file")).unwrap(), b"first");
    assert!(!second.exists());
}

#[test]
fn an_empty_directory_in_the_way_is_replaced() {
    let root = tempfile::tempdir().unwrap();
    let target = root.path().join("target");
    fs::create_dir(&target).unwrap();
    assert_eq!(publish_dir(staged(root.path(), "x"), &target).unwrap(), Published::Moved);
    assert!(target.join("file").exists());
}

#[test]
fn a_file_or_a_link_in_the_way_is_replaced_and_not_followed() {
    let root = tempfile::tempdir().unwrap();
    let (victim, target) = (root.path().join("victim"), root.path().join("target"));
    fs::create_dir(&victim).unwrap();
    symlink(&victim, &target).unwrap();
    assert_eq!(publish_dir(staged(root.path(), "x"), &target).unwrap(), Published::Moved);
    assert!(fs::symlink_metadata(&target).unwrap().is_dir());
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
    let file = root.path().join("file");
    write_atomic(&file, "old").unwrap();
    assert_eq!(publish_dir(staged(root.path(), "x"), &file).unwrap(), Published::Moved);
    assert!(file.is_dir());
}

#[test]
fn a_missing_source_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let error = publish_dir(root.path().join("absent"), root.path().join("target")).unwrap_err();
    assert_eq!(error.code(), "ENOENT");
}
