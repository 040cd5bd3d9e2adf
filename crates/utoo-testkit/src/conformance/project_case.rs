//! Projects: a package.json of real life, the part of a registry that it needs, and what is done with it.
//!
//! ```text
//! fixtures/projects/<name>/package.json             and whatever else the project has
//! fixtures/projects/<name>/steps.txt                commands, one a line: each runs on the project with npm's lock
//! fixtures/projects/<name>/registry/v1/…            the snapshot, in utoo-server's storage format, pruned
//! fixtures/projects/<name>/recorded/npm.txt         npm's version, and its exit or error code
//! fixtures/projects/<name>/recorded/package-lock.json
//! fixtures/projects/<name>/recorded/<step>.txt      the same of a step, with the lines that it changed
//! ```
//!
//! Snapshots hold no tarballs but those that resolution itself opens, so projects are resolved without an install, on a
//! registry that serves full documents: what `utoo deps` writes is then npm's lockfile to the byte.
//! A project without a snapshot is no case: `scripts/check` installs it from a live registry.
//!
//! npm's first answer may hold packages that nothing but an optional peer asks for, marked `extraneous`; its next
//! install takes them out. What counts here is the lock that stays as it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use utoo_server::{Documents, Mode, Server, ServerOptions};

use super::case::{CaseError, run_utoo};
use crate::answer::{Answer, Outcome};
use crate::line_diff::{diff, patch};
use crate::oracle::Npm;
use crate::project::TestProject;
use crate::scenario::RunLine;

/// A large project, read through to a slow registry, takes npm many minutes.
const DEADLINE: Duration = Duration::from_secs(1800);
const PACKAGE_JSON: &str = "package.json";
const LOCK: &str = "package-lock.json";
/// Resolves and writes the lockfile, and installs nothing.
const RESOLVE: &str = "deps";
/// Directories of a project that aren't copied.
const SKIPPED: &[&str] = &["registry", "recorded", "node_modules", "dist", ".next"];

/// A project with a snapshot of the registry, and what is done with it.
#[derive(Clone, Debug)]
pub struct ProjectCase {
    name: String,
    dir: PathBuf,
    /// A command on the project with npm's lock; without one, the project without a lock is resolved.
    step: Option<Vec<String>>,
}

impl ProjectCase {
    pub(super) fn load_all(dir: &Path) -> Result<Vec<Self>, CaseError> {
        let mut cases = Vec::new();
        for project in projects(dir)?.into_iter().filter(Self::has_snapshot) {
            cases.extend(project.with_steps()?);
        }
        Ok(cases)
    }

    /// The project in this directory, without a step.
    pub(super) fn at(name: &str, dir: &Path) -> Self {
        Self { name: format!("projects/{name}"), dir: dir.to_owned(), step: None }
    }

