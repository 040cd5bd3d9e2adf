//! Tarballs: the same network, other bounds, and no store, since the installer has one.

use std::sync::Arc;

use bytes::Bytes;
use tracing::{Instrument as _, debug_span};
use url::Url;
use utoo_config::{ReplaceRegistryHost, public_registry};
use utoo_resolver::{ErrorCategory, RegistryError};
use utoo_types::{Integrity, PackageName};

use crate::address::redact_text;
use crate::document::not_cached;
use crate::http::{Ask, Traffic};
use crate::registry::UnifiedRegistry;

/// Which tarball is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TarballRequest {
    /// Where it is, as `resolved` in a lockfile or `dist.tarball` in a manifest says.
    pub url: Arc<str>,
    /// The package it is of: its registry's credentials may be used.
    pub name: PackageName,
    /// What its bytes must be, for the receiver to verify: it is not looked at here.
    pub integrity: Option<Integrity>,
}

impl UnifiedRegistry {
    /// Fetches a tarball as it is, at most [`Limits::tarball`](crate::Limits::tarball) bytes. The bytes are **not**
    /// verified.
    ///
    /// The credentials are those for the URL's own path, or the registry's where the URL is on its origin.
    /// `replace-registry-host` decides whether the registry is asked instead of the host that stands in the URL.
    ///
    /// # Errors
    /// npm's codes for statuses (`E404`) and for the network (`ETIMEDOUT`); `ENOTCACHED` with `--offline`;
    /// `ETOOLARGE`; `EUNSUPPORTEDPROTOCOL` for anything but HTTP.
    pub async fn fetch_tarball(&self, request: &TarballRequest) -> Result<Bytes, RegistryError> {
        let fetched = self.fetch_tarball_watched(request, || (), |(), _| ()).await;
        fetched.map(|(tarball, ())| tarball)
    }

    /// [`UnifiedRegistry::fetch_tarball`], with the bytes shown as they arrive, for progress or for hashing on the
    /// way: each attempt makes a watch of its own with `begin`, and `watch` gets it with each part. The watch of the
    /// attempt that succeeded is handed back.
    ///
    /// # Errors
    /// As [`UnifiedRegistry::fetch_tarball`].
    pub async fn fetch_tarball_watched<W: Send>(
        &self,
        request: &TarballRequest,
        begin: impl Fn() -> W + Sync,
        watch: impl Fn(&mut W, &[u8]) + Sync,
    ) -> Result<(Bytes, W), RegistryError> {
        let span = debug_span!("tarball", name = %request.name);
        let ask = self.tarball_ask(request)?;
        if self.is_offline() {
            return Err(not_cached(&ask.url));
        }
        let limit = self.inner.options.limits.tarball;
        let http = &self.inner.http;
        let attempt = || async {
            let mut watched = begin();
            let answer = http.fetch(&ask).await?;
            let tarball = answer.body(limit, |part| watch(&mut watched, part)).await?;
            Ok((tarball, watched))
        };
        let done = http.retrying(attempt).instrument(span).await?;
        http.counters.tarballs.add(1);
        Ok(done)
    }

    fn tarball_ask(&self, request: &TarballRequest) -> Result<Ask, RegistryError> {
        let config = &self.inner.options.config;
        let registry = config.registry_for(request.name.as_str());
        let written = parse(&request.url)?;
        let replace = &config.lock().replace_registry_host;
        let url = on_registry_host(written, registry, replace, &public_registry());
        let credentials = config.credentials_for_tarball(&url, registry);
        Ok(Ask { url, credentials, traffic: Traffic::Tarball })
    }
}

fn parse(text: &str) -> Result<Url, RegistryError> {
    let refuse =
        |message: String| RegistryError::new("EUNSUPPORTEDPROTOCOL", ErrorCategory::Precondition, message);
    let url = Url::parse(text).map_err(|error| {
        refuse(format!("{} is no URL of a tarball", redact_text(text))).caused_by(error.to_string())
    })?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        return Ok(url);
    }
    Err(refuse(format!("a tarball cannot be fetched by {}:", url.scheme())))
}

/// npm's `replace-registry-host`: a lockfile written against one registry works with another. Scheme, host and port
/// become the registry's; its path is put in front of the URL's, unless it stands there already.
fn on_registry_host(url: Url, registry: &Url, replace: &ReplaceRegistryHost, public: &Url) -> Url {
    let applies = match replace {
        ReplaceRegistryHost::Never => false,
        ReplaceRegistryHost::Always => true,
        ReplaceRegistryHost::Npmjs => url.host_str() == public.host_str(),
        ReplaceRegistryHost::Host(host) => url.host_str() == Some(host.as_str()),
    };
    if !applies || url.origin() == registry.origin() {
        return url;
    }
    let mut target = registry.clone();
    let base = registry.path();
    if url.path().starts_with(base) {
        target.set_path(url.path());
    } else {
        target.set_path(&format!("{}{}", base.trim_end_matches('/'), url.path()));
    }
    target.set_query(url.query());
    target.set_fragment(None);
    target
}

#[cfg(test)]
#[path = "tarball_tests.rs"]
mod tests;
