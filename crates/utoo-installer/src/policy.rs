//! The one place that says what a package may do: run its install scripts, and come from where it comes from.
//!
//! Pure. What is decided here is enforced elsewhere: scripts by `lifecycle`, which hands everything that may run to the
//! one [`crate::ScriptRunner`], sources by whoever fetches. A jail for allowed scripts belongs into that runner, with
//! what it may reach decided here; signatures and provenance of a package belong into [`Policy::check_lockfile`] and
//! [`Policy::origin`], beside the question where it came from.

use std::path::PathBuf;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use utoo_lockfile::{Entry, Lockfile};
use utoo_types::{
    Algorithm, AllowScripts, Approval, Integrity, PackageSource, RegistryHosts, ScriptTarget, Spec,
    SpecContext, SpecKind, registry_tarball,
};

use crate::installer::normalized;
use crate::recipe::package_name;
use crate::select::{is_in_modules, label_of};
use crate::{InstallError, Result};

/// Whether install scripts of dependencies need to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScriptGate {
    /// They run where `allowScripts` allows it.
    #[default]
    Rules,
    /// An install that finds one of which `allowScripts` says nothing fails (`strict-allow-scripts`).
    Strict,
    /// All run (`dangerously-allow-all-scripts`).
    Open,
}

/// Whether packages may depend on what is in no registry (`block-exotic-subdeps`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExoticSubdeps {
    /// Only the project's own folders may: git repositories, URLs, files and folders named deeper down are refused.
    #[default]
    Refuse,
    /// All may.
    Allow,
}

/// Why install scripts of a package don't run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// `allowScripts` says nothing of it.
    Unreviewed,
    /// `allowScripts` denies it.
    Denied,
    /// `allowScripts` allows the registry's package of this name, and this one comes from elsewhere.
    OtherSource,
    /// It came inside another package's tarball: nobody vouches for what it is.
    Bundled,
}

/// Whether a dependency may run its install scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may; its files are private copies then.
    Allow,
    /// It may not, and the summary says why.
    Deny(SkipReason),
}

/// Whether scripts of dependencies are wanted at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InstallScripts {
    /// Those that the gate lets through.
    #[default]
    Wanted,
    /// None (`ignore-scripts`).
    Ignored,
}

/// What becomes of the `prepare` script of a package from a git repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Prepare {
    /// It runs, in a clone, before the package is packed.
    Run,
    /// A package that has one is refused: its sources are not the package.
    Refuse,
    /// It does not run: the package is what is in its repository. So is all that comes from elsewhere.
    Skip,
}

/// Where the bytes of a package come from, as far as its address tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A registry that is configured, or a source that the project itself names.
    Known,
    /// A host that nobody configured: only what a configured registry vouches for, by its integrity, may come from there.
    Foreign,
    /// A repository, file or folder that only a dependency names, and such are refused.
    Refused,
}

/// What packages may do.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The project's folder; paths of lockfiles and rules start there.
    pub project: PathBuf,
    /// `allowScripts`.
    pub allow_scripts: AllowScripts,
    /// What of it counts.
    pub gate: ScriptGate,
    /// Whether scripts are wanted at all. Decides about `prepare`; install scripts run where there is a runner.
    pub install_scripts: InstallScripts,
    /// What surrounding installs are preparing, as [`Policy::stamp_of`] has it: a package that needs itself to be built
    /// gets its sources.
    pub preparing: Vec<String>,
    /// The hosts of registries that are configured.
    pub registries: RegistryHosts,
    /// Repositories, URLs, files and folders that the project's own package.json files ask for.
    pub own_sources: Vec<Spec>,
    /// Whether others may be asked for by dependencies.
    pub exotic_subdeps: ExoticSubdeps,
}

impl Policy {
    /// Whether it could allow any script at all.
    pub(crate) fn allows_any(&self) -> bool {
        self.gate == ScriptGate::Open || !self.allow_scripts.is_empty()
    }

    /// Whether any package could be prepared.
    pub fn may_prepare_any(&self) -> bool {
        self.install_scripts == InstallScripts::Wanted && self.allows_any()
    }

    /// What becomes of `prepare`, if what is at this `resolved` has it: it runs where install scripts of that very source
    /// may run.
    pub fn prepare(&self, resolved: &str) -> Prepare {
        let is_prepared_outside =
            || !self.preparing.is_empty() && self.preparing.contains(&Self::stamp_of(resolved));
        if !is_repository(resolved)
            || self.install_scripts == InstallScripts::Ignored
            || is_prepared_outside()
        {
            return Prepare::Skip;
        }
        let approval = self.allow_scripts.approval(PackageSource::Exotic(resolved));
        match self.gate == ScriptGate::Open || approval == Approval::Allowed {
            true => Prepare::Run,
            false => Prepare::Refuse,
        }
    }

