//! Which scripts an install runs, and in which order.
//!
//! npm's order, as seen: of every workspace `preinstall`, `prepare`, `install`, `postinstall` (one event of all of them
//! before the next event); then of the project `dependencies`, if anything changed, and `preinstall`, `install`,
//! `postinstall`, `prepublish`, `preprepare`, `prepare`, `postprepare`. Scripts of dependencies run before those, and only
//! where the [`crate::Policy`] allows it: each package's after those of the packages that it depends on, several at a
//! time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;

use crate::events::{EventSink, InstallEvent};
use crate::facts::has_install_script;
use crate::scripts::{ScriptCall, ScriptOutput, ScriptRunner};
use crate::{InstallError, Result};

mod order;

pub(crate) use order::waits_for;

const WORKSPACE_EVENTS: [&str; 4] = ["preinstall", "prepare", "install", "postinstall"];
const DEPENDENCY_EVENTS: [&str; 3] = ["preinstall", "install", "postinstall"];
const FOLDER_EVENTS: [&str; 4] = ["preinstall", "install", "postinstall", "prepare"];
const ROOT_EVENTS: [&str; 7] =
    ["preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"];

/// Scripts wait for the network and for processes: on one core, too, two get along. More than sixteen only take memory
/// from each other.
const AT_ONCE: std::ops::RangeInclusive<usize> = 2..=16;

/// Whether an install runs the project's own scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RootScripts {
    /// All of them: `install` without names, and `ci`.
    #[default]
    All,
    /// Only `dependencies`: `install <name>`, `uninstall`.
    DependenciesOnly,
    /// None: `rebuild`.
    None,
}

/// A folder whose scripts may run, with its package.json.
pub(crate) struct Package {
    folder: PathBuf,
    package_json: Value,
    has_gyp: bool,
    locked: Vec<(&'static str, String)>,
}

impl Package {
    /// Reads a folder. One without a package.json, or with one that is no JSON, has no scripts, as with npm.
    ///
    /// # Errors
    /// A package.json that is there and cannot be read: what it says must not pass for nothing.
    pub(crate) fn read(folder: PathBuf) -> Result<Self> {
        let path = folder.join("package.json");
        let text = match utoo_fs::read(&path) {
            Ok(text) => text,
            Err(error) if is_absent(&error) => Vec::new(),
            Err(error) => return Err(InstallError::io("read", path, error)),
        };
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        let package_json = serde_json::from_slice(text).unwrap_or_default();
        let gyp = folder.join("binding.gyp");
        let has_gyp = gyp.try_exists().map_err(|error| InstallError::io("look at", gyp, error))?;
        Ok(Self { folder, package_json, has_gyp, locked: Vec::new() })
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

    /// What installing it would run: event and command line.
    pub(crate) fn install_scripts(&self) -> Vec<(String, String)> {
        let scripts = DEPENDENCY_EVENTS.iter().filter_map(|event| Some((event, self.script(event)?)));
        scripts.map(|(event, command)| ((*event).to_owned(), command.to_owned())).collect()
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | IsADirectory)
}

/// What installing the package in a folder would run: event and command line, in order. `node-gyp rebuild` where a
/// binding.gyp implies it.
///
/// # Errors
/// A package.json that is there and cannot be read.
pub fn install_scripts(folder: &Path) -> Result<Vec<(String, String)>> {
    Ok(Package::read(folder.to_owned())?.install_scripts())
}

/// A dependency whose scripts are to run.
pub(crate) struct Work {
    pub(crate) location: Arc<str>,
    pub(crate) folder: PathBuf,
    /// Whether it is a folder that a link leads to, which runs `prepare` too.
    pub(crate) is_linked: bool,
    /// Whether the install goes on without it when a script of it fails.
    pub(crate) is_optional: bool,
    /// What npm tells it of its lockfile entry.
    pub(crate) locked: Vec<(&'static str, String)>,
    /// The numbers of those that have to be done before.
    pub(crate) after: Vec<usize>,
}

/// How the scripts of dependencies ended.
#[derive(Default)]
pub(crate) struct Ended {
    /// Locations whose scripts all ended well.
    pub(crate) well: Vec<Arc<str>>,
    /// Optional ones of which one failed.
    pub(crate) failed: Vec<(Arc<str>, InstallError)>,
    /// How many scripts ended well in packages of which none failed.
    pub(crate) run: usize,
    /// The failure that ends the install.
    pub(crate) fatal: Option<InstallError>,
}

/// Runs lifecycle scripts and counts them.
pub(crate) struct Lifecycle<'a> {
    pub(crate) runner: &'a ScriptRunner,
    /// Of the project and its workspaces.
    pub(crate) output: ScriptOutput,
    /// Of dependencies.
    pub(crate) dependency_output: ScriptOutput,
    /// Of one script.
    pub(crate) timeout: Option<Duration>,
    pub(crate) events: &'a EventSink,
    pub(crate) run: usize,
}

impl Lifecycle<'_> {
    /// The install scripts of dependencies: each package's one after the other, packages side by side.
    pub(crate) async fn dependencies(&mut self, work: &[Work]) -> Ended {
        let mut ended = Ended::default();
        let mut done = vec![false; work.len()];
        let mut started = vec![false; work.len()];
        let mut running = FuturesUnordered::new();
        let bound = self.at_once();
        loop {
            for (at, one) in work.iter().enumerate() {
                let is_ready = !started[at] && one.after.iter().all(|&before| done[before]);
                if is_ready && running.len() < bound && ended.fatal.is_none() {
                    started[at] = true;
                    let this = &*self;
                    running.push(async move { (at, this.package(one).await) });
                }
            }
            let Some((at, result)) = running.next().await else { break };
            let one = &work[at];
            done[at] = true;
            match result {
                Ok(count) => {
                    ended.well.push(one.location.clone());
                    ended.run += count;
                }
                Err(error @ InstallError::Script { .. }) if one.is_optional => {
                    ended.failed.push((one.location.clone(), error));
                }
                // The others are dropped with what they started: their process groups are killed.
                Err(error) => {
                    ended.fatal = Some(error);
                    break;
                }
            }
        }
        drop(running);
        self.run += ended.run;
        ended
    }

