//! How long a stored document may be used without asking (RFC 9111, as a private cache).

use http::{HeaderMap, header};

/// What is assumed when a registry says nothing, in seconds: the five minutes that npm's public registry sends with
/// every packument. npm itself revalidates in that case; a registry that wants this says `no-cache`.
pub(crate) const DEFAULT_MAX_AGE: u32 = 300;

/// What a response says about keeping it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Keep it; it need not be asked about again for this many seconds (0: ask every time).
    Keep(u32),
    /// `no-store`: it must not be written to disk.
    Discard,
}

/// Reads `Cache-Control` (`no-store`, `no-cache`, `max-age`) and `Age`. `s-maxage` is for shared caches and does not
/// concern this one. What a cache on the way has already spent of the time is taken off.
pub(crate) fn of(headers: &HeaderMap) -> Freshness {
    let mut max_age = None;
    for value in headers.get_all(header::CACHE_CONTROL) {
        let Ok(text) = value.to_str() else { continue };
        for directive in text.split(',') {
            let (key, argument) = directive.split_once('=').unwrap_or((directive, ""));
            let key = key.trim();
            if key.eq_ignore_ascii_case("no-store") {
                return Freshness::Discard;
            }
            if key.eq_ignore_ascii_case("no-cache") {
                max_age = Some(0);
            }
            if key.eq_ignore_ascii_case("max-age") && max_age != Some(0) {
                // A value that cannot be read counts as expired, as the RFC advises.
                max_age = Some(seconds(argument).unwrap_or(0));
            }
        }
    }
    let age = headers.get(header::AGE).and_then(|value| value.to_str().ok()).and_then(seconds).unwrap_or(0);
    Freshness::Keep(max_age.unwrap_or(DEFAULT_MAX_AGE).saturating_sub(age))
}

/// Digits only, quotes tolerated; more than fits counts as the most that fits.
fn seconds(text: &str) -> Option<u32> {
    let digits = text.trim().trim_matches('"');
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
#[path = "freshness_tests.rs"]
mod tests;
