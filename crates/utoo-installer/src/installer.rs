//! The install itself: the stages in their order, and what passes between them.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rustc_hash::{FxHashMap, FxHashSet};
use utoo_fs::{Dir, LinkMode};
use utoo_lockfile::Lockfile;
use utoo_types::{Manifest, Omit};

use crate::events::{EventSink, InstallEvent, InstallSummary, SkippedScript, Stage};
use crate::fetch::{Downloads, Limits};
use crate::lifecycle::{DenyAll, Lifecycle, RootScripts, ScriptCandidate, ScriptPolicy, Verdict};
use crate::lock::ModulesLock;
use crate::make::{Job, Made};
use crate::plan::{Action, Plan, Shape, plan};
use crate::scripts::{ScriptOutput, ScriptRunner};
use crate::select::{Fitness, Scope, Selection, base_of, is_in_modules, label_of, select};
use crate::source::{PackageRequest, TarballSource};
use crate::store::{Store, StoredPackage};
use crate::{InstallError, Result, bins, disk, make, place, record, state};

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
    /// Where the output of lifecycle scripts goes.
    pub script_output: ScriptOutput,
    /// Decides on scripts of dependencies.
    pub script_policy: Arc<dyn ScriptPolicy>,
    /// How much may be under way at once.
    pub limits: Limits,
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
            script_policy: Arc::new(DenyAll),
            limits: Limits::default(),
            events: Arc::new(|_| {}),
        }
    }
}

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
        }
    }
}

/// A tree that stands, and whose scripts have not run. The project stays locked as long as it lives.
pub struct Built {
    summary: InstallSummary,
    /// Where it is another one than the job's.
    completed: Option<Lockfile>,
    folders: Vec<PathBuf>,
    job: Arc<Job>,
    rest: RestOfRequest,
}

impl Built {
    /// The tree as installed, completed as the request said.
    pub fn tree(&self) -> &Lockfile {
        self.completed.as_ref().unwrap_or(&self.job.tree)
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
}

impl<S: TarballSource> Installer<S> {
    /// An installer that gets its tarballs from `source`.
    pub fn new(options: InstallerOptions, source: Arc<S>) -> Self {
        let downloads = Downloads::new(source, options.store.clone(), options.limits, options.events.clone());
        Self { options: Arc::new(options), downloads: Arc::new(downloads) }
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
        let prepared = blocking(move || Prepared::new(&options, request)).await?;
        self.stage_done(Stage::Plan, started);
        let started = Instant::now();
        let job = Arc::new(prepared.job);
        let mut made = make::make_all(&job, &self.downloads).await?;
        self.stage_done(Stage::Link, started);
        let (options, worked) = (self.options.clone(), job.clone());
        let finished = blocking(move || {
            finish(&options, &worked, &mut made, &prepared.request)
                .map(|(completed, folders)| (completed, folders, made, prepared.request))
        });
        let (completed, folders, made, rest) = finished.await?;
        let summary = self.summary(&job, &made);
        Ok(Built { summary, completed, folders, job, rest })
    }

    /// Runs the scripts of what was built.
    ///
    /// # Errors
    ///
    /// [`InstallError`] when one fails; `node_modules` is whole all the same.
    pub async fn run_scripts(&self, built: Built) -> Result<Installed> {
        let Built { mut summary, completed, folders, job, rest } = built;
        let tree = completed.as_ref().unwrap_or(&job.tree);
        summary.scripts_run = self.run_all_scripts(&job, tree, &rest, &mut summary).await?;
        // Nobody else works on the job any more, so that its tree is taken and not copied.
        let taken = |job: Arc<Job>| Arc::try_unwrap(job).map_or_else(|job| job.tree.clone(), |job| job.tree);
        let tree = completed.unwrap_or_else(|| taken(job));
        Ok(Installed { summary, tree, folders })
    }

    fn summary(&self, job: &Job, made: &Made) -> InstallSummary {
        let count = |action| job.plan.with(action).count();
        InstallSummary {
            added: count(Action::Add),
            changed: count(Action::Change),
            removed: count(Action::Remove),
            kept: count(Action::Keep),
            from_cache: made.from_cache,
            downloaded: made.downloaded,
            downloaded_bytes: self.downloads.bytes(),
            left_out: job.selection.left_out.len(),
            scripts_skipped: Vec::new(),
            scripts_run: 0,
        }
    }

