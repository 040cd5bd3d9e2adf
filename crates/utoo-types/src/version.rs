//! Versions as node-semver reads and orders them.
//!
//! The value is deno_semver's; reading, ordering and hashing are ours, because node-semver differs on numbers beyond
//! `MAX_SAFE_INTEGER`, numeric identifiers beyond 2^53 (it compares them as doubles), leading zeros, and length.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use deno_semver::{CowVec, SmallStackString, Version as Inner};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};
use thiserror::Error;

use crate::text::{is_js_space, js_length, js_trim};

/// JavaScript's `Number.MAX_SAFE_INTEGER`: no part of a version may exceed it.
pub(crate) const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The most UTF-16 units a version's text may have, surrounding white space included.
pub(crate) const MAX_LENGTH: usize = 256;

/// The most characters node-semver's patterns take after the first letter of an identifier.
const MAX_IDENTIFIER: usize = MAX_LENGTH - 6;

/// Why a text is no version.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("Invalid Version: {text}")]
pub struct VersionError {
    text: Box<str>,
}

impl VersionError {
    fn new(text: &str) -> Self {
        Self { text: text.into() }
    }

    /// npm's stable code for this error.
    pub fn code(&self) -> &'static str {
        "EINVALIDVERSION"
    }

    /// The text that was refused.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// How forgiving a parser is, as node-semver's `loose` option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Strict,
    Loose,
}

/// A semantic version: `major.minor.patch[-prerelease][+build]`.
///
/// Equality, order and hash ignore the build metadata, as node-semver's `compare` does; [`Version::compare_build`]
/// looks at it too. `Display` gives node-semver's normal form, without the build. A clone without prerelease costs no
/// atomic operation.
#[derive(Clone)]
pub struct Version(Inner);

impl Version {
    /// Reads a version strictly: `1.2.3`, `v1.2.3`, `1.2.3-rc.1+build`, white space around it ignored.
    ///
    /// # Errors
    /// When the text is no such version, is longer than 256 UTF-16 units, or a number exceeds 2^53 - 1.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        Self::parse_mode(text, Mode::Strict)
    }

    /// Reads a version as most of npm does: also `=1.2.3`, `01.2.3`, `1.2.3beta`.
    ///
    /// # Errors
    /// As [`Version::parse`].
    pub fn parse_loose(text: &str) -> Result<Self, VersionError> {
        Self::parse_mode(text, Mode::Loose)
    }

    /// The version `major.minor.patch`. Numbers beyond 2^53 - 1 are the caller's mistake and are kept as they are.
    pub fn new(major: u64, minor: u64, patch: u64) -> Self {
        Self::from_parts([major, minor, patch], CowVec::new(), CowVec::new())
    }

    /// The first number.
    pub fn major(&self) -> u64 {
        self.0.major
    }

    /// The second number.
    pub fn minor(&self) -> u64 {
        self.0.minor
    }

    /// The third number.
    pub fn patch(&self) -> u64 {
        self.0.patch
    }

    /// Whether the version carries a prerelease.
    pub fn is_prerelease(&self) -> bool {
        !self.0.pre.is_empty()
    }

    /// The identifiers of the prerelease, in order: `beta`, `1` for `1.0.0-beta.1`.
    pub fn prerelease(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.pre.iter().map(|identifier| identifier.as_str())
    }

    /// The identifiers of the build metadata, in order.
    pub fn build(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.build.iter().map(|identifier| identifier.as_str())
    }

    /// node-semver's `compareBuild`, by which its `sort` orders: the version first, the build as a tie-break. Builds
    /// order like prereleases, but having none is the least.
    pub fn compare_build(&self, other: &Self) -> Ordering {
        self.cmp(other).then_with(|| compare_identifiers(&self.0.build, &other.0.build))
    }

    /// The three numbers.
    #[inline]
    pub(crate) fn tuple(&self) -> [u64; 3] {
        [self.0.major, self.0.minor, self.0.patch]
    }

    /// The version with one more, numeric, identifier at the end of its prerelease.
    pub(crate) fn with_prerelease_part(&self, part: u64) -> Self {
        let mut longer = self.clone();
        longer.0.pre.push(SmallStackString::from_string(part.to_string()));
        longer
    }

    pub(crate) fn from_parts(
        [major, minor, patch]: [u64; 3],
        pre: CowVec<SmallStackString>,
        build: CowVec<SmallStackString>,
    ) -> Self {
        Self(Inner { major, minor, patch, pre, build })
    }

    fn parse_mode(text: &str, mode: Mode) -> Result<Self, VersionError> {
        read(text, mode).map_err(|_| VersionError::new(text))
    }
}

