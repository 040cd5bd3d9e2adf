//! One text to one typed value. `None` means that the text is not of the type; the caller knows where it stood.

use std::path::{Path, PathBuf};

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use url::Url;

use crate::public::ensure_directory;

pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" | "null" => Some(false),
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A number from 0, as JavaScript's `Number` reads it: decimal, exponent, hexadecimal, `Infinity`.
pub(crate) fn number(text: &str) -> Option<f64> {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        // At most 32 bits, which a double holds exactly.
        return u32::from_str_radix(hex, 16).ok().map(f64::from);
    }
    if text == "Infinity" {
        return Some(f64::INFINITY);
    }
    // Rust also reads `inf`, `nan` and a sign, which JavaScript does not or which are below zero.
    let plain =
        text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    let value: f64 = text.parse().ok().filter(|_| plain)?;
    (value.is_finite() && value >= 0.0).then_some(value)
}

/// A whole number from 0 to `u32::MAX`.
pub(crate) fn count(text: &str) -> Option<u32> {
    let value = number(text)?;
    if value.fract() != 0.0 || value > f64::from(u32::MAX) {
        return None;
    }
    format!("{value:.0}").parse().ok()
}

/// A path; `~` and `~/…` are in `home`, relative ones in `base`.
pub(crate) fn path(text: &str, base: &Path, home: Option<&Path>) -> PathBuf {
    match (text.strip_prefix('~'), home) {
        (Some(""), Some(home)) => home.to_owned(),
        (Some(rest), Some(home)) if rest.starts_with('/') => {
            normalize(&home.join(rest.trim_start_matches('/')))
        }
        _ => normalize(&base.join(text)),
    }
}

/// Without `.` and `..`, by text alone.
pub(crate) fn normalize(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// An `http:` or `https:` URL with a host; its path ends in a slash, and it has no query and fragment.
pub(crate) fn registry_url(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return None;
    }
    url.set_query(None);
    url.set_fragment(None);
    ensure_directory(&mut url);
    Some(url)
}

/// A proxy's URL; `host:port` alone means http.
pub(crate) fn proxy_url(text: &str) -> Option<Url> {
    let url =
        if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("http://{text}")) }.ok()?;
    let known = matches!(url.scheme(), "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h");
    (known && url.has_host()).then_some(url)
}

/// Milliseconds since 1970, from a date (midnight UTC), a date with time (UTC where it names no zone) or either with
/// a zone.
pub(crate) fn date(text: &str) -> Option<i64> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp.as_millisecond());
    }
    let civil = match text.parse::<Date>() {
        Ok(date) if !text.contains(['T', 't', ' ']) => date.to_datetime(jiff::civil::Time::midnight()),
        _ => text.parse::<DateTime>().ok()?,
    };
    let zoned: Zoned = civil.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests;
