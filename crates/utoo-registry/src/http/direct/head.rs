//! The head of an answer.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{MAX_HEAD, MAX_RESERVE};

/// Registries send about twenty.
const MAX_HEADERS: usize = 100;

/// What was made of the beginning of an answer.
pub(super) enum Parsed {
    /// The head, and what follows it: of the body, with room for the rest, or of its chunks.
    Whole(Head, Vec<u8>),
    /// An answer that is for the other client to read, or to refuse.
    Beyond,
}

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// In bytes.
    Stated(u64),
    /// As its chunks say.
    Chunked,
}

/// A head whose body has an end that can be seen.
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) length: Length,
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
    let Length::Stated(length) = head.length else { return Some(Parsed::Whole(head, rest.to_vec())) };
    // More than was announced is nobody's answer: the connection ends with this one.
    head.is_kept &= rest.len() as u64 <= length;
    let reserved = usize::try_from(length.min(MAX_RESERVE)).unwrap_or(0);
    let here = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
    let mut body = Vec::with_capacity(reserved);
    body.extend_from_slice(&rest[..here]);
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
    if headers.contains_key(header::UPGRADE) {
        return None;
    }
    let has_body = !matches!(status, StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT);
    let length = if has_body { length_of(&headers)? } else { Length::Stated(0) };
    Some(Head { status, is_kept: !closes(&headers), headers, length })
}

/// By the one field or the other. With both, or an encoding around the chunks, two readers may see two bodies.
fn length_of(headers: &HeaderMap) -> Option<Length> {
    let mut encodings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (encodings.next(), encodings.next()) {
        (None, _) => stated_length(headers).map(Length::Stated),
        (Some(encoding), None) => {
            let is_chunked = encoding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
            (is_chunked && !headers.contains_key(header::CONTENT_LENGTH)).then_some(Length::Chunked)
        }
        _ => None,
    }
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
