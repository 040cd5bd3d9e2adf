//! npm and utoo on the same scenarios and projects: what they made, compared.
//!
//! A [`Case`] is a scenario, or a project with a recorded snapshot of the registry. For each, npm's answer is
//! recorded, or run anew, and utoo's is compared with it in every [`Aspect`](crate::Aspect).

mod case;
mod project_case;
mod record;
mod report;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use case::{Case, CaseError};
pub use record::{SnapshotVersions, record_snapshot};
pub use report::{Report, Verdict};

use crate::compare::compare;
use crate::oracle::Npm;

/// Which answer of npm counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// What was recorded.
    Recorded,
    /// What npm says now.
    Npm,
    /// What npm says now, and that is recorded.
    Update,
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory with `scenarios/` and `projects/`.
    pub fixtures: PathBuf,
    /// Only cases whose name contains this.
    pub filter: String,
    /// Which answer of npm counts.
    pub against: Against,
    /// The binary to compare with; without one, only npm's answers are made.
    pub utoo: Option<PathBuf>,
    /// Cases that run at one time.
    pub jobs: usize,
}

/// Runs all cases; `progress` gets a line for each as it ends.
pub fn run(options: &Options, progress: &mut (dyn Write + Send)) -> Result<Report, CaseError> {
    let cases = Case::load_all(&options.fixtures, &options.filter)?;
    for name in project_case::without_snapshot(&options.fixtures.join("projects"))? {
        if name.contains(&options.filter) {
            let _ = writeln!(progress, "{name}: no snapshot of a registry, left to scripts/check");
        }
    }
    let npm = match options.against {
        Against::Recorded => None,
        Against::Npm | Against::Update => Some(Npm::find()?),
    };
    let next = AtomicUsize::new(0);
    let done = Mutex::new((Vec::new(), progress));
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.clamp(1, cases.len().max(1)) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = judge(case, npm.as_ref(), options);
                    if let Ok(mut done) = done.lock() {
                        // A closed terminal doesn't stop the comparison.
                        let _ = writeln!(done.1, "{}", report::line(case.name(), &verdict));
                        done.0.push((case.name().to_owned(), verdict));
                    }
                }
            });
        }
    });
    let (mut verdicts, _) = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    verdicts.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Report::new(verdicts))
}

fn judge(case: &Case, npm: Option<&Npm>, options: &Options) -> Verdict {
    match try_judge(case, npm, options.against, options.utoo.as_deref()) {
        Ok(verdict) => verdict,
        Err(error) => Verdict::Failed(error.to_string()),
    }
}

fn try_judge(
    case: &Case,
    npm: Option<&Npm>,
    against: Against,
    utoo: Option<&Path>,
) -> Result<Verdict, CaseError> {
    let expected = match npm {
        None => match case.recorded()? {
            Some(recorded) => recorded,
            None => return Ok(Verdict::Failed("nothing is recorded: run with --update".to_owned())),
        },
        Some(npm) => {
            let answer = case.npm_answer(npm)?;
            if against == Against::Update {
                case.record(npm.version(), &answer)?;
            }
            answer
        }
    };
    let Some(utoo) = utoo else { return Ok(Verdict::Recorded) };
    let expected = if case.is_deps()? { expected.without_licences() } else { expected };
    let differences = compare(&expected, &case.utoo_answer(utoo)?);
    Ok(match (case.differs_on_purpose(), differences.is_empty()) {
        (false, _) => Verdict::Compared(differences),
        (true, false) => Verdict::Deliberate(differences),
        (true, true) => Verdict::Failed("it agrees, though it says why it is to differ".to_owned()),
    })
}
