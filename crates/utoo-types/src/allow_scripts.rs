//! `allowScripts` of package.json: which dependencies may run their install scripts, in the form that npm 11.19 and 12
//! read and write.
//!
//! A key is a package of a registry (`esbuild`, `esbuild@0.25.0`, `esbuild@0.25.0 || 0.25.1`; no ranges, since those
//! would allow what nobody has reviewed) or a source (`github:user/repo#<commit>`, `https://host/a.tgz`, `file:/a.tgz`);
//! the value is `true` or `false`. A denial beats every approval. What a package calls itself decides nothing: a
//! repository named `esbuild` is not the registry's `esbuild`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::spec::{GitSpec, Selector, Spec, SpecContext, SpecKind};
use crate::version::Version;

mod edit;

pub use edit::{Pin, Refusal, ScriptChange, ScriptTarget};

/// The rules of one project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowScripts {
    rules: Vec<Rule>,
    /// What relative paths in keys start from.
    directory: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    key: Arc<str>,
    subject: Subject,
    allows: bool,
}

/// Whom a key is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    /// Every version of a package of the registry.
    Name(Arc<str>),
    /// These versions of it.
    Versions(Arc<str>, Vec<Version>),
    /// A repository, tarball or folder.
    Source(Box<Spec>),
    /// Nobody, for this reason.
    Nobody(&'static str),
}

/// Where a package comes from, as far as its lockfile entry proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackageSource<'a> {
    /// From a registry. The version is `None` where no address vouches for it.
    Registry {
        /// The package's name in the registry, not the alias that it is installed under.
        name: &'a str,
        /// Its version.
        version: Option<&'a str>,
    },
    /// From elsewhere: `resolved` of the lockfile, or `file:` and a folder.
    Exotic(&'a str),
    /// It came inside another package's tarball, and may say what it likes about itself.
    Bundled,
}

/// What the rules say of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// Its install scripts may run.
    Allowed,
    /// They may not.
    Denied,
    /// Nobody has said anything.
    Unreviewed,
}

impl AllowScripts {
    /// Reads the value of `allowScripts`. `directory` is the project's folder. What is no object has no rules, and what
    /// is neither `true` nor `false` is none, as for npm.
    pub fn from_value(value: Option<&Value>, directory: &Path) -> Self {
        let entries = value.and_then(Value::as_object).into_iter().flatten();
        let rules =
            entries.filter_map(|(key, value)| Some(Rule::new(key, value.as_bool()?, directory))).collect();
        Self { rules, directory: directory.to_owned() }
    }

    /// Allows each of these keys: npm's `allow-scripts` of `.npmrc`.
    pub fn from_keys<'a>(keys: impl IntoIterator<Item = &'a str>, directory: &Path) -> Self {
        let rules = keys.into_iter().map(|key| Rule::new(key, true, directory)).collect();
        Self { rules, directory: directory.to_owned() }
    }

    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Keys that no package can match, each with the reason.
    pub fn ignored(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.rules.iter().filter_map(|rule| match rule.subject {
            Subject::Nobody(reason) => Some((&*rule.key, reason)),
            _ => None,
        })
    }

    /// What the rules say of a package from there.
    pub fn approval(&self, source: PackageSource<'_>) -> Approval {
        if self.rules.is_empty() {
            return Approval::Unreviewed;
        }
        let exotic = match source {
            PackageSource::Exotic(resolved) => parse(resolved, &self.directory),
            _ => None,
        };
        let mut approval = Approval::Unreviewed;
        for rule in self.rules.iter().filter(|rule| rule.subject.covers(source, exotic.as_ref())) {
            if !rule.allows {
                return Approval::Denied;
            }
            approval = Approval::Allowed;
        }
        approval
    }
}

impl Rule {
    fn new(key: &str, allows: bool, directory: &Path) -> Self {
        Self { key: key.into(), subject: Subject::parse(key, directory), allows }
    }
}

impl Subject {
    fn parse(key: &str, directory: &Path) -> Self {
        let Some(spec) = parse(key, directory) else { return Self::Nobody("it cannot be read") };
        match spec.kind() {
            SpecKind::Git(_) | SpecKind::Remote(_) | SpecKind::File(_) | SpecKind::Directory(_) => {
                Self::Source(Box::new(spec))
            }
            SpecKind::Alias(_) => Self::Nobody("an alias is no package: name the package behind it"),
            SpecKind::Version(_) | SpecKind::Range(_) | SpecKind::Tag(_) => {
                let Some(name) = spec.name() else { return Self::Nobody("it names no package") };
                match spec.raw_spec().trim() {
                    "" | "*" => Self::Name(name.as_arc().clone()),
                    text => match exact_versions(text) {
                        Some(versions) => Self::Versions(name.as_arc().clone(), versions),
                        None => Self::Nobody(
                            "ranges and tags would allow what nobody reviewed: join exact versions with ||",
                        ),
                    },
                }
            }
        }
    }

