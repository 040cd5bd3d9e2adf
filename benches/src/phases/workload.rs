//! What is installed: a package.json, and the registry as it was when it was first installed here.

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
use super::manager::{Installed, Manager, said};
use super::phase::Phase;
use super::sandbox::Sandbox;

/// Longer than any recording stays in use.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 86_400);
const RECORDED: &str = "recorded.json";
/// By this request utoo 1.1.9 finds out whether a registry answers ranges. npm's does not, and it is npm's that a
/// recording stands for; answered by `utoo-server`, which does, the old utoo would be several times slower.
const RANGE_PROBE: &str = "/utoo/%5E1";

/// A package.json by name.
#[derive(Clone, Debug)]
pub struct Workload {
    /// What it is called in tables and folders.
    pub name: String,
    /// Its text.
    pub package_json: String,
}

impl Workload {
    /// Reads a package.json: by its path, or by the name of a folder in `benches/workloads` or `fixtures/projects`.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(word: &str, repository: &Path) -> Result<Self, BenchError> {
        let folders = ["benches/workloads", "fixtures/projects"].map(|folder| repository.join(folder));
        let named = folders.iter().map(|folder| folder.join(word).join("package.json"));
        let path = match named.into_iter().find(|path| path.is_file()) {
            Some(path) => path,
            None if Path::new(word).is_file() => PathBuf::from(word),
            None => {
                return Err(BenchError::Unknown {
                    what: "workload",
                    name: word.into(),
                    known: known(&folders),
                });
            }
        };
        let package_json = fs::read_to_string(&path).map_err(BenchError::at(&path))?;
        let name = match path.parent().and_then(Path::file_name) {
            Some(folder) if path.ends_with("package.json") => folder.to_string_lossy().into_owned(),
            _ => path.file_stem().unwrap_or_default().to_string_lossy().replace(".package", ""),
        };
        Ok(Self { name, package_json })
    }

    /// Where its recording is; another text is another workload.
    pub(crate) fn folder(&self, cache: &Path) -> PathBuf {
        let digest = Integrity::of(Algorithm::Sha256, self.package_json.as_bytes()).hex();
        cache.join("snapshots").join(format!("{}-{}", self.name, &digest[..12]))
    }
}

fn known(folders: &[PathBuf]) -> String {
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let names = entries.filter(|entry| entry.path().join("package.json").is_file());
    let names: BTreeSet<_> = names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.into_iter().chain(["the path of a package.json".to_owned()]).collect::<Vec<_>>().join(", ")
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

/// Lets each manager install the workload through a proxy of the real registry, unless it has done so before. The utoo
/// of this repository always does: each build of it may ask for something else.
pub(crate) fn record(
    workload: &Workload,
    cache: &Path,
    managers: &[Installed],
    say: &mut dyn FnMut(&str),
) -> Result<Recorded, BenchError> {
    let folder = workload.folder(cache);
    fs::create_dir_all(&folder).map_err(BenchError::at(&folder))?;
    let mut recorded = Recorded::load(&folder);
    for installed in managers {
        let key = format!("{} {}", installed.manager.id(), installed.version);
        if recorded.managers.contains(&key) && installed.manager != Manager::Utoo {
            continue;
        }
        say(&format!("recording what {key} asks for"));
        let upstream = registry_of_this_machine()?;
        let mode = Mode::Proxy { upstream, storage: folder.clone(), max_age: FOREVER };
        let server = Server::start(ServerOptions::new(mode).with_faults(as_npms()))?;
        let scratch = tempfile::tempdir().map_err(BenchError::at(&std::env::temp_dir()))?;
        let sandbox = Sandbox::new(scratch.path(), installed, &workload.package_json, server.url())?;
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

/// Serves what was recorded, from memory, to nobody but this machine.
pub(crate) fn serve(workload: &Workload, cache: &Path) -> Result<ServerHandle, BenchError> {
    let mode = Mode::Frozen { dir: workload.folder(cache) };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let options = ServerOptions {
        recording: Recording::Keep(1 << 20),
        limits: Limits { connections: 4096, ..Limits::default() },
        threads,
        ..ServerOptions::new(mode).with_faults(as_npms())
    };
    Ok(Server::start(options)?)
}

/// What npm's registry does not do either.
fn as_npms() -> FaultPlan {
    FaultPlan::new().on(RANGE_PROBE, Nth::Every, Fault::status(404))
}
