use super::*;

fn index(directories: &[&str], files: &[IndexedFile<'_>]) -> PackageIndex {
    let facts = PackageFacts { name: "a".to_owned(), ..PackageFacts::default() };
    PackageIndex::new("sha512-abc", &facts, directories, files)
}

fn written() -> PackageIndex {
    let file = |path, mode, shebang, number| IndexedFile { path, size: 7, mode, shebang, crc32: 9, number };
    let files = [
        file("cli.js", FileMode::Executable, Shebang::Crlf, 1200),
        file("lib/deep/x", FileMode::Plain, Shebang::Fine, 0),
        file("lib/y", FileMode::Plain, Shebang::Fine, 1),
    ];
    index(&["lib", "lib/deep"], &files)
}

fn sample() -> Vec<u8> {
    written().to_bytes().unwrap()
}

#[test]
fn what_is_written_is_read() {
    let index = PackageIndex::parse(&sample()).unwrap();
    assert_eq!(index, written());
    assert_eq!(index.integrity(), "sha512-abc");
    assert_eq!(index.facts().name, "a");
    assert_eq!(index.directories().collect::<Vec<_>>(), ["lib", "lib/deep"]);
    assert_eq!(index.files().map(|file| file.path).collect::<Vec<_>>(), ["cli.js", "lib/deep/x", "lib/y"]);
    let command = index.find("cli.js").unwrap();
    assert_eq!(
        (command.mode, command.shebang, command.size, command.crc32),
        (FileMode::Executable, Shebang::Crlf, 7, 9)
    );
    assert_eq!(command.path_in(Path::new("entry")), Path::new("entry/1200"));
    assert_eq!(index.find("nope"), None);
    assert!(index.has_directory("lib") && !index.has_directory("li"));
}

#[test]
fn every_cut_and_every_changed_byte_is_a_miss() {
    let whole = sample();
    for length in 0..whole.len() {
        assert!(PackageIndex::parse(&whole[..length]).is_none(), "cut at {length}");
    }
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert!(PackageIndex::parse(&changed).is_none(), "changed at {at}");
    }
    assert!(PackageIndex::parse(&[whole, vec![0]].concat()).is_none());
}

#[test]
fn a_forged_index_names_no_file_outside() {
    for path in ["../x", "/etc/x", "a/../../x", "", "a//b"] {
        let (mode, shebang) = (FileMode::Plain, Shebang::Fine);
        let file = IndexedFile { path, size: 0, mode, shebang, crc32: 0, number: 0 };
        let of_file = index(&[], &[file]).to_bytes().unwrap();
        assert!(PackageIndex::parse(&of_file).is_none(), "{path:?}");
        let of_directory = index(&[path], &[]).to_bytes().unwrap();
        assert!(PackageIndex::parse(&of_directory).is_none(), "{path:?}");
    }
}

#[test]
fn shebangs_are_told_apart() {
    assert_eq!(Shebang::of(b"#!/usr/bin/env node\r\nx"), Shebang::Crlf);
    assert_eq!(Shebang::of(b"#!/usr/bin/env node\nx\r\n"), Shebang::Fine);
    assert_eq!(Shebang::of(b"// x\r\n"), Shebang::Fine);
    assert_eq!(Shebang::of(b"#!"), Shebang::Fine);
    assert_eq!(Shebang::of(b""), Shebang::Fine);
}
