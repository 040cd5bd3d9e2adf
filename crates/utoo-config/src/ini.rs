//! npm's dialect of `ini`, one line at a time.
//!
//! - Blank lines and lines that start with `;` or `#` are nothing.
//! - `key = value`, both trimmed; a key alone means `true`; `key[] = value` appends to a list.
//! - A value that begins and ends with the same quote is taken from inside it: double quotes as a JSON string (left as
//!   it is when that fails), single quotes verbatim. Otherwise an unescaped `;` or `#` starts a comment, and a
//!   backslash takes the `;`, `#` or backslash after it literally and stays before anything else.
//! - `[section]` starts a section; npm reads no setting from sections, so its keys are dropped here.

/// One `key = value` of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Unquoted, without `[]`.
    pub(crate) key: String,
    /// Unquoted; `true` where the line has no `=`.
    pub(crate) value: String,
    /// Whether the key ended in `[]`.
    pub(crate) list: bool,
    /// From 1.
    pub(crate) line: u32,
}

/// All entries outside sections, in file order. Nothing is an error: npm takes any text.
pub(crate) fn parse(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (number, physical) in (1_u32..).zip(text.trim_start_matches('\u{feff}').split('\n')) {
        // npm also ends lines at a lone carriage return; such lines share the number of their physical line.
        for line in physical.split('\r').map(str::trim) {
            if line.is_empty() || line.starts_with([';', '#', '=']) {
                continue;
            }
            if is_section(line) {
                return entries;
            }
            entries.push(entry(line, number));
        }
    }
    entries
}

/// `[name]`. What follows, to the end of the file, belongs to sections.
fn is_section(line: &str) -> bool {
    line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).is_some_and(|name| !name.contains(']'))
}

fn entry(line: &str, number: u32) -> Entry {
    let (key, value) = match line.split_once('=') {
        Some((key, value)) => (unquote(key), unquote(value)),
        None => (unquote(line), "true".to_owned()),
    };
    match key.strip_suffix("[]") {
        Some(name) if !name.is_empty() => Entry { key: name.to_owned(), value, list: true, line: number },
        _ => Entry { key, value, list: false, line: number },
    }
}

/// A key or value without its quotes, escapes and trailing comment.
fn unquote(raw: &str) -> String {
    let raw = raw.trim();
    if quoted(raw, '"').is_some() {
        // Not a JSON string (a Windows path, say): npm keeps the text with its quotes.
        return serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned());
    }
    if let Some(inside) = quoted(raw, '\'') {
        // npm strips the single quotes and then still tries JSON, so '"a"' is a.
        return serde_json::from_str::<String>(inside).unwrap_or_else(|_| inside.to_owned());
    }
    let mut text = String::with_capacity(raw.len());
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        match character {
            ';' | '#' => break,
            '\\' => match characters.next() {
                Some(escaped @ (';' | '#' | '\\')) => text.push(escaped),
                Some(other) => text.extend(['\\', other]),
                None => text.push('\\'),
            },
            other => text.push(other),
        }
    }
    text.trim_end().to_owned()
}

fn quoted(raw: &str, quote: char) -> Option<&str> {
    if raw.len() < 2 { None } else { raw.strip_prefix(quote)?.strip_suffix(quote) }
}

#[cfg(test)]
mod tests;
