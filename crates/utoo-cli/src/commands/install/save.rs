//! package.json and the lockfile, written last and only where they changed.

use std::borrow::Cow;

use serde_json::json;
use utoo_config::{Config, InstallStrategy, SaveSettings};
use utoo_lockfile::{CURRENT_VERSION, Entry, Format, Lockfile, nested_location};
use utoo_types::{DependencyKind, PackageJson, Range, SpecKind, Version};

use super::inputs::Inputs;
use super::refresh::Refresh;
use super::request::{Added, Edits, can_be_raised, written};
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
    let settled: Vec<&Added> =
        edits.added.iter().filter(|added| !edits.raised || is_raised(tree, added)).collect();
    for &added in &settled {
        let found = locked(tree, added);
        let Some(package) = inputs.package_at(&added.location) else { continue };
        if edits.raised && !can_be_raised(&added.spec) {
            package.json.write_again();
            continue;
        }
        let settings = context.config.save();
        let spec = match added.is_workspace {
            true => prefixed(version_of(found).as_ref(), settings),
            false => {
                spec_to_save(added, found, settings).unwrap_or_else(|| written(&added.spec, &package.folder))
            }
        };
        let is_path = matches!(added.spec.kind(), SpecKind::Directory(_) | SpecKind::File(_));
        package.json.save_dependency(added.saved_to, &added.name, &spec, |before| {
            !is_path && intersect(before, &spec)
        });
    }
    for added in settled {
        let Some(package) = inputs.package_at(&added.location) else { continue };
        if let Some(entry) = tree.packages.get_mut(&added.location) {
            copy_dependencies(&package.json, entry);
        }
    }
}

/// Whether npm saves a range for what an update led to: for what stands in the project's own `node_modules`, unless
/// somebody asks for just the version that is there.
fn is_raised(tree: &Lockfile, added: &Added) -> bool {
    let name = added.name.as_str();
    let place = nested_location("", name);
    let finds = |from: &str| tree.resolve(from, name).is_some_and(|(at, _)| **at == place);
    let version = locked(tree, added).and_then(|entry| entry.version.as_deref());
    let exact = version.and_then(|version| Range::parse(version).ok());
    let is_exact = |spec: &str| {
        exact.as_ref().is_some_and(|exact| Range::parse(spec).is_ok_and(|spec| spec.is_subset_of(exact)))
    };
    finds(&added.location)
        && !tree.packages.iter().any(|(from, entry)| {
            let blocks = [
                &entry.dependencies,
                &entry.dev_dependencies,
                &entry.optional_dependencies,
                &entry.peer_dependencies,
            ];
            let specs = blocks.into_iter().filter_map(|block| block.get(name));
            specs.into_iter().any(|spec| is_exact(spec) && finds(from))
        })
}

fn intersect(a: &str, b: &str) -> bool {
    Range::parse(a).is_ok_and(|a| Range::parse(b).is_ok_and(|b| a.intersects(&b)))
}

fn copy_dependencies(json: &PackageJson, entry: &mut Entry) {
    let block = |kind| json.locked_block(kind).unwrap_or_default();
    entry.dependencies = block(DependencyKind::Prod);
    entry.dev_dependencies = block(DependencyKind::Dev);
    entry.optional_dependencies = block(DependencyKind::Optional);
    entry.peer_dependencies = block(DependencyKind::Peer);
    entry.peer_dependencies_meta.clone_from(&json.manifest().peer_dependencies_meta);
}

/// What the dependent finds.
fn locked<'t>(tree: &'t Lockfile, added: &Added) -> Option<&'t Entry> {
    match tree.resolve(&added.location, added.name.as_str()) {
        Some((_, link)) if link.link => tree.get(link.resolved.as_deref()?),
        found => found.map(|(_, entry)| entry),
    }
}

fn version_of(entry: Option<&Entry>) -> Option<Version> {
    Version::parse_loose(entry?.version.as_deref()?).ok()
}

