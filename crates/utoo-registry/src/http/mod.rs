//! HTTP as a registry client needs it: bounded in time, size and number of requests, repeated where that helps, with
//! credentials that stay where they belong.
//!
//! An [`Ask`] is one question. [`HttpClient::fetch`] answers it with a response; [`HttpClient::fetch_if_changed`]
//! may also answer that nothing changed, and only to a caller who shows the validators of a document he holds. So
//! "not modified" never reaches anyone who has nothing to show. [`HttpClient::retrying`] repeats whole attempts,
//! with the reading and decoding of the body inside, since a body that is cut is as transient as a lost connection.

mod clients;
mod direct;
mod lanes;
mod response;
mod retry;
mod tls;

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::time::Instant;
use tracing::debug;
use url::Url;
use utoo_config::Credentials;
use utoo_resolver::{ErrorCategory, RegistryError};

use crate::address::{redact, same_origin};
use crate::failure::Failure;
use crate::options::{Clock, RegistryOptions, Timeouts};
use crate::stats::Counters;
use crate::store::Validators;

use clients::Clients;
use direct::Trouble;
use lanes::{Lane, Lanes};
use response::Response;
pub use retry::RetryPolicy;
pub(crate) use retry::{Retry, retry_of_status};

/// npm follows as many.
const MAX_REDIRECTS: usize = 20;
/// What is read of an error's body, in bytes: its reason stands at the start.
const MAX_REASON: u64 = 16 * 1024;
/// A body's memory is reserved by its announced length, up to this.
const MAX_RESERVE: u64 = 64 << 20;
/// A connection is kept this long without use: longer than the pauses within one install.
const IDLE: Duration = Duration::from_secs(60);

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// A document that a resolve waits for; gzip is accepted.
    Document {
        /// The `Accept` header.
        accept: &'static str,
    },
    /// A tarball; its bytes are wanted as they are.
    Tarball,
}

/// One question.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) url: Url,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) traffic: Traffic,
}

/// The answer to a question that was asked with validators.
pub(crate) enum IfChanged<'a> {
    NotModified(HeaderMap),
    Changed(Answer<'a>),
}

/// A response with status 2xx, its body still to be read.
pub(crate) struct Answer<'a> {
    response: Response<'a>,
    url: Url,
    counters: &'a Counters,
    _lane: Lane<'a>,
}

#[derive(Debug)]
pub(crate) struct HttpClient {
    clients: Clients,
    retry: RetryPolicy,
    timeouts: Timeouts,
    clock: Clock,
    lanes: Lanes,
    pub(crate) counters: Counters,
}

impl HttpClient {
    pub(crate) fn new(options: &RegistryOptions) -> Self {
        Self {
            clients: Clients::new(options.config.network().clone(), options.timeouts, options.connections),
            retry: options.retry.clone(),
            timeouts: options.timeouts,
            clock: options.clock.clone(),
            lanes: Lanes::new(options.connections),
            counters: Counters::default(),
        }
    }

    /// How many requests are open at a time now, and half as many: what is done with an answer takes a while, in which its
    /// lane must not stay empty.
    pub(crate) fn at_once(&self) -> usize {
        let open = self.lanes.open_now();
        open.saturating_add(open / 2)
    }