    /// The project itself, then each of its steps.
    pub(super) fn with_steps(self) -> Result<Vec<Self>, CaseError> {
        let path = self.dir.join("steps.txt");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(CaseError::Io { path, source }),
        };
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let steps = lines.map(|line| Self {
            name: format!("{}: {line}", self.name),
            dir: self.dir.clone(),
            step: Some(line.split_whitespace().map(str::to_owned).collect()),
        });
        Ok(std::iter::once(self.clone()).chain(steps).collect())
    }

    fn has_snapshot(&self) -> bool {
        self.registry().is_dir()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn step(&self) -> Option<&[String]> {
        self.step.as_deref()
    }

    pub(super) fn registry(&self) -> PathBuf {
        self.dir.join("registry")
    }

    fn recorded_path(&self, file: &str) -> PathBuf {
        self.dir.join("recorded").join(file)
    }

    fn step_path(&self, step: &[String]) -> PathBuf {
        self.recorded_path(&format!("{}.txt", step.join("-").replace('/', "+")))
    }

    /// The project's package.json files as they are before a command, by path.
    pub(super) fn manifests(&self) -> Result<BTreeMap<String, String>, CaseError> {
        let mut files = BTreeMap::new();
        each_text(&self.dir, &self.dir, &mut |path, text| {
            if path == PACKAGE_JSON || path.ends_with("/package.json") {
                files.insert(path.to_owned(), text.to_owned());
            }
            Ok(())
        })?;
        Ok(files)
    }

    fn base_lock(&self) -> Result<String, CaseError> {
        read(&self.recorded_path(LOCK))
    }

    pub(super) fn recorded(&self) -> Result<Option<Answer>, CaseError> {
        let path = match &self.step {
            None => self.recorded_path("npm.txt"),
            Some(step) => self.step_path(step),
        };
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
        let error = text.lines().find_map(|line| line.strip_prefix("error "));
        let outcome = error.map_or(Outcome::Done, |code| Outcome::Error { code: code.to_owned() });
        let mut files = self.manifests()?;
        let mut lock = std::fs::read_to_string(self.recorded_path(LOCK)).ok();
        for (file, lines) in sections(&text) {
            let old = if file == LOCK { lock.as_ref() } else { files.get(file) };
            let new = patch(old.map_or("", String::as_str), &lines).map_err(|line| {
                let reason = format!("does not fit {file}: {line}");
                CaseError::Io { path: path.clone(), source: std::io::Error::other(reason) }
            })?;
            match file {
                LOCK => lock = Some(new),
                _ => drop(files.insert(file.to_owned(), new)),
            }
        }
        Ok(Some(Answer { outcome, lock, hidden: None, disk: None, files }))
    }

    pub(super) fn record(&self, npm_version: &str, answer: &Answer) -> Result<(), CaseError> {
        let outcome = match &answer.outcome {
            Outcome::Done => "exit 0".to_owned(),
            Outcome::Error { code } => format!("error {code}"),
        };
        let mut text = format!("version {npm_version}\n{outcome}\n");
        let Some(step) = &self.step else {
            if let Some(lock) = &answer.lock {
                write(&self.recorded_path(LOCK), lock)?;
            }
            return write(&self.recorded_path("npm.txt"), &text);
        };
        if answer.outcome == Outcome::Done {
            let mut before = self.manifests()?;
            before.insert(LOCK.to_owned(), self.base_lock()?);
            for (file, old) in before {
                let new = if file == LOCK { answer.lock.as_ref() } else { answer.files.get(&file) };
                let changed = diff(&old, new.map_or("", String::as_str));
                if !changed.is_empty() {
                    text.push_str(&format!("-- {file} --\n{changed}"));
                }
            }
        }
        write(&self.step_path(step), &text)
    }

    pub(super) fn npm_answer(&self, npm: &Npm) -> Result<Answer, CaseError> {
        self.npm_answer_on(npm, self.snapshot(), None)
    }

    /// npm's answer on any registry. `lock` is the one to begin with, when it isn't the recorded one.
    pub(super) fn npm_answer_on(
        &self,
        npm: &Npm,
        mode: Mode,
        lock: Option<&str>,
    ) -> Result<Answer, CaseError> {
        let project = self.on(mode, lock)?;
        let mut outcome = npm.run(&project, &[self.line()])?;
        let extraneous = |lock: &String| lock.contains("\"extraneous\": true");
        if outcome == Outcome::Done && project.lock().as_ref().is_some_and(extraneous) {
            outcome = npm.run(&project, &[RunLine::new(RESOLVE)])?;
        }
        self.answer(&project, outcome)
    }

    pub(super) fn utoo_answer(&self, utoo: &Path) -> Result<Answer, CaseError> {
        self.utoo_answer_on(utoo, self.snapshot(), None)
    }

    pub(super) fn utoo_answer_on(
        &self,
        utoo: &Path,
        mode: Mode,
        lock: Option<&str>,
    ) -> Result<Answer, CaseError> {
        let project = self.on(mode, lock)?;
        let outcome = run_utoo(&project, utoo, &[self.line()])?;
        self.answer(&project, outcome)
    }

    fn line(&self) -> RunLine {
        match &self.step {
            None => RunLine::new(RESOLVE),
            Some(step) => RunLine::new(&format!("{} --package-lock-only", step.join(" "))),
        }
    }

    fn answer(&self, project: &TestProject, outcome: Outcome) -> Result<Answer, CaseError> {
        let manifests = self.manifests()?;
        Ok(project.answer(outcome, manifests.keys().map(String::as_str)))
    }

    fn snapshot(&self) -> Mode {
        Mode::Frozen { dir: self.registry() }
    }

    fn on(&self, mode: Mode, lock: Option<&str>) -> Result<TestProject, CaseError> {
        let options = ServerOptions::new(mode).with_documents(Documents::Full);
        let project = TestProject::with_server(Server::start(options)?)?.with_deadline(DEADLINE);
        let url = project.server().url();
        each_text(&self.dir, &self.dir, &mut |path, text| {
            Ok(project.write(path, &Answer::to_origin(text, &url))?)
        })?;
        if self.step.is_some() {
            let lock = lock.map_or_else(|| self.base_lock(), |lock| Ok(lock.to_owned()))?;
            project.write(LOCK, &Answer::to_origin(&lock, &url))?;
        }
        Ok(project)
    }
}

/// The directories below `dir` that are projects, sorted.
fn projects(dir: &Path) -> Result<Vec<ProjectCase>, CaseError> {
    let mut projects = Vec::new();
    for path in entries(dir)? {
        if path.join(PACKAGE_JSON).is_file() {
            projects.push(ProjectCase::at(&path.file_name().unwrap_or_default().to_string_lossy(), &path));
        }
    }
    projects.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(projects)
}

/// The names of the projects that are no cases.
pub(super) fn without_snapshot(dir: &Path) -> Result<Vec<String>, CaseError> {
    let projects = projects(dir)?.into_iter();
    Ok(projects.filter(|project| !project.has_snapshot()).map(|project| project.name).collect())
}

/// What stands below each `-- file --`.
fn sections(text: &str) -> Vec<(&str, String)> {
    let mut sections: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("-- ").and_then(|line| line.strip_suffix(" --")) {
            Some(file) => sections.push((file, String::new())),
            None => {
                if let Some((_, lines)) = sections.last_mut() {
                    lines.push_str(line);
                    lines.push('\n');
                }
            }
        }
    }
    sections
}

/// Calls `take` with the path and the text of each of the project's files. Resolution reads text only; what isn't text
/// isn't part of it.
fn each_text(
    root: &Path,
    dir: &Path,
    take: &mut impl FnMut(&str, &str) -> Result<(), CaseError>,
) -> Result<(), CaseError> {
    for path in entries(dir)? {
        if path.is_dir() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !SKIPPED.contains(&name.as_ref()) {
                each_text(root, &path, take)?;
            }
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            // A lock is npm's to make, and the list of steps is about the project.
            if ![LOCK, "steps.txt"].contains(&relative.as_str()) {
                take(&relative, &text)?;
            }
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

fn read(path: &Path) -> Result<String, CaseError> {
    std::fs::read_to_string(path).map_err(|source| CaseError::Io { path: path.to_owned(), source })
}

fn write(path: &Path, text: &str) -> Result<(), CaseError> {
    let failed = |source| CaseError::Io { path: path.to_owned(), source };
    std::fs::create_dir_all(path.parent().unwrap_or(path)).map_err(failed)?;
    utoo_fs::write_atomic(path, text.as_bytes()).map_err(|error| failed(std::io::Error::other(error)))
}

#[cfg(test)]
#[path = "project_case_tests.rs"]
mod tests;
