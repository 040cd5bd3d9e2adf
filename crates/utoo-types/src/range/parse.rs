//! From a range's text to its comparators.
//!
//! node-semver rewrites the text in steps, each a pattern over what the one before left: hyphens, then white space after
//! operators, then word by word carets, tildes, x-ranges and stars. What loose mode skips and what makes a whole range
//! invalid falls out of that order, so the order is kept; the texts in between are only built where a step changes one.

use std::borrow::Cow;
use std::sync::OnceLock;

use deno_semver::{CowVec, SmallStackString};
use smallvec::SmallVec;

use super::comparator::{Comparator, Op};
use super::{Alternatives, ComparatorSet, Prereleases};
use crate::text::{is_js_space, js_trim};
use crate::version::{
    Flaw, MAX_LENGTH, MAX_SAFE_INTEGER, Mode, Tail, Version, digits, give_back_digit, number,
    prerelease_identifiers, read, skip_prefix,
};

/// From here on JavaScript writes a number with an exponent, which no pattern takes.
const EXPONENT_FROM: f64 = 1e21;

/// How to read.
#[derive(Clone, Copy)]
struct Reading {
    mode: Mode,
    prereleases: Prereleases,
}

/// Reads a range; `None` when it is invalid.
pub(super) fn parse(text: &str, mode: Mode, prereleases: Prereleases) -> Option<Alternatives> {
    let reading = Reading { mode, prereleases };
    let text = collapse_spaces(js_trim(text));
    let mut alternatives = Alternatives::new();
    for alternative in text.split("||") {
        let set = parse_set(alternative.trim_matches(' '), reading).ok()?;
        if !set.is_empty() {
            alternatives.push(set);
        }
    }
    if alternatives.len() > 1 {
        simplify(&mut alternatives);
    }
    (!alternatives.is_empty()).then_some(alternatives)
}

/// Drops alternatives that nothing satisfies, and everything beside one that any version satisfies.
fn simplify(alternatives: &mut Alternatives) {
    let is_null = |set: &ComparatorSet| set.first().is_some_and(Comparator::is_null);
    if alternatives.iter().all(is_null) {
        alternatives.truncate(1);
        return;
    }
    alternatives.retain(|set| !is_null(set));
    let is_any = |set: &ComparatorSet| matches!(&set[..], [only] if only.is_any());
    if let Some(any) = alternatives.iter().position(is_any) {
        alternatives.swap(0, any);
        alternatives.truncate(1);
    }
}

fn collapse_spaces(text: &str) -> Cow<'_, str> {
    let plain =
        text.is_ascii() && !text.contains("  ") && !text.bytes().any(|b| (b'\t'..=b'\r').contains(&b));
    if plain {
        return Cow::Borrowed(text);
    }
    let mut collapsed = String::with_capacity(text.len());
    for c in text.chars() {
        let c = if is_js_space(c) { ' ' } else { c };
        if c != ' ' || !collapsed.ends_with(' ') {
            collapsed.push(c);
        }
    }
    Cow::Owned(collapsed)
}

/// Reads one alternative, its white space collapsed. Empty when loose mode skipped everything.
fn parse_set(text: &str, reading: Reading) -> Result<ComparatorSet, Flaw> {
    let text = without_builds(text);
    let hyphen = hyphen(&text, reading);
    let text = join_operators(hyphen.as_deref().unwrap_or(&text));
    let last = text.split(' ').count() - 1;
    let mut set = ComparatorSet::new();
    for (index, word) in text.split(' ').enumerate() {
        let comparators = match parse_word(word, reading) {
            Ok(Word::Comparators(comparators)) => comparators,
            // The words are joined and split again: one that became empty is only seen at an end.
            Ok(Word::Empty) if index == 0 || index == last => Comparators::from_iter([Comparator::any()]),
            Ok(Word::Empty) => continue,
            Err(Flaw::Shape) if reading.mode == Mode::Loose => continue,
            Err(flaw) => return Err(flaw),
        };
        for comparator in comparators {
            if !set.contains(&comparator) {
                set.push(comparator);
            }
        }
    }
    if let Some(null) = set.iter().position(Comparator::is_null) {
        set.swap(0, null);
        set.truncate(1);
    }
    if set.len() > 1 {
        set.retain(|comparator| !comparator.is_any());
    }
    Ok(set)
}

