//! Which scripts an install runs, and in which order.
//!
//! npm's order, as seen: of every workspace `preinstall`, `prepare`, `install`, `postinstall` (one event of all of them
//! before the next event); then of the project `dependencies`, if anything changed, and `preinstall`, `install`,
//! `postinstall`, `prepublish`, `preprepare`, `prepare`, `postprepare`. Scripts of dependencies run before those, and only
//! where the [`ScriptPolicy`] allows it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use utoo_types::PackageName;

use crate::events::{EventSink, InstallEvent};
use crate::facts::has_install_script;
use crate::scripts::{ScriptCall, ScriptOutput, ScriptRunner};
use crate::{InstallError, Result};

const WORKSPACE_EVENTS: [&str; 4] = ["preinstall", "prepare", "install", "postinstall"];
const DEPENDENCY_EVENTS: [&str; 3] = ["preinstall", "install", "postinstall"];
const ROOT_EVENTS: [&str; 7] =
    ["preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"];

/// A dependency that has something to run when it is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptCandidate {
    /// Its key in the lockfile.
    pub location: Arc<str>,
    /// The package's own name. Not to be trusted alone: anyone may give a git repository any name.
    pub name: PackageName,
    /// Its version.
    pub version: Option<Arc<str>>,
    /// Where it came from.
    pub resolved: Option<Arc<str>>,
}

/// Whether a dependency may run its install scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may; its files are private copies then.
    Allow,
    /// It may not, and the summary says so.
    Deny,
}

/// Decides on the scripts of dependencies. Asked once for each dependency that has any.
pub trait ScriptPolicy: Send + Sync {
    /// The verdict on one dependency.
    fn verdict(&self, candidate: &ScriptCandidate) -> Verdict;
}

/// Nobody may: the default.
#[derive(Debug, Clone, Copy, Default)]
pub struct DenyAll;

impl ScriptPolicy for DenyAll {
    fn verdict(&self, _: &ScriptCandidate) -> Verdict {
        Verdict::Deny
    }
}

/// Whether an install runs the project's own scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RootScripts {
    /// All of them: `install` without names, and `ci`.
    #[default]
    All,
    /// Only `dependencies`: `install <name>`, `uninstall`.
    DependenciesOnly,
}

/// A folder whose scripts may run, with its package.json.
pub(crate) struct Package {
    folder: PathBuf,
    package_json: Value,
    has_gyp: bool,
}

impl Package {
    /// Reads a folder. One without a package.json that reads has no scripts.
    pub(crate) fn read(folder: PathBuf) -> Self {
        let text = std::fs::read(folder.join("package.json")).unwrap_or_default();
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        let package_json = serde_json::from_slice(text).unwrap_or_default();
        let has_gyp = folder.join("binding.gyp").exists();
        Self { folder, package_json, has_gyp }
    }

    /// The command line of an event.
    fn script(&self, event: &str) -> Option<&str> {
        let scripts = &self.package_json["scripts"];
        match scripts[event].as_str().filter(|text| !text.is_empty()) {
            None if event == "install" && self.builds_with_gyp() => Some("node-gyp rebuild"),
            script => script,
        }
    }

    fn builds_with_gyp(&self) -> bool {
        let scripts = &self.package_json["scripts"];
        let replaced = scripts["install"].is_string() || scripts["preinstall"].is_string();
        !replaced && has_install_script(&self.package_json, self.has_gyp) && self.has_gyp
    }
}

/// Runs lifecycle scripts and counts them.
pub(crate) struct Lifecycle<'a> {
    pub(crate) runner: &'a ScriptRunner,
    pub(crate) output: ScriptOutput,
    pub(crate) events: &'a EventSink,
    pub(crate) run: usize,
}

impl Lifecycle<'_> {
    /// The install scripts of dependencies that may run theirs, one package after the other.
    pub(crate) async fn dependencies(&mut self, folders: &[PathBuf]) -> Result<()> {
        for folder in folders {
            let package = Package::read(folder.clone());
            for event in DEPENDENCY_EVENTS {
                self.event(&package, event).await?;
            }
        }
        Ok(())
    }

    /// The scripts of workspaces, event by event.
    pub(crate) async fn workspaces(&mut self, folders: &[PathBuf]) -> Result<()> {
        let packages: Vec<_> = folders.iter().cloned().map(Package::read).collect();
        for event in WORKSPACE_EVENTS {
            for package in &packages {
                self.event(package, event).await?;
            }
        }
        Ok(())
    }

    /// The scripts of the project itself.
    pub(crate) async fn root(&mut self, folder: &Path, scripts: RootScripts, changed: bool) -> Result<()> {
        let package = Package::read(folder.to_owned());
        if changed {
            self.event(&package, "dependencies").await?;
        }
        if scripts == RootScripts::All {
            for event in ROOT_EVENTS {
                self.event(&package, event).await?;
            }
        }
        Ok(())
    }

    async fn event(&mut self, package: &Package, event: &str) -> Result<(), InstallError> {
        let Some(command) = package.script(event) else { return Ok(()) };
        let name = package.package_json["name"].as_str().unwrap_or_default().to_owned();
        (self.events)(InstallEvent::ScriptStarted { package: name, event: event.to_owned() });
        self.run += 1;
        let call = ScriptCall {
            folder: &package.folder,
            package_json: &package.package_json,
            event,
            command,
            arguments: &[],
            output: self.output,
        };
        self.runner.run_or_fail(&call).await
    }
}
