//! What the words ask to add or remove.

use std::path::Path;
use std::sync::Arc;

use utoo_config::SaveKind;
use utoo_registry::UnifiedRegistry;
use utoo_resolver::{Documents, ErrorCategory, ManifestJob, ManifestJobDone, Registry, RegistryError};
use utoo_types::{Dependencies, DependencyKind, Manifest, PackageName, Spec, SpecContext, SpecKind, pick};

use super::inputs::Inputs;
use super::resolve;
use super::targets::Targets;
use crate::context::Context;
use crate::error::{Category, CliError, CliResult};

/// The edits of package.json files that a command makes. They are made provisionally before the resolve, and their
/// specs settled after it.
#[derive(Default)]
pub(super) struct Edits {
    pub(super) added: Vec<Added>,
    /// Whether `added` are dependencies that were there, whose ranges follow an update.
    pub(super) raised: bool,
    /// Names that were asked for, for the resolver to look at afresh.
    pub(super) requests: Vec<PackageName>,
    pub(super) removed: usize,
}

/// A dependency that was asked for.
pub(super) struct Added {
    /// Where its package.json is: empty for the root.
    pub(super) location: Arc<str>,
    pub(super) name: PackageName,
    /// The block that a flag said; without one it is saved wherever it is.
    pub(super) saved_to: Option<DependencyKind>,
    /// Whether the project's own edge to a workspace goes before what is asked for.
    pub(super) is_workspace: bool,
    /// What is wanted, as it was typed or as package.json had it.
    pub(super) spec: Spec,
}

impl Edits {
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed == 0
    }

    /// Puts each spec into the package.json of the project or of the selected workspaces.
    pub(super) async fn to_add(
        context: &Context,
        inputs: &mut Inputs,
        (registry, targets): (&UnifiedRegistry, &Targets),
        texts: &[String],
    ) -> CliResult<Self> {
        let mut edits = Self::default();
        if texts.is_empty() {
            return Ok(edits);
        }
        let home = context.env.get("HOME").map(Into::into);
        let typed_in = SpecContext { directory: context.cwd.clone(), home };
        for text in texts {
            let spec = Spec::parse(text, &typed_in)?;
            let name = name_of(&spec, registry).await?;
            let spec = match spec.kind() {
                SpecKind::Tag(_) => {
                    let version = tagged(&name, &spec, (context, registry)).await?;
                    Spec::parse(&format!("{name}@{version}"), &typed_in)?
                }
                _ => spec,
            };
            for location in targets.locations() {
                edits.added.push(add(context, inputs, location, (&name, &spec))?);
                edits.requests.push(name.clone());
            }
        }
        Ok(edits)
    }

    /// Has the ranges in package.json of the project and of all workspaces follow the versions that an update leads to, of
    /// these names or all: whichever workspaces the update is for, npm saves for everybody who depends on what it may have
    /// moved, its own workspaces among them. Exact versions and what comes from no registry stay.
    pub(super) fn to_raise(context: &Context, inputs: &mut Inputs, names: &[String]) -> CliResult<Self> {
        let is_meant =
            |name: &PackageName| names.is_empty() || names.iter().any(|meant| meant == name.as_str());
        let mut edits = Self { raised: true, ..Self::default() };
        for location in std::iter::once("".into()).chain(inputs.workspace_locations()) {
            let Some(package) = inputs.package_at(&location) else { continue };
            for (name, text) in dependencies(package.json.manifest()).into_iter().filter(|it| is_meant(&it.0))
            {
                let spec = spec_in(context, &name, &text, &package.folder)?;
                let location = Arc::clone(&location);
                edits.added.push(Added { location, name, saved_to: None, is_workspace: false, spec });
            }
        }
        let folder = inputs.root.folder.clone();
        for workspace in &inputs.workspaces {
            let name = &workspace.package.json.manifest().name;
            if is_meant(name) {
                let spec = spec_in(context, name, &format!("file:{}", workspace.location), &folder)?;
                let (location, name) = ("".into(), name.clone());
                edits.added.push(Added { location, name, saved_to: None, is_workspace: true, spec });
            }
        }
        Ok(edits)
    }

    /// Takes each name out of every block of the project, or of the selected workspaces.
    pub(super) fn to_remove(inputs: &mut Inputs, targets: &Targets, names: &[String]) -> Self {
        let mut edits = Self::default();
        for location in targets.locations() {
            let Some(package) = inputs.package_at(location) else { continue };
            edits.removed += names.iter().filter(|name| package.json.remove_dependency(name)).count();
        }
        edits
    }
}

/// The name under which a package is installed. Folders, tarballs and repositories have to be asked for theirs.
async fn name_of(spec: &Spec, registry: &UnifiedRegistry) -> CliResult<PackageName> {
    if let Some(name) = spec.name() {
        return Ok(name.clone());
    }
    let job = ManifestJob::Source { spec: Arc::new(spec.clone()) };
    let ManifestJobDone::Source(found) = registry.execute(job).await? else {
        return Err(no_name(spec));
    };
    let name = found.manifest.name.as_str();
    // It becomes a path: a name that the package gives itself is not believed unchecked.
    PackageName::parse(name).map_err(|error| no_name(spec).because_of(&error))
}

