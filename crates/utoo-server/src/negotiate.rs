//! What a request's headers ask for: which form, which encoding, and whether the client has it already.

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING, IF_NONE_MATCH};

use crate::document::{ABBREVIATED, Form, Representation};

/// Abbreviated when its media type is accepted at least as gladly as `application/json`.
pub(crate) fn wanted_form(headers: &HeaderMap) -> Form {
    let mut abbreviated = 0;
    let mut full = 0;
    for value in headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
        for (media, quality) in value.split(',').map(quality) {
            match media {
                ABBREVIATED => abbreviated = abbreviated.max(quality),
                "application/json" => full = full.max(quality),
                _ => {}
            }
        }
    }
    if abbreviated > 0 && abbreviated >= full { Form::Abbreviated } else { Form::Full }
}

pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING);
    let mut codings =
        values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    codings.any(|coding| matches!(quality(coding), ("gzip" | "x-gzip" | "*", 1..)))
}

/// One element of an `accept` header: its value, and its quality in thousandths.
fn quality(element: &str) -> (&str, u32) {
    let mut parameters = element.split(';').map(str::trim);
    let value = parameters.next().unwrap_or_default();
    let stated = parameters.find_map(|parameter| parameter.strip_prefix("q="));
    let quality = stated.map_or(Some(1.0), |text| text.parse::<f32>().ok()).unwrap_or(0.0);
    // Between 0 and 1000, so that the cast keeps the value.
    (value, (quality.clamp(0.0, 1.0) * 1000.0) as u32)
}

/// Either encoding's validator counts: what the client holds is the same document.
pub(crate) fn matches_etag(headers: &HeaderMap, representation: &Representation) -> bool {
    let known = [representation.etag.as_bytes(), representation.gzip_etag.as_bytes()];
    let values = headers.get_all(IF_NONE_MATCH);
    let mut tags = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    tags.any(|tag| {
        let tag = tag.trim();
        tag == "*" || known.contains(&tag.strip_prefix("W/").unwrap_or(tag).as_bytes())
    })
}

#[cfg(test)]
#[path = "negotiate_tests.rs"]
mod tests;
