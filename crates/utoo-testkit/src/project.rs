//! A project on disk, with everything a package manager touches inside one temporary directory.
//!
//! Secrets are planted in every project: in the `.npmrc` of HOME and in the environment. Whatever is then said is
//! searched for them, and so is everything that it left on disk when the project goes: every test of the binary is one
//! of these secrets too.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use utoo_server::{FixtureRegistry, Mode, Server, ServerError, ServerHandle, ServerOptions};

use crate::answer::{Answer, Outcome};
use crate::git;
use crate::running::{RunOutput, Running};
use crate::scenario::{RunLine, Scenario, ScenarioError};

/// A command that takes longer is killed: nothing that tests run comes near it, while npm never ends on some sets of
/// peers that contradict each other.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A variable that is set for every command, as it is on machines that publish.
const TOKEN_VARIABLE: &str = "NPM_TOKEN";
/// What must show nowhere: the registry's token in HOME's `.npmrc`, another host's there, and the variable's.
pub const PLANTED_SECRETS: [&str; 3] = ["s3cr3t-of-registry", "s3cr3t-of-elsewhere", "s3cr3t-of-environment"];

/// Why a test project could not be made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// A file or program.
    #[error("{what}: {source}")]
    Io {
        /// The path or program.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A path that leaves the project.
    #[error("{0}")]
    Path(#[from] utoo_fs::PathError),
    /// The server.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The scenario.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A command that had to be killed.
    #[error("{program} did not end within {} s", deadline.as_secs())]
    Deadline {
        /// The program.
        program: String,
        /// What it was given.
        deadline: Duration,
    },
}

/// A project with its own HOME, cache and registry.
#[derive(Debug)]
pub struct TestProject {
    temp: TempDir,
    server: ServerHandle,
    /// The registry's URL for whoever asks it: the server's own, unless that is its proxy.
    origin: String,
    deadline: Duration,
    is_searched: AtomicBool,
}

impl TestProject {
    /// An empty project and a server for these packages.
    pub fn new(fixtures: FixtureRegistry) -> Result<Self, ProjectError> {
        Self::with_server(Server::start(ServerOptions::new(Mode::Fixtures(fixtures)))?)
    }

    /// An empty project on a server that was started with options of its own.
    pub fn with_server(server: ServerHandle) -> Result<Self, ProjectError> {
        let origin = server.url();
        Self::with_origin(server, origin)
    }

    fn with_origin(server: ServerHandle, origin: String) -> Result<Self, ProjectError> {
        let temp = TempDir::new().map_err(|source| io_error("a temporary directory", source))?;
        let project = Self { temp, server, origin, deadline: DEADLINE, is_searched: AtomicBool::new(false) };
        for dir in [project.dir(), project.home(), project.tmp()] {
            std::fs::create_dir(&dir).map_err(|source| io_error(dir.display(), source))?;
        }
        let [own, elsewhere, _] = PLANTED_SECRETS;
        let (url, server) = (&project.origin, project.server.url());
        let address = url.trim_start_matches("http:");
        let proxy = if *url == server { String::new() } else { format!("proxy={server}\n") };
        let npmrc = format!(
            "registry={url}\n{proxy}{address}:_authToken={own}\n//elsewhere.example/:_authToken={elsewhere}\n"
        );
        write(&project.home().join(".npmrc"), npmrc.as_bytes())?;
        Ok(project)
    }

    /// The same, with commands that may take this long in place of a minute.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// A scenario's project, as it is before its commands, and its registry.
    pub fn from_scenario(scenario: &Scenario) -> Result<Self, ProjectError> {
        let mut options = ServerOptions::new(Mode::Fixtures(scenario.fixtures()?));
        options.public_url = scenario.origin().and_then(|url| url.parse().ok());
        let origin = options.public_url.as_ref().map(ToString::to_string);
        let server = Server::start(options)?;
        let origin = origin.unwrap_or_else(|| server.url());
        let project = Self::with_origin(server, origin)?;
        for (path, text) in scenario.files() {
            write(&project.place(path)?, Answer::to_origin(text, &project.origin).as_bytes())?;
        }
        for (path, tarball) in scenario.tarballs()? {
            write(&project.place(path)?, &tarball)?;
        }
        let repositories = scenario.repositories()?;
        if !repositories.is_empty() {
            git::make(&project.repositories(), &repositories)?;
            write(&project.home().join(".gitconfig"), git::config(&repositories).as_bytes())?;
        }
        Ok(project)
    }

    /// Where a scenario's `path` is: in the project, `../x` beside it, `~/x` in HOME.
    fn place(&self, path: &str) -> Result<PathBuf, ProjectError> {
        Ok(match (path.strip_prefix("../"), path.strip_prefix("~/")) {
            (Some(beside), _) => utoo_fs::contained_join(self.temp.path(), beside)?,
            (_, Some(below)) => utoo_fs::contained_join(&self.home(), below)?,
            _ => utoo_fs::contained_join(&self.dir(), path)?,
        })
    }

    /// The project's directory; always named `project`, since npm writes that name into a nameless project's lock.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.temp.path().join("project")
    }

    /// HOME, in which caches end up too.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.temp.path().join("home")
    }

    fn tmp(&self) -> PathBuf {
        self.temp.path().join("tmp")
    }

    fn repositories(&self) -> PathBuf {
        self.temp.path().join("git")
    }

    /// The registry.
    #[must_use]
    pub fn server(&self) -> &ServerHandle {
        &self.server
    }

    /// The URL under which the registry is asked.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Writes a file of the project, with its directories.
    pub fn write(&self, path: &str, text: &str) -> Result<(), ProjectError> {
        write(&utoo_fs::contained_join(&self.dir(), path)?, text.as_bytes())
    }

    /// A file of the project, or nothing.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.dir().join(path)).ok()
    }

    /// package-lock.json with the registry written as [`REGISTRY`](crate::REGISTRY).
    #[must_use]
    pub fn lock(&self) -> Option<String> {
        self.read("package-lock.json").map(|text| Answer::from_origin(&text, &self.origin))
    }

    /// node_modules/.package-lock.json, likewise.
    #[must_use]
    pub fn hidden_lock(&self) -> Option<String> {
        self.read("node_modules/.package-lock.json").map(|text| Answer::from_origin(&text, &self.origin))
    }

    /// What stands on disk below `node_modules`: the version in each package.json, or `link`, by location.
    #[must_use]
    pub fn tree(&self) -> BTreeMap<String, String> {
        let mut tree = BTreeMap::new();
        read_tree(&self.dir(), "node_modules", &mut tree);
        tree
    }

    /// Everything that is compared, `files` being the paths of the project's own that are.
    #[must_use]
    pub fn answer<'a>(&self, outcome: Outcome, files: impl IntoIterator<Item = &'a str>) -> Answer {
        let text = |path: &str| self.read(path).map(|text| Answer::from_origin(&text, &self.origin));
        let files = files.into_iter().filter_map(|path| Some((path.to_owned(), text(path)?))).collect();
        Answer { outcome, lock: self.lock(), hidden: self.hidden_lock(), disk: None, files }
    }

    /// Everything that a scenario compares.
    pub(crate) fn answer_to(&self, scenario: &Scenario, outcome: Outcome) -> Answer {
        let mut answer = self.answer(outcome, []);
        for path in scenario.watched_files().into_keys() {
            if let Some(text) = self.place(path).ok().and_then(|path| std::fs::read_to_string(path).ok()) {
                answer.files.insert(path.to_owned(), Answer::from_origin(&text, &self.origin));
            }
        }
        let watched = scenario.watched();
        if !watched.is_empty() {
            let mut lines = Vec::new();
            for path in watched {
                let Ok(place) = self.place(path) else { continue };
                list(&place, path, &mut lines);
            }
            answer.disk = Some(lines.join(""));
        }
        answer
    }

    /// Runs the `utoo` binary in the project's directory.
    pub fn utoo<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<RunOutput, ProjectError> {
        let binary = utoo_binary().map_err(|source| io_error("the utoo binary", source))?;
        self.run(&binary, args)
    }

    /// Runs any program in the project's directory, with `PATH` and nothing else of this process's environment.
    pub fn run<S: AsRef<OsStr>>(&self, program: &Path, args: &[S]) -> Result<RunOutput, ProjectError> {
        self.start(self.command(program).args(args))?.ended()
    }

    /// Starts a command, one of [`TestProject::command`], for whoever does something to it before its end.
    pub fn start(&self, command: &mut Command) -> Result<Running, ProjectError> {
        Running::start(command, self.deadline)
    }

    /// [`TestProject::run`] with the variables of a scenario's command.
    pub(crate) fn run_line(&self, program: &Path, line: &RunLine) -> Result<RunOutput, ProjectError> {
        let mut command = self.command(program);
        command.envs(line.env.iter().map(|(name, value)| (name, value))).args(&line.args);
        self.start(&mut command)?.ended()
    }

    /// The command of [`TestProject::run`], to add to it.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        self.is_searched.fetch_or(!is_npm(program), Ordering::Relaxed);
        let mut command = Command::new(program);
        command.current_dir(self.dir()).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.home()).env("TMPDIR", self.tmp()).env("NO_COLOR", "1").env("LANG", "C");
        // npm's notice of a newer version asks the registry for a package that no scenario has.
        command.env("NO_UPDATE_NOTIFIER", "1");
        command.env(TOKEN_VARIABLE, PLANTED_SECRETS[2]);
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_SSH_VARIANT", "simple");
        command.env("GIT_SSH_COMMAND", git::ssh_command(&self.repositories()));
        command
    }
}

