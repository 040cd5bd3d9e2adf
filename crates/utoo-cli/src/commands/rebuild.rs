//! `utoo rebuild`: the install scripts of what is installed, once more.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use utoo_config::Omit;
use utoo_installer::{EngineCheck, InstallRequest, PlatformCheck, Rebuild, RootScripts};
use utoo_lockfile::{Entry, Lockfile};
use utoo_registry::UnifiedRegistry;
use utoo_types::{Integrity, Spec, SpecContext};

use super::install::{self, Inputs, Unsaved};
use super::scripts::{fits, installed_tree};
use crate::context::Context;
use crate::error::{Category, CliError, CliResult};
use crate::output::Done;

/// Makes the packages that are meant anew from the store, and runs their scripts where those are allowed; without names
/// all that have any, and the workspaces'. Commands are linked again as with every install.
pub(super) fn rebuild(context: &Context, names: &[String]) -> CliResult<Done> {
    let inputs = Inputs::read(context)?;
    let was_fresh = inputs.is_up_to_date(context);
    let mut tree = installed_tree(context)?;
    if let Some(lock) = inputs.lock_of_file(context)? {
        complete(&mut tree, &lock);
    }
    tree.packages.entry("".into()).or_insert_with(|| Entry::from_manifest(inputs.root.json.manifest()));
    let again = meant(context, &tree, names)?;
    let mut request = InstallRequest::new(tree);
    request.rebuild = Rebuild::Also(again);
    request.root_scripts = RootScripts::None;
    if names.is_empty() {
        request.workspaces = inputs.workspace_locations();
    }
    super::block_on(async {
        let progress = Arc::new(context.output.progress());
        let registry = UnifiedRegistry::from_config(&context.config)?;
        let policy = Arc::new(inputs.policy(context)?);
        let mut options = install::options(context, &policy, &progress);
        // What was left out is not in the list of what is installed.
        options.omit = Omit::default();
        options.fitness.platform_check = PlatformCheck::Ignore;
        options.fitness.engine_check = EngineCheck::Ignore;
        let installer = install::installer(context, options, &registry, &policy);
        let built = install::fill(&installer, &policy, request, &progress).await?;
        let installed = installer.run_scripts(built).await?;
        registry.flush();
        if was_fresh {
            // Nothing that an install goes by has changed.
            let state = inputs.state(context, Unsaved::Nothing, installed.folders.clone());
            utoo_installer::record_state(context.root(), &state)?;
        }
        Ok(install::rebuilt(context, &policy, &installed))
    })?
}

/// npm's list of a linked tree has no integrity for what came from a lockfile; nothing is made without it that can be made
/// with it.
fn complete(tree: &mut Lockfile, lock: &Lockfile) {
    let known: FxHashMap<&str, &Integrity> = lock
        .packages
        .values()
        .filter_map(|entry| Some((entry.resolved.as_deref()?, entry.integrity.as_ref()?)))
        .collect();
    for entry in tree.packages.values_mut().filter(|entry| entry.integrity.is_none() && !entry.link) {
        let integrity = entry.resolved.as_deref().and_then(|resolved| known.get(resolved));
        entry.integrity = integrity.map(|&integrity| integrity.clone());
    }
}

/// The locations that the words mean, by name and version, as npm takes them.
fn meant(context: &Context, tree: &Lockfile, names: &[String]) -> CliResult<FxHashSet<Arc<str>>> {
    let mut meant = FxHashSet::default();
    if names.is_empty() {
        meant.extend(tree.packages.keys().cloned());
    }
    for name in names {
        let spec = Spec::parse(name, &SpecContext { directory: context.cwd.clone(), home: None })?;
        let found = tree.packages.iter().filter(|(location, entry)| is_meant(&spec, location, entry));
        let found: Vec<Arc<str>> = found.map(|(location, _)| location.clone()).collect();
        if found.is_empty() {
            let message = format!("not installed: {name}");
            return Err(CliError::new(Category::NotFound, "ENOTINSTALLED", message)
                .hint("`utoo ls --all` shows what is"));
        }
        meant.extend(found);
    }
    Ok(meant)
}

fn is_meant(spec: &Spec, location: &str, entry: &Entry) -> bool {
    let own = entry.package_name(location);
    let is_named = !entry.link && spec.name().is_some_and(|name| name.as_str() == own);
    is_named && fits(spec, entry.version.as_deref())
}
