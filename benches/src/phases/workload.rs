//! What is installed: a project, and the registry as it was when it was first installed here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;
use utoo_server::{Fault, FaultPlan, Limits, Mode, Nth, Recording, Server, ServerHandle, ServerOptions};
use utoo_types::{Algorithm, Integrity};

use super::error::BenchError;
use super::generated;
use super::manager::{Installed, Manager, said};
use super::phase::Phase;
use super::sandbox::Sandbox;

/// Longer than any recording stays in use.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 86_400);
const RECORDED: &str = "recorded.json";
/// By this request utoo 1.1.9 finds out whether a registry answers ranges. npm's does not, and it is npm's that a
/// recording stands for; answered by `utoo-server`, which does, the old utoo would be several times slower.
const RANGE_PROBE: &str = "/utoo/%5E1";
const PACKAGE_JSON: &str = "package.json";

/// A project by name.
#[derive(Clone, Debug)]
pub struct Workload {
    /// What it is called in tables and folders.
    pub name: String,
    /// The text of its package.json.
    pub package_json: String,
    /// The package.json of each of its workspaces: path from the project, and text.
    pub workspaces: Vec<(PathBuf, String)>,
    registry: Registry,
}

/// Where the packages of a workload come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Registry {
    /// A recording of the one that npm is configured for.
    Recorded,
    /// Made up: see [`generated`].
    Generated { packages: usize },
}

impl Workload {
    /// Reads a project: the path of a package.json or of a folder with one, or the name of a folder in
    /// `benches/workloads` or `fixtures/projects`, or `generated-<packages>` for a made-up graph of that size.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(word: &str, repository: &Path) -> Result<Self, BenchError> {
        if let Some(packages) = word.strip_prefix("generated-").and_then(|count| count.parse().ok()) {
            return Ok(Self::generated(packages));
        }
        let folders = ["benches/workloads", "fixtures/projects"].map(|folder| repository.join(folder));
        let named = folders.iter().map(|folder| folder.join(word).join(PACKAGE_JSON));
        let given = [Path::new(word).join(PACKAGE_JSON), PathBuf::from(word)];
        let Some(path) = named.chain(given).find(|path| path.is_file()) else {
            let (name, known) = (word.into(), known(&folders));
            return Err(BenchError::Unknown { what: "workload", name, known });
        };
        let package_json = fs::read_to_string(&path).map_err(BenchError::at(&path))?;
        let path = std::path::absolute(&path).map_err(BenchError::at(&path))?;
        let folder = path.parent().unwrap_or(&path);
        let name = match folder.file_name() {
            Some(folder) if path.ends_with(PACKAGE_JSON) => folder.to_string_lossy().into_owned(),
            _ => path.file_stem().unwrap_or_default().to_string_lossy().replace(".package", ""),
        };
        let workspaces = read_workspaces(folder, &package_json)?;
        Ok(Self { name, package_json, workspaces, registry: Registry::Recorded })
    }

    /// A made-up graph of about this many packages.
    #[must_use]
    pub fn generated(packages: usize) -> Self {
        Self {
            name: format!("generated-{packages}"),
            package_json: generated::package_json(packages),
            workspaces: Vec::new(),
            registry: Registry::Generated { packages },
        }
    }

    /// Where its recording is; another text is another workload.
    pub(crate) fn folder(&self, cache: &Path) -> PathBuf {
        let mut text = self.package_json.clone();
        self.workspaces.iter().for_each(|(_, workspace)| text.push_str(workspace));
        let digest = Integrity::of(Algorithm::Sha256, text.as_bytes()).hex();
        cache.join("snapshots").join(format!("{}-{}", self.name, &digest[..12]))
    }

    /// `pnpm-workspace.yaml`, which is where pnpm looks for what others read in `workspaces`; empty without them.
    pub(crate) fn pnpm_workspace(&self) -> String {
        let patterns = patterns(&self.package_json).into_iter().map(|pattern| format!("  - {pattern:?}\n"));
        let patterns: String = patterns.collect();
        // Others link a workspace wherever a range fits it.
        if patterns.is_empty() {
            patterns
        } else {
            format!("packages:\n{patterns}linkWorkspacePackages: true\n")
        }
    }
}

/// The patterns of `workspaces`.
fn patterns(package_json: &str) -> Vec<String> {
    let manifest: serde_json::Value = serde_json::from_str(package_json).unwrap_or_default();
    let patterns = manifest["workspaces"].as_array().cloned().unwrap_or_default();
    patterns.iter().filter_map(|pattern| pattern.as_str().map(str::to_owned)).collect()
}

/// The package.json of each workspace, sorted by path. Patterns of a benchmark's project are folders, or end in `/*`.
fn read_workspaces(project: &Path, package_json: &str) -> Result<Vec<(PathBuf, String)>, BenchError> {
    let mut found = Vec::new();
    for pattern in patterns(package_json) {
        let folders = match pattern.strip_suffix("/*") {
            None => vec![project.join(&pattern)],
            Some(parent) => {
                let parent = project.join(parent);
                let entries = fs::read_dir(&parent).map_err(BenchError::at(&parent))?;
                entries.flatten().map(|entry| entry.path()).collect()
            }
        };
        for file in folders.iter().map(|folder| folder.join(PACKAGE_JSON)).filter(|file| file.is_file()) {
            let text = fs::read_to_string(&file).map_err(BenchError::at(&file))?;
            found.push((file.strip_prefix(project).unwrap_or(&file).to_owned(), text));
        }
    }
    found.sort();
    Ok(found)
}

