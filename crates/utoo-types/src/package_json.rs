//! A project's package.json: read with its irregularities, edited without losing its formatting.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::allow_scripts::{Pin, Refusal, ScriptChange, ScriptTarget};
use crate::{Dependencies, DependencyKind, Manifest, PackageName};

mod edit;
mod locate;
mod stringify;

const ALLOW_SCRIPTS: &str = "allowScripts";

pub use stringify::JsonFormat;

/// Why a package.json cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}:{column}: {kind}", path.display())]
pub struct PackageJsonError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub kind: PackageJsonErrorKind,
}

/// What is wrong with a package.json.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackageJsonErrorKind {
    /// Nothing but white space.
    #[error("the file is empty")]
    Empty,
    /// Not JSON.
    #[error("invalid JSON: {0}")]
    Syntax(String),
    /// A merge that was not finished.
    #[error("merge conflict: resolve it first")]
    Conflict,
    /// JSON, but a list, a text or the like.
    #[error("expected an object, found {0}")]
    NotAnObject(&'static str),
}

impl PackageJsonError {
    /// npm's code for it.
    pub fn code(&self) -> &'static str {
        "EJSONPARSE"
    }
}

/// The package.json of a project.
#[derive(Clone, Debug)]
pub struct PackageJson {
    path: PathBuf,
    text: Arc<str>,
    value: Map<String, Value>,
    manifest: Manifest,
    format: JsonFormat,
    edited: Option<Box<Edited>>,
}

/// What was read, and what npm would have in memory after the edits so far.
#[derive(Clone, Debug)]
struct Edited {
    original: Map<String, Value>,
    memory: Map<String, Value>,
}

impl PackageJson {
    /// Reads the text of a package.json; `path` is for messages. A byte order mark is skipped, of equal keys
    /// the last counts, and an empty list is an empty object.
    ///
    /// # Errors
    /// [`PackageJsonError`] with the place, when the text is no JSON object.
    pub fn parse(text: &str, path: &Path) -> Result<Self, PackageJsonError> {
        let json = text.strip_prefix('\u{feff}').unwrap_or(text);
        let error = |(line, column), kind| PackageJsonError { path: path.to_owned(), line, column, kind };
        if json.trim().is_empty() {
            return Err(error((1, 1), PackageJsonErrorKind::Empty));
        }
        let value = serde_json::from_str::<Value>(json).map_err(|problem| match conflict_line(json) {
            Some(line) => error((line, 1), PackageJsonErrorKind::Conflict),
            None => {
                let place = (problem.line().max(1), column(json, &problem));
                error(place, PackageJsonErrorKind::Syntax(reason(&problem)))
            }
        })?;
        let manifest = Manifest::from_value(&value);
        let value = match value {
            Value::Object(value) => value,
            // To npm a list is an object without fields.
            Value::Array(list) if list.is_empty() => Map::new(),
            other => return Err(error(start(json), PackageJsonErrorKind::NotAnObject(kind_of(&other)))),
        };
        let format = JsonFormat::detect(json);
        Ok(Self { path: path.to_owned(), text: text.into(), value, manifest, format, edited: None })
    }

    /// A package.json that does not exist yet: an empty object.
    pub fn empty(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            text: "".into(),
            value: Map::new(),
            manifest: Manifest::empty(PackageName::new_unchecked("")),
            format: JsonFormat::default(),
            edited: None,
        }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says, normalised; after an edit, what npm would have in memory.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The package's name, if it has one.
    pub fn name(&self) -> Option<&PackageName> {
        Some(&self.manifest.name).filter(|name| !name.as_str().is_empty())
    }

    /// The scripts, in order.
    pub fn scripts(&self) -> &[(Arc<str>, Arc<str>)] {
        &self.manifest.scripts
    }

    /// The document as it is, or after an edit as it is written.
    pub fn value(&self) -> &Map<String, Value> {
        &self.value
    }

    /// Line and column of the key at the end of `path` (`["dependencies", "react"]`), both from 1, the column in
    /// characters; none for what only an edit has put there.
    pub fn place_of(&self, path: &[&str]) -> Option<(usize, usize)> {
        let text = self.text.strip_prefix('\u{feff}').unwrap_or(&self.text);
        let before = &text[..locate::key_offset(text, path)?];
        Some((before.matches('\n').count() + 1, before.rsplit('\n').next()?.chars().count() + 1))
    }

    /// How the text is laid out.
    pub fn format(&self) -> &JsonFormat {
        &self.format
    }

    /// Whether an edit was made; npm then writes the file, even where the edit changed nothing.
    pub fn is_edited(&self) -> bool {
        self.edited.is_some()
    }

    /// The text: as it was read when no edit was made, else the document as npm writes it, with the indentation
    /// and the line ends of what was read.
    pub fn to_text(&self) -> String {
        match self.edited {
            None => self.text.to_string(),
            // npm writes no byte order mark.
            Some(_) => self.format.stringify(&self.value),
        }
    }

    /// The block that `npm install <name>` without a flag saves to, if the package is in one already: the
    /// development dependencies first, then optional, plain and peer ones.
    pub fn dependency_kind(&self, name: &str) -> Option<DependencyKind> {
        use DependencyKind::{Dev, Optional, Peer, Prod};
        let is_in = |kind: &DependencyKind| {
            self.value
                .get(kind.key())
                .and_then(Value::as_object)
                .is_some_and(|block| block.contains_key(name))
        };
        [Dev, Optional, Prod, Peer].into_iter().find(is_in)
    }

