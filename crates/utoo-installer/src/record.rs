//! What an install writes down: the completed tree, and npm's hidden lockfile.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;
use utoo_fs::Dir;
use utoo_lockfile::{Entry, Lockfile, name_of_location, parent_location, store_folder};

use crate::Result;
use crate::bins::Commands;
use crate::disk::HIDDEN_LOCKFILE;
use crate::installer::{Completion, EntryFilter};
use crate::linked::STORE;
use crate::make::{Job, Made};
use crate::plan::{Action, DiskState, Plan, Shape, Step};
use crate::select::{Selection, base_of, is_in_modules};
use crate::state::touch_hidden;

/// Takes what is about to change out of the hidden lockfile: from here on, until the install has ended, it lists only
/// what is certain to stay as it is. A package that stays below one that changes is not: it is moved over. Written only
/// where it listed anything of that.
pub(crate) fn disown(project: &Dir, folder: &Path, disk: &DiskState, plan: &Plan) -> Result<()> {
    let mut kept: FxHashSet<&str> = plan.with(Action::Keep).map(|step| &*step.location).collect();
    let moved = |location: &&str| {
        let mut above = std::iter::successors(parent_location(location), |above| parent_location(above));
        above.any(|above| is_in_modules(above) && !kept.contains(above))
    };
    let moved: Vec<&str> = kept.iter().copied().filter(moved).collect();
    for location in moved {
        kept.remove(location);
    }
    if disk.listed.keys().all(|location| kept.contains(&**location)) {
        return Ok(());
    }
    let mut hidden = Lockfile::default();
    let listed = disk.listed.iter().filter(|(location, _)| kept.contains(&***location));
    hidden.packages.extend(listed.map(|(location, entry)| (location.clone(), entry.clone())));
    project.remove_file(HIDDEN_LOCKFILE)?;
    Ok(utoo_fs::write_atomic(folder.join(HIDDEN_LOCKFILE), hidden.to_hidden_text())?)
}

/// The tree, with what the packages say about themselves where that is asked for and missing. Borrowed where nothing is.
pub(crate) fn completed<'a>(job: &'a Job, made: &Made, completion: &Completion) -> Cow<'a, Lockfile> {
    let mut tree = Cow::Borrowed(&job.tree);
    if *completion == Completion::None {
        return tree;
    }
    for (at, step) in job.plan.steps.iter().enumerate() {
        let Some(entry) = job.tree.packages.get(&step.location) else { continue };
        let (implied_script, license) = match (made.facts.get(&at), job.disk.listed.get(&step.location)) {
            (Some(facts), _) => (facts.implied_install_script, &facts.license),
            (None, Some(listed)) if step.action == Action::Keep => {
                (listed.has_install_script, &listed.license)
            }
            _ => continue,
        };
        let license =
            license.as_ref().filter(|_| entry.license.is_none() && job.covers(completion, &step.location));
        if (implied_script && !entry.has_install_script) || license.is_some() {
            complete(tree.to_mut(), &step.location, implied_script, license);
        }
    }
    tree
}

fn complete(tree: &mut Lockfile, location: &Arc<str>, implied_script: bool, license: Option<&Arc<Value>>) {
    if let Some(entry) = tree.packages.get_mut(location) {
        entry.has_install_script |= implied_script;
        entry.license = entry.license.take().or_else(|| license.cloned());
    }
}

/// The commands of everything that is on disk. Those of a package whose entry names none come from the package itself.
pub(crate) fn commands<'a>(
    job: &'a Job,
    made: &Made,
    tree: &'a Lockfile,
    project: &Path,
) -> Vec<Commands<'a>> {
    let mut commands = Vec::new();
    let steps = job.plan.steps.iter().enumerate();
    let in_store: FxHashMap<&str, usize> = steps
        .filter(|(_, step)| store_folder(&step.location).is_some())
        .map(|(at, step)| (&*step.location, at))
        .collect();
    for (at, step) in job.plan.steps.iter().enumerate().filter(|(_, step)| step.action.leaves_something()) {
        let Some(entry) = tree.get(&step.location) else { continue };
        // A link into the store of a linked tree has the commands of the package there.
        let behind = entry
            .resolved
            .as_deref()
            .filter(|_| entry.link)
            .and_then(|target| Some((*in_store.get(target)?, tree.get(target)?, target)));
        let (at, entry, own) = behind.unwrap_or((at, entry, &step.location));
        let (bin, linked_folder) = match (&step.shape, entry.resolved.as_deref()) {
            (Shape::Link(_), Some(target)) if behind.is_none() => {
                let bin = tree.get(target).map(|folder| folder.bin.clone()).unwrap_or_default();
                (bin, Some(project.join(target)))
            }
            _ if !entry.bin.is_empty() => (entry.bin.clone(), None),
            _ => match (made.facts.get(&at), job.disk.listed.get(own)) {
                (Some(facts), _) => (facts.bin.clone(), None),
                (None, Some(listed)) => (listed.bin.clone(), None),
                (None, None) => continue,
            },
        };
        let is_known = made.facts.contains_key(&at) || linked_folder.is_some();
        if !bin.is_empty() || !is_known {
            commands.push(Commands { location: &step.location, bin, linked_folder });
        }
    }
    commands
}

