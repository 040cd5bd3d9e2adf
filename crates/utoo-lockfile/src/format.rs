//! How the document is laid out.

/// Indentation and newlines of a JSON document.
///
/// npm writes lockfiles in the format of the project's *package.json*, not in that of the lockfile it replaces (npm
/// 11.19, observed on every combination of both): a caller that writes a project's lockfile sets
/// [`crate::Lockfile::format`] to `Format::detect(package_json_text)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    indent: String,
    newline: String,
    /// Between a key and its value.
    colon: &'static str,
}

impl Default for Format {
    /// Two spaces and `\n`.
    fn default() -> Self {
        Self { indent: "  ".to_owned(), newline: "\n".to_owned(), colon: ": " }
    }
}

impl Format {
    /// What npm takes for the format of `text`: all line breaks after the first brace are the newline, all white space
    /// after them is the indentation, at most 10 characters of it. A text whose first brace does not end its line, or
    /// that does not indent, has the default format.
    pub fn detect(text: &str) -> Self {
        Self::of_first_line(text).unwrap_or_default()
    }

    fn of_first_line(text: &str) -> Option<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let after_brace = text.trim_start_matches(is_json_space).strip_prefix(['{', '['])?;
        let newline = &after_brace[..line_breaks(after_brace)];
        let rest = &after_brace[newline.len()..];
        let indent = &rest[..rest.len() - rest.trim_start_matches(is_json_space).len()];
        if newline.is_empty() || indent.is_empty() {
            return None;
        }
        // JSON.stringify cuts the indentation at 10 characters; npm then replaces every line feed by the newline.
        let indent: String = indent.chars().take(10).collect();
        Some(Self { indent: indent.replace('\n', newline), newline: newline.to_owned(), colon: ": " })
    }

    /// All in one line, without a space and without an end: npm's `format-package-lock=false`.
    pub fn compact() -> Self {
        Self { indent: String::new(), newline: String::new(), colon: ":" }
    }

    /// The text between a key and its value.
    pub(crate) fn colon(&self) -> &str {
        self.colon
    }

    /// The text that each level of nesting adds to the start of a line.
    pub fn indent(&self) -> &str {
        &self.indent
    }

    /// The text that ends a line.
    pub fn newline(&self) -> &str {
        &self.newline
    }
}

fn is_json_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

/// The length of the run of `\n` and `\r\n` that `text` starts with.
fn line_breaks(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut length = 0;
    loop {
        match bytes[length..] {
            [b'\n', ..] => length += 1,
            [b'\r', b'\n', ..] => length += 2,
            _ => return length,
        }
    }
}

#[cfg(test)]
mod tests;
