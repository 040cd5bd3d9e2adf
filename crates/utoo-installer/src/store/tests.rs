use std::io::Write;

use utoo_types::PackageName;

use super::*;

/// Its files are not in the order of their names.
fn tarball() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for name in ["z.js", "package.json", "m.js", "a.js"] {
        let text = format!("{{\"name\":\"a\",\"file\":\"{name}\"}}").into_bytes();
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

/// Two processes add the same package, of two versions that read its archive in two ways: the files have other numbers.
#[test]
fn of_two_that_add_the_same_each_gets_the_right_files() {
    let tarball = tarball();
    let request = request(&tarball);
    let (key, integrity) = (StoreKey::of(&request).unwrap(), request.integrity.clone().unwrap());
    let bad = |problem| InstallError::Tarball { package: "a".to_owned(), problem };
    let whole = |store: &Store| store.insert(&request, &tarball).unwrap();
    let streamed = |store: &Store| {
        store.add(&key, &|staged| write::inflate_into(staged, &integrity, &tarball, &bad)).unwrap()
    };
    for streamed_first in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let stores = [Store::open(folder.path()), Store::open(folder.path())];
        let stored = match streamed_first {
            true => [streamed(&stores[0]), whole(&stores[1])],
            false => [whole(&stores[0]), streamed(&stores[1])],
        };
        let names =
            |stored: &StoredPackage| -> Vec<u32> { stored.index.files().map(|file| file.number).collect() };
        assert_eq!(names(&stored[0]) == [0, 1, 2, 3], !streamed_first);
        assert!(stored.iter().all(is_right), "streamed first: {streamed_first}");
        assert_eq!(stored[0].index, stored[1].index);
        assert!(is_right(&stores[0].lookup(&key).unwrap()));
    }
}

#[test]
fn what_is_left_of_an_entry_makes_room() {
    let tarball = tarball();
    let request = request(&tarball);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path());
    let stored = store.insert(&request, &tarball).unwrap();
    utoo_fs::remove_file(stored.folder.join(index::INDEX)).unwrap();
    assert!(store.lookup(&stored.key).is_none());
    assert!(is_right(&store.insert(&request, &tarball).unwrap()));
    assert!(store.lookup(&stored.key).is_some());
}
