//! Before there is a plan: what the lockfile lists is made while the resolver still checks it.
//!
//! Where nothing is installed yet, a lockfile that is there nearly always says what the tree will be; checking it, reading
//! and planning take a sixth of an install from a full store. So its packages are linked into the staging folder as soon
//! as it is read, and those that the store lacks begin to download. When the plan stands, it takes over what it would
//! have made of the same tarball in the same way ([`Guesses::take`]); the rest is removed with the staging folder.
//!
//! A wrong guess costs time and never shows: nothing leaves the staging folder before the plan, an error here is no
//! error (whoever really needs the package meets it again), and where the install ends before its plan, the staging
//! folder goes, and with it a `node_modules` that was not there before.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};
use tokio::runtime::Handle;
use tracing::debug_span;
use utoo_fs::{Dir, EntryKind, LinkMemory, LinkMode};
use utoo_lockfile::Lockfile;

use crate::disk::{HIDDEN_LOCKFILE, open_base};
use crate::facts::PackageFacts;
use crate::fetch::{Downloads, Progress, TaskKey};
use crate::installer::InstallerOptions;
use crate::lock::ModulesLock;
use crate::make::present;
use crate::place::{Places, Staged};
use crate::policy::{Policy, Prepare};
use crate::recipe::{Making, Recipe};
use crate::select::{Selection, bundled, bundlers, select};
use crate::source::{PackageRequest, TarballSource};
use crate::{Result, disk, gate, plan};

/// Work that was begun before the plan. Dropping it ends it, and leaves nothing behind.
pub(crate) struct Ahead {
    stop: Arc<AtomicBool>,
    /// Says what was opened; hung up where nothing could be.
    opened: Receiver<Ground>,
    ground: Option<Ground>,
    guesses: Arc<Mutex<FxHashMap<Arc<str>, Guess>>>,
    /// Hung up when the last thread has ended.
    end: Receiver<()>,
}

/// What an install works on, from its lock to its staging folders.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) lock: Arc<ModulesLock>,
    pub(crate) places: Arc<Places>,
    /// The folders whose `node_modules` was made for this.
    fresh: Arc<[Dir]>,
}

/// What was made before there was a plan, by location.
#[derive(Default)]
pub(crate) struct Guesses(Mutex<FxHashMap<Arc<str>, Guess>>);

/// A package that was made from what the lockfile says of it.
pub(crate) struct Guess {
    request: PackageRequest,
    recipe: Recipe,
    pub(crate) staged: Staged,
    pub(crate) facts: PackageFacts,
}

impl Guesses {
    /// What was made for a location, if the plan wants the same tarball there, and its files made in the same way.
    pub(crate) fn take(
        &self,
        making: &Making<'_>,
        location: &Arc<str>,
        request: &PackageRequest,
    ) -> Option<Guess> {
        let guess = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(location)?;
        let fits = guess.request == *request && guess.recipe == making.recipe(location, &guess.facts);
        fits.then_some(guess)
    }
}

impl Ahead {
    /// Begins, on rayon's threads. To be called within a tokio runtime.
    pub(crate) fn begin<S: TarballSource>(
        options: Arc<InstallerOptions>,
        tree: Arc<Lockfile>,
        downloads: Arc<Downloads<S>>,
    ) -> Self {
        let (stop, guesses) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (opener, opened) = channel();
        let (sender, end) = channel();
        let runtime = Handle::current();
        let shared = (Arc::clone(&stop), Arc::clone(&guesses));
        rayon::spawn(move || {
            let _span = debug_span!("begin ahead").entered();
            let Ok(Some((ground, wanted))) = open(&options, &tree) else { return };
            // Whoever waits for it is there until all of this has ended.
            let _ = opener.send(ground.clone());
            let work = Work {
                link_mode: options.link_mode,
                policy: Arc::clone(&options.policy),
                tree,
                downloads,
                runtime,
                ground,
                wanted,
                next: AtomicUsize::new(0),
                stop: shared.0,
                guesses: shared.1,
                _end: sender,
            };
            work.share();
        });
        Self { stop, opened, ground: None, guesses, end }
    }

