//! Every scenario and project under `fixtures`, through the real binary, against npm's recorded answers: the tree, the
//! lockfile's document and bytes, the hidden lockfile, the project's own files, and the code of an error. What differs on
//! purpose says so itself, and why (`-- differs --`).

use std::collections::BTreeSet;
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

/// A difference that nobody is told of is as bad as one that is told of and gone.
#[test]
fn the_documentation_names_each_difference_on_purpose() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scenarios = here.join("../../fixtures/scenarios");
    let mut differing = BTreeSet::new();
    for area in std::fs::read_dir(&scenarios).unwrap().map(|entry| entry.unwrap().path()) {
        for file in std::fs::read_dir(&area).unwrap().map(|entry| entry.unwrap().path()) {
            if std::fs::read_to_string(&file).unwrap().contains("\n-- differs --\n") {
                let name = file.strip_prefix(&scenarios).unwrap().with_extension("");
                differing.insert(name.to_str().unwrap().to_owned());
            }
        }
    }
    assert!(differing.len() > 40, "the scenarios were not found");

    let library = std::fs::read_to_string(here.join("../utoo-resolver/src/lib.rs")).unwrap();
    let listed = library.split('`').skip(1).step_by(2);
    let is_scenario = |code: &&str| code.contains('/') && scenarios.join(format!("{code}.txt")).is_file();
    let named: BTreeSet<String> = listed.filter(is_scenario).map(str::to_owned).collect();
    assert_eq!(named, differing);
}
