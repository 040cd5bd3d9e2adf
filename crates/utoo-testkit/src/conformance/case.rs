//! One thing to compare: a scenario, or a project.

use std::path::{Path, PathBuf};

use super::project_case::ProjectCase;
use crate::answer::{Answer, Outcome};
use crate::oracle::{Npm, OracleError};
use crate::project::{ProjectError, TestProject};
use crate::scenario::{RunLine, Scenario, ScenarioError};

/// Why a case could not be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// The scenario file.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The project on disk, or a command in it.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// npm.
    #[error(transparent)]
    Oracle(#[from] OracleError),
    /// A snapshot could not be made.
    #[error(transparent)]
    Snapshot(#[from] utoo_server::SnapshotError),
    /// A snapshot lacks something.
    #[error("{case}: npm answers differently on the pruned snapshot and on the registry it was taken from")]
    Pruned {
        /// The case.
        case: String,
    },
    /// A file.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl From<utoo_server::ServerError> for CaseError {
    fn from(error: utoo_server::ServerError) -> Self {
        Self::Project(error.into())
    }
}

/// A scenario, or a project.
#[derive(Debug)]
pub enum Case {
    /// A scenario and its file.
    Scenario(PathBuf, Box<Scenario>),
    /// A project with a snapshot of the registry.
    Project(ProjectCase),
}

impl Case {
    /// All cases whose name contains `filter`, those of scenarios first.
    pub fn load_all(fixtures: &Path, filter: &str) -> Result<Vec<Self>, CaseError> {
        let scenarios = Scenario::load_all(&fixtures.join("scenarios"))?.into_iter();
        let mut cases: Vec<Self> =
            scenarios.map(|(path, case)| Self::Scenario(path, Box::new(case))).collect();
        cases.extend(ProjectCase::load_all(&fixtures.join("projects"))?.into_iter().map(Self::Project));
        cases.retain(|case| case.name().contains(filter));
        Ok(cases)
    }

    /// Such as `placement/nest`, or `projects/vite-react`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Scenario(_, scenario) => scenario.name(),
            Self::Project(project) => project.name(),
        }
    }

    /// Whether utoo resolves without installing anything, from documents that leave licences out.
    pub(super) fn is_deps(&self) -> Result<bool, CaseError> {
        match self {
            Self::Scenario(_, scenario) => {
                Ok(scenario.run_lines()?.iter().all(|line| line.args.first().is_some_and(|it| it == "deps")))
            }
            Self::Project(_) => Ok(false),
        }
    }

    pub(super) fn differs_on_purpose(&self) -> bool {
        matches!(self, Self::Scenario(_, scenario) if scenario.differs().is_some())
    }

    pub(super) fn recorded(&self) -> Result<Option<Answer>, CaseError> {
        match self {
            Self::Scenario(_, scenario) => Ok(scenario.recorded()),
            Self::Project(project) => project.recorded(),
        }
    }

    pub(super) fn npm_answer(&self, npm: &Npm) -> Result<Answer, CaseError> {
        match self {
            Self::Scenario(_, scenario) => Ok(npm.answer(scenario)?),
            Self::Project(project) => project.npm_answer(npm),
        }
    }

    pub(super) fn record(&self, npm_version: &str, answer: &Answer) -> Result<(), CaseError> {
        match self {
            Self::Scenario(path, scenario) => {
                let mut scenario = scenario.clone();
                scenario.record(npm_version, answer);
                Ok(scenario.save(path)?)
            }
            Self::Project(project) => project.record(npm_version, answer),
        }
    }

    pub(super) fn utoo_answer(&self, utoo: &Path) -> Result<Answer, CaseError> {
        match self {
            Self::Scenario(_, scenario) => {
                let project = TestProject::from_scenario(scenario)?;
                let outcome = run_utoo(&project, utoo, &scenario.run_lines()?)?;
                Ok(project.answer_to(scenario, outcome))
            }
            Self::Project(project) => project.utoo_answer(utoo),
        }
    }
}

/// Runs commands of utoo, up to the first that fails.
pub(super) fn run_utoo(project: &TestProject, utoo: &Path, lines: &[RunLine]) -> Result<Outcome, CaseError> {
    let mut outcome = Outcome::Done;
    for line in lines {
        let mut line = line.clone();
        line.args.extend(["--json", "--ignore-scripts"].map(str::to_owned));
        outcome = project.run_line(utoo, &line)?.outcome();
        if outcome != Outcome::Done {
            break;
        }
    }
    Ok(outcome)
}
