use std::fs::File;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_created_and_replaced_and_nothing_else_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    write_atomic(&path, "one").unwrap();
    write_atomic(&path, b"two").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(names(dir.path()), ["state"]);
}

#[test]
fn the_mode_counts_less_the_umask() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    let executable = dir.path().join("executable");
    let private = dir.path().join("private");
    File::create(&plain).unwrap();
    let umasked = mode(&plain);
    write_atomic(&plain, "").unwrap();
    write_atomic_with_mode(&executable, "", 0o777).unwrap();
    write_atomic_with_mode(&private, "", 0o600).unwrap();
    assert_eq!(mode(&plain), umasked);
    assert_eq!(mode(&executable) & 0o666, umasked);
    assert_eq!(mode(&executable) & 0o100, 0o100);
    assert_eq!(mode(&private), 0o600);
}

#[test]
fn a_link_in_the_way_is_replaced_and_its_target_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let (victim, path) = (dir.path().join("victim"), dir.path().join("state"));
    File::create(&victim).unwrap();
    symlink(&victim, &path).unwrap();
    write_atomic(&path, "new").unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
    assert_eq!(fs::read(&victim).unwrap(), b"");
}

#[test]
fn a_durable_write_goes_behind_a_link_and_keeps_the_mode() {
    let dir = tempfile::tempdir().unwrap();
    let (real, path) = (dir.path().join("real.json"), dir.path().join("package.json"));
    write_atomic(&real, "old").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real.json", &path).unwrap();
    write_durable(&path, "new").unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    assert_eq!(fs::read(&real).unwrap(), b"new");
    assert_eq!(mode(&real), 0o640);
    assert_eq!(names(dir.path()), ["package.json", "real.json"]);
}

#[test]
fn a_missing_directory_is_an_error_that_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("absent").join("state");
    let error = write_atomic(&path, "").unwrap_err();
    assert_eq!(error.code(), "ENOENT");
    assert_eq!(error.path(), Some(path.as_path()));
    assert_eq!(error.to_string(), format!("could not write {}", path.display()));
}

#[test]
fn a_directory_in_the_way_stays_and_no_litter_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    fs::create_dir(&path).unwrap();
    let error = write_atomic(&path, "").unwrap_err();
    assert_eq!(error.code(), "EISDIR");
    assert_eq!(names(dir.path()), ["state"]);
}

#[test]
fn what_dead_writers_left_is_swept_and_what_living_ones_write_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("state");
    let living = temporary_beside(&target, 0o666).unwrap();
    let name = living.path().file_name().unwrap().to_str().unwrap().to_owned();
    for litter in [".utoo-dead.tmp", "other.tmp", ".utoo-state"] {
        File::create(dir.path().join(litter)).unwrap();
    }
    symlink("nowhere", dir.path().join(".utoo-link.tmp")).unwrap();
    sweep_temporary(dir.path());
    let mut kept = vec![name, ".utoo-link.tmp".into(), ".utoo-state".into(), "other.tmp".into()];
    kept.sort();
    assert_eq!(names(dir.path()), kept);
    rename_over(living, &target).unwrap();
    sweep_temporary(dir.path().join("absent"));
}
