//! package.json and the lockfile, written last and only where they changed.

use std::borrow::Cow;
use std::sync::Arc;

use utoo_config::SaveSettings;
use utoo_lockfile::{Entry, Format, Lockfile, ancestors, nested_location};
use utoo_types::{DependencyKind, Manifest, Range, Spec, SpecKind, Version};

use super::inputs::Inputs;
use super::request::{Added, Edits, written};
use crate::args::Command;
use crate::context::Context;
use crate::error::{CliError, CliResult};

/// Which files were written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Saved {
    pub(super) package_json: bool,
    pub(super) lockfile: bool,
}

/// Gives each added dependency the spec that npm saves, now that its version is known, in package.json and in the
/// lockfile's entry for that package.json.
pub(super) fn settle_specs(context: &Context, inputs: &mut Inputs, edits: &Edits, tree: &mut Lockfile) {
    for added in &edits.added {
        let version = locked_version(tree, added);
        let Some(package) = inputs.package_at(&added.location) else { continue };
        let spec = spec_to_save(&added.spec, version.as_ref(), context.config.save())
            .unwrap_or_else(|| written(&added.spec, &package.folder));
        package.json.set_dependency(added.kind, &added.name, &spec);
    }
    for added in &edits.added {
        let Some(package) = inputs.package_at(&added.location) else { continue };
        if let Some(entry) = tree.packages.get_mut(&added.location) {
            copy_dependencies(package.json.manifest(), entry);
            if added.kind == DependencyKind::Optional {
                // npm also writes it as a plain one until its next install: as it was asked for, or where nothing was said
                // of its block, as it is saved.
                let saved = package.json.manifest().optional_dependencies.get(added.name.as_str());
                let spec = match (context.config.save().kind, saved) {
                    (None, Some(saved)) => Arc::clone(saved),
                    _ => added.spec.raw_spec().into(),
                };
                entry.dependencies.insert(added.name.clone(), spec);
            }
        }
    }
}

fn copy_dependencies(manifest: &Manifest, entry: &mut Entry) {
    entry.dependencies = manifest.dependencies.clone();
    entry.dev_dependencies = manifest.dev_dependencies.clone();
    entry.optional_dependencies = manifest.optional_dependencies.clone();
    entry.peer_dependencies = manifest.peer_dependencies.clone();
}

/// The version that the dependent finds.
fn locked_version(tree: &Lockfile, added: &Added) -> Option<Version> {
    let found =
        ancestors(&added.location).find_map(|folder| tree.get(&nested_location(folder, added.name.as_str())));
    Version::parse_loose(found?.version.as_deref()?).ok()
}

/// For packages of a registry: the prefix and the version, unless that would allow what a given range does not.
/// `None` for what is saved as it was given.
fn spec_to_save(spec: &Spec, version: Option<&Version>, settings: &SaveSettings) -> Option<String> {
    let (alias, kind) = match spec.kind() {
        SpecKind::Alias(target) => {
            let name = target.name().map(ToString::to_string).unwrap_or_default();
            (format!("npm:{name}@"), target.kind())
        }
        kind => (String::new(), kind),
    };
    let prefix = if settings.save_exact { "" } else { settings.save_prefix.as_str() };
    let prefixed = match version {
        Some(version) => format!("{prefix}{version}"),
        None => "*".to_owned(),
    };
    match kind {
        SpecKind::Version(_) | SpecKind::Tag(_) => Some(alias + &prefixed),
        SpecKind::Range(range) => {
            // Any version is what a name alone asks for: what it led to is saved, be it a prerelease.
            let fits = range.as_str() == "*"
                || Range::parse(&prefixed).is_ok_and(|prefixed| prefixed.is_subset_of(range));
            Some(alias + if fits { &prefixed } else { range.as_str() })
        }
        _ => None,
    }
}

/// Writes what has changed. With `--no-save` neither is touched, as npm leaves both; but `update` writes the lockfile.
pub(super) fn save(context: &Context, inputs: &Inputs, tree: &Lockfile) -> CliResult<Saved> {
    let mut saved = Saved::default();
    if !writes_lock(context) {
        return Ok(saved);
    }
    let packages = inputs.workspaces.iter().map(|workspace| &workspace.package);
    for package in std::iter::once(&inputs.root).chain(packages) {
        if package.json.is_edited() && context.config.save().save {
            write(package.json.path(), &package.json.to_text())?;
            saved.package_json = true;
        }
    }
    if context.config.lock().package_lock {
        let text = lockfile_text(context, tree);
        if inputs.lock_text.as_deref() != Some(&text) {
            write(&inputs.lock_path, &text)?;
            saved.lockfile = true;
        }
    }
    Ok(saved)
}

/// Whether this command saves what it resolved, if there is to be a lockfile at all.
fn writes_lock(context: &Context) -> bool {
    match &context.command {
        Command::Ci => false,
        Command::Update { .. } => true,
        _ => context.config.save().save,
    }
}

/// Gives the tree its layout, its version, and the name that stands in its head. npm takes the layout of package.json, not
/// that of the lockfile before; and where no lockfile is written, the head of the hidden one is that of the lockfile
/// before.
pub(super) fn settle_document(
    context: &Context,
    inputs: &Inputs,
    before: Option<&Lockfile>,
    tree: &mut Lockfile,
) {
    let settings = context.config.lock();
    tree.format = Format::detect(&inputs.root.json.to_text());
    if let Some(version) = settings.lockfile_version {
        tree.lockfile_version = version;
    }
    if !settings.package_lock || !writes_lock(context) {
        tree.name = before.and_then(|lock| lock.name.clone());
        tree.version = before.and_then(|lock| lock.version.clone());
    }
}

/// The text that the lockfile of this tree gets.
pub(super) fn lockfile_text(context: &Context, tree: &Lockfile) -> String {
    let settings = context.config.lock();
    let mut tree = Cow::Borrowed(tree);
    if settings.omit_lockfile_registry_resolved {
        omit_resolved(context, tree.to_mut());
    }
    if !settings.format_package_lock {
        tree.to_mut().format = Format::compact();
    }
    tree.to_text()
}

/// `omit-lockfile-registry-resolved`: what comes from its registry needs no address.
fn omit_resolved(context: &Context, tree: &mut Lockfile) {
    for (location, entry) in &mut tree.packages {
        let name = entry
            .name
            .as_ref()
            .map_or_else(|| utoo_lockfile::name_of_location(location), |name| name.as_str());
        let registry = context.config.registry_for(name).as_str();
        if !entry.link && entry.resolved.as_deref().is_some_and(|resolved| resolved.starts_with(registry)) {
            entry.resolved = None;
        }
    }
}

pub(super) fn write(path: &std::path::Path, text: &str) -> CliResult<()> {
    utoo_fs::write_durable(path, text).map_err(CliError::from)
}
