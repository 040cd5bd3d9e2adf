//! Specs as npm-package-arg reads them: what a package is wanted from, and which one.

mod file;
mod git;
mod hosted;
mod parse;
mod uri;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::name::PackageName;
use crate::range::Range;
use crate::version::Version;

pub use git::{GitSpec, Selector};
pub use hosted::{Host, Hosted, HostedUrl};

/// What a spec says: where a package comes from and which one is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpecKind {
    /// One version from the registry.
    Version(Version),
    /// A range of versions from the registry.
    Range(Range),
    /// A dist-tag of the registry.
    Tag(Arc<str>),
    /// Another package of the registry under this name: `npm:other@^1`.
    Alias(Box<Spec>),
    /// A git repository.
    Git(GitSpec),
    /// A tarball by its URL.
    Remote(Arc<str>),
    /// A tarball on disk; absolute where the directory it is relative to was absolute.
    File(PathBuf),
    /// A folder; absolute where the directory it is relative to was absolute.
    Directory(PathBuf),
}

/// What relative and home paths of a spec refer to.
#[derive(Clone, Debug, Default)]
pub struct SpecContext {
    /// The directory that relative paths start from.
    pub directory: PathBuf,
    /// The home directory, for `~/`; where there is none, `~` is an ordinary name.
    pub home: Option<PathBuf>,
}

/// A spec: a name, where it says one, and what is wanted under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    name: Option<PackageName>,
    raw: Arc<str>,
    raw_spec: Arc<str>,
    save_spec: Option<Arc<str>>,
    fetch_spec: Option<Arc<str>>,
    kind: SpecKind,
}

/// Why a text is no spec.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SpecError {
    /// The name before the `@` is none.
    #[error(transparent)]
    Name(#[from] crate::name::NameError),
    /// What should be a dist-tag holds characters that a URL escapes.
    #[error(
        "Invalid tag name \"{tag}\" of package \"{raw}\": Tags may not have any characters that encodeURIComponent encodes."
    )]
    Tag {
        /// The would-be tag.
        tag: Arc<str>,
        /// The whole spec.
        raw: Arc<str>,
    },
    /// A protocol that npm does not know, `workspace:` and `link:` among them.
    #[error("Unsupported URL Type \"{protocol}\": {spec}")]
    Protocol {
        /// The protocol with its colon.
        protocol: Arc<str>,
        /// The spec after the name.
        spec: Arc<str>,
    },
    /// A URL that cannot be read.
    #[error("Invalid URL: {url}")]
    Url {
        /// The URL as it was written.
        url: Arc<str>,
    },
    /// A `file:` URL with a host.
    #[error("Invalid file: URL, must be absolute if // present: {spec}")]
    FileUrl {
        /// The spec after the name.
        spec: Arc<str>,
    },
    /// An alias of something that is not in the registry, of another alias, or without a name.
    #[error("{reason}: {raw}")]
    Alias {
        /// What is wrong, in npm's words.
        reason: &'static str,
        /// The whole spec.
        raw: Arc<str>,
    },
    /// The fragment of a git URL contradicts itself.
    #[error("{reason}: {raw}")]
    Committish {
        /// What is wrong, in npm's words.
        reason: &'static str,
        /// The whole spec.
        raw: Arc<str>,
    },
    /// A part of a git spec begins with `-`: git would take it for an option.
    #[error("Refusing git spec that git could take for an option: {raw}")]
    Option {
        /// The whole spec.
        raw: Arc<str>,
    },
}

impl SpecError {
    /// A stable code, npm's where npm has one.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name(error) => error.code(),
            Self::Tag { .. } => "EINVALIDTAGNAME",
            Self::Protocol { .. } => "EUNSUPPORTEDPROTOCOL",
            Self::Url { .. } => "ERR_INVALID_URL",
            Self::FileUrl { .. } => "EINVALIDFILEURL",
            Self::Alias { .. } => "EINVALIDALIAS",
            Self::Committish { .. } => "EINVALIDCOMMITTISH",
            Self::Option { .. } => "EINVALIDGITSPEC",
        }
    }
}

impl Spec {
    /// Reads what a user types: `foo`, `foo@^1`, `@scope/foo@latest`, `user/repo`, `./folder`, a URL.
    ///
    /// # Errors
    /// As npm refuses it, and when git could take a part of it for an option.
    pub fn parse(arg: &str, context: &SpecContext) -> Result<Self, SpecError> {
        parse::argument(arg, context)
    }

    /// Reads what a package.json holds for a dependency. Without `where_`, paths stay relative.
    ///
    /// # Errors
    /// As [`Spec::parse`], and when the name is none.
    pub fn resolve(name: &PackageName, spec: &str, where_: Option<&Path>) -> Result<Self, SpecError> {
        let context = SpecContext { directory: where_.map(Path::to_owned).unwrap_or_default(), home: None };
        Self::resolve_in(name, spec, &context)
    }

    /// As [`Spec::resolve`], with a home directory for `~/`.
    ///
    /// # Errors
    /// As [`Spec::resolve`].
    pub fn resolve_in(name: &PackageName, spec: &str, context: &SpecContext) -> Result<Self, SpecError> {
        parse::resolve(Some(name.as_str()), spec, None, context)
    }

    /// The name, where the spec says one.
    pub fn name(&self) -> Option<&PackageName> {
        self.name.as_ref()
    }

    /// The whole text.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The text after the name: `*` when there is none.
    pub fn raw_spec(&self) -> &str {
        &self.raw_spec
    }

    /// What is wanted.
    pub fn kind(&self) -> &SpecKind {
        &self.kind
    }

    /// What npm writes to package.json for it: `file:a`, `github:user/repo#v1`. `None` for what comes from the registry,
    /// where that depends on the version chosen.
    pub fn save_spec(&self) -> Option<&str> {
        self.save_spec.as_deref()
    }

    /// What npm fetches by: the trimmed version, range or tag, the URL for git and tarballs, the path. `None` for aliases and
    /// for shortcuts of a git host, which may be fetched in several ways ([`GitSpec::hosted`]).
    pub fn fetch_spec(&self) -> Option<&str> {
        self.fetch_spec.as_deref()
    }

    /// Whether it comes from the registry, directly or through an alias.
    pub fn is_registry(&self) -> bool {
        matches!(self.kind, SpecKind::Version(_) | SpecKind::Range(_) | SpecKind::Tag(_) | SpecKind::Alias(_))
    }

    /// npm's word for the kind: `version`, `range`, `tag`, `alias`, `git`, `remote`, `file`, `directory`.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            SpecKind::Version(_) => "version",
            SpecKind::Range(_) => "range",
            SpecKind::Tag(_) => "tag",
            SpecKind::Alias(_) => "alias",
            SpecKind::Git(_) => "git",
            SpecKind::Remote(_) => "remote",
            SpecKind::File(_) => "file",
            SpecKind::Directory(_) => "directory",
        }
    }

    /// The spec behind an alias, or this one.
    pub fn unaliased(&self) -> &Self {
        match &self.kind {
            SpecKind::Alias(inner) => inner,
            _ => self,
        }
    }
}
