use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

const LIMIT: u64 = 1 << 20;

fn tar(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind, contents) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(*kind);
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        if kind.is_symlink() {
            header.set_link_name("elsewhere").unwrap();
        }
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        builder.append(&header, *contents).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn file<'a>(path: &'a str, contents: &'a str) -> (&'a str, EntryType, &'a [u8]) {
    (path, EntryType::Regular, contents.as_bytes())
}

fn found(entries: &[(&str, EntryType, &[u8])]) -> Found {
    find_package(&gzip(&tar(entries)), LIMIT).unwrap()
}

#[test]
fn the_package_json_is_found_whatever_the_folder_is_called() {
    for folder in ["package", "react-18", "."] {
        let path = format!("{folder}/package.json");
        let found = found(&[file("package/README.md", "hi"), file(&path, "{}")]);
        assert_eq!(found.json, b"{}");
        assert_eq!(found.beside, Beside::default());
    }
    assert_eq!(find_package(&tar(&[file("p/package.json", "{}")]), LIMIT).unwrap().json, b"{}", "plain tar");
}

#[test]
fn only_files_directly_in_the_package_count_and_the_last_one_wins() {
    let found = found(&[
        file("package/package.json", "1"),
        file("package/sub/package.json", "2"),
        ("package/package.json", EntryType::Symlink, b""),
        file("other/package.json", "3"),
        file("package.json", "4"),
        file("package/sub/binding.gyp", ""),
    ]);
    assert_eq!(found.json, b"3");
    assert!(!found.beside.binding_gyp);
}

#[test]
fn bundled_packages_are_those_in_node_modules() {
    let bytes = gzip(&tar(&[
        file("package/package.json", "0"),
        file("package/node_modules/b/package.json", "2"),
        file("package/node_modules/a/package.json", "1"),
        file("package/node_modules/a/binding.gyp", ""),
        file("package/node_modules/a/lib/package.json", "no"),
        file("package/node_modules/a/node_modules/@s/c/package.json", "3"),
        file("package/node_modules/.bin/package.json", "no"),
        file("package/node_modules/../package.json", "no"),
        file("package/node_modules/@s/package.json", "no"),
        file("package/node_modules/empty/index.js", "no"),
        file("package/lib/node_modules/d/package.json", "no"),
    ]));
    let found = find_bundled(&bytes, LIMIT).unwrap();
    let seen: Vec<_> = found.iter().map(|(folder, found)| (folder.as_str(), &found.json[..])).collect();
    assert_eq!(
        seen,
        [("node_modules/a", &b"1"[..]), ("node_modules/a/node_modules/@s/c", b"3"), ("node_modules/b", b"2"),]
    );
    assert!(found[0].1.beside.binding_gyp);
}

#[test]
fn what_lies_beside_it_is_seen() {
    let found = found(&[
        file("package/package.json", "{}"),
        file("package/binding.gyp", ""),
        file("package/npm-shrinkwrap.json", "{}"),
    ]);
    assert_eq!(found.beside, Beside { binding_gyp: true });
}

#[test]
fn a_tarball_cut_anywhere_is_refused_or_whole() {
    let whole = gzip(&tar(&[file("package/package.json", r#"{"name":"a"}"#)]));
    for end in 0..whole.len() {
        if let Ok(found) = find_package(&whole[..end], LIMIT) {
            assert_eq!(found.json, br#"{"name":"a"}"#, "cut at {end}");
        }
    }
}

#[test]
fn a_bomb_and_an_empty_archive_are_refused() {
    let zeros = vec![0; 3 << 20];
    let bomb =
        gzip(&tar(&[("package/zeros", EntryType::Regular, &zeros), file("package/package.json", "{}")]));
    let error = find_package(&bomb, LIMIT).unwrap_err();
    assert!(error.causes[0].contains("inflates to more"), "{error:?}");
    assert_eq!(find_package(&gzip(&tar(&[])), LIMIT).unwrap_err().code, "ENOPACKAGEJSON");
    assert_eq!(find_package(&[0x1f, 0x8b, 0, 0], LIMIT).unwrap_err().code, "TAR_BAD_ARCHIVE");
}
