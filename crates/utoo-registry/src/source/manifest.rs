//! A package.json that comes from no registry, read as npm reads it: with what lies beside it.

use std::sync::Arc;

use serde_json::Value;
use utoo_resolver::{ErrorCategory, RegistryError};
use utoo_types::Manifest;

/// What lies beside a package.json and counts as part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Beside {
    /// `binding.gyp`: an install script of `node-gyp rebuild`, where the package has none of its own and does not
    /// say `"gypfile": false`.
    pub(crate) binding_gyp: bool,
}

/// The bytes of a package.json, and what lies beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourcePackage<'a> {
    pub(crate) json: &'a [u8],
    pub(crate) beside: Beside,
    /// The paths of the package's files, as far as they are known: those in `directories.bin` are its commands.
    pub(crate) paths: &'a [String],
}

impl SourcePackage<'_> {
    /// The manifest; `place` says in errors where it stands.
    pub(crate) fn manifest(&self, place: &str) -> Result<Manifest, RegistryError> {
        let text = self.json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(self.json);
        let refuse = |code, why: String| {
            RegistryError::new(code, ErrorCategory::Precondition, format!("{place}: {why}"))
        };
        let mut value: Value =
            serde_json::from_slice(text).map_err(|error| refuse("EJSONPARSE", error.to_string()))?;
        // To npm a list is an object without fields.
        if value.as_array().is_some_and(Vec::is_empty) {
            value = Value::Object(serde_json::Map::new());
        }
        let Some(fields) = value.as_object_mut() else {
            return Err(refuse("EJSONPARSE", "not an object".to_owned()));
        };
        // What a registry adds does not count when the package says it of itself.
        fields.remove("_hasShrinkwrap");
        fields.remove("hasInstallScript");
        fields.remove("dist");
        if self.beside.binding_gyp && fields.get("gypfile") != Some(&Value::Bool(false)) {
            add_gyp_script(fields);
        }
        let mut manifest = Manifest::from_value(&value);
        if manifest.bin.is_empty() && value["bin"].is_null() {
            manifest.bin = self.commands_in(value["directories"]["bin"].as_str());
        }
        Ok(manifest)
    }
}

impl SourcePackage<'_> {
    /// Every file below `directories.bin` is a command of its own name, but for hidden ones.
    fn commands_in(&self, directory: Option<&str>) -> Vec<(Arc<str>, Arc<str>)> {
        let Some(directory) = directory else { return Vec::new() };
        let directory = directory.trim_start_matches("./").trim_matches('/');
        let mut commands: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        for path in self.paths {
            let below = path.strip_prefix(directory).and_then(|rest| rest.strip_prefix('/'));
            let Some(below) = below.filter(|below| !below.split('/').any(|part| part.starts_with('.')))
            else {
                continue;
            };
            let name = below.rsplit('/').next().unwrap_or(below);
            if !commands.iter().any(|(known, _)| &**known == name) {
                commands.push((name.into(), path.as_str().into()));
            }
        }
        commands
    }
}

fn add_gyp_script(fields: &mut serde_json::Map<String, Value>) {
    let scripts = fields.entry("scripts").or_insert_with(|| Value::Object(serde_json::Map::new()));
    let Some(scripts) = scripts.as_object_mut() else { return };
    if !scripts.contains_key("install") && !scripts.contains_key("preinstall") {
        scripts.insert("install".to_owned(), Value::String("node-gyp rebuild".to_owned()));
    }
}
