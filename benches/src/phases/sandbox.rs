//! One manager's own part of the disk: two homes, one project, and commands run in them.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::BenchError;
use super::manager::{Installed, Manager, beside, said};
use super::phase::{Cache, Phase, Work};
use super::run::{TMPFS, file_system};
use super::sample::Sample;
use super::sizes::Sizes;
use super::workload::Workload;

/// Seconds after which a command counts as stuck.
const DEADLINE: u64 = 600;

/// ```text
/// <root>/warm/       a home in which the project was installed
/// <root>/cold/       a home that is emptied before each run that uses it
/// <root>/project/    always at the same path, as caches may go by it
/// <root>/lock        the lockfile that the first install wrote
/// <root>/log         what the last command said
/// <root>/old-<n>/    on a disk, what was there before
/// ```
#[derive(Debug)]
pub(crate) struct Sandbox<'a> {
    root: PathBuf,
    pub(crate) installed: &'a Installed,
    workload: &'a Workload,
    registry: String,
    measure: PathBuf,
    /// How much was put aside; `None` where it is removed.
    aside: Option<Cell<usize>>,
}

impl<'a> Sandbox<'a> {
    pub(crate) fn new(
        dir: &Path,
        installed: &'a Installed,
        workload: &'a Workload,
        registry: String,
    ) -> Result<Self, BenchError> {
        let measure = beside("measure")?;
        let aside = (file_system(dir) != TMPFS).then(Cell::default);
        let root = dir.join(installed.manager.id());
        let sandbox = Self { root, installed, workload, registry, measure, aside };
        fs::create_dir_all(sandbox.root.join("tmp")).map_err(BenchError::at(&sandbox.root))?;
        sandbox.reset_home(Cache::Warm)?;
        Ok(sandbox)
    }

    /// The first install of all, into the warm home; its lockfile is kept.
    pub(crate) fn warm_up(&self) -> Result<(), BenchError> {
        let lock = self.root.join("lock");
        if !self.installed.manager.resolves() {
            // Beside this one, as each manager has its folder.
            let utoos = self.root.with_file_name(Manager::Utoo.id()).join("lock");
            fs::copy(&utoos, &lock).map_err(|error| {
                let reason = format!("{error}; it goes by utoo's lockfile: name utoo before it");
                BenchError::program(self.installed.manager.id(), &reason)
            })?;
        }
        self.reset_project(false)?;
        self.run(Work::Install, Cache::Warm)?;
        let from = self.lock_file();
        fs::copy(&from, lock).map(drop).map_err(BenchError::at(&from))
    }

    /// Makes what a phase begins with.
    pub(crate) fn prepare(&self, phase: Phase) -> Result<(), BenchError> {
        match phase {
            // What is cached grows stale: it is asked for once more, so that the phase measures a warm cache.
            Phase::WarmResolve => {
                self.reset_project(false)?;
                self.run(Work::Lock, Cache::Warm)?;
            }
            Phase::NoOp => {
                self.reset_project(true)?;
                self.run(Work::Install, Cache::Warm)?;
                return self.settle();
            }
            _ => {}
        }
        if phase.cache() == Cache::Cold {
            self.reset_home(Cache::Cold)?;
        }
        self.reset_project(phase.has_lock())?;
        self.settle()
    }

    /// Runs the command of a phase, and looks whether it did its work.
    pub(crate) fn measure(&self, phase: Phase) -> Result<Sample, BenchError> {
        let sample = self.run(phase.work(), phase.cache())?;
        let result = match phase.work() {
            Work::Install => self.modules(),
            Work::Lock => self.lock_file(),
        };
        fs::symlink_metadata(&result).map_err(BenchError::at(&result))?;
        Ok(sample)
    }

    /// What is on the disk after a phase.
    pub(crate) fn sizes(&self, phase: Phase) -> Sizes {
        Sizes::of(&self.home(phase.cache()), &self.modules(), &self.lock_file())
    }

    fn run(&self, work: Work, cache: Cache) -> Result<Sample, BenchError> {
        let mut command = Command::new(&self.measure);
        command.arg("--log").arg(self.root.join("log")).args(["--deadline", &DEADLINE.to_string(), "--"]);
        command.arg(&self.installed.program);
        command.args(self.installed.manager.arguments(work, &self.registry));
        command.current_dir(self.project()).env_clear();
        command.env("HOME", self.home(cache)).env("TMPDIR", self.root.join("tmp"));
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("LANG", "C.UTF-8").env("DO_NOT_TRACK", "1").env("npm_config_registry", &self.registry);
        let text = said(&mut command)?;
        serde_json::from_str(&text).map_err(|error| BenchError::program("measure", &error))
    }

    fn reset_home(&self, cache: Cache) -> Result<(), BenchError> {
        let home = self.home(cache);
        self.discard(&home)?;
        fs::create_dir_all(&home).map_err(BenchError::at(&home))?;
        let settings = format!("registry={}\nupdate-notifier=false\n", self.registry);
        write(&home.join(".npmrc"), settings.as_bytes())
    }

    fn reset_project(&self, with_lock: bool) -> Result<(), BenchError> {
        let project = self.project();
        self.discard(&project)?;
        fs::create_dir_all(&project).map_err(BenchError::at(&project))?;
        write(&project.join("package.json"), self.workload.package_json.as_bytes())?;
        for (path, text) in &self.workload.workspaces {
            let file = project.join(path);
            let folder = file.parent().unwrap_or(&project);
            fs::create_dir_all(folder).map_err(BenchError::at(folder))?;
            write(&file, text.as_bytes())?;
        }
        let pnpm_workspace = self.workload.pnpm_workspace();
        if self.installed.manager == Manager::Pnpm && !pnpm_workspace.is_empty() {
            write(&project.join("pnpm-workspace.yaml"), pnpm_workspace.as_bytes())?;
        }
        if with_lock {
            let lock = self.root.join("lock");
            fs::copy(&lock, self.lock_file()).map_err(BenchError::at(&lock))?;
        }
        Ok(())
    }

    /// Takes a folder away: on a disk it is only put aside. ext4 gives no inode out again within minutes of its removal, and
    /// whoever makes files then looks at all of those first: 24 s in the kernel for an install of one.
    fn discard(&self, folder: &Path) -> Result<(), BenchError> {
        let failed = BenchError::at(folder);
        match (&self.aside, fs::symlink_metadata(folder)) {
            (_, Err(error)) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            (None, _) => {
                utoo_fs::remove_dir_all(folder).map_err(|error| failed(std::io::Error::other(error)))
            }
            (Some(aside), _) => {
                let number = aside.replace(aside.get() + 1);
                utoo_fs::rename(folder, self.root.join(format!("old-{number}"))).map_err(failed)
            }
        }
    }

    /// Lets the disk finish what the preparation gave it to do.
    fn settle(&self) -> Result<(), BenchError> {
        let failed = BenchError::at(&self.root);
        let sync = || rustix::fs::syncfs(fs::File::open(&self.root)?).map_err(std::io::Error::from);
        sync().map_err(failed)
    }

    fn home(&self, cache: Cache) -> PathBuf {
        self.root.join(match cache {
            Cache::Cold => "cold",
            Cache::Warm => "warm",
        })
    }

    fn project(&self) -> PathBuf {
        self.root.join("project")
    }

    fn modules(&self) -> PathBuf {
        self.project().join("node_modules")
    }

    fn lock_file(&self) -> PathBuf {
        self.project().join(self.installed.manager.lock_file())
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), BenchError> {
    utoo_fs::write_atomic(path, bytes).map_err(|error| BenchError::at(path)(std::io::Error::other(error)))
}
