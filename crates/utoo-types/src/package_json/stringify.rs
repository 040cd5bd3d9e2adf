//! Text of a document as JavaScript's `JSON.stringify` gives it, in the layout of the text that was read.

use serde_json::{Map, Number, Value};

/// The layout of a JSON text as npm takes it from the text's beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonFormat {
    /// One level of indentation; empty for a text on one line. JavaScript uses ten characters of it at most.
    pub indent: String,
    /// What stands for every line end, the one behind the last brace included: all line ends that follow the
    /// first brace. Empty for a text on one line.
    pub newline: String,
}

impl Default for JsonFormat {
    fn default() -> Self {
        Self { indent: "  ".into(), newline: "\n".into() }
    }
}

impl JsonFormat {
    /// The layout of a text: the line ends behind its first brace, and the white space behind those. A text
    /// that begins with an empty object or list says nothing and gets the usual layout.
    pub fn detect(text: &str) -> Self {
        let Some(inside) = text.trim_start().strip_prefix(['{', '[']) else { return Self::default() };
        if text.starts_with("{}") || text.starts_with("[]") {
            return Self::default();
        }
        let mut rest = inside;
        while let Some(next) = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')) {
            rest = next;
        }
        let newline = &inside[..inside.len() - rest.len()];
        let indent = if newline.is_empty() { "" } else { &rest[..rest.len() - rest.trim_start().len()] };
        Self { indent: indent.into(), newline: newline.into() }
    }

    /// The text of a document.
    pub fn stringify(&self, document: &Map<String, Value>) -> String {
        let end = self.indent.char_indices().nth(10).map_or(self.indent.len(), |(at, _)| at);
        let mut out = String::new();
        Writer { indent: &self.indent[..end], out: &mut out }.object(document, 0);
        out.push('\n');
        // As npm does it: every line end is replaced, those inside an odd indentation included.
        match self.newline.as_str() {
            "\n" => out,
            newline => out.replace('\n', newline),
        }
    }
}

struct Writer<'a> {
    indent: &'a str,
    out: &'a mut String,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Object(object) => self.object(object, depth),
            Value::Array(list) if list.is_empty() => self.out.push_str("[]"),
            Value::Array(list) => {
                self.out.push('[');
                for (index, value) in list.iter().enumerate() {
                    self.separate(index, depth + 1);
                    self.value(value, depth + 1);
                }
                self.line(depth);
                self.out.push(']');
            }
            Value::Number(number) => self.out.push_str(&js_number(number)),
            other => self.out.push_str(&other.to_string()),
        }
    }

    fn object(&mut self, object: &Map<String, Value>, depth: usize) {
        if object.is_empty() {
            return self.out.push_str("{}");
        }
        self.out.push('{');
        for (index, (key, value)) in in_js_order(object).into_iter().enumerate() {
            self.separate(index, depth + 1);
            self.out.push_str(&Value::from(key.as_str()).to_string());
            self.out.push_str(if self.indent.is_empty() { ":" } else { ": " });
            self.value(value, depth + 1);
        }
        self.line(depth);
        self.out.push('}');
    }

    fn separate(&mut self, index: usize, depth: usize) {
        if index > 0 {
            self.out.push(',');
        }
        self.line(depth);
    }

    fn line(&mut self, depth: usize) {
        if !self.indent.is_empty() {
            self.out.push('\n');
            (0..depth).for_each(|_| self.out.push_str(self.indent));
        }
    }
}

/// JavaScript lists the keys that are array indexes first, in numerical order.
fn in_js_order(object: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = object.iter().collect();
    entries.sort_by_key(|(key, _)| array_index(key).map_or(u64::MAX, u64::from));
    entries
}

fn array_index(key: &str) -> Option<u32> {
    let index = key.parse::<u32>().ok().filter(|index| *index != u32::MAX)?;
    (key == "0" || !key.starts_with(['0', '+'])).then_some(index)
}

/// A number as ECMAScript's `Number::toString` writes it: all numbers are doubles, and exponents begin at 1e21
/// and 1e-7.
fn js_number(number: &Number) -> String {
    let Some(float) = number.as_f64().filter(|float| float.is_finite()) else { return "null".into() };
    if float == 0.0 {
        return "0".into();
    }
    let scientific = format!("{float:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits = mantissa.replace('.', "");
    let count = digits.len() as i32;
    let unsigned = match exponent {
        // The digits, filled up with zeros.
        0..=20 if count <= exponent + 1 => digits + &"0".repeat((exponent + 1 - count) as usize),
        0..=20 => format!("{}.{}", &digits[..=exponent as usize], &digits[exponent as usize + 1..]),
        -6..=-1 => format!("0.{}{digits}", "0".repeat((-exponent - 1) as usize)),
        _ => format!("{mantissa}e{exponent:+}"),
    };
    format!("{sign}{unsigned}")
}
