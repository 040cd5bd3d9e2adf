//! The git hosts npm knows by name, and the URLs of their repositories.

use std::sync::Arc;

use url::Url;

use super::uri;

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

const HOSTS: [Host; 5] = [Host::GitHub, Host::GitLab, Host::Bitbucket, Host::Gist, Host::Sourcehut];

impl Host {
    /// npm's word for the host, which is also the protocol of its shortcuts: `github`.
    pub fn name(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Bitbucket => "bitbucket",
            Self::Gist => "gist",
            Self::Sourcehut => "sourcehut",
        }
    }

    /// The host's domain.
    pub fn domain(self) -> &'static str {
        match self {
            Self::GitHub => "github.com",
            Self::GitLab => "gitlab.com",
            Self::Bitbucket => "bitbucket.org",
            Self::Gist => "gist.github.com",
            Self::Sourcehut => "git.sr.ht",
        }
    }

    fn serves(self, scheme: &str) -> bool {
        match scheme {
            "git+ssh" | "https" => true,
            "git+https" | "ssh" => self != Self::Sourcehut,
            "git" => matches!(self, Self::GitHub | Self::Gist),
            "http" => self == Self::GitHub,
            _ => false,
        }
    }
}

/// A form of a repository's URL: how a spec was written, or how it is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostedUrl {
    /// `github:user/repo`, `user/repo`
    Shortcut,
    /// `git+ssh://git@github.com/user/repo.git`
    Ssh,
    /// `git+https://github.com/user/repo.git`
    Https,
    /// `git://github.com/user/repo.git`
    Git,
    /// `http://github.com/user/repo`; fetched and saved as [`HostedUrl::Ssh`].
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

impl Hosted {
    /// Reads a spec that names a repository at a known host, as hosted-git-info does; `None` for everything else.
    pub fn parse(spec: &str) -> Option<Self> {
        let url = if is_github_shorthand(spec) {
            uri::parse(&format!("github:{spec}"))?
        } else {
            parse_git_url(spec)?
        };
        if let Some(host) = HOSTS.into_iter().find(|host| host.name() == url.scheme()) {
            return Self::from_shortcut(host, &url);
        }
        let domain = url.host_str()?;
        let domain = domain.strip_prefix("www.").unwrap_or(domain);
        let host = HOSTS.into_iter().find(|host| host.domain() == domain)?;
        if host.serves(url.scheme()) { Self::from_url(host, &url) } else { None }
    }

    fn from_shortcut(host: Host, url: &Url) -> Option<Self> {
        let path = url.path();
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.split_once('@').map_or(path, |(_, path)| path);
        let (user, project) = match path.rsplit_once('/') {
            Some((user, project)) => (uri::decode(user)?, project),
            None => (String::new(), path),
        };
        let project = uri::decode(project)?;
        Some(Self {
            host,
            user: non_empty(user),
            project: without_git(&project).into(),
            committish: non_empty(uri::decode(url.fragment().unwrap_or_default())?),
            auth: None,
            written: HostedUrl::Shortcut,
        })
    }

    fn from_url(host: Host, url: &Url) -> Option<Self> {
        let location = Location::find(host, url)?;
        let user = location.user.map(uri::decode);
        let written = match url.scheme() {
            "git" => HostedUrl::Git,
            "http" => HostedUrl::Http,
            "https" | "git+https" => HostedUrl::Https,
            _ => HostedUrl::Ssh,
        };
        let has_auth = matches!(written, HostedUrl::Https | HostedUrl::Http | HostedUrl::Git);
        Some(Self {
            host,
            user: match user {
                Some(user) => non_empty(user?),
                None => None,
            },
            project: uri::decode(location.project)?.into(),
            committish: non_empty(uri::decode(location.committish)?),
            auth: has_auth.then(|| auth(url)).flatten(),
            written,
        })
    }

