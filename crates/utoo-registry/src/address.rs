//! Addresses: how a document's URL is built, when two URLs share an origin, and how a URL is shown.

use std::fmt::Write as _;

use url::Url;
use utoo_types::PackageName;

/// What replaces a secret in anything that may be shown.
const MASK: &str = "***";

/// The URL of a packument: `<registry>/<name>`, a scope's slash percent-encoded as npm does (`@scope%2fname`).
pub(crate) fn packument_url(registry: &Url, name: &PackageName) -> Result<Url, url::ParseError> {
    Url::parse(&packument_text(registry, name))
}

/// The URL of one version's manifest: `<registry>/<name>/<range-or-tag>`.
pub(crate) fn version_url(registry: &Url, name: &PackageName, spec: &str) -> Result<Url, url::ParseError> {
    let mut text = packument_text(registry, name);
    text.push('/');
    push_component(&mut text, spec);
    Url::parse(&text)
}

fn packument_text(registry: &Url, name: &PackageName) -> String {
    let base = registry.as_str().trim_end_matches('/');
    let name = name.as_str();
    let mut text = String::with_capacity(base.len() + name.len() + 4);
    text.push_str(base);
    text.push('/');
    match name.strip_prefix('@') {
        Some(rest) => {
            text.push('@');
            push_component(&mut text, rest);
        }
        None => push_component(&mut text, name),
    }
    text
}

/// Appends what JavaScript's `encodeURIComponent` gives, but with npm's lower-case `%2f`: some registries compare
/// the raw path.
fn push_component(text: &mut String, component: &str) {
    for byte in component.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => text.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' => {
                text.push(char::from(byte));
            }
            b'/' => text.push_str("%2f"),
            other => {
                // Writing to a String cannot fail.
                let _ = write!(text, "%{other:02X}");
            }
        }
    }
}

/// Whether credentials for one may go to the other: scheme, host and port are all the same.
pub(crate) fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme()
        && a.host_str() == b.host_str()
        && a.port_or_known_default() == b.port_or_known_default()
}

/// The URL without secrets: user, password and every query value are masked. Query keys stay, since they help to
/// recognise a signed link; its values are as good as a password.
pub(crate) fn redact(url: &Url) -> String {
    let has_user = !url.username().is_empty() || url.password().is_some();
    if !has_user && url.query().is_none() {
        return url.as_str().to_owned();
    }
    let mut shown = url.clone();
    if has_user {
        // Fails only for URLs that cannot have a user, and those have none to hide.
        let _ = shown.set_username(MASK);
        let _ = shown.set_password(None);
    }
    if let Some(query) = url.query() {
        let masked: Vec<String> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((key, _)) => format!("{key}={MASK}"),
                None => MASK.to_owned(),
            })
            .collect();
        shown.set_query(Some(&masked.join("&")));
    }
    shown.into()
}

/// Text that may hold URLs (messages of git, of a library) without the user part of any of them.
pub fn redact_text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        shown.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '<' | '>' | '?' | '#'))
            .unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority.rsplit_once('@') {
            // `git@host` is how ssh is addressed and no secret.
            Some(("git", host)) => {
                shown.push_str("git@");
                shown.push_str(host);
            }
            Some((_, host)) => {
                shown.push_str(MASK);
                shown.push('@');
                shown.push_str(host);
            }
            None => shown.push_str(authority),
        }
        rest = tail;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
