//! The head of an answer.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{MAX_HEAD, MAX_RESERVE};

/// Registries send about twenty.
const MAX_HEADERS: usize = 100;

/// What was made of the beginning of an answer.
pub(super) enum Parsed {
    /// The head, and what follows it of the body, with room for the rest.
    Whole(Head, Vec<u8>),
    /// An answer that is for the other client to read, or to refuse.
    Beyond,
}

/// A head whose body has a stated length.
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Of the body, in bytes.
    pub(super) length: u64,
    /// Whether the connection may be used again.
    pub(super) is_kept: bool,
}

/// Reads a head and what follows it; `None` where more is needed.
pub(super) fn parse(bytes: &[u8]) -> Option<Parsed> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let size = match response.parse(bytes) {
        Ok(httparse::Status::Complete(size)) => size,
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return None,
        Ok(httparse::Status::Partial) | Err(_) => return Some(Parsed::Beyond),
    };
    let Some(mut head) = read(&response) else { return Some(Parsed::Beyond) };
    let rest = &bytes[size..];
    let Ok(length) = usize::try_from(head.length.min(MAX_RESERVE)) else { return Some(Parsed::Beyond) };
    // More than was announced is nobody's answer: the connection ends with this one.
    head.is_kept &= rest.len() as u64 <= head.length;
    let mut body = Vec::with_capacity(length);
    body.extend_from_slice(&rest[..rest.len().min(usize::try_from(head.length).unwrap_or(usize::MAX))]);
    Some(Parsed::Whole(head, body))
}

/// `None` unless the answer is HTTP/1.1, final, and says how long it is.
fn read(response: &httparse::Response<'_, '_>) -> Option<Head> {
    let status = StatusCode::from_u16(response.code?).ok()?;
    if response.version != Some(1) || status.is_informational() {
        return None;
    }
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    for found in &*response.headers {
        let name = HeaderName::from_bytes(found.name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(found.value).ok()?);
    }
    if headers.contains_key(header::TRANSFER_ENCODING) || headers.contains_key(header::UPGRADE) {
        return None;
    }
    let has_body = !matches!(status, StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT);
    let length = stated_length(&headers);
    let length = if has_body { length? } else { 0 };
    Some(Head { status, is_kept: !closes(&headers), headers, length })
}

/// What all `Content-Length`s say, if there are any and they agree.
fn stated_length(headers: &HeaderMap) -> Option<u64> {
    let mut stated = headers.get_all(header::CONTENT_LENGTH).iter().map(|value| {
        let text = value.to_str().ok()?;
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u64>().ok())?
    });
    let first = stated.next()??;
    stated.all(|length| length == Some(first)).then_some(first)
}

fn closes(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CONNECTION).iter();
    let mut tokens = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    tokens.any(|token| token.trim_ascii().eq_ignore_ascii_case(b"close"))
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