    fn at_once(&self) -> usize {
        match self.dependency_output {
            ScriptOutput::Inherit => 1,
            ScriptOutput::Capture => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                cores.clamp(*AT_ONCE.start(), *AT_ONCE.end())
            }
        }
    }

    /// One dependency's; gives how many ran.
    async fn package(&self, work: &Work) -> Result<usize> {
        let package = Package { locked: work.locked.clone(), ..Package::read(work.folder.clone())? };
        let mut count = 0;
        for event in if work.is_linked { &FOLDER_EVENTS[..] } else { &DEPENDENCY_EVENTS } {
            count += usize::from(self.event(&package, event, self.dependency_output).await?);
        }
        Ok(count)
    }

    /// The scripts of workspaces, event by event.
    pub(crate) async fn workspaces(&mut self, folders: &[PathBuf]) -> Result<()> {
        let packages = folders.iter().cloned().map(Package::read).collect::<Result<Vec<_>>>()?;
        for event in WORKSPACE_EVENTS {
            for package in &packages {
                self.run += usize::from(self.event(package, event, self.output).await?);
            }
        }
        Ok(())
    }

    /// The scripts of the project itself.
    pub(crate) async fn root(&mut self, folder: &Path, scripts: RootScripts, changed: bool) -> Result<()> {
        if scripts == RootScripts::None {
            return Ok(());
        }
        let package = Package::read(folder.to_owned())?;
        if changed {
            self.run += usize::from(self.event(&package, "dependencies", self.output).await?);
        }
        if scripts == RootScripts::All {
            for event in ROOT_EVENTS {
                self.run += usize::from(self.event(&package, event, self.output).await?);
            }
        }
        Ok(())
    }

    /// Whether there was a script for the event.
    async fn event(&self, package: &Package, event: &str, output: ScriptOutput) -> Result<bool> {
        let Some(command) = package.script(event) else { return Ok(false) };
        let name = package.package_json["name"].as_str().unwrap_or_default().to_owned();
        (self.events)(InstallEvent::ScriptStarted { package: name, event: event.to_owned() });
        let call = ScriptCall {
            folder: &package.folder,
            package_json: &package.package_json,
            locked: &package.locked,
            event,
            command,
            arguments: &[],
            output,
            timeout: self.timeout,
        };
        self.runner.run_or_fail(&call).await?;
        Ok(true)
    }
}
