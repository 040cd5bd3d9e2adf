//! Why a tree could not be built.

use crate::build::PeerConflict;
use crate::registry::{ErrorCategory, RegistryError};

/// One step of the path from the project to a package: who depends on it, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependent {
    /// The dependent's name; the project's own for the last step.
    pub name: String,
    /// The dependent's version, if it has one.
    pub version: Option<String>,
    /// Where it stands, relative to the project; empty for the project itself.
    pub location: String,
    /// The kind of the edge: `prod`, `dev`, `optional`, `peer`, `peerOptional`, `workspace`.
    pub kind: &'static str,
    /// The name under which it asks: the key in its package.json.
    pub dependency: String,
    /// What it asks for: as written in its manifest, or as an override has it.
    pub spec: String,
    /// The override that says so, in words such as `a > b@^1`.
    pub overridden_by: Option<String>,
}

/// Why a tree could not be built.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// A manifest that something requires could not be had.
    #[error("{error}")]
    Manifest {
        /// What the registry, or the pick from its answer, said.
        error: Box<RegistryError>,
        /// Who wanted it, from the nearest dependent to the project.
        chain: Vec<Dependent>,
    },
    /// Peer dependencies that cannot agree.
    #[error("could not resolve: {0}")]
    PeerConflict(Box<PeerConflict>),
    /// Packages that push each other aside without end.
    #[error("could not resolve: the dependencies of {package} and others push each other aside without end")]
    Unsettled {
        /// One of them: `name@version`.
        package: String,
        /// Who wanted it, from the nearest dependent to the project.
        chain: Vec<Dependent>,
    },
    /// A package that this platform cannot run, and that is not optional.
    #[error("{package} does not support this platform: wanted {wanted}, this is {current}")]
    Platform {
        /// `name@version`.
        package: String,
        /// What it supports.
        wanted: String,
        /// What there is.
        current: String,
        /// Who wanted it, from the nearest dependent to the project.
        chain: Vec<Dependent>,
    },
    /// A package whose `engines` exclude this node, with `engine-strict`.
    #[error("{package} does not support {current}: wanted {wanted}")]
    Engine {
        /// `name@version`.
        package: String,
        /// What it supports.
        wanted: String,
        /// What there is.
        current: String,
        /// Who wanted it, from the nearest dependent to the project.
        chain: Vec<Dependent>,
    },
    /// Two workspaces of one name.
    #[error("two workspaces are named {name}: {first} and {second}")]
    DuplicateWorkspace {
        /// The name.
        name: String,
        /// The folder of the first.
        first: String,
        /// The folder of the second.
        second: String,
    },
    /// One of the project's `overrides` cannot be followed.
    #[error("the override {rule:?} {reason}")]
    BadOverride {
        /// npm's code, where it has one for this.
        code: &'static str,
        /// The rule's key in package.json.
        rule: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An override says something else than the project's own dependency.
    #[error("the override {name}@{wanted} contradicts the project's own dependency {name}@{declared}")]
    OverrideConflict {
        /// The dependency.
        name: String,
        /// What the override puts in place.
        wanted: String,
        /// What the dependency itself says.
        declared: String,
    },
    /// A bug of the resolver.
    #[error("internal error: {what}; please report it with the package.json")]
    Internal {
        /// Which rule was broken.
        what: &'static str,
    },
}

impl ResolveError {
    pub(crate) fn internal(what: &'static str) -> Self {
        Self::Internal { what }
    }

    /// The stable code: npm's where npm has one.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Manifest { error, .. } => error.code,
            Self::PeerConflict(_) | Self::Unsettled { .. } => "ERESOLVE",
            Self::Platform { .. } => "EBADPLATFORM",
            Self::Engine { .. } => "EBADENGINE",
            Self::DuplicateWorkspace { .. } => "EDUPLICATEWORKSPACE",
            Self::BadOverride { code, .. } => code,
            Self::OverrideConflict { .. } => "EOVERRIDE",
            Self::Internal { .. } => "EINTERNAL",
        }
    }

    /// The category, for exit codes.
    #[must_use]
    pub fn category(&self) -> ErrorCategory {
        match self {
            Self::Manifest { error, .. } => error.category,
            Self::Internal { .. } => ErrorCategory::Local,
            _ => ErrorCategory::Precondition,
        }
    }

    /// Who wanted the package in question, from the nearest dependent to the project.
    #[must_use]
    pub fn chain(&self) -> &[Dependent] {
        match self {
            Self::PeerConflict(conflict) => &conflict.chain,
            Self::Manifest { chain, .. }
            | Self::Unsettled { chain, .. }
            | Self::Platform { chain, .. }
            | Self::Engine { chain, .. } => chain,
            _ => &[],
        }
    }
}
