//! What an install goes by: package.json, the workspaces, the lockfile.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use utoo_config::ScriptSettings;
use utoo_installer::{Completion, Freshness, Policy, StateInputs, is_up_to_date};
use utoo_lockfile::{Entry, Lockfile, LockfileError};
use utoo_resolver::{Folder, Project};
use utoo_types::{PackageJson, PackageName};

use super::super::dev_engines;
use super::{request, resolve};
use crate::args::Command;
use crate::context::Context;
use crate::error::{CliError, CliResult};
use crate::project::{Package, workspaces};

const LIFECYCLE: [&str; 8] = [
    "preinstall",
    "install",
    "postinstall",
    "prepublish",
    "preprepare",
    "prepare",
    "postprepare",
    "dependencies",
];

/// The project as its files say.
pub(crate) struct Inputs {
    pub(in crate::commands) root: Package,
    pub(super) workspaces: Vec<Workspace>,
    /// Text of package-lock.json or npm-shrinkwrap.json.
    pub(super) lock_text: Option<String>,
    /// Where the lockfile is, or would be.
    pub(super) lock_path: PathBuf,
}

/// What an install put into `node_modules` that no file says (`--no-save`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Unsaved {
    /// Nothing: whoever installs again has nothing to do.
    Nothing,
    /// What the words asked for: the next install takes it back.
    Edits,
}

/// A workspace with its place in the lockfile.
pub(super) struct Workspace {
    /// `packages/a`
    pub(super) location: Arc<str>,
    pub(super) package: Package,
}

impl Inputs {
    /// Reads everything but the hidden lockfile, and holds the project to its `devEngines`. A project without a
    /// package.json is an empty one, as for npm.
    pub(crate) fn read(context: &Context) -> CliResult<Self> {
        let folder = context.root();
        let root = match Package::find(folder)? {
            Some(root) => root,
            None => {
                Package { folder: folder.to_owned(), json: PackageJson::empty(&folder.join("package.json")) }
            }
        };
        dev_engines::check(context, &root)?;
        let workspaces = workspaces(&root)?
            .into_iter()
            .map(|package| Workspace { location: location(folder, &package.folder), package });
        let workspaces = workspaces.collect();
        let (lock_path, lock_text) = read_lock(context)?;
        Ok(Self { root, workspaces, lock_text, lock_path })
    }

    /// The package.json at a location; empty for the root.
    pub(super) fn package_at(&mut self, location: &str) -> Option<&mut Package> {
        if location.is_empty() {
            return Some(&mut self.root);
        }
        let found = self.workspaces.iter_mut().find(|workspace| &*workspace.location == location);
        found.map(|workspace| &mut workspace.package)
    }

    /// Line and column of a dependency in the package.json at a location, as the file has it.
    pub(crate) fn entry_place(&self, location: &str, block: &str, name: &str) -> Option<(usize, usize)> {
        let package = match location {
            "" => &self.root,
            _ => &self.workspaces.iter().find(|workspace| &*workspace.location == location)?.package,
        };
        package.json.place_of(&[block, name])
    }

    /// Line and column of an override in the project's package.json, by its keys from `overrides` on.
    pub(in crate::commands) fn override_place(&self, keys: &[&str]) -> Option<(usize, usize)> {
        self.root.json.place_of(keys)
    }

    /// Whether a workspace has this name.
    pub(super) fn has_workspace(&self, name: &PackageName) -> bool {
        self.workspaces.iter().any(|workspace| workspace.package.json.name() == Some(name))
    }

    pub(in crate::commands) fn workspace_packages(&self) -> impl Iterator<Item = &Package> {
        self.workspaces.iter().map(|workspace| &workspace.package)
    }

    pub(in crate::commands) fn workspace_locations(&self) -> Vec<Arc<str>> {
        self.workspaces.iter().map(|workspace| Arc::clone(&workspace.location)).collect()
    }

    /// Refuses workspaces of one name, and overrides that contradict package.json as it is, whatever the command is about
    /// to change in it. Of a plain install, which asks for nothing before it resolves, the resolver looks at the names.
    pub(super) fn check(&self, context: &Context, is_plain: bool) -> CliResult<()> {
        if self.root.json.manifest().overrides.is_none() && (is_plain || self.workspaces.is_empty()) {
            return Ok(());
        }
        let project = self.to_project(context, None, (&[], Vec::new()))?;
        Ok(utoo_resolver::check_project(&project, resolve::peers(context))?)
    }

