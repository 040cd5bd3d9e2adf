//! Making what the plan adds and changes: first what is in the store, all at once on rayon; then, as it arrives, what is
//! not. And then moving it into place.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream::{FuturesUnordered, StreamExt};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::oneshot;
use tracing::debug_span;
use utoo_fs::{Dir, LinkMode};
use utoo_lockfile::Lockfile;

use crate::ahead::Guesses;
use crate::events::{EventSink, InstallEvent};
use crate::facts::PackageFacts;
use crate::fetch::{Downloads, Obtained, Progress, TaskKey, on_rayon};
use crate::installer::Completion;
use crate::link::LinkFailure;
use crate::linked::is_laid_out;
use crate::linked::list::Behind;
use crate::lock::ModulesLock;
use crate::place::{Places, Publisher, Staged};
use crate::plan::{Action, DiskState, Plan, Shape, Step, is_below};
use crate::policy::Policy;
use crate::ran::Ran;
use crate::recipe::Making;
use crate::select::{Selection, base_of};
use crate::source::{PackageRequest, TarballSource};
use crate::store::{StoreKey, StoredPackage};
use crate::without::Unobtainable;
use crate::{InstallError, Result};

/// Everything that one install works on. It does not change while it runs.
pub(crate) struct Job {
    pub(crate) project: Dir,
    /// The `node_modules` that was looked into; none where there was none.
    pub(crate) seen: Option<Dir>,
    pub(crate) tree: Lockfile,
    pub(crate) selection: Selection,
    pub(crate) disk: DiskState,
    pub(crate) plan: Plan,
    pub(crate) places: Arc<Places>,
    /// Locations whose install scripts may run: where there are any, the package gets private copies.
    pub(crate) allowed: FxHashSet<Arc<str>>,
    /// Whether what is made from a repository is built first.
    pub(crate) policy: Arc<Policy>,
    /// Which had run when this began, without those that are made anew.
    pub(crate) ran: Ran,
    pub(crate) link_mode: LinkMode,
    pub(crate) events: EventSink,
    /// What comes inside a package's tarball, by the package's location.
    pub(crate) bundled: FxHashMap<Arc<str>, Vec<Arc<str>>>,
    /// What was made before there was a plan.
    pub(crate) ahead: Guesses,
    /// The ideal tree, where `tree` is a linked one that was made from it.
    pub(crate) behind: Option<Behind>,
    /// How many packages of the ideal tree are not in a linked one.
    pub(crate) left_out_before: usize,
    /// Released last, when nobody works on this any more and the staging folders are gone.
    pub(crate) lock: Arc<ModulesLock>,
    /// Dropped behind all the rest, by which others know that it is over.
    pub(crate) _end: oneshot::Sender<()>,
}

impl Job {
    /// Whether the places are those of a linked tree.
    pub(crate) fn is_linked(&self) -> bool {
        self.behind.is_some() || is_laid_out(&self.tree)
    }

    /// Whether the entry at a place takes what its metadata may have lacked.
    pub(crate) fn covers(&self, completion: &Completion, location: &Arc<str>) -> bool {
        match &self.behind {
            Some(behind) => behind.covers(completion, location),
            None => completion.covers(location),
        }
    }

    /// What making a package needs of this.
    fn making(&self) -> Making<'_> {
        Making {
            tree: &self.tree,
            places: &self.places,
            allowed: &self.allowed,
            bundled: &self.bundled,
            policy: &self.policy,
            link_mode: self.link_mode,
        }
    }
}

/// What was made, by the number of the step.
#[derive(Default)]
pub(crate) struct Made {
    /// Finished packages that still have to be moved to their place.
    staged: FxHashMap<usize, Staged>,
    /// What each package that was made says about itself. (Not its index: those of all packages together are large.)
    pub(crate) facts: FxHashMap<usize, PackageFacts>,
    /// Packages that were downloaded, here or as a prefetch.
    pub(crate) downloaded: usize,
    /// Packages that the store had.
    pub(crate) from_cache: usize,
    /// Optional packages that could not be had.
    pub(crate) unobtainable: Vec<Unobtainable>,
}

