//! npm, as the oracle.

use std::path::Path;
use std::process::Command;

use crate::answer::{Answer, Outcome};
use crate::project::{DEADLINE, ProjectError, TestProject, run};
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
        let output = run(Command::new("npm").arg("--version"), DEADLINE)?;
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
        let lines: Vec<_> = scenario.run_lines()?.iter().map(RunLine::npm_args).collect();
        let outcome = self.run(&project, &lines)?;
        Ok(project.answer(outcome, scenario.watched_files().into_keys()))
    }

    /// Runs commands in a project, up to the first that fails.
    pub fn run(&self, project: &TestProject, lines: &[Vec<String>]) -> Result<Outcome, OracleError> {
        let mut outcome = Outcome::Done;
        for line in lines {
            // npm's own options come first: what follows `--` belongs to the command.
            let registry = format!("--registry={}", project.server().url());
            let flags = FLAGS.iter().map(|flag| (*flag).to_owned()).chain([registry]);
            let args: Vec<String> = flags.chain(line.iter().cloned()).collect();
            outcome = project.run(Path::new("npm"), &args)?.outcome();
            if outcome != Outcome::Done {
                break;
            }
        }
        Ok(outcome)
    }
}
