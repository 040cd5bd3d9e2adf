//! Text of a document as JavaScript's `JSON.stringify` gives it, in the layout of the text that was read.

use serde_json::{Map, Number, Value};

/// The layout of a JSON text: what stands for one level of indentation, and the line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonFormat {
    /// One level of indentation; empty for a text on one line.
    pub indent: String,
    /// The line end.
    pub newline: String,
    /// What stands behind the last brace.
    pub end: String,
}

impl Default for JsonFormat {
    fn default() -> Self {
        Self { indent: "  ".into(), newline: "\n".into(), end: "\n".into() }
    }
}

impl JsonFormat {
    /// The layout of a text: the white space between its first brace and its first key, and behind its last
    /// brace.
    pub fn detect(text: &str) -> Self {
        let inside = text.trim_start().get(1..).unwrap_or_default();
        let gap = &inside[..inside.len() - inside.trim_start().len()];
        let end = &text[text.trim_end().len()..];
        let newline = if gap.contains("\r\n") { "\r\n" } else { "\n" };
        let indent = gap.rsplit('\n').next().filter(|_| gap.contains('\n')).unwrap_or_default();
        Self { indent: indent.into(), newline: newline.into(), end: end.into() }
    }

    /// The text of a document.
    pub fn stringify(&self, document: &Map<String, Value>) -> String {
        let mut out = String::new();
        self.put_object(document, 0, &mut out);
        out.push_str(&self.end);
        out
    }

    fn put(&self, value: &Value, depth: usize, out: &mut String) {
        match value {
            Value::Object(object) => self.put_object(object, depth, out),
            Value::Array(list) if list.is_empty() => out.push_str("[]"),
            Value::Array(list) => {
                out.push('[');
                for (index, value) in list.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    self.put_break(depth + 1, out);
                    self.put(value, depth + 1, out);
                }
                self.put_break(depth, out);
                out.push(']');
            }
            Value::Number(number) => put_number(number, out),
            other => out.push_str(&other.to_string()),
        }
    }

    fn put_object(&self, object: &Map<String, Value>, depth: usize, out: &mut String) {
        if object.is_empty() {
            return out.push_str("{}");
        }
        out.push('{');
        for (index, (key, value)) in in_js_order(object).into_iter().enumerate() {
            out.push_str(if index > 0 { "," } else { "" });
            self.put_break(depth + 1, out);
            out.push_str(&Value::from(key.as_str()).to_string());
            out.push_str(if self.indent.is_empty() { ":" } else { ": " });
            self.put(value, depth + 1, out);
        }
        self.put_break(depth, out);
        out.push('}');
    }

    fn put_break(&self, depth: usize, out: &mut String) {
        if !self.indent.is_empty() {
            out.push_str(&self.newline);
            (0..depth).for_each(|_| out.push_str(&self.indent));
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

/// JavaScript has one kind of number.
fn put_number(number: &Number, out: &mut String) {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e21 => {
            out.push_str(&format!("{float:.0}").replace("-0", "0"));
        }
        _ => out.push_str(&number.to_string()),
    }
}

/// Whether two maps are equal down to the order of their keys.
pub(super) fn identical_maps(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|((key, value), (other, theirs))| {
            key == other
                && match (value, theirs) {
                    (Value::Object(value), Value::Object(theirs)) => identical_maps(value, theirs),
                    _ => value == theirs,
                }
        })
}
