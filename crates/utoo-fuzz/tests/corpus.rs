//! Every target on its corpus, and on mutations of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its corpus has failed")]

use std::path::{Path, PathBuf};

use utoo_fuzz::{find, targets};

/// Mutations of each target; those that touch the disk or the network take longer, and get fewer.
fn mutations(target: &str) -> usize {
    match target {
        "tarball" | "npmrc" | "server" => 300,
        _ => 5_000,
    }
}

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/fuzz").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Cuts, doubles, overwrites, or mixes.
fn mutate(random: &mut fastrand::Rng, corpus: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = corpus[random.usize(..corpus.len())].1.clone();
    for _ in 0..=random.usize(..4) {
        let at = random.usize(..=bytes.len());
        match random.u8(..5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.u8(..)),
            2 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
            3 => {
                let other = &corpus[random.usize(..corpus.len())].1;
                let from = random.usize(..=other.len());
                bytes.splice(at.., other[from..].iter().copied());
            }
            _ => {
                let from = random.usize(..=at);
                let part = bytes[from..at].to_vec();
                bytes.splice(at..at, part);
            }
        }
        bytes.truncate(64 << 10);
    }
    bytes
}

fn holds(name: &str) {
    let target = find(name).unwrap();
    let corpus = corpus(name);
    for (path, bytes) in &corpus {
        let run = std::panic::catch_unwind(|| (target.run)(bytes));
        assert!(run.is_ok(), "{}: {}", path.display(), target.promise);
    }
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..mutations(name) {
        let bytes = mutate(&mut random, &corpus);
        let run = std::panic::catch_unwind(|| (target.run)(&bytes));
        assert!(run.is_ok(), "{}: {:?}", target.promise, String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn each_target_has_a_test_here_and_a_corpus() {
    let source = include_str!("corpus.rs");
    for target in targets() {
        assert!(source.contains(&format!("=> {:?}", target.name)), "{}", target.name);
        assert!(!corpus(target.name).is_empty(), "{}", target.name);
    }
}

/// One test each, so that they run side by side and fail by name.
macro_rules! tests {
    ($($test:ident => $target:literal),* $(,)?) => { $(#[test] fn $test() { holds($target); })* };
}

tests! {
    tarball => "tarball",
    deflate => "deflate",
    store_index => "store-index",
    packument => "packument",
    packument_form => "packument-form",
    semver => "semver",
    spec => "spec",
    integrity => "integrity",
    lockfile => "lockfile",
    package_json => "package-json",
    names => "names",
    paths => "paths",
    npmrc => "npmrc",
    server => "server",
}
