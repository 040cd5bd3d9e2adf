//! A client for the tests: plain reqwest, which neither inflates nor follows redirects.

#![allow(dead_code, clippy::unwrap_used, reason = "helpers of several test files, each of which uses some")]

use http::HeaderMap;
use utoo_server::{FixtureRegistry, Mode, Server, ServerHandle, ServerOptions};

pub(crate) const ABBREVIATED: &str = "application/vnd.npm.install-v1+json";

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(crate) fn client() -> reqwest::Client {
    builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

pub(crate) fn builder() -> reqwest::ClientBuilder {
    // Nothing here speaks TLS, but the client wants to know how it would.
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy()
}

pub(crate) async fn ask(method: &str, url: &str, headers: &[(&str, &str)]) -> reqwest::Result<Answer> {
    let mut request = client().request(method.parse().unwrap(), url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
}

pub(crate) async fn get(server: &ServerHandle, path: &str, headers: &[(&str, &str)]) -> Answer {
    ask("GET", &format!("{}{path}", server.url()), headers).await.unwrap()
}

/// Two packages, one of them scoped.
pub(crate) fn fixtures() -> FixtureRegistry {
    let mut fixtures = FixtureRegistry::new();
    for manifest in [
        r#"{"name": "left", "version": "1.0.0", "description": "d", "scripts": {"install": "x"}}"#,
        r#"{"name": "left", "version": "1.1.0"}"#,
        r#"{"name": "@s/n", "version": "2.0.0", "dependencies": {"left": "^1.0.0"}}"#,
    ] {
        fixtures.publish_json(manifest).unwrap();
    }
    fixtures
}

pub(crate) fn start(mode: Mode) -> ServerHandle {
    let mut options = ServerOptions::new(mode);
    options.limits.upstream_pause = std::time::Duration::from_millis(1);
    Server::start(options).unwrap()
}
