//! One case on both sides.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

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
            let gone = |(at, entry): (&String, &Value)| entry.get("extraneous").map(|_| format!("{at}/"));
            let gone: Vec<String> = packages.iter().filter_map(gone).collect();
            packages.retain(|at, _| !gone.iter().any(|gone| format!("{at}/").starts_with(gone)));
        }
        serde_json::to_string_pretty(&lock).map_or(text, |text| format!("{text}\n"))
    });
    answer
}
