//! The install itself: the stages in their order, and what passes between them.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;
use tokio::sync::oneshot;
use tracing::{Instrument as _, debug_span};
use utoo_fs::{Dir, LinkMode};
use utoo_lockfile::{Entry, Lockfile};
use utoo_types::{Manifest, Omit};

use crate::ahead::{Ahead, Guesses};
use crate::events::{EventSink, InstallEvent, InstallSummary, Stage};
use crate::fetch::{Downloads, Limits};
use crate::lifecycle::RootScripts;
use crate::linked::list::Behind;
use crate::linked::{self, Layout};
use crate::lock::ModulesLock;
use crate::make::{Job, Made};
use crate::plan::{Action, Plan, Shape, Step, plan};
use crate::policy::Policy;
use crate::ran::Ran;
use crate::scripts::{ScriptOutput, ScriptRunner};
use crate::select::{Fitness, Scope, Selection, base_of, bundled, bundlers, select};
use crate::source::{PackageRequest, TarballSource};
use crate::store::{Store, StoredPackage};
use crate::{InstallError, Result, bins, disk, gate, make, place, record, state, without};

mod run;

/// What an [`Installer`] works on and with.
#[derive(Clone)]
pub struct InstallerOptions {
    /// The project's root, absolute: where package.json and `node_modules` are.
    pub project: PathBuf,
    /// The content store.
    pub store: Store,
    /// How files come from the store to `node_modules`.
    pub link_mode: LinkMode,
    /// The machine, node and npm that the packages are for.
    pub fitness: Fitness,
    /// What is left out.
    pub omit: Omit,
    /// Whether commands are linked.
    pub bin_links: BinLinks,
    /// Runs lifecycle scripts; `None` for `--ignore-scripts`.
    pub scripts: Option<ScriptRunner>,
    /// Where the output of the project's own lifecycle scripts goes.
    pub script_output: ScriptOutput,
    /// Where the output of dependencies' scripts goes; one at a time where that is the terminal.
    pub dependency_output: ScriptOutput,
    /// How long one lifecycle script may take.
    pub script_timeout: Option<Duration>,
    /// Decides on what packages may do.
    pub policy: Arc<Policy>,
    /// How much may be under way at once.
    pub limits: Limits,
    /// Which entries the hidden lockfile lists without `resolved` (`omit-lockfile-registry-resolved`); none if nothing is
    /// given.
    pub unaddressed: Option<EntryFilter>,
    /// Hears what happens.
    pub events: EventSink,
}

impl InstallerOptions {
    /// The defaults, for a project and a store.
    pub fn new(project: impl Into<PathBuf>, store: Store) -> Self {
        Self {
            project: project.into(),
            store,
            link_mode: LinkMode::default(),
            fitness: Fitness::default(),
            omit: Omit::default(),
            bin_links: BinLinks::default(),
            scripts: None,
            script_output: ScriptOutput::Capture,
            dependency_output: ScriptOutput::Capture,
            script_timeout: None,
            policy: Arc::default(),
            limits: Limits::default(),
            unaddressed: None,
            events: Arc::new(|_| {}),
        }
    }
}

/// Says of entries of a lockfile, by location, whether something holds for them.
pub type EntryFilter = Arc<dyn Fn(&str, &Entry) -> bool + Send + Sync>;

/// Whether commands are linked into `node_modules/.bin` (`bin-links`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BinLinks {
    /// They are.
    #[default]
    Make,
    /// They are not, and those that are there stay.
    Skip,
}

/// One install.
#[derive(Debug)]
pub struct InstallRequest {
    /// The ideal tree. It comes back as [`Installed::tree`]. Its name, version, further fields and layout are those that the
    /// hidden lockfile gets.
    pub tree: Lockfile,
    /// Optional packages of the tree that cannot be here, as far as is known: [`InstallerOptions::fitness`] finds those
    /// that do not run here, but not those that could not be had.
    pub inert: FxHashSet<Arc<str>>,
    /// Which part of the tree it is about.
    pub scope: Scope,
    /// Which entries may be completed from what the packages say about themselves.
    pub completion: Completion,
    /// Locations of the workspaces, whose scripts run.
    pub workspaces: Vec<Arc<str>>,
    /// Which scripts of the project run.
    pub root_scripts: RootScripts,
    /// Which packages run their install scripts again.
    pub rebuild: Rebuild,
    /// Where the packages of the tree go.
    pub layout: Layout,
}

