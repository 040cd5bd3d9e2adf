//! Specs that name a git repository.

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use url::Url;

use super::hosted::{Hosted, HostedUrl};
use super::{SpecError, uri};

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
///
/// No part that reaches git begins with a hyphen: specs of which one does are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitSpec {
    /// The repository, where it is at a host that npm knows.
    pub hosted: Option<Hosted>,
    /// The URL for git, without `git+` and fragment; `None` for shortcuts.
    pub url: Option<Arc<str>>,
    /// Which commit.
    pub selector: Selector,
    /// The folder that holds the package, with a leading `/`: `#path:`. As written: join it with care.
    pub subdirectory: Option<Arc<str>>,
}

impl GitSpec {
    /// A repository at a known host, and what npm saves for it.
    pub(super) fn from_hosted(hosted: Hosted, raw: &Arc<str>) -> Result<(Self, Arc<str>), SpecError> {
        let committish = hosted.committish.clone();
        let save = hosted.save_url(hosted.written, committish.as_deref());
        let url = match hosted.written {
            HostedUrl::Shortcut => None,
            written => Some(hosted.clone_url(written).into()),
        };
        let spec = Self::new(Some(hosted), url, committish.as_deref(), raw)?;
        Ok((spec, save.into()))
    }

    /// `git+ssh://git@host:path` as ssh takes it: `git@host:path`. `None` when it is an ordinary URL.
    pub(super) fn scp(spec: &str, raw: &Arc<str>) -> Option<Result<Self, SpecError>> {
        let rest = spec.strip_prefix("git+ssh://")?;
        let (address, fragment) = match rest.split_once('#') {
            Some((address, fragment)) => (address, Some(fragment)),
            None => (rest, None),
        };
        let (host, path) = address.split_once(':')?;
        // The pattern stops at the end of a line.
        let single_line = !fragment.is_some_and(|text| text.contains(LINE_ENDS));
        let parts: Vec<&str> = address.split(':').collect();
        let has_port = parts.iter().enumerate().skip(1).any(|(index, part)| {
            let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
            let ends = rest.starts_with('/') || (rest.is_empty() && index + 1 == parts.len());
            rest.len() < part.len() && ends
        });
        if host.is_empty() || path.is_empty() || !single_line || has_port {
            return None;
        }
        Some(Self::new(None, Some(address.into()), fragment, raw))
    }

    /// Any other git URL.
    pub(super) fn url(mut url: Url, spec: &str, raw: &Arc<str>) -> Result<Self, SpecError> {
        let fragment = url.fragment().map(str::to_owned);
        url.set_fragment(None);
        let text = url.as_str();
        let text: Arc<str> = match spec.get(..GIT_FILE.len()) {
            // npm takes any letter and a colon after the slashes for a drive: `git+file://c:/a`.
            Some(start)
                if start.eq_ignore_ascii_case(GIT_FILE) && starts_with_drive(&spec[GIT_FILE.len()..]) =>
            {
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
                format!("file://{host}{port}:{}", url.path()).into()
            }
            _ => text.strip_prefix("git+").unwrap_or(text).into(),
        };
        Self::new(None, Some(text), fragment.as_deref(), raw)
    }

    fn new(
        hosted: Option<Hosted>,
        url: Option<Arc<str>>,
        fragment: Option<&str>,
        raw: &Arc<str>,
    ) -> Result<Self, SpecError> {
        let mut spec = Self { hosted, url, selector: Selector::Head, subdirectory: None };
        if let Some(fragment) = fragment.filter(|fragment| !fragment.is_empty()) {
            spec.select(fragment, raw)?;
        }
        if spec.holds_option() {
            return Err(SpecError::Option { raw: raw.clone() });
        }
        Ok(spec)
    }

    /// Reads what follows the `#`: parts with `::` between them.
    fn select(&mut self, fragment: &str, raw: &Arc<str>) -> Result<(), SpecError> {
        let wrong = |reason| Err(SpecError::Committish { reason, raw: raw.clone() });
        for part in fragment.split("::") {
            let Some((key, value)) = part.split_once(':') else {
                match &self.selector {
                    Selector::Range(range) if !range.is_empty() => {
                        return wrong("cannot override existing semver range with a committish");
                    }
                    Selector::Committish(_) => {
                        return wrong("cannot override existing committish with a second committish");
                    }
                    _ if part.is_empty() => {}
                    _ => self.selector = Selector::Committish(part.into()),
                }
                continue;
            };
            let value = value.split_once(':').map_or(value, |(value, _)| value);
            match key {
                "semver" => match &self.selector {
                    Selector::Committish(_) => {
                        return wrong("cannot override existing committish with a semver range");
                    }
                    Selector::Range(range) if !range.is_empty() => {
                        return wrong("cannot override existing semver range with a second semver range");
                    }
                    _ => match uri::decode(value) {
                        Some(range) => self.selector = Selector::Range(range.into()),
                        None => return wrong("URI malformed"),
                    },
                },
                "path" if self.subdirectory.is_some() => {
                    return wrong("cannot override existing path with a second path");
                }
                "path" => self.subdirectory = Some(format!("/{value}").into()),
                // npm warns of unknown keys and goes on.
                _ => {}
            }
        }
        Ok(())
    }

    fn holds_option(&self) -> bool {
        let committish = match &self.selector {
            Selector::Committish(committish) => is_option(committish),
            Selector::Head | Selector::Range(_) => false,
        };
        let hosted = self.hosted.as_ref();
        let user = hosted.and_then(|hosted| hosted.user.as_deref()).is_some_and(is_option);
        committish || user || self.url.as_deref().is_some_and(address_holds_option)
    }
}

/// What ends a line in JavaScript's patterns.
const LINE_ENDS: [char; 4] = ['\n', '\r', '\u{2028}', '\u{2029}'];

const GIT_FILE: &str = "git+file://";

fn starts_with_drive(text: &str) -> bool {
    matches!(text.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

fn is_option(text: &str) -> bool {
    percent_decode_str(text).next() == Some(b'-')
}

/// Whether the user, the host or the path of an address would look like an option where git hands it to ssh.
fn address_holds_option(address: &str) -> bool {
    let (authority, path) = match address.split_once("://") {
        Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
        None => address.split_once(':').unwrap_or((address, "")),
    };
    let host = authority.rsplit_once('@').map_or("", |(_, host)| host);
    [address, authority, host, path].into_iter().any(is_option)
}
