//! `${VAR}` in the values and keys of `.npmrc` files.
//!
//! As npm 11 does it: `${VAR}` is the variable, or stays as written when there is none; `${VAR?}` is the variable or
//! nothing; backslashes before the dollar halve, and an odd number of them keeps the reference as written.
//! There is no `${VAR-default}` and no `$VAR`: both stay as they are.

use std::collections::BTreeMap;

/// A text with its variables filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expanded {
    pub(crate) text: String,
    /// Names of the variables whose value is now part of `text`, in order, and where each begins in `text`.
    pub(crate) used: Vec<UsedVariable>,
}

/// A variable that was put into a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UsedVariable {
    pub(crate) name: String,
    /// Byte range of the variable's value in the expanded text.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Fills in `${VAR}` and `${VAR?}` from `env`.
pub(crate) fn expand(text: &str, env: &BTreeMap<String, String>) -> Expanded {
    let mut out = Expanded { text: String::with_capacity(text.len()), used: Vec::new() };
    let mut rest = text;
    while let Some(dollar) = rest.find("${") {
        let Some(reference) = Reference::parse(&rest[dollar..]) else {
            out.text.push_str(&rest[..dollar + 2]);
            rest = &rest[dollar + 2..];
            continue;
        };
        let before = rest[..dollar].trim_end_matches('\\');
        let backslashes = dollar - before.len();
        out.text.push_str(before);
        reference.write(backslashes, env, &mut out);
        rest = &rest[dollar + reference.source.len()..];
    }
    out.text.push_str(rest);
    out
}

struct Reference<'a> {
    /// `${NAME}` or `${NAME?}`, whole.
    source: &'a str,
    name: &'a str,
    or_empty: bool,
}

impl<'a> Reference<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let close = text.find('}')?;
        let inside = text.get(2..close)?;
        let (name, or_empty) = match inside.strip_suffix('?') {
            Some(name) => (name, true),
            None => (inside, false),
        };
        if name.is_empty() || name.contains(['$', '{', '?']) {
            return None;
        }
        Some(Self { source: &text[..=close], name, or_empty })
    }

    fn write(&self, backslashes: usize, env: &BTreeMap<String, String>, out: &mut Expanded) {
        // Pairs before the reference halve; a last odd one is the escape and goes.
        out.text.extend(std::iter::repeat_n('\\', backslashes / 2));
        if backslashes % 2 == 1 {
            out.text.push_str(self.source);
            return;
        }
        match env.get(self.name) {
            Some(value) => {
                let start = out.text.len();
                out.text.push_str(value);
                out.used.push(UsedVariable { name: self.name.to_owned(), start, end: out.text.len() });
            }
            None if self.or_empty => {}
            None => out.text.push_str(self.source),
        }
    }
}

#[cfg(test)]
mod tests;