/// One package that was made.
struct MadeOne {
    step: usize,
    /// `None` where it is in its place already.
    staged: Option<Staged>,
    facts: PackageFacts,
}

/// How often a package is fetched again because its entry in the store is damaged.
const REPAIRS: usize = 2;

/// Makes every package that the plan adds or changes.
pub(crate) async fn make_all<S: TarballSource>(
    job: &Arc<Job>,
    downloads: &Arc<Downloads<S>>,
) -> Result<Made> {
    let (job_, downloads_) = (job.clone(), downloads.clone());
    let (sender, receiver) = oneshot::channel();
    rayon::spawn(move || {
        let present = make_present(&job_, &downloads_);
        // Whoever waits for the answer has the job to itself.
        drop(job_);
        drop(sender.send(present));
    });
    let cancelled = |_| InstallError::Cancelled { package: "the project".to_owned() };
    let (mut made, missing) = receiver.await.map_err(cancelled)??;
    let mut waiting: FuturesUnordered<_> =
        missing.into_iter().map(|group| make_missing(job.clone(), downloads.clone(), group)).collect();
    while let Some(group) = waiting.next().await {
        let (packages, downloaded) = match group? {
            Grouped::Made { packages, downloaded } => (packages, downloaded),
            Grouped::Unobtainable(packages) => {
                made.unobtainable.extend(packages);
                continue;
            }
        };
        let first = usize::from(downloaded.is_some());
        made.downloaded += first;
        made.from_cache += packages.len() - first.min(packages.len());
        packages.into_iter().for_each(|one| made.take(one));
    }
    Ok(made)
}

impl Made {
    fn take(&mut self, one: MadeOne) {
        self.facts.insert(one.step, one.facts);
        if let Some(staged) = one.staged {
            self.staged.insert(one.step, staged);
        }
    }
}

/// Packages of the same tarball, wherever they go.
struct Group {
    request: PackageRequest,
    steps: Vec<usize>,
}

/// What became of a group.
enum Grouped {
    Made {
        packages: Vec<MadeOne>,
        /// Compressed bytes that came over the wire; `None` where it was in the store.
        downloaded: Option<u64>,
    },
    Unobtainable(Vec<Unobtainable>),
}

/// Makes what is in the store or was prefetched; gives the rest, grouped by tarball.
fn make_present<S: TarballSource>(job: &Job, downloads: &Downloads<S>) -> Result<(Made, Vec<Group>)> {
    let steps: Vec<usize> =
        (0..job.plan.steps.len()).filter(|at| makes_package(&job.plan.steps[*at])).collect();
    let prefetched = AtomicUsize::new(0);
    let outcome = steps.par_iter().with_max_len(4).map(|&at| {
        let request = job.making().request(&job.plan.steps[at].location)?;
        if let Some(guess) = job.ahead.take(&job.making(), &job.plan.steps[at].location, &request) {
            return place_one(job, at, guess.staged, guess.facts).map(Ok);
        }
        let Some(obtained) = present(downloads, &request) else { return Ok(Err((at, request))) };
        match make_one(job, at, &obtained.stored) {
            Ok(one) => {
                prefetched.fetch_add(usize::from(obtained.downloaded.is_some()), Ordering::Relaxed);
                Ok(Ok(one))
            }
            Err(LinkFailure::Damaged) => {
                discard(&obtained.stored, downloads, &request);
                Ok(Err((at, request)))
            }
            Err(LinkFailure::Failed(error)) => Err(*error),
        }
    });
    let mut made = Made::default();
    let mut missing: FxHashMap<TaskKey, Group> = FxHashMap::default();
    for result in outcome.collect::<Result<Vec<_>>>()? {
        match result {
            Ok(one) => {
                made.from_cache += 1;
                made.take(one);
            }
            Err((at, request)) => {
                let key = TaskKey::of(&request);
                missing.entry(key).or_insert_with(|| Group { request, steps: Vec::new() }).steps.push(at);
            }
        }
    }
    made.downloaded = prefetched.into_inner();
    made.from_cache -= made.downloaded;
    let mut groups: Vec<_> = missing.into_values().collect();
    groups.sort_by_key(|group| group.steps.first().copied());
    Ok((made, groups))
}