    /// How an environment names what is at a `resolved`: the URL may hold what is nobody's business.
    pub fn stamp_of(resolved: &str) -> String {
        Integrity::of(Algorithm::Sha256, resolved.as_bytes()).hex()
    }

    /// The verdict on the install scripts of a lockfile's entry.
    pub fn verdict(&self, location: &str, entry: &Entry) -> Verdict {
        if self.gate == ScriptGate::Open {
            return Verdict::Allow;
        }
        let identity = Identity::new(self, location, entry);
        match self.allow_scripts.approval(identity.source()) {
            Approval::Allowed => Verdict::Allow,
            Approval::Denied => Verdict::Deny(SkipReason::Denied),
            Approval::Unreviewed => Verdict::Deny(self.reason(&identity, location, entry)),
        }
    }

    fn reason(&self, identity: &Identity<'_>, location: &str, entry: &Entry) -> SkipReason {
        match identity {
            Identity::Bundled => SkipReason::Bundled,
            Identity::Exotic(_) => {
                let name = package_name(location, entry);
                let namesake =
                    PackageSource::Registry { name: name.as_str(), version: entry.version.as_deref() };
                match self.allow_scripts.approval(namesake) {
                    Approval::Allowed => SkipReason::OtherSource,
                    _ => SkipReason::Unreviewed,
                }
            }
            Identity::Registry { .. } => SkipReason::Unreviewed,
        }
    }

    /// What an approval or a denial of this entry has to name; `None` for what is bundled, which nobody can approve.
    pub fn script_target(&self, location: &str, entry: &Entry) -> Option<ScriptTarget> {
        match Identity::new(self, location, entry) {
            Identity::Bundled => None,
            Identity::Registry { name, version } => Some(ScriptTarget::Registry {
                name,
                versions: version.into_iter().map(str::to_owned).collect(),
            }),
            Identity::Exotic(source) => Some(ScriptTarget::Exotic { source: self.absolute(&source) }),
        }
    }

    /// `file:` and a path from the root, as npm writes such keys; anything else as it is.
    fn absolute(&self, source: &str) -> String {
        let spec = self.parse(source);
        match spec.as_ref().map(Spec::kind) {
            Some(SpecKind::File(path) | SpecKind::Directory(path)) => format!("file:{}", path.display()),
            _ => source.to_owned(),
        }
    }

    fn parse(&self, text: &str) -> Option<Spec> {
        Spec::parse(text, &SpecContext { directory: self.project.clone(), home: None }).ok()
    }

    /// Where something with this `resolved` (of a lockfile, or of a registry's answer) comes from.
    pub fn origin(&self, resolved: &str) -> Origin {
        let is_http = resolved.starts_with("https:") || resolved.starts_with("http:");
        if resolved.starts_with("npm:") || (is_http && self.registries.contains(resolved)) {
            return Origin::Known;
        }
        let is_own =
            || self.parse(resolved).is_some_and(|spec| self.is_own(&spec) || self.is_own_folder(&spec));
        if self.exotic_subdeps == ExoticSubdeps::Allow || is_own() {
            Origin::Known
        } else if is_http {
            Origin::Foreign
        } else {
            Origin::Refused
        }
    }

    /// Whether a dependency may be taken from where this spec says, before anybody goes there.
    pub fn permits_spec(&self, spec: &Spec) -> bool {
        let spec = spec.unaliased();
        spec.is_registry() || self.exotic_subdeps == ExoticSubdeps::Allow || self.is_own(spec)
    }

    /// Folders inside the project are its own, though package.json may have gone over to another one since they were
    /// locked. What is installed is not.
    fn is_own_folder(&self, spec: &Spec) -> bool {
        let SpecKind::Directory(path) = spec.kind() else { return false };
        let path = normalized(path);
        path.strip_prefix(&self.project).is_ok_and(|inside| inside.iter().all(|part| part != "node_modules"))
    }

    fn is_own(&self, spec: &Spec) -> bool {
        let same = |own: &Spec| match (own.kind(), spec.kind()) {
            // The resolver's paths start at the project.
            (SpecKind::File(own), SpecKind::File(path))
            | (SpecKind::Directory(own), SpecKind::Directory(path)) => {
                *own == normalized(&self.project.join(path))
            }
            _ => own.is_repository_of(spec),
        };
        self.own_sources.iter().any(same)
    }

    /// Refuses a lockfile with an entry that is no place for a package. Where its packages come from is no matter as long as
    /// nothing is fetched: what package.json no longer asks for is on its way out.
    ///
    /// # Errors
    ///
    /// `EBADLOCATION`, with the first such entry.
    pub fn check_locations(&self, tree: &Lockfile) -> Result<()> {
        crate::select::validate(tree)
    }

