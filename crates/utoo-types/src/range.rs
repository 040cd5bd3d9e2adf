//! Ranges as node-semver reads and answers them.
//!
//! A range is alternatives (`||`) of comparator sets; a set holds when each of its comparators does. [`parse`] turns the
//! surface forms (`^1.2`, `~1`, `1.x`, `1 - 2`, `>=1`) into plain comparators, step by step as node-semver's
//! documentation describes them; [`relate`] compares ranges with each other.

mod comparator;
mod parse;
mod relate;

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};
use smallvec::SmallVec;
use thiserror::Error;

use crate::version::{Mode, Version};
use comparator::Comparator;

/// Why a text is no range.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("Invalid SemVer Range: {text}")]
pub struct RangeError {
    text: Box<str>,
}

impl RangeError {
    /// npm's stable code for this error.
    pub fn code(&self) -> &'static str {
        "EINVALIDRANGE"
    }

    /// The text that was refused.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Whether prereleases count as ordinary versions, as node-semver's `includePrerelease` option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prereleases {
    /// Only where a comparator of the set names one on the same `major.minor.patch`.
    OnlyWhereNamed,
    Included,
}

/// One alternative: all of its comparators must hold. Most have one or two.
type ComparatorSet = SmallVec<[Comparator; 2]>;

/// The alternatives, at least one.
type Alternatives = SmallVec<[ComparatorSet; 1]>;

/// A set of versions: `^1.2.3`, `>=1 <3 || 5.x`, `1.2 - 2.3`.
///
/// `Display` gives the text as it was written, and equality compares that text and the strictness; [`Range::normalized`]
/// gives node-semver's form. Cloning shares.
#[derive(Clone)]
pub struct Range(Arc<Inner>);

struct Inner {
    raw: Box<str>,
    mode: Mode,
    alternatives: Alternatives,
    /// The same text read with `includePrerelease`, which moves some bounds; read when first asked for, since only
    /// `engines` and audits ask. `None` inside: not valid when read so.
    with_prereleases: OnceLock<Option<Alternatives>>,
}

impl Range {
    /// Reads a range as all of npm does: loosely. What makes no comparator is skipped as long as something remains.
    ///
    /// # Errors
    /// When no alternative holds a comparator, or a number exceeds 2^53 - 1.
    pub fn parse(text: &str) -> Result<Self, RangeError> {
        Self::parse_mode(text, Mode::Loose)
    }

    /// Reads a range strictly, as npm does for `engines`.
    ///
    /// # Errors
    /// When any part of the text is no comparator, or a number exceeds 2^53 - 1.
    pub fn parse_strict(text: &str) -> Result<Self, RangeError> {
        Self::parse_mode(text, Mode::Strict)
    }

    fn parse_mode(text: &str, mode: Mode) -> Result<Self, RangeError> {
        let alternatives = parse::parse(text, mode, Prereleases::OnlyWhereNamed)
            .ok_or_else(|| RangeError { text: text.into() })?;
        Ok(Self(Arc::new(Inner { raw: text.into(), mode, alternatives, with_prereleases: OnceLock::new() })))
    }

    /// Whether `version` is in the range. A prerelease is only where a comparator of the same set names a prerelease of
    /// the same `major.minor.patch`. Never allocates.
    #[inline]
    pub fn satisfies(&self, version: &Version) -> bool {
        self.0.alternatives.iter().any(|set| holds(set, version))
    }

    /// Whether `version` is in the range with prereleases counted like any other version.
    pub fn satisfies_including_prerelease(&self, version: &Version) -> bool {
        self.with_prereleases().is_some_and(|alternatives| {
            alternatives.iter().any(|set| set.iter().all(|comparator| comparator.holds(version)))
        })
    }

    /// The highest of `versions` in the range; of equal ones the first, as node-semver's `maxSatisfying`.
    pub fn max_satisfying<'v>(&self, versions: impl IntoIterator<Item = &'v Version>) -> Option<&'v Version> {
        versions
            .into_iter()
            .filter(|version| self.satisfies(version))
            .reduce(|best, version| if *version > *best { version } else { best })
    }

    /// Whether every release satisfies it: `*`, the empty text, `x`, `>=0.0.0`.
    pub fn is_any(&self) -> bool {
        self.0.alternatives.iter().any(|set| set.iter().all(Comparator::is_any))
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.0.raw
    }

    /// node-semver's own form: `>=1.2.3 <2.0.0-0` for `^1.2.3`; empty for any version.
    pub fn normalized(&self) -> String {
        render(&self.0.alternatives)
    }

    /// Whether some version may satisfy both ranges, as node-semver's `intersects` answers.
    pub fn intersects(&self, other: &Self) -> bool {
        relate::intersects(&self.0.alternatives, &other.0.alternatives)
    }

    /// Whether every version of this range is in `other`, as node-semver's `subset` answers.
    pub fn is_subset_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || relate::subset(&self.0.alternatives, &other.0.alternatives)
    }

    /// The lowest version that can satisfy the range, as node-semver's `minVersion`; none for `<0.0.0-0`.
    pub fn min_version(&self) -> Option<Version> {
        relate::min_version(&self.0.alternatives).filter(|version| self.satisfies(version))
    }

    /// Versions that none of the range is below or above, as far as it has such bounds; not always the tightest.
    pub(crate) fn bounds(&self) -> (Option<&Version>, Option<&Version>) {
        relate::bounds(&self.0.alternatives)
    }

    fn with_prereleases(&self) -> Option<&Alternatives> {
        self.0
            .with_prereleases
            .get_or_init(|| parse::parse(&self.0.raw, self.0.mode, Prereleases::Included))
            .as_ref()
    }

    /// [`Range::normalized`] of the text read with prereleases included; `None` when it is invalid when read so.
    #[doc(hidden)]
    pub fn normalized_including_prerelease(&self) -> Option<String> {
        self.with_prereleases().map(render)
    }
}

#[inline]
fn holds(set: &ComparatorSet, version: &Version) -> bool {
    set.iter().all(|comparator| comparator.holds(version))
        && (!version.is_prerelease() || set.iter().any(|comparator| comparator.names_prerelease_of(version)))
}

fn render(alternatives: &Alternatives) -> String {
    let mut text = String::new();
    for (index, set) in alternatives.iter().enumerate() {
        if index > 0 {
            text.push_str("||");
        }
        for (index, comparator) in set.iter().enumerate() {
            if index > 0 {
                text.push(' ');
            }
            text.push_str(&comparator.to_string());
        }
    }
    text
}

impl PartialEq for Range {
    fn eq(&self, other: &Self) -> bool {
        self.0.raw == other.0.raw && self.0.mode == other.0.mode
    }
}

impl Eq for Range {}

impl std::hash::Hash for Range {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.raw.hash(state);
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.raw)
    }
}

impl fmt::Debug for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Range({:?} = {:?})", &*self.0.raw, self.normalized())
    }
}

impl std::str::FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.raw)
    }
}

impl<'de> Deserialize<'de> for Range {
    /// Reads loosely, as npm reads the ranges of documents.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}