/// The package, if it is in the store or was prefetched.
pub(crate) fn present<S: TarballSource>(
    downloads: &Downloads<S>,
    request: &PackageRequest,
) -> Option<Obtained> {
    match downloads.progress(&TaskKey::of(request)) {
        Progress::Done(obtained) => Some(obtained),
        Progress::Pending => None,
        Progress::Unknown => {
            let stored = downloads.store().lookup(&StoreKey::of(request)?)?;
            Some(Obtained { stored, downloaded: None })
        }
    }
}

/// Waits for a download, and makes its packages; or says that they are optional, and cannot be had.
async fn make_missing<S: TarballSource>(
    job: Arc<Job>,
    downloads: Arc<Downloads<S>>,
    group: Group,
) -> Result<Grouped> {
    let Group { request, steps } = group;
    let mut attempt = 0;
    loop {
        let obtained = match downloads.start_missing(request.clone()).await {
            Ok(obtained) => obtained,
            Err(error) => return job.do_without(&steps, error).map(Grouped::Unobtainable),
        };
        let (job_, stored, steps_) = (job.clone(), obtained.stored.clone(), steps.clone());
        let made = on_rayon(&request, move || {
            steps_.iter().map(|&at| make_one(&job_, at, &stored)).collect::<Result<Vec<_>, _>>()
        });
        match made.await? {
            Ok(packages) => return Ok(Grouped::Made { packages, downloaded: obtained.downloaded }),
            Err(LinkFailure::Damaged) if attempt < REPAIRS => discard(&obtained.stored, &downloads, &request),
            Err(LinkFailure::Failed(error)) => return Err(*error),
            Err(LinkFailure::Damaged) => return Err(disappearing(&obtained.stored, &request)),
        }
        attempt += 1;
    }
}

/// Somebody empties the cache again and again.
fn disappearing(stored: &StoredPackage, request: &PackageRequest) -> InstallError {
    let reason = format!("the files of {} keep disappearing", request.label());
    InstallError::io("use", &stored.folder, std::io::Error::new(std::io::ErrorKind::NotFound, reason))
}

/// Forgets an entry of the store that lacks a file, so that the package is fetched again.
fn discard<S: TarballSource>(stored: &StoredPackage, downloads: &Downloads<S>, request: &PackageRequest) {
    tracing::warn!(package = request.label(), "a file is missing in the store: fetching the package again");
    downloads.forget(&TaskKey::of(request));
    downloads.store().discard(&stored.key);
}

/// Makes one package in the staging folder, or takes the one that was made ahead, and moves it to its place at once where
/// nothing is in the way and no other package has to be there before.
fn make_one(job: &Job, at: usize, stored: &StoredPackage) -> Result<MadeOne, LinkFailure> {
    let location = &job.plan.steps[at].location;
    let _span = debug_span!("link", name = %location).entered();
    let making = job.making();
    let (staged, facts) = making.stage(location, stored)?;
    Ok(place_one(job, at, staged, facts)?)
}

fn place_one(job: &Job, at: usize, staged: Staged, facts: PackageFacts) -> Result<MadeOne> {
    let step = &job.plan.steps[at];
    (job.events)(InstallEvent::Linked { location: step.location.clone() });
    let top = utoo_lockfile::parent_location(&step.location) == Some(base_of(&step.location));
    let staged = match (step.action, top) {
        (Action::Add, true) => {
            job.places.publish(job.places.site(&step.location)?, &staged, &step.location)?;
            None
        }
        _ => Some(staged),
    };
    Ok(MadeOne { step: at, staged, facts })
}

fn makes_package(step: &Step) -> bool {
    step.shape == Shape::Package && matches!(step.action, Action::Add | Action::Change)
}

/// Moves everything that was made into place, makes links, and takes away what is not wanted; in order of location, so
/// that what is above is there before what is below. What lies below different places of an outermost `node_modules` has
/// nothing to do with each other, and is shared out among the threads.
pub(crate) fn publish_all(job: &Job, made: &mut Made) -> Result<()> {
    let staged = std::mem::take(&mut made.staged);
    let mut below: FxHashMap<String, Vec<usize>> = FxHashMap::default();
    for (at, step) in job.plan.steps.iter().enumerate() {
        if publishes(step, staged.contains_key(&at)) {
            below.entry(group_of(&step.location)).or_default().push(at);
        }
    }
    let below: Vec<Vec<usize>> = below.into_values().collect();
    below.par_iter().with_min_len(8).try_for_each_init(
        || job.places.publisher(),
        |publisher, steps| steps.iter().try_for_each(|&at| publish(job, publisher, &staged, at)),
    )?;
    job.places.close()
}