/// Takes out all build metadata, wherever it stands.
fn without_builds(text: &str) -> Cow<'_, str> {
    if !text.contains('+') {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(plus) = rest.find('+') {
        kept.push_str(&rest[..plus]);
        rest = &rest[plus..];
        let after = after_tail(rest, Mode::Strict);
        if after.len() == rest.len() {
            kept.push('+');
            rest = &rest[1..];
        } else {
            rest = after;
        }
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

/// `1.2 - 2.3` as two comparators in text; `None` for everything else.
fn hyphen(text: &str, reading: Reading) -> Option<String> {
    let (from_text, to_text) = text.split_once(" - ")?;
    let from_text = from_text.strip_prefix(' ').unwrap_or(from_text);
    let to_text = to_text.strip_suffix(' ').unwrap_or(to_text);
    let from = Partial::parse(from_text, reading.mode)?;
    let to = Partial::parse(to_text, reading.mode)?;
    let zero = reading.zero();
    let from = match (from.major(), from.minor(), from.patch()) {
        (None, _, _) => String::new(),
        (Some(major), None, _) => format!(">={major}.0.0{zero}"),
        (Some(major), Some(minor), None) => format!(">={major}.{minor}.0{zero}"),
        _ if from.prerelease.is_some() => format!(">={from_text}"),
        _ => format!(">={from_text}{zero}"),
    };
    let to = match (to.major(), to.minor(), to.patch()) {
        (None, _, _) => String::new(),
        (Some(major), None, _) => format!("<{}.0.0-0", next_text(major)),
        (Some(major), Some(minor), None) => format!("<{major}.{}.0-0", next_text(minor)),
        (Some(major), Some(minor), Some(patch)) => match (to.prerelease, reading.prereleases) {
            (Some(pre), _) => format!("<={major}.{minor}.{patch}-{pre}"),
            (None, Prereleases::Included) => format!("<{major}.{minor}.{}-0", next_text(patch)),
            (None, Prereleases::OnlyWhereNamed) => format!("<={to_text}"),
        },
    };
    Some(format!("{from} {to}").trim_matches(' ').to_owned())
}

/// Takes the white space out between an operator and what it applies to.
fn join_operators(text: &str) -> Cow<'_, str> {
    let apart = |pair: &[u8]| pair[1] == b' ' && matches!(pair[0], b'<' | b'>' | b'=' | b'~' | b'^');
    if !text.as_bytes().windows(2).any(apart) {
        return Cow::Borrowed(text);
    }
    let joined = join_comparisons(text);
    Cow::Owned(joined.replace("~> ", "~").replace("~ ", "~").replace("^ ", "^"))
}

/// `>= 1` becomes `>=1`, but `>= foo` stays apart. Matches from the left as a pattern would: what a match takes is not
/// looked at again.
fn join_comparisons(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        match Match::at_start_of(rest) {
            Some(found) => {
                joined.push_str(&rest[..found.operator_end]);
                joined.push_str(&rest[found.version_start..found.end]);
                rest = &rest[found.end..];
            }
            None => {
                let mut chars = rest.chars();
                joined.extend(chars.next());
                rest = chars.as_str();
            }
        }
    }
    joined
}

/// Where an operator ends and its version begins.
struct Match {
    operator_end: usize,
    version_start: usize,
    end: usize,
}

impl Match {
    fn at_start_of(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let at = |index: usize| bytes.get(index).copied().unwrap_or(0);
        let mut index = usize::from(at(0) == b' ');
        index += usize::from(matches!(at(index), b'<' | b'>'));
        index += usize::from(at(index) == b'=');
        let operator_end = index;
        index += usize::from(at(index) == b' ');
        let version_start = index;
        while matches!(at(index), b'v' | b'=' | b' ') {
            index += 1;
        }
        let end = index + version_length(&text[index..])?;
        Some(Self { operator_end, version_start, end })
    }
}

/// How much of the start of `text` is a loose version or, failing that, a strict partial one.
fn version_length(text: &str) -> Option<usize> {
    let loose = || {
        let (_, rest) = digits(text, Mode::Loose)?;
        let (_, rest) = digits(rest.strip_prefix('.')?, Mode::Loose)?;
        let (_, rest) = digits(rest.strip_prefix('.')?, Mode::Loose)?;
        Some(after_tail(rest, Mode::Loose))
    };
    let partial = || {
        let mut rest = x_range(text, Mode::Strict)?.1;
        for part in 0..2 {
            let Some((_, after)) = rest.strip_prefix('.').and_then(|text| x_range(text, Mode::Strict)) else {
                return Some(rest);
            };
            rest = if part == 1 { after_tail(after, Mode::Strict) } else { after };
        }
        Some(rest)
    };
    loose().or_else(partial).map(|rest| text.len() - rest.len())
}

