//! Specs that name a git repository.

use std::sync::Arc;

use super::hosted::Hosted;

/// Which commit of a repository is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The head of the default branch.
    Head,
    /// A commit, branch or tag.
    Committish(Arc<str>),
    /// The highest tag in a range: `#semver:^1`. The range as written; npm reads it only when it asks the repository.
    Range(Arc<str>),
}

/// A git repository, which commit of it, and which folder in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitSpec {
    /// The repository, where it is at a host that npm knows.
    pub hosted: Option<Hosted>,
    /// The URL for git, without `git+` and fragment; `None` for shortcuts.
    pub url: Option<Arc<str>>,
    /// Which commit.
    pub selector: Selector,
    /// The folder that holds the package, with a leading `/`: `#path:`.
    pub subdirectory: Option<Arc<str>>,
}
