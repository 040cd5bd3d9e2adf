//! Rounds of phases, one manager after the other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use utoo_server::ServerHandle;

use super::error::BenchError;
use super::manager::{Installed, Manager};
use super::phase::Phase;
use super::report::{Cell, Report};
use super::sample::Sample;
use super::sandbox::Sandbox;
use super::wan::{Proxy, Wan};
use super::workload::{Recorded, Workload, record, serve};

/// What to do about a rival that cannot be installed on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rivals {
    /// Nothing is measured.
    Required,
    /// It is left out.
    AsAvailable,
}

/// One benchmark.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is installed.
    pub workload: Workload,
    /// In the order of their runs; the report has them in the order of [`Phase::ALL`].
    pub phases: Vec<Phase>,
    /// In the order of the report.
    pub managers: Vec<Manager>,
    /// What a manager that cannot be had leads to.
    pub rivals: Rivals,
    /// How often each cell is measured.
    pub rounds: usize,
    /// The folder whose file system is measured; a folder is made in it, and removed at the end.
    pub dir: PathBuf,
    /// Where managers and recordings are kept from one benchmark to the next.
    pub cache: PathBuf,
    /// The utoo to measure.
    pub utoo: PathBuf,
    /// Another build of it to compare with, as one more manager.
    pub baseline: Option<PathBuf>,
    /// How far away the registry is; `None` is on this machine.
    pub wan: Option<Wan>,
}

/// Runs the benchmark. `say` gets a line for each step.
///
/// # Errors
/// When it cannot begin: nothing to run, no registry to record, a folder that cannot be written. What fails in a cell is
/// in the report.
pub fn run(options: &Options, say: &mut dyn FnMut(&str)) -> Result<Report, BenchError> {
    let managers = find_managers(options, say)?;
    let recorded = record(&options.workload, &options.cache, &managers, say)?;
    let server = serve(&options.workload, &options.cache)?;
    let proxy = options.wan.map(|wan| Proxy::start(wan, server.address())).transpose()?;
    let url = proxy.as_ref().map_or_else(|| server.url(), Proxy::url);
    let folder = tempfile::Builder::new().prefix("utoo-bench-").tempdir_in(&options.dir);
    let folder = folder.map_err(BenchError::at(&options.dir))?;
    let sandboxes: Vec<_> = managers
        .iter()
        .map(|installed| Sandbox::new(folder.path(), installed, &options.workload, url.clone()))
        .collect::<Result<_, _>>()?;
    let mut bench = Bench { server, recorded, cells: BTreeMap::new() };
    for (at, sandbox) in sandboxes.iter().enumerate() {
        say(&format!("{}: filling its cache", sandbox.installed.manager.id()));
        if let Err(error) = sandbox.warm_up() {
            options.phases.iter().for_each(|phase| bench.refuse(at, *phase, error.to_string()));
        }
    }
    for round in 0..options.rounds {
        for (at, phase) in order(round, sandboxes.len(), &options.phases) {
            let label = format!("{} {}", sandboxes[at].installed.manager.id(), phase.id());
            match bench.measure(at, &sandboxes[at], phase) {
                Ok(wall) => say(&format!("round {}/{}: {label} {wall:.3} s", round + 1, options.rounds)),
                Err(reason) => say(&format!("round {}/{}: {label} {reason}", round + 1, options.rounds)),
            }
        }
    }
    Ok(report(options, &managers, bench, folder.path()))
}

