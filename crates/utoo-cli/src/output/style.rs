//! How lines look to a person.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use crate::error::{CliError, Section};

/// Whether colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Coloured,
    Plain,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Coloured => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Self::Plain => text.to_owned(),
        }
    }

    pub(crate) fn warning(self, text: &str) -> String {
        self.paint("1;33", text)
    }

    /// `error:` what failed; `caused by:`; `required by:` the path from the root; sections; `hint:` what to do.
    pub(crate) fn error(self, error: &CliError) -> String {
        let mut text = format!("{} {}", self.paint("1;31", "error:"), visible(&error.message));
        if !error.message.contains(error.code) {
            let _ = write!(text, " ({})", error.code);
        }
        for cause in &error.causes {
            let _ = write!(text, "\n  {} {}", self.paint("1", "caused by:"), visible(cause));
        }
        for dependent in &error.required_by {
            let _ = write!(text, "\n  {} {}", self.paint("1", "required by:"), visible(dependent));
        }
        for section in error.sections() {
            let _ = write!(text, "\n{}", self.section(section));
        }
        if let Some(output) = error.output() {
            for line in output.trim_end().lines() {
                let _ = write!(text, "\n  {} {}", self.paint("2", "|"), visible(line));
            }
        }
        if let Some(hint) = &error.hint {
            let _ = write!(text, "\n{} {}", self.paint("1;36", "hint:"), visible(hint));
        }
        text
    }
}

impl Style {
    /// The label with the first line behind it, the others below.
    pub(crate) fn section(self, section: &Section) -> String {
        let mut text = format!("  {}", self.paint("1", section.label));
        for (index, line) in section.lines.iter().enumerate() {
            let _ = write!(text, "{}{}", if index == 0 { " " } else { "\n    " }, visible(line));
        }
        text
    }
}

/// Names, versions, scripts and messages come from registries: nothing in them may move a terminal's cursor, or show what
/// is written in another order than it is read.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| deceives(c) && !matches!(c, '\n' | '\t')) {
        return Cow::Borrowed(text);
    }
    let shown = |c| if deceives(c) && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c };
    text.chars().map(shown).collect::<String>().into()
}

/// The same for what has to stay on its line: no break in it may begin what looks like a line of utoo's own.
pub(crate) fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { '\u{23ce}' } else { c }).collect()
}

/// JSON whose texts hold nothing that a terminal would act on: with the escapes that every reader undoes.
pub(super) fn visible_json(json: String) -> String {
    if !json.contains(deceives) {
        return json;
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match deceives(c) {
            // None of them is beyond the first plane of Unicode.
            true => _ = write!(shown, "\\u{:04x}", u32::from(c)),
            false => shown.push(c),
        }
    }
    shown
}

/// Control characters, C1's among them, and those that turn the direction of writing around (CVE-2021-42574).
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `85 ms`, `1.24 s`, `3 min 5 s`.
pub(crate) fn duration(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    if seconds < 0.01 {
        format!("{:.1} ms", seconds * 1000.0)
    } else if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1000.0)
    } else if seconds < 100.0 {
        format!("{seconds:.2} s")
    } else {
        format!("{} min {} s", took.as_secs() / 60, took.as_secs() % 60)
    }
}

/// `512 B`, `13.4 kB`, `38.0 MB`: powers of 1000, as npm and download pages count.
pub(crate) fn bytes(count: u64) -> String {
    let units = [("GB", 1_000_000_000_u64), ("MB", 1_000_000), ("kB", 1000)];
    match units.into_iter().find(|(_, size)| count >= *size) {
        Some((unit, size)) => format!("{}.{} {unit}", count / size, count % size * 10 / size),
        None => format!("{count} B"),
    }
}

/// `1 package`, `2 packages`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests;
