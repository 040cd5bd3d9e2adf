use std::io::Write;

use utoo_types::PackageName;

use super::*;

/// A tarball that is too large for each thread's own buffer, its files not in the order of their names.
fn large_tarball() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for name in ["z.js", "package.json", "m.js", "a.js"] {
        let mut text = format!("{{\"name\":\"a\",\"file\":\"{name}\"}}").into_bytes();
        if name == "m.js" {
            text.resize(WHOLE, b' ');
        }
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, format!("package/{name}"), &text[..]).unwrap();
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&builder.into_inner().unwrap()).unwrap();
    encoder.finish().unwrap()
}

fn request(tarball: &[u8]) -> PackageRequest {
    PackageRequest {
        name: PackageName::new_unchecked("a"),
        version: "1.0.0".into(),
        resolved: "https://registry.example/a/-/a-1.0.0.tgz".into(),
        integrity: Some(Integrity::of(Algorithm::Sha512, tarball)),
        prepare: Prepare::Skip,
    }
}

/// Whether each file says its own name.
fn is_right(stored: &StoredPackage) -> bool {
    stored.index.len() == 4
        && stored.index.files().all(|file| {
            let text = std::fs::read_to_string(file.path_in(&stored.folder)).unwrap();
            text.contains(&format!("\"file\":\"{}\"", file.path))
        })
}

/// Two processes add the same package, one of them while its buffer for large archives is in use: it reads the archive in
/// another way and gives the files other numbers.
#[test]
fn of_two_that_add_the_same_each_gets_the_right_files() {
    let tarball = large_tarball();
    let request = request(&tarball);
    for streamed_first in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let (busy, free) = (Store::open(folder.path()), Store::open(folder.path()));
        let large = busy.shared.large.lock().unwrap();
        let (first, second) = if streamed_first { (&busy, &free) } else { (&free, &busy) };
        let stored = [first, second].map(|store| store.insert(&request, &tarball).unwrap());
        drop(large);
        assert!(stored.iter().all(is_right), "streamed first: {streamed_first}");
        assert_eq!(stored[0].index, stored[1].index);
        assert!(is_right(&free.lookup(&stored[0].key).unwrap()));
    }
}

#[test]
fn what_is_left_of_an_entry_makes_room() {
    let tarball = large_tarball();
    let request = request(&tarball);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path());
    let stored = store.insert(&request, &tarball).unwrap();
    utoo_fs::remove_file(stored.folder.join(index::INDEX)).unwrap();
    assert!(store.lookup(&stored.key).is_none());
    assert!(is_right(&store.insert(&request, &tarball).unwrap()));
    assert!(store.lookup(&stored.key).is_some());
}