fn known(folders: &[PathBuf]) -> String {
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let names = entries.filter(|entry| entry.path().join(PACKAGE_JSON).is_file());
    let names: BTreeSet<_> = names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let others = ["generated-<packages>", "the path of a project"].map(str::to_owned);
    names.into_iter().chain(others).collect::<Vec<_>>().join(", ")
}

/// Who has asked for everything it wants, and what there wasn't.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Recorded {
    /// Managers with their versions.
    managers: BTreeSet<String>,
    /// Paths that were answered with 404 while recording (pnpm asks for attestations): no miss later.
    absent: BTreeSet<String>,
}

impl Recorded {
    fn load(folder: &Path) -> Self {
        let text = fs::read(folder.join(RECORDED)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    fn store(&self, folder: &Path) -> Result<(), BenchError> {
        let path = folder.join(RECORDED);
        let text = serde_json::to_vec_pretty(self).map_err(|error| BenchError::program(RECORDED, &error))?;
        utoo_fs::write_atomic(&path, &text)
            .map_err(|error| BenchError::at(&path)(std::io::Error::other(error)))
    }

    /// The first path in these requests that should have been there.
    pub(crate) fn missed(&self, server: &ServerHandle) -> Option<String> {
        let missed = server.requests().into_iter().filter(|request| request.status == 404);
        missed.map(|request| request.path).find(|path| path != RANGE_PROBE && !self.absent.contains(path))
    }
}

/// Lets each manager install the workload through a proxy of the real registry, unless it has done so before. Builds of
/// this repository always do: each of them may ask for something else.
pub(crate) fn record(
    workload: &Workload,
    cache: &Path,
    managers: &[Installed],
    say: &mut dyn FnMut(&str),
) -> Result<Recorded, BenchError> {
    if workload.registry != Registry::Recorded {
        return Ok(Recorded::default());
    }
    let folder = workload.folder(cache);
    fs::create_dir_all(&folder).map_err(BenchError::at(&folder))?;
    let mut recorded = Recorded::load(&folder);
    for installed in managers.iter().filter(|installed| installed.manager.resolves()) {
        let key = format!("{} {}", installed.manager.id(), installed.version);
        if recorded.managers.contains(&key) && !matches!(installed.manager, Manager::Utoo | Manager::Baseline)
        {
            continue;
        }
        say(&format!("recording what {key} asks for"));
        let upstream = registry_of_this_machine()?;
        let mode = Mode::Proxy { upstream, storage: folder.clone(), max_age: FOREVER };
        let server = Server::start(ServerOptions::new(mode).with_faults(as_npms()))?;
        let scratch = tempfile::tempdir().map_err(BenchError::at(&std::env::temp_dir()))?;
        let sandbox = Sandbox::new(scratch.path(), installed, workload, server.url())?;
        // Between them these ask for all there is to ask. A failure here is one in its cells too, and told there.
        let rest = [Phase::Resolve, Phase::ColdInstall];
        let one = |phase| sandbox.prepare(phase).and_then(|()| sandbox.measure(phase).map(drop));
        let done = sandbox.warm_up().and_then(|()| rest.into_iter().try_for_each(one));
        let absent = server.requests().into_iter().filter(|request| request.status == 404);
        recorded.absent.extend(absent.map(|request| request.path));
        if done.is_ok() {
            recorded.managers.insert(key);
        }
        recorded.store(&folder)?;
    }
    Ok(recorded)
}

fn registry_of_this_machine() -> Result<Url, BenchError> {
    let text = said(Command::new("npm").args(["config", "get", "registry"]))?;
    let url = text.lines().last().unwrap_or_default().trim().to_owned();
    Url::parse(&url).map_err(|_| BenchError::Url { url })
}

/// Serves what was recorded, or made up, from memory, to nobody but this machine.
pub(crate) fn serve(workload: &Workload, cache: &Path) -> Result<ServerHandle, BenchError> {
    let mode = match workload.registry {
        Registry::Recorded => Mode::Frozen { dir: workload.folder(cache) },
        Registry::Generated { packages } => Mode::Fixtures(generated::registry(packages)),
    };
    let options = ServerOptions {
        recording: Recording::Keep(1 << 20),
        limits: Limits { connections: 4096, ..Limits::default() },
        // It shares the cores with the client: a second thread costs both of them and serves nobody faster.
        threads: 1,
        ..ServerOptions::new(mode).with_faults(as_npms())
    };
    Ok(Server::start(options)?)
}

/// What npm's registry does not do either.
fn as_npms() -> FaultPlan {
    FaultPlan::new().on(RANGE_PROBE, Nth::Every, Fault::status(404))
}
