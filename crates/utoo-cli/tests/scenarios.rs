//! Every scenario and project under `fixtures`, through the real binary, against npm's recorded answers: the tree, the
//! lockfile's document and bytes, the hidden lockfile, the project's own files, and the code of an error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use utoo_testkit::conformance::{Against, Options, Verdict, run};

const INSTALL_LINKS: &str = "install-links is refused by name so far";

/// What differs so far, and why. A case that comes to agree has to be taken out. What differs on purpose says so itself.
const DIFFERS: &[(&str, &str)] = &[
    ("install-links/again", INSTALL_LINKS),
    ("install-links/chain", INSTALL_LINKS),
    ("install-links/ci", INSTALL_LINKS),
    ("install-links/files", INSTALL_LINKS),
    ("install-links/link-then-packed", INSTALL_LINKS),
    ("install-links/npmignore", INSTALL_LINKS),
    ("install-links/npmrc", INSTALL_LINKS),
    ("install-links/outside", INSTALL_LINKS),
    ("install-links/packed-then-link", INSTALL_LINKS),
    ("install-links/plain", INSTALL_LINKS),
    ("install-links/workspace", INSTALL_LINKS),
    ("links/missing", "npm links to folders that are not there"),
    ("lock-flags/omit-resolved", "npm leaves the addresses out of the hidden lockfile too"),
    ("peers/optional-conflict-deep", "npm keeps, marked extraneous, what its next install prunes"),
    ("tarballs/file-in-tarball", "npm reads paths in a tarball from where the tarball lies"),
];

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
    let known: BTreeMap<&str, &str> = DIFFERS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (name, verdict) in report.verdicts() {
        let agrees = match verdict {
            Verdict::Compared(differences) => differences.is_empty(),
            Verdict::Deliberate(_) => true,
            Verdict::Recorded | Verdict::Failed(_) => false,
        };
        match known.get(name.as_str()) {
            None if !agrees => wrong.push(format!("{name}: {verdict:#?}")),
            Some(why) if agrees => wrong.push(format!("{name}: agrees now, take it out of the list: {why}")),
            _ => {}
        }
    }
    let gone = known.keys().filter(|name| !report.verdicts().iter().any(|(case, _)| case == *name));
    wrong.extend(gone.map(|name| format!("{name}: there is no such case")));
    assert!(report.verdicts().len() > 150, "the fixtures were not found");
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), report.table());
}