/// Which installed packages run their install scripts again, where the policy lets them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Rebuild {
    /// Those that have not run them yet.
    #[default]
    Pending,
    /// These locations too.
    Also(FxHashSet<Arc<str>>),
}

impl InstallRequest {
    /// A request for this tree, as `utoo ci` makes it: nothing is completed.
    pub fn new(tree: Lockfile) -> Self {
        Self {
            tree,
            inert: FxHashSet::default(),
            scope: Scope::All,
            completion: Completion::None,
            workspaces: Vec::new(),
            root_scripts: RootScripts::default(),
            rebuild: Rebuild::default(),
            layout: Layout::default(),
        }
    }
}

/// A tree that stands, and whose scripts have not run. The project stays locked as long as it lives.
pub struct Built {
    summary: InstallSummary,
    /// Where it is another one than the job's.
    completed: Option<Lockfile>,
    /// The ideal tree behind a linked one, where it is another one than the job's.
    completed_ideal: Option<Lockfile>,
    folders: Vec<PathBuf>,
    job: Arc<Job>,
    made: Made,
    rest: RestOfRequest,
}

impl Built {
    /// The tree as installed, completed as the request said.
    pub fn tree(&self) -> &Lockfile {
        match &self.job.behind {
            Some(behind) => self.completed_ideal.as_ref().unwrap_or(&behind.tree),
            None => self.completed.as_ref().unwrap_or(&self.job.tree),
        }
    }

    /// What was made, kept and removed; the scripts are not in it yet.
    pub fn summary(&self) -> &InstallSummary {
        &self.summary
    }
}

/// Which entries of the tree get from the unpacked package what they lack. npm reads full metadata and learns from a
/// tarball one thing only, that a binding.gyp implies an install script; abbreviated metadata lacks the `license` too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// None: the lockfile is not to change.
    None,
    /// All that are made or kept.
    All,
    /// Those at these locations, the ones that were resolved afresh: npm leaves entries of the lockfile as they are, and
    /// adds to them nothing but the install script.
    Only(FxHashSet<Arc<str>>),
}

impl Completion {
    /// Whether the entry takes what its metadata may have lacked.
    pub(crate) fn covers(&self, location: &Arc<str>) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Only(locations) => locations.contains(location),
        }
    }
}

/// What an install gives back.
#[derive(Debug)]
pub struct Installed {
    /// What was done.
    pub summary: InstallSummary,
    /// The tree, completed: what package-lock.json should say.
    pub tree: Lockfile,
    /// The `node_modules` folders and their scopes, relative to the project: for [`crate::StateInputs::folders`].
    pub folders: Vec<PathBuf>,
}

/// Fills the `node_modules` of one project. To be used within a tokio runtime, of either kind.
pub struct Installer<S> {
    options: Arc<InstallerOptions>,
    downloads: Arc<Downloads<S>>,
    /// What was begun before the plan.
    ahead: Mutex<Option<Ahead>>,
}

impl<S: TarballSource> Installer<S> {
    /// An installer that gets its tarballs from `source`.
    pub fn new(options: InstallerOptions, source: Arc<S>) -> Self {
        let downloads = Downloads::new(source, options.store.clone(), options.limits, options.events.clone());
        Self { options: Arc::new(options), downloads: Arc::new(downloads), ahead: Mutex::default() }
    }

    /// Starts to fetch and unpack a package that the tree will very likely hold, unless the store has it. Returns at
    /// once; errors show when the package is installed. Not for packages that do not run on this machine.
    pub fn prefetch(&self, request: PackageRequest) {
        drop(self.downloads.start(request));
    }

    /// [`Installer::prefetch`] for a version that was just chosen: not if its manifest says that it does not run here.
    pub fn prefetch_chosen(&self, manifest: &Manifest, request: PackageRequest) {
        if self.options.fitness.platforms.chosen.check(&manifest.platform_lists()).is_ok() {
            self.prefetch(request);
        }
    }

    /// Begins with what a lockfile lists, before it is known whether the tree will be that: where nothing is installed yet,
    /// its packages are made beside their places, or begin to download. Returns at once; [`Installer::build`] takes over
    /// what its own tree has, and nothing is to be seen of the rest. To be called at most once.
    pub fn begin(&self, lock: Arc<Lockfile>) {
        let ahead = Ahead::begin(self.options.clone(), lock, self.downloads.clone());
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Some(ahead);
    }