fn find_managers(options: &Options, say: &mut dyn FnMut(&str)) -> Result<Vec<Installed>, BenchError> {
    let mut found = Vec::new();
    let given = options.managers.iter().map(|manager| (*manager, &options.utoo));
    let baseline = options.baseline.iter().map(|file| (Manager::Baseline, file));
    for (manager, own) in given.chain(baseline) {
        match Installed::find(manager, &options.cache, own) {
            Ok(installed) => {
                say(&format!("{} {}", manager.id(), installed.version));
                found.push(installed);
            }
            Err(error) if options.rivals == Rivals::AsAvailable && manager.pinned().is_some() => {
                say(&format!("without {}: {error}", manager.id()));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Managers and phases of a round. Managers take turns within each phase, so that what slows the machine for a while
/// slows all of them; every other round goes backwards, so that none is always the one after another.
fn order(round: usize, managers: usize, phases: &[Phase]) -> Vec<(usize, Phase)> {
    let mut order: Vec<_> =
        phases.iter().flat_map(|phase| (0..managers).map(move |manager| (manager, *phase))).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

struct Bench {
    server: ServerHandle,
    recorded: Recorded,
    cells: BTreeMap<(usize, Phase), Cell>,
}

impl Bench {
    fn refuse(&mut self, manager: usize, phase: Phase, reason: String) {
        self.cells.entry((manager, phase)).or_default().refused.get_or_insert(reason);
    }

    /// Measures one cell once, unless it is refused already.
    fn measure(&mut self, at: usize, sandbox: &Sandbox<'_>, phase: Phase) -> Result<f64, String> {
        if let Some(reason) = self.cells.get(&(at, phase)).and_then(|cell| cell.refused.clone()) {
            return Err(format!("refused: {reason}"));
        }
        match self.try_measure(sandbox, phase) {
            Ok(sample) => {
                let wall = sample.wall;
                let cell = self.cells.entry((at, phase)).or_default();
                cell.samples.push(sample);
                cell.sizes.get_or_insert_with(|| sandbox.sizes(phase));
                Ok(wall)
            }
            Err(reason) => {
                self.refuse(at, phase, reason.clone());
                Err(format!("refused: {reason}"))
            }
        }
    }

    fn try_measure(&self, sandbox: &Sandbox<'_>, phase: Phase) -> Result<Sample, String> {
        sandbox.prepare(phase).map_err(|error| format!("preparation: {error}"))?;
        self.server.reset_requests();
        let sample = sandbox.measure(phase).map_err(|error| error.to_string())?;
        let stats = self.server.stats();
        if let Some(path) = self.recorded.missed(&self.server) {
            return Err(format!("asked for {path}, which was not recorded"));
        }
        if stats.upstream_requests > 0 {
            return Err("the frozen registry asked another one".to_owned());
        }
        Ok(Sample {
            bytes_received: stats.bytes_sent,
            bytes_sent: stats.bytes_received,
            requests: stats.requests,
            ..sample
        })
    }
}

fn report(options: &Options, managers: &[Installed], mut bench: Bench, folder: &Path) -> Report {
    let mut rows = Vec::new();
    for phase in Phase::ALL.into_iter().filter(|phase| options.phases.contains(phase)) {
        for (at, installed) in managers.iter().enumerate() {
            let cell = bench.cells.remove(&(at, phase)).unwrap_or_default();
            rows.push((phase, installed.manager, cell.without_paths(folder)));
        }
    }
    Report {
        workload: options.workload.name.clone(),
        rounds: options.rounds,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        file_system: file_system(&options.dir).to_owned(),
        wan: options.wan,
        versions: managers.iter().map(|one| (one.manager, one.version.clone())).collect(),
        rows,
    }
}

/// The kind of a file system, as far as it matters here: [`TMPFS`], or a disk's.
pub(super) fn file_system(dir: &Path) -> &'static str {
    const MAGIC: u64 = 0x0102_1994;
    match rustix::fs::statfs(dir) {
        #[allow(clippy::unnecessary_cast, reason = "its type differs between platforms")]
        Ok(found) if found.f_type as u64 == MAGIC => TMPFS,
        _ => "disk",
    }
}

/// A file system in memory.
pub(super) const TMPFS: &str = "tmpfs";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn managers_take_turns_and_every_other_round_goes_backwards() {
        let phases = [Phase::FullCold, Phase::Resolve];
        let first = order(0, 2, &phases);
        let (p0, p1) = (Phase::FullCold, Phase::Resolve);
        assert_eq!(first, [(0, p0), (1, p0), (0, p1), (1, p1)]);
        let second = order(1, 2, &phases);
        assert_eq!(second, [(1, p1), (0, p1), (1, p0), (0, p0)]);
        assert_eq!(order(2, 2, &phases), first);
    }
}
