use super::*;
use crate::{LinkMode, LinkRoute, link_or_copy, remove_dir_all, write_atomic};

#[test]
fn a_plan_is_about_its_folder_its_call_and_its_number() {
    let root = tempfile::tempdir().unwrap();
    let (within, beside) = (root.path().join("within"), root.path().join("beside"));
    crate::create_dir(&within).unwrap();
    crate::create_dir(&beside).unwrap();
    let armed = FaultPlan::fail(&within, 2, Failure::Erofs, Extent::Once).only(Call::Rename).arm();
    for _ in 0..3 {
        write_atomic(beside.join("file"), "").unwrap();
    }
    let kinds = [1, 2, 3]
        .map(|number| write_atomic(within.join("file"), number.to_string()).map_err(|error| error.code()));
    assert_eq!(kinds, [Ok(()), Err("EROFS"), Ok(())]);
    assert_eq!(armed.struck(), Some((Call::Rename, within.canonicalize().unwrap().join("file"))));
    assert_eq!(armed.calls().len(), 3);
    drop(armed);
    write_atomic(within.join("file"), "").unwrap();
}

#[test]
fn from_one_on_all_fail_and_a_write_takes_half() {
    let root = tempfile::tempdir().unwrap();
    let file = crate::create_new(root.path().join("file")).unwrap();
    let path = root.path().canonicalize().unwrap().join("file");
    let _armed = FaultPlan::fail(root.path(), 1, Failure::Enospc, Extent::Onwards).arm();
    let error = crate::overwrite(&file, &path, b"whole").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(std::fs::read(&path).unwrap(), b"wh");
    assert!(crate::remove_file(&path).is_err() && remove_dir_all(root.path()).is_err());
    let copied = link_or_copy(&path, path.with_extension("copy"), LinkMode::Copy, &LinkRoute::default());
    assert_eq!(copied.unwrap_err().code(), "ENOSPC");
}

#[test]
fn a_child_reads_its_plan_from_one_variable_and_its_calls_from_a_trace() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().canonicalize().unwrap();
    let trace = folder.join("trace");
    let plan = FaultPlan::fail(&folder, 2, Failure::Edquot, Extent::Onwards).traced(&trace);
    let text = plan.only(Call::CreateDir).to_env().1;
    let armed = FaultPlan::parse(&text).unwrap().arm();
    crate::create_dir(folder.join("one")).unwrap();
    assert!(crate::create_dir(folder.join("two words")).is_err());
    drop(armed);
    let calls = calls_of_trace(&std::fs::read_to_string(trace).unwrap());
    let expected =
        [(Call::CreateDir, folder.join("one"), false), (Call::CreateDir, folder.join("two words"), true)];
    assert_eq!(calls, expected);
    assert!(FaultPlan::parse("").is_none() && FaultPlan::parse("1|Enoway|Once|Any|/|").is_none());
}

#[test]
fn what_vanishes_is_gone_before_the_call() {
    let root = tempfile::tempdir().unwrap();
    let victim = root.path().join("victim");
    crate::create_dir_all(victim.join("a/b")).unwrap();
    let armed = FaultPlan::vanish(root.path(), 2, &victim).arm();
    write_atomic(root.path().join("file"), "").unwrap();
    assert!(armed.struck().is_some() && !victim.exists() && root.path().join("file").exists());
}
