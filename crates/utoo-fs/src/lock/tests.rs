use std::fs;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use super::*;

#[test]
fn a_held_lock_is_not_given_twice_and_released_on_drop() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/er/.lock");
    let held = DirLock::try_acquire(&path).unwrap().unwrap();
    assert_eq!(held.path(), path);
    assert!(DirLock::try_acquire(&path).unwrap().is_none());
    drop(held);
    assert!(DirLock::try_acquire(&path).unwrap().is_some());
}

#[test]
fn a_waiter_is_told_once_and_then_gets_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".lock");
    let held = DirLock::try_acquire(&path).unwrap().unwrap();
    let (told, notices) = mpsc::channel();
    let waiter = {
        let path = path.clone();
        thread::spawn(move || DirLock::acquire(path, Duration::ZERO, || told.send(()).unwrap()).unwrap())
    };
    notices.recv().unwrap();
    drop(held);
    let lock = waiter.join().unwrap();
    assert!(notices.recv().is_err(), "one notice, and its sender is gone");
    assert!(DirLock::try_acquire(&path).unwrap().is_none());
    drop(lock);
}

#[test]
fn nobody_is_told_where_nobody_waits() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".lock");
    DirLock::acquire(&path, Duration::ZERO, || panic!("the lock is free")).unwrap();
}

/// A lock file that was left behind, and one that was removed while it was held, both without a holder.
#[test]
fn old_files_and_removed_files_are_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".lock");
    File::create(&path).unwrap();
    let first = DirLock::try_acquire(&path).unwrap().unwrap();
    fs::remove_file(&path).unwrap();
    let second = DirLock::try_acquire(&path).unwrap().unwrap();
    assert!(DirLock::try_acquire(&path).unwrap().is_none(), "the file that is there now is locked");
    drop((first, second));
}

#[test]
fn a_link_in_the_way_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (victim, path) = (dir.path().join("victim"), dir.path().join(".lock"));
    std::os::unix::fs::symlink(&victim, &path).unwrap();
    assert_eq!(DirLock::try_acquire(&path).unwrap_err().code(), "ELOOP");
    assert!(!victim.exists());
}

/// This test's own binary, started again, takes the lock and waits to be killed.
#[test]
fn a_killed_process_holds_nothing() {
    const ROLE: &str = "UTOO_FS_TEST_HOLD_LOCK";
    if let Some(path) = std::env::var_os(ROLE) {
        let _held = DirLock::try_acquire(path).unwrap().unwrap();
        println!("held");
        std::io::stdin().read_line(&mut String::new()).unwrap();
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".lock");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lock::tests::a_killed_process_holds_nothing", "--nocapture"])
        .env(ROLE, &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut lines = std::io::BufRead::lines(output).map(Result::unwrap);
    assert!(lines.any(|line| line.contains("held")));
    assert!(DirLock::try_acquire(&path).unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(DirLock::try_acquire(&path).unwrap().is_some());
}
