//! The document.

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde_json::{Map, Value};

use crate::location::find_from;
use crate::{
    Entry, Format, LocationError, LocationKind, LockfileError, conflict, legacy, parent_location, read,
    store_folder, validate_installed_location, validate_location,
};

/// Entries by location, in the order in which they were read or inserted; written in npm's order.
pub type Packages = IndexMap<Arc<str>, Entry, FxBuildHasher>;

/// What npm 11 writes where nothing asks for another version.
pub const CURRENT_VERSION: u32 = 3;

/// A lockfile.
#[derive(Debug, Clone, PartialEq)]
pub struct Lockfile {
    /// The version to write: 1, 2 or 3. npm leaves 2, 3 and what may come after them as they were read, and writes 3
    /// in the place of 1. (What was read is `original_version`.)
    pub lockfile_version: u32,
    /// The project's name; where package.json has none, npm writes the name of its folder.
    pub name: Option<Arc<str>>,
    /// The project's version.
    pub version: Option<Arc<str>>,
    /// `requires`: always true since npm 5.
    pub requires: bool,
    /// The entries; the root is at `""`. The hidden lockfile has no root.
    pub packages: Packages,
    /// Other fields of the document; npm keeps them. `lockfileVersion` is among them where it was no whole number, and is
    /// written as it was.
    pub extra: Map<String, Value>,
    /// Indentation and newlines. Where a project's lockfile is written, npm takes those of package.json.
    pub format: Format,
    /// The `lockfileVersion` that was read; `None` for a lockfile that was not read, or without one.
    pub original_version: Option<u32>,
    /// Whether it was read from version 1, or says no version: such entries may lack `engines`, `bin`, peer
    /// dependencies and so on, and whoever resolves from it has to ask for each manifest.
    pub ancient: bool,
}

impl Default for Lockfile {
    /// A lockfile of version 3 with no entries.
    fn default() -> Self {
        Self {
            lockfile_version: CURRENT_VERSION,
            name: None,
            version: None,
            requires: true,
            packages: Packages::default(),
            extra: Map::new(),
            format: Format::default(),
            original_version: None,
            ancient: false,
        }
    }
}

impl Lockfile {
    /// Reads a lockfile of any version and kind; `path` is for messages only.
    ///
    /// Git's conflict markers are resolved as npm resolves them. Every location is checked by
    /// [`validate_location`].
    ///
    /// # Errors
    ///
    /// [`LockfileError`], with the file, and the line and column where there is one.
    pub fn parse(text: &str, path: impl AsRef<Path>) -> Result<Self, LockfileError> {
        Self::parse_with(text, path.as_ref(), validate_location)
    }

    /// Reads a hidden lockfile, which may be that of a linked tree: see [`validate_installed_location`]. The empty entries
    /// that npm writes there for the folders of the store are left out.
    ///
    /// # Errors
    ///
    /// As [`Lockfile::parse`].
    pub fn parse_hidden(text: &str, path: impl AsRef<Path>) -> Result<Self, LockfileError> {
        let mut hidden = Self::parse_with(text, path.as_ref(), validate_installed_location)?;
        hidden.packages.retain(|location, _| store_folder(location) != Some(&**location));
        Ok(hidden)
    }

    fn parse_with(
        text: &str,
        path: &Path,
        validate: impl Fn(&str) -> Result<LocationKind, LocationError>,
    ) -> Result<Self, LockfileError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let document = match read::document(text) {
            Ok(document) => document,
            Err(error) => conflict::resolve(text).ok_or_else(|| syntax(path, &error))?,
        };
        let original_version = document.lockfile_version.and_then(|version| u32::try_from(version).ok());
        let modern = original_version.filter(|version| *version >= 2);
        let root = document.root();
        let packages = document.packages.unwrap_or_else(|| legacy::inflate(root, &document.dependencies));
        for location in packages.keys() {
            validate(location).map_err(|error| LockfileError::Location { path: display(path), error })?;
        }
        Ok(Self {
            lockfile_version: match modern {
                Some(version) => version,
                None if document.extra.contains_key(read::VERSION) => 1,
                None => CURRENT_VERSION,
            },
            name: document.name,
            version: document.version,
            requires: true,
            packages,
            extra: document.extra,
            format: Format::detect(text),
            original_version,
            ancient: modern.is_none(),
        })
    }

    /// The same document without its entries.
    #[must_use]
    pub fn head(&self) -> Self {
        Self {
            name: self.name.clone(),
            version: self.version.clone(),
            packages: Packages::default(),
            extra: self.extra.clone(),
            format: self.format.clone(),
            ..*self
        }
    }

    /// The entry of the project itself.
    pub fn root(&self) -> Option<&Entry> {
        self.packages.get("")
    }

    /// The entry at a location.
    pub fn get(&self, location: &str) -> Option<&Entry> {
        self.packages.get(location)
    }

    /// What `name` means to the package at `from`, as node looks it up: the location, and the entry there.
    pub fn resolve(&self, from: &str, name: &str) -> Option<(&Arc<str>, &Entry)> {
        find_from(from, name, |location| self.packages.get_key_value(location))
    }

    /// Whether a package around this location brings a shrinkwrap, which says what stands there.
    pub fn is_in_shrinkwrap(&self, location: &str) -> bool {
        std::iter::successors(parent_location(location), |above| parent_location(above))
            .any(|above| self.get(above).is_some_and(|entry| entry.has_shrinkwrap))
    }
}

fn syntax(path: &Path, error: &serde_json::Error) -> LockfileError {
    let text = error.to_string();
    // serde_json ends its messages with the place, which stands in front here.
    let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    LockfileError::Syntax {
        path: display(path),
        line: error.line(),
        column: error.column(),
        message: message.to_owned(),
    }
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests;
