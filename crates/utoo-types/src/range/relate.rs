//! Ranges compared with each other.

use std::cmp::Ordering;

use super::comparator::{Comparator, Op};
use super::{Alternatives, ComparatorSet};
use crate::version::{MAX_SAFE_INTEGER, Version};

/// Whether some pair of alternatives can hold at once.
pub(super) fn intersects(a: &Alternatives, b: &Alternatives) -> bool {
    a.iter().filter(|set| is_satisfiable(set)).any(|a| {
        b.iter()
            .filter(|set| is_satisfiable(set))
            .any(|b| a.iter().all(|one| b.iter().all(|other| comparators_intersect(one, other))))
    })
}

/// Whether no two comparators of the set exclude each other.
fn is_satisfiable(set: &ComparatorSet) -> bool {
    set.iter()
        .enumerate()
        .all(|(index, one)| set[index + 1..].iter().all(|other| comparators_intersect(one, other)))
}

/// Not symmetric: any version intersects a prerelease, but a prerelease is in no range that does not name it.
fn comparators_intersect(a: &Comparator, b: &Comparator) -> bool {
    match (a.op, b.op) {
        (Op::Any, _) => return true,
        (Op::Equal, _) => return in_comparator(&a.version, b),
        (_, Op::Any) => return true,
        (_, Op::Equal) => return in_comparator(&b.version, a),
        _ => {}
    }
    if is_below_zero(a) || is_below_zero(b) {
        return false;
    }
    if a.op.is_lower() == b.op.is_lower() {
        return true;
    }
    let (lower, upper) = if a.op.is_lower() { (a, b) } else { (b, a) };
    match lower.version.cmp(&upper.version) {
        Ordering::Less => true,
        Ordering::Equal => lower.op.is_inclusive() && upper.op.is_inclusive(),
        Ordering::Greater => false,
    }
}

/// `<0.0.0`, with or without a prerelease: node-semver holds it for empty here.
fn is_below_zero(comparator: &Comparator) -> bool {
    comparator.op == Op::Less && comparator.version.tuple() == [0, 0, 0]
}

/// A version as a member of the range that consists of one comparator.
fn in_comparator(version: &Version, comparator: &Comparator) -> bool {
    comparator.holds(version) && (!version.is_prerelease() || comparator.names_prerelease_of(version))
}

/// The least and the greatest version that the alternatives allow, as far as each of them has a bound on that side.
pub(super) fn bounds(alternatives: &Alternatives) -> (Option<&Version>, Option<&Version>) {
    let lower = alternatives.iter().map(lower_bound).reduce(|a, b| Some(a?.min(b?))).flatten();
    let upper = alternatives.iter().map(upper_bound).reduce(|a, b| Some(a?.max(b?))).flatten();
    (lower, upper)
}

fn lower_bound(set: &ComparatorSet) -> Option<&Version> {
    let bounds = set.iter().filter(|bound| bound.op == Op::Equal || bound.op.is_lower());
    bounds.map(|bound| &bound.version).max()
}

fn upper_bound(set: &ComparatorSet) -> Option<&Version> {
    let bounds = set.iter().filter(|bound| bound.op == Op::Equal || bound.op.is_upper());
    bounds.map(|bound| &bound.version).min()
}

/// The lowest version the bounds allow; whether it is in the range remains to be seen.
pub(super) fn min_version(alternatives: &Alternatives) -> Option<Version> {
    let contains = |version: &Version| alternatives.iter().any(|set| super::holds(set, version));
    let zero = Version::new(0, 0, 0);
    let least = zero.with_prerelease_part(0);
    if contains(&zero) {
        return Some(zero);
    }
    if contains(&least) {
        return Some(least);
    }
    if alternatives.iter().flatten().any(is_loose_only) {
        return None;
    }
    alternatives
        .iter()
        .filter_map(|set| {
            // Of equal ones the first: they may be written differently.
            let bounds = set.iter().filter_map(first_version);
            bounds.reduce(|most, version| if version > most { version } else { most })
        })
        .reduce(|least, version| if version < least { version } else { least })
        .filter(|version| version.patch() <= MAX_SAFE_INTEGER)
}

/// Whether the version is none when read strictly, as node-semver reads it again here: a number beyond the safe integers
/// keeps its leading zeros.
fn is_loose_only(comparator: &Comparator) -> bool {
    let numeric = |id: &str| id.bytes().all(|b| b.is_ascii_digit());
    let mut identifiers = comparator.version.prerelease();
    identifiers.any(|id| id.len() > 1 && id.starts_with('0') && numeric(id))
}

/// The lowest version above a lower bound; its patch may be one beyond the safe integers.
fn first_version(comparator: &Comparator) -> Option<Version> {
    let version = &comparator.version;
    match comparator.op {
        Op::Equal | Op::GreaterOrEqual => Some(version.clone()),
        Op::Greater if version.is_prerelease() => Some(version.with_prerelease_part(0)),
        Op::Greater => {
            let [major, minor, patch] = version.tuple();
            Some(Version::new(major, minor, patch + 1))
        }
        Op::Any | Op::Less | Op::LessOrEqual => None,
    }
}

