use utoo_fs::{Extent, Failure, FaultPlan};
use utoo_types::PackageName;

use super::files::{Appender, Bounds};
use super::writer::{Batch, Counters};
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

/// Another process: it knows what the files say.
fn later(cache: &Path) -> ManifestStore {
    ManifestStore::new(cache)
}

fn pack_of(cache: &Path) -> PathBuf {
    let entries = std::fs::read_dir(cache.join("manifests/v2")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut packs: Vec<_> = paths.filter(|path| path.to_string_lossy().contains("/pack-")).collect();
    assert_eq!(packs.len(), 1, "{packs:?}");
    packs.remove(0)
}

#[test]
fn another_process_reads_what_was_written_and_the_newest_lease() {
    let cache = tempfile::tempdir().unwrap();
    Writer::new(later(cache.path())).submit(change("a", 1, b"body"));
    Writer::new(later(cache.path())).submit(change("b", 2, b"another"));
    Writer::new(later(cache.path())).submit(change("a", 7, b"body"));
    let store = later(cache.path());
    assert_eq!(&store.read(key("a")).unwrap().body[..], b"body");
    assert_eq!(store.read(key("a")).unwrap().lease.fetched_at, 7);
    assert_eq!(&store.read(key("b")).unwrap().body[..], b"another");
}

#[test]
fn processes_that_write_at_once_lose_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..4).flat_map(|one| (0..25).map(move |two| format!("p{one}-{two}"))).collect();
    std::thread::scope(|scope| {
        for names in names.chunks(25) {
            let store = later(cache.path());
            scope.spawn(move || {
                let writer = Writer::new(store);
                for name in names {
                    writer.submit(change(name, 1, b"body"));
                    writer.flush();
                }
            });
        }
    });
    let store = later(cache.path());
    assert!(names.iter().all(|name| store.read(key(name)).is_some()));
}

#[test]
fn what_is_damaged_in_the_pack_is_a_miss_and_written_as_a_whole_again() {
    let cache = tempfile::tempdir().unwrap();
    Writer::new(later(cache.path())).submit(change("a", 1, b"body"));
    let pack = pack_of(cache.path());
    let mut bytes = std::fs::read(&pack).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    utoo_fs::write_atomic(&pack, &bytes).unwrap();
    let store = later(cache.path());
    assert!(store.read(key("a")).is_none());
    Writer::new(store.clone()).submit(change("a", 2, b"body"));
    assert_eq!(&store.read(key("a")).unwrap().body[..], b"body");
    assert_eq!(&later(cache.path()).read(key("a")).unwrap().body[..], b"body");
}

