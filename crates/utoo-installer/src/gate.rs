//! The script gate on one tree: who may run install scripts, who has run them, who is left out.

use std::path::Path;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use utoo_lockfile::{Entry, Lockfile};

use crate::events::SkippedScript;
use crate::installer::Rebuild;
use crate::lifecycle::Package;
use crate::make::{Job, Made};
use crate::plan::{Action, DiskState, Found};
use crate::policy::{Policy, ScriptGate, SkipReason, Verdict, is_repository};
use crate::ran::Ran;
use crate::select::{Selection, is_in_modules, label_of};
use crate::{InstallError, Result};

/// The locations that may run install scripts, whether or not there are any: that a package builds with node-gyp is
/// known only when it is unpacked. Costs nothing where nobody allows anything.
pub(crate) fn allowed(policy: &Policy, tree: &Lockfile, selection: &Selection) -> FxHashSet<Arc<str>> {
    if !policy.allows_any() {
        return FxHashSet::default();
    }
    let may = |(location, entry): &(&Arc<str>, &Entry)| {
        !entry.link && !entry.in_bundle && policy.verdict(location, entry) == Verdict::Allow
    };
    let there = tree.packages.iter().filter(|(location, _)| selection.wanted.contains(*location));
    there.filter(may).map(|(location, _)| location.clone()).collect()
}

/// With `strict-allow-scripts`, whoever is not reviewed stops the install before anything is written.
pub(crate) fn refuse_unreviewed(policy: &Policy, tree: &Lockfile, selection: &Selection) -> Result<()> {
    if policy.gate != ScriptGate::Strict {
        return Ok(());
    }
    let is_open = |location: &str, entry: &Entry| {
        !matches!(policy.verdict(location, entry), Verdict::Allow | Verdict::Deny(SkipReason::Denied))
    };
    let wanting = tree.packages.iter().filter(|(location, entry)| {
        entry.has_install_script && !entry.link && selection.wanted.contains(*location)
    });
    let packages: Vec<String> = wanting
        .filter(|(location, entry)| is_open(location, entry))
        .map(|(location, entry)| label_of(location, entry))
        .collect();
    match packages.is_empty() {
        true => Ok(()),
        false => Err(InstallError::UnreviewedScripts { packages }),
    }
}

/// Packages that may run their scripts and have not, or are to run them again, are made anew: their files may be links
/// into the store, which no script must write through.
pub(crate) fn distrust_unbuilt(
    disk: &mut DiskState,
    tree: &Lockfile,
    allowed: &FxHashSet<Arc<str>>,
    ran: &Ran,
    rebuild: &Rebuild,
) {
    for location in allowed {
        let Some(entry) = tree.get(location) else { continue };
        let has_script = entry.has_install_script
            || is_from_repository(entry)
            || disk.listed.get(location).is_some_and(|listed| listed.has_install_script);
        let again = matches!(rebuild, Rebuild::Also(locations) if locations.contains(location));
        if has_script
            && (again || !ran.has(location, entry))
            && let Some(found) = disk.found.get_mut(location).filter(|found| **found == Found::Listed)
        {
            *found = Found::Folder;
        }
    }
}

/// Whether an entry's package may have had to be built: only its repository knows.
fn is_from_repository(entry: &Entry) -> bool {
    entry.resolved.as_deref().is_some_and(is_repository)
}

/// Packages from repositories that were there or made with leave to be built, and have nothing else to run: to be
/// remembered as those whose scripts have run.
pub(crate) fn prepared(job: &Job, tree: &Lockfile, runs: &[Arc<str>]) -> Vec<Arc<str>> {
    let is_new = |location: &Arc<str>, entry: &Entry| {
        is_from_repository(entry) && !job.ran.has(location, entry) && !runs.contains(location)
    };
    let allowed = job.allowed.iter().filter_map(|location| Some((location, tree.get(location)?)));
    allowed
        .filter(|(location, entry)| is_new(location, entry))
        .map(|(location, _)| location.clone())
        .collect()
}

/// Dependencies that have install scripts, in order of location: those that are to run them, and those that are not.
pub(crate) struct Wanting {
    /// Locations of packages and of folders that links lead to.
    pub(crate) runs: Vec<Arc<str>>,
    pub(crate) skipped: Vec<SkippedScript>,
}

impl Wanting {
    /// # Errors
    /// A package.json that cannot be read of a package whose scripts are told.
    pub(crate) fn find(
        job: &Job,
        made: &Made,
        tree: &Lockfile,
        policy: &Policy,
        own: &Own<'_>,
    ) -> Result<Self> {
        let mut wanting = Self { runs: Vec::new(), skipped: Vec::new() };
        for (at, step) in job.plan.steps.iter().enumerate() {
            let Some(entry) = tree.get(&step.location).filter(|_| step.action.leaves_something()) else {
                continue;
            };
            let fresh = matches!(step.action, Action::Add | Action::Change);
            let target = entry.resolved.as_deref().filter(|_| entry.link);
            let Some((location, entry)) = (match target {
                Some(target) => tree.packages.get_key_value(target).filter(|(at, _)| own.is_dependency(at)),
                None => Some((&step.location, entry)),
            }) else {
                continue;
            };
            let is_allowed = job.allowed.contains(&step.location);
            let builds = is_allowed && made.facts.get(&at).is_some_and(|facts| facts.implied_install_script);
            if !entry.has_install_script && !builds {
                continue;
            }
            match policy.verdict(location, entry) {
                Verdict::Allow if !own.runs_scripts => {}
                Verdict::Allow if fresh || !job.ran.has(location, entry) => {
                    wanting.runs.push(location.clone())
                }
                Verdict::Allow => {}
                Verdict::Deny(SkipReason::Denied) if !fresh => {}
                Verdict::Deny(reason) => wanting.skipped.push(skipped(own.project, location, entry, reason)?),
            }
        }
        wanting.runs.sort();
        wanting.runs.dedup();
        Ok(wanting)
    }
}

/// What is the project's own.
pub(crate) struct Own<'a> {
    pub(crate) project: &'a Path,
    pub(crate) workspaces: &'a [Arc<str>],
    /// Whether scripts run at all.
    pub(crate) runs_scripts: bool,
}

impl Own<'_> {
    /// Whether a folder that a link leads to is somebody's dependency, and no workspace.
    fn is_dependency(&self, location: &str) -> bool {
        !is_in_modules(location)
            && !location.is_empty()
            && !self.workspaces.iter().any(|own| **own == *location)
    }
}

fn skipped(project: &Path, location: &Arc<str>, entry: &Entry, reason: SkipReason) -> Result<SkippedScript> {
    Ok(SkippedScript {
        location: location.clone(),
        package: label_of(location, entry),
        reason,
        scripts: Package::read(project.join(&**location))?.install_scripts(),
    })
}
