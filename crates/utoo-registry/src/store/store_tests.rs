use utoo_types::PackageName;

use super::*;

const REGISTRY: &str = "https://registry.example/";

fn key(name: &str) -> Key<'_> {
    Key { registry: REGISTRY, name, kind: &Kind::Abbreviated }
}

fn change(name: &str, fetched_at: u64, body: &'static [u8]) -> Change {
    Change {
        registry: REGISTRY.into(),
        name: PackageName::new_unchecked(name),
        kind: Kind::Abbreviated,
        lease: Lease { fetched_at, max_age: 300 },
        validators: Validators { etag: Some("\"e\"".into()), last_modified: None },
        body: Bytes::from_static(body),
    }
}

#[test]
fn what_was_submitted_is_read_after_a_flush() {
    let cache = tempfile::tempdir().unwrap();
    let store = ManifestStore::new(cache.path());
    let writer = Writer::new(store.clone());
    assert!(store.read(key("a")).is_none());
    writer.submit(change("a", 1, b"body of a"));
    writer.submit(change("@s/b", 2, b"body of b"));
    writer.flush();
    assert_eq!(&store.read(key("a")).unwrap().body[..], b"body of a");
    assert_eq!(&store.read(key("@s/b")).unwrap().body[..], b"body of b");
    assert_eq!(writer.counts(), (2, 0));
}

#[test]
fn dropping_the_writer_drains_it() {
    let cache = tempfile::tempdir().unwrap();
    let store = ManifestStore::new(cache.path());
    let writer = Writer::new(store.clone());
    for _ in 0..100 {
        writer.submit(change("a", 1, b"body"));
    }
    drop(writer);
    assert!(store.read(key("a")).is_some());
}

#[test]
fn the_same_document_is_written_once_and_a_new_lease_renews_it_in_place() {
    let cache = tempfile::tempdir().unwrap();
    let store = ManifestStore::new(cache.path());
    let writer = Writer::new(store.clone());
    for _ in 0..5 {
        writer.submit(change("a", 1, b"body"));
    }
    writer.flush();
    assert_eq!(writer.counts(), (1, 0));
    writer.submit(change("a", 9, b"body"));
    writer.flush();
    assert_eq!(writer.counts(), (1, 1));
    assert_eq!(store.read(key("a")).unwrap().lease.fetched_at, 9);
    writer.submit(change("a", 10, b"another body"));
    writer.flush();
    assert_eq!(writer.counts(), (2, 1));
    assert_eq!(&store.read(key("a")).unwrap().body[..], b"another body");
}

#[test]
fn a_file_that_went_away_or_was_cut_is_written_as_a_whole() {
    let cache = tempfile::tempdir().unwrap();
    let store = ManifestStore::new(cache.path());
    let path = store.path(key("a"));
    Writer::new(store.clone()).submit(change("a", 1, b"body"));
    std::fs::remove_file(&path).unwrap();
    Writer::new(store.clone()).submit(change("a", 2, b"body"));
    assert_eq!(store.read(key("a")).unwrap().lease.fetched_at, 2);
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(60).unwrap();
    assert!(store.read(key("a")).is_none());
    Writer::new(store.clone()).submit(change("a", 3, b"body"));
    assert_eq!(&store.read(key("a")).unwrap().body[..], b"body");
}

#[test]
fn a_cache_that_cannot_be_written_fails_nobody() {
    let cache = tempfile::tempdir().unwrap();
    // A file where the folder should be: no one can write below it, not even root.
    utoo_fs::write_atomic(cache.path().join("manifests"), b"").unwrap();
    let store = ManifestStore::new(cache.path());
    let writer = Writer::new(store.clone());
    writer.submit(change("a", 1, b"body"));
    writer.flush();
    assert_eq!(writer.counts(), (0, 0));
    assert!(store.read(key("a")).is_none());
}

#[test]
fn file_names_are_harmless_and_apart() {
    let store = ManifestStore::new(Path::new("/cache"));
    let long = "x".repeat(300);
    let names = ["a", "A", "@s/a", "@s+a", "..", "../../etc/passwd", ".bin", "con", "日本", &long];
    let mut seen = std::collections::HashSet::new();
    for name in names {
        let (one, two) = (Kind::Version("^1".into()), Kind::Version("^2".into()));
        for kind in [Kind::Abbreviated, Kind::Full, one, two] {
            let path = store.path(Key { registry: REGISTRY, name, kind: &kind });
            let below = path.strip_prefix("/cache/manifests/v1").unwrap();
            assert_eq!(below.components().count(), 2, "{}", path.display());
            let file = below.file_name().unwrap().to_str().unwrap();
            assert!(file.len() <= 110 && !file.starts_with('.'), "{file}");
            assert!(seen.insert(file.to_lowercase()), "{file}");
        }
    }
    let elsewhere = Key { registry: "https://registry.example/other/", ..key("a") };
    assert_ne!(store.path(elsewhere).parent(), store.path(key("a")).parent());
}
