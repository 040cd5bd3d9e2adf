//! One request in, one answer out.

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HOST,
    HeaderName, IF_NONE_MATCH, LOCATION, USER_AGENT, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::json;

use crate::answer::{Answer, send};
use crate::backend::{Backend, Failure};
use crate::document::{Form, Representation};
use crate::faults::{Fault, FaultPlan};
use crate::negotiate::{accepts_gzip, matches_etag, wanted_form};
use crate::options::Documents;
use crate::record::{Recorder, RequestRecord, add, http_now};
use crate::route::{Route, route};
use crate::select::select;

/// What every request sees.
pub(crate) struct App {
    pub(crate) backend: Backend,
    pub(crate) recorder: Recorder,
    pub(crate) faults: RwLock<Arc<FaultPlan>>,
    /// Where the server listens, as `http://host:port`.
    pub(crate) own_origin: String,
    /// The origin in tarball URLs, when it isn't the one asked.
    pub(crate) public_origin: Option<String>,
    pub(crate) documents: Documents,
    pub(crate) cache_control: HeaderValue,
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotFound => Self::error(StatusCode::NOT_FOUND, "Not found"),
            Failure::Refused(status) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
                Self::error(status, &format!("upstream answered {}", status.as_u16()))
            }
            Failure::Upstream(reason) => Self::error(StatusCode::BAD_GATEWAY, &reason),
            Failure::Internal(reason) => Self::error(StatusCode::INTERNAL_SERVER_ERROR, &reason),
        }
    }
}

pub(crate) async fn handle(State(app): State<Arc<App>>, request: Request) -> Response {
    let started = Instant::now();
    let (parts, _body) = request.into_parts();
    let route = route(parts.uri.path());
    let own = matches!(route, Route::Ping | Route::Health | Route::Stats);
    let exchange = Exchange { parts, started, own };
    let parts = &exchange.parts;
    let plan = Arc::clone(&app.faults.read().unwrap_or_else(PoisonError::into_inner));
    let (delay, fault) = if own { Default::default() } else { plan.apply(parts.uri.path()) };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if !own {
        count(&app, &route);
    }
    match fault {
        Some(Fault::Status { code, headers, body }) => {
            app.finish(&exchange, scripted(code, &headers, body), None)
        }
        Some(Fault::Redirect { to }) => {
            let answer = scripted(StatusCode::FOUND, &[(LOCATION.as_str(), to)], Bytes::new());
            app.finish(&exchange, answer, None)
        }
        fault => app.finish(&exchange, app.answer(parts, route).await, fault.as_ref()),
    }
}

fn count(app: &App, route: &Route) {
    let counters = &app.recorder.counters;
    add(&counters.requests, 1);
    match route {
        Route::Document(_) | Route::Version { .. } => add(&counters.documents, 1),
        Route::Tarball { .. } => add(&counters.tarballs, 1),
        _ => {}
    }
}

fn scripted(code: StatusCode, headers: &[(&'static str, String)], body: Bytes) -> Answer {
    let mut answer = Answer::new(code, "application/json", body);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::from_str(value)) {
            answer.headers.insert(name, value);
        }
    }
    answer
}

/// A request on its way through.
struct Exchange {
    parts: Parts,
    started: Instant,
    /// About the server itself: neither counted nor recorded.
    own: bool,
}

impl App {
    fn form(&self, headers: &HeaderMap) -> Form {
        match self.documents {
            Documents::Both => wanted_form(headers),
            Documents::Full => Form::Full,
        }
    }