impl Drop for TestProject {
    /// Panics where a file that utoo left behind (locks, cache, store, logs) holds a planted secret.
    fn drop(&mut self) {
        if std::thread::panicking() || !self.is_searched.load(Ordering::Relaxed) {
            return;
        }
        let found = files_with_secrets(self.temp.path(), &self.home().join(".npmrc"));
        assert!(found.is_empty(), "planted secrets are in {found:?}");
    }
}

/// The files below a folder that hold a planted secret, but for the one where they were planted. What scripts of a test
/// wrote of their environment (a file named `env`) is no file of utoo's.
fn files_with_secrets(root: &Path, planted: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(kind) if kind.is_file() && path != planted && !path.ends_with("env") => {
                    let bytes = std::fs::read(&path).unwrap_or_default();
                    let text = String::from_utf8_lossy(&bytes);
                    if PLANTED_SECRETS.iter().any(|secret| text.contains(secret)) {
                        found.push(path);
                    }
                }
                _ => {}
            }
        }
    }
    found
}

/// Whether this is the oracle, that may keep secrets its own way.
pub(crate) fn is_npm(program: &Path) -> bool {
    program == "npm"
}

/// Where the `utoo` binary is: `UTOO_BIN`, else what cargo tells integration tests, else beside the running test in
/// the target directory.
pub fn utoo_binary() -> std::io::Result<PathBuf> {
    for variable in ["UTOO_BIN", "CARGO_BIN_EXE_utoo"] {
        if let Some(path) = std::env::var_os(variable) {
            return Ok(path.into());
        }
    }
    let this = std::env::current_exe()?;
    let name = format!("utoo{}", std::env::consts::EXE_SUFFIX);
    let found = this.ancestors().skip(1).take(2).map(|dir| dir.join(&name)).find(|path| path.is_file());
    found.ok_or_else(|| {
        let reason = format!("no {name} beside {}: build it, or set UTOO_BIN", this.display());
        std::io::Error::new(std::io::ErrorKind::NotFound, reason)
    })
}