    /// A URL that git can clone: without `git+` and `#`. A shortcut is no URL, so it becomes the SSH one.
    pub fn clone_url(&self, form: HostedUrl) -> String {
        let url = match form {
            HostedUrl::Shortcut => self.base(HostedUrl::Ssh),
            _ => self.base(form),
        };
        url.strip_prefix("git+").map(str::to_owned).unwrap_or(url)
    }

    /// What npm writes to package.json and, with a commit instead of the committish, to the lockfile.
    pub fn save_url(&self, form: HostedUrl, committish: Option<&str>) -> String {
        let mut url = self.base(form);
        if let Some(committish) = committish.filter(|committish| !committish.is_empty()) {
            url.push('#');
            url.push_str(committish);
        }
        url
    }

    /// What ssh calls it: `git@github.com:user/repo.git`.
    pub fn ssh(&self) -> String {
        format!("git@{}:{}.git", self.host.domain(), self.path())
    }

    /// Where the host serves a tarball of a commit, branch or tag; of the default branch for `None`.
    pub fn tarball_url(&self, committish: Option<&str>) -> String {
        let committish = committish.filter(|committish| !committish.is_empty());
        let committish = committish.map_or_else(|| "HEAD".to_owned(), uri::encode);
        let (domain, path, project) = (self.host.domain(), self.path(), &self.project);
        match self.host {
            Host::GitHub => format!("https://codeload.{domain}/{path}/tar.gz/{committish}"),
            Host::Gist => {
                format!("https://codeload.github.com/gist/{project}/tar.gz/{committish}")
            }
            Host::GitLab => format!(
                "https://{domain}/api/v4/projects/{}/repository/archive.tar.gz?sha={committish}",
                uri::encode(&path)
            ),
            Host::Bitbucket => format!("https://{domain}/{path}/get/{committish}.tar.gz"),
            Host::Sourcehut => format!("https://{domain}/{path}/archive/{committish}.tar.gz"),
        }
    }

    fn base(&self, form: HostedUrl) -> String {
        let (domain, path) = (self.host.domain(), self.path());
        let auth = match &self.auth {
            Some(auth) if self.host != Host::Gist => format!("{auth}@"),
            _ => String::new(),
        };
        match form {
            HostedUrl::Shortcut => format!("{}:{path}", self.host.name()),
            HostedUrl::Ssh | HostedUrl::Http => format!("git+ssh://git@{domain}/{path}.git"),
            HostedUrl::Https if self.host == Host::Sourcehut => format!("https://{domain}/{path}"),
            HostedUrl::Https => format!("git+https://{auth}{domain}/{path}.git"),
            HostedUrl::Git => format!("git://{auth}{domain}/{path}.git"),
        }
    }

    fn path(&self) -> String {
        match (&self.user, self.host) {
            (_, Host::Gist) => self.project.to_string(),
            // Not that it leads anywhere, but it is what npm writes for `github:repo`.
            (None, _) => format!("null/{}", self.project),
            (Some(user), _) => format!("{user}/{}", self.project),
        }
    }
}

fn non_empty(text: String) -> Option<Arc<str>> {
    (!text.is_empty()).then(|| text.into())
}

fn without_git(project: &str) -> &str {
    project.strip_suffix(".git").unwrap_or(project)
}

fn auth(url: &Url) -> Option<Arc<str>> {
    match (url.username(), url.password().filter(|password| !password.is_empty())) {
        ("", None) => None,
        (user, None) => Some(user.into()),
        (user, Some(password)) => Some(format!("{user}:{password}").into()),
    }
}

/// The parts of a URL at a known host, still escaped.
struct Location<'u> {
    user: Option<&'u str>,
    project: &'u str,
    committish: &'u str,
}

