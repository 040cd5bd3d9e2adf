//! Packages in git repositories, through the system's git.
//!
//! 1. **resolve**: `ls-remote` turns a branch, tag, `#semver:` range or nothing into a commit of 40 digits;
//! 2. **fetch**: that commit alone into a bare repository in a temporary folder, or everything where the server hands
//!    out no single commits;
//! 3. **read**: `package.json` straight out of the commit. There is no work tree: nothing of a repository is checked
//!    out, so that no hook, filter or link of it can act;
//! 4. **pack**: the commit's files; or, for a package that is to be built, a clone that is checked out without hooks
//!    and filters, built by the caller, and packed then (`commit.rs`).
//!
//! What git is told: its own options only before `--`; only the protocols of [`RegistryOptions::git_protocols`]
//! (never `ext::`, and no `file:` unless asked for); no prompt; no hooks; no environment that points at a
//! repository.
//!
//! [`RegistryOptions::git_protocols`]: crate::RegistryOptions::git_protocols

use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;

use tempfile::TempDir;
use tokio::process::Command;
use utoo_resolver::{ErrorCategory, RegistryError, SourceManifest};
use utoo_types::{GitSpec, Host, Hosted, Manifest, Range, Selector, Spec, Version};

use super::commit::{GitPackage, repository};
use super::manifest::{Beside, SourcePackage};
use crate::address::redact_text;
use crate::failure::Failure;
use crate::http::Retry;
use crate::registry::UnifiedRegistry;

/// Variables by which a caller's git (a hook, say) would point ours at its own repository.
pub const FOREIGN_GIT_VARIABLES: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_EXTERNAL_DIFF",
];
/// Lines of git's complaint that an error shows.
const SHOWN_LINES: usize = 6;

/// 40 (or, for SHA-256 repositories, 64) lower-case hexadecimal digits: nothing else reaches git as a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit(String);

impl Commit {
    /// Its digits.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| Self(text.to_ascii_lowercase()))
    }
}

impl UnifiedRegistry {
    pub(super) async fn git(&self, spec: &Spec, git: &GitSpec) -> Result<SourceManifest, RegistryError> {
        let shown = redact_text(spec.raw());
        if git.subdirectory.is_some() {
            let message =
                format!("{shown}: packages in a folder of a repository (#path:) are not supported yet");
            return Err(RegistryError::new("EGITSUBDIRECTORY", ErrorCategory::Precondition, message));
        }
        let package = self.git_package(git, shown).await?;
        let resolved = resolved(spec, git, &package.commit);
        Ok(SourceManifest { manifest: package.manifest, resolved, integrity: None })
    }

    /// The package at a commit, by what `resolved` of a lockfile says: `git+ssh://git@host/user/project.git#<commit>`.
    /// Nothing of it runs here: whether it needs its `prepare` script to be whole is for the caller to see.
    ///
    /// # Errors
    /// `EINVALIDSPEC` when it is no such thing; else as for a manifest.
    pub async fn fetch_git(&self, resolved: &str) -> Result<GitPackage, RegistryError> {
        let shown = redact_text(resolved);
        let invalid = || {
            let message = format!("{shown} is no git repository with a commit");
            RegistryError::new("EINVALIDSPEC", ErrorCategory::Precondition, message)
        };
        let name = utoo_types::PackageName::new_unchecked("git");
        let spec = Spec::resolve(&name, resolved, None).map_err(|_| invalid())?;
        let utoo_types::SpecKind::Git(git) = spec.kind() else { return Err(invalid()) };
        if !matches!(&git.selector, Selector::Committish(text) if Commit::parse(text).is_some()) {
            return Err(invalid());
        }
        self.git_package(git, shown).await
    }

    async fn git_package(&self, git: &GitSpec, shown: String) -> Result<GitPackage, RegistryError> {
        let (folder, commit) = self.git_fetch(&shown, &self.urls(git)?, &git.selector).await?;
        let manifest = Arc::new(self.git_manifest(&repository(&folder), &commit, &shown).await?);
        Ok(GitPackage { registry: self.clone(), folder, commit, manifest, shown })
    }