    /// Fetches and unpacks a package, unless the store has it: for whoever has to look into it before the tree stands.
    /// The download is the same one that [`Installer::prefetch`] and [`Installer::install`] wait for.
    ///
    /// # Errors
    ///
    /// [`InstallError`], as for an install.
    pub async fn obtain(&self, request: PackageRequest) -> Result<StoredPackage> {
        self.downloads.start(request).await.map(|obtained| obtained.stored)
    }

    /// Makes `node_modules` what the tree says.
    ///
    /// # Errors
    ///
    /// [`InstallError`]. Whatever the error, each package's folder is then absent or whole, and the next install goes on
    /// from there.
    pub async fn install(&self, request: InstallRequest) -> Result<Installed> {
        let built = self.build(request).await?;
        self.run_scripts(built).await
    }

    /// [`Installer::install`] up to the scripts, so that the caller can write package.json and the lockfile before
    /// somebody's script gets the chance to fail.
    ///
    /// # Errors
    ///
    /// As [`Installer::install`].
    pub async fn build(&self, request: InstallRequest) -> Result<Built> {
        let started = Instant::now();
        let options = self.options.clone();
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner).take();
        let prepared = blocking(move || {
            let _span = debug_span!("plan").entered();
            let mut ahead = ahead;
            let lock = match ahead.as_mut().and_then(Ahead::ground) {
                Some(ground) => ground.lock,
                None => {
                    let lock = Prepared::lock(&options)?;
                    place::sweep(&Dir::open(&options.project)?, &request.tree)?;
                    lock
                }
            };
            Prepared::new(&options, request, (lock, ahead))
        });
        let Prepared { job, request, ended } = prepared.await?;
        self.stage_done(Stage::Plan, started);
        left_alone(ended, self.carry_out(Arc::new(job), request)).await
    }

    async fn carry_out(&self, job: Arc<Job>, request: RestOfRequest) -> Result<Built> {
        let started = Instant::now();
        let mut made = make::make_all(&job, &self.downloads).instrument(debug_span!("fill")).await?;
        self.stage_done(Stage::Link, started);
        let options = self.options.clone();
        let finished = blocking(move || {
            let (mut job, mut rest) = (job, request);
            if !made.unobtainable.is_empty() {
                without::narrow(&options, &mut job, &made, &mut rest)?;
            }
            let completed = finish(&options, &job, &mut made, &rest)?;
            let folders = record::folders(&job.selection);
            Ok((completed, folders, job, made, rest))
        });
        let ((completed, completed_ideal), folders, job, made, rest) = finished.await?;
        let summary = self.summary(&job, &made);
        Ok(Built { summary, completed, completed_ideal, folders, job, made, rest })
    }

    /// Takes away all that is in `node_modules`, for an install from scratch. Each package goes at once: it is renamed away
    /// before anything of it is removed, and what lists it before that.
    ///
    /// # Errors
    ///
    /// [`InstallError`]; each package is then there or not, and the next install goes on from there.
    pub async fn clear(&self) -> Result<()> {
        let options = self.options.clone();
        let clear = move || {
            let lock = Prepared::lock(&options)?;
            let project = Dir::open(&options.project)?;
            state::forget_state(&options.project)?;
            project.remove_file(disk::HIDDEN_LOCKFILE)?;
            place::clear(&project)?;
            drop(lock);
            Ok(())
        };
        blocking(clear).await
    }

    fn summary(&self, job: &Job, made: &Made) -> InstallSummary {
        // A package of a linked tree is in its store once; the links to it are no packages.
        let counts = |step: &&Step| match &step.shape {
            Shape::Link(text) => !linked::is_of_store(&step.location, text),
            _ => true,
        };
        let count = |action| job.plan.with(action).filter(counts).count();
        InstallSummary {
            added: count(Action::Add),
            changed: count(Action::Change),
            removed: count(Action::Remove),
            kept: count(Action::Keep),
            from_cache: made.from_cache,
            downloaded: made.downloaded,
            downloaded_bytes: self.downloads.bytes(),
            left_out: job.selection.left_out.len() + job.left_out_before,
            failed_optional: made.unobtainable.iter().map(|one| one.told(&job.tree)).collect(),
            ..InstallSummary::default()
        }
    }

    fn stage_done(&self, stage: Stage, started: Instant) {
        let took = started.elapsed();
        tracing::debug!(?stage, ?took, "stage done");
        (self.options.events)(InstallEvent::StageDone { stage, took });
    }
}

