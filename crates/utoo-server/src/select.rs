//! `GET /name/<version | tag | range>`: which version that is.

use serde_json::{Map, Value};
use utoo_types::{Range, Version};

/// Picks one version of a document: an exact version, else a dist-tag, else the best of a range.
///
/// In a range, the one tagged `latest` wins if it satisfies, then the highest that isn't deprecated, then the
/// highest: what npm picks from the full document, so that both kinds of registry give the same tree.
pub(crate) fn select<'a>(document: &'a Value, selector: &str) -> Option<&'a Value> {
    let versions = document.get("versions")?.as_object()?;
    if let Some(exact) = versions.get(selector) {
        return Some(exact);
    }
    let tags = document.get("dist-tags");
    let tagged = |tag: &str| tags.and_then(|tags| tags.get(tag)).and_then(Value::as_str);
    if let Some(version) = tagged(selector) {
        return versions.get(version);
    }
    let range = Range::parse(selector).ok()?;
    best(versions, &range, tagged("latest"))
}

fn best<'a>(versions: &'a Map<String, Value>, range: &Range, latest: Option<&str>) -> Option<&'a Value> {
    let candidates = versions.iter().filter_map(|(text, manifest)| {
        let version = Version::parse(text).ok()?;
        let rank = (latest == Some(text.as_str()), manifest.get("deprecated").is_none_or(is_empty));
        range.satisfies(&version).then_some((rank, version, manifest))
    });
    candidates.max_by(|(a, x, _), (b, y, _)| a.cmp(b).then_with(|| x.cmp(y))).map(|(_, _, manifest)| manifest)
}

/// npm takes a `deprecated` that is empty or false for none at all.
fn is_empty(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false)) || value.as_str() == Some("")
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