    /// Where a repository may be fetched from, in npm's order: a known host by https, then by ssh, unless the URL has
    /// credentials for https in it.
    fn urls(&self, git: &GitSpec) -> Result<Vec<String>, RegistryError> {
        let urls = match (&git.hosted, &git.url) {
            (Some(hosted), _) => {
                let mut urls = vec![https_url(hosted)];
                if hosted.auth.is_none() {
                    urls.push(ssh_url(hosted));
                }
                urls
            }
            (None, Some(url)) => vec![url.to_string()],
            (None, None) => Vec::new(),
        };
        let allowed = &self.inner.options.git_protocols;
        for url in &urls {
            check_url(url, allowed)?;
        }
        Ok(urls)
    }

    async fn git_fetch(
        &self,
        shown: &str,
        urls: &[String],
        selector: &Selector,
    ) -> Result<(TempDir, Commit), RegistryError> {
        if self.is_offline() {
            let message = format!("{shown} is a git repository, and --offline forbids to ask for it");
            return Err(RegistryError::new("ENOTCACHED", ErrorCategory::Precondition, message));
        }
        let mut first_error = None;
        for url in urls {
            let attempt = || self.git_fetch_from(shown, url, selector);
            match self.inner.http.retrying(attempt).await {
                Ok(fetched) => return Ok(fetched),
                // By https a private repository does not exist; by ssh it may. The first refusal says more.
                Err(error) => _ = first_error.get_or_insert(error),
            }
        }
        Err(first_error.unwrap_or_else(|| not_found(shown, selector)))
    }

