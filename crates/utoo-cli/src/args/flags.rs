//! Configuration keys among the words.

use utoo_config::{Definition, Kind, definitions};

use crate::error::CliError;

/// The words, sorted into what is configuration and what is not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extracted {
    /// Key and value, in order.
    pub(super) flags: Vec<(String, String)>,
    /// Everything else, in order.
    pub(super) rest: Vec<String>,
}

/// Takes out every `--key` that is a configuration key, up to a `--`.
///
/// - A boolean is true alone, or what a following `true` or `false`, or `=…`, says; `--no-key` is false.
/// - Every other key takes its `=…` or the next word.
/// - `--@scope:registry` and `--//host/:_authToken` are keys too; `-ws` and `-iwr` are npm's short words.
///
/// # Errors
/// A key without its value.
pub(super) fn extract(words: Vec<String>) -> Result<Extracted, CliError> {
    let mut out = Extracted::default();
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            out.rest.push(word);
            out.rest.extend(words);
            break;
        }
        let Some(flag) = Flag::parse(&word) else {
            out.rest.push(word);
            continue;
        };
        let value = match flag.value {
            Some(value) => value.to_owned(),
            None if flag.takes_next => words.next().ok_or_else(|| missing(&flag.key))?,
            None => {
                words.next_if(|next| matches!(next.as_str(), "true" | "false")).unwrap_or("true".to_owned())
            }
        };
        let value = if flag.negated { negate(&value) } else { value };
        out.flags.push((flag.key, value));
    }
    Ok(out)
}

fn negate(value: &str) -> String {
    if value == "false" { "true" } else { "false" }.to_owned()
}

fn missing(key: &str) -> CliError {
    CliError::usage(format!("--{key} needs a value")).hint(format!("--{key}=<value>"))
}

struct Flag<'a> {
    key: String,
    value: Option<&'a str>,
    takes_next: bool,
    negated: bool,
}

impl<'a> Flag<'a> {
    /// `None` for a word that is no configuration key: an argument, a short flag, one of clap's own.
    fn parse(word: &'a str) -> Option<Self> {
        let boolean =
            |key: &str| Self { key: key.to_owned(), value: None, takes_next: false, negated: false };
        match word {
            "-ws" | "--ws" => return Some(boolean("workspaces")),
            "-iwr" | "--iwr" => return Some(boolean("include-workspace-root")),
            "-s" | "--silent" => return Some(Self { value: Some("silent"), ..boolean("loglevel") }),
            "--verbose" => return Some(Self { value: Some("verbose"), ..boolean("loglevel") }),
            _ => {}
        }
        let body = word.strip_prefix("--")?;
        let (name, value) = match split(body) {
            Some((name, value)) => (name, Some(value)),
            None => (body, None),
        };
        if name.starts_with("//") || (name.starts_with('@') && name.contains(':')) {
            return Some(Self { key: name.to_owned(), value, takes_next: true, negated: false });
        }
        if let Some(definition) = find(name) {
            return Some(Self {
                key: name.to_owned(),
                value,
                takes_next: !is_switch(definition),
                negated: false,
            });
        }
        let key = name.strip_prefix("no-")?;
        find(key).filter(|definition| is_switch(definition))?;
        Some(Self { key: key.to_owned(), value, takes_next: false, negated: true })
    }
}

/// At the `=` that ends the key. The key of a credential may hold one in its path, so it ends at its name.
fn split(body: &str) -> Option<(&str, &str)> {
    if body.starts_with("//") {
        let name = body.rfind(":_").or_else(|| body.rfind(':'))?;
        let equals = name + body[name..].find('=')?;
        return Some((&body[..equals], &body[equals + 1..]));
    }
    body.split_once('=')
}

fn find(key: &str) -> Option<&'static Definition> {
    definitions()
        .binary_search_by(|definition| definition.key.cmp(key))
        .ok()
        .map(|index| &definitions()[index])
}

/// Keys that mean something without a value: `--color` alone is npm's `color=true`, `--timing` its `timing=true`;
/// `--proxy=false` needs its word.
fn is_switch(definition: &Definition) -> bool {
    definition.kind == Kind::Boolean || matches!(definition.key, "color" | "timing")
}
