//! What a command says when it cannot do what it was asked.

mod from;

use serde_json::{Map, Value, json};

/// What kind of failure it is: what a script that calls utoo can decide by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    /// May work when tried again.
    Transient,
    /// The command line or the configuration is wrong.
    Usage,
    /// Credentials are missing or not enough.
    Auth,
    /// There is no such package, version or script.
    NotFound,
    /// The registry asked to slow down.
    RateLimited,
    /// Something must be changed first: a conflict, a lockfile that does not fit, a file that is wrong.
    Precondition,
    /// This machine: disk, permissions, a missing tool.
    Local,
    /// A script of the project ended with this code.
    Script(u8),
}

impl Category {
    /// The word in JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Usage => "usage",
            Self::Auth => "auth",
            Self::NotFound => "notFound",
            Self::RateLimited => "rateLimited",
            Self::Precondition => "precondition",
            Self::Local => "local",
            Self::Script(_) => "script",
        }
    }

    /// The process's exit code. A script's own code is passed on.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Transient => 1,
            Self::Usage => 2,
            Self::Auth => 3,
            Self::NotFound => 4,
            Self::RateLimited => 5,
            Self::Precondition => 7,
            Self::Local => 11,
            Self::Script(code) => code,
        }
    }
}

/// A part of an error that needs more than a line: a label with its first line, then the others below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) label: &'static str,
    pub(crate) lines: Vec<String>,
}

/// An error as a user reads it. Texts come without credentials: whoever made them took those out.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) category: Category,
    /// Stable, npm's where npm has one.
    pub(crate) code: &'static str,
    /// What failed, on what: one line.
    pub(crate) message: String,
    /// Why, outermost first.
    pub(crate) causes: Vec<String>,
    /// Who wanted it: from the nearest dependent to the project.
    pub(crate) required_by: Vec<String>,
    /// What to do about it.
    pub(crate) hint: Option<Box<str>>,
    /// What few errors have.
    more: Box<More>,
}

#[derive(Debug, Default)]
struct More {
    /// What is behind it, where one line does not tell.
    sections: Vec<Section>,
    /// For programs. `output`, what a script wrote and nobody has seen, is shown to people too.
    details: Map<String, Value>,
}

/// What to do about a dependency of a dependency that is in no registry.
pub(crate) const EXOTIC_HINT: &str = "name it in package.json yourself (overrides count), or let dependencies take \
    what they like from git, URLs and files with block-exotic-subdeps=false in .npmrc";

/// What to do about an address that only the lockfile knows.
pub(crate) const FOREIGN_HINT: &str = "where you trust that host, put its name into trusted-registries of your own \
    ~/.npmrc; a dependency of a dependency on a URL needs block-exotic-subdeps=false";

/// What every command gives: what to show on success, or an error.
pub(crate) type CliResult<T> = Result<T, CliError>;

impl CliError {
    pub(crate) fn new(category: Category, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            category,
            code,
            message: message.into(),
            causes: Vec::new(),
            required_by: Vec::new(),
            hint: None,
            more: Box::default(),
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Category::Usage, "EUSAGE", message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<Box<str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.more.details.insert(key.to_owned(), value.into());
        self
    }

    pub(crate) fn section(mut self, section: Section) -> Self {
        self.more.sections.push(section);
        self
    }

    /// What is behind it, where one line does not tell.
    pub(crate) fn sections(&self) -> &[Section] {
        &self.more.sections
    }

    /// What a script wrote that failed, where nobody has seen it yet.
    pub(crate) fn output(&self) -> Option<&str> {
        self.more.details.get("output").and_then(Value::as_str)
    }

    /// Adds the error's sources as causes.
    pub(crate) fn because_of(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut source = error.source();
        while let Some(cause) = source {
            self.causes.push(cause.to_string());
            source = cause.source();
        }
        self
    }

    /// A file or folder that this machine would not read, write or run.
    pub(crate) fn io(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => "ENOENT",
            std::io::ErrorKind::PermissionDenied => "EACCES",
            std::io::ErrorKind::StorageFull => "ENOSPC",
            std::io::ErrorKind::ReadOnlyFilesystem => "EROFS",
            _ => "EIO",
        };
        let mut failure = Self::new(Category::Local, code, format!("{what} {}", path.display()));
        failure.causes.push(error.to_string());
        failure.detail("path", path.to_string_lossy().into_owned())
    }

    /// The `error` member of the JSON document.
    pub(crate) fn to_json(&self) -> Value {
        let mut details = self.more.details.clone();
        if !self.causes.is_empty() {
            details.insert("causes".to_owned(), self.causes.clone().into());
        }
        if !self.required_by.is_empty() {
            details.insert("requiredBy".to_owned(), self.required_by.clone().into());
        }
        json!({
            "category": self.category.as_str(),
            "code": self.code,
            "exitCode": self.category.exit_code(),
            "message": self.message,
            "hint": self.hint,
            "details": details,
        })
    }
}
