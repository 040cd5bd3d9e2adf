//! An answer, and how it is sent: whole, or as a fault has it.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use crate::faults::Fault;

/// An answer before it is sent: the body is whole, whatever faults do to it later.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers, body: body.into() }
    }

    pub(crate) fn json(status: StatusCode, value: &serde_json::Value) -> Self {
        Self::new(status, "application/json", value.to_string())
    }

    pub(crate) fn error(status: StatusCode, message: &str) -> Self {
        Self::json(status, &json!({ "error": message }))
    }
}

/// The response, and how many bytes of body it sends.
pub(crate) fn send(answer: Answer, fault: Option<&Fault>, head: bool) -> (Response, u64) {
    let Answer { status, mut headers, body } = answer;
    let body = match fault {
        Some(Fault::Body(other)) => other.clone(),
        Some(Fault::FlipByte { at }) if !body.is_empty() => {
            let mut changed = body.to_vec();
            let at = at % changed.len();
            changed[at] ^= 1;
            changed.into()
        }
        _ => body,
    };
    let stated = match fault {
        Some(Fault::ContentLength(length)) => *length,
        _ => body.len() as u64,
    };
    if status != StatusCode::NOT_MODIFIED {
        headers.insert(CONTENT_LENGTH, stated.into());
    }
    let sent = match fault {
        _ if head || status == StatusCode::NOT_MODIFIED => 0,
        Some(Fault::Stall { after } | Fault::Cut { after }) => body.len().min(*after),
        _ => body.len(),
    };
    let body = match fault {
        // hyper sends no body for HEAD, whatever it is given, and keeps the length.
        _ if head => Body::from(body),
        Some(Fault::Stall { after }) => partial(&body, *after, End::Never),
        Some(Fault::Cut { after }) => partial(&body, *after, End::Error),
        // A body whose length is unknown to hyper may disagree with the header.
        Some(Fault::ContentLength(_)) => partial(&body, body.len(), End::Error),
        _ => Body::from(body),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    (response, sent as u64)
}

#[derive(Clone, Copy)]
enum End {
    Never,
    Error,
}

fn partial(body: &Bytes, length: usize, end: End) -> Body {
    use futures_util::stream::{StreamExt as _, once};
    let start = body.slice(..body.len().min(length));
    let ending = async move {
        match end {
            End::Never => std::future::pending::<()>().await,
            // hyper flushes what it has when the body isn't ready: without this, an error takes the start with it.
            End::Error => tokio::task::yield_now().await,
        }
        Err(std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "cut on purpose"))
    };
    Body::from_stream(once(async move { Ok(start) }).chain(once(ending)))
}
