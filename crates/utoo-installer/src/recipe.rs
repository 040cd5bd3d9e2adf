//! One package, from the store into a folder of the staging area: what is made of it depends on its own entry, on those
//! that it bundles, and on whether its scripts may run.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use utoo_fs::LinkMode;
use utoo_lockfile::{Entry, Lockfile, name_of_location};
use utoo_types::PackageName;

use crate::bins::command_target;
use crate::facts::PackageFacts;
use crate::link::{LinkFailure, Linking, link_package};
use crate::place::{Places, Staged};
use crate::policy::Policy;
use crate::source::PackageRequest;
use crate::store::StoredPackage;
use crate::{InstallError, Result};

/// What making packages needs to know.
#[derive(Clone, Copy)]
pub(crate) struct Making<'a> {
    pub(crate) tree: &'a Lockfile,
    pub(crate) places: &'a Places,
    /// Locations whose install scripts may run: where there are any, the package gets private copies.
    pub(crate) allowed: &'a FxHashSet<Arc<str>>,
    /// What comes inside a package's tarball, by the package's location.
    pub(crate) bundled: &'a FxHashMap<Arc<str>, Vec<Arc<str>>>,
    /// Whether what is made from a repository is built first.
    pub(crate) policy: &'a Policy,
    pub(crate) link_mode: LinkMode,
}

/// All that decides how the files of one stored package are made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recipe {
    /// Paths of files that are commands, in no order that matters.
    commands: Vec<String>,
    mode: LinkMode,
}

impl Making<'_> {
    /// Makes the package of a location in a staging folder of its own.
    pub(crate) fn stage(
        &self,
        location: &Arc<str>,
        stored: &StoredPackage,
    ) -> Result<(Staged, PackageFacts), LinkFailure> {
        let facts = stored.index.facts();
        let Recipe { commands, mode } = self.recipe(location, &facts);
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        let site = self.places.site(location)?;
        let (staged, folder) = self.places.stage(site)?;
        link_package(stored, &folder, &Linking { mode, route: &site.route, commands: &commands })?;
        Ok((staged, facts))
    }

    /// How the files of a package that says this about itself are made at a location.
    pub(crate) fn recipe(&self, location: &Arc<str>, facts: &PackageFacts) -> Recipe {
        let commands = self.commands(location, facts);
        let mode = if self.runs_scripts(location, facts) { LinkMode::Private } else { self.link_mode };
        Recipe { commands, mode }
    }

    /// What to ask for the package of a location.
    pub(crate) fn request(&self, location: &Arc<str>) -> Result<PackageRequest> {
        let entry = &self.tree.packages[location];
        let name = package_name(location, entry);
        let resolved = match (&entry.resolved, &entry.version) {
            (Some(resolved), _) => resolved.clone(),
            (None, Some(version)) => format!("npm:{name}@{version}").into(),
            (None, None) => {
                let reason =
                    "it has neither \"resolved\" nor \"version\", so nobody knows where to get it".to_owned();
                return Err(InstallError::Location { location: location.clone(), reason });
            }
        };
        let version = entry.version.clone().unwrap_or_else(|| "".into());
        let prepare = self.policy.prepare(&resolved);
        Ok(PackageRequest { name, version, resolved, integrity: entry.integrity.clone(), prepare })
    }

    fn runs_scripts(&self, location: &Arc<str>, facts: &PackageFacts) -> bool {
        let wants = || self.tree.packages[location].has_install_script || facts.implied_install_script;
        self.allowed.contains(location) && wants()
    }

    /// The files of a package, and of those bundled in it, that are commands.
    fn commands(&self, location: &Arc<str>, facts: &PackageFacts) -> Vec<String> {
        let entry = &self.tree.packages[location];
        let own = entry.bin.iter().filter_map(|(_, target)| command_target(target));
        let mut commands: Vec<String> = own.collect();
        if entry.bin.is_empty() {
            // Only a CRLF shebang matters: the store made these executable.
            commands.extend(facts.bin.iter().map(|(_, target)| target.to_string()));
        }
        for inner in self.bundled.get(location).into_iter().flatten() {
            let below = inner[location.len()..].trim_start_matches('/');
            let targets =
                self.tree.packages[inner].bin.iter().filter_map(|(_, target)| command_target(target));
            commands.extend(targets.map(|target| format!("{below}/{target}")));
        }
        commands
    }
}

/// The package's own name: its location's, unless it is an alias.
pub(crate) fn package_name(location: &str, entry: &Entry) -> PackageName {
    match &entry.name {
        Some(name) => name.clone(),
        None => PackageName::new_unchecked(name_of_location(location)),
    }
}
