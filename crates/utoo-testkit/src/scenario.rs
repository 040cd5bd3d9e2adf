//! A scenario: one text file that a person can read, and add to by copying.
//!
//! ```text
//! # why this case exists
//! -- registry --
//! a 1.0.0 {"dependencies": {"b": "^1.0.0"}}
//! b 1.2.0
//! b tags {"latest": "1.2.0"}
//! -- package a@1.0.0/index.js --
//! module.exports = 1
//! -- package.json --
//! {"dependencies": {"a": "^1.0.0"}}
//! -- run --
//! utoo install
//! -- npm --
//! version 11.19.1
//! exit 0
//! -- package-lock.json --
//! …
//! ```
//!
//! Sections before `-- npm --` are written by hand: `registry` holds a line for each version (`name version {json}`,
//! the manifest without name and version; `name tags {json}`, `name times {json}`), `package <name>@<version>/<path>`
//! a further file of a tarball, `run` the commands (perhaps with variables before them: `NODE_ENV=production utoo ci`),
//! `differs` why utoo deliberately does otherwise, and any other name is a file of the project; `../x` lies beside the
//! project and `~/x` in HOME. A lockfile that is already there is `before/package-lock.json`, since `package-lock.json` is
//! the one that npm wrote. In all of them the registry is `https://registry.example/`.
//!
//! Four more are for special needs: `tarball <path>` holds a line like the registry's, whose tarball becomes that file;
//! `git <host>/<path>` is a repository (the head of `git.rs` says how); `watch` lists files and folders whose contents are compared
//! as well. `origin` says under which URL the registry is asked, by a proxy, where names on disk depend on that (keys of
//! a linked tree are hashes of URLs too): else it is that of a server on a free port.
//!
//! Sections from `-- npm --` on are recorded: npm's version and its exit or error code, the lockfile, the hidden
//! lockfile (`as package-lock.json` when it holds the same packages), `disk` (what was watched), and `<path> after` for
//! each file of the project that was changed, such as `package.json after`. A file that ends without a newline is followed
//! by the line `\ no newline at the end`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::{Map, Value};
use utoo_server::{FixtureError, FixtureRegistry, TarballFile};

use crate::answer::{Answer, Outcome};
use crate::git::GitStep;

/// The registry's URL in scenario files and recorded lockfiles.
pub const REGISTRY: &str = "https://registry.example/";

const SAME_AS_LOCK: &str = "as package-lock.json";
/// A line behind a file that ends without a newline.
const NO_NEWLINE: &str = "\\ no newline at the end";
/// What names of sections begin with.
const TARBALL: &str = "tarball ";
const GIT: &str = "git ";

/// A scenario that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A section that is needed is missing.
    #[error("{scenario}: there is no section `-- {section} --`")]
    Missing {
        /// The scenario's name.
        scenario: String,
        /// The section's name.
        section: &'static str,
    },
    /// A line that means nothing.
    #[error("{scenario}: {section}: {reason}: {line}")]
    Line {
        /// The scenario's name.
        scenario: String,
        /// The section's name.
        section: String,
        /// What is wrong.
        reason: String,
        /// The line.
        line: String,
    },
    /// A package of the registry that isn't one.
    #[error("{scenario}: {source}")]
    Fixture {
        /// The scenario's name.
        scenario: String,
        /// What is wrong.
        source: FixtureError,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Section {
    name: String,
    /// With a newline at its end, but when empty or where [`NO_NEWLINE`] follows it.
    body: String,
}

/// One command of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunLine {
    /// Variables that are set for it.
    pub env: Vec<(String, String)>,
    /// Arguments after the program's name, such as `install`, `a@2`, `--save-dev`.
    pub args: Vec<String>,
}

impl RunLine {
    /// A command without variables, its words parted by spaces.
    #[must_use]
    pub fn new(words: &str) -> Self {
        Self { env: Vec::new(), args: words.split_whitespace().map(str::to_owned).collect() }
    }

    /// Reads `NAME=value utoo install a`; nothing for what is no command of utoo.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let mut env = Vec::new();
        loop {
            let word = words.next()?;
            if word == "utoo" {
                return Some(Self { env, args: words.map(str::to_owned).collect() });
            }
            let (name, value) = word.split_once('=')?;
            env.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The same for npm: `utoo deps` is `npm install --package-lock-only`; other commands have npm's names.
    #[must_use]
    pub fn for_npm(&self) -> Self {
        let mut line = self.clone();
        if line.args.first().is_some_and(|command| command == "deps") {
            line.args.splice(0..1, ["install".to_owned(), "--package-lock-only".to_owned()]);
        }
        line
    }
}

/// A scenario in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    name: String,
    comment: String,
    sections: Vec<Section>,
}

