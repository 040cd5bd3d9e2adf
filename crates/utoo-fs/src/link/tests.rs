use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;

use super::*;
use crate::write_atomic_with_mode;

struct Files {
    root: tempfile::TempDir,
    source: PathBuf,
}

impl Files {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let source = root.path().join("source");
        write_atomic_with_mode(&source, "content", 0o755).unwrap();
        Self { root, source }
    }

    fn target(&self) -> PathBuf {
        self.root.path().join("target")
    }

    fn route(&self) -> LinkRoute {
        LinkMemory::new().route(self.root.path(), self.root.path()).unwrap()
    }
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

#[test]
fn each_mode_makes_a_file_of_its_kind() {
    for mode in [LinkMode::Auto, LinkMode::Hardlink, LinkMode::Private, LinkMode::Copy] {
        let files = Files::new();
        let method = link_or_copy(&files.source, files.target(), mode, &files.route()).unwrap();
        assert_eq!(fs::read(files.target()).unwrap(), b"content");
        let permissions = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(permissions(&files.target()), permissions(&files.source), "{mode:?}");
        assert_eq!(method == LinkMethod::Hardlink, inode(&files.source) == inode(&files.target()));
        let allowed: &[LinkMethod] = match mode {
            LinkMode::Auto => &[LinkMethod::Reflink, LinkMethod::Hardlink],
            LinkMode::Hardlink => &[LinkMethod::Hardlink],
            LinkMode::Private => &[LinkMethod::Reflink, LinkMethod::Copy],
            LinkMode::Copy => &[LinkMethod::Copy],
        };
        assert!(allowed.contains(&method), "{mode:?} gave {method:?}");
    }
}

#[test]
fn a_private_file_does_not_change_its_source() {
    let files = Files::new();
    link_or_copy(&files.source, files.target(), LinkMode::Private, &files.route()).unwrap();
    let mut target = fs::OpenOptions::new().append(true).open(files.target()).unwrap();
    std::io::Write::write_all(&mut target, b" changed").unwrap();
    assert_eq!(fs::read(&files.source).unwrap(), b"content");
}

#[test]
fn what_is_in_the_way_stays() {
    for mode in [LinkMode::Auto, LinkMode::Hardlink, LinkMode::Private, LinkMode::Copy] {
        let files = Files::new();
        let victim = files.root.path().join("victim");
        symlink(&victim, files.target()).unwrap();
        let error = link_or_copy(&files.source, files.target(), mode, &files.route()).unwrap_err();
        assert_eq!(error.code(), "EEXIST", "{mode:?}");
        assert!(!victim.exists(), "nothing is written through a link");
        assert_eq!(error.path(), Some(files.target().as_path()));
    }
}

#[test]
fn a_missing_source_is_an_error_and_leaves_nothing() {
    let files = Files::new();
    let absent = files.root.path().join("absent");
    for mode in [LinkMode::Auto, LinkMode::Copy] {
        let error = link_or_copy(&absent, files.target(), mode, &files.route()).unwrap_err();
        assert_eq!(error.code(), "ENOENT");
        assert!(!files.target().exists());
    }
}

/// Counts the attempts of each method, and refuses as it is told.
struct Scripted {
    refusal: fn(LinkMethod) -> Attempt,
    attempts: [AtomicUsize; 3],
}

impl Scripted {
    fn new(refusal: fn(LinkMethod) -> Attempt) -> Self {
        Self { refusal, attempts: Default::default() }
    }

    fn make(&self, mode: LinkMode, route: &LinkRoute) -> LinkMethod {
        make(mode, route, |method| {
            self.attempts[method as usize].fetch_add(1, Ordering::Relaxed);
            Ok((self.refusal)(method))
        })
        .unwrap()
    }

    fn attempts(&self) -> [usize; 3] {
        self.attempts.each_ref().map(|count| count.load(Ordering::Relaxed))
    }
}

#[test]
fn what_a_pair_of_file_systems_cannot_do_is_tried_once() {
    let scripted = Scripted::new(|method| match method {
        LinkMethod::Copy => Attempt::Done,
        _ => Attempt::NotBetweenThese,
    });
    let route = LinkRoute::default();
    for _ in 0..5 {
        assert_eq!(scripted.make(LinkMode::Auto, &route.clone()), LinkMethod::Copy);
    }
    assert_eq!(scripted.attempts(), [1, 1, 5]);
}

#[test]
fn a_refusal_of_one_file_is_not_remembered() {
    let scripted = Scripted::new(|method| match method {
        LinkMethod::Reflink => Attempt::NotBetweenThese,
        LinkMethod::Hardlink => Attempt::NotForThis,
        LinkMethod::Copy => Attempt::Done,
    });
    let route = LinkRoute::default();
    for _ in 0..3 {
        assert_eq!(scripted.make(LinkMode::Auto, &route), LinkMethod::Copy);
    }
    assert_eq!(scripted.attempts(), [1, 3, 3]);
}

#[test]
fn a_memory_gives_one_route_for_one_pair() {
    let files = Files::new();
    let memory = LinkMemory::new();
    let route = memory.route(&files.source, files.root.path()).unwrap();
    route.refuse(LinkMethod::Hardlink);
    let again = memory.route(files.root.path(), &files.source).unwrap();
    assert!(!again.allows(LinkMethod::Hardlink));
    assert!(LinkMemory::new().route(&files.source, &files.source).unwrap().allows(LinkMethod::Hardlink));
    assert_eq!(memory.route(files.target(), files.root.path()).unwrap_err().code(), "ENOENT");
}

/// Real EXDEV, where the machine has a second file system at hand.
#[cfg(target_os = "linux")]
#[test]
fn across_file_systems_files_are_copied() {
    let files = Files::new();
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else { return };
    if fs::metadata(other.path()).unwrap().dev() == fs::metadata(files.root.path()).unwrap().dev() {
        return;
    }
    let route = LinkMemory::new().route(files.root.path(), other.path()).unwrap();
    let target = other.path().join("target");
    assert_eq!(link_or_copy(&files.source, &target, LinkMode::Auto, &route).unwrap(), LinkMethod::Copy);
    assert!(!route.allows(LinkMethod::Hardlink));
    assert_eq!(fs::read(target).unwrap(), b"content");
}