    /// What was opened; nothing where an install has to begin by itself. Waits until it is known.
    pub(crate) fn ground(&mut self) -> Option<Ground> {
        if self.ground.is_none() {
            self.ground = self.opened.recv().ok();
        }
        self.ground.clone()
    }

    /// Ends the work, and gives what it made; whoever calls goes on with [`Ahead::ground`].
    pub(crate) fn finish(mut self) -> Guesses {
        self.wait();
        self.ground = None;
        Guesses(Mutex::new(std::mem::take(&mut self.guesses.lock().unwrap_or_else(PoisonError::into_inner))))
    }

    fn wait(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Nobody sends: it is over when all senders are gone.
        let _ = self.end.recv();
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.wait();
        let Some(ground) = self.ground.take().or_else(|| self.opened.try_recv().ok()) else { return };
        let Ground { lock, places, fresh } = ground;
        let Ok(places) = Arc::try_unwrap(places) else { return };
        drop(places);
        remove_modules(&fresh);
        drop(lock);
    }
}

/// What the threads share.
struct Work<S> {
    link_mode: LinkMode,
    policy: Arc<Policy>,
    tree: Arc<Lockfile>,
    downloads: Arc<Downloads<S>>,
    runtime: Handle,
    wanted: Wanted,
    next: AtomicUsize,
    stop: Arc<AtomicBool>,
    guesses: Arc<Mutex<FxHashMap<Arc<str>, Guess>>>,
    ground: Ground,
    /// Dropped behind all the rest.
    _end: Sender<()>,
}

/// Which packages, and what decides how they are made.
struct Wanted {
    locations: Vec<Arc<str>>,
    allowed: FxHashSet<Arc<str>>,
    bundled: FxHashMap<Arc<str>, Vec<Arc<str>>>,
}

/// Most downloads that are begun at once: each time, the thread that runs them is woken.
const AT_ONCE: usize = 32;

/// Downloads that one thread has to begin: the first at once, and then twice as many each time.
#[derive(Default)]
struct Missing {
    requests: Vec<PackageRequest>,
    begun: usize,
}

impl Missing {
    fn is_full(&self) -> bool {
        self.requests.len() > self.begun.min(AT_ONCE - 1)
    }
}

impl<S: TarballSource> Work<S> {
    fn share(self) {
        let shared = Arc::new(self);
        for _ in 1..rayon::current_num_threads() {
            let shared = shared.clone();
            rayon::spawn(move || shared.go());
        }
        shared.go();
    }

    fn go(&self) {
        let mut missing = Missing::default();
        while !self.stop.load(Ordering::Acquire) {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(location) = self.wanted.locations.get(at) else { return self.begin(&mut missing) };
            // What fails here fails again, and is told, where the plan needs it.
            if let Some(guess) = self.make(location, &mut missing) {
                self.guesses.lock().unwrap_or_else(PoisonError::into_inner).insert(location.clone(), guess);
            }
            if missing.is_full() {
                self.begin(&mut missing);
            }
            // The resolver may wait for a document that is to be parsed on this thread.
            rayon::yield_now();
        }
    }

    fn begin(&self, missing: &mut Missing) {
        let requests = std::mem::take(&mut missing.requests);
        if requests.is_empty() {
            return;
        }
        missing.begun += requests.len();
        let downloads = self.downloads.clone();
        self.runtime.spawn(async move {
            for request in requests {
                drop(downloads.start_missing(request));
            }
        });
    }

