use std::io::Read as _;

use tar::Archive;
use utoo_fs::write_atomic;

use super::*;

/// A folder with these files, each of its own path as contents unless package.json.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_atomic(&path, text).unwrap();
    }
    folder
}

fn paths(packed: &[u8]) -> Vec<String> {
    let mut archive = Archive::new(packed);
    let entries = archive.entries().unwrap();
    entries.map(|entry| entry.unwrap().path().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_folder_is_packed_by_its_files_and_ignore_files() {
    let folder = folder(&[
        ("package.json", r#"{"name": "f", "files": ["lib"]}"#),
        ("lib/a.js", "a"),
        ("lib/deep/b.js", "b"),
        ("lib/.npmignore", "deep"),
        ("lib/node_modules/x/package.json", "{}"),
        ("other.js", "o"),
        ("node_modules/c/package.json", "{}"),
        (".git/config", "x"),
    ]);
    let packed = pack_folder(folder.path(), 1000).unwrap();
    assert_eq!(paths(&packed), ["package/lib/a.js", "package/package.json"]);
    let mut archive = Archive::new(packed.as_slice());
    let mut text = String::new();
    archive.entries().unwrap().next().unwrap().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "a");
}

#[test]
fn what_is_bundled_goes_along_with_what_it_depends_on() {
    let folder = folder(&[
        (
            "package.json",
            r#"{"name": "f", "dependencies": {"b": "1", "d": "1"}, "bundleDependencies": ["b"]}"#,
        ),
        ("node_modules/b/package.json", r#"{"name": "b", "dependencies": {"c": "1", "e": "1"}}"#),
        ("node_modules/b/node_modules/e/package.json", r#"{"name": "e"}"#),
        ("node_modules/c/package.json", r#"{"name": "c"}"#),
        ("node_modules/d/package.json", r#"{"name": "d"}"#),
        ("node_modules/e/package.json", r#"{"name": "e"}"#),
    ]);
    let packed = pack_folder(folder.path(), 1000).unwrap();
    let expected = [
        "package/node_modules/b/node_modules/e/package.json",
        "package/node_modules/b/package.json",
        "package/node_modules/c/package.json",
        "package/package.json",
    ];
    assert_eq!(paths(&packed), expected);
}

#[cfg(unix)]
#[test]
fn links_are_left_out_and_modes_are_kept() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = folder(&[("package.json", r#"{"name": "f"}"#), ("run.sh", "#!/bin/sh\n")]);
    let script = folder.path().join("run.sh");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    symlink("/etc", folder.path().join("etc")).unwrap();
    symlink("/etc/passwd", folder.path().join("passwd")).unwrap();
    symlink("run.sh", folder.path().join("run")).unwrap();
    let packed = pack_folder(folder.path(), 1000).unwrap();
    assert_eq!(paths(&packed), ["package/package.json", "package/run.sh"]);
    let mut archive = Archive::new(packed.as_slice());
    let modes = archive.entries().unwrap().map(|entry| entry.unwrap().header().mode().unwrap());
    assert_eq!(modes.last(), Some(0o755));
}

#[test]
fn refusals_have_codes() {
    let large = folder(&[("package.json", r#"{"name": "f"}"#), ("a.js", "0123456789")]);
    assert_eq!(pack_folder(large.path(), 20).unwrap_err().code, "ETOOLARGE");
    let empty = folder(&[("a.js", "a")]);
    assert_eq!(pack_folder(empty.path(), 20).unwrap_err().code, "ENOENT");
    let broken = folder(&[("package.json", "{")]);
    assert_eq!(pack_folder(broken.path(), 20).unwrap_err().code, "EJSONPARSE");
}
