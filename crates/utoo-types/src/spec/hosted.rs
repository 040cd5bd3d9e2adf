//! The git hosts npm knows by name, and the URLs of their repositories.

use std::sync::Arc;

/// A git host that npm knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// github.com
    GitHub,
    /// gitlab.com
    GitLab,
    /// bitbucket.org
    Bitbucket,
    /// gist.github.com
    Gist,
    /// git.sr.ht
    Sourcehut,
}

/// The way a hosted spec was written, which is the first way it is fetched and the way it is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostedUrl {
    /// `github:user/repo`, `user/repo`
    Shortcut,
    /// `git+ssh://`, `git@host:…`
    Ssh,
    /// `https://`, `git+https://`
    Https,
    /// `git://`
    Git,
    /// `http://`
    Http,
}

/// A repository at a known host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hosted {
    /// The host.
    pub host: Host,
    /// The owner, with subgroups: `group/sub`. A gist may have none.
    pub user: Option<Arc<str>>,
    /// The repository without `.git`.
    pub project: Arc<str>,
    /// What follows the `#`, decoded.
    pub committish: Option<Arc<str>>,
    /// Credentials that stood in the URL, `user` or `user:password`, kept escaped.
    pub auth: Option<Arc<str>>,
    /// How it was written.
    pub written: HostedUrl,
}