/// Why a text is no version; ranges treat the two differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It does not look like one.
    Shape,
    /// It does, and is too long or holds too large a number.
    Bounds,
}

/// Reads a version, white space around it ignored.
pub(crate) fn read(text: &str, mode: Mode) -> Result<Version, Flaw> {
    let trimmed = js_trim(text);
    let body = match mode {
        Mode::Strict => trimmed.strip_prefix('v').unwrap_or(trimmed),
        Mode::Loose => skip_prefix(trimmed),
    };
    let version = read_body(body, mode)?;
    if text.len() > MAX_LENGTH && js_length(text) > MAX_LENGTH {
        return Err(Flaw::Bounds);
    }
    Ok(version)
}

/// Drops what node-semver's `[v=\s]*` takes.
pub(crate) fn skip_prefix(text: &str) -> &str {
    match text.as_bytes().first() {
        Some(b'0'..=b'9') => text,
        _ => text.trim_start_matches(|c| matches!(c, 'v' | '=') || is_js_space(c)),
    }
}

fn read_body(body: &str, mode: Mode) -> Result<Version, Flaw> {
    let (numbers, tail) = split_body(body, mode).ok_or(Flaw::Shape)?;
    let [major, minor, patch] = numbers.map(number);
    match (major, minor, patch) {
        (Some(major), Some(minor), Some(patch)) => Ok(Version::from_parts(
            [major, minor, patch],
            tail.prerelease.map(prerelease_identifiers).unwrap_or_default(),
            tail.build.map(split_identifiers).unwrap_or_default(),
        )),
        _ => Err(Flaw::Bounds),
    }
}

fn split_body(body: &str, mode: Mode) -> Option<([&str; 3], Tail<'_>)> {
    let (major, rest) = digits(body, mode)?;
    let (minor, rest) = digits(rest.strip_prefix('.')?, mode)?;
    let (patch, rest) = digits(rest.strip_prefix('.')?, mode)?;
    let (patch, rest) = give_back_digit(patch, rest, body, mode);
    Some(([major, minor, patch], Tail::parse(rest, mode)?))
}

/// `1.2.34.5` is `1.2.3-4.5` to the loose pattern: its patch gives a digit back so that the rest can be a prerelease.
pub(crate) fn give_back_digit<'t>(
    patch: &'t str,
    rest: &'t str,
    whole: &'t str,
    mode: Mode,
) -> (&'t str, &'t str) {
    if mode == Mode::Strict || patch.len() < 2 || !rest.starts_with('.') {
        return (patch, rest);
    }
    let at = whole.len() - rest.len() - 1;
    (&patch[..patch.len() - 1], &whole[at..])
}

/// The longest run of digits the mode takes for one number, and what follows it.
pub(crate) fn digits(text: &str, mode: Mode) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let end = match (mode, bytes.first()?) {
        (Mode::Strict, b'0') => 1,
        _ => bytes.iter().take_while(|b| b.is_ascii_digit()).count(),
    };
    (1..=MAX_LENGTH).contains(&end).then(|| text.split_at(end))
}

/// A number of a version, when it is within JavaScript's safe integers.
pub(crate) fn number(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|value| *value <= MAX_SAFE_INTEGER)
}

/// What may follow the patch: a prerelease and build metadata, still as text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tail<'t> {
    pub(crate) prerelease: Option<&'t str>,
    pub(crate) build: Option<&'t str>,
}

