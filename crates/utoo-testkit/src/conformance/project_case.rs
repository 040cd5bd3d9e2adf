//! Projects: a package.json of real life, and the part of a registry that it needs.
//!
//! ```text
//! fixtures/projects/<name>/package.json            and whatever else the project has
//! fixtures/projects/<name>/registry/v1/…           the snapshot, in utoo-server's storage format, pruned
//! fixtures/projects/<name>/recorded/npm.txt        npm's version, and its exit or error code
//! fixtures/projects/<name>/recorded/package-lock.json
//! ```
//!
//! Snapshots hold no tarballs but those that resolution itself opens, so projects are resolved without an install.
//! A project without a snapshot is no case: `scripts/check` installs it from a live registry.

use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;
use utoo_server::{Mode, PruneSummary, Server, ServerOptions, prune};

use super::case::{CaseError, run_utoo};
use crate::answer::{Answer, Outcome};
use crate::oracle::Npm;
use crate::project::TestProject;
use crate::scenario::RunLine;

/// A large project, read through to a slow registry, takes npm many minutes.
const DEADLINE: Duration = Duration::from_secs(1800);
const PACKAGE_JSON: &str = "package.json";
/// Directories of a project that aren't copied.
const SKIPPED: &[&str] = &["registry", "recorded", "node_modules", "dist", ".next"];

/// A project with a snapshot of the registry.
#[derive(Debug)]
pub struct ProjectCase {
    name: String,
    dir: PathBuf,
}

impl ProjectCase {
    pub(super) fn load_all(dir: &Path) -> Result<Vec<Self>, CaseError> {
        Ok(all(dir)?.into_iter().filter(Self::has_snapshot).collect())
    }

    fn has_snapshot(&self) -> bool {
        self.dir.join("registry").is_dir()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn recorded_path(&self, file: &str) -> PathBuf {
        self.dir.join("recorded").join(file)
    }

    pub(super) fn recorded(&self) -> Result<Option<Answer>, CaseError> {
        let Ok(npm) = std::fs::read_to_string(self.recorded_path("npm.txt")) else { return Ok(None) };
        let error = npm.lines().find_map(|line| line.strip_prefix("error "));
        let outcome = error.map_or(Outcome::Done, |code| Outcome::Error { code: code.to_owned() });
        let lock = std::fs::read_to_string(self.recorded_path("package-lock.json")).ok();
        let package_json = std::fs::read_to_string(self.dir.join(PACKAGE_JSON)).ok();
        let files = package_json.map(|text| (PACKAGE_JSON.to_owned(), text)).into_iter().collect();
        Ok(Some(Answer { outcome, lock, hidden: None, disk: None, files }))
    }

    pub(super) fn record(&self, npm_version: &str, answer: &Answer) -> Result<(), CaseError> {
        let outcome = match &answer.outcome {
            Outcome::Done => "exit 0".to_owned(),
            Outcome::Error { code } => format!("error {code}"),
        };
        write(&self.recorded_path("npm.txt"), &format!("version {npm_version}\n{outcome}\n"))?;
        match &answer.lock {
            Some(lock) => write(&self.recorded_path("package-lock.json"), lock),
            None => Ok(()),
        }
    }

    pub(super) fn npm_answer(&self, npm: &Npm) -> Result<Answer, CaseError> {
        let project = self.on_snapshot()?;
        let outcome = npm.run(&project, &[RunLine::new("deps")])?;
        Ok(project.answer(outcome, [PACKAGE_JSON]))
    }

    pub(super) fn utoo_answer(&self, utoo: &Path) -> Result<Answer, CaseError> {
        let project = self.on_snapshot()?;
        let outcome = run_utoo(&project, utoo, &[RunLine::new("deps")])?;
        Ok(project.answer(outcome, [PACKAGE_JSON]))
    }

    fn on_snapshot(&self) -> Result<TestProject, CaseError> {
        self.on(Mode::Frozen { dir: self.dir.join("registry") })
    }

    fn on(&self, mode: Mode) -> Result<TestProject, CaseError> {
        let project =
            TestProject::with_server(Server::start(ServerOptions::new(mode))?)?.with_deadline(DEADLINE);
        copy(&self.dir, &self.dir, &project)?;
        Ok(project)
    }
}

fn all(dir: &Path) -> Result<Vec<ProjectCase>, CaseError> {
    let mut projects = Vec::new();
    for path in entries(dir)? {
        if path.join(PACKAGE_JSON).is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            projects.push(ProjectCase { name: format!("projects/{name}"), dir: path });
        }
    }
    projects.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(projects)
}

/// The names of the projects that are no cases.
pub(super) fn without_snapshot(dir: &Path) -> Result<Vec<String>, CaseError> {
    let projects = all(dir)?.into_iter();
    Ok(projects.filter(|project| !project.has_snapshot()).map(|project| project.name).collect())
}

/// What was recorded.
#[derive(Clone, Copy, Debug)]
pub struct RecordSummary {
    /// The snapshot.
    pub snapshot: PruneSummary,
}

/// Records the snapshot of a project: resolves it with npm, and with utoo where there is one, through a proxy of
/// `upstream`, and keeps what they asked for, pruned. npm's answer is recorded by a later update.
pub fn record_snapshot(dir: &Path, upstream: &Url, utoo: Option<&Path>) -> Result<RecordSummary, CaseError> {
    let case = ProjectCase { name: "project".to_owned(), dir: dir.to_owned() };
    let temp = tempfile::tempdir().map_err(|source| CaseError::Io { path: dir.to_owned(), source })?;
    let proxy = || Mode::Proxy {
        upstream: upstream.clone(),
        storage: temp.path().to_owned(),
        max_age: Duration::from_secs(86_400),
    };
    let project = case.on(proxy())?;
    Npm::find()?.run(&project, &[RunLine::new("deps")])?;
    let lock = project.lock();
    if let Some(utoo) = utoo {
        run_utoo(&case.on(proxy())?, utoo, &[RunLine::new("deps")])?;
    }
    let registry = dir.join("registry");
    if registry.exists() {
        utoo_fs::remove_dir_all(&registry).map_err(|error| CaseError::Io {
            path: registry.clone(),
            source: std::io::Error::other(error),
        })?;
    }
    let snapshot = prune(temp.path(), &registry, Some(upstream), lock.as_deref())?;
    Ok(RecordSummary { snapshot })
}

fn copy(root: &Path, dir: &Path, project: &TestProject) -> Result<(), CaseError> {
    for path in entries(dir)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                copy(root, &path, project)?;
            }
            continue;
        }
        // Resolution reads text only; what isn't text isn't part of it.
        if let Ok(text) = std::fs::read_to_string(&path) {
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            project.write(&relative, &Answer::to_origin(&text, &project.server().url()))?;
        }
    }
    Ok(())
}

/// What is in a directory; nothing when there is none.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, CaseError> {
    let failed = |source| CaseError::Io { path: dir.to_owned(), source };
    match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(error)),
        Ok(entries) => entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect(),
    }
}

fn write(path: &Path, text: &str) -> Result<(), CaseError> {
    let failed = |source| CaseError::Io { path: path.to_owned(), source };
    std::fs::create_dir_all(path.parent().unwrap_or(path)).map_err(failed)?;
    utoo_fs::write_atomic(path, text.as_bytes()).map_err(|error| failed(std::io::Error::other(error)))
}
