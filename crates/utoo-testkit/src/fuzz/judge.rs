//! One case on both sides.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};
use utoo_lockfile::{name_of_location, parent_location};

use super::case::FuzzCase;
use super::driver::{NpmDriver, NpmRun};
use super::fault::{Fault, fault_of};
use super::{FuzzError, Oracle};
use crate::answer::{Answer, Outcome};
use crate::compare::{Aspect, Difference, compare};
use crate::oracle::Npm;
use crate::project::{ProjectError, TestProject};
use crate::scenario::Scenario;

/// utoo takes milliseconds; a debug build on a busy machine somewhat more.
const DEADLINE: Duration = Duration::from_secs(20);

/// What came of a case.
#[derive(Clone, Debug, PartialEq)]
pub enum Judged {
    /// Both did the same.
    Same,
    /// They differ: the scenario that shows it, and in what.
    Different(Box<Scenario>, Vec<Difference>),
    /// npm has no answer, or one that is wrong by its own measure.
    NpmFails(Fault),
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
                NpmRun::Answered(answer) | NpmRun::LostWorkspace(answer) => lock = answer.lock,
                NpmRun::Crashed(message) => return Ok(Judged::NpmFails(Fault::Crashes(message))),
                NpmRun::Hangs => return Ok(Judged::NpmFails(Fault::Hangs)),
            }
        }
        self.compare(case.second(name, lock.as_deref()))
    }

    fn compare(&mut self, scenario: Scenario) -> Result<Judged, FuzzError> {
        let (expected, lost) = match self.driver.answer(&scenario)? {
            NpmRun::Answered(answer) => (answer, None),
            NpmRun::LostWorkspace(answer) => (answer, Some(Fault::LosesWorkspace)),
            NpmRun::Crashed(message) => return Ok(Judged::NpmFails(Fault::Crashes(message))),
            NpmRun::Hangs => return Ok(Judged::NpmFails(Fault::Hangs)),
        };
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
        let mut found = compare(&expected, &actual);
        // Where both agree, nobody has to judge.
        if let Some(fault) = lost.or_else(|| fault_of(&scenario, &expected)).filter(|_| !found.is_empty()) {
            return Ok(Judged::NpmFails(fault));
        }
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

/// npm's answer after the pruning that its next install does: what lies in a folder that goes, such as a link, goes too.
fn without_extraneous(mut answer: Answer) -> Answer {
    answer.lock = answer.lock.map(|text| {
        let Ok(mut lock) = serde_json::from_str::<Value>(&text) else { return text };
        if let Some(packages) = lock.get_mut("packages").and_then(Value::as_object_mut) {
            let is_gone = |(at, entry): &(&String, &Value)| {
                entry.get("extraneous").is_some() || is_for_guests(packages, at, entry)
            };
            let gone: Vec<String> = packages.iter().filter(is_gone).map(|(at, _)| format!("{at}/")).collect();
            packages.retain(|at, _| !gone.iter().any(|gone| format!("{at}/").starts_with(gone)));
        }
        serde_json::to_string_pretty(&lock).map_or(text, |text| format!("{text}\n"))
    });
    answer
}

/// Whether the entry is a link that closes a loop of packages for nobody but optional peers: npm writes no marks of links
/// (`peers/optional-closes-loop`).
fn is_for_guests(packages: &Map<String, Value>, at: &str, entry: &Value) -> bool {
    let closes_loop = entry["link"] == true && entry["resolved"].as_str().is_some_and(is_in_modules);
    let Some(above) = parent_location(at).filter(|_| closes_loop) else { return false };
    let name = name_of_location(at);
    let wants = |entry: &Value| {
        let optional = entry["peerDependenciesMeta"][name]["optional"] == true;
        let blocks = ["dependencies", "devDependencies", "optionalDependencies"];
        blocks.iter().any(|block| entry[*block].get(name).is_some())
            || (!optional && entry["peerDependencies"].get(name).is_some())
    };
    let is_below =
        |at: &str| at.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    !packages.iter().any(|(at, entry)| is_below(at) && wants(entry))
}

fn is_in_modules(location: &str) -> bool {
    parent_location(location).is_some()
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