    /// Runs attempts until one succeeds, one fails for good, or the policy has had enough.
    pub(crate) async fn retrying<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, RegistryError>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut count = 0;
        loop {
            let failure = match attempt().await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let Some(pause) = self.retry.pause(count, failure.retry) else {
                return Err(after(*failure.error, count, failure.retry));
            };
            count += 1;
            self.counters.retries.add(1);
            debug!(error = %failure.error, attempt = count, ?pause, "trying again");
            tokio::time::sleep(pause).await;
        }
    }

    /// One attempt at a question without validators. A 304 to it is a mistake of something on the way; it is
    /// asked again past all caches, and then counts as damage.
    pub(crate) async fn fetch(&self, ask: &Ask) -> Result<Answer<'_>, Failure> {
        let mut headers = base_headers(ask.traffic);
        match self.send(ask, &headers).await? {
            IfChanged::Changed(answer) => return Ok(answer),
            IfChanged::NotModified(_) => {
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            }
        }
        match self.send(ask, &headers).await? {
            IfChanged::Changed(answer) => Ok(answer),
            IfChanged::NotModified(_) => {
                Err(Failure::damaged(&ask.url, "304 Not Modified to a question without conditions"))
            }
        }
    }

    /// One attempt at a question about a document that the caller holds.
    pub(crate) async fn fetch_if_changed(
        &self,
        ask: &Ask,
        held: &Validators,
    ) -> Result<IfChanged<'_>, Failure> {
        let mut headers = base_headers(ask.traffic);
        // A validator that is no header value cannot have come from a header; without it the answer is a 200.
        if let Some(value) = held.etag.as_deref().and_then(|etag| etag.parse().ok()) {
            headers.insert(header::IF_NONE_MATCH, value);
        } else if let Some(value) = held.last_modified.as_deref().and_then(|date| date.parse().ok()) {
            headers.insert(header::IF_MODIFIED_SINCE, value);
        } else {
            return Ok(IfChanged::Changed(self.fetch(ask).await?));
        }
        match self.send(ask, &headers).await? {
            IfChanged::NotModified(answered) if !is_about(&answered, held) => {
                debug!(url = %redact(&ask.url), "304 about another document");
                Ok(IfChanged::Changed(self.fetch(ask).await?))
            }
            other => Ok(other),
        }
    }

    async fn send(&self, ask: &Ask, headers: &HeaderMap) -> Result<IfChanged<'_>, Failure> {
        // The lanes are never closed; if they were, that would be an end like any other.
        let closed = |_| RegistryError::new("ECANCELED", ErrorCategory::Local, "the client is shutting down");
        let lane = self.lanes.enter(ask.traffic).await.map_err(closed)?;
        let sent = Instant::now();
        let (response, url) = self.follow(ask, headers).await?;
        self.lanes.answered(sent);
        let status = response.status();
        if status == StatusCode::NOT_MODIFIED {
            return Ok(IfChanged::NotModified(response.headers().clone()));
        }
        if status.is_success() {
            let counters = &self.counters;
            return Ok(IfChanged::Changed(Answer { response, url, counters, _lane: lane }));
        }
        let headers = response.headers().clone();
        let said = self.reason(response, &url).await;
        Err(Failure::status(&ask.url, status, (&headers, self.clock.now()), said))
    }

    /// Sends the request and follows redirects. Credentials, client certificates included, go to the origin they are
    /// for; a redirect elsewhere loses them for good, even if another one leads back.
    async fn follow(&self, ask: &Ask, headers: &HeaderMap) -> Result<(Response<'_>, Url), Failure> {
        let total = match ask.traffic {
            Traffic::Document { .. } => self.timeouts.document,
            Traffic::Tarball => self.timeouts.tarball,
        };
        let mut url = ask.url.clone();
        let mut credentials = ask.credentials.as_ref();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.request(&url, headers, credentials, total).await?;
            if !is_redirect(response.status()) {
                return Ok((response, url));
            }
            let next = location(&url, response.headers())?;
            if !same_origin(&url, &next) {
                credentials = None;
            }
            url = next;
        }
        Err(Failure::malformed("EREDIRECT", &ask.url, format!("more than {MAX_REDIRECTS} redirects")))
    }

    async fn request(
        &self,
        url: &Url,
        headers: &HeaderMap,
        credentials: Option<&Credentials>,
        total: Duration,
    ) -> Result<Response<'_>, Failure> {
        let authorization = credentials.and_then(|known| known.authorization.as_ref());
        let authorization = authorization.map(|secret| secret_value(url, secret)).transpose()?;
        if let Some(direct) = self.clients.direct(url) {
            let headers = (headers, authorization.as_ref());
            match direct.get(url, headers, total, &self.counters.requests).await {
                Ok(response) => return Ok(Response::Direct(Box::new(response))),
                Err(Trouble::Failed(failure)) => return Err(failure),
                Err(Trouble::Beyond) => {}
            }
        }
        let certificate = credentials.and_then(|known| known.client_certificate.as_ref());
        let client = self.clients.client(url, certificate)?;
        let mut request = client.get(url.clone()).headers(headers.clone()).timeout(total);
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        self.counters.requests.add(1);
        let sent = request.send().await;
        sent.map(Response::Any).map_err(|error| Failure::transport(url, error))
    }

    /// What the registry gives as reason: `error`, `reason` or `message` of a JSON object. Anything else is not shown.
    async fn reason(&self, response: Response<'_>, url: &Url) -> Option<String> {
        let body = response.body(url, MAX_REASON, &self.counters.bytes_received, |_| ()).await.ok()?;
        let value: serde_json::Value = serde_json::from_slice(&body).ok()?;
        let text = ["error", "reason", "message"].iter().find_map(|key| value.get(key)?.as_str())?;
        let line: String = text.chars().filter(|c| !c.is_control()).take(300).collect();
        (!line.is_empty()).then_some(line)
    }
}

