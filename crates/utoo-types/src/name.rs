//! Package names, safe as a path below `node_modules`.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};
use thiserror::Error;

/// Why a text is no package name. The messages are those of npm's `validate-npm-package-name`.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("Invalid package name \"{name}\" of package \"{name}\": {reason}.")]
pub struct NameError {
    name: Box<str>,
    reason: &'static str,
}

impl NameError {
    /// npm's stable code for this error.
    pub fn code(&self) -> &'static str {
        "EINVALIDPACKAGENAME"
    }

    /// The text that was refused.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rule it breaks, as npm words it.
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

/// The name of a package: `lodash`, `@types/node`. Cheap to clone; ordered bytewise (npm's sorting is [`crate::collate`]).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageName(Arc<str>);

impl PackageName {
    /// Reads a name by the rules npm holds old packages to: capitals, `~'!()*` and core modules pass, a leading `.`,
    /// `-` or `_`, white space around it, and everything a URL would escape do not. What passes is one path component, or
    /// `@scope/` and one.
    ///
    /// # Errors
    /// The first rule the name breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match broken_rule(text) {
            None => Ok(Self(text.into())),
            Some(reason) => Err(NameError { name: text.into(), reason }),
        }
    }

    /// Takes a name that was validated before, or will be before it is used in a path or URL.
    pub fn new_unchecked(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The scope with its `@`: `@types` of `@types/node`.
    pub fn scope(&self) -> Option<&str> {
        if !self.0.starts_with('@') {
            return None;
        }
        self.0.split_once('/').map(|(scope, _)| scope)
    }

    /// The name without its scope: `node` of `@types/node`.
    pub fn base(&self) -> &str {
        match self.scope() {
            Some(scope) => &self.0[scope.len() + 1..],
            None => &self.0,
        }
    }

    /// The shared text, for maps that keep names as `Arc<str>`.
    pub fn as_arc(&self) -> &Arc<str> {
        &self.0
    }
}

/// The first rule of npm's that `name` breaks, in npm's words.
fn broken_rule(name: &str) -> Option<&'static str> {
    let base = match split_scope(name) {
        Some((_, base)) => base,
        None => name,
    };
    if name.is_empty() {
        return Some("name length must be greater than zero");
    }
    match (name.as_bytes()[0], base.as_bytes().first()) {
        (b'.', _) | (_, Some(b'.')) => return Some("name cannot start with a period"),
        (b'-', _) => return Some("name cannot start with a hyphen"),
        (b'_', _) => return Some("name cannot start with an underscore"),
        _ => {}
    }
    if crate::text::js_trim(name) != name {
        return Some("name cannot contain leading or trailing spaces");
    }
    if name.eq_ignore_ascii_case("node_modules") {
        return Some("node_modules is not a valid package name");
    }
    if name.eq_ignore_ascii_case("favicon.ico") {
        return Some("favicon.ico is not a valid package name");
    }
    let friendly = match split_scope(name) {
        Some((scope, base)) => is_url_friendly(scope) && is_url_friendly(base),
        None => is_url_friendly(name),
    };
    (!friendly).then_some("name can only contain URL-friendly characters")
}

/// `@scope/base` in two, when it has just that shape.
fn split_scope(name: &str) -> Option<(&str, &str)> {
    let (scope, base) = name.strip_prefix('@')?.split_once('/')?;
    (!scope.is_empty() && !base.is_empty() && !base.contains('/')).then_some((scope, base))
}

/// Whether JavaScript's `encodeURIComponent` leaves `text` as it is.
pub(crate) fn is_url_friendly(text: &str) -> bool {
    text.bytes().all(|b| {
        b.is_ascii_alphanumeric()
            || matches!(b, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
    })
}

impl AsRef<str> for PackageName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for PackageName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackageName({})", self.0)
    }
}

impl PartialEq<str> for PackageName {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for PackageName {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl std::str::FromStr for PackageName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Serialize for PackageName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PackageName {
    /// Validates as [`PackageName::parse`] does.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}