impl<'t> Tail<'t> {
    /// Reads the whole of `text`, or nothing.
    pub(crate) fn parse(text: &'t str, mode: Mode) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let (pre, build) = match text.split_once('+') {
            Some((pre, build)) => (pre, Some(build)),
            None => (text, None),
        };
        if build.is_some_and(|build| !build.split('.').all(is_build_identifier)) {
            return None;
        }
        let valid = |ids: &str| ids.split('.').all(|id| is_identifier(id, mode));
        let prerelease = match pre.strip_prefix('-') {
            _ if pre.is_empty() => None,
            Some(ids) if valid(ids) => Some(ids),
            // The hyphen is optional when loose, and itself a letter of an identifier.
            _ if mode == Mode::Loose && valid(pre) => Some(pre),
            _ => return None,
        };
        Some(Self { prerelease, build })
    }
}

fn is_build_identifier(id: &str) -> bool {
    (1..=MAX_IDENTIFIER).contains(&id.len()) && id.bytes().all(is_identifier_byte)
}

fn is_identifier(id: &str, mode: Mode) -> bool {
    let mut numeric = 0;
    let bytes = id.as_bytes();
    while numeric < bytes.len() && bytes[numeric].is_ascii_digit() {
        numeric += 1;
    }
    if numeric == bytes.len() {
        let canonical = numeric == 1 || mode == Mode::Loose || bytes.first() != Some(&b'0');
        return (1..=MAX_LENGTH).contains(&numeric) && canonical;
    }
    let letters = &bytes[numeric..];
    letters.len() <= MAX_IDENTIFIER + 1
        && numeric <= MAX_LENGTH
        && letters.iter().all(|b| is_identifier_byte(*b))
}

fn is_identifier_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

fn split_identifiers(text: &str) -> CowVec<SmallStackString> {
    text.split('.').map(SmallStackString::from_str).collect()
}

/// The identifiers in normal form: safe integers lose their leading zeros, larger ones stay as they are written.
pub(crate) fn prerelease_identifiers(text: &str) -> CowVec<SmallStackString> {
    text.split('.')
        .map(|id| match id.parse::<u64>() {
            Ok(value) if id.starts_with('0') && value < MAX_SAFE_INTEGER => {
                SmallStackString::from_string(value.to_string())
            }
            _ => SmallStackString::from_str(id),
        })
        .collect()
}

/// An identifier as node-semver's `compareIdentifiers` sees it.
enum Identifier<'t> {
    /// Numbers are compared as doubles: 9007199254740992 equals 9007199254740993.
    Number(f64),
    Text(&'t str),
}

impl<'t> Identifier<'t> {
    fn new(text: &'t str) -> Self {
        if text.bytes().all(|b| b.is_ascii_digit())
            && let Ok(number) = text.parse()
        {
            return Self::Number(number);
        }
        Self::Text(text)
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
        }
    }
}

fn compare_identifiers(a: &[SmallStackString], b: &[SmallStackString]) -> Ordering {
    for (a, b) in a.iter().zip(b) {
        let order = Identifier::new(a).compare(&Identifier::new(b));
        if order != Ordering::Equal {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

/// Prereleases: having none is the greatest.
#[cold]
fn compare_prereleases(a: &[SmallStackString], b: &[SmallStackString]) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => compare_identifiers(a, b),
    }
}

impl Ord for Version {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let order = self.tuple().cmp(&other.tuple());
        if order != Ordering::Equal || (self.0.pre.is_empty() && other.0.pre.is_empty()) {
            return order;
        }
        compare_prereleases(&self.0.pre, &other.0.pre)
    }
}

impl PartialOrd for Version {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.tuple().hash(state);
        for identifier in &self.0.pre {
            match Identifier::new(identifier) {
                Identifier::Number(number) => number.to_bits().hash(state),
                Identifier::Text(text) => text.hash(state),
            }
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0.major, self.0.minor, self.0.patch)?;
        for (index, identifier) in self.0.pre.iter().enumerate() {
            f.write_str(if index == 0 { "-" } else { "." })?;
            f.write_str(identifier)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({self})")
    }
}

impl std::str::FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    /// Reads loosely, as npm reads the versions of documents.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse_loose(&text).map_err(D::Error::custom)
    }
}
