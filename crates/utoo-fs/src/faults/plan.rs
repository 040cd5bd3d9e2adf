//! Which calls fail: plans by folder.

use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};

use rustix::io::Errno;

use super::Call;

/// The variable of [`FaultPlan::to_env`].
const VARIABLE: &str = "UTOO_FS_FAULTS";

/// How a call fails, by the system's own name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the system's own names")]
pub enum Failure {
    Eio,
    Enospc,
    Edquot,
    Eacces,
    Emfile,
    Erofs,
    Exdev,
    Eintr,
    Enametoolong,
    Eloop,
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Eio,
        Self::Enospc,
        Self::Edquot,
        Self::Eacces,
        Self::Emfile,
        Self::Erofs,
        Self::Exdev,
        Self::Eintr,
        Self::Enametoolong,
        Self::Eloop,
    ];

    fn errno(self) -> Errno {
        match self {
            Self::Eio => Errno::IO,
            Self::Enospc => Errno::NOSPC,
            Self::Edquot => Errno::DQUOT,
            Self::Eacces => Errno::ACCESS,
            Self::Emfile => Errno::MFILE,
            Self::Erofs => Errno::ROFS,
            Self::Exdev => Errno::XDEV,
            Self::Eintr => Errno::INTR,
            Self::Enametoolong => Errno::NAMETOOLONG,
            Self::Eloop => Errno::LOOP,
        }
    }
}

/// How many calls fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// One.
    Once,
    /// That one, and each after it that the plan is about.
    Onwards,
}

/// Which calls fail, and how.
#[derive(Debug, Clone)]
pub struct FaultPlan {
    below: PathBuf,
    /// The number of the call, from 1; 0 for none.
    nth: usize,
    only: Option<Call>,
    failure: Failure,
    extent: Extent,
    /// Where each call is written down, a line each.
    trace: Option<PathBuf>,
    /// What goes away in place of a failure.
    vanishing: Option<PathBuf>,
}

impl FaultPlan {
    /// Lets the `nth` call (from 1) on a path below `folder` fail.
    pub fn fail(folder: &Path, nth: usize, failure: Failure, extent: Extent) -> Self {
        // Paths come as callers give them, and without links where a link was followed: so both have to be one.
        let below = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        Self { below, nth, only: None, failure, extent, trace: None, vanishing: None }
    }

    /// Removes another file or folder, with all that is in it, before the `nth` call (from 1) on a path below `folder`: what
    /// somebody else does meanwhile. No call fails but those that miss it. Not for child processes.
    pub fn vanish(folder: &Path, nth: usize, victim: &Path) -> Self {
        Self { vanishing: Some(victim.to_owned()), ..Self::fail(folder, nth, Failure::Eio, Extent::Once) }
    }

    /// Lets none fail: for counting.
    pub fn count(folder: &Path) -> Self {
        Self::fail(folder, 0, Failure::Eio, Extent::Once)
    }

    /// Only calls of this kind count and fail.
    pub fn only(self, call: Call) -> Self {
        Self { only: Some(call), ..self }
    }

    /// Writes each call that counts into this file, for [`calls_of_trace`].
    pub fn traced(self, file: impl Into<PathBuf>) -> Self {
        Self { trace: Some(file.into()), ..self }
    }

    /// Name and value of a variable by which a child process takes this plan for the whole of its life.
    pub fn to_env(&self) -> (&'static str, String) {
        let only = self.only.map_or_else(|| "Any".to_owned(), |call| format!("{call:?}"));
        let trace = self.trace.as_deref().unwrap_or(Path::new("")).display();
        let (failure, extent, below) = (self.failure, self.extent, self.below.display());
        (VARIABLE, format!("{}|{failure:?}|{extent:?}|{only}|{below}|{trace}", self.nth))
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let [nth, failure, extent, only, below, trace] =
            text.split('|').collect::<Vec<_>>().try_into().ok()?;
        let failure = Failure::ALL.into_iter().find(|known| format!("{known:?}") == failure)?;
        let extent =
            [Extent::Once, Extent::Onwards].into_iter().find(|known| format!("{known:?}") == extent)?;
        let plan = Self::fail(Path::new(below), nth.parse().ok()?, failure, extent);
        let plan = Self { only: only.parse().ok(), ..plan };
        Some(if trace.is_empty() { plan } else { plan.traced(trace) })
    }

    /// Puts the plan in force until what it gives is dropped.
    pub fn arm(self) -> Armed {
        let live = Arc::new(Live::new(self));
        PLANS.write().unwrap_or_else(PoisonError::into_inner).push(live.clone());
        Armed(live)
    }
}

