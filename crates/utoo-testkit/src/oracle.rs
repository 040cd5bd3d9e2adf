//! npm, as the oracle.

use std::path::Path;
use std::process::Command;

use crate::answer::{Answer, Outcome};
use crate::project::{DEADLINE, ProjectError, TestProject};
use crate::running::Running;
use crate::scenario::{RunLine, Scenario};

/// What every run of npm gets, so that nobody's own settings change what it writes, and nothing but resolution and
/// reification happens.
pub(crate) const FLAGS: &[&str] = &[
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--omit-lockfile-registry-resolved=false",
    "--fetch-retries=0",
    "--loglevel=error",
];

/// npm cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OracleError {
    /// There is no npm, or it doesn't say its version.
    #[error("npm cannot be run: {0}")]
    Unusable(String),
    /// A project could not be made or run.
    #[error(transparent)]
    Project(#[from] ProjectError),
}

impl From<crate::ScenarioError> for OracleError {
    fn from(error: crate::ScenarioError) -> Self {
        Self::Project(error.into())
    }
}

/// The npm in `PATH`.
#[derive(Clone, Debug)]
pub struct Npm {
    version: String,
}

impl Npm {
    /// Finds npm and asks its version.
    pub fn find() -> Result<Self, OracleError> {
        let output = Running::start(Command::new("npm").arg("--version"), DEADLINE)?.ended()?;
        match output.stdout.trim() {
            version if output.code == Some(0) && !version.is_empty() => {
                Ok(Self { version: version.to_owned() })
            }
            _ => Err(OracleError::Unusable(output.stderr)),
        }
    }

    /// Such as `11.19.1`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Runs a scenario's commands.
    pub fn answer(&self, scenario: &Scenario) -> Result<Answer, OracleError> {
        let project = TestProject::from_scenario(scenario)?;
        let outcome = self.run(&project, &scenario.run_lines()?)?;
        Ok(project.answer_to(scenario, outcome))
    }

    /// Runs commands of utoo in a project as npm's, up to the first that fails.
    pub fn run(&self, project: &TestProject, lines: &[RunLine]) -> Result<Outcome, OracleError> {
        let mut outcome = Outcome::Done;
        for line in lines.iter().map(RunLine::for_npm) {
            // npm's own options come first: what follows `--` belongs to the command.
            let registry = format!("--registry={}", project.origin());
            let flags = FLAGS.iter().map(|flag| (*flag).to_owned()).chain([registry]);
            let args = flags.chain(line.args).collect();
            outcome = project.run_line(Path::new("npm"), &RunLine { env: line.env, args })?.outcome();
            if outcome != Outcome::Done {
                break;
            }
        }
        Ok(outcome)
    }
}
