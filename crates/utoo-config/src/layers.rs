//! The layers of the configuration and what each of them says, before any of it is typed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{ConfigError, Origin};
use crate::expand::{UsedVariable, expand};
use crate::ini;

/// Who said it. Ordered: what comes first wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// Command-line flags.
    Flags,
    /// `npm_config_*` and `NPM_CONFIG_*`.
    Environment,
    /// `.npmrc` at the project's root.
    Project,
    /// `~/.npmrc`, or what `userconfig` names.
    User,
    /// `PREFIX/etc/npmrc`, or what `globalconfig` names.
    Global,
    /// utoo's own defaults.
    Default,
}

impl Layer {
    /// Whether the layer belongs to the user or the machine, and not to the project that is being installed.
    pub(crate) fn is_trusted(self) -> bool {
        self != Self::Project
    }
}

/// A value as a layer gives it.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// One element for a plain key; each occurrence for a list.
    pub(crate) values: Vec<String>,
    pub(crate) origin: Origin,
    /// Environment variables that went into the first value. Only a plain value is ever checked for them.
    pub(crate) used: Vec<UsedVariable>,
}

impl Setting {
    /// The plain value; of several, the last, as npm reads a plain key that was given more than once.
    pub(crate) fn text(&self) -> &str {
        self.values.last().map_or("", String::as_str)
    }
}

/// One layer's settings by key.
#[derive(Clone, Debug)]
pub(crate) struct LayerData {
    pub(crate) layer: Layer,
    /// Folder that relative paths in this layer start from.
    pub(crate) base: PathBuf,
    pub(crate) settings: BTreeMap<String, Setting>,
}

/// Flags: the same key twice is a list, as npm's option parser has it.
pub(crate) fn from_flags(flags: &[(String, String)], cwd: &Path) -> LayerData {
    let mut settings: BTreeMap<String, Setting> = BTreeMap::new();
    for (key, value) in flags {
        settings
            .entry(key.clone())
            .or_insert_with(|| Setting {
                values: Vec::new(),
                origin: Origin::Flag(format!("--{key}")),
                used: Vec::new(),
            })
            .values
            .push(value.clone());
    }
    LayerData { layer: Layer::Flags, base: cwd.to_owned(), settings }
}

/// `npm_config_<key>` in any case, empty values ignored. The key's underscores become dashes except a leading one,
/// and it is lower-cased, unless it begins with `//`. The all lower-case prefix wins over another spelling.
pub(crate) fn from_environment(env: &BTreeMap<String, String>, cwd: &Path) -> LayerData {
    const PREFIX: &str = "npm_config_";
    let mut settings = BTreeMap::new();
    // Byte order puts NPM_CONFIG_ before npm_config_, so the latter overwrites.
    for (name, value) in env {
        let Some(prefix) = name.get(..PREFIX.len()) else { continue };
        if !prefix.eq_ignore_ascii_case(PREFIX) || value.is_empty() {
            continue;
        }
        let key = environment_key(&name[PREFIX.len()..]);
        // A list is exported to scripts with blank lines between its elements, and comes back that way.
        let values = value.split("\n\n").map(str::to_owned).collect();
        let origin = Origin::Environment(name.clone());
        settings.insert(key, Setting { values, origin, used: Vec::new() });
    }
    LayerData { layer: Layer::Environment, base: cwd.to_owned(), settings }
}

fn environment_key(name: &str) -> String {
    if name.starts_with("//") {
        return name.to_owned();
    }
    let mut key = String::with_capacity(name.len());
    for (index, character) in name.char_indices() {
        match character {
            '_' if index > 0 => key.push('-'),
            other => key.extend(other.to_lowercase()),
        }
    }
    key
}

/// A `.npmrc` file; one that is not there says nothing.
///
/// # Errors
/// [`ConfigError::Unreadable`] where the file is there and cannot be read.
pub(crate) fn from_file(
    layer: Layer,
    path: &Path,
    env: &BTreeMap<String, String>,
) -> Result<LayerData, ConfigError> {
    let base = path.parent().unwrap_or(path).to_owned();
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if is_absent(&error) => String::new(),
        Err(source) => return Err(ConfigError::Unreadable { path: path.to_owned(), source }),
    };
    Ok(LayerData { layer, base, settings: from_text(&text, path, env) })
}

fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory)
}

pub(crate) fn from_text(
    text: &str,
    path: &Path,
    env: &BTreeMap<String, String>,
) -> BTreeMap<String, Setting> {
    let path = Arc::new(path.to_owned());
    let mut settings: BTreeMap<String, (bool, Setting)> = BTreeMap::new();
    for entry in ini::parse(text) {
        let key = expand(&entry.key, env).text;
        let value = expand(&entry.value, env);
        if value.text == "undefined" {
            continue; // npm takes the word for what JavaScript means by it
        }
        let origin = Origin::File { path: Arc::clone(&path), line: entry.line };
        match settings.get_mut(&key) {
            // Once a key is a list, every further occurrence appends, with or without brackets.
            Some((list, known)) if *list || entry.list => {
                *list = true;
                known.values.push(value.text);
                known.used.extend(value.used);
            }
            _ => {
                let setting = Setting { values: vec![value.text], origin, used: value.used };
                settings.insert(key, (entry.list, setting));
            }
        }
    }
    settings.into_iter().map(|(key, (_, setting))| (key, setting)).collect()
}

#[cfg(test)]
mod tests;
