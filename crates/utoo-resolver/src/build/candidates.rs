//! From a want to a package: which manifest answers it, and which jobs are missing before it can.

use std::sync::Arc;

use rustc_hash::FxHashSet;
use utoo_types::{Candidate, Integrity, Manifest, PackageName, PickError, SpecKind, pick};

use super::{Builder, Found, FoundFolder, Reach, Stop};
use crate::cache::ManifestCache;
use crate::registry::{ErrorCategory, ManifestJob, RegistryError};
use crate::tree::{EdgeId, EdgeKind, Name, NodeId, PackageId, Want, WantId, paths_start};

/// What the lockfile remembers of where a package came from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) resolved: Option<Arc<str>>,
    pub(crate) integrity: Option<Integrity>,
}

impl Builder<'_> {
    /// Collects every job that this turn will need, so that they can be asked at once: the problem edges' own
    /// manifests and, through them, the peers that come along. What it finds is kept for the turn itself.
    pub(super) fn look_ahead(
        &mut self,
        node: NodeId,
        problems: &[EdgeId],
        cache: &ManifestCache,
    ) -> Result<(), Stop> {
        let mut seen = FxHashSet::default();
        let mut next: Vec<(Name, WantId, Reach)> = problems
            .iter()
            .map(|&edge| self.tree.edge(edge))
            .filter(|edge| !edge.peer_conflicted)
            .map(|edge| {
                let has_another = edge.is_peer() && edge.to.is_some();
                (edge.name, edge.want, if has_another { Reach::Tried } else { Reach::Placed })
            })
            .collect();
        let mut missing = false;
        while let Some((name, want, reach)) = next.pop() {
            if seen.contains(&(name, want, Reach::Placed)) || !seen.insert((name, want, reach)) {
                continue;
            }
            let linked = self.linked_workspace(name);
            if linked.is_some_and(|link| self.tree.satisfies_want(link, want, node)) {
                continue;
            }
            self.reach = reach;
            let found = self.find(name, want, cache);
            self.reach = Reach::Placed;
            match found {
                Err(Stop::Missing) => missing = true,
                Err(stop) => return Err(stop),
                Ok(Found::Package(package) | Found::Folder(FoundFolder { package, .. })) => {
                    self.push_peers((node, reach), package, &mut next);
                }
                Ok(Found::Failed(_)) => {}
            }
        }
        if missing { Err(Stop::Missing) } else { Ok(()) }
    }

    /// The peers of `package` as `node`'s virtual root would look for them: by the dependent's own spec first.
    fn push_peers(
        &self,
        (node, reach): (NodeId, Reach),
        package: PackageId,
        next: &mut Vec<(Name, WantId, Reach)>,
    ) {
        for declared in &self.tree.interner.package(package).declared {
            if !declared.kind.is_peer() {
                continue;
            }
            let own = self.tree.edge_out(node, declared.name).map(|id| self.tree.edge(id));
            let want = own.filter(|edge| !edge.is_peer()).map_or(declared.want, |edge| edge.want);
            let reach = if declared.kind == EdgeKind::PeerOptional { Reach::Tried } else { reach };
            next.push((declared.name, want, reach));
        }
    }

    /// The package that answers `want` under `name`; the same question always gets the same answer.
    pub(super) fn find(&mut self, name: Name, want: WantId, cache: &ManifestCache) -> Result<Found, Stop> {
        if let Some(found) = self.found.get(&(name, want)) {
            return Ok(found.clone());
        }
        let found = match self.tree.interner.want(want).clone() {
            Want::Registry(spec) => self.find_in_registry(name, &spec, want, cache)?,
            Want::Alias { name, want } => self.find(name, want, cache)?,
            Want::Folder { location, from_dot, spec } => {
                self.find_folder((&location, from_dot), spec, cache)?
            }
            Want::Source(spec) => self.find_source(spec, cache)?,
            Want::Invalid(error) => Found::Failed(Arc::new(
                RegistryError::new(error.code(), ErrorCategory::Precondition, error.to_string())
                    .hint("correct the spec in the package.json that declares it"),
            )),
        };
        self.found.insert((name, want), found.clone());
        Ok(found)
    }

    fn find_in_registry(
        &mut self,
        id: Name,
        spec: &SpecKind,
        want: WantId,
        cache: &ManifestCache,
    ) -> Result<Found, Stop> {
        let name = self.tree.interner.name_text(id).clone();
        if let Some(answer) = cache.packument(&name) {
            return Ok(match answer {
                Err(error) => Found::Failed(Arc::clone(error)),
                Ok(packument) => match pick(packument, spec, &self.options.pick) {
                    Ok(candidate) => self.add_candidate(id, &name, &candidate)?,
                    Err(error) => Found::Failed(Arc::new(pick_failure(&name, &error))),
                },
            });
        }
        let spec = Arc::clone(self.tree.interner.want_text(want));
        let job = ManifestJob::Version { name: name.clone(), spec };
        match cache.version(&job) {
            Some(Ok(manifest)) => self.add_picked(&name, manifest),
            Some(Err(error)) => Ok(Found::Failed(error)),
            None => self.missing(job),
        }
    }

    /// Takes a registry's manifest in. One that answers to another name than was asked is an attack or a broken
    /// registry, and neither may decide where files go.
    fn add_picked(&mut self, name: &PackageName, manifest: &Arc<Manifest>) -> Result<Found, Stop> {
        if manifest.name != *name {
            let message = format!("the registry's manifest for {name} is named {}", manifest.name);
            return Ok(Found::Failed(Arc::new(RegistryError::new(
                "EINVALIDPACKAGENAME",
                ErrorCategory::Precondition,
                message,
            ))));
        }
        let package = self.tree.interner.add_version(manifest);
        let origin = manifest.dist.as_ref().map(|dist| Origin {
            resolved: (!dist.tarball.is_empty()).then(|| Arc::clone(&dist.tarball)),
            integrity: dist.integrity.clone(),
        });
        self.origins.entry(package).or_insert_with(|| origin.unwrap_or_default());
        Ok(Found::Package(package))
    }

    /// Decodes a version that was picked, unless another range has led to it before.
    fn add_candidate(
        &mut self,
        id: Name,
        name: &PackageName,
        candidate: &Candidate<'_>,
    ) -> Result<Found, Stop> {
        match self.tree.interner.find_version(id, candidate.version_text()) {
            Some(package) => Ok(Found::Package(package)),
            None => self.add_picked(name, &Arc::new(candidate.manifest())),
        }
    }

    fn find_folder(
        &mut self,
        (location, from_dot): (&Arc<str>, bool),
        spec: Arc<utoo_types::Spec>,
        cache: &ManifestCache,
    ) -> Result<Found, Stop> {
        let mut missing = None;
        let manifest = match self.folders.get(location) {
            Some(manifest) => Arc::clone(manifest),
            None => {
                let job = ManifestJob::Source { spec };
                let manifest = match cache.source(&job) {
                    Some(Ok(answer)) => Arc::clone(&answer.manifest),
                    Some(Err(error)) if error.code == "ENOENT" => {
                        missing = Some(error);
                        Arc::new(Manifest::from_value(&serde_json::json!({})))
                    }
                    Some(Err(error)) => return Ok(Found::Failed(error)),
                    None => return self.missing(job),
                };
                if missing.is_none() {
                    self.folders.insert(Arc::clone(location), Arc::clone(&manifest));
                }
                manifest
            }
        };
        let package = self.tree.interner.add_package(&manifest, location);
        Ok(Found::Folder(FoundFolder { location: Arc::clone(location), package, from_dot, missing }))
    }

    fn find_source(&mut self, spec: Arc<utoo_types::Spec>, cache: &ManifestCache) -> Result<Found, Stop> {
        let job = ManifestJob::Source { spec };
        match cache.source(&job) {
            Some(Ok(answer)) => {
                let origin = Origin {
                    resolved: Some(Arc::clone(&answer.resolved)),
                    integrity: answer.integrity.clone(),
                };
                let manifest = Arc::clone(&answer.manifest);
                let start = paths_start(origin.resolved.as_deref());
                let package = self.tree.interner.add_package(&manifest, &start);
                self.origins.insert(package, origin);
                Ok(Found::Package(package))
            }
            Some(Err(error)) => Ok(Found::Failed(error)),
            None => self.missing(job),
        }
    }

    fn missing(&mut self, job: ManifestJob) -> Result<Found, Stop> {
        let is_new = !self.wants.contains(&job);
        match self.reach {
            // What was only tried before may have to be placed now.
            Reach::Placed => _ = self.tried.remove(&job),
            Reach::Tried if is_new => _ = self.tried.insert(job.clone()),
            Reach::Tried => {}
        }
        if is_new {
            self.wants.push(job);
        }
        Err(Stop::Missing)
    }

    /// Where a package came from.
    pub(crate) fn origin(&self, package: PackageId) -> Origin {
        self.origins.get(&package).cloned().unwrap_or_default()
    }
}

fn pick_failure(name: &PackageName, error: &PickError) -> RegistryError {
    let failure = RegistryError::new(error.code(), ErrorCategory::NotFound, error.to_string());
    match error.code() {
        "ETARGET" => failure.hint(format!("`npm view {name} versions` lists what there is")),
        _ => failure,
    }
}
