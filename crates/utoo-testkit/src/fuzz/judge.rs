//! One case on both sides.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use utoo_lockfile::{Entry, Lockfile, ancestors, nested_location};
use utoo_types::PackageName;

use super::case::FuzzCase;
use super::driver::{NpmDriver, NpmRun};
use super::{FuzzError, Oracle};
use crate::answer::{Answer, Outcome};
use crate::compare::{Aspect, Difference, compare};
use crate::oracle::Npm;
use crate::project::{ProjectError, TestProject};
use crate::scenario::Scenario;

/// utoo takes milliseconds; a debug build on a busy machine somewhat more.
const DEADLINE: Duration = Duration::from_secs(20);

/// What npm saves for an optional dependency that it could not load: an alias of a package without a name.
const SAVED_NOTHING: &str = "npm:null@";

/// What came of a case.
#[derive(Clone, Debug, PartialEq)]
pub enum Judged {
    /// Both did the same.
    Same,
    /// They differ: the scenario that shows it, and in what.
    Different(Box<Scenario>, Vec<Difference>),
    /// npm did not end.
    NpmHangs,
    /// npm ended by a fault of its own: what it said.
    NpmCrashed(String),
}

/// Both sides, ready to run.
#[derive(Debug)]
pub struct Judge {
    driver: NpmDriver,
    other: Oracle,
    utoo: PathBuf,
    npm: Option<Npm>,
}

impl Judge {
    /// With this utoo binary, compared with npm; or, to prove the driver, the npm command compared with it.
    pub fn new(utoo: &Path, other: Oracle) -> Result<Self, FuzzError> {
        let npm = if other == Oracle::NpmCommand { Some(Npm::find()?) } else { None };
        Ok(Self { driver: NpmDriver::new()?, other, utoo: utoo.to_owned(), npm })
    }

    /// Runs a case.
    pub fn judge(&mut self, name: &str, case: &FuzzCase) -> Result<Judged, FuzzError> {
        let mut lock = None;
        if let Some(first) = case.first(name) {
            // What goes wrong here is a case of its own; it comes up as one sooner or later.
            match self.driver.answer(&first)? {
                NpmRun::Answered(answer) => lock = answer.lock,
                NpmRun::Crashed(message) => return Ok(Judged::NpmCrashed(message)),
                NpmRun::Hangs => return Ok(Judged::NpmHangs),
            }
        }
        self.compare(case.second(name, lock.as_deref()))
    }

    fn compare(&mut self, scenario: Scenario) -> Result<Judged, FuzzError> {
        let expected = match self.driver.answer(&scenario)? {
            NpmRun::Answered(answer) => answer,
            NpmRun::Crashed(message) => return Ok(Judged::NpmCrashed(message)),
            NpmRun::Hangs => return Ok(Judged::NpmHangs),
        };
        if expected.files.values().any(|text| text.contains(SAVED_NOTHING)) {
            return Ok(Judged::NpmCrashed(format!("saves {SAVED_NOTHING}…")));
        }
        let actual = match &self.npm {
            Some(npm) => npm.answer(&scenario)?,
            None => match utoo_answer(&self.utoo, &scenario) {
                Ok(answer) => answer,
                Err(ProjectError::Deadline { .. }) => {
                    let detail = "utoo does not end".to_owned();
                    let found = vec![Difference { aspect: Aspect::Outcome, detail }];
                    return Ok(Judged::Different(Box::new(scenario), found));
                }
                Err(error) => return Err(error.into()),
            },
        };
        if is_refusal(&actual.outcome) && expected.lock.as_deref().is_some_and(loses_something) {
            return Ok(Judged::NpmCrashed("leaves out what is required, where utoo refuses".to_owned()));
        }
        let mut found = compare(&expected, &actual);
        if !found.is_empty() && self.other == Oracle::Driver {
            found = std::cmp::min_by_key(found, compare(&without_extraneous(expected), &actual), Vec::len);
        }
        Ok(if found.is_empty() { Judged::Same } else { Judged::Different(Box::new(scenario), found) })
    }
}

fn utoo_answer(utoo: &Path, scenario: &Scenario) -> Result<Answer, ProjectError> {
    let project = TestProject::from_scenario(scenario)?.with_deadline(DEADLINE);
    let mut outcome = Outcome::Done;
    for line in scenario.run_lines()? {
        let args: Vec<String> =
            line.args.into_iter().chain(["--json", "--ignore-scripts"].map(str::to_owned)).collect();
        outcome = project.run(utoo, &args)?.outcome();
    }
    Ok(project.answer(outcome, scenario.watched_files().into_keys()))
}

/// A package or version that is not there.
fn is_refusal(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Error { code } if code == "ETARGET" || code == "E404")
}

/// Whether a lockfile lacks something that one of its packages, or the project, requires: npm forgets a package that could
/// not be loaded when the place that it had taken is taken from it again, and ends with success.
fn loses_something(lock: &str) -> bool {
    let Ok(lock) = Lockfile::parse(lock, "package-lock.json") else { return false };
    lock.packages.iter().filter(|(_, entry)| !entry.link).any(|(location, entry)| {
        let peers = entry.peer_dependencies.iter().filter(|(name, _)| !is_optional_peer(entry, name));
        let plain = entry
            .dependencies
            .iter()
            .filter(|(name, _)| !entry.optional_dependencies.contains(name.as_str()));
        plain.chain(&entry.dev_dependencies).chain(peers).any(|(name, _)| {
            let mut folders = std::iter::once(&**location).chain(ancestors(location));
            !folders.any(|folder| lock.get(&nested_location(folder, name.as_str())).is_some())
        })
    })
}

fn is_optional_peer(entry: &Entry, name: &PackageName) -> bool {
    let meta = entry.peer_dependencies_meta.iter().find(|(peer, _)| peer == name);
    meta.is_some_and(|(_, meta)| meta.get("optional").and_then(Value::as_bool) == Some(true))
}

/// npm's answer after the pruning that its next install does: what lies in a folder that goes, such as a link, goes too.
fn without_extraneous(mut answer: Answer) -> Answer {
    answer.lock = answer.lock.map(|text| {
        let Ok(mut lock) = serde_json::from_str::<Value>(&text) else { return text };
        if let Some(packages) = lock.get_mut("packages").and_then(Value::as_object_mut) {
            let gone = |(at, entry): (&String, &Value)| entry.get("extraneous").map(|_| format!("{at}/"));
            let gone: Vec<String> = packages.iter().filter_map(gone).collect();
            packages.retain(|at, _| !gone.iter().any(|gone| format!("{at}/").starts_with(gone)));
        }
        serde_json::to_string_pretty(&lock).map_or(text, |text| format!("{text}\n"))
    });
    answer
}