/// The version that a tag means. npm looks up what is asked for before it resolves anything, so a tag that is not there is an
/// error even of an optional dependency, and one that is there means just that version.
async fn tagged(
    name: &PackageName,
    spec: &Spec,
    (context, registry): (&Context, &UnifiedRegistry),
) -> CliResult<String> {
    let job = match registry.documents(name) {
        Documents::Full => ManifestJob::Full { name: name.clone() },
        Documents::ByVersion => ManifestJob::Version { name: name.clone(), spec: spec.raw_spec().into() },
    };
    match registry.execute(job).await? {
        ManifestJobDone::Full(packument) => {
            let picked = pick(&packument, spec.kind(), &resolve::options(context).pick).map_err(|error| {
                RegistryError::new(error.code(), ErrorCategory::NotFound, error.to_string())
            })?;
            Ok(picked.version_text().to_owned())
        }
        ManifestJobDone::Version(manifest) => Ok(manifest.raw_version.to_string()),
        _ => Err(no_name(spec)),
    }
}

fn no_name(spec: &Spec) -> CliError {
    CliError::new(Category::Precondition, "EINVALIDPACKAGENAME", format!("{} has no valid name", spec.raw()))
}

fn add(
    context: &Context,
    inputs: &mut Inputs,
    location: &Arc<str>,
    (name, spec): (&PackageName, &Spec),
) -> CliResult<Added> {
    let saved_to = context.config.save().kind.map(block);
    let root = context.root().to_owned();
    let is_workspace = location.is_empty() && inputs.has_workspace(name);
    let Some(package) = inputs.package_at(location) else {
        return Err(CliError::new(
            Category::NotFound,
            "ENOWORKSPACES",
            format!("no workspace at {location}"),
        ));
    };
    let kind = saved_to.or_else(|| block_of(package.json.manifest(), name)).unwrap_or(DependencyKind::Prod);
    // A name alone means what its block asks for already, else any version: the default tag's if that will do.
    let bare = spec.is_registry() && spec.raw_spec().trim_matches('*').is_empty();
    let text = (!bare).then(|| written(spec, &root.join(&**location)));
    package.json.request_dependency(kind, name, text.as_deref());
    if saved_to == Some(DependencyKind::Peer) {
        package.json.require_peer(name);
    }
    if context.config.save().save_bundle {
        package.json.bundle_dependency(name);
    }
    // Of a name in several blocks one counts, wherever it is saved.
    let manifest = package.json.manifest();
    let counts = block_of(manifest, name).and_then(|kind| in_block(manifest, kind, name));
    let text = counts.cloned().unwrap_or_else(|| "*".into());
    let spec = spec_in(context, name, &text, &package.folder)?;
    Ok(Added { location: Arc::clone(location), name: name.clone(), saved_to, is_workspace, spec })
}

/// A spec as a package.json in this folder means it.
fn spec_in(context: &Context, name: &PackageName, text: &str, folder: &Path) -> CliResult<Spec> {
    let home = context.env.get("HOME").map(Into::into);
    Ok(Spec::resolve_in(name, text, &SpecContext { directory: folder.to_owned(), home })?)
}

/// Every dependency that an update may change, once, by the block that counts.
fn dependencies(manifest: &Manifest) -> Vec<(PackageName, Arc<str>)> {
    let lines =
        BLOCKS.into_iter().flat_map(|kind| block_in(manifest, kind).iter().map(move |line| (kind, line)));
    let lines = lines.filter(|(kind, (name, _))| block_of(manifest, name) == Some(*kind));
    lines.map(|(_, (name, spec))| (name.clone(), Arc::clone(spec))).collect()
}

/// Whether an update moves what the spec stands for, and the spec with it: where not, package.json is written again as it
/// is.
pub(super) fn can_be_raised(spec: &Spec) -> bool {
    match spec.kind() {
        SpecKind::Range(_) | SpecKind::Tag(_) => true,
        SpecKind::Alias(target) => can_be_raised(target),
        _ => false,
    }
}

fn block(kind: SaveKind) -> DependencyKind {
    match kind {
        SaveKind::Prod => DependencyKind::Prod,
        SaveKind::Dev => DependencyKind::Dev,
        SaveKind::Optional => DependencyKind::Optional,
        SaveKind::Peer | SaveKind::PeerOptional => DependencyKind::Peer,
    }
}

/// Where a name is in several blocks, npm takes the first of these.
const BLOCKS: [DependencyKind; 4] =
    [DependencyKind::Dev, DependencyKind::Optional, DependencyKind::Prod, DependencyKind::Peer];

/// The block in which a name stands.
fn block_of(manifest: &Manifest, name: &PackageName) -> Option<DependencyKind> {
    BLOCKS.into_iter().find(|kind| in_block(manifest, *kind, name).is_some())
}

fn in_block<'m>(manifest: &'m Manifest, kind: DependencyKind, name: &PackageName) -> Option<&'m Arc<str>> {
    block_in(manifest, kind).get(name.as_str())
}

fn block_in(manifest: &Manifest, kind: DependencyKind) -> &Dependencies {
    match kind {
        DependencyKind::Prod => &manifest.dependencies,
        DependencyKind::Dev => &manifest.dev_dependencies,
        DependencyKind::Optional => &manifest.optional_dependencies,
        DependencyKind::Peer => &manifest.peer_dependencies,
    }
}

/// A spec as package.json has it: paths relative to its own folder.
pub(super) fn written(spec: &Spec, folder: &Path) -> String {
    match spec.kind() {
        SpecKind::Directory(path) | SpecKind::File(path) => format!("file:{}", relative(folder, path)),
        SpecKind::Git(_) | SpecKind::Remote(_) => spec.save_spec().unwrap_or(spec.raw_spec()).to_owned(),
        _ => spec.raw_spec().to_owned(),
    }
}

/// The way from one folder to another, both absolute.
pub(in crate::commands) fn relative(from: &Path, to: &Path) -> String {
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| "..".to_owned());
    let down = to.components().skip(shared).map(|part| part.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}
