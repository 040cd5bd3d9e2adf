//! Many cases, on as many threads as wanted.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::case::FuzzCase;
use super::fault::Fault;
use super::judge::{Judge, Judged};
use super::shrink::shrink;
use super::{FuzzError, Profile, generate};
use crate::compare::Difference;
use crate::oracle::Npm;
use crate::scenario::Scenario;

/// Against what the npm in its own process is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oracle {
    /// utoo.
    Driver,
    /// The npm command: proves that the driver does what the command does.
    NpmCommand,
}

/// What to run.
#[derive(Clone, Debug)]
pub struct FuzzOptions {
    /// The family of cases.
    pub profile: Profile,
    /// The first case's seed; each further one has the next.
    pub seed: u64,
    /// How many cases.
    pub cases: u64,
    /// Stop after so many differences.
    pub enough: usize,
    /// Whether differences are made as small as possible.
    pub shrink: bool,
    /// Where differences are kept as scenarios with npm's answer.
    pub keep: Option<PathBuf>,
    /// Cases that run at one time.
    pub jobs: usize,
    /// The utoo binary.
    pub utoo: PathBuf,
    /// What is compared with npm.
    pub oracle: Oracle,
}

/// What came of all cases.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Cases in which both did the same.
    pub same: u64,
    /// Seeds of cases that differ.
    pub different: Vec<u64>,
    /// Seeds of cases in which npm fails by its own measure, by how it does.
    pub npm_fails: BTreeMap<Fault, Vec<u64>>,
}

/// Runs all cases; `progress` gets each difference as it is found.
pub fn fuzz(options: &FuzzOptions, progress: &mut (dyn Write + Send)) -> Result<Summary, FuzzError> {
    let next = AtomicU64::new(0);
    let state = Mutex::new((Summary::default(), progress));
    std::thread::scope(|scope| {
        let worker = || -> Result<(), FuzzError> {
            let mut judge = Judge::new(&options.utoo, options.oracle)?;
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= options.cases {
                    return Ok(());
                }
                let found = one(options, &mut judge, options.seed.wrapping_add(index))?;
                let mut state = state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                count(&mut state.0, options.seed.wrapping_add(index), &found);
                if let Found::Different(text) = found {
                    // A closed terminal doesn't stop the comparison.
                    let _ = writeln!(state.1, "{text}");
                }
                if state.0.different.len() >= options.enough {
                    next.store(options.cases, Ordering::Relaxed);
                }
            }
        };
        let workers: Vec<_> = (0..options.jobs.max(1)).map(|_| scope.spawn(worker)).collect();
        let ended = workers.into_iter().map(|worker| {
            worker.join().unwrap_or_else(|_| Err(FuzzError::Driver("a thread panicked".to_owned())))
        });
        ended.collect::<Result<Vec<()>, FuzzError>>()
    })?;
    let (mut summary, _) = state.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    summary.different.sort_unstable();
    summary.npm_fails.values_mut().for_each(|seeds| seeds.sort_unstable());
    Ok(summary)
}

enum Found {
    Same,
    Different(String),
    NpmFails(Fault),
}

fn count(summary: &mut Summary, seed: u64, found: &Found) {
    match found {
        Found::Same => summary.same += 1,
        Found::Different(_) => summary.different.push(seed),
        Found::NpmFails(fault) => summary.npm_fails.entry(fault.clone()).or_default().push(seed),
    }
}

fn one(options: &FuzzOptions, judge: &mut Judge, seed: u64) -> Result<Found, FuzzError> {
    let name = format!("{}-{seed}", options.profile.name());
    let case = generate(options.profile, seed);
    let (scenario, differences) = match judge.judge(&name, &case)? {
        Judged::Same => return Ok(Found::Same),
        Judged::NpmFails(fault) => return Ok(Found::NpmFails(fault)),
        Judged::Different(scenario, differences) if options.shrink => {
            smallest(judge, &name, &case, &differences)?.unwrap_or((*scenario, differences))
        }
        Judged::Different(scenario, differences) => (*scenario, differences),
    };
    let text = described(&name, &scenario, &differences);
    if let Some(dir) = &options.keep {
        keep(dir, &name, &scenario, &differences)?;
    }
    Ok(Found::Different(text))
}

/// Only what differs in the same respect counts: another difference is another case's.
fn smallest(
    judge: &mut Judge,
    name: &str,
    case: &FuzzCase,
    differences: &[Difference],
) -> Result<Option<(Scenario, Vec<Difference>)>, FuzzError> {
    let kind = |found: &[Difference]| {
        found.first().map(|first| {
            let outcome = first.aspect == crate::Aspect::Outcome;
            (first.aspect, outcome.then(|| first.detail.clone()))
        })
    };
    let wanted = kind(differences);
    let mut failure = None;
    let mut last = None;
    let _smallest = shrink(case, |smaller| match judge.judge(name, smaller) {
        Ok(Judged::Different(scenario, found)) if kind(&found) == wanted => {
            last = Some((*scenario, found));
            true
        }
        Ok(_) => false,
        Err(error) => {
            // A case that makes no project is none; what ends the driver ends the run.
            if matches!(error, FuzzError::Driver(_) | FuzzError::Io { .. }) {
                failure = Some(error);
            }
            false
        }
    });
    failure.map_or(Ok(last), Err)
}

fn described(name: &str, scenario: &Scenario, differences: &[Difference]) -> String {
    let mut text = format!("== {name}\n");
    for difference in differences {
        text.push_str(&format!("   {}: {}\n", difference.aspect.label(), difference.detail));
    }
    text + &scenario.to_text()
}

/// Writes the scenario with the npm command's own answer.
fn keep(
    dir: &std::path::Path,
    name: &str,
    scenario: &Scenario,
    differences: &[Difference],
) -> Result<(), FuzzError> {
    let comment: String =
        differences.iter().map(|it| format!("# {}: {}\n", it.aspect.label(), it.detail)).collect();
    let mut scenario = Scenario::parse(name, &format!("{comment}{}", scenario.to_text()));
    let npm = Npm::find()?;
    let answer = npm.answer(&scenario)?;
    scenario.record(npm.version(), &answer);
    std::fs::create_dir_all(dir).map_err(|source| FuzzError::Io { what: "the folder to keep in", source })?;
    Ok(scenario.save(&dir.join(format!("{name}.txt")))?)
}