    /// Asks for a dependency, as `npm install` does before it resolves: in the block of `kind`, out of the blocks that
    /// exclude it. Without a `spec`, what the block says of it stays, or it is any version.
    /// [`PackageJson::save_dependency`] follows once its version is known.
    pub fn request_dependency(&mut self, kind: DependencyKind, name: &PackageName, spec: Option<&str>) {
        self.change(|memory| edit::request(memory, kind, name.as_str(), spec));
    }

    /// Makes an optional peer one that is required, as `npm install --save-peer` does; in the lockfile only, as npm.
    pub fn require_peer(&mut self, name: &PackageName) {
        self.change(|memory| edit::require_peer(memory, name.as_str()));
    }

    /// Sets the spec that is saved, as `npm install` does after it resolved: in the block of `kind` where a flag said one,
    /// else in every block that has the name. A development dependency leaves what the blocks of peers and of optional ones
    /// say of it where `keeps` is true of that spec.
    pub fn save_dependency(
        &mut self,
        kind: Option<DependencyKind>,
        name: &PackageName,
        spec: &str,
        keeps: impl Fn(&str) -> bool,
    ) {
        self.change(|memory| edit::save(memory, kind, name.as_str(), (spec, &keeps)));
    }

    /// Has the file written again, though nothing in it changes: in npm's own layout.
    pub fn write_again(&mut self) {
        self.change(|_| ());
    }

    /// Adds a dependency to what is bundled, as `npm install --save-bundle` does.
    pub fn bundle_dependency(&mut self, name: &PackageName) {
        self.change(|memory| edit::bundle(memory, name.as_str()));
    }

    /// Takes a dependency out of every block, as `npm uninstall` does, and out of what is bundled. Gives whether it was in
    /// one.
    pub fn remove_dependency(&mut self, name: &str) -> bool {
        self.change(|memory| edit::remove(memory, name))
    }

    /// A block as npm's lockfile has it: after an edit, what is optional may be plain as well. None where there is no such
    /// block.
    pub fn locked_block(&self, kind: DependencyKind) -> Option<Dependencies> {
        let document = self.edited.as_ref().map_or(&self.value, |edited| &edited.memory);
        let block = document.get(kind.key())?.as_object()?;
        let text = |(name, spec): (&String, &Value)| {
            Some((PackageName::new_unchecked(name.as_str()), Arc::from(spec.as_str()?)))
        };
        Some(block.iter().filter_map(text).collect())
    }

    /// Approves the install scripts of a dependency in `allowScripts`, as `npm approve-scripts` does; gives what was
    /// edited, which may be nothing.
    ///
    /// # Errors
    /// Where it was denied: nothing is edited then.
    pub fn approve_scripts(&mut self, target: &ScriptTarget, pin: Pin) -> Result<Vec<ScriptChange>, Refusal> {
        self.edit_scripts(|rules| target.approve(rules, pin))
    }

    /// Denies the install scripts of a dependency in `allowScripts`, as `npm deny-scripts` does; gives what was edited.
    pub fn deny_scripts(&mut self, target: &ScriptTarget) -> Vec<ScriptChange> {
        self.edit_scripts(|rules| Ok::<_, Refusal>(target.deny(rules))).unwrap_or_default()
    }

    fn edit_scripts<E>(
        &mut self,
        edit: impl FnOnce(&mut Map<String, Value>) -> Result<Vec<ScriptChange>, E>,
    ) -> Result<Vec<ScriptChange>, E> {
        let mut rules = match self.value.get(ALLOW_SCRIPTS) {
            Some(Value::Object(rules)) => rules.clone(),
            _ => Map::new(),
        };
        let changes = edit(&mut rules)?;
        if !changes.is_empty() {
            let rules = Value::Object(rules);
            let edited = self.edited();
            edited.original.insert(ALLOW_SCRIPTS.to_owned(), rules.clone());
            edited.memory.insert(ALLOW_SCRIPTS.to_owned(), rules.clone());
            self.value.insert(ALLOW_SCRIPTS.to_owned(), rules);
        }
        Ok(changes)
    }

    fn change<T>(&mut self, edit: impl FnOnce(&mut Map<String, Value>) -> T) -> T {
        let edited = self.edited();
        let result = edit(&mut edited.memory);
        let (value, memory) = (edit::document(&edited.original, &edited.memory), edited.memory.clone());
        self.value = value;
        self.manifest = Manifest::from_value(&Value::Object(memory));
        result
    }

    fn edited(&mut self) -> &mut Edited {
        let value = &self.value;
        self.edited.get_or_insert_with(|| {
            Box::new(Edited { original: value.clone(), memory: edit::remembered(value) })
        })
    }
}

/// The line of a conflict marker, if the text has the three that belong together.
fn conflict_line(text: &str) -> Option<usize> {
    let starts = |marker: &str| text.lines().position(|line| line.starts_with(marker));
    let first = starts("<<<<<<<")?;
    starts("=======")?;
    starts(">>>>>>>")?;
    Some(first + 1)
}

/// The column in characters; serde_json counts bytes.
fn column(text: &str, problem: &serde_json::Error) -> usize {
    let line = text.split('\n').nth(problem.line().saturating_sub(1)).unwrap_or_default();
    let bytes = problem.column().saturating_sub(1).min(line.len());
    String::from_utf8_lossy(&line.as_bytes()[..bytes]).chars().count() + 1
}

/// The message without the place that serde_json appends.
fn reason(problem: &serde_json::Error) -> String {
    let text = problem.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Line and column of the first character that is no white space.
fn start(text: &str) -> (usize, usize) {
    let before = &text[..text.len() - text.trim_start().len()];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
#[path = "package_json/tests.rs"]
mod tests;