/// What is left of `text` after the longest prerelease and build at its start.
fn after_tail(text: &str, mode: Mode) -> &str {
    let bytes = text.as_bytes();
    let identifiers = |mut index: usize| {
        let mut end = None;
        loop {
            let start = index;
            while bytes.get(index).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'-') {
                index += 1;
            }
            if index == start {
                return end;
            }
            end = Some(index);
            if bytes.get(index) != Some(&b'.') {
                return end;
            }
            index += 1;
        }
    };
    let loose = mode == Mode::Loose;
    let prerelease = (bytes.first() == Some(&b'-'))
        .then(|| identifiers(1))
        .flatten()
        .or_else(|| loose.then(|| identifiers(0)).flatten())
        .unwrap_or(0);
    let build = match bytes.get(prerelease) {
        Some(b'+') => identifiers(prerelease + 1),
        _ => None,
    };
    &text[build.unwrap_or(prerelease)..]
}

/// What one word of a set comes to: at most two comparators.
type Comparators = SmallVec<[Comparator; 2]>;

/// A word of a set, read.
enum Word {
    /// It says nothing: `*`, `^x`.
    Empty,
    Comparators(Comparators),
}

impl Word {
    fn one(comparator: Comparator) -> Self {
        Self::Comparators(Comparators::from_iter([comparator]))
    }
}

fn parse_word(word: &str, reading: Reading) -> Result<Word, Flaw> {
    if word.is_empty() {
        return Ok(Word::Empty);
    }
    if let Some(rest) = word.strip_prefix('^') {
        let partial = Partial::parse(rest, reading.mode).ok_or(Flaw::Shape)?;
        return reading.caret(&partial);
    }
    if let Some(rest) = word.strip_prefix('~') {
        let rest = rest.strip_prefix('>').unwrap_or(rest);
        let partial = Partial::parse(rest, reading.mode).ok_or(Flaw::Shape)?;
        return reading.tilde(&partial);
    }
    let (operator, rest) = split_operator(word);
    match Partial::parse(rest, reading.mode) {
        // Only after a caret or tilde, and in a hyphen range, is what follows a wildcard ignored.
        Some(partial) if partial.has_gap() => Err(Flaw::Shape),
        Some(partial) if !partial.is_full() => reading.x_range(operator, &partial),
        Some(_) => reading.exact(operator, rest).map(Word::one),
        None => {
            let word = without_star(word);
            if word.is_empty() {
                return Ok(Word::Empty);
            }
            let (operator, rest) = split_operator(&word);
            reading.exact(operator, rest).map(Word::one)
        }
    }
}

fn split_operator(word: &str) -> (&str, &str) {
    let bytes = word.as_bytes();
    let mut end = usize::from(matches!(bytes.first(), Some(b'<' | b'>')));
    end += usize::from(bytes.get(end) == Some(&b'='));
    word.split_at(end)
}

/// Takes out the first `*` with the operator before it: `1.2.3*` is `1.2.3` to node-semver.
fn without_star(word: &str) -> Cow<'_, str> {
    let Some((before, after)) = word.split_once('*') else {
        return Cow::Borrowed(word);
    };
    let before = before.strip_suffix('=').unwrap_or(before);
    let before = before.strip_suffix(['<', '>']).unwrap_or(before);
    Cow::Owned(format!("{before}{after}"))
}

/// A version some parts of which may be `x` or missing.
#[derive(Clone, Copy, Debug)]
struct Partial<'t> {
    /// The parts as written; wildcards and missing ones are `None`.
    parts: [Option<&'t str>; 3],
    prerelease: Option<&'t str>,
}

impl<'t> Partial<'t> {
    /// Reads the whole of `text`, or nothing.
    fn parse(text: &'t str, mode: Mode) -> Option<Self> {
        let text = skip_prefix(text);
        let (major, mut rest) = x_range(text, mode)?;
        let mut parts = [major, None, None];
        if let Some(after) = rest.strip_prefix('.') {
            (parts[1], rest) = x_range(after, mode)?;
            if let Some(after) = rest.strip_prefix('.') {
                (parts[2], rest) = x_range(after, mode)?;
                if let Some(patch) = parts[2] {
                    let (patch, after) = give_back_digit(patch, rest, text, mode);
                    (parts[2], rest) = (Some(patch), after);
                }
                let tail = Tail::parse(rest, mode)?;
                return Some(Self { parts, prerelease: tail.prerelease });
            }
        }
        if !rest.is_empty() {
            return None;
        }
        Some(Self { parts, prerelease: None })
    }