impl<S> Drop for Installer<S> {
    /// Downloads that nobody waits for any more (a failed install, a prefetch too many) leave nothing half-made.
    fn drop(&mut self) {
        drop(self.ahead.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        self.downloads.close();
    }
}

/// What of a request is needed after the tree was taken out of it.
pub(crate) struct RestOfRequest {
    pub(crate) inert: FxHashSet<Arc<str>>,
    pub(crate) scope: Scope,
    pub(crate) completion: Completion,
    workspaces: Vec<Arc<str>>,
    root_scripts: RootScripts,
}

struct Prepared {
    job: Job,
    request: RestOfRequest,
    /// Ends when nobody works on the job any more, and its staging folders are gone; nothing is ever sent.
    ended: oneshot::Receiver<()>,
}

impl Prepared {
    /// Waits until nobody else works in the project, and tidies up after those who died in it.
    fn lock(options: &InstallerOptions) -> Result<Arc<ModulesLock>> {
        let project = Dir::open(&options.project)?;
        remove_false_modules(&project)?;
        let lock = ModulesLock::acquire(&project, &|| (options.events)(InstallEvent::WaitingForLock))?;
        options.store.sweep();
        Ok(Arc::new(lock))
    }

    /// Looks and plans.
    fn new(
        options: &InstallerOptions,
        request: InstallRequest,
        (lock, ahead): (Arc<ModulesLock>, Option<Ahead>),
    ) -> Result<Self> {
        let project = Dir::open(&options.project)?;
        sweep_temporary(options, &request.workspaces);
        let placed = Placed::new(options, request)?;
        let Placed { request, mut selection, scope, behind, left_out_before } = placed;
        let InstallRequest { tree, inert, completion, workspaces, root_scripts, rebuild, .. } = request;
        let is_linked = behind.is_some() || linked::is_laid_out(&tree);
        // Before it is looked into: what is found there is there only as long as it is.
        let seen = disk::if_there(project.open_dir("node_modules"))?;
        let mut disk = disk::read(&project, &tree, is_linked)?;
        selection.limit(&scope, &tree, &disk.hidden);
        let mut ran = Ran::read(&project);
        let mut allowed = FxHashSet::default();
        if options.scripts.is_some() {
            gate::refuse_unreviewed(&options.policy, &tree, &selection)?;
            allowed = gate::allowed(&options.policy, &tree, &selection);
            gate::distrust_unbuilt(&mut disk, &tree, &allowed, &ran, &rebuild);
        }
        let link_text = |location: &str, target: &str| link_text(&options.project, location, target);
        let plan = plan(&tree, &selection, &disk, &link_text);
        let to_make = plan.with(Action::Add).count() + plan.with(Action::Change).count();
        let to_remove = plan.with(Action::Remove).count();
        (options.events)(InstallEvent::Planned { to_make, to_remove });
        if !plan.is_empty() {
            state::forget_state(&options.project)?;
            record::disown(&project, &options.project, &disk, &plan)?;
            forget_scripts(&project, &options.project, &plan, &mut ran)?;
            remove_obstacles(&project, &plan)?;
        }
        let bundled = bundled(&bundlers(&tree), &selection);
        let (places, ahead) = open_places(&project, options, (&tree, &plan), ahead)?;
        let (link_mode, events) = (options.link_mode, options.events.clone());
        let (end, ended) = oneshot::channel();
        let job = Job {
            project,
            seen,
            tree,
            selection,
            disk,
            plan,
            places,
            allowed,
            policy: options.policy.clone(),
            ran,
            link_mode,
            events,
            bundled,
            ahead,
            behind,
            left_out_before,
            lock,
            _end: end,
        };
        let request = RestOfRequest { inert, scope, completion, workspaces, root_scripts };
        Ok(Self { job, request, ended })
    }
}

/// A request whose tree is one of places on disk.
struct Placed {
    request: InstallRequest,
    selection: Selection,
    scope: Scope,
    behind: Option<Behind>,
    /// How many packages of the ideal tree a linked one lacks.
    left_out_before: usize,
}

impl Placed {
    fn new(options: &InstallerOptions, mut request: InstallRequest) -> Result<Self> {
        let selection = select(&request.tree, options.omit, &options.fitness, &request.inert)?;
        let layout = std::mem::take(&mut request.layout);
        let scope = std::mem::take(&mut request.scope);
        let Layout::Linked(linked) = layout else {
            return Ok(Self { request, selection, scope, behind: None, left_out_before: 0 });
        };
        let _span = debug_span!("lay out").entered();
        let laid = linked::lay_out(&linked::Plan {
            project: &options.project,
            tree: &request.tree,
            selection: &selection,
            inert: &request.inert,
            omit: options.omit,
            linked: &linked,
        })?;
        let scope = laid.scope(&scope, &request.tree);
        // What cannot be here has no place any more.
        request.inert = FxHashSet::default();
        let tree = std::mem::replace(&mut request.tree, laid.tree);
        let behind = Some(Behind { tree, origins: laid.origins, fresh: linked.fresh });
        let left_out_before = selection.left_out.len();
        Ok(Self { request, selection: laid.selection, scope, behind, left_out_before })
    }
}

/// Does the work; after an error, waits until its threads are done with other packages, too: whoever hears of it finds
/// the project left alone.
async fn left_alone<T>(ended: oneshot::Receiver<()>, work: impl Future<Output = Result<T>>) -> Result<T> {
    let result = work.await;
    if result.is_err() {
        let _ = ended.await;
    }
    result
}

/// Before anything is made anew: its scripts have not run then.
pub(crate) fn forget_scripts(project: &Dir, folder: &Path, plan: &Plan, ran: &mut Ran) -> Result<()> {
    let changing: FxHashSet<&str> =
        plan.steps.iter().filter(|step| step.action != Action::Keep).map(|step| &*step.location).collect();
    match ran.retain(|location| !changing.contains(location)) {
        true => ran.write(project, folder),
        false => Ok(()),
    }
}

/// Removes what a killed process was about to put in the place of package.json, a lockfile, or a file of `node_modules`.
fn sweep_temporary(options: &InstallerOptions, workspaces: &[Arc<str>]) {
    utoo_fs::sweep_temporary(&options.project);
    utoo_fs::sweep_temporary(options.project.join("node_modules"));
    for location in workspaces.iter().filter(|location| utoo_fs::check_relative(location).is_ok()) {
        utoo_fs::sweep_temporary(options.project.join(&**location));
    }
}

/// A `node_modules` that is no folder, be it a link to one, is removed; what a link leads to is not touched.
fn remove_false_modules(project: &Dir) -> Result<()> {
    match project.kind("node_modules")? {
        None | Some(utoo_fs::EntryKind::Directory) => Ok(()),
        Some(_) => {
            project.remove_file("node_modules")?;
            Ok(())
        }
    }
}

fn remove_obstacles(project: &Dir, plan: &Plan) -> Result<()> {
    for obstacle in &plan.obstacles {
        let base = base_of(obstacle.strip_suffix("/node_modules").unwrap_or(obstacle));
        let folder = disk::open_base(project, base)?;
        let below = obstacle.strip_prefix(base).unwrap_or(obstacle).trim_start_matches('/');
        folder.remove_file(below)?;
    }
    Ok(())
}

/// Opens the places of the bases in which something changes, or may have to go because an optional package cannot be had,
/// unless that was done ahead; and ends what was begun ahead.
fn open_places(
    project: &Dir,
    options: &InstallerOptions,
    (tree, plan): (&Lockfile, &Plan),
    ahead: Option<Ahead>,
) -> Result<(Arc<place::Places>, Guesses)> {
    let is_optional = |step: &Step| tree.get(&step.location).is_some_and(|entry| entry.optional);
    let changes = |step: &Step| step.action != Action::Keep;
    let unsure = plan.steps.iter().any(|step| changes(step) && is_optional(step));
    let touched = plan.steps.iter().filter(|step| changes(step) || (unsure && is_optional(step)));
    let bases = crate::plan::bases(touched.map(|step| &*step.location));
    if let Some(mut ahead) = ahead {
        let ground = ahead.ground();
        let guesses = ahead.finish();
        if let Some(ground) = ground.filter(|ground| ground.places.serve(&bases)) {
            return Ok((ground.places, guesses));
        }
    }
    let memory = utoo_fs::LinkMemory::new();
    let places = place::Places::open(project, bases.into_iter(), &options.store, &memory)?;
    Ok((Arc::new(places), Guesses::default()))
}

/// The text of the link at a location to a target, both relative to the project: the shortest way from the one to the
/// other.
fn link_text(project: &Path, location: &str, target: &str) -> String {
    let from = normalized(&project.join(location));
    let to = normalized(&project.join(target));
    let from = from.parent().unwrap_or(Path::new("/"));
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| Path::new(".."));
    let down = to.components().skip(shared);
    let text: PathBuf = up.map(Path::to_owned).chain(down.map(|part| Path::new(&part).to_owned())).collect();
    text.to_string_lossy().into_owned()
}

