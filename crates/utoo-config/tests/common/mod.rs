//! A home and a project on disk, and the configuration that comes of them.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is the answer")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use url::Url;
use utoo_config::{Config, ConfigError, LoadOptions};

/// A home, a project and a global prefix of their own.
#[derive(Debug)]
pub(crate) struct Place {
    folder: tempfile::TempDir,
    env: BTreeMap<String, String>,
    flags: Vec<(String, String)>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder, env: BTreeMap::new(), flags: Vec::new() };
        for name in ["home", "project", "global/etc"] {
            fs::create_dir_all(place.path(name)).unwrap();
        }
        place.write("project/package.json", "{}");
        let global = place.path("global").to_string_lossy().into_owned();
        place.env("PREFIX", &global)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::File::create(self.path(name)).unwrap().write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        self.write(name, text);
        self
    }

    pub(crate) fn project(self, npmrc: &str) -> Self {
        self.file("project/.npmrc", npmrc)
    }

    pub(crate) fn user(self, npmrc: &str) -> Self {
        self.file("home/.npmrc", npmrc)
    }

    pub(crate) fn global(self, npmrc: &str) -> Self {
        self.file("global/etc/npmrc", npmrc)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn flag(mut self, key: &str, value: &str) -> Self {
        self.flags.push((key.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn try_load(&self) -> Result<Config, ConfigError> {
        self.load_from("project")
    }

    pub(crate) fn load_from(&self, cwd: &str) -> Result<Config, ConfigError> {
        Config::load(&LoadOptions {
            cwd: self.path(cwd),
            prefix: None,
            home: Some(self.path("home")),
            env: self.env.clone(),
            flags: self.flags.clone(),
        })
    }

    pub(crate) fn load(&self) -> Config {
        self.try_load().unwrap()
    }

    /// The error's text with this place's folder cut off.
    pub(crate) fn error(&self) -> (&'static str, String) {
        let error = self.try_load().unwrap_err();
        (error.code(), self.relative(&error.to_string()))
    }

    pub(crate) fn relative(&self, text: &str) -> String {
        text.replace(&format!("{}/", Path::new(self.folder.path()).display()), "")
    }
}

pub(crate) fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// The header that a URL would get, or `-`.
pub(crate) fn header(config: &Config, text: &str) -> String {
    let authorization = config.credentials_for(&url(text)).and_then(|credentials| credentials.authorization);
    authorization.map_or_else(|| "-".to_owned(), |one| one.header_value().expose().to_owned())
}
