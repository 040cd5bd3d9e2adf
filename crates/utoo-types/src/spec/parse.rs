//! From text to a spec.

use std::sync::Arc;

use super::{Spec, SpecContext, SpecError, SpecKind};
use crate::name::{PackageName, is_url_friendly};
use crate::range::Range;
use crate::text::js_trim;
use crate::version::Version;

/// Reads a command-line argument.
pub(super) fn argument(arg: &str, context: &SpecContext) -> Result<Spec, SpecError> {
    let (name, spec) = match arg.get(1..).and_then(|rest| rest.find('@')) {
        Some(at) => (&arg[..=at], &arg[at + 2..]),
        None => (arg, "*"),
    };
    resolve(Some(name), spec, Some(arg), context)
}

/// Reads a name and what is wanted under it.
pub(super) fn resolve(
    name: Option<&str>,
    spec: &str,
    arg: Option<&str>,
    _context: &SpecContext,
) -> Result<Spec, SpecError> {
    let raw: Arc<str> = match (arg, name) {
        (Some(arg), _) => arg.into(),
        (None, Some(name)) => format!("{name}@{spec}").into(),
        (None, None) => spec.into(),
    };
    let name = name.map(PackageName::parse).transpose()?;
    registry(name, raw, spec)
}

fn registry(name: Option<PackageName>, raw: Arc<str>, raw_spec: &str) -> Result<Spec, SpecError> {
    let spec = js_trim(raw_spec);
    let kind = if let Ok(version) = Version::parse_loose(spec) {
        SpecKind::Version(version)
    } else if let Ok(range) = Range::parse(spec) {
        SpecKind::Range(range)
    } else if is_url_friendly(spec) {
        SpecKind::Tag(spec.into())
    } else {
        return Err(SpecError::Tag { tag: spec.into(), raw });
    };
    Ok(Spec { name, raw, raw_spec: raw_spec.into(), save_spec: None, fetch_spec: Some(spec.into()), kind })
}