impl Scenario {
    /// Reads one file; its name becomes the scenario's.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| ScenarioError::Io { path: path.to_owned(), source })?;
        Ok(Self::parse(&path.file_stem().unwrap_or_default().to_string_lossy(), &text))
    }

    /// Reads all `.txt` files below a directory, sorted; each is named by its path without the extension.
    pub fn load_all(dir: &Path) -> Result<Vec<(PathBuf, Self)>, ScenarioError> {
        let mut paths = Vec::new();
        collect(dir, &mut paths)?;
        paths.sort();
        let mut scenarios = Vec::with_capacity(paths.len());
        for path in paths {
            let mut scenario = Self::load(&path)?;
            let relative = path.strip_prefix(dir).unwrap_or(&path).with_extension("");
            scenario.name = relative.to_string_lossy().replace('\\', "/");
            scenarios.push((path, scenario));
        }
        Ok(scenarios)
    }

    /// Reads the text of a scenario. Any text is one: what is missing shows when it is used.
    #[must_use]
    pub fn parse(name: &str, text: &str) -> Self {
        let mut scenario = Self { name: name.to_owned(), comment: String::new(), sections: Vec::new() };
        for line in text.split_inclusive('\n') {
            if let Some(section) = header(line) {
                scenario.sections.push(Section { name: section.to_owned(), body: String::new() });
                continue;
            }
            let body =
                scenario.sections.last_mut().map_or(&mut scenario.comment, |section| &mut section.body);
            if line.trim_end() == NO_NEWLINE {
                body.truncate(body.trim_end_matches('\n').len());
                continue;
            }
            body.push_str(line);
            if !line.ends_with('\n') {
                body.push('\n');
            }
        }
        scenario
    }

    /// The scenario as text; what was parsed comes out the same.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = self.comment.clone();
        for section in &self.sections {
            text.push_str(&format!("-- {} --\n{}", section.name, section.body));
            if !section.body.is_empty() && !section.body.ends_with('\n') {
                text.push_str(&format!("\n{NO_NEWLINE}\n"));
            }
        }
        text
    }

    /// Writes the file.
    pub fn save(&self, path: &Path) -> Result<(), ScenarioError> {
        let failed =
            |error| ScenarioError::Io { path: path.to_owned(), source: std::io::Error::other(error) };
        utoo_fs::write_atomic(path, self.to_text().as_bytes()).map_err(failed)
    }

    /// The name, such as `placement/nest`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The body of a section.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&str> {
        self.sections.iter().find(|section| section.name == name).map(|section| section.body.as_str())
    }

    /// The project's files by relative path, as they are before the commands run.
    #[must_use]
    pub fn files(&self) -> BTreeMap<&str, &str> {
        let files = self.sections.iter().filter(|section| !is_special(&section.name));
        files
            .map(|section| (section.name.strip_prefix("before/").unwrap_or(&section.name), &*section.body))
            .collect()
    }

    /// The project's package.json.
    pub fn package_json(&self) -> Result<&str, ScenarioError> {
        self.section("package.json").ok_or_else(|| self.missing("package.json"))
    }

    /// The lockfile that is there before the commands run.
    #[must_use]
    pub fn lock_before(&self) -> Option<&str> {
        self.section("before/package-lock.json")
    }

    /// The commands.
    pub fn run_lines(&self) -> Result<Vec<RunLine>, ScenarioError> {
        let body = self.section("run").ok_or_else(|| self.missing("run"))?;
        let mut lines = Vec::new();
        for line in body.lines().filter(|line| !line.trim().is_empty()) {
            let bad = || self.bad_line("run", "a command starts with `utoo`", line);
            lines.push(RunLine::parse(line).ok_or_else(bad)?);
        }
        Ok(lines)
    }

    /// The full document of each package by name, tarball URLs at [`REGISTRY`]: what a resolver needs, in memory.
    pub fn registry(&self) -> Result<BTreeMap<String, Value>, ScenarioError> {
        Ok(self.fixtures()?.documents())
    }

    /// The packages with their tarballs, for a server.
    pub fn fixtures(&self) -> Result<FixtureRegistry, ScenarioError> {
        let mut fixtures = FixtureRegistry::new();
        let mut tags = Vec::new();
        for line in self.section("registry").unwrap_or_default().lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, version, fields) = self.package_line("registry", line)?;
            match version {
                "tags" => tags.push((name, fields)),
                "times" => fixtures.times(name, &fields),
                version => self.publish(&mut fixtures, (name, version), fields)?,
            }
        }
        // After all versions, since each of these moves `latest` to itself.
        tags.iter().for_each(|(name, tags)| fixtures.tag(name, tags));
        Ok(fixtures)
    }

    /// The tarballs that lie in the project, by path.
    pub(crate) fn tarballs(&self) -> Result<Vec<(&str, Bytes)>, ScenarioError> {
        let mut tarballs = Vec::new();
        for section in &self.sections {
            let Some(path) = section.name.strip_prefix(TARBALL) else { continue };
            let line = section.body.trim();
            let (name, version, fields) = self.package_line(&section.name, line)?;
            let mut fixtures = FixtureRegistry::new();
            self.publish(&mut fixtures, (name, version), fields)?;
            let file = format!("{}-{version}.tgz", name.rsplit('/').next().unwrap_or(name));
            let bytes = fixtures.tarball(name, &file);
            let bytes = bytes.ok_or_else(|| self.bad_line(&section.name, "no tarball", line))?;
            tarballs.push((path, bytes));
        }
        Ok(tarballs)
    }

    /// The git repositories, by `host/path`, with what is to be done in each.
    pub(crate) fn repositories(&self) -> Result<Vec<(&str, Vec<GitStep<'_>>)>, ScenarioError> {
        let mut repositories = Vec::new();
        for section in &self.sections {
            let Some(path) = section.name.strip_prefix(GIT).filter(|path| !path.contains('@')) else {
                continue;
            };
            let mut steps = Vec::new();
            for line in section.body.lines().filter(|line| !line.trim().is_empty()) {
                let files = |label: &str| self.files_below(&format!("{GIT}{path}@{label}/"));
                let step = GitStep::parse(line, files);
                let reason = "commit, tag, annotate or branch, and a name";
                steps.push(step.ok_or_else(|| self.bad_line(&section.name, reason, line))?);
            }
            repositories.push((path, steps));
        }
        Ok(repositories)
    }

    fn files_below(&self, prefix: &str) -> Vec<(&str, &str)> {
        let found = self.sections.iter();
        found.filter_map(|section| Some((section.name.strip_prefix(prefix)?, &*section.body))).collect()
    }

    /// The registry's URL while the commands run, if that matters.
    pub(crate) fn origin(&self) -> Option<&str> {
        self.section("origin").map(str::trim)
    }

    /// What `watch` names.
    pub(crate) fn watched(&self) -> Vec<&str> {
        self.section("watch")
            .unwrap_or_default()
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect()
    }

    fn package_line<'l>(
        &self,
        section: &str,
        line: &'l str,
    ) -> Result<(&'l str, &'l str, Map<String, Value>), ScenarioError> {
        let bad = |reason: String| self.bad_line(section, &reason, line);
        let (name, rest) =
            line.split_once(char::is_whitespace).ok_or_else(|| bad("no version".to_owned()))?;
        let rest = rest.trim_start();
        let (version, json) = rest.split_once(char::is_whitespace).unwrap_or((rest, "{}"));
        let fields = serde_json::from_str(json).map_err(|error| bad(error.to_string()))?;
        Ok((name, version, fields))
    }

    fn publish(
        &self,
        fixtures: &mut FixtureRegistry,
        (name, version): (&str, &str),
        fields: Map<String, Value>,
    ) -> Result<(), ScenarioError> {
        let mut manifest = Map::new();
        manifest.insert("name".to_owned(), name.into());
        manifest.insert("version".to_owned(), version.into());
        manifest.extend(fields);
        let published = fixtures.publish(Value::Object(manifest), &self.package_files(name, version));
        published.map_err(|source| ScenarioError::Fixture { scenario: self.name.clone(), source })
    }

    fn package_files(&self, name: &str, version: &str) -> Vec<TarballFile> {
        let files = self.files_below(&format!("package {name}@{version}/")).into_iter();
        files.map(|(path, body)| TarballFile::new(path, body.as_bytes())).collect()
    }

    /// The lockfile that npm wrote.
    #[must_use]
    pub fn expected_lock(&self) -> Option<&str> {
        self.section("package-lock.json")
    }

    /// The code with which npm refused.
    #[must_use]
    pub fn expected_error(&self) -> Option<&str> {
        self.section("npm")?.lines().find_map(|line| line.strip_prefix("error "))
    }

    /// The version of npm that was recorded.
    #[must_use]
    pub fn npm_version(&self) -> Option<&str> {
        self.section("npm")?.lines().find_map(|line| line.strip_prefix("version "))
    }

    /// Why utoo deliberately does otherwise than npm, if it does.
    #[must_use]
    pub fn differs(&self) -> Option<&str> {
        self.section("differs").map(str::trim)
    }

    /// Everything recorded, if it was.
    #[must_use]
    pub fn recorded(&self) -> Option<Answer> {
        self.section("npm")?;
        let outcome = match self.expected_error() {
            Some(code) => Outcome::Error { code: code.to_owned() },
            None => Outcome::Done,
        };
        let lock = self.expected_lock().map(str::to_owned);
        let hidden = self.section("node_modules/.package-lock.json").map(str::to_owned);
        let hidden = hidden.and_then(|text| match (text.trim(), &lock) {
            (SAME_AS_LOCK, Some(lock)) => Answer::hidden_from_lock(lock),
            _ => Some(text),
        });
        let files = self.watched_files().into_iter().map(|(path, before)| {
            let after = self.section(&format!("{path} after")).unwrap_or(before);
            (path.to_owned(), after.to_owned())
        });
        let disk = self.section("watch").map(|_| self.section("disk").unwrap_or_default().to_owned());
        Some(Answer { outcome, lock, hidden, disk, files: files.collect() })
    }

    /// The project's files that are compared: all it started with but the lockfile, which is compared by itself.
    pub(crate) fn watched_files(&self) -> BTreeMap<&str, &str> {
        let mut files = self.files();
        files.remove("package-lock.json");
        files
    }

    /// Puts an answer of npm in the place of what was recorded.
    pub fn record(&mut self, npm_version: &str, answer: &Answer) {
        self.sections.retain(|section| !is_recorded(&section.name));
        let outcome = match &answer.outcome {
            Outcome::Done => "exit 0".to_owned(),
            Outcome::Error { code } => format!("error {code}"),
        };
        self.push("npm", &format!("version {npm_version}\n{outcome}\n"));
        if let Some(lock) = &answer.lock {
            self.sections.push(Section { name: "package-lock.json".to_owned(), body: lock.clone() });
        }
        if let Some(hidden) = &answer.hidden {
            let derived = answer.lock.as_deref().and_then(Answer::hidden_from_lock);
            let same = derived.as_deref() == Some(hidden.as_str());
            self.push("node_modules/.package-lock.json", if same { SAME_AS_LOCK } else { hidden });
        }
        if let Some(disk) = &answer.disk {
            self.push("disk", disk);
        }
        let before: BTreeMap<String, String> =
            self.watched_files().into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        for (path, after) in &answer.files {
            if before.get(path).map(|text| text.trim_end()) != Some(after.trim_end()) {
                self.push(&format!("{path} after"), after);
            }
        }
    }

    fn push(&mut self, name: &str, body: &str) {
        let newline = if body.is_empty() || body.ends_with('\n') { "" } else { "\n" };
        self.sections.push(Section { name: name.to_owned(), body: format!("{body}{newline}") });
    }

    fn missing(&self, section: &'static str) -> ScenarioError {
        ScenarioError::Missing { scenario: self.name.clone(), section }
    }

    fn bad_line(&self, section: &str, reason: &str, line: &str) -> ScenarioError {
        ScenarioError::Line {
            scenario: self.name.clone(),
            section: section.to_owned(),
            reason: reason.to_owned(),
            line: line.to_owned(),
        }
    }
}

fn header(line: &str) -> Option<&str> {
    let name = line.trim_end().strip_prefix("-- ")?.strip_suffix(" --")?;
    (!name.trim().is_empty()).then_some(name.trim())
}

fn is_recorded(section: &str) -> bool {
    matches!(section, "npm" | "package-lock.json" | "node_modules/.package-lock.json" | "disk")
        || section.ends_with(" after")
}

fn is_special(section: &str) -> bool {
    is_recorded(section)
        || matches!(section, "registry" | "run" | "watch" | "differs" | "origin")
        || ["package ", TARBALL, GIT].iter().any(|prefix| section.starts_with(prefix))
}

fn collect(dir: &Path, paths: &mut Vec<PathBuf>) -> Result<(), ScenarioError> {
    let failed = |source| ScenarioError::Io { path: dir.to_owned(), source };
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            paths.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "scenario_tests.rs"]
mod tests;
