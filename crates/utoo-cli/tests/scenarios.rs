//! Every scenario and project under `fixtures`, through the real binary, against npm's recorded answers: the tree, the
//! lockfile's document and bytes, the hidden lockfile, the project's own files, and the code of an error. What differs on
//! purpose says so itself, and why (`-- differs --`).

use std::path::{Path, PathBuf};

use utoo_testkit::conformance::{Against, Options, Verdict, run};

#[test]
fn utoo_does_what_npm_did() {
    let options = Options {
        fixtures: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures"),
        filter: String::new(),
        against: Against::Recorded,
        utoo: Some(PathBuf::from(env!("CARGO_BIN_EXE_utoo"))),
        jobs: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let report = run(&options, &mut std::io::sink()).unwrap();
    let agrees = |verdict: &Verdict| match verdict {
        Verdict::Compared(differences) => differences.is_empty(),
        Verdict::Deliberate(_) => true,
        Verdict::Recorded | Verdict::Failed(_) => false,
    };
    let wrong = report.verdicts().iter().filter(|(_, verdict)| !agrees(verdict));
    let wrong: Vec<String> = wrong.map(|(name, verdict)| format!("{name}: {verdict:#?}")).collect();
    assert!(report.verdicts().len() > 150, "the fixtures were not found");
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), report.table());
}