    async fn run_all_scripts(
        &self,
        job: &Job,
        tree: &Lockfile,
        request: &RestOfRequest,
        summary: &mut InstallSummary,
    ) -> Result<usize> {
        let started = Instant::now();
        let mut allowed = Vec::new();
        for step in job.plan.steps.iter().filter(|step| matches!(step.action, Action::Add | Action::Change)) {
            let Some(entry) = tree.get(&step.location).filter(|entry| entry.has_install_script) else {
                continue;
            };
            if job.allowed.contains(&step.location) {
                allowed.push(self.options.project.join(&*step.location));
            } else {
                let package = label_of(&step.location, entry);
                summary.scripts_skipped.push(SkippedScript { location: step.location.clone(), package });
            }
        }
        let Some(runner) = &self.options.scripts else { return Ok(0) };
        let options = &*self.options;
        let output = options.script_output;
        let mut lifecycle = Lifecycle { runner, output, events: &options.events, run: 0 };
        lifecycle.dependencies(&allowed).await?;
        let inside = |location: &&Arc<str>| utoo_fs::check_relative(location).is_ok();
        let workspaces: Vec<_> = request
            .workspaces
            .iter()
            .filter(inside)
            .map(|location| options.project.join(&**location))
            .collect();
        lifecycle.workspaces(&workspaces).await?;
        if lifecycle.run > 0 {
            // Scripts may have written into package folders: the list has to be newer than all of them.
            state::touch_hidden(&options.project)?;
        }
        lifecycle.root(&options.project, request.root_scripts, !job.plan.is_empty()).await?;
        self.stage_done(Stage::Scripts, started);
        Ok(lifecycle.run)
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
        self.downloads.close();
    }
}

/// What of a request is needed after the tree was taken out of it.
pub(crate) struct RestOfRequest {
    pub(crate) completion: Completion,
    workspaces: Vec<Arc<str>>,
    root_scripts: RootScripts,
}

struct Prepared {
    job: Job,
    request: RestOfRequest,
}

impl Prepared {
    /// Locks, looks and plans.
    fn new(options: &InstallerOptions, request: InstallRequest) -> Result<Self> {
        let project = Dir::open(&options.project)?;
        remove_false_modules(&project)?;
        let lock = ModulesLock::acquire(&project, &|| (options.events)(InstallEvent::WaitingForLock))?;
        options.store.sweep();
        sweep_temporary(options, &request.workspaces);
        let InstallRequest { tree, inert, scope, completion, workspaces, root_scripts } = request;
        let mut selection = select(&tree, options.omit, &options.fitness, &inert)?;
        let disk = disk::read(&project, &tree)?;
        selection.limit(&scope, &tree, &disk.hidden);
        let link_text = |location: &str, target: &str| link_text(&options.project, location, target);
        let plan = plan(&tree, &selection, &disk, &link_text);
        let to_make = plan.with(Action::Add).count() + plan.with(Action::Change).count();
        let to_remove = plan.with(Action::Remove).count();
        (options.events)(InstallEvent::Planned { to_make, to_remove });
        if !plan.is_empty() {
            state::forget_state(&options.project)?;
            record::disown(&project, &options.project, &disk, &plan)?;
            remove_obstacles(&project, &plan)?;
        }
        let places = open_places(&project, options, &selection, &plan)?;
        let allowed = allowed_scripts(options, &tree, &selection);
        let bundled = bundled_in(&plan);
        let (link_mode, events) = (options.link_mode, options.events.clone());
        let job = Job {
            project,
            tree,
            selection,
            disk,
            plan,
            places,
            allowed,
            link_mode,
            events,
            bundled,
            _lock: lock,
        };
        let request = RestOfRequest { completion, workspaces, root_scripts };
        Ok(Self { job, request })
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

fn bundled_in(plan: &Plan) -> FxHashMap<Arc<str>, Vec<Arc<str>>> {
    let mut bundled: FxHashMap<Arc<str>, Vec<Arc<str>>> = FxHashMap::default();
    for step in &plan.steps {
        if let Shape::Bundled(bundler) = &step.shape {
            bundled.entry(bundler.clone()).or_default().push(step.location.clone());
        }
    }
    bundled
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

/// Opens the places of the bases in which something changes.
fn open_places(
    project: &Dir,
    options: &InstallerOptions,
    selection: &Selection,
    plan: &Plan,
) -> Result<place::Places> {
    let touched = plan.steps.iter().filter(|step| step.action != Action::Keep);
    let bases = crate::plan::bases(touched.map(|step| &*step.location));
    tracing::debug!(bases = bases.len(), wanted = selection.wanted.len(), "places");
    place::Places::open(project, bases.into_iter(), &options.store, &utoo_fs::LinkMemory::new())
}

/// Packages whose install scripts will run.
fn allowed_scripts(
    options: &InstallerOptions,
    tree: &Lockfile,
    selection: &Selection,
) -> FxHashSet<Arc<str>> {
    let mut allowed = FxHashSet::default();
    if options.scripts.is_none() {
        return allowed;
    }
    for (location, entry) in tree.packages.iter().filter(|(_, entry)| entry.has_install_script && !entry.link)
    {
        if !is_in_modules(location) || !selection.wanted.contains(location) {
            continue;
        }
        let name = make::package_name(location, entry);
        let (version, resolved) = (entry.version.clone(), entry.resolved.clone());
        let candidate = ScriptCandidate { location: location.clone(), name, version, resolved };
        if options.script_policy.verdict(&candidate) == Verdict::Allow {
            allowed.insert(location.clone());
        }
    }
    allowed
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
fn normalized(path: &Path) -> PathBuf {
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

/// Moves things into place, links commands and writes the hidden lockfile.
fn finish(
    options: &InstallerOptions,
    job: &Job,
    made: &mut Made,
    request: &RestOfRequest,
) -> Result<(Option<Lockfile>, Vec<PathBuf>)> {
    let mark = |stage, started: Instant| {
        (options.events)(InstallEvent::StageDone { stage, took: started.elapsed() });
    };
    let started = Instant::now();
    make::publish_all(job, made)?;
    mark(Stage::Publish, started);
    let started = Instant::now();
    let tree = record::completed(job, made, &request.completion);
    if options.bin_links == BinLinks::Make {
        bins::link_bins(
            &job.project,
            record::commands(job, made, &tree, &options.project),
            &record::touched(&job.plan),
        )?;
    }
    let removed = job.plan.with(Action::Remove).map(|step| &step.location);
    let removed: Vec<_> = removed.chain(&job.disk.emptied).cloned().collect();
    place::remove_empty_folders(&job.project, &removed)?;
    mark(Stage::Bins, started);
    let started = Instant::now();
    record::write_hidden(&options.project, job, &tree)?;
    mark(Stage::Record, started);
    let completed = match tree {
        Cow::Owned(completed) => Some(completed),
        Cow::Borrowed(_) => None,
    };
    Ok((completed, record::folders(&job.selection)))
}

/// Runs what blocks (files, locks) on tokio's threads for that.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.unwrap_or_else(|_| Err(InstallError::Cancelled { package: "the project".to_owned() }))
}
