//! The main loop: one task owns the cache, the table of jobs in flight, and the tree.

use std::collections::VecDeque;
use std::future::{Future, ready};
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use rustc_hash::FxHashSet;
use utoo_types::PackageName;

use crate::build::Step;
use crate::cache::ManifestCache;
use crate::error::ResolveError;
use crate::load::Project;
use crate::options::ResolveOptions;
use crate::prefetch::{Known, Prefetch, Strength};
use crate::registry::{Documents, ManifestJob, ManifestJobDone, Registry, RegistryError};
use crate::resolver::{Chosen, Resolution, Resolver};

/// What happens during a resolve, for progress and for whoever fetches ahead.
#[derive(Debug)]
pub enum ResolveEvent<'e> {
    /// A job was dispatched.
    Wanted(&'e ManifestJob),
    /// A job was answered, or failed.
    Arrived {
        /// The job.
        job: &'e ManifestJob,
        /// Whether it failed.
        failed: bool,
    },
    /// A package was chosen for a place in the tree.
    Chosen(Chosen),
}

/// Resolves a project against a registry.
///
/// The same project and the same registry contents give the same tree, whatever order the answers come in.
/// `on_event` is called from this task, between two steps; it must not block.
///
/// # Errors
/// [`ResolveError`]: a manifest that is required cannot be had, peers conflict, a platform does not fit.
pub async fn resolve<R: Registry>(
    project: &Project,
    registry: &R,
    options: &ResolveOptions,
    on_event: impl FnMut(ResolveEvent<'_>),
) -> Result<Resolution, ResolveError> {
    resolve_with(project, registry, options, &mut ManifestCache::new(), on_event).await
}

/// The same, with a cache that the caller keeps: what it knows already is not asked again, and what this resolve
/// learns stays in it, also where it fails.
///
/// # Errors
/// Those of [`resolve`].
pub async fn resolve_with<R: Registry>(
    project: &Project,
    registry: &R,
    options: &ResolveOptions,
    cache: &mut ManifestCache,
    on_event: impl FnMut(ResolveEvent<'_>),
) -> Result<Resolution, ResolveError> {
    resolve_when(project, registry, (options, ready(options)), cache, on_event).await
}

/// [`resolve_with`], where it takes a while to find out the options: which node packages will run on is known when that
/// has started and said so. What the placer lacks first is asked for meanwhile, by options that are likely; all else
/// goes by those that come.
///
/// # Errors
/// Those of [`resolve`].
pub async fn resolve_when<'o, R: Registry>(
    project: &'o Project,
    registry: &R,
    (likely, options): (&ResolveOptions, impl Future<Output = &'o ResolveOptions>),
    cache: &mut ManifestCache,
    mut on_event: impl FnMut(ResolveEvent<'_>),
) -> Result<Resolution, ResolveError> {
    let mut questions = Questions::default();
    let mut in_flight = FuturesUnordered::new();
    let mut early = VecDeque::new();
    let mut options = pin!(options);
    let options = match options.as_mut().now_or_never() {
        Some(options) => options,
        None => {
            first_questions(project, likely, cache, &mut questions);
            for job in questions.next(registry, cache, 0) {
                on_event(ResolveEvent::Wanted(&job));
                in_flight.push(run(registry, job));
            }
            loop {
                if in_flight.is_empty() {
                    break options.await;
                }
                match select(options.as_mut(), in_flight.next()).await {
                    Either::Left((options, _)) => break options,
                    Either::Right((answer, _)) => early.extend(answer),
                }
            }
        }
    };
    let mut resolver = Resolver::new(project, options)?;
    let mut prefetch = Prefetch::default();
    let mut foreseen = resolver.foreseen();
    loop {
        let wants = match resolver.advance(cache)? {
            Step::Done => break,
            Step::Blocked(wants) => wants,
        };
        resolver.take_chosen().into_iter().for_each(|chosen| on_event(ResolveEvent::Chosen(chosen)));
        let known = Known { cache, options };
        let foreseen = std::mem::take(&mut foreseen);
        questions.follow((&resolver, wants), &foreseen, (&mut prefetch, known));
        for job in questions.next(registry, cache, in_flight.len()) {
            on_event(ResolveEvent::Wanted(&job));
            in_flight.push(run(registry, job));
        }
        let answer = match early.pop_front() {
            Some(answer) => Some(answer),
            None => in_flight.next().await,
        };
        let Some(mut answer) = answer else {
            return Err(ResolveError::internal("the placer waits for a job that nobody runs"));
        };
        // Everything that is there already is taken in before the placer looks again.
        loop {
            accept(answer, cache, &mut on_event, |packument, cache| {
                prefetch.arrived(packument, Known { cache, options }, &mut questions.guesses);
            });
            for job in questions.next(registry, cache, in_flight.len()) {
                on_event(ResolveEvent::Wanted(&job));
                in_flight.push(run(registry, job));
            }
            let next = early.pop_front().or_else(|| in_flight.next().now_or_never().flatten());
            match next {
                Some(next) => answer = next,
                None => break,
            }
        }
    }
    resolver.take_chosen().into_iter().for_each(|chosen| on_event(ResolveEvent::Chosen(chosen)));
    // What is still in flight was only a guess; dropping the futures cancels it.
    drop(in_flight);
    resolver.finish()
}

/// Asks what the placer will ask before anything has been answered. Nothing where a lockfile answers most of it: reading
/// that twice would take longer than the wait. An error is told by whoever places in earnest.
fn first_questions(
    project: &Project,
    options: &ResolveOptions,
    cache: &ManifestCache,
    questions: &mut Questions,
) {
    if project.lock.is_some() {
        return;
    }
    let Ok(mut resolver) = Resolver::new(project, options) else { return };
    let foreseen = resolver.foreseen();
    if let Ok(Step::Blocked(wants)) = resolver.advance(cache) {
        let known = Known { cache, options };
        questions.follow((&resolver, wants), &foreseen, (&mut Prefetch::default(), known));
    }
}

/// What is to be asked, and what was. What the placer lacks goes first; guesses wait here and not in the registry while
/// that is busy, where whatever is asked later would have to wait behind them.
#[derive(Default)]
struct Questions {
    asked: FxHashSet<ManifestJob>,
    wants: Vec<ManifestJob>,
    guesses: VecDeque<ManifestJob>,
}

impl Questions {
    /// Takes up what the placer wants, and what that and all that is foreseen will lead to.
    fn follow(
        &mut self,
        (resolver, wants): (&Resolver<'_>, Vec<ManifestJob>),
        foreseen: &[(PackageName, Arc<str>)],
        (prefetch, known): (&mut Prefetch, Known<'_>),
    ) {
        for job in wants {
            if let ManifestJob::Version { name, spec } = &job {
                let strength = if resolver.only_tries(&job) { Strength::Tried } else { Strength::Sure };
                prefetch.want((name, spec, strength), known, &mut self.guesses);
            }
            self.wants.push(job);
        }
        for (name, spec) in foreseen {
            prefetch.want((name, spec, Strength::Sure), known, &mut self.guesses);
        }
    }

    /// The jobs to start now, beside so many that are under way: each that is neither answered nor asked, by packument unless
    /// the registry answers by version.
    fn next<R: Registry>(
        &mut self,
        registry: &R,
        cache: &ManifestCache,
        under_way: usize,
    ) -> Vec<ManifestJob> {
        let asked = &mut self.asked;
        let mut new = |job| {
            let job = match job {
                ManifestJob::Version { name, .. } if is_full(registry, &name) => ManifestJob::Full { name },
                job => job,
            };
            (!cache.answers(&job) && asked.insert(job.clone())).then_some(job)
        };
        let mut next: Vec<_> = self.wants.drain(..).filter_map(&mut new).collect();
        let at_once = registry.at_once().max(1);
        while under_way + next.len() < at_once {
            let Some(guess) = self.guesses.pop_front() else { break };
            next.extend(new(guess));
        }
        next
    }
}

type Answer = (ManifestJob, Result<ManifestJobDone, RegistryError>);

async fn run<R: Registry>(registry: &R, job: ManifestJob) -> Answer {
    let done = registry.execute(job.clone()).await;
    (job, done)
}

fn is_full<R: Registry>(registry: &R, name: &PackageName) -> bool {
    registry.documents(name) == Documents::Full
}

fn accept(
    (job, done): Answer,
    cache: &mut ManifestCache,
    on_event: &mut impl FnMut(ResolveEvent<'_>),
    arrived: impl FnOnce(&utoo_types::Packument, &ManifestCache),
) {
    on_event(ResolveEvent::Arrived { job: &job, failed: done.is_err() });
    let packument = match &done {
        Ok(ManifestJobDone::Full(packument)) => Some(packument.clone()),
        _ => None,
    };
    cache.insert(job, done);
    if let Some(packument) = packument {
        arrived(&packument, cache);
    }
}
