//! The least that an install can be: a client that knows beforehand what it wants, and does nothing that a result does not need.
//!
//! `scripts/bench --managers utoo,bun,floor` runs it as one more manager, against the same server on the same cores, so that
//! each table can say how far down a phase can go on the machine it was made on. What it does in each phase:
//!
//! * p0: p1 and p3 without waiting for one another;
//! * p1: asks for each document of the lockfile, inflates and parses it (simd-json's tape), and copies the lockfile;
//! * p3: asks for each tarball, hashes and inflates it, writes each file once, and links it to each of its places;
//! * p4: links from an index what p3 has stored;
//! * p2 and p5: copies the lockfile, or nothing.
//!
//! It resolves nothing, persists no document, retries nothing, trusts every name in an archive, renames nothing into place,
//! writes no hidden lockfile and links no command: nobody could use it. Requests go over plain blocking sockets, one thread for
//! each core, and the answer that comes first in turn is read first: no runtime, no wake-ups.

mod http;
mod plan;
mod store;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use libdeflater::Decompressor;
use utoo_types::Integrity;

use crate::phases::Work;
use http::Connections;
use plan::Plan;
use store::{Files, Store};

/// Bytes of tarballs that a thread hashes together, as utoo does.
const TOGETHER: usize = 2 << 20;

/// Why an install ended early.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// One install.
#[derive(Clone, Debug)]
pub struct Floor {
    /// `http://<address>`.
    pub registry: String,
    /// The package-lock.json that says what is wanted.
    pub lock: PathBuf,
    /// Where the project is.
    pub project: PathBuf,
    /// Kept from one install to the next.
    pub store: PathBuf,
    /// Connections of each thread.
    pub connections: usize,
    /// Requests under way on each of them.
    pub depth: usize,
}

/// What is asked for.
#[derive(Clone, Copy)]
enum Piece<'a> {
    Document(&'a str),
    Tarball(usize),
}

impl Floor {
    /// Does the work of a phase: which one it is, is told as by any manager, by what is there.
    ///
    /// # Errors
    /// At the first thing that fails.
    pub fn run(&self, work: Work) -> Result<(), Error> {
        let project = &*self.project;
        let own = project.join("package-lock.json");
        let text = fs::read(&self.lock)?;
        let plan = Plan::read(&text)?;
        let resolved = own.exists();
        let warm = self.store.join(store::INDEX).exists();
        if work == Work::Install && warm {
            let done = project.join("node_modules").exists();
            return if done { Ok(()) } else { Store::open(&self.store)?.link_all(&plan, project) };
        }
        let mut pieces = Vec::new();
        if !resolved && !warm {
            pieces.extend(plan.documents.iter().map(|path| Piece::Document(path)));
        }
        if work == Work::Install {
            pieces.extend((0..plan.packages.len()).map(Piece::Tarball));
            fs::create_dir_all(&self.store)?;
        }
        self.fetch(&plan, &pieces, project)?;
        if !resolved {
            utoo_fs::write_atomic(own, &text)?;
        }
        Ok(())
    }

    fn fetch(&self, plan: &Plan<'_>, pieces: &[Piece<'_>], project: &Path) -> Result<(), Error> {
        let paths: Vec<&str> = pieces
            .iter()
            .map(|piece| match *piece {
                Piece::Document(path) => path,
                Piece::Tarball(at) => plan.packages[at].url,
            })
            .collect();
        let (next, folders) = (AtomicUsize::new(0), OnceLock::new());
        let stored: Mutex<Vec<(usize, Files)>> = Mutex::default();
        let thread = || -> Result<(), Error> {
            let store = Store::open(&self.store)?;
            let mut own = Vec::new();
            let mut worker = Worker {
                plan,
                project,
                folders: &folders,
                store: &store,
                stored: &mut own,
                archive: Vec::new(),
            };
            let take = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < paths.len());
            let mut connections =
                Connections::open(&self.registry, self.connections, self.depth, &paths, &take)?;
            let (mut waiting, mut bytes) = (Vec::new(), 0);
            while let Some((at, body)) = connections.receive(&take)? {
                match pieces[at] {
                    Piece::Document(_) => worker.document(&body)?,
                    Piece::Tarball(at) => {
                        bytes += body.len();
                        waiting.push((at, body));
                    }
                }
                if bytes > TOGETHER {
                    worker.tarballs(&waiting)?;
                    waiting.clear();
                    bytes = 0;
                }
            }
            worker.tarballs(&waiting)?;
            stored.lock().map_err(|_| "a thread panicked")?.append(&mut own);
            Ok(())
        };
        std::thread::scope(|scope| -> Result<(), Error> {
            let threads: Vec<_> = (0..threads()).map(|_| scope.spawn(thread)).collect();
            let made = plan.make_folders(project);
            folders.get_or_init(|| made.is_ok());
            threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?)?;
            made
        })?;
        let stored = stored.into_inner().map_err(|_| "a thread panicked")?;
        if stored.is_empty() { Ok(()) } else { store::write_index(&self.store, stored, plan.packages.len()) }
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// What one thread works with.
struct Worker<'a> {
    plan: &'a Plan<'a>,
    project: &'a Path,
    /// Set when the places of packages are there.
    folders: &'a OnceLock<bool>,
    store: &'a Store,
    stored: &'a mut Vec<(usize, Files)>,
    /// The memory of the last inflated archive or document.
    archive: Vec<u8>,
}

impl Worker<'_> {
    fn document(&mut self, body: &[u8]) -> Result<(), Error> {
        if body.starts_with(&[0x1f, 0x8b]) {
            self.inflate(body)?;
        } else {
            self.archive.clear();
            self.archive.extend_from_slice(body);
        }
        std::hint::black_box(simd_json::to_tape(&mut self.archive)?);
        Ok(())
    }

    fn tarballs(&mut self, tarballs: &[(usize, Vec<u8>)]) -> Result<(), Error> {
        let bodies: Vec<&[u8]> = tarballs.iter().map(|(_, body)| &**body).collect();
        let digests = Integrity::sha512_of_each(&bodies);
        for ((at, body), digest) in tarballs.iter().zip(digests) {
            let package = &self.plan.packages[*at];
            if !package.integrity.matches(&digest) {
                return Err(format!("{} is not what the lockfile names", package.url).into());
            }
            self.inflate(body)?;
            let files = self.store.fill(*at, &self.archive)?;
            if !self.folders.wait() {
                return Err("the places of packages could not be made".into());
            }
            self.store.link(*at, &files, &package.places, self.project)?;
            self.stored.push((*at, files));
        }
        Ok(())
    }

    fn inflate(&mut self, body: &[u8]) -> Result<(), Error> {
        let size = body.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size) as usize);
        self.archive.resize(size, 0);
        Decompressor::new().gzip_decompress(body, &mut self.archive)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