/// Whether every alternative of `sub` lies within one of `dom`. One that nothing satisfies is passed over, but only as
/// long as all before it were of that kind.
pub(super) fn subset(sub: &Alternatives, dom: &Alternatives) -> bool {
    let mut all_empty = true;
    for sub in sub {
        let mut inside = false;
        for dom in dom {
            let containment = set_is_subset(sub, dom);
            all_empty &= containment == Containment::Empty;
            inside |= containment == Containment::Inside;
            if inside {
                break;
            }
        }
        if !inside && !all_empty {
            return false;
        }
    }
    true
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Containment {
    /// Nothing satisfies the set, so it is a subset of anything.
    Empty,
    Inside,
    Outside,
}

/// The bounds of one set, the tightest of each side.
#[derive(Default)]
struct Bounds<'c> {
    lower: Option<&'c Comparator>,
    upper: Option<&'c Comparator>,
    equal: Option<&'c Version>,
    /// Two comparators name one version each.
    contradictory: bool,
}

impl<'c> Bounds<'c> {
    fn of(set: &'c [Comparator]) -> Self {
        let mut bounds = Self::default();
        for comparator in set {
            match comparator.op {
                Op::Greater | Op::GreaterOrEqual => {
                    bounds.lower = Some(match bounds.lower {
                        Some(held) if tighter(held, comparator, Ordering::Greater) => held,
                        _ => comparator,
                    });
                }
                Op::Less | Op::LessOrEqual => {
                    bounds.upper = Some(match bounds.upper {
                        Some(held) if tighter(held, comparator, Ordering::Less) => held,
                        _ => comparator,
                    });
                }
                Op::Equal | Op::Any => {
                    bounds.contradictory |= bounds.equal.replace(&comparator.version).is_some();
                }
            }
        }
        bounds
    }

    /// How the lower bound's version stands to the upper's, where there are both.
    fn spread(&self) -> Option<Ordering> {
        Some(self.lower?.version.cmp(&self.upper?.version))
    }

    fn is_empty(&self) -> bool {
        let inclusive = |bound: Option<&Comparator>| bound.is_some_and(|c| c.op.is_inclusive());
        self.contradictory
            || match self.spread() {
                Some(Ordering::Greater) => true,
                Some(Ordering::Equal) => !inclusive(self.lower) || !inclusive(self.upper),
                _ => false,
            }
    }
}

/// Whether `held` bounds at least as tightly as `other`, in the direction given.
fn tighter(held: &Comparator, other: &Comparator, direction: Ordering) -> bool {
    match held.version.cmp(&other.version) {
        Ordering::Equal => !held.op.is_inclusive() || other.op.is_inclusive(),
        order => order == direction,
    }
}

fn set_is_subset(sub: &ComparatorSet, dom: &ComparatorSet) -> Containment {
    let from_zero = [Comparator::new(Op::GreaterOrEqual, Version::new(0, 0, 0))];
    let any = |set: &ComparatorSet| matches!(&set[..], [only] if only.is_any());
    if any(sub) && any(dom) {
        return Containment::Inside;
    }
    let sub = if any(sub) { &from_zero[..] } else { &sub[..] };
    let dom = if any(dom) { &from_zero[..] } else { &dom[..] };
    let bounds = Bounds::of(sub);
    if bounds.is_empty() {
        return Containment::Empty;
    }
    if let Some(version) = bounds.equal {
        let bounded = |bound: Option<&Comparator>| bound.is_none_or(|c| in_comparator(version, c));
        if !bounded(bounds.lower) || !bounded(bounds.upper) {
            return Containment::Empty;
        }
        let inside = dom.iter().all(|c| in_comparator(version, c));
        return contained(inside);
    }
    contained(is_within(&bounds, dom))
}

fn contained(inside: bool) -> Containment {
    if inside { Containment::Inside } else { Containment::Outside }
}

fn is_within(bounds: &Bounds<'_>, dom: &[Comparator]) -> bool {
    let lower_held = bounds.lower.is_none_or(|lower| {
        dom.iter().all(|c| match c.op {
            Op::Greater | Op::GreaterOrEqual => tighter(lower, c, Ordering::Greater),
            _ => !lower.op.is_inclusive() || c.holds(&lower.version),
        })
    });
    let upper_held = bounds.upper.is_none_or(|upper| {
        dom.iter().all(|c| match c.op {
            Op::Less | Op::LessOrEqual => tighter(upper, c, Ordering::Less),
            _ => !upper.op.is_inclusive() || c.holds(&upper.version),
        })
    });
    if !lower_held || !upper_held {
        return false;
    }
    // A side that is open in the set must be open in what contains it, unless the set is a single version.
    let single = bounds.spread() == Some(Ordering::Equal);
    let dom_has = |test: fn(Op) -> bool| dom.iter().any(|c| test(c.op));
    let open = |own: Option<&Comparator>, test: fn(Op) -> bool| own.is_none() && dom_has(test);
    let too_wide =
        open(bounds.upper, Op::is_upper) || open(bounds.lower, Op::is_lower) || dom_has(|op| op == Op::Equal);
    if too_wide && !single {
        return false;
    }
    // Prereleases of a tuple are in the set only where it names one: what contains it must name one there too.
    [bounds.lower, bounds.upper].into_iter().flatten().all(|bound| prereleases_named(bound, dom))
}

/// Whether `dom` lets in the prereleases that `bound` lets in.
fn prereleases_named(bound: &Comparator, dom: &[Comparator]) -> bool {
    // `<1.0.0-0` lets none in.
    let none = bound.op == Op::Less && bound.version.prerelease().eq(["0"]);
    none || !bound.version.is_prerelease() || dom.iter().any(|c| c.names_prerelease_of(&bound.version))
}
