//! JSON as npm prints it: sorted keys, JavaScript's numbers and escapes, a format of one's own.

use std::cmp::Ordering;
use std::fmt::Write;

use rayon::prelude::*;
use serde_json::{Number, Value};
use utoo_types::collate;

use crate::Format;

/// How many members one thread prints in a row: so many entries of a lockfile take half a millisecond, which is worth the
/// way to another thread.
const MEMBERS_PER_PART: usize = 256;

/// The keys that npm puts before all others, at every depth.
const PREFERRED: [&str; 8] =
    ["name", "version", "lockfileVersion", "resolved", "integrity", "requires", "packages", "dependencies"];

/// Where a key stands in an object of npm's: keys that JavaScript takes for array indices first and by number (it
/// cannot do otherwise), then all keys whose values are no objects (arrays count as none), each time the preferred ones
/// first and the others in the order of `localeCompare`.
pub(crate) fn key_order(a: Key<'_>, b: Key<'_>) -> Ordering {
    match (array_index(a.text), array_index(b.text)) {
        (Some(a), Some(b)) => return a.cmp(&b),
        (Some(_), None) => return Ordering::Less,
        (None, Some(_)) => return Ordering::Greater,
        (None, None) => {}
    }
    a.holds_object
        .cmp(&b.holds_object)
        .then_with(|| rank(a.text).cmp(&rank(b.text)))
        .then_with(|| collate::compare(a.text, b.text))
}

/// A key, and what matters of its value.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a> {
    pub(crate) text: &'a str,
    pub(crate) holds_object: bool,
}

/// [`key_order`] for objects whose values are all of one kind.
pub(crate) fn text_order(a: &str, b: &str) -> Ordering {
    key_order(Key { text: a, holds_object: false }, Key { text: b, holds_object: false })
}

fn rank(key: &str) -> usize {
    PREFERRED.iter().position(|preferred| *preferred == key).unwrap_or(PREFERRED.len())
}

