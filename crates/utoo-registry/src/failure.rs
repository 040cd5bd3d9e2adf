//! How a failed attempt becomes an error: npm's code, a category, no secrets, and whether to try again.

use std::error::Error as StdError;
use std::io;
use std::time::SystemTime;

use http::{HeaderMap, StatusCode};
use url::Url;
use utoo_resolver::{ErrorCategory, RegistryError};

use crate::address::{redact, redact_text};
use crate::http::{Retry, retry_of_status};

/// One attempt that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Box<RegistryError>,
    pub(crate) retry: Retry,
}

impl From<RegistryError> for Failure {
    /// An error that has nothing to do with the network: the next attempt would meet it again.
    fn from(error: RegistryError) -> Self {
        Self { error: Box::new(error), retry: Retry::Never }
    }
}

impl Failure {
    /// A response that was cut, or is not what its headers say: the next one may be whole.
    pub(crate) fn damaged(url: &Url, message: impl Into<String>) -> Self {
        let error = RegistryError::new("ECONNRESET", ErrorCategory::Transient, message);
        Self { error: Box::new(error.at(redact(url))), retry: Retry::Backoff }
    }

    /// A response that is whole and still of no use.
    pub(crate) fn malformed(code: &'static str, url: &Url, message: impl Into<String>) -> Self {
        RegistryError::new(code, ErrorCategory::Precondition, message).at(redact(url)).into()
    }

    /// A response whose status is an error. `said` is what the registry gave as reason.
    pub(crate) fn status(
        url: &Url,
        status: StatusCode,
        (headers, now): (&HeaderMap, SystemTime),
        said: Option<String>,
    ) -> Self {
        let (code, category) = of_status(status);
        let reason = status.canonical_reason().unwrap_or("error");
        let shown = redact(url);
        let message = format!("{} {reason} - GET {shown}", status.as_u16());
        let mut error = RegistryError::new(code, category, message).at(shown);
        if let Some(said) = said {
            error = error.caused_by(format!("the registry says: {}", redact_text(&said)));
        }
        Self { error: Box::new(error), retry: retry_of_status(status, headers, now) }
    }

    /// A response that did not come in time.
    pub(crate) fn late(url: &Url) -> Self {
        Self::below_http(url, LATE, &[])
    }

    /// A response that ended before its end, or did not begin.
    pub(crate) fn lost(url: &Url, error: &io::Error) -> Self {
        Self::below_http(url, classify_io(Some(error.kind())), &[error.to_string()])
    }

    /// A request that got no response, or lost it.
    pub(crate) fn transport(url: &Url, error: reqwest::Error) -> Self {
        let error = error.without_url();
        Self::below_http(url, classify(&error), &chain(&error))
    }

    fn below_http(url: &Url, (code, category, what, retry): Class, causes: &[String]) -> Self {
        let host = url.host_str().unwrap_or("the registry");
        let mut made = RegistryError::new(code, category, format!("{host}: {what}")).at(redact(url));
        for cause in causes {
            made = made.caused_by(redact_text(cause));
        }
        if category == ErrorCategory::Local {
            made = made.hint(
                "if a proxy of your company inspects TLS, name its certificate with cafile or NODE_EXTRA_CA_CERTS",
            );
        }
        Self { error: Box::new(made), retry }
    }
}

/// npm's `E` and the status, for the statuses that registries give.
fn of_status(status: StatusCode) -> (&'static str, ErrorCategory) {
    use ErrorCategory::{Auth, NotFound, Precondition, RateLimited, Transient};
    match status.as_u16() {
        401 => ("E401", Auth),
        402 => ("E402", Auth),
        403 => ("E403", Auth),
        404 => ("E404", NotFound),
        410 => ("E410", NotFound),
        420 => ("E420", RateLimited),
        429 => ("E429", RateLimited),
        400 => ("E400", Precondition),
        405 => ("E405", Precondition),
        406 => ("E406", Precondition),
        407 => ("E407", Auth),
        408 => ("E408", Transient),
        409 => ("E409", Precondition),
        418 => ("E418", Precondition),
        422 => ("E422", Precondition),
        451 => ("E451", Precondition),
        500 => ("E500", Transient),
        501 => ("E501", Transient),
        502 => ("E502", Transient),
        503 => ("E503", Transient),
        504 => ("E504", Transient),
        505..=599 => ("E5XX", Transient),
        _ => ("EHTTP", Precondition),
    }
}

