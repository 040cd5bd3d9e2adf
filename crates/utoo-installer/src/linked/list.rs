//! What is written down of a linked tree: npm's hidden lockfile, and what the ideal tree learns from it.

use std::borrow::Cow;
use std::sync::Arc;

use utoo_lockfile::{Entry, Lockfile};

use super::Origins;
use crate::installer::Completion;
use crate::select::is_in_modules;

/// The ideal tree behind a linked one.
pub(crate) struct Behind {
    pub(crate) tree: Lockfile,
    pub(crate) origins: Origins,
    /// See [`super::Linked::fresh`].
    pub(crate) fresh: Completion,
}

impl Behind {
    /// Whether one of the entries that a package stands for takes what its metadata may have lacked.
    pub(crate) fn covers(&self, completion: &Completion, location: &str) -> bool {
        self.origins.get(location).into_iter().flatten().any(|origin| completion.covers(origin))
    }

    /// Puts the first location of the ideal tree in the place of the one where a package is.
    pub(crate) fn name_origin(&self, location: &mut Arc<str>) {
        if let Some(origin) = self.origins.get(location).and_then(|origins| origins.first()) {
            *location = origin.clone();
        }
    }

    /// The ideal tree with what was learned of its packages; nothing where that is nothing.
    pub(crate) fn completed(&self, laid: &Lockfile, completion: &Completion) -> Option<Lockfile> {
        let mut completed: Option<Lockfile> = None;
        if *completion == Completion::None {
            return None;
        }
        let pairs =
            self.origins.iter().flat_map(|(place, origins)| origins.iter().map(move |at| (place, at)));
        for (place, origin) in pairs {
            let (Some(made), Some(entry)) = (laid.get(place), self.tree.get(origin)) else { continue };
            let license =
                made.license.as_ref().filter(|_| entry.license.is_none() && completion.covers(origin));
            let implied = made.has_install_script && !entry.has_install_script;
            if license.is_none() && !implied {
                continue;
            }
            let tree = completed.get_or_insert_with(|| self.tree.clone());
            if let Some(entry) = tree.packages.get_mut(origin) {
                entry.has_install_script |= implied;
                entry.license = entry.license.take().or_else(|| license.cloned());
            }
        }
        completed
    }

    /// An entry as npm lists it: of the marks of the tree only `optional`, and what only a fresh manifest says, only where
    /// the package was resolved just now.
    pub(crate) fn listed(&self, location: &str, entry: Cow<'_, Entry>) -> Entry {
        let entry = entry.into_owned();
        if entry.link {
            return entry;
        }
        let is_fresh = self.covers(&self.fresh, location);
        Entry {
            integrity: entry.integrity.filter(|_| is_fresh),
            has_shrinkwrap: entry.has_shrinkwrap && is_fresh,
            optional: entry.optional && is_in_modules(location),
            dev: false,
            dev_optional: false,
            peer: false,
            extraneous: false,
            ..entry
        }
    }
}