    /// Whether a number follows a wildcard: `1.x.5`.
    fn has_gap(&self) -> bool {
        matches!(self.parts, [None, Some(_), _] | [_, None, Some(_)])
    }

    fn major(&self) -> Option<&'t str> {
        self.parts[0]
    }

    fn minor(&self) -> Option<&'t str> {
        self.parts[1]
    }

    fn patch(&self) -> Option<&'t str> {
        self.parts[2]
    }

    fn is_full(&self) -> bool {
        self.parts.iter().all(Option::is_some)
    }
}

/// One part: a number, or a wildcard (`None`); and what follows.
fn x_range(text: &str, mode: Mode) -> Option<(Option<&str>, &str)> {
    match text.as_bytes().first()? {
        b'x' | b'X' | b'*' => Some((None, &text[1..])),
        _ => digits(text, mode).map(|(number, rest)| (Some(number), rest)),
    }
}

/// A number of a bound: as written, or the one after it.
#[derive(Clone, Copy)]
enum Number<'t> {
    Zero,
    Same(&'t str),
    Next(&'t str),
}

impl Number<'_> {
    fn value(self) -> Result<u64, Flaw> {
        let (text, more) = match self {
            Self::Zero => return Ok(0),
            Self::Same(text) => (text, 0),
            Self::Next(text) => (text, 1),
        };
        number(text).map(|value| value + more).filter(|value| *value <= MAX_SAFE_INTEGER).ok_or(Flaw::Bounds)
    }

    /// As node-semver writes it.
    fn text(self) -> Cow<'static, str> {
        match self {
            Self::Zero => Cow::Borrowed("0"),
            Self::Same(text) => Cow::Owned(text.to_owned()),
            Self::Next(text) => Cow::Owned(next_text(text)),
        }
    }

    /// How long [`Number::text`] is; it counts towards the 256 characters.
    fn length(self, value: u64) -> usize {
        match self {
            Self::Zero => 1,
            Self::Same(text) => text.len(),
            Self::Next(_) => value.ilog10() as usize + 1,
        }
    }

    fn has_exponent(self) -> bool {
        // Shorter texts are below 10^21.
        matches!(self, Self::Next(text) if text.len() > 20
            && text.parse::<f64>().is_ok_and(|value| value + 1.0 >= EXPONENT_FROM))
    }
}

/// One more than a number, as JavaScript writes it: `1e+21` from 10^21 on.
fn next_text(digits: &str) -> String {
    let next = digits.parse::<f64>().unwrap_or(f64::INFINITY) + 1.0;
    if next >= EXPONENT_FROM { format!("{next:e}").replace('e', "e+") } else { format!("{next}") }
}