/// The parents below which something was changed or removed: their `.bin` may hold links that nobody wants. Where a run
/// died, it may have removed something below any of them.
pub(crate) fn touched(plan: &Plan, disk: &DiskState) -> Vec<Arc<str>> {
    let is_touched =
        |step: &&Step| disk.is_unfinished || matches!(step.action, Action::Change | Action::Remove);
    let steps = plan.steps.iter().filter(is_touched);
    let mut parents: FxHashSet<&str> = steps.filter_map(|step| parent_location(&step.location)).collect();
    parents.extend(disk.is_unfinished.then_some(""));
    parents.into_iter().map(Arc::from).collect()
}

/// The list of what is on disk when all is done. `None` where npm writes none: nothing was there, and nothing is to be.
pub(crate) fn hidden_text(job: &Job, tree: &Lockfile, unaddressed: Option<&EntryFilter>) -> Option<String> {
    let targets: FxHashSet<&str> = tree
        .packages
        .iter()
        .filter(|(location, entry)| entry.link && job.selection.wanted.contains(*location))
        .filter_map(|(_, entry)| entry.resolved.as_deref())
        .collect();
    let is_linked = job.is_linked();
    let is_there = |location: &str| match is_in_modules(location) {
        true => job.selection.wanted.contains(location),
        // The folders of a linked tree have links of their own, whether or not somebody links to them.
        false => targets.contains(location) || (is_linked && job.selection.touches(location)),
    };
    // What the install was not about is listed as it was.
    let mut others = FxHashMap::<&str, &Entry>::default();
    for step in job.plan.with(Action::Keep).filter(|step| !job.selection.touches(&step.location)) {
        let Some(entry) = job.disk.listed.get(&step.location) else { continue };
        others.insert(&step.location, entry);
        let folder = entry.resolved.as_ref().filter(|folder| entry.link && !is_there(folder));
        others.extend(
            folder
                .and_then(|folder| job.disk.hidden.packages.get_key_value(folder))
                .map(|(location, entry)| (&**location, entry)),
        );
    }
    let listed = tree.packages.iter().map(|(location, entry)| (&**location, entry));
    let listed = listed.filter(|(location, _)| is_there(location) && !others.contains_key(location));
    let mut hidden: Vec<(&str, &Entry)> = listed.collect();
    // Seldom any: an entry is large, so that those that stay as they are, are not moved about.
    let altered: FxHashMap<&str, Entry> = hidden
        .iter()
        .filter_map(|(location, entry)| Some((*location, altered(job, location, entry, unaddressed)?)))
        .collect();
    for (location, entry) in &mut hidden {
        *entry = altered.get(location).unwrap_or(entry);
    }
    hidden.extend(others);
    let withdrawn = job.plan.with(Action::Withdraw).next().is_some();
    let is_bare = match is_linked {
        true => !job.selection.wanted.iter().any(|location| base_of(location).is_empty()),
        false => hidden.is_empty(),
    };
    let is_none = is_bare && job.disk.found.is_empty() && !withdrawn;
    (!is_none).then(|| tree.to_hidden_text_with(hidden))
}

/// What is listed in the place of an entry of the tree, where that is something else.
fn altered(job: &Job, location: &str, entry: &Entry, unaddressed: Option<&EntryFilter>) -> Option<Entry> {
    match (&job.behind, without_address(location, entry, unaddressed)) {
        (Some(behind), entry) => Some(behind.listed(location, entry)),
        (None, Cow::Owned(entry)) => Some(entry),
        (None, Cow::Borrowed(_)) => None,
    }
}

fn without_address<'e>(
    location: &str,
    entry: &'e Entry,
    unaddressed: Option<&EntryFilter>,
) -> Cow<'e, Entry> {
    match unaddressed {
        Some(is_unaddressed) if entry.resolved.is_some() && is_unaddressed(location, entry) => {
            Cow::Owned(Entry { resolved: None, ..entry.clone() })
        }
        _ => Cow::Borrowed(entry),
    }
}

/// Writes that list, if it is not what is there already. It is written after all folders were made, so that it is newer
/// than each of them: npm takes an older one for outdated.
pub(crate) fn write_hidden(project: &Path, job: &Job, text: Option<String>) -> Result<()> {
    let Some(text) = text else {
        job.project.remove_file(HIDDEN_LOCKFILE)?;
        return Ok(());
    };
    let path = project.join(HIDDEN_LOCKFILE);
    let unchanged = job.plan.is_empty() && utoo_fs::read(&path).is_ok_and(|there| there == text.as_bytes());
    if unchanged {
        return Ok(());
    }
    utoo_fs::write_atomic(path, text)?;
    touch_hidden(project)
}

/// The `node_modules` folders of what is on disk, their scopes, and the store of a linked tree, relative to the project.
pub(crate) fn folders(selection: &Selection) -> Vec<PathBuf> {
    let mut folders: FxHashSet<&str> = FxHashSet::default();
    for location in &selection.wanted {
        let name = name_of_location(location);
        let modules = location[..location.len() - name.len()].trim_end_matches('/');
        folders.insert(modules);
        if name.contains('/') {
            folders.extend(location.rsplit_once('/').map(|(scope, _)| scope));
        }
        if let Some(folder) = store_folder(location) {
            folders.insert(STORE);
            folders.extend(folder.rsplit_once('/').map(|(above, _)| above));
        }
    }
    let mut folders: Vec<_> = folders.into_iter().map(PathBuf::from).collect();
    folders.sort();
    folders
}