#[test]
fn a_file_that_is_gone_or_cut_anywhere_is_a_miss_and_the_next_writer_goes_on() {
    for file in ["index", "pack"] {
        let fresh = || {
            let cache = tempfile::tempdir().unwrap();
            Writer::new(later(cache.path())).submit(change("a", 1, b"body"));
            let path = match file {
                "index" => cache.path().join("manifests/v2/index"),
                _ => pack_of(cache.path()),
            };
            let whole = std::fs::read(&path).unwrap();
            (cache, path, whole)
        };
        let length = fresh().2.len();
        for end in 0..=length {
            let (cache, path, whole) = fresh();
            match whole.get(..end).filter(|_| end < length) {
                Some(part) => utoo_fs::write_atomic(&path, part).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            let store = later(cache.path());
            assert!(store.read(key("a")).is_none(), "{file} cut at {end}");
            let writer = Writer::new(store);
            writer.submit(change("a", 2, b"body"));
            writer.submit(change("b", 2, b"another"));
            drop(writer);
            let store = later(cache.path());
            assert_eq!(&store.read(key("a")).unwrap().body[..], b"body", "{file} cut at {end}");
            assert_eq!(&store.read(key("b")).unwrap().body[..], b"another", "{file} cut at {end}");
        }
    }
}

#[test]
fn what_a_killed_writer_left_is_removed_by_the_next() {
    let cache = tempfile::tempdir().unwrap();
    Writer::new(later(cache.path())).submit(change("a", 1, b"body"));
    let root = cache.path().join("manifests/v2");
    for litter in ["pack-0000000000000001", ".utoo-abcdef.tmp"] {
        File::create(root.join(litter)).unwrap();
    }
    Writer::new(later(cache.path())).submit(change("b", 1, b"body"));
    let mut names: Vec<_> =
        std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(later(cache.path()).read(key("a")).is_some());
}

#[test]
fn a_pack_beyond_its_bounds_keeps_what_was_fetched_last() {
    let cache = tempfile::tempdir().unwrap();
    let bounds = Bounds { small: 100, large: 4_000 };
    let root = cache.path().join("manifests/v2");
    let append = |name: &str, at: u64, body: &'static [u8]| {
        let known = later(cache.path()).copy_of_pack();
        let mut appender = Appender::open(&root, known).unwrap();
        let batch = Batch::new(&[change(name, at, body)], &appender, &Counters::default());
        appender.append(&batch.documents, &batch.entries).unwrap();
        drop(appender.settle(bounds).unwrap());
    };
    // The same name again and again: what it was before is waste.
    const BODIES: [&[u8]; 2] = [&[1; 300], &[2; 300]];
    for at in 0..20 {
        append("a", at, BODIES[at as usize % 2]);
        assert!(std::fs::metadata(pack_of(cache.path())).unwrap().len() < 1_500);
        assert_eq!(&later(cache.path()).read(key("a")).unwrap().body[..], BODIES[at as usize % 2]);
    }
    for at in 0..20 {
        append(&format!("p{at}"), 100 + at, BODIES[0]);
    }
    let store = later(cache.path());
    assert!(std::fs::metadata(pack_of(cache.path())).unwrap().len() <= 4_000);
    assert!(store.read(key("p19")).is_some() && store.read(key("p17")).is_some());
    assert!(store.read(key("p0")).is_none() && store.read(key("a")).is_none());
}

#[test]
fn renewing_again_and_again_does_not_grow_the_index_without_bound() {
    let cache = tempfile::tempdir().unwrap();
    let writer = Writer::new(later(cache.path()));
    for at in 0..6_000 {
        writer.submit(change("a", at, b"body"));
    }
    writer.flush();
    writer.submit(change("a", 9_000, b"body"));
    writer.flush();
    let length = std::fs::metadata(cache.path().join("manifests/v2/index")).unwrap().len();
    assert!(length < 1_000, "{length}");
    assert_eq!(later(cache.path()).read(key("a")).unwrap().lease.fetched_at, 9_000);
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

/// Whichever call fails, of a first batch or of one that follows: what is read is what was written or nothing, and the
/// next process writes as if nothing had been.
#[test]
fn no_failure_of_the_disk_leaves_another_answer() {
    let documents: [(&str, &'static [u8]); 2] = [("a", b"body of a"), ("b", b"body of b")];
    let write = |cache: &Path| {
        let writer = Writer::new(later(cache));
        for (name, body) in documents {
            writer.submit(change(name, 1, body));
            writer.flush();
        }
    };
    let cache = || tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let counted = cache();
    let armed = FaultPlan::count(counted.path()).arm();
    write(counted.path());
    let calls = armed.calls().len();
    assert!(calls > 15, "{calls}");
    drop(armed);
    for number in 1..=calls {
        for failure in Failure::ALL {
            for extent in [Extent::Once, Extent::Onwards] {
                let cache = cache();
                let plan = FaultPlan::fail(cache.path(), number, failure, extent);
                let what = plan.to_string();
                let armed = plan.arm();
                write(cache.path());
                assert!(armed.struck().is_some(), "{what}");
                drop(armed);
                for (name, body) in documents {
                    let found = later(cache.path()).read(key(name));
                    assert!(found.is_none_or(|found| found.body == body), "{what}: {name}");
                }
                write(cache.path());
                for (name, body) in documents {
                    let found = later(cache.path()).read(key(name));
                    assert_eq!(found.map(|found| found.body).as_deref(), Some(body), "{what}: {name}");
                }
                let entries = std::fs::read_dir(cache.path().join("manifests/v2")).unwrap();
                assert_eq!(entries.count(), 3, "{what}: more than index, pack and lock");
            }
        }
    }
}