/// What is in one group is published in order. Places that differ in case alone are: on some file systems they are one, which
/// is cleared before it is filled.
fn group_of(location: &str) -> String {
    outermost(location).to_lowercase()
}

/// The place in an outermost `node_modules` that a location is at or below.
fn outermost(location: &str) -> &str {
    let base = base_of(location);
    let name = base.len() + usize::from(!base.is_empty()) + "node_modules/".len();
    if name > location.len() {
        return location;
    }
    let mut slashes = location[name..].match_indices('/').map(|(slash, _)| name + slash);
    let end = if location[name..].starts_with('@') { slashes.nth(1) } else { slashes.next() };
    &location[..end.unwrap_or(location.len())]
}

/// Whether there is anything to do for a step; a package that is added may be in its place already.
fn publishes(step: &Step, is_staged: bool) -> bool {
    match (step.action, &step.shape) {
        (Action::Keep, _) | (_, Shape::Bundled(_)) => false,
        (Action::Add | Action::Change, Shape::Package) => is_staged,
        _ => true,
    }
}

fn publish(
    job: &Job,
    publisher: &mut Publisher<'_>,
    staged: &FxHashMap<usize, Staged>,
    at: usize,
) -> Result<()> {
    let step = &job.plan.steps[at];
    (job.events)(InstallEvent::Placing { location: step.location.clone() });
    match (step.action, &step.shape) {
        (Action::Remove | Action::Withdraw, _) => publisher.clear(&step.location).map(drop),
        (Action::Change, Shape::Link(text)) => {
            publisher.clear(&step.location)?;
            publisher.link(text, &step.location)
        }
        (_, Shape::Link(text)) => publisher.link(text, &step.location),
        (action, _) => match staged.get(&at) {
            Some(staged) if action == Action::Add => publisher.place(staged, &step.location),
            Some(staged) => replace(job, publisher, staged, at),
            None => Ok(()),
        },
    }
}

/// Puts a package in the place of another. Packages below it that stay are moved over.
fn replace(job: &Job, publisher: &mut Publisher<'_>, staged: &Staged, at: usize) -> Result<()> {
    let location = &job.plan.steps[at].location;
    let cleared = publisher.clear(location)?;
    publisher.place(staged, location)?;
    let Some(cleared) = cleared else { return Ok(()) };
    let mut moved: Option<&Arc<str>> = None;
    for step in job.plan.steps[at + 1..].iter().filter(|step| is_below(&step.location, location)) {
        let with_another = moved.is_some_and(|moved| is_below(&step.location, moved));
        if step.action == Action::Keep && !matches!(step.shape, Shape::Bundled(_)) && !with_another {
            publisher.restore(&cleared, location, &step.location)?;
            moved = Some(&step.location);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_package_is_shared_out_with_it() {
        let cases = [
            ("node_modules/a", "node_modules/a"),
            ("node_modules/a-b/node_modules/c", "node_modules/a-b"),
            ("node_modules/@s/a/node_modules/@s/b", "node_modules/@s/a"),
            ("packages/one/node_modules/a/node_modules/b", "packages/one/node_modules/a"),
            ("my-node_modules/one/node_modules/a", "my-node_modules/one/node_modules/a"),
            ("../two/node_modules/@s/a", "../two/node_modules/@s/a"),
            ("node_modules/.store/a@1/node_modules/a", "node_modules/.store"),
            ("packages/one", "packages/one"),
        ];
        for (location, expected) in cases {
            assert_eq!(outermost(location), expected);
        }
    }

    #[test]
    fn places_that_may_be_one_stay_in_order() {
        assert_eq!(group_of("node_modules/Base64"), group_of("node_modules/base64/node_modules/a"));
        assert_ne!(group_of("node_modules/base64"), group_of("node_modules/base65"));
    }
}