/// A path without `.` and `..`, by its text.
pub(crate) fn normalized(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for component in path.components() {
        match component {
            std::path::Component::ParentDir => drop(whole.pop()),
            std::path::Component::CurDir => {}
            part => whole.push(part),
        }
    }
    whole
}

/// The tree of places and the ideal tree behind it, each where it is another one than the job's.
type Completed = (Option<Lockfile>, Option<Lockfile>);

/// Moves things into place, links commands and writes the hidden lockfile.
fn finish(
    options: &InstallerOptions,
    job: &Job,
    made: &mut Made,
    request: &RestOfRequest,
) -> Result<Completed> {
    let mark = |stage, started: Instant| {
        (options.events)(InstallEvent::StageDone { stage, took: started.elapsed() });
    };
    let tree = record::completed(job, made, &request.completion);
    // What is to be written does not depend on the moves and links: the other core prints it meanwhile.
    let (linked, hidden) = rayon::join(
        || {
            let started = Instant::now();
            debug_span!("publish").in_scope(|| make::publish_all(job, made))?;
            mark(Stage::Publish, started);
            let started = Instant::now();
            debug_span!("commands").in_scope(|| link_commands(options, job, made, &tree))?;
            mark(Stage::Bins, started);
            Ok::<(), InstallError>(())
        },
        || {
            debug_span!("print the hidden lockfile")
                .in_scope(|| record::hidden_text(job, &tree, options.unaddressed.as_ref()))
        },
    );
    linked?;
    check_modules(job)?;
    let started = Instant::now();
    debug_span!("write the hidden lockfile")
        .in_scope(|| record::write_hidden(&options.project, job, hidden))?;
    mark(Stage::Record, started);
    let ideal = job.behind.as_ref().and_then(|behind| behind.completed(&tree, &request.completion));
    let completed = match tree {
        Cow::Owned(completed) => Some(completed),
        Cow::Borrowed(_) => None,
    };
    Ok((completed, ideal))
}