    async fn git_fetch_from(
        &self,
        shown: &str,
        url: &str,
        selector: &Selector,
    ) -> Result<(TempDir, Commit), Failure> {
        let folder = tempfile::Builder::new().prefix("utoo-git-").tempdir().map_err(|error| {
            let message = "a temporary folder cannot be made";
            RegistryError::new("EIO", ErrorCategory::Local, message).caused_by(error.to_string())
        })?;
        let repository = &*repository(&folder);
        self.run_git(repository, &["init", "--quiet", "--bare"], shown).await?;
        let known = self.resolve_remote(repository, shown, url, selector).await?;
        if let Some(commit) = &known {
            let single = ["fetch", "--quiet", "--depth=1", "--no-tags", "--", url, &commit.0];
            if self.run_git(repository, &single, shown).await.is_ok() {
                return Ok((folder, commit.clone()));
            }
        }
        let everything =
            ["fetch", "--quiet", "--", url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
        self.run_git(repository, &everything, shown).await?;
        let commit = match (known, selector) {
            (Some(commit), _) => commit,
            (None, Selector::Committish(short)) => self.expand(repository, short, shown).await?,
            (None, _) => return Err(not_found(shown, selector).into()),
        };
        Ok((folder, commit))
    }

    /// The commit that a repository has for a selector; `None` for the start of a commit, which only a clone can
    /// complete.
    async fn resolve_remote(
        &self,
        repository: &Path,
        shown: &str,
        url: &str,
        selector: &Selector,
    ) -> Result<Option<Commit>, Failure> {
        if let Selector::Committish(text) = selector
            && let Some(commit) = Commit::parse(text)
        {
            return Ok(Some(commit));
        }
        let output = self.run_git(repository, &["ls-remote", "--", url], shown).await?;
        let listing = String::from_utf8_lossy(&output.stdout);
        match (select(&listing, selector), selector) {
            (Some(commit), _) => Ok(Some(commit)),
            (None, Selector::Committish(text)) if is_short_commit(text) => Ok(None),
            (None, _) => Err(not_found(shown, selector).into()),
        }
    }

    async fn expand(&self, repository: &Path, short: &str, shown: &str) -> Result<Commit, Failure> {
        // Hexadecimal digits only, as the caller has checked, and so no option.
        let revision = format!("{short}^{{commit}}");
        let selector = Selector::Committish(short.into());
        let output = self.run_git(repository, &["rev-parse", "--verify", "--quiet", &revision], shown).await;
        let output = output.map_err(|_| not_found(shown, &selector))?;
        let commit = Commit::parse(String::from_utf8_lossy(&output.stdout).trim());
        Ok(commit.ok_or_else(|| not_found(shown, &selector))?)
    }

    async fn git_manifest(
        &self,
        repository: &Path,
        commit: &Commit,
        shown: &str,
    ) -> Result<Manifest, RegistryError> {
        let object = format!("{}:package.json", commit.0);
        let json = self.run_git(repository, &["cat-file", "blob", &object], shown).await.map_err(|_| {
            let message = format!("{shown}: the repository has no package.json at its top");
            RegistryError::new("ENOENT", ErrorCategory::NotFound, message)
        })?;
        let arguments = ["ls-tree", "--name-only", "-z", &commit.0];
        let listing = self.run_git(repository, &arguments, shown).await.map_err(|failure| *failure.error)?;
        let has = |name: &[u8]| listing.stdout.split(|byte| *byte == 0).any(|entry| entry == name);
        let beside = Beside { binding_gyp: has(b"binding.gyp") };
        SourcePackage { json: &json.stdout, beside, paths: &[] }.manifest(&format!("{shown}: package.json"))
    }

    pub(super) async fn run_git(
        &self,
        repository: &Path,
        arguments: &[&str],
        shown: &str,
    ) -> Result<Output, Failure> {
        self.run_git_with(repository, arguments, shown, &[]).await
    }

    /// [`UnifiedRegistry::run_git`] with more of an environment.
    pub(super) async fn run_git_with(
        &self,
        repository: &Path,
        arguments: &[&str],
        shown: &str,
        environment: &[(&str, &str)],
    ) -> Result<Output, Failure> {
        let mut command = Command::new("git");
        // Never without: git would look for a repository where utoo was started, and do what its configuration says, be it
        // one that lies there as files of a project (`HEAD`, `config`, `objects`, `refs`).
        command.arg("--git-dir").arg(repository);
        command.args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0"]);
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        for variable in FOREIGN_GIT_VARIABLES {
            command.env_remove(variable);
        }
        command
            .envs(environment.iter().copied())
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", self.inner.options.git_protocols.join(":"))
            .env("LC_ALL", "C");
        if std::env::var_os("GIT_SSH_COMMAND").is_none() && std::env::var_os("GIT_SSH").is_none() {
            command.env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oStrictHostKeyChecking=accept-new");
        }
        let limit = self.inner.options.timeouts.git;
        let output = match tokio::time::timeout(limit, command.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => return Err(no_git(&error).into()),
            Err(_) => {
                let message = format!("{shown}: git took longer than {} seconds", limit.as_secs());
                return Err(RegistryError::new("ETIMEDOUT", ErrorCategory::Transient, message).into());
            }
        };
        if output.status.success() { Ok(output) } else { Err(refused(&output, shown)) }
    }
}

fn no_git(error: &std::io::Error) -> RegistryError {
    RegistryError::new("ENOGIT", ErrorCategory::Local, "git cannot be run")
        .caused_by(error.to_string())
        .hint("install git, or have it on the PATH: a dependency comes from a git repository")
}

/// npm's code for a range without a version; it has none for other names.
fn not_found(shown: &str, selector: &Selector) -> RegistryError {
    let message = format!("{shown}: the repository has no such branch, tag, version or commit");
    let code = if matches!(selector, Selector::Range(_)) { "ETARGET" } else { "EGITREF" };
    RegistryError::new(code, ErrorCategory::NotFound, message)
}

/// What git complains of, sorted by its words: it has no codes.
fn refused(output: &Output, shown: &str) -> Failure {
    let said = redact_text(String::from_utf8_lossy(&output.stderr).trim());
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let (category, retry) = if has(&["Authentication failed", "Permission denied", "could not read Username"])
    {
        (ErrorCategory::Auth, Retry::Never)
    } else if has(&["not found", "does not exist", "does not appear to be a git repository"]) {
        (ErrorCategory::NotFound, Retry::Never)
    } else if has(&[
        "timed out",
        "Connection reset",
        "hung up",
        "early EOF",
        "Could not resolve host",
        "error: 5",
    ]) {
        (ErrorCategory::Transient, Retry::Backoff)
    } else {
        (ErrorCategory::Precondition, Retry::Never)
    };
    let mut error = RegistryError::new("EGIT", category, format!("{shown}: git has refused"));
    for line in said.lines().filter(|line| !line.trim().is_empty()).take(SHOWN_LINES) {
        error = error.caused_by(line);
    }
    Failure { error: Box::new(error), retry }
}

/// Refuses what is no plain URL of an allowed protocol: `ext::` and other helpers, options, local paths.
fn check_url(url: &str, allowed: &[String]) -> Result<(), RegistryError> {
    let refuse = || {
        let message = format!("{} is no address that git is allowed to ask", redact_text(url));
        RegistryError::new("EGITPROTOCOL", ErrorCategory::Precondition, message)
            .hint(format!("allowed are {}", allowed.join(", ")))
    };
    let (protocol, rest) = match url.split_once("://") {
        Some((protocol, rest)) => (protocol, rest),
        // `git@host:path`, the way scp addresses things; the host comes before any slash.
        None => match url.split_once(':') {
            Some((host, _)) if !host.contains('/') => ("ssh", host),
            _ => return Err(refuse()),
        },
    };
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    // Ssh would read a host or a user that begins with a dash as an option.
    let smuggled = url.contains("::") || url.contains('\0') || rest.starts_with('-') || host.starts_with('-');
    let is_allowed = allowed.iter().any(|name| name == protocol);
    if smuggled || !is_allowed { Err(refuse()) } else { Ok(()) }
}

/// Finds the commit in what `ls-remote` printed: lines of commit, tab, ref. A tag's line that ends in `^{}` has the
/// commit of an annotated tag. Where a branch and a tag share a name the tag counts, as for git itself.
fn select(listing: &str, selector: &Selector) -> Option<Commit> {
    let refs = || listing.lines().filter_map(|line| line.split_once('\t'));
    let commit_of = |wanted: &str| {
        let peeled = format!("{wanted}^{{}}");
        let find = |name: &str| refs().find(|(_, found)| *found == name).map(|(commit, _)| commit);
        find(&peeled).or_else(|| find(wanted)).and_then(Commit::parse)
    };
    match selector {
        Selector::Head => commit_of("HEAD"),
        Selector::Committish(name) => {
            [format!("refs/tags/{name}"), format!("refs/heads/{name}"), name.to_string()]
                .iter()
                .find_map(|candidate| commit_of(candidate))
        }
        Selector::Range(range) => {
            let range = Range::parse(range).ok()?;
            let tags = refs().filter_map(|(_, name)| name.strip_prefix("refs/tags/"));
            let versions =
                tags.filter(|tag| !tag.ends_with("^{}")).filter_map(|tag| Some((tag_version(tag)?, tag)));
            let best = versions.filter(|(version, _)| range.satisfies(version)).max_by(|a, b| a.0.cmp(&b.0));
            commit_of(&format!("refs/tags/{}", best?.1))
        }
    }
}

/// `1.2.3`, `v1.2.3`, and what monorepos write: `name@1.2.3`, `name-v1.2.3`.
fn tag_version(tag: &str) -> Option<Version> {
    let numbers = |text: &str| Version::parse(text.strip_prefix('v').unwrap_or(text)).ok();
    numbers(tag).or_else(|| {
        let starts = tag.char_indices().filter(|(at, c)| *at > 0 && (c.is_ascii_digit() || *c == 'v'));
        starts
            .filter(|(at, _)| {
                !tag.as_bytes()[at - 1].is_ascii_alphanumeric() && tag.as_bytes()[at - 1] != b'.'
            })
            .find_map(|(at, _)| numbers(&tag[at..]))
    })
}

fn is_short_commit(text: &str) -> bool {
    (4..40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What npm writes into `resolved`: a known host always by ssh, unless credentials for https stood in the URL; any
/// other repository as it was written.
fn resolved(spec: &Spec, git: &GitSpec, commit: &Commit) -> Arc<str> {
    let repository = match &git.hosted {
        Some(hosted) if hosted.auth.is_some() => format!("git+{}", https_url(hosted)),
        Some(hosted) => format!("git+{}", ssh_url(hosted)),
        None => {
            let written = spec.raw_spec();
            written.split_once('#').map_or(written, |(before, _)| before).to_owned()
        }
    };
    format!("{repository}#{}", commit.0).into()
}

fn https_url(hosted: &Hosted) -> String {
    let auth = hosted.auth.as_deref().map(|auth| format!("{auth}@")).unwrap_or_default();
    let suffix = if hosted.host == Host::Sourcehut { "" } else { ".git" };
    format!("https://{auth}{}{suffix}", place(hosted))
}

fn ssh_url(hosted: &Hosted) -> String {
    format!("ssh://git@{}.git", place(hosted))
}

fn place(hosted: &Hosted) -> String {
    let domain = match hosted.host {
        Host::GitHub => "github.com",
        Host::GitLab => "gitlab.com",
        Host::Bitbucket => "bitbucket.org",
        Host::Gist => "gist.github.com",
        Host::Sourcehut => "git.sr.ht",
    };
    match (&hosted.user, hosted.host) {
        (Some(user), host) if host != Host::Gist => format!("{domain}/{user}/{}", hosted.project),
        _ => format!("{domain}/{}", hosted.project),
    }
}

#[cfg(test)]
#[path = "git_tests.rs"]
mod tests;