/// The number that a key is an array index by: canonical decimals below 2³² - 1.
fn array_index(key: &str) -> Option<u32> {
    if !key.as_bytes().first()?.is_ascii_digit() || (key.len() > 1 && key.starts_with('0')) {
        return None;
    }
    key.parse().ok().filter(|index| *index != u32::MAX && key.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A growing document.
pub(crate) struct Printer<'a> {
    text: String,
    format: &'a Format,
    depth: usize,
}

impl<'a> Printer<'a> {
    pub(crate) fn new(format: &'a Format, capacity: usize) -> Self {
        Self { text: String::with_capacity(capacity), format, depth: 0 }
    }

    /// The document, with the newline that ends a file; a compact one has none.
    pub(crate) fn finish(mut self) -> String {
        self.text.push_str(self.format.newline());
        self.text
    }

    /// An object, from members in the order in which they are to stand.
    pub(crate) fn object<T>(
        &mut self,
        members: impl IntoIterator<Item = T>,
        mut member: impl FnMut(&mut Self, T),
    ) {
        self.nested(b'{', b'}', members, &mut member);
    }

    /// [`Printer::object`] of many members of some `bytes` each, printed side by side.
    pub(crate) fn wide_object<T: Sync>(
        &mut self,
        members: &[T],
        bytes: usize,
        member: impl Fn(&mut Self, &T) + Sync,
    ) {
        if members.len() <= MEMBERS_PER_PART {
            return self.object(members, member);
        }
        let (format, depth) = (self.format, self.depth + 1);
        let print = |part: &[T]| {
            let mut printer = Self { depth, ..Self::new(format, part.len() * bytes) };
            for item in part {
                printer.line();
                member(&mut printer, item);
                printer.text.push(',');
            }
            printer.text
        };
        let parts: Vec<String> = members.par_chunks(MEMBERS_PER_PART).map(print).collect();
        self.text.push('{');
        self.text.extend(parts);
        self.text.pop();
        self.line();
        self.text.push('}');
    }

    fn nested<T>(
        &mut self,
        open: u8,
        close: u8,
        items: impl IntoIterator<Item = T>,
        item: &mut impl FnMut(&mut Self, T),
    ) {
        self.text.push(char::from(open));
        self.depth += 1;
        let mut is_first = true;
        for value in items {
            if !is_first {
                self.text.push(',');
            }
            is_first = false;
            self.line();
            item(self, value);
        }
        self.depth -= 1;
        if !is_first {
            self.line();
        }
        self.text.push(char::from(close));
    }

    fn line(&mut self) {
        self.text.push_str(self.format.newline());
        for _ in 0..self.depth {
            self.text.push_str(self.format.indent());
        }
    }

    pub(crate) fn key(&mut self, key: &str) {
        self.string(key);
        self.text.push_str(self.format.colon());
    }

    pub(crate) fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// A string as `JSON.stringify` escapes it: quotes, backslashes, and what is below U+0020; nothing else.
    pub(crate) fn string(&mut self, text: &str) {
        self.text.push('"');
        // Without a way out of the loop it looks at many bytes at once.
        match text.bytes().fold(false, |any, byte| any | is_escaped(byte)) {
            true => self.escaped(text),
            false => self.text.push_str(text),
        }
        self.text.push('"');
    }

    fn escaped(&mut self, text: &str) {
        let mut start = 0;
        for (at, byte) in text.bytes().enumerate().filter(|(_, byte)| is_escaped(*byte)) {
            self.text.push_str(&text[start..at]);
            start = at + 1;
            match byte {
                b'"' => self.text.push_str("\\\""),
                b'\\' => self.text.push_str("\\\\"),
                b'\n' => self.text.push_str("\\n"),
                b'\r' => self.text.push_str("\\r"),
                b'\t' => self.text.push_str("\\t"),
                8 => self.text.push_str("\\b"),
                12 => self.text.push_str("\\f"),
                other => _ = write!(self.text, "\\u{other:04x}"),
            }
        }
        self.text.push_str(&text[start..]);
    }

    pub(crate) fn strings<'s>(&mut self, items: impl IntoIterator<Item = &'s str>) {
        self.nested(b'[', b']', items, &mut |printer: &mut Self, item| printer.string(item));
    }

    /// Any value, objects sorted as npm sorts them.
    pub(crate) fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.raw("null"),
            Value::Bool(true) => self.raw("true"),
            Value::Bool(false) => self.raw("false"),
            Value::Number(number) => self.number(number),
            Value::String(text) => self.string(text),
            Value::Array(items) => {
                self.nested(b'[', b']', items, &mut |printer: &mut Self, item| printer.value(item))
            }
            Value::Object(map) => self.map(map.iter().map(|(key, value)| (key.as_str(), value)).collect()),
        }
    }

    /// An object of any values, sorted here.
    pub(crate) fn map(&mut self, mut members: Vec<(&str, &Value)>) {
        members.sort_by(|(a, in_a), (b, in_b)| {
            let a = Key { text: a, holds_object: in_a.is_object() };
            key_order(a, Key { text: b, holds_object: in_b.is_object() })
        });
        self.object(members, |printer, (key, value)| {
            printer.key(key);
            printer.value(value);
        });
    }

    /// An object of strings, sorted here.
    pub(crate) fn texts<'s>(&mut self, members: impl Iterator<Item = (&'s str, &'s str)>) {
        let mut members: Vec<_> = members.collect();
        members.sort_by(|(a, _), (b, _)| text_order(a, b));
        self.object(members, |printer, (key, text)| {
            printer.key(key);
            printer.string(text);
        });
    }

    /// A number as JavaScript prints it, which knows doubles only.
    fn number(&mut self, number: &Number) {
        const EXACT: u64 = 1 << 53;
        let integer = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
        if integer.is_some_and(|magnitude| magnitude <= EXACT) {
            _ = write!(self.text, "{number}");
        } else {
            let text = javascript_number(number.as_f64().unwrap_or_default());
            self.text.push_str(&text);
        }
    }
}

fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// ECMAScript's `Number::toString` for radix 10: the shortest digits that give the double back, as a decimal while the
/// point is within 21 places to the left or 6 to the right, else with an exponent.
fn javascript_number(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        // JSON has no infinities: what overflows on reading is printed as null.
        return if number.is_finite() { "0" } else { "null" }.to_owned();
    }
    let scientific = format!("{:e}", number.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = mantissa.replace('.', "");
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let sign = if number < 0.0 { "-" } else { "" };
    format!("{sign}{}", place_point(&digits, point))
}

/// Puts the decimal point behind the first `point` digits.
fn place_point(digits: &str, point: i32) -> String {
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |number: i32| "0".repeat(usize::try_from(number).unwrap_or(0));
    if count <= point && point <= 21 {
        return format!("{digits}{}", zeros(point - count));
    }
    if 0 < point && point <= 21 {
        let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
        return format!("{whole}.{fraction}");
    }
    if -6 < point && point <= 0 {
        return format!("0.{}{digits}", zeros(-point));
    }
    let (first, rest) = digits.split_at(1);
    let dot = if rest.is_empty() { "" } else { "." };
    format!("{first}{dot}{rest}e{:+}", point - 1)
}

#[cfg(test)]
mod tests;
