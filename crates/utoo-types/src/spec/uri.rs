//! JavaScript's `new URL`, `encodeURIComponent` and `decodeURIComponent`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

/// Reads a URL as JavaScript's `new URL` does. The library lets a backslash end the host of `git+ssh://host\\path`.
pub(super) fn parse(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let authority = text.get(url.scheme().len()..).and_then(|rest| rest.strip_prefix("://")).unwrap_or("");
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let special = matches!(url.scheme(), "http" | "https" | "ftp" | "file" | "ws" | "wss");
    (special || !(authority.contains('\\') || authority.ends_with('@'))).then_some(url)
}

const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// `encodeURIComponent`.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

/// `decodeURIComponent`; `None` where it throws: a `%` without two digits, or bytes that are no UTF-8.
pub(super) fn decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let whole = text.split('%').skip(1).all(|escape| {
        let digits = escape.as_bytes();
        digits.len() >= 2 && digits[..2].iter().all(u8::is_ascii_hexdigit)
    });
    if !whole {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}