impl Answer<'_> {
    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The whole body, at most `limit` bytes, shown to `watch` as it arrives.
    pub(crate) async fn body(self, limit: u64, watch: impl FnMut(&[u8]) + Send) -> Result<Bytes, Failure> {
        self.response.body(&self.url, limit, &self.counters.bytes_received, watch).await
    }
}

fn base_headers(traffic: Traffic) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(6);
    let (accept, encoding) = match traffic {
        Traffic::Document { accept } => (accept, "gzip"),
        Traffic::Tarball => ("*/*", "identity"),
    };
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
    headers
}

fn secret_value(url: &Url, authorization: &utoo_config::Authorization) -> Result<HeaderValue, Failure> {
    let text = authorization.header_value();
    let mut value: HeaderValue = text.expose().parse().map_err(|_| {
        let error = RegistryError::new(
            "EINVALIDAUTH",
            ErrorCategory::Auth,
            "the credentials for this registry hold characters that cannot be sent",
        );
        Failure::from(error.at(redact(url)).hint("look for a line break or a space in the token"))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn location(url: &Url, headers: &HeaderMap) -> Result<Url, Failure> {
    let wrong = |why: &str| Failure::malformed("EREDIRECT", url, format!("a redirect {why}"));
    let value = headers.get(header::LOCATION).ok_or_else(|| wrong("without a location"))?;
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| wrong("to something that is no text"))?;
    let next = url.join(text).map_err(|_| wrong("to something that is no URL"))?;
    if !matches!(next.scheme(), "http" | "https") {
        return Err(wrong("away from HTTP"));
    }
    Ok(next)
}

/// Whether a 304 is about the document that was asked about: caches on the way have been seen to mix them up.
fn is_about(answered: &HeaderMap, held: &Validators) -> bool {
    let Some(theirs) = answered.get(header::ETAG).and_then(|etag| etag.to_str().ok()) else {
        return true;
    };
    let weak = |etag: &str| etag.strip_prefix("W/").unwrap_or(etag).to_owned();
    held.etag.as_deref().is_none_or(|ours| weak(ours) == weak(theirs))
}

/// Says in the error how hard it was tried.
fn after(error: RegistryError, retries: u32, last: Retry) -> RegistryError {
    let error = match last {
        Retry::After(pause) if error.hint.is_none() => {
            error.hint(format!("the registry asks to come back in {} seconds", pause.as_secs()))
        }
        _ => error,
    };
    match retries {
        0 => error,
        1 => error.caused_by("tried twice"),
        more => error.caused_by(format!("tried {} times", more + 1)),
    }
}