impl Reading {
    /// What node-semver appends to a lower bound that it made up, so that prereleases of it are in.
    fn zero(self) -> &'static str {
        match self.prereleases {
            Prereleases::Included => "-0",
            Prereleases::OnlyWhereNamed => "",
        }
    }

    fn zero_prerelease(self) -> Option<&'static str> {
        (self.prereleases == Prereleases::Included).then_some("0")
    }

    fn caret(self, partial: &Partial<'_>) -> Result<Word, Flaw> {
        use Number::{Next, Same, Zero};
        let Some(major) = partial.major() else {
            return Ok(Word::Empty);
        };
        let Some(minor) = partial.minor() else {
            return self.between([Same(major), Zero, Zero], [Next(major), Zero, Zero]);
        };
        // "00" is not "0" here: node-semver compares the text.
        let next_major = [Next(major), Zero, Zero];
        let next_minor = [Same(major), Next(minor), Zero];
        let Some(patch) = partial.patch() else {
            let end = if major == "0" { next_minor } else { next_major };
            return self.between([Same(major), Same(minor), Zero], end);
        };
        let end = match (major, minor) {
            ("0", "0") => [Same(major), Same(minor), Next(patch)],
            ("0", _) => next_minor,
            _ => next_major,
        };
        self.between_full([major, minor, patch], partial.prerelease, end)
    }

    fn tilde(self, partial: &Partial<'_>) -> Result<Word, Flaw> {
        use Number::{Next, Same, Zero};
        let Some(major) = partial.major() else {
            return Ok(Word::Empty);
        };
        let Some(minor) = partial.minor() else {
            return self.between([Same(major), Zero, Zero], [Next(major), Zero, Zero]);
        };
        let end = [Same(major), Next(minor), Zero];
        match partial.patch() {
            None => self.between([Same(major), Same(minor), Zero], end),
            Some(patch) => self.between_full([major, minor, patch], partial.prerelease, end),
        }
    }

    /// A partial version with a wildcard, alone or after an operator.
    fn x_range(self, operator: &str, partial: &Partial<'_>) -> Result<Word, Flaw> {
        use Number::{Next, Same, Zero};
        let op = Op::of_text(operator);
        let one = |comparator| Ok(Word::one(comparator));
        let Some(major) = partial.major() else {
            return match op {
                Op::Less | Op::Greater => one(null()),
                _ => Ok(Word::Empty),
            };
        };
        let (same, next) = match partial.minor() {
            None => ([Same(major), Zero, Zero], [Next(major), Zero, Zero]),
            Some(minor) => ([Same(major), Same(minor), Zero], [Same(major), Next(minor), Zero]),
        };
        let lower = self.zero_prerelease();
        match op {
            Op::Any | Op::Equal => self.between(same, next),
            Op::Less => one(bound(Op::Less, same, Some("0"), self.mode)?),
            Op::LessOrEqual => one(bound(Op::Less, next, Some("0"), self.mode)?),
            Op::GreaterOrEqual => one(self.lower(same, lower)?),
            Op::Greater => one(self.lower(next, lower)?),
        }
    }

    /// A lower bound, or no bound where it is the lowest version there is.
    fn lower(self, numbers: [Number<'_>; 3], prerelease: Option<&str>) -> Result<Comparator, Flaw> {
        let lowest = numbers.iter().all(|number| match number {
            Number::Zero => true,
            Number::Same(text) => *text == "0",
            Number::Next(_) => false,
        });
        if lowest && prerelease == self.zero_prerelease() {
            return Ok(Comparator::any());
        }
        bound(Op::GreaterOrEqual, numbers, prerelease, self.mode)
    }

    /// A lower bound made up from a partial version, and the version below which the range ends.
    fn between(self, start: [Number<'_>; 3], end: [Number<'_>; 3]) -> Result<Word, Flaw> {
        let lower = self.lower(start, self.zero_prerelease())?;
        let upper = bound(Op::Less, end, Some("0"), self.mode)?;
        Ok(Word::Comparators(Comparators::from_iter([lower, upper])))
    }

    /// As [`Reading::between`], from a full version, which is a bound as it stands.
    fn between_full(
        self,
        start: [&str; 3],
        prerelease: Option<&str>,
        end: [Number<'_>; 3],
    ) -> Result<Word, Flaw> {
        let lower = self.lower(start.map(Number::Same), prerelease)?;
        let upper = bound(Op::Less, end, Some("0"), self.mode)?;
        Ok(Word::Comparators(Comparators::from_iter([lower, upper])))
    }

    fn exact(self, operator: &str, text: &str) -> Result<Comparator, Flaw> {
        let lowest = match self.prereleases {
            Prereleases::Included => "0.0.0-0",
            Prereleases::OnlyWhereNamed => "0.0.0",
        };
        if operator == ">=" && text == lowest {
            return Ok(Comparator::any());
        }
        Ok(Comparator::new(Op::of_text(operator), read(text, self.mode)?))
    }
}

fn null() -> Comparator {
    Comparator::new(Op::Less, Version::from_parts([0; 3], zero(), CowVec::new()))
}

/// The prerelease `0`, that of nearly every upper bound: shared by all.
fn zero() -> CowVec<SmallStackString> {
    static ZERO: OnceLock<CowVec<SmallStackString>> = OnceLock::new();
    ZERO.get_or_init(|| CowVec::from([SmallStackString::from_static("0")])).clone()
}

/// A bound that node-semver would write out and read again.
fn bound(op: Op, numbers: [Number<'_>; 3], prerelease: Option<&str>, mode: Mode) -> Result<Comparator, Flaw> {
    if numbers.iter().any(|number| number.has_exponent()) {
        let [major, minor, patch] = numbers.map(Number::text);
        let pre = prerelease.map(|pre| format!("-{pre}")).unwrap_or_default();
        let version = read(&format!("{major}.{minor}.{patch}{pre}"), mode)?;
        return Ok(Comparator::new(op, version));
    }
    let mut values = [0; 3];
    let mut length = "..".len() + prerelease.map_or(0, |pre| pre.len() + 1);
    for (value, number) in values.iter_mut().zip(numbers) {
        *value = number.value()?;
        length += number.length(*value);
    }
    if length > MAX_LENGTH {
        return Err(Flaw::Bounds);
    }
    let pre = match prerelease {
        Some("0") => zero(),
        other => other.map(prerelease_identifiers).unwrap_or_default(),
    };
    let version = Version::from_parts(values, pre, CowVec::new());
    Ok(Comparator::new(op, version))
}