    fn covers(&self, source: PackageSource<'_>, exotic: Option<&Spec>) -> bool {
        match (self, source) {
            (Self::Name(wanted), PackageSource::Registry { name, .. }) => **wanted == *name,
            (Self::Versions(wanted, versions), PackageSource::Registry { name, version: Some(version) }) => {
                **wanted == *name && Version::parse(version).is_ok_and(|version| versions.contains(&version))
            }
            (Self::Source(wanted), PackageSource::Exotic(_)) => {
                exotic.is_some_and(|resolved| wanted.is_source_of(resolved))
            }
            _ => false,
        }
    }

    /// The registry's name that the key is about, whether or not a version can match it.
    fn name_of_key(key: &str) -> &str {
        let at = key.char_indices().skip(1).find(|(_, letter)| *letter == '@');
        at.map_or(key, |(at, _)| &key[..at])
    }
}

/// `1.2.3`, or several with `||` between them.
fn exact_versions(text: &str) -> Option<Vec<Version>> {
    let exact = |text: &str| {
        let text = text.trim();
        // node-semver reads `v1` and `=1` too; as a key, npm does not.
        Version::parse(text).ok().filter(|_| text.starts_with(|first: char| first.is_ascii_digit()))
    };
    text.split("||").map(exact).collect()
}

fn parse(text: &str, directory: &Path) -> Option<Spec> {
    Spec::parse(text, &SpecContext { directory: directory.to_owned(), home: None }).ok()
}

impl Spec {
    /// Whether something resolved to `resolved` is what this spec asks for, as far as source goes: the same repository
    /// (and the commit that the spec names, if it does), the same URL, the same path. Specs of a registry are none.
    pub fn is_source_of(&self, resolved: &Self) -> bool {
        match (self.kind(), resolved.kind()) {
            (SpecKind::Git(wanted), SpecKind::Git(found)) => {
                is_same_repository(wanted, found)
                    && wanted.subdirectory == found.subdirectory
                    && match &wanted.selector {
                        Selector::Head => true,
                        Selector::Committish(wanted) => is_commit_of(wanted, &found.selector),
                        Selector::Range(_) => false,
                    }
            }
            (SpecKind::Remote(wanted), SpecKind::Remote(found)) => wanted == found,
            (SpecKind::File(wanted), SpecKind::File(found))
            | (SpecKind::Directory(wanted), SpecKind::Directory(found)) => wanted == found,
            _ => false,
        }
    }

    /// As [`Spec::is_source_of`], whatever commit, branch or tag either of them names.
    pub fn is_repository_of(&self, resolved: &Self) -> bool {
        match (self.kind(), resolved.kind()) {
            (SpecKind::Git(wanted), SpecKind::Git(found)) => is_same_repository(wanted, found),
            _ => self.is_source_of(resolved),
        }
    }
}

fn is_same_repository(wanted: &GitSpec, found: &GitSpec) -> bool {
    match (&wanted.hosted, &found.hosted) {
        (Some(wanted), Some(found)) => {
            (wanted.host, &wanted.user, &wanted.project) == (found.host, &found.user, &found.project)
        }
        (None, None) => wanted.url.is_some() && address(wanted) == address(found),
        _ => false,
    }
}

/// `git@host:path` is how ssh writes `ssh://git@host/path`, and lockfiles know the latter.
fn address(spec: &GitSpec) -> Option<String> {
    let url = spec.url.as_deref()?;
    Some(match url.contains("://") {
        true => url.to_owned(),
        false => format!("ssh://{}", url.replacen(':', "/", 1)),
    })
}

/// A branch or tag moves: only a commit, or its first seven digits or more, says what was reviewed.
fn is_commit_of(wanted: &str, found: &Selector) -> bool {
    let is_commit = wanted.len() >= 7 && wanted.bytes().all(|byte| byte.is_ascii_hexdigit());
    matches!(found, Selector::Committish(found) if is_commit && found.starts_with(wanted))
}

/// The name and version that the address of a registry's tarball tells: `…/name/-/base-1.2.3.tgz`. `None` for other
/// addresses. Whether the host is a registry is for the caller to know.
pub fn registry_tarball(url: &str) -> Option<(String, &str)> {
    let path = url.split(['?', '#']).next()?;
    let (before, file) = path.rsplit_once("/-/")?;
    let file = file.strip_suffix(".tgz")?;
    let mut parts = before.rsplit('/');
    let last = parts.next()?.replace("%2f", "/").replace("%2F", "/").replace("%40", "@");
    let name = match (last.contains('/'), parts.next()) {
        (false, Some(scope)) if scope.starts_with('@') || scope.starts_with("%40") => {
            format!("{}/{last}", scope.replace("%40", "@"))
        }
        _ => last,
    };
    let base = name.rsplit('/').next()?;
    let file = file.rsplit('/').next()?;
    let version = file.strip_prefix(base)?.strip_prefix('-')?;
    Version::parse(version).ok()?;
    Some((name, version))
}

#[cfg(test)]
mod tests;