/// For packages of a registry: the prefix and the version, unless that would allow what a given range does not.
/// `None` for what is saved as it was given. Whether it is an alias is said by what was found: what stood there before
/// may do in its place.
fn spec_to_save(added: &Added, found: Option<&Entry>, settings: &SaveSettings) -> Option<String> {
    let (asked, kind) = match added.spec.kind() {
        SpecKind::Alias(target) => (target.name(), target.kind()),
        kind => (None, kind),
    };
    let package = match found {
        Some(entry) => entry.name.as_ref(),
        None => asked,
    };
    let alias = package.filter(|package| **package != added.name);
    let alias = alias.map_or_else(String::new, |package| format!("npm:{package}@"));
    let prefixed = prefixed(version_of(found).as_ref(), settings);
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

fn prefixed(version: Option<&Version>, settings: &SaveSettings) -> String {
    let prefix = if settings.save_exact { "" } else { settings.save_prefix.as_str() };
    version.map_or_else(|| "*".to_owned(), |version| format!("{prefix}{version}"))
}

/// Writes what has changed. With `--no-save` neither is touched, as npm leaves both; but `update` writes the lockfile.
/// Gives the text that the lockfile has then, too, if there is to be one.
pub(super) fn save(
    context: &Context,
    (inputs, saving): (&Inputs, Saving),
    tree: &Lockfile,
) -> CliResult<(Saved, Option<String>)> {
    let (mut saved, mut written) = (Saved::default(), None);
    if saving == Saving::NotSaved {
        return Ok((saved, written));
    }
    let packages = inputs.workspaces.iter().map(|workspace| &workspace.package);
    for package in std::iter::once(&inputs.root).chain(packages) {
        if package.json.is_edited() && context.config.save().save {
            write(package.json.path(), &package.json.to_text())?;
            saved.package_json = true;
        }
    }
    if context.config.lock().package_lock {
        let text = lockfile_text(context, &unlisted(context, inputs, tree));
        if inputs.lock_text.as_deref() != Some(&text) {
            write(&inputs.lock_path, &text)?;
            saved.lockfile = true;
        }
        written = Some(text);
    }
    Ok((saved, written))
}

/// npm learns what the shrinkwraps of packages list only when it lays a linked tree out, and writes down what the lockfile
/// had of it before.
fn unlisted<'t>(context: &Context, inputs: &Inputs, tree: &'t Lockfile) -> Cow<'t, Lockfile> {
    let is_linked = context.config.resolve().install_strategy == InstallStrategy::Linked;
    let has_shrinkwraps = tree.packages.values().any(|entry| entry.has_shrinkwrap);
    if !is_linked || !has_shrinkwraps || context.is_only_lock() {
        return Cow::Borrowed(tree);
    }
    let before = inputs.lock_text.as_deref().and_then(|text| Lockfile::parse(text, &inputs.lock_path).ok());
    let before = before.unwrap_or_default();
    let mut listed = tree.clone();
    listed.packages.retain(|location, _| before.get(location).is_some() || !tree.is_in_shrinkwrap(location));
    Cow::Owned(listed)
}

/// Whether a command saves what it resolved, if there is to be a lockfile at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Saving {
    /// package.json where it changed, and the lockfile.
    Saved,
    /// Neither.
    NotSaved,
}

impl Saving {
    /// What this command does. `dedupe` saves where there was something that it could do without.
    pub(super) fn of(context: &Context, refresh: &Refresh) -> Self {
        let saves = match &context.command {
            Command::Ci => false,
            Command::Dedupe => !refresh.names.is_empty(),
            Command::Update { .. } => true,
            _ => context.config.save().save,
        };
        if saves { Self::Saved } else { Self::NotSaved }
    }
}

/// Gives the tree its layout, its version, and the name that stands in its head. npm takes the layout of package.json, not
/// that of the lockfile before; and where no lockfile is written, the head of the hidden one is that of the lockfile
/// before.
pub(super) fn settle_document(
    context: &Context,
    (inputs, saving): (&Inputs, Saving),
    before: Option<&Lockfile>,
    tree: &mut Lockfile,
) {
    let settings = context.config.lock();
    tree.format = Format::detect(&inputs.root.json.to_text());
    if let Some(version) = settings.lockfile_version {
        if tree.lockfile_version > CURRENT_VERSION {
            // The head of a later version was left alone; that of this one says what package.json does.
            let manifest = inputs.root.json.manifest();
            let folder = inputs.root.folder.file_name().unwrap_or_default().to_string_lossy();
            let name = manifest.name.as_str();
            tree.name = Some(if name.is_empty() { folder.into() } else { name.into() });
            tree.version = (!manifest.raw_version.is_empty()).then(|| manifest.raw_version.clone());
        }
        tree.lockfile_version = version;
        tree.extra.remove("lockfileVersion");
    }
    // Of empty blocks npm keeps this one.
    let packages = inputs.workspaces.iter().map(|workspace| (&*workspace.location, &workspace.package));
    for (location, package) in std::iter::once(("", &inputs.root)).chain(packages) {
        let is_empty = package.json.locked_block(DependencyKind::Dev).is_some_and(|block| block.is_empty());
        if let (true, Some(entry)) = (is_empty, tree.packages.get_mut(location)) {
            entry.extra.insert(DependencyKind::Dev.key().to_owned(), json!({}));
        }
    }
    if !settings.package_lock || saving == Saving::NotSaved {
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
        if is_registrys(&context.config, location, entry) {
            entry.resolved = None;
        }
    }
}

/// Whether an entry has its address at the registry that is configured for it.
pub(super) fn is_registrys(config: &Config, location: &str, entry: &Entry) -> bool {
    let registry = config.registry_for(entry.package_name(location)).as_str();
    !entry.link && entry.resolved.as_deref().is_some_and(|resolved| resolved.starts_with(registry))
}

pub(super) fn write(path: &std::path::Path, text: &str) -> CliResult<()> {
    utoo_fs::write_durable(path, text).map_err(CliError::from)
}
