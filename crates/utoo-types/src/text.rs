//! JavaScript's notions of text where they differ from Rust's.

/// Whether `\s` of a JavaScript regular expression, and `String.prototype.trim`, take `c` for white space.
///
/// Rust's `char::is_whitespace` differs on two: it counts U+0085 and does not count the byte order mark U+FEFF.
pub(crate) fn is_js_space(c: char) -> bool {
    match c {
        ' ' | '\t'..='\r' => true,
        c if c.is_ascii() => false,
        '\u{85}' => false,
        '\u{feff}' => true,
        c => c.is_whitespace(),
    }
}

/// `String.prototype.trim`.
pub(crate) fn js_trim(text: &str) -> &str {
    text.trim_matches(is_js_space)
}

/// `String.prototype.length`: the number of UTF-16 units.
pub(crate) fn js_length(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(char::len_utf16).sum() }
}