    /// What packages may do here.
    pub(in crate::commands) fn policy(&self, context: &Context) -> CliResult<Policy> {
        crate::policy::policy(context, &self.root, self.workspaces.iter().map(|workspace| &workspace.package))
    }

    /// Whether there is nothing to install and no script to run.
    pub(in crate::commands) fn is_up_to_date(&self, context: &Context) -> bool {
        let runs_scripts = !context.config.scripts().ignore_scripts
            && std::iter::once(&self.root)
                .chain(self.workspaces.iter().map(|workspace| &workspace.package))
                .any(|package| LIFECYCLE.iter().any(|event| package.json.manifest().script(event).is_some()));
        if runs_scripts || context.config.lock().package_lock_only || context.config.resolve().force {
            return false;
        }
        let freshness = is_up_to_date(context.root(), &self.state(context, Unsaved::Nothing, Vec::new()));
        if let Freshness::Stale(reason) = &freshness
            && context.output.is_verbose()
        {
            context.output.note(&format!("not up to date: {reason}"));
        }
        freshness == Freshness::Fresh
    }

    /// What decides whether an install has anything to do.
    pub(in crate::commands) fn state(
        &self,
        context: &Context,
        edits: Unsaved,
        mut folders: Vec<PathBuf>,
    ) -> StateInputs {
        let mut files =
            vec![PathBuf::from("package.json"), "package-lock.json".into(), "npm-shrinkwrap.json".into()];
        for workspace in &self.workspaces {
            let folder = PathBuf::from(&*workspace.location);
            files.push(folder.join("package.json"));
            folders.extend(folder.parent().map(Path::to_owned));
        }
        let config = &context.config;
        let settings = format!(
            "{} {edits:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            env!("CARGO_PKG_VERSION"),
            config.workspaces(),
            config.resolve(),
            config.install(),
            config.lock(),
            config.default_registry().as_str(),
            gate(config.scripts()),
            config.scoped_registries().map(|(scope, url)| (scope, url.as_str())).collect::<Vec<_>>(),
        );
        StateInputs { files, folders, settings }
    }

