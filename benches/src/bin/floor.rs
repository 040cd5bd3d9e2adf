//! What a cold install cannot do without, and how long this machine takes for it: hash and inflate each tarball, write each
//! file once, and link it to wherever the lockfile has it. Nothing else: no request, no reading of archives' headers
//! (where files lie in them is found out before), no checks, no index, no moving into place.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use libdeflater::Decompressor;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, mkdirat, openat};
use rustix::io::write;
use serde_json::Value;
use utoo_types::Integrity;

/// Measures the least work of a cold install.
#[derive(Parser)]
struct Cli {
    /// The recording: `.cache/bench/snapshots/<workload>`.
    storage: PathBuf,
    /// The package-lock.json of an install from it.
    lock: PathBuf,
    /// Where files are made; a new folder in there is removed at the end.
    #[arg(long, default_value = "/dev/shm")]
    dir: PathBuf,
    /// How often all is measured; the median of each step counts.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// A package of the lockfile.
struct Package {
    tarball: Vec<u8>,
    inflated: usize,
    folders: Vec<String>,
    /// Where each file is in the inflated archive.
    files: Vec<(String, usize, usize)>,
    /// How often the lockfile has it.
    copies: usize,
}

const STEPS: [&str; 3] = ["hash", "inflate and write", "link"];

/// Tarballs that are hashed together.
const TOGETHER: usize = 32;

fn main() -> ExitCode {
    utoo_benches::say(run(&Cli::parse()))
}

fn run(cli: &Cli) -> Result<String, Box<dyn Error>> {
    let packages = read(cli)?;
    let mut rounds: Vec<[Duration; 3]> = Vec::new();
    for _ in 0..cli.rounds.max(1) {
        let root = tempfile::tempdir_in(&cli.dir)?;
        let root = root.path();
        let batches = packages.len().div_ceil(TOGETHER);
        rounds.push([
            timed(cli.threads, batches, |at| hash(packages.chunks(TOGETHER).nth(at).unwrap_or_default()))?,
            timed(cli.threads, packages.len(), |at| fill(root, at, &packages[at]))?,
            timed(cli.threads, packages.len(), |at| link(root, at, &packages[at]))?,
        ]);
    }
    let median = |of: &dyn Fn(&[Duration; 3]) -> Duration| {
        let mut all: Vec<Duration> = rounds.iter().map(of).collect();
        all.sort_unstable();
        all[all.len() / 2].as_secs_f64()
    };
    let sum = |of: &dyn Fn(&Package) -> usize| packages.iter().map(of).sum::<usize>();
    let mut text = format!(
        "{} tarballs, {:.1} MB, {} files of {:.1} MB, {} links, {} threads, medians of {}:\n",
        packages.len(),
        sum(&|package| package.tarball.len()) as f64 / 1e6,
        sum(&|package| package.files.len()),
        sum(&|package| package.files.iter().map(|file| file.2).sum()) as f64 / 1e6,
        sum(&|package| package.files.len() * package.copies),
        cli.threads,
        rounds.len(),
    );
    for (at, step) in STEPS.iter().enumerate() {
        text.push_str(&format!("{:8.3} s  {step}\n", median(&|round| round[at])));
    }
    text.push_str(&format!("{:8.3} s  in all", median(&|round| round.iter().sum())));
    Ok(text)
}

/// How long threads take for so many pieces of work, one after the other.
fn timed(
    threads: usize,
    pieces: usize,
    work: impl Fn(usize) -> rustix::io::Result<()> + Sync,
) -> Result<Duration, Box<dyn Error>> {
    let (started, next) = (Instant::now(), AtomicUsize::new(0));
    let thread = || {
        let mine = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        mine.take_while(|piece| *piece < pieces).try_for_each(&work)
    };
    std::thread::scope(|scope| -> Result<(), Box<dyn Error>> {
        let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(thread)).collect();
        threads.into_iter().try_for_each(|thread| Ok(thread.join().map_err(|_| "a thread panicked")??))
    })?;
    Ok(started.elapsed())
}