    fn make(&self, location: &Arc<str>, missing: &mut Missing) -> Option<Guess> {
        let making = Making {
            tree: &self.tree,
            places: &self.ground.places,
            allowed: &self.wanted.allowed,
            bundled: &self.wanted.bundled,
            policy: &self.policy,
            link_mode: self.link_mode,
        };
        let request = making.request(location).ok()?;
        let Some(obtained) = present(&self.downloads, &request) else {
            // Nothing is built on the word of a lockfile that the plan may not keep to.
            if request.prepare != Prepare::Run
                && matches!(self.downloads.progress(&TaskKey::of(&request)), Progress::Unknown)
            {
                missing.requests.push(request);
            }
            return None;
        };
        let _span = debug_span!("link ahead", name = %location).entered();
        let (staged, facts) = making.stage(location, &obtained.stored).ok()?;
        let recipe = making.recipe(location, &facts);
        Some(Guess { request, recipe, staged, facts })
    }
}

/// Opens what an install of this tree would, if nobody else is at work in the project and nothing is installed.
fn open(options: &InstallerOptions, tree: &Lockfile) -> Result<Option<(Ground, Wanted)>> {
    let project = Dir::open(&options.project)?;
    let is_free = match project.kind("node_modules")? {
        None => true,
        Some(EntryKind::Directory) => project.kind(HIDDEN_LOCKFILE)?.is_none(),
        Some(_) => false,
    };
    if !is_free {
        return Ok(None);
    }
    let selection = select(tree, options.omit, &options.fitness, &FxHashSet::default())?;
    let mut allowed = FxHashSet::default();
    if options.scripts.is_some() {
        gate::refuse_unreviewed(&options.policy, tree, &selection)?;
        allowed = gate::allowed(&options.policy, tree, &selection);
    }
    let wanted = wanted(tree, &selection, allowed);
    let bases = plan::bases(selection.wanted.iter().map(|location| &**location));
    let fresh = without_modules(&project, &bases)?;
    let opened = match bases.is_empty() {
        true => Ok(None),
        false => open_places(&project, options, tree, &bases),
    };
    if !matches!(opened, Ok(Some(_))) {
        remove_modules(&fresh);
    }
    let opened = opened?.map(|(lock, places)| Ground { lock, places, fresh: fresh.into() });
    Ok(opened.map(|ground| (ground, wanted)))
}

fn open_places(
    project: &Dir,
    options: &InstallerOptions,
    tree: &Lockfile,
    bases: &BTreeSet<&str>,
) -> Result<Option<(Arc<ModulesLock>, Arc<Places>)>> {
    let Some(lock) = ModulesLock::try_acquire(project)? else { return Ok(None) };
    if !disk::read(project, tree, false)?.is_bare() {
        return Ok(None);
    }
    options.store.sweep();
    let places = Places::open(project, bases.iter().copied(), &options.store, &LinkMemory::new())?;
    Ok(Some((Arc::new(lock), Arc::new(places))))
}

/// Removes the `node_modules` of these folders, but not where anybody has put something into one.
fn remove_modules(fresh: &[Dir]) {
    for folder in fresh {
        let _ = folder.remove_dir("node_modules");
    }
}

/// The folders, of these, that have no `node_modules` so far.
fn without_modules(project: &Dir, bases: &BTreeSet<&str>) -> Result<Vec<Dir>> {
    let mut fresh = Vec::new();
    for base in bases {
        let folder = open_base(project, base)?;
        if folder.kind("node_modules")?.is_none() {
            fresh.push(folder);
        }
    }
    Ok(fresh)
}

fn wanted(tree: &Lockfile, selection: &Selection, allowed: FxHashSet<Arc<str>>) -> Wanted {
    let bundlers = bundlers(tree);
    let is_package =
        |location: &&Arc<str>| !bundlers.contains_key(*location) && !tree.packages[*location].link;
    let mut locations: Vec<_> = selection.wanted.iter().filter(is_package).cloned().collect();
    locations.sort();
    Wanted { locations, allowed, bundled: bundled(&bundlers, selection) }
}