    /// Records the answer and turns it into what is sent.
    fn finish(&self, exchange: &Exchange, answer: Answer, fault: Option<&Fault>) -> Response {
        let (counters, parts) = (&self.recorder.counters, &exchange.parts);
        match answer.status {
            StatusCode::NOT_MODIFIED => add(&counters.not_modified, 1),
            StatusCode::NOT_FOUND if !exchange.own => add(&counters.misses, 1),
            _ => {}
        }
        let status = answer.status;
        let (response, bytes) = send(answer, fault, parts.method == Method::HEAD);
        if exchange.own || !self.recorder.wants_records() {
            return response;
        }
        let text = |name: HeaderName| {
            parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        self.recorder.record(RequestRecord {
            at: http_now(),
            method: parts.method.to_string(),
            path: parts
                .uri
                .path_and_query()
                .map_or_else(|| parts.uri.path(), |path| path.as_str())
                .to_owned(),
            accept: text(ACCEPT),
            accept_encoding: text(ACCEPT_ENCODING),
            if_none_match: text(IF_NONE_MATCH),
            user_agent: text(USER_AGENT),
            authorization: parts.headers.contains_key(AUTHORIZATION),
            status: status.as_u16(),
            bytes,
            elapsed: exchange.started.elapsed(),
        });
        response
    }

    async fn answer(&self, parts: &Parts, route: Route) -> Answer {
        if parts.method != Method::GET && parts.method != Method::HEAD {
            let message = format!("{} is not allowed", parts.method);
            let mut answer = Answer::json(
                StatusCode::METHOD_NOT_ALLOWED,
                &json!({ "code": "MethodNotAllowed", "message": message, "error": message }),
            );
            answer.headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match route {
            Route::Ping => Answer::json(StatusCode::OK, &json!({})),
            Route::Health => Answer::json(StatusCode::OK, &json!({ "status": "ok" })),
            Route::Stats => {
                let stats = serde_json::to_value(self.recorder.counters.stats());
                Answer::json(StatusCode::OK, &stats.unwrap_or_default())
            }
            Route::Document(name) => self.document(parts, &name).await,
            Route::Version { name, selector } => self.version(parts, &name, selector).await,
            Route::Tarball { name, file } => self.tarball(&name, &file).await,
            Route::Nothing => Failure::NotFound.into(),
        }
    }

    async fn document(&self, parts: &Parts, name: &str) -> Answer {
        let document = match self.backend.document(name).await {
            Ok(document) => document,
            Err(failure) => return failure.into(),
        };
        match document.prepared(&self.origin(parts)).await {
            Ok(prepared) => self.represent(&parts.headers, prepared.form(self.form(&parts.headers))).await,
            Err(reason) => Failure::Internal(reason).into(),
        }
    }

    async fn version(&self, parts: &Parts, name: &str, selector: String) -> Answer {
        let document = match self.backend.document(name).await {
            Ok(document) => document,
            Err(failure) => return failure.into(),
        };
        let origin = self.origin(parts).into_owned();
        let picked = tokio::task::spawn_blocking(move || {
            let value = document.parse_for(&origin)?;
            let Some(manifest) = select(&value, &selector) else { return Ok(Err(selector)) };
            let body = serde_json::to_vec(manifest).map_err(|error| error.to_string())?;
            Ok::<_, String>(Ok(Representation::new("application/json", &body)))
        });
        match picked.await.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(Ok(representation)) => self.represent(&parts.headers, &representation).await,
            Ok(Err(selector)) => {
                Answer::json(StatusCode::NOT_FOUND, &json!(format!("version not found: {selector}")))
            }
            Err(reason) => Failure::Internal(reason).into(),
        }
    }

    async fn tarball(&self, name: &str, file: &str) -> Answer {
        match self.backend.tarball(name, file).await {
            Ok(bytes) => {
                let mut answer = Answer::new(StatusCode::OK, "application/octet-stream", bytes);
                // A version's bytes never change.
                let forever = HeaderValue::from_static("public, immutable, max-age=31557600");
                answer.headers.insert(CACHE_CONTROL, forever);
                answer
            }
            Err(failure) => failure.into(),
        }
    }

    async fn represent(&self, request: &HeaderMap, representation: &Representation) -> Answer {
        let gzip = accepts_gzip(request);
        let etag = if gzip { &representation.gzip_etag } else { &representation.etag };
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(ETAG, etag.clone());
        headers.insert(CACHE_CONTROL, self.cache_control.clone());
        headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
        if matches_etag(request, representation) {
            return Answer { status: StatusCode::NOT_MODIFIED, headers, body: Bytes::new() };
        }
        headers.insert(CONTENT_TYPE, representation.content_type.clone());
        if gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            return Answer { status: StatusCode::OK, headers, body: representation.gzip.clone() };
        }
        match representation.plain() {
            Ok(body) => Answer { status: StatusCode::OK, headers, body },
            Err(error) => Failure::Internal(error.to_string()).into(),
        }
    }

    /// The origin that the client asked, or the configured one.
    fn origin(&self, parts: &Parts) -> Cow<'_, str> {
        if let Some(public) = &self.public_origin {
            return public.as_str().into();
        }
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
        let plain = |host: &&str| {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte))
        };
        match host.filter(plain) {
            Some(host) if self.own_origin.strip_prefix("http://") != Some(host) => {
                format!("http://{host}").into()
            }
            _ => self.own_origin.as_str().into(),
        }
    }

    pub(crate) fn reset(&self) {
        self.recorder.reset();
    }

    pub(crate) fn upstream_requests(&self) -> u64 {
        self.recorder.counters.upstream_requests.load(Ordering::Relaxed)
    }
}