    /// Refuses a lockfile with an entry that is no place for a package, or that comes from where it must not.
    ///
    /// # Errors
    ///
    /// `EBADLOCATION`, `EEXOTICSUBDEP`, each with the first such entry.
    pub fn check_lockfile(&self, tree: &Lockfile) -> Result<()> {
        self.check_locations(tree)?;
        let urls = std::cell::OnceCell::new();
        for (location, entry) in tree.packages.iter().filter(|(location, _)| is_in_modules(location)) {
            let Some(resolved) = entry.resolved.as_deref().filter(|_| !entry.in_bundle) else { continue };
            if entry.link {
                if !self.permits_folder(tree, resolved) {
                    return Err(exotic(tree, location, entry, &format!("file:{resolved}")));
                }
                continue;
            }
            let is_refused = match self.origin(resolved) {
                Origin::Known => false,
                Origin::Refused => true,
                // A dependency that names the URL itself: no registry will vouch for that.
                Origin::Foreign => urls.get_or_init(|| urls_asked_for(tree)).contains(resolved),
            };
            if is_refused {
                return Err(exotic(tree, location, entry, resolved));
            }
        }
        Ok(())
    }

    /// Folders inside the project are its own; of others only those that the project names.
    fn permits_folder(&self, tree: &Lockfile, target: &str) -> bool {
        let inside = utoo_fs::check_relative(target).is_ok() && tree.packages.contains_key(target);
        inside || self.exotic_subdeps == ExoticSubdeps::Allow || {
            let folder = self.parse(&format!("file:{target}"));
            folder.is_some_and(|folder| self.is_own(&folder))
        }
    }
}

/// Whether a `resolved`, as lockfiles have it, is a commit of a git repository (`git+https:`, `git+ssh:`, `git:`), and not the URL of
/// a tarball.
pub fn is_repository(resolved: &str) -> bool {
    resolved.starts_with("git")
}

/// What a lockfile entry proves of a package.
enum Identity<'a> {
    Registry { name: String, version: Option<&'a str> },
    Exotic(String),
    Bundled,
}

impl<'a> Identity<'a> {
    fn new(policy: &Policy, location: &str, entry: &'a Entry) -> Self {
        if entry.in_bundle {
            return Self::Bundled;
        }
        if !is_in_modules(location) {
            return Self::Exotic(format!("file:{location}"));
        }
        let Some(resolved) = entry.resolved.as_deref() else {
            return Self::Registry { name: package_name(location, entry).to_string(), version: None };
        };
        match registry_tarball(resolved).filter(|_| policy.registries.contains(resolved)) {
            Some((name, version)) if entry.version.as_deref() == Some(version) => {
                Self::Registry { name, version: entry.version.as_deref() }
            }
            _ => Self::Exotic(resolved.to_owned()),
        }
    }

    fn source(&self) -> PackageSource<'_> {
        match self {
            Self::Registry { name, version } => PackageSource::Registry { name, version: *version },
            Self::Exotic(resolved) => PackageSource::Exotic(resolved),
            Self::Bundled => PackageSource::Bundled,
        }
    }
}

fn exotic(tree: &Lockfile, location: &str, entry: &Entry, resolved: &str) -> InstallError {
    InstallError::ExoticSubdep {
        location: location.into(),
        package: label_of(location, entry),
        resolved: resolved.into(),
        required_by: dependents(tree, location).map(|(from, _)| Arc::from(from)).collect(),
    }
}

/// Who depends on what is at a location, with the spec.
fn dependents<'a>(tree: &'a Lockfile, location: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let name = utoo_lockfile::name_of_location(location);
    tree.packages.iter().filter_map(move |(from, entry)| {
        let sets = [&entry.dependencies, &entry.optional_dependencies, &entry.peer_dependencies];
        let spec = sets.iter().find_map(|set| set.get(name))?;
        tree.resolve(from, name).is_some_and(|(found, _)| **found == *location).then_some((&**from, &**spec))
    })
}

/// The URLs that somebody's dependencies are.
fn urls_asked_for(tree: &Lockfile) -> FxHashSet<&str> {
    let mut urls = FxHashSet::default();
    for entry in tree.packages.values() {
        let sets = [&entry.dependencies, &entry.optional_dependencies, &entry.peer_dependencies];
        let specs = sets.into_iter().flatten().map(|(_, spec)| &**spec);
        urls.extend(specs.filter(|spec| spec.starts_with("http")));
    }
    urls
}

/// Folders and everything else that package.json files of the project ask for and that is in no registry; those of its
/// folders are read by the caller, and their own dependencies added. `overrides` count: the project wrote them. Paths are
/// those of the context, which should be absolute.
pub fn exotic_specs<'a>(
    dependencies: impl Iterator<Item = (&'a str, &'a str)>,
    context: &SpecContext,
) -> Vec<Spec> {
    let specs = dependencies.filter_map(|(name, text)| {
        let name = utoo_types::PackageName::parse(name).ok()?;
        Spec::resolve_in(&name, text, context).ok()
    });
    specs.filter(|spec| !spec.is_registry()).collect()
}

#[cfg(test)]
mod tests;
