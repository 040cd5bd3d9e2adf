//! The package managers: where they come from, and how each is asked for the same work.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::BenchError;
use super::phase::Work;

/// A package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// The utoo of this repository.
    Utoo,
    /// bun.
    Bun,
    /// pnpm.
    Pnpm,
    /// The npm of this machine.
    Npm,
    /// The last utoo before this one.
    OldUtoo,
    /// Another build of the utoo of this repository, which this one is compared with.
    Baseline,
    /// Nobody's: the least that an install can be. See [`crate::floor`].
    Floor,
}

impl Manager {
    /// All that a table has unless others are asked for; a baseline is there only when it is given.
    pub const ALL: [Self; 5] = [Self::Utoo, Self::Bun, Self::Pnpm, Self::Npm, Self::OldUtoo];

    /// The name in options and tables.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Utoo => "utoo",
            Self::Bun => "bun",
            Self::Pnpm => "pnpm",
            Self::Npm => "npm",
            Self::OldUtoo => "utoo-1.1.9",
            Self::Baseline => "baseline",
            Self::Floor => "floor",
        }
    }

    /// The manager of this name.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().chain([Self::Floor]).find(|manager| manager.id() == id)
    }

    /// Whether it is somebody else's, which utoo is held against.
    pub(crate) fn is_rival(self) -> bool {
        !matches!(self, Self::Utoo | Self::Baseline | Self::Floor)
    }

    /// Whether it finds out by itself what it asks a registry for.
    pub(crate) fn resolves(self) -> bool {
        self != Self::Floor
    }

    /// The file that it writes when it has resolved.
    #[must_use]
    pub fn lock_file(self) -> &'static str {
        match self {
            Self::Utoo | Self::Npm | Self::OldUtoo | Self::Baseline | Self::Floor => "package-lock.json",
            Self::Bun => "bun.lock",
            Self::Pnpm => "pnpm-lock.yaml",
        }
    }

    /// Package and version in npm's registry, and its program below `node_modules`.
    pub(crate) fn pinned(self) -> Option<(&'static str, &'static str, String)> {
        match self {
            Self::Utoo | Self::Npm | Self::Baseline | Self::Floor => None,
            Self::Bun => Some(("bun", "1.4.5", ".bin/bun".to_owned())),
            Self::Pnpm => Some(("pnpm", "12.21.0", ".bin/pnpm".to_owned())),
            // Its command is a script that starts node, which starts this.
            Self::OldUtoo => Some(("utoo", "1.1.9", format!("@utoo/utoo-{}/bin/utoo", node_platform()))),
        }
    }

    /// The arguments for a piece of work: no scripts, no audit, no questions to anyone but the registry.
    pub(crate) fn arguments(self, work: Work, registry: &str) -> Vec<String> {
        let words: &[&str] = match (self, work) {
            (Self::Utoo | Self::Baseline, Work::Install) => &["install", "--ignore-scripts"],
            (Self::Utoo | Self::Baseline, Work::Lock) => &["deps"],
            (Self::Bun, Work::Install) => &["install", "--ignore-scripts"],
            (Self::Bun, Work::Lock) => &["install", "--ignore-scripts", "--lockfile-only"],
            // A lockfile that fits is kept, and one that is missing is made, as for the others.
            (Self::Pnpm, Work::Install) => &["install", "--ignore-scripts"],
            (Self::Pnpm, Work::Lock) => &["install", "--ignore-scripts", "--lockfile-only"],
            (Self::Npm, Work::Install) => &["install", "--ignore-scripts", "--no-audit", "--no-fund"],
            (Self::Npm, Work::Lock) => {
                &["install", "--ignore-scripts", "--no-audit", "--no-fund", "--package-lock-only"]
            }
            (Self::OldUtoo, Work::Install) => &["install", "--ignore-scripts", "--registry", registry],
            (Self::OldUtoo, Work::Lock) => &["deps", "--registry", registry],
            (Self::Floor, Work::Install) => &["install", "--lock", "../lock", "--registry", registry],
            (Self::Floor, Work::Lock) => &["deps", "--lock", "../lock", "--registry", registry],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }
}

/// A manager that can be run.
#[derive(Clone, Debug)]
pub struct Installed {
    /// Which.
    pub manager: Manager,
    /// Its program.
    pub program: PathBuf,
    /// What it says its version is.
    pub version: String,
}

impl Installed {
    /// Finds a manager, and installs a pinned one into `cache` first where it is not there. `own` is the file of a build
    /// of this repository, for those that are one.
    pub(crate) fn find(manager: Manager, cache: &Path, own: &Path) -> Result<Self, BenchError> {
        let program = match manager.pinned() {
            None if manager == Manager::Npm => in_path("npm")?,
            None if manager == Manager::Floor => beside("floor")?,
            None => std::path::absolute(own).map_err(BenchError::at(own))?,
            Some((package, version, program)) => {
                let folder = cache.join("managers").join(format!("{package}-{version}"));
                let program = folder.join("node_modules").join(program);
                if !program.exists() {
                    install(&folder, &format!("{package}@{version}"))?;
                }
                program
            }
        };
        let version = said(Command::new(&program).arg("--version"))?;
        let version =
            version.split_whitespace().last().unwrap_or_default().trim_start_matches('v').to_owned();
        Ok(Self { manager, program, version })
    }
}

/// npm's name of this platform.
fn node_platform() -> String {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        os => os,
    };
    let cpu = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        cpu => cpu,
    };
    format!("{os}-{cpu}")
}

/// A program that is built together with this one.
pub(crate) fn beside(name: &str) -> Result<PathBuf, BenchError> {
    let own = std::env::current_exe().map_err(|error| BenchError::program(name, &error))?;
    Ok(own.with_file_name(name))
}

fn in_path(name: &str) -> Result<PathBuf, BenchError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.ok_or_else(|| BenchError::program(name, &"not in PATH"))
}

/// With the caller's own configuration: the registry is the one that works on this machine.
fn install(folder: &Path, spec: &str) -> Result<(), BenchError> {
    std::fs::create_dir_all(folder).map_err(BenchError::at(folder))?;
    let mut npm = Command::new(in_path("npm")?);
    npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error"]);
    // bun's package puts its program into place by a script.
    npm.args(["--ignore-scripts=false", "--prefix"]).arg(folder).arg(spec);
    said(&mut npm).map(drop)
}

/// What a program that succeeds writes on its standard output.
pub(crate) fn said(command: &mut Command) -> Result<String, BenchError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(std::process::Stdio::null()).output();
    let output = output.map_err(|error| BenchError::program(&program, &error))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(BenchError::program(program, &format!("{}: {}", output.status, errors.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
