//! What `update` and `dedupe` look at afresh.

use std::collections::BTreeMap;

use utoo_lockfile::{Lockfile, name_of_location, parent_location};
use utoo_resolver::Dedupe;
use utoo_types::PackageName;

use crate::args::Command;

/// What is resolved anew although the lockfile has it.
#[derive(Default)]
pub(super) struct Refresh {
    /// Packages of these names, wherever they are.
    pub(super) names: Vec<PackageName>,
    /// Whether fewer copies count more than newer versions, whatever the configuration says.
    pub(super) dedupe: Option<Dedupe>,
}

impl Refresh {
    /// What a command asks for. `update` without names forgets the lockfile, as npm does.
    pub(super) fn asked(command: &Command, lock: &mut Option<Lockfile>) -> Self {
        match command {
            Command::Update { names } if names.is_empty() => {
                *lock = None;
                Self::default()
            }
            Command::Update { names } => Self {
                names: names.iter().map(|name| PackageName::new_unchecked(name.as_str())).collect(),
                dedupe: None,
            },
            Command::Dedupe => {
                Self { names: lock.as_ref().map(several).unwrap_or_default(), dedupe: Some(Dedupe::Fewest) }
            }
            _ => Self::default(),
        }
    }
}

/// The names that stand at more than one place.
fn several(lock: &Lockfile) -> Vec<PackageName> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for location in lock.packages.keys().filter(|location| parent_location(location).is_some()) {
        *places.entry(name_of_location(location)).or_default() += 1;
    }
    let several = places.into_iter().filter(|(_, count)| *count > 1);
    several.map(|(name, _)| PackageName::new_unchecked(name)).collect()
}
