//! The HTTP client towards an upstream registry.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, IF_NONE_MATCH};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use crate::backend::Failure;
use crate::document::DOCUMENT_LIMIT;
use crate::error::ServerError;
use crate::gzip;
use crate::options::Limits;
use crate::record::{Counters, add};

/// A name as one part of a URL's path, its `@` as is: `@s%2fn`.
const NAME: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'@').remove(b'~').remove(b'!');
/// Attempts at one request; only failures without an answer and 5xx are tried again.
const ATTEMPTS: u32 = 3;

/// A document as upstream answered.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// It is as it was.
    NotModified,
    /// A new body, inflated, with its validator.
    New { body: Vec<u8>, etag: Option<String> },
}

#[derive(Debug)]
pub(crate) struct Upstream {
    client: reqwest::Client,
    base: Url,
    body_limit: u64,
    pause: Duration,
    counters: Arc<Counters>,
}

impl Upstream {
    pub(crate) fn new(base: Url, limits: &Limits, counters: Arc<Counters>) -> Result<Self, ServerError> {
        let failed = |reason: String| ServerError::Upstream { upstream: redacted(&base), reason };
        let tls = tls().map_err(|error| failed(error.to_string()))?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("utoo-server/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(limits.upstream)
            .read_timeout(limits.upstream)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { client, base, body_limit: limits.upstream_body, pause: limits.upstream_pause, counters })
    }

    /// Asks for the full document.
    pub(crate) async fn document(&self, name: &str, etag: Option<&str>) -> Result<Fetched, Failure> {
        let path = utf8_percent_encode(name, NAME).to_string().replace("%2F", "%2f");
        let base = self.base.as_str().trim_end_matches('/');
        let url =
            Url::parse(&format!("{base}/{path}")).map_err(|error| Failure::Internal(error.to_string()))?;
        let (response, body) = self.get(&url, etag).await?;
        if response.status == StatusCode::NOT_MODIFIED {
            return Ok(Fetched::NotModified);
        }
        let body = match response.gzip {
            true => gzip::decompress(&body, DOCUMENT_LIMIT)
                .map_err(|error| Failure::Upstream(error.to_string()))?,
            false => body.to_vec(),
        };
        Ok(Fetched::New { body, etag: response.etag })
    }

    /// Asks for a tarball, wherever its document says that it is.
    pub(crate) async fn tarball(&self, url: &str) -> Result<Bytes, Failure> {
        let url = Url::parse(url).map_err(|error| Failure::Upstream(format!("{error}: {url}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Failure::Upstream(format!("a tarball at a {} URL", url.scheme())));
        }
        self.get(&url, None).await.map(|(_, body)| body)
    }

    async fn get(&self, url: &Url, etag: Option<&str>) -> Result<(Head, Bytes), Failure> {
        let mut pause = self.pause;
        for attempt in 1.. {
            match self.get_once(url, etag).await {
                Err(Failure::Upstream(reason)) if attempt < ATTEMPTS => {
                    tracing::warn!(url = redacted(url), reason, attempt, "upstream failed; trying again");
                }
                answer => return answer,
            }
            tokio::time::sleep(pause).await;
            pause *= 4;
        }
        Err(Failure::Upstream("no attempts".to_owned()))
    }

    async fn get_once(&self, url: &Url, etag: Option<&str>) -> Result<(Head, Bytes), Failure> {
        let failed = |error: reqwest::Error| Failure::Upstream(chain(&error.without_url()));
        let mut request = self.client.get(url.clone()).header(ACCEPT_ENCODING, "gzip");
        request = request.header(ACCEPT, "application/json, */*;q=0.5");
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        add(&self.counters.upstream_requests, 1);
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        match status.as_u16() {
            200 => {}
            304 if etag.is_some() => {}
            404 | 410 => return Err(Failure::NotFound),
            refused @ 400..=499 => return Err(Failure::Refused(refused)),
            other => return Err(Failure::Upstream(format!("upstream answered {other}"))),
        }
        let text =
            |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let head = Head { status, etag: text(ETAG), gzip: text(CONTENT_ENCODING).as_deref() == Some("gzip") };
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            add(&self.counters.upstream_bytes, chunk.len() as u64);
            body.extend_from_slice(&chunk);
            if body.len() as u64 > self.body_limit {
                return Err(Failure::Upstream(format!("more than {} bytes", self.body_limit)));
            }
        }
        Ok((head, body.freeze()))
    }
}

struct Head {
    status: StatusCode,
    etag: Option<String>,
    gzip: bool,
}

/// Trusts the system's certificates, with `SSL_CERT_FILE` and `SSL_CERT_DIR` in their place where set.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// An error with its causes: reqwest's own text names only the last step.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// A URL without the credentials in it.
fn redacted(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}