impl<'u> Location<'u> {
    fn find(host: Host, url: &'u Url) -> Option<Self> {
        let path = url.path();
        let hash = url.fragment().unwrap_or_default();
        let mut segments = path.split('/').skip(1);
        let mut next = || segments.next().filter(|segment| !segment.is_empty());
        let (user, project, committish) = match host {
            Host::GitLab => {
                let path = path.strip_prefix('/').unwrap_or(path);
                if path.contains("/-/") || path.contains("/archive.tar.gz") {
                    return None;
                }
                let (user, project) = path.rsplit_once('/')?;
                (Some(user), project, hash)
            }
            Host::Gist => match (next(), next(), next()) {
                (_, _, Some("raw")) => return None,
                (Some(only), None, _) => (None, only, hash),
                (user, project, _) => (user, project?, hash),
            },
            Host::GitHub => match (next(), next(), next()) {
                (user, project, None) => (user, project?, hash),
                (user, project, Some("tree")) => (user, project?, next().unwrap_or_default()),
                _ => return None,
            },
            Host::Bitbucket => match (next(), next(), next()) {
                (_, _, Some("get")) => return None,
                (user, project, _) => (user, project?, hash),
            },
            Host::Sourcehut => match (next(), next(), next()) {
                (_, _, Some("archive")) => return None,
                (user, project, _) => (user, project?, hash),
            },
        };
        let project = without_git(project);
        let owned = host == Host::Gist || user.is_some_and(|user| !user.is_empty());
        let named = host == Host::Gist || !project.is_empty();
        (owned && named).then_some(Self { user, project, committish })
    }
}

/// Whether a text is `user/repo`, perhaps with a `#`, and nothing more. The one slash may be behind the `#`: npm takes
/// `repo#feature/x` for a repository of nobody.
fn is_github_shorthand(text: &str) -> bool {
    let body = text.split_once('#').map_or(text, |(body, _)| body);
    let slashes = body.bytes().filter(|b| *b == b'/').count();
    let plain = !body.contains(|c| matches!(c, '@' | ':') || crate::text::is_js_space(c));
    let slash = text.find('/').is_some_and(|at| at > 0);
    plain && slash && slashes <= 1 && !body.starts_with('.') && !body.ends_with('/')
}

/// Reads a git URL, an scp-like address among them.
fn parse_git_url(text: &str) -> Option<Url> {
    let text = with_protocol(text);
    uri::parse(&text).or_else(|| uri::parse(&without_scp(&text)))
}

/// `user@host:path` gets a protocol; `foo:bar` gets its slashes.
fn with_protocol(text: &str) -> String {
    const KNOWN: [&str; 13] = [
        "git",
        "git+ssh",
        "git+https",
        "git+http",
        "git+file",
        "ssh",
        "https",
        "http",
        "github",
        "gitlab",
        "bitbucket",
        "gist",
        "sourcehut",
    ];
    let colon = text.find(':');
    let protocol = colon.map_or("", |colon| &text[..colon]);
    let after = colon.map_or(0, |colon| colon + 1);
    if KNOWN.contains(&protocol) || (colon.is_some() && text[after..].starts_with("//")) {
        return text.to_owned();
    }
    if let Some(at) = text.find('@') {
        return match colon {
            Some(colon) if at < colon => text.to_owned(),
            _ => format!("git+ssh://{text}"),
        };
    }
    if text.find("//") == Some(after) {
        return text.to_owned();
    }
    format!("{}//{}", &text[..after], &text[after..])
}

/// The colon of `git+ssh://git@host:path` becomes a slash.
fn without_scp(text: &str) -> String {
    let end = text.find('#').unwrap_or(text.len());
    let at = text[..end].rfind('@');
    let mut corrected = text.to_owned();
    if let Some(colon) = text[..end].rfind(':').filter(|colon| at.is_none_or(|at| *colon > at)) {
        corrected.replace_range(colon..=colon, "/");
    }
    let end = corrected.find('#').unwrap_or(corrected.len());
    if !corrected[..end].contains(':') && !corrected.contains("//") {
        corrected.insert_str(0, "git+ssh://");
    }
    corrected
}
