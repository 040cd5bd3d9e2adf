//! The stack of layers, and reading a typed key out of it.

use std::path::{Path, PathBuf};

use url::Url;

use crate::error::{ConfigError, Warning};
use crate::keys::{self, Kind};
use crate::layers::{Layer, LayerData, Setting};
use crate::value;

/// All layers, the strongest first.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) layers: Vec<LayerData>,
    pub(crate) home: Option<PathBuf>,
}

/// A setting with the layer it comes from.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) data: &'a LayerData,
    pub(crate) setting: &'a Setting,
}

impl Sources {
    /// The strongest layer's setting of a key.
    pub(crate) fn find(&self, key: &str) -> Option<Found<'_>> {
        self.layers.iter().find_map(|data| data.settings.get(key).map(|setting| Found { data, setting }))
    }

    /// The strongest setting of a key among layers that are the user's own.
    pub(crate) fn find_trusted(&self, key: &str) -> Option<Found<'_>> {
        self.layers
            .iter()
            .filter(|data| data.layer.is_trusted())
            .find_map(|data| data.settings.get(key).map(|setting| Found { data, setting }))
    }

    pub(crate) fn layer(&self, layer: Layer) -> Option<&LayerData> {
        self.layers.iter().find(|data| data.layer == layer)
    }

    pub(crate) fn boolean(&self, key: &str, default: bool) -> Result<bool, ConfigError> {
        Ok(self.boolean_if_set(key)?.unwrap_or(default))
    }

    /// For keys whose absence means something of its own.
    pub(crate) fn boolean_if_set(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        self.read(key, value::boolean)
    }

    pub(crate) fn count(&self, key: &str, default: u32) -> Result<u32, ConfigError> {
        Ok(self.read(key, value::count)?.unwrap_or(default))
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<f64>, ConfigError> {
        self.read(key, value::number)
    }

    pub(crate) fn date(&self, key: &str) -> Result<Option<i64>, ConfigError> {
        self.read(key, value::date)
    }

    /// The word among those that the key's definition allows.
    pub(crate) fn word(&self, key: &str) -> Result<Option<&'static str>, ConfigError> {
        let words = match keys::find(key).map(|definition| definition.kind) {
            Some(Kind::OneOf(words)) => words,
            _ => &[],
        };
        self.read(key, |text| words.iter().find(|word| **word == text).copied())
    }

    /// `null` is none.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.find(key).map(|found| found.setting.text()).filter(|text| *text != "null").map(str::to_owned)
    }

    pub(crate) fn text_or(&self, key: &str, default: &str) -> String {
        self.text(key).unwrap_or_else(|| default.to_owned())
    }

    pub(crate) fn path(&self, key: &str) -> Option<PathBuf> {
        self.resolve_path(self.find(key)?)
    }

    /// A path of a found setting; nothing and `null` are none.
    pub(crate) fn resolve_path(&self, found: Found<'_>) -> Option<PathBuf> {
        let text = found.setting.text();
        (!matches!(text, "" | "null"))
            .then(|| value::path(text, &found.data.base, self.home.as_deref().map(Path::new)))
    }

    /// Elements of a list: every occurrence, and the comma-separated parts of each.
    pub(crate) fn list(&self, key: &str) -> Vec<String> {
        let values = self.find(key).map_or(&[][..], |found| &found.setting.values);
        let parts = values.iter().flat_map(|value| value.split(',')).map(str::trim);
        parts.filter(|part| !matches!(*part, "" | "null")).map(str::to_owned).collect()
    }

    /// A list, of whose elements those count that are words of the key's definition; where none is, the key counts as not
    /// given. So npm has it, and `--omit=none` is in many a script.
    pub(crate) fn words(&self, key: &str) -> Option<Vec<String>> {
        self.find(key)?;
        let (known, unknown) = self.known_words(key);
        (unknown.is_empty() || !known.is_empty()).then_some(known)
    }

    /// Says which elements of such a list do not count.
    pub(crate) fn unknown_words(&self, key: &str) -> Option<Warning> {
        let setting = self.find(key)?.setting;
        let (_, unknown) = self.known_words(key);
        let expected = keys::find(key)?.kind.expected();
        let message =
            format!("`{key} = {}` is not used: expected {expected}", shown(setting, unknown.join(",")));
        (!unknown.is_empty()).then(|| Warning { origin: setting.origin.clone(), message })
    }

    fn known_words(&self, key: &str) -> (Vec<String>, Vec<String>) {
        let words = match keys::find(key).map(|definition| definition.kind) {
            Some(Kind::ListOf(words)) => words,
            _ => &[],
        };
        self.list(key).into_iter().partition(|element| words.contains(&element.as_str()))
    }

    /// A proxy: `Some(None)` where the key says that there is to be none.
    pub(crate) fn proxy(&self, key: &str) -> Result<Option<Option<Url>>, ConfigError> {
        let Some(found) = self.find(key) else { return Ok(None) };
        match found.setting.text() {
            "" | "null" => Ok(None),
            "false" => Ok(Some(None)),
            text => {
                value::proxy_url(text).map(|url| Some(Some(url))).ok_or_else(|| invalid(key, found.setting))
            }
        }
    }

    /// Parses the strongest setting; an empty value means the default, as it does for npm.
    fn read<T>(&self, key: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ConfigError> {
        let Some(found) = self.find(key) else { return Ok(None) };
        let text = found.setting.text();
        if text.is_empty() || (text == "null" && !is_boolean(key)) {
            return Ok(None);
        }
        parse(text).map(Some).ok_or_else(|| invalid(key, found.setting))
    }
}

fn is_boolean(key: &str) -> bool {
    keys::find(key).is_some_and(|definition| definition.kind == Kind::Boolean)
}

/// The error for a value that its key cannot have.
pub(crate) fn invalid(key: &str, setting: &Setting) -> ConfigError {
    let kind = keys::find(key).map_or(Kind::Url, |definition| definition.kind);
    ConfigError::InvalidValue {
        origin: setting.origin.clone(),
        key: key.to_owned(),
        value: shown(setting, setting.values.join(",")),
        expected: kind.expected(),
    }
}

/// A setting's value for messages. What came out of a variable, or has the shape of a URL with a password, may be a secret.
fn shown(setting: &Setting, value: String) -> String {
    if setting.used.is_empty() && !value.contains('@') { value } else { "(redacted)".to_owned() }
}
