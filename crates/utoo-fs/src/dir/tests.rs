use std::fs as std_fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;
use crate::{LinkMemory, write_atomic};

fn root() -> (tempfile::TempDir, Dir) {
    let temporary = tempfile::tempdir().unwrap();
    let dir = Dir::open(temporary.path()).unwrap();
    (temporary, dir)
}

#[test]
fn files_directories_and_links_are_made_below_it() {
    let (temporary, dir) = root();
    dir.create_dir("a").unwrap();
    let deep = dir.ensure_dir("a/b/c").unwrap();
    assert_eq!(deep.path(), temporary.path().join("a/b/c"));
    deep.create_file_with_mode("run", 0o755, b"#!x").unwrap();
    dir.symlink("../a", "a/self").unwrap();
    dir.hard_link("a/again", &deep, "run").unwrap();
    let metadata = std_fs::metadata(temporary.path().join("a/again")).unwrap();
    assert_eq!((metadata.nlink(), metadata.permissions().mode() & 0o100), (2, 0o100));
    assert_eq!(dir.read("a/again").unwrap().as_deref(), Some(&b"#!x"[..]));
    assert_eq!(dir.read_link("a/self").unwrap(), Some(PathBuf::from("../a")));
    assert_eq!(dir.read_link("a/again").unwrap(), None);
    assert_eq!(dir.kind("a/b").unwrap(), Some(EntryKind::Directory));
    assert_eq!(dir.kind("a/absent/x").unwrap(), None);
    let mut entries = dir.open_dir("a").unwrap().entries().unwrap();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let kinds: Vec<_> = entries.iter().map(|entry| (entry.name.to_str().unwrap(), entry.kind)).collect();
    let expected = [("again", EntryKind::File), ("b", EntryKind::Directory), ("self", EntryKind::Symlink)];
    assert_eq!(kinds, expected);
}

#[test]
fn a_directory_moves_with_its_handle() {
    let (temporary, dir) = root();
    let package = dir.ensure_dir("staging").unwrap();
    dir.rename("staging", &dir, "final").unwrap();
    package.create_file_with_mode("file", 0o644, b"x").unwrap();
    assert!(temporary.path().join("final/file").exists());
}

#[test]
fn nothing_is_made_or_opened_through_a_planted_link() {
    let (temporary, dir) = root();
    let victim = temporary.path().join("victim");
    std_fs::create_dir(&victim).unwrap();
    write_atomic(victim.join("precious"), "x").unwrap();
    dir.create_dir("node_modules").unwrap();
    symlink(&victim, temporary.path().join("node_modules/pkg")).unwrap();
    symlink(victim.join("precious"), temporary.path().join("node_modules/file")).unwrap();
    symlink(victim.join("fresh"), temporary.path().join("node_modules/dangling")).unwrap();

    for name in ["node_modules/pkg", "node_modules/pkg/inner"] {
        let code = dir.ensure_dir(name).unwrap_err().code();
        assert!(["ENOTDIR", "ELOOP"].contains(&code), "{code}");
    }
    assert!(dir.open_dir("node_modules/pkg").is_err());
    assert_eq!(dir.create_dir("node_modules/pkg").unwrap_err().code(), "EEXIST");
    for name in ["node_modules/file", "node_modules/dangling"] {
        assert_eq!(dir.create_file_with_mode(name, 0o644, b"evil").unwrap_err().code(), "EEXIST");
        assert_eq!(dir.read(name).unwrap_err().code(), "ELOOP");
    }
    assert!(dir.remove_tree("node_modules").unwrap());
    assert_eq!(std_fs::read(victim.join("precious")).unwrap(), b"x");
    assert_eq!(std_fs::read_dir(&victim).unwrap().count(), 1);
}

#[test]
fn names_that_climb_are_no_directories() {
    let (_temporary, dir) = root();
    for name in ["..", "a/../..", "/", "/etc", ""] {
        let code = dir.ensure_dir(name).unwrap_err().code();
        assert!(["EINVAL", "ENOENT"].contains(&code), "{name:?} gave {code}");
    }
}

#[test]
fn link_or_copy_works_between_two_handles() {
    let (temporary, dir) = root();
    let store = dir.ensure_dir("store").unwrap();
    let target = dir.ensure_dir("target").unwrap();
    store.create_file_with_mode("x", 0o644, b"content").unwrap();
    let route = LinkMemory::new().route(store.path(), target.path()).unwrap();
    for (name, mode) in
        [("a", LinkMode::Auto), ("h", LinkMode::Hardlink), ("p", LinkMode::Private), ("c", LinkMode::Copy)]
    {
        target.link_or_copy(name, (&store, Path::new("x")), mode, &route).unwrap();
        assert_eq!(target.read(name).unwrap().as_deref(), Some(&b"content"[..]));
        let again = target.link_or_copy(name, (&store, Path::new("x")), mode, &route).unwrap_err();
        assert_eq!(again.code(), "EEXIST");
        assert_eq!(again.path(), Some(temporary.path().join("target").join(name).as_path()));
    }
}

#[test]
fn removing_says_whether_there_was_something() {
    let (_temporary, dir) = root();
    dir.create_file_with_mode("file", 0o644, b"").unwrap();
    dir.ensure_dir("tree/sub").unwrap().create_file_with_mode("file", 0o644, b"").unwrap();
    assert!(dir.remove_file("file").unwrap());
    assert!(!dir.remove_file("file").unwrap());
    assert_eq!(dir.remove_dir("tree").unwrap_err().code(), "ENOTEMPTY");
    assert!(dir.remove_tree("tree").unwrap());
    assert!(!dir.remove_tree("tree").unwrap());
    assert!(!dir.remove_dir("tree").unwrap());
}

#[test]
fn modes_pass_permission_bits_only() {
    let (temporary, dir) = root();
    dir.create_file_with_mode("setuid", 0o6755, b"").unwrap();
    let mode = std_fs::metadata(temporary.path().join("setuid")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7000, 0);
}

#[test]
fn errors_name_the_whole_path() {
    let (temporary, dir) = root();
    let error = dir.open_dir("absent").unwrap_err();
    assert_eq!(error.to_string(), format!("could not open {}", temporary.path().join("absent").display()));
    assert_eq!(Dir::open(temporary.path().join("absent")).unwrap_err().code(), "ENOENT");
}

#[test]
fn a_directory_that_was_removed_or_replaced_has_no_name() {
    let (temporary, dir) = root();
    let inner = dir.ensure_dir("inner").unwrap();
    assert!(inner.is_named(&dir, "inner").unwrap());
    std_fs::rename(temporary.path().join("inner"), temporary.path().join("elsewhere")).unwrap();
    assert!(!inner.is_named(&dir, "inner").unwrap() && inner.is_named(&dir, "elsewhere").unwrap());
    dir.ensure_dir("inner").unwrap();
    assert!(!inner.is_named(&dir, "inner").unwrap());
}