type Class = (&'static str, ErrorCategory, &'static str, Retry);

const LATE: Class = ("ETIMEDOUT", ErrorCategory::Transient, "no answer in time", Retry::Backoff);

/// What went wrong below HTTP. Names that do not exist and certificates that are not trusted stay so; everything else
/// may pass.
fn classify(error: &reqwest::Error) -> Class {
    if let Some(tls) = find::<rustls::Error>(error) {
        return classify_tls(tls);
    }
    if error.is_timeout() {
        return LATE;
    }
    if error.is_dns() {
        // EAI_AGAIN has no kind of its own; its text has been the same on every C library for decades.
        let passing = chain(error).iter().any(|cause| cause.contains("emporary failure"));
        let retry = if passing { Retry::Backoff } else { Retry::Never };
        return ("ENOTFOUND", ErrorCategory::Transient, "this name cannot be found", retry);
    }
    if error.is_builder() {
        return ("EINVALIDURL", ErrorCategory::Precondition, "this cannot be asked for", Retry::Never);
    }
    classify_io(find::<io::Error>(error).map(io::Error::kind))
}

fn classify_io(kind: Option<io::ErrorKind>) -> Class {
    match kind {
        Some(io::ErrorKind::ConnectionRefused) => {
            ("ECONNREFUSED", ErrorCategory::Transient, "the connection was refused", Retry::Backoff)
        }
        Some(io::ErrorKind::HostUnreachable) => {
            ("EHOSTUNREACH", ErrorCategory::Transient, "the host cannot be reached", Retry::Backoff)
        }
        Some(io::ErrorKind::NetworkUnreachable) => {
            ("ENETUNREACH", ErrorCategory::Transient, "the network cannot be reached", Retry::Backoff)
        }
        Some(io::ErrorKind::TimedOut) => LATE,
        _ => ("ECONNRESET", ErrorCategory::Transient, "the connection was lost", Retry::Backoff),
    }
}

/// node's codes, which every guide to proxies and private certificate authorities speaks of.
fn classify_tls(error: &rustls::Error) -> Class {
    use rustls::CertificateError as Bad;
    let (code, what) = match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::UnknownIssuer => {
                ("UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "its certificate is not from an authority you trust")
            }
            Bad::Expired | Bad::ExpiredContext { .. } => ("CERT_HAS_EXPIRED", "its certificate has expired"),
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                ("CERT_NOT_YET_VALID", "its certificate is not valid yet")
            }
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                ("ERR_TLS_CERT_ALTNAME_INVALID", "its certificate is for another name")
            }
            Bad::Revoked => ("CERT_REVOKED", "its certificate was revoked"),
            _ => ("UNABLE_TO_VERIFY_LEAF_SIGNATURE", "its certificate cannot be verified"),
        },
        _ => return ("EPROTO", ErrorCategory::Transient, "the TLS handshake failed", Retry::Backoff),
    };
    (code, ErrorCategory::Local, what, Retry::Never)
}

/// The first cause of this type. `io::Error`s of TLS libraries hide theirs in `get_ref`.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<E>() {
            return Some(found);
        }
        if let Some(inner) = current.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(found) = find::<E>(inner)
        {
            return Some(found);
        }
        next = current.source();
    }
    None
}

/// The texts of all causes, each once.
fn chain(error: &(dyn StdError + 'static)) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(current) = next {
        let text = current.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        next = current.source();
    }
    texts
}