    /// What the lockfile says. One that cannot be read counts as none, as for npm; one that names places outside of the
    /// project is refused.
    pub(in crate::commands) fn lock_of_file(&self, context: &Context) -> CliResult<Option<Lockfile>> {
        let Some(text) = &self.lock_text else { return Ok(None) };
        match Lockfile::parse(text, &self.lock_path) {
            Ok(lock) => Ok(Some(lock)),
            Err(error @ LockfileError::Syntax { .. }) => {
                context.output.warn(&format!("{error}; it is made anew"));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The lockfile, or else what is installed.
    pub(crate) fn lock(&self, context: &Context) -> CliResult<Option<Lockfile>> {
        Ok(self.lock_of_file(context)?.or_else(|| hidden_lock(context.root())))
    }

    /// The project as the resolver takes it, from the lockfile that is given; `targets` are the locations that the command
    /// is about, `requests` the names that it asks for.
    pub(crate) fn to_project(
        &self,
        context: &Context,
        lock: Option<Lockfile>,
        (targets, requests): (&[Arc<str>], Vec<PackageName>),
    ) -> CliResult<Project> {
        let folder = context.root();
        let workspaces: Vec<Folder> = self
            .workspaces
            .iter()
            .map(|workspace| Folder {
                location: Arc::clone(&workspace.location),
                manifest: Arc::new(workspace.package.json.manifest().clone()),
            })
            .collect();
        let folders = linked_folders(folder, lock.as_ref(), &workspaces)?;
        // `utoo ci` unpacks everything.
        let is_kept = context.command != Command::Ci;
        let unpacked = lock.as_ref().filter(|_| is_kept).map(|lock| unpacked(folder, lock));
        Ok(Project {
            manifest: Arc::new(self.root.json.manifest().clone()),
            folder_name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            before: None,
            workspaces_field: self.root.json.value().get("workspaces").cloned().map(Arc::new),
            workspaces,
            folders,
            lock: lock.map(Arc::new),
            unpacked: unpacked.unwrap_or_default(),
            requests,
            targets: targets.to_vec(),
            folder: Some(folder.to_owned()),
            home: context.env.get("HOME").map(|home| request::relative(folder, Path::new(home)).into()),
        })
    }
}

/// What decides, besides package.json, on which scripts of dependencies have to have run.
fn gate(scripts: &ScriptSettings) -> impl std::fmt::Debug {
    let (all, strict) = (scripts.dangerously_allow_all_scripts, scripts.strict_allow_scripts);
    (scripts.ignore_scripts, all, strict, &scripts.allow_scripts)
}

/// Which entries of the tree may take from their packages what abbreviated metadata lacks: those that the lockfile before
/// (or the hidden one) had not. What an old lockfile was completed with by its packages' manifests stays without it too,
/// and so does what a package's shrinkwrap says little of.
pub(super) fn completion(before: Option<&Lockfile>, tree: &Lockfile) -> Completion {
    let has_shrinkwraps = tree.packages.values().any(|entry| entry.has_shrinkwrap);
    let nothing = Lockfile::default();
    let before = match before {
        None if !has_shrinkwraps => return Completion::All,
        before => before.unwrap_or(&nothing),
    };
    let is_old = |location: &Arc<str>, entry: &Entry| {
        before.get(location).is_some_and(|old| {
            let same_source = old.resolved.is_none() || old.resolved == entry.resolved;
            old.version == entry.version && same_source
        })
    };
    let is_listed = |location: &str| has_shrinkwraps && tree.is_in_shrinkwrap(location);
    let fresh = tree.packages.iter();
    let fresh = fresh.filter(|(location, entry)| !is_old(location, entry) && !is_listed(location));
    Completion::Only(fresh.map(|(location, _)| location.clone()).collect())
}

/// npm-shrinkwrap.json comes before package-lock.json. Where lockfiles are off, neither is read, but for `utoo ci`.
fn read_lock(context: &Context) -> CliResult<(PathBuf, Option<String>)> {
    let default = context.root().join("package-lock.json");
    if !context.config.lock().package_lock && context.command != Command::Ci {
        return Ok((default, None));
    }
    for path in [context.root().join("npm-shrinkwrap.json"), default.clone()] {
        match utoo_fs::read_to_string(&path) {
            Ok(text) => return Ok((path, Some(text))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(CliError::io("cannot read", &path, &error)),
        }
    }
    Ok((default, None))
}

/// What is installed, where nothing else says; unreadable counts as nothing, and so does the list of a linked tree, which
/// says nothing of the ideal tree behind it.
fn hidden_lock(root: &Path) -> Option<Lockfile> {
    let path = root.join("node_modules/.package-lock.json");
    Lockfile::parse(&utoo_fs::read_to_string(&path).ok()?, &path).ok()
}

/// Where packages with a shrinkwrap are installed as the lock has them: next to nobody has any.
fn unpacked(root: &Path, lock: &Lockfile) -> Vec<Arc<str>> {
    let mut with_shrinkwrap = lock.packages.iter().filter(|(_, entry)| entry.has_shrinkwrap).peekable();
    let installed = with_shrinkwrap.peek().and_then(|_| hidden_lock(root)).unwrap_or_default();
    let is_there = |(location, entry): &(&Arc<str>, &Entry)| {
        installed.get(location).is_some_and(|there| {
            (&there.version, &there.resolved, &there.integrity)
                == (&entry.version, &entry.resolved, &entry.integrity)
        })
    };
    with_shrinkwrap.filter(is_there).map(|(location, _)| Arc::clone(location)).collect()
}

/// Folders that the lock links to and that are no workspaces, with what their package.json says now.
fn linked_folders(root: &Path, lock: Option<&Lockfile>, workspaces: &[Folder]) -> CliResult<Vec<Folder>> {
    let mut folders: Vec<Folder> = Vec::new();
    for entry in lock.into_iter().flat_map(|lock| lock.packages.values()).filter(|entry| entry.link) {
        let Some(location) = &entry.resolved else { continue };
        if workspaces.iter().chain(&folders).any(|known| known.location == *location) {
            continue;
        }
        if let Some(package) = Package::find(&root.join(&**location))? {
            folders.push(Folder {
                location: Arc::clone(location),
                manifest: Arc::new(package.json.manifest().clone()),
            });
        }
    }
    Ok(folders)
}

fn location(root: &Path, folder: &Path) -> Arc<str> {
    folder.strip_prefix(root).unwrap_or(folder).to_string_lossy().into()
}
