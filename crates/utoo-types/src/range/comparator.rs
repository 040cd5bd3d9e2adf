//! One bound of a range: an operator and a version.

use std::cmp::Ordering;
use std::fmt;

use crate::version::Version;

/// How a comparator's version bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// Holds for every version; the comparator's version means nothing.
    Any,
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Op {
    /// The operator of `<`, `<=`, `>`, `>=`, `=` or the empty text.
    pub(super) fn of_text(text: &str) -> Self {
        match text {
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => Self::Equal,
        }
    }

    pub(super) fn is_lower(self) -> bool {
        matches!(self, Self::Greater | Self::GreaterOrEqual)
    }

    pub(super) fn is_upper(self) -> bool {
        matches!(self, Self::Less | Self::LessOrEqual)
    }

    pub(super) fn is_inclusive(self) -> bool {
        matches!(self, Self::LessOrEqual | Self::GreaterOrEqual)
    }

    fn text(self) -> &'static str {
        match self {
            Self::Any | Self::Equal => "",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// `>=1.2.3`, `1.2.3`, or any version.
#[derive(Clone, Debug)]
pub(super) struct Comparator {
    pub(super) op: Op,
    pub(super) version: Version,
}

impl Comparator {
    pub(super) fn any() -> Self {
        Self { op: Op::Any, version: Version::new(0, 0, 0) }
    }

    pub(super) fn new(op: Op, version: Version) -> Self {
        Self { op, version }
    }

    pub(super) fn is_any(&self) -> bool {
        self.op == Op::Any
    }

    /// `<0.0.0-0`, which no version satisfies.
    pub(super) fn is_null(&self) -> bool {
        self.op == Op::Less
            && self.version.tuple() == [0, 0, 0]
            && self.version.prerelease().len() == 1
            && self.version.prerelease().next() == Some("0")
    }

    /// Whether the bound holds, prerelease or not.
    #[inline]
    pub(super) fn holds(&self, version: &Version) -> bool {
        if self.op == Op::Any {
            return true;
        }
        let order = version.cmp(&self.version);
        match self.op {
            Op::Any => true,
            Op::Equal => order == Ordering::Equal,
            Op::Less => order == Ordering::Less,
            Op::LessOrEqual => order != Ordering::Greater,
            Op::Greater => order == Ordering::Greater,
            Op::GreaterOrEqual => order != Ordering::Less,
        }
    }

    /// Whether the comparator itself names a prerelease on the tuple of `version`.
    pub(super) fn names_prerelease_of(&self, version: &Version) -> bool {
        self.op != Op::Any && self.version.is_prerelease() && self.version.tuple() == version.tuple()
    }
}

impl PartialEq for Comparator {
    /// As node-semver compares the texts of comparators; all that match anything are one.
    fn eq(&self, other: &Self) -> bool {
        self.op == other.op && (self.is_any() || self.same_version(other))
    }
}

impl Comparator {
    /// Stricter than version equality: huge numeric identifiers that compare equal as doubles stay apart.
    fn same_version(&self, other: &Self) -> bool {
        self.version.tuple() == other.version.tuple()
            && self.version.prerelease().eq(other.version.prerelease())
    }
}

impl fmt::Display for Comparator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.op {
            Op::Any => Ok(()),
            op => write!(f, "{}{}", op.text(), self.version),
        }
    }
}