/// A line for each file, and for each link with where it leads. A folder is what is in it: npm leaves empty ones behind.
/// utoo's own state file is no part of what is compared.
fn list(place: &Path, path: &str, lines: &mut Vec<String>) {
    if let Ok(target) = std::fs::read_link(place) {
        lines.push(format!("{path} -> {}\n", target.display()));
        return;
    }
    let Ok(entries) = std::fs::read_dir(place) else {
        if place.exists() {
            lines.push(format!("{path}\n"));
        }
        return;
    };
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    for name in names.iter().filter(|name| *name != ".utoo-state") {
        list(&place.join(name), &format!("{path}/{name}"), lines);
    }
}

fn read_tree(root: &Path, modules: &str, tree: &mut BTreeMap<String, String>) {
    for name in names_in(&root.join(modules)) {
        let location = format!("{modules}/{name}");
        let path = root.join(&location);
        if path.is_symlink() {
            tree.insert(location, "link".to_owned());
            continue;
        }
        let manifest = std::fs::read(path.join("package.json")).ok();
        let manifest = manifest.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        if let Some(manifest) = manifest {
            tree.insert(location.clone(), manifest["version"].as_str().unwrap_or_default().to_owned());
        }
        read_tree(root, &format!("{location}/node_modules"), tree);
    }
}

/// The package names in a node_modules directory.
fn names_in(modules: &Path) -> Vec<String> {
    let entries = |dir: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    };
    let mut names = Vec::new();
    for name in entries(modules).into_iter().filter(|name| !name.starts_with('.')) {
        match name.starts_with('@') {
            true => names.extend(entries(&modules.join(&name)).iter().map(|base| format!("{name}/{base}"))),
            false => names.push(name),
        }
    }
    names
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ProjectError> {
    let parent = path.parent().unwrap_or(path);
    std::fs::create_dir_all(parent).map_err(|source| io_error(parent.display(), source))?;
    utoo_fs::write_atomic(path, bytes).map_err(|error| io_error(path.display(), std::io::Error::other(error)))
}

pub(crate) fn io_error(what: impl std::fmt::Display, source: std::io::Error) -> ProjectError {
    ProjectError::Io { what: what.to_string(), source }
}

#[cfg(test)]
#[path = "project_tests.rs"]
mod tests;