fn hash(packages: &[Package]) -> rustix::io::Result<()> {
    let tarballs: Vec<&[u8]> = packages.iter().map(|package| &*package.tarball).collect();
    std::hint::black_box(Integrity::sha512_of_each(&tarballs));
    Ok(())
}

fn fill(root: &Path, at: usize, package: &Package) -> rustix::io::Result<()> {
    let archive = inflate(&package.tarball, package.inflated).map_err(|_| rustix::io::Errno::INVAL)?;
    let folder = make(&root.join(format!("store-{at}")), package)?;
    for (path, start, length) in &package.files {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&folder, path.as_str(), flags, Mode::from(0o644))?;
        let mut rest = &archive[*start..*start + *length];
        while !rest.is_empty() {
            rest = &rest[write(&file, rest)?..];
        }
    }
    Ok(())
}

fn link(root: &Path, at: usize, package: &Package) -> rustix::io::Result<()> {
    let source = open(&root.join(format!("store-{at}")))?;
    for copy in 0..package.copies {
        let target = make(&root.join(format!("package-{at}-{copy}")), package)?;
        for (path, ..) in &package.files {
            linkat(&source, path.as_str(), &target, path.as_str(), AtFlags::empty())?;
        }
    }
    Ok(())
}

fn make(path: &Path, package: &Package) -> rustix::io::Result<rustix::fd::OwnedFd> {
    mkdirat(CWD, path, Mode::from(0o755))?;
    let folder = open(path)?;
    for inner in &package.folders {
        mkdirat(&folder, inner.as_str(), Mode::from(0o755))?;
    }
    Ok(folder)
}

fn open(path: &Path) -> rustix::io::Result<rustix::fd::OwnedFd> {
    openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

fn read(cli: &Cli) -> Result<Vec<Package>, Box<dyn Error>> {
    let lock: Value = serde_json::from_slice(&std::fs::read(&cli.lock)?)?;
    let mut copies: std::collections::BTreeMap<PathBuf, usize> = Default::default();
    for entry in lock["packages"].as_object().into_iter().flatten().map(|(_, entry)| entry) {
        let Some((name, file)) = entry["resolved"].as_str().and_then(|url| url.split_once("/-/")) else {
            continue;
        };
        // `https://registry.example/@scope/name`
        let name = name.splitn(4, '/').nth(3).unwrap_or(name).replace('/', "%2f");
        let tarball = cli.storage.join("v1/packages").join(name).join("tarballs").join(file);
        if tarball.is_file() {
            *copies.entry(tarball).or_default() += 1;
        }
    }
    copies.into_iter().map(|(path, copies)| package(&std::fs::read(path)?, copies)).collect()
}

fn package(tarball: &[u8], copies: usize) -> Result<Package, Box<dyn Error>> {
    let size = tarball.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size) as usize);
    let archive = inflate(tarball, size)?;
    let mut files = Vec::new();
    let (mut seen, mut folders) = (BTreeSet::new(), BTreeSet::new());
    for entry in tar::Archive::new(&*archive).entries()? {
        let entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        let Some((_, path)) = path.split_once('/') else { continue };
        if entry.header().entry_type().is_file() && seen.insert(path.to_owned()) {
            folders.extend(path.match_indices('/').map(|(slash, _)| path[..slash].to_owned()));
            files.push((
                path.to_owned(),
                usize::try_from(entry.raw_file_position())?,
                usize::try_from(entry.size())?,
            ));
        }
    }
    Ok(Package {
        tarball: tarball.to_vec(),
        inflated: size,
        folders: folders.into_iter().collect(),
        files,
        copies,
    })
}

fn inflate(tarball: &[u8], size: usize) -> Result<Vec<u8>, libdeflater::DecompressionError> {
    let mut archive = vec![0; size];
    Decompressor::new().gzip_decompress(tarball, &mut archive)?;
    Ok(archive)
}
