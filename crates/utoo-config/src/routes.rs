//! On which ways the user's credentials may travel.
//!
//! npm keeps a token by host and path, not by scheme, and lets a project's `.npmrc` say through which proxy and with which
//! certificates a host is reached. Together that is a way to have somebody else's token: `proxy=http://evil.example` with
//! `registry=http://` before the name of a host that the user has a token for, or `https-proxy=` with `strict-ssl=false`.
//! The rule here, for credentials of the user's own layers and for those that hold a variable:
//!
//! - Where the project's file turns off the check of certificates, or says whose certificates count (`strict-ssl`, `ca`,
//!   `cafile`), they are not sent at all.
//! - Through a proxy that only the project's file names they go encrypted, or not at all.
//! - To a host that is named as `https://`, by whomever, they don't go unencrypted, unless the user's own layers name it as
//!   `http://` too.
//!
//! What a project's file holds itself, its author knows; that is sent as it says.

use std::collections::BTreeSet;

use url::Url;

use crate::error::{ConfigError, Origin};
use crate::layers::Layer;
use crate::public::public_registry;
use crate::sources::{Found, Sources};
use crate::trust::host_of_url;
use crate::value;

/// What the project's file decides on the ways to registries, and what is known of their hosts.
#[derive(Debug)]
pub(crate) struct Routes {
    /// `strict-ssl`, `ca` or `cafile` of the project's file, in force.
    certificates: Option<Detour>,
    /// `https-proxy` or `proxy` of the project's file, in force.
    proxy: Option<Detour>,
    /// Hosts that must not get a secret unencrypted.
    encrypted: BTreeSet<String>,
}

/// A line of the project's file for which credentials stay at home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Detour {
    pub(crate) key: &'static str,
    pub(crate) origin: Origin,
}

/// Why a URL gets none of the user's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exposure<'a> {
    /// Nobody knows who is at the other end.
    Certificates(&'a Detour),
    /// A proxy reads along.
    Proxy(&'a Detour),
    /// Anybody on the way reads along.
    Unencrypted,
}

impl Routes {
    /// `registries` are those that are in use, whoever named them.
    pub(crate) fn read<'a>(
        sources: &Sources,
        registries: impl Iterator<Item = &'a Url>,
    ) -> Result<Self, ConfigError> {
        let own = |key| sources.find(key).filter(|found| found.data.layer == Layer::Project);
        let is_set = |found: &Found<'_>| !matches!(found.setting.text(), "" | "null");
        let is_off = !sources.boolean("strict-ssl", true)?;
        let certificates = own("strict-ssl")
            .filter(|_| is_off)
            .map(|found| detour("strict-ssl", found))
            .or_else(|| own("ca").filter(is_set).map(|found| detour("ca", found)))
            .or_else(|| own("cafile").filter(is_set).map(|found| detour("cafile", found)));
        // The first that says anything decides, be it that there is none.
        let proxy = ["https-proxy", "proxy"]
            .into_iter()
            .find_map(|key| Some((key, sources.find(key).filter(is_set)?)))
            .filter(|(_, found)| found.data.layer == Layer::Project)
            .map(|(key, found)| detour(key, found));
        let of_scheme = |scheme: &str, urls: &[Url]| -> BTreeSet<String> {
            urls.iter().filter(|url| url.scheme() == scheme).map(host_of_url).collect()
        };
        let named_by_user = named_by_user(sources);
        let mut encrypted = of_scheme("https", &named_by_user);
        encrypted.extend(of_scheme("https", &registries.cloned().collect::<Vec<_>>()));
        for host in of_scheme("http", &named_by_user) {
            encrypted.remove(&host);
        }
        Ok(Self { certificates, proxy, encrypted })
    }

    /// What would happen to a secret on its way; nothing where it arrives unseen, or where the user wants it so.
    pub(crate) fn exposure(&self, url: &Url, proxy: Option<&Url>) -> Option<Exposure<'_>> {
        if url.scheme() == "https" {
            return self.certificates.as_ref().map(Exposure::Certificates);
        }
        match &self.proxy {
            Some(detour) if proxy.is_some() => Some(Exposure::Proxy(detour)),
            _ => self.encrypted.contains(&host_of_url(url)).then_some(Exposure::Unencrypted),
        }
    }
}

fn detour(key: &'static str, found: Found<'_>) -> Detour {
    Detour { key, origin: found.setting.origin.clone() }
}

/// npm's public registry, and the URLs with a scheme by which the user's own layers name registries.
fn named_by_user(sources: &Sources) -> Vec<Url> {
    let mut urls = vec![public_registry()];
    for data in sources.layers.iter().filter(|data| data.layer.is_trusted()) {
        for (key, setting) in &data.settings {
            if key == "registry" || key.ends_with(":registry") {
                urls.extend(value::registry_url(setting.text()));
            } else if key == "trusted-registries" {
                let texts = setting.values.iter().flat_map(|value| value.split(','));
                urls.extend(texts.filter_map(|text| Url::parse(text.trim()).ok()).filter(Url::has_host));
            }
        }
    }
    urls
}