/// A plan in force.
#[must_use = "the plan ends when this is dropped"]
pub struct Armed(Arc<Live>);

impl Armed {
    /// The calls that counted, in their order.
    pub fn calls(&self) -> Vec<(Call, PathBuf)> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first call that failed.
    pub fn struck(&self) -> Option<(Call, PathBuf)> {
        self.0.struck.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        let mut plans = PLANS.write().unwrap_or_else(PoisonError::into_inner);
        plans.retain(|plan| !Arc::ptr_eq(plan, &self.0));
    }
}

struct Live {
    plan: FaultPlan,
    met: AtomicUsize,
    calls: Mutex<Vec<(Call, PathBuf)>>,
    struck: Mutex<Option<(Call, PathBuf)>>,
    file: Option<Mutex<File>>,
}

impl Live {
    fn new(plan: FaultPlan) -> Self {
        let open = |path: &PathBuf| File::options().append(true).create(true).open(path).ok();
        let file = plan.trace.as_ref().and_then(open).map(Mutex::new);
        Self { plan, met: AtomicUsize::new(0), calls: Mutex::default(), struck: Mutex::default(), file }
    }

    fn meet(&self, call: Call, path: &Path) -> Result<(), Errno> {
        let plan = &self.plan;
        if !path.starts_with(&plan.below) || plan.only.is_some_and(|only| only != call) {
            return Ok(());
        }
        let number = self.met.fetch_add(1, Ordering::SeqCst) + 1;
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push((call, path.to_owned()));
        let fails = match plan.extent {
            _ if plan.nth == 0 => false,
            Extent::Once => number == plan.nth,
            Extent::Onwards => number >= plan.nth,
        };
        if let Some(file) = &self.file {
            let mark = if fails { "!" } else { " " };
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            // A trace that cannot be written shows by being short.
            let _ = file.write_all(format!("{mark}{call:?} {}\n", path.display()).as_bytes());
        }
        if !fails {
            return Ok(());
        }
        let mut struck = self.struck.lock().unwrap_or_else(PoisonError::into_inner);
        struck.get_or_insert_with(|| (call, path.to_owned()));
        match &plan.vanishing {
            Some(victim) => {
                remove(victim);
                Ok(())
            }
            None => Err(plan.failure.errno()),
        }
    }
}

/// Removes what others may still be filling.
fn remove(victim: &Path) {
    while victim.symlink_metadata().is_ok() {
        // Whatever came in between is removed by the next turn.
        let _ = std::fs::remove_dir_all(victim);
    }
}

/// The calls of a [`FaultPlan::traced`], and whether each of them failed.
pub fn calls_of_trace(text: &str) -> Vec<(Call, PathBuf, bool)> {
    let call = |line: &str| {
        let (call, path) = line.get(1..)?.split_once(' ')?;
        Some((call.parse().ok()?, PathBuf::from(path), line.starts_with('!')))
    };
    text.lines().filter_map(call).collect()
}

impl fmt::Display for FaultPlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nth, failure, extent, .. } = self;
        if let Some(victim) = &self.vanishing {
            return write!(formatter, "{} gone at call number {nth}", victim.display());
        }
        match self.only {
            Some(call) => write!(formatter, "{call:?} number {nth}: {failure:?} {extent:?}"),
            None => write!(formatter, "call number {nth}: {failure:?} {extent:?}"),
        }
    }
}

impl FromStr for Call {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        use Call::*;
        let all = [
            OpenDir, List, Look, Open, Read, ReadLink, Create, Write, Sync, SetMode, SetTime, CreateDir,
            Link, Clone, Copy, Symlink, Rename, RemoveFile, RemoveDir, Lock,
        ];
        all.into_iter().find(|call| format!("{call:?}") == name).ok_or(())
    }
}

/// The plans of this process: the one that its environment names, and those of its tests.
static PLANS: LazyLock<RwLock<Vec<Arc<Live>>>> =
    LazyLock::new(|| RwLock::new(from_env().map(Live::new).map(Arc::new).into_iter().collect()));

fn from_env() -> Option<FaultPlan> {
    FaultPlan::parse(&std::env::var(VARIABLE).ok()?)
}

/// Asks the plans in force about a call.
pub(super) fn meet(call: Call, path: impl FnOnce() -> PathBuf) -> Result<(), Errno> {
    let plans = PLANS.read().unwrap_or_else(PoisonError::into_inner);
    if plans.is_empty() {
        return Ok(());
    }
    let path = path();
    plans.iter().try_for_each(|plan| plan.meet(call, &path))
}