/// Whether every `node_modules` is still the one that was looked into, and the one in which things were placed: somebody may
/// have removed it meanwhile, and what is about to be recorded is not there then.
///
/// # Errors
///
/// `ENOENT`, with the path of one that is gone.
fn check_modules(job: &Job) -> Result<()> {
    let seen = job.seen.iter().map(|modules| (&job.project, modules));
    for (folder, modules) in seen.chain(job.places.modules()) {
        if !modules.is_named(folder, "node_modules")? {
            let gone = std::io::Error::new(std::io::ErrorKind::NotFound, "it was removed meanwhile");
            return Err(InstallError::io("fill", modules.path(), gone));
        }
    }
    Ok(())
}

/// Links the commands of what is there now, and removes the folders that removals left empty.
fn link_commands(options: &InstallerOptions, job: &Job, made: &Made, tree: &Lockfile) -> Result<()> {
    if options.bin_links == BinLinks::Make {
        let commands = record::commands(job, made, tree, &options.project);
        bins::link_bins(&job.project, commands, &record::touched(&job.plan, &job.disk))?;
    }
    let removed = job.plan.steps.iter().filter(|step| !step.action.leaves_something());
    let removed = removed.map(|step| &step.location);
    let removed: Vec<_> = removed.chain(&job.disk.emptied).cloned().collect();
    place::remove_empty_folders(&job.project, &removed)
}

/// Runs what blocks (files, locks) on tokio's threads for that.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.unwrap_or_else(|_| Err(InstallError::Cancelled { package: "the project".to_owned() }))
}
