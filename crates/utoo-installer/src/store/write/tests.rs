use super::*;

/// What a file system that ignores case, or takes NFC and NFD for one, makes of a second name: it is there already, as a
/// file, a folder, or a link that somebody planted.
#[test]
fn a_name_that_is_taken_is_neither_written_through_nor_listed() {
    let folder = tempfile::tempdir().unwrap();
    let victim = folder.path().join("victim");
    utoo_fs::write_atomic(&victim, "untouched").unwrap();
    let staged = Dir::open(folder.path()).unwrap().ensure_dir("staged").unwrap();
    let package = create_package(&staged).unwrap();
    package.create_file_with_mode("foo", 0o644, b"first").unwrap();
    package.symlink("../../victim", "link").unwrap();
    package.create_dir("caf\u{e9}").unwrap();
    let file = |path: &str| ArchiveFile { path: path.to_owned(), executable: false, bytes: b"second" };
    let files = ["foo", "link", "caf\u{e9}", "new"].map(file);
    let written = write_files(&package, &files).unwrap();
    assert_eq!(written.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, false, true]);
    assert_eq!(package.read("foo").unwrap().as_deref(), Some(&b"first"[..]));
    assert_eq!(utoo_fs::read(&victim).unwrap(), b"untouched");
}
