//! Which edits might resolve a conflict. Cheap guesses: each is tried afterwards.

use std::sync::Arc;

use utoo_types::{
    Candidate, DependencyKind, Manifest, PackageName, Packument, PickOptions, Spec, SpecKind, Version, pick,
};

use super::{Change, Edit};
use crate::build::PeerConflict;
use crate::cache::ManifestCache;
use crate::error::Dependent;
use crate::load::Project;
use crate::options::ResolveOptions;
use crate::registry::{ManifestJob, Registry};
use crate::tree::DependencyEdge;

/// Other versions of one dependency that are tried: the nearest ones, one of each line that `^` keeps together.
const VERSIONS: usize = 5;

/// What candidates are made from.
pub(super) struct Candidates<'a, R> {
    pub(super) project: &'a Project,
    pub(super) options: &'a ResolveOptions,
    pub(super) registry: &'a R,
    pub(super) conflict: &'a PeerConflict,
}

/// An entry of a package.json.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    location: String,
    block: DependencyKind,
    name: PackageName,
    spec: Arc<str>,
}

/// What a new version of an entry's package has to agree with.
enum Wanted<'a> {
    /// It is the package in question itself: this spec.
    Itself(&'a str),
    /// It is the one that asks for the package in question: its own range has to allow this version.
    Dependent(Option<&'a str>),
    /// It only leads to the one that asks; nothing is known beforehand.
    Anything,
}

impl<R: Registry> Candidates<'_, R> {
    /// Every candidate, the most natural first: both sides of the conflict give way in turn, then what the project
    /// itself says of the name, then an override.
    pub(super) async fn all(&self, cache: &mut ManifestCache) -> Vec<Edit> {
        let conflict = self.conflict;
        let name = conflict.edge.name.as_str();
        let current = conflict.current.as_ref().and_then(|node| node.version.as_deref());
        let other_spec = conflict.other.as_ref().map(|other| other.spec.as_str()).or(current);
        let mut edits = Vec::new();
        let ours = self.entry_of(&conflict.edge, &conflict.chain);
        let theirs = conflict.other.as_ref().and_then(|other| self.entry_of(other, &conflict.other_chain));
        let candidate = conflict.candidate.as_ref().filter(|node| node.name == name);
        let fitting = candidate.and_then(|node| node.version.as_deref());
        let sides = [
            (ours, &conflict.edge, conflict.chain.len(), other_spec, current),
            (
                theirs,
                conflict.other.as_ref().unwrap_or(&conflict.edge),
                conflict.other_chain.len(),
                Some(conflict.edge.spec.as_str()),
                fitting,
            ),
        ];
        for (entry, edge, steps, spec, version) in sides {
            let Some(entry) = entry else { continue };
            let wanted = match (steps, spec) {
                (0, Some(spec)) => Wanted::Itself(spec),
                (1, _) => Wanted::Dependent(version),
                _ => Wanted::Anything,
            };
            edits.extend(self.other_versions(&entry, &edge.name, &wanted, cache).await);
        }
        for entry in self.entries().filter(|entry| entry.name.as_str() == name) {
            let wanted = Wanted::Itself(conflict.edge.spec.as_str());
            edits.extend(self.other_versions(&entry, name, &wanted, cache).await);
        }
        edits.extend(self.overriding(current));
        edits
    }

    /// The package.json entry where a dependency starts: the project's or the workspace's that its path leaves.
    fn entry_of(&self, edge: &DependencyEdge, chain: &[Dependent]) -> Option<Entry> {
        if self.manifest(&edge.location).is_some() {
            return self.entry(&edge.location, &edge.name, edge.kind);
        }
        let first = chain.iter().find(|dependent| self.manifest(&dependent.location).is_some())?;
        self.entry(&first.location, &first.dependency, first.kind)
    }

    fn entry(&self, location: &str, name: &str, kind: &str) -> Option<Entry> {
        let block = match kind {
            "prod" => DependencyKind::Prod,
            "dev" => DependencyKind::Dev,
            "optional" => DependencyKind::Optional,
            "peer" | "peerOptional" => DependencyKind::Peer,
            _ => return None,
        };
        self.entries()
            .find(|entry| entry.location == location && entry.name.as_str() == name && entry.block == block)
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        let workspaces = self.project.workspaces.iter();
        let folders = workspaces.map(|folder| (&*folder.location, &folder.manifest));
        std::iter::once(("", &self.project.manifest)).chain(folders).flat_map(|(location, manifest)| {
            DependencyKind::ALL.into_iter().flat_map(move |block| {
                block_of(manifest, block).iter().map(move |(name, spec)| Entry {
                    location: location.to_owned(),
                    block,
                    name: name.clone(),
                    spec: Arc::clone(spec),
                })
            })
        })
    }

    fn manifest(&self, location: &str) -> Option<&Manifest> {
        match location {
            "" => Some(&self.project.manifest),
            _ => {
                let mut workspaces = self.project.workspaces.iter();
                workspaces.find(|folder| *folder.location == *location).map(|folder| &*folder.manifest)
            }
        }
    }

    /// The entry with the nearest other versions of its package that may agree.
    async fn other_versions(
        &self,
        entry: &Entry,
        about: &str,
        wanted: &Wanted<'_>,
        cache: &mut ManifestCache,
    ) -> Vec<Edit> {
        let mut edits = Vec::new();
        let Ok(spec) = Spec::resolve(&entry.name, &entry.spec, None) else { return edits };
        // An alias, a folder or a repository has no other version to take.
        if !matches!(spec.kind(), SpecKind::Range(_) | SpecKind::Version(_) | SpecKind::Tag(_)) {
            return edits;
        }
        let Some(packument) = self.packument(&entry.name, cache).await else { return edits };
        let pick_options = &self.options.pick;
        let now = pick(&packument, spec.kind(), pick_options).ok().map(|candidate| candidate.version());
        let nearest = nearest(&packument, now.as_ref(), |candidate| {
            agrees(candidate, about, wanted) && !candidate.deprecated()
        });
        for version in nearest {
            let Some(to) = range_for(&packument, &version, &entry.spec, pick_options) else { continue };
            let older = now.as_ref().is_some_and(|now| version < *now);
            let change = Change::Range {
                block: entry.block,
                name: entry.name.clone(),
                from: Arc::clone(&entry.spec),
                to: to.into(),
                version: version.to_string(),
                older,
            };
            edits.push(Edit { location: entry.location.clone(), change });
        }
        edits
    }

    async fn packument(&self, name: &PackageName, cache: &mut ManifestCache) -> Option<Packument> {
        let job = ManifestJob::Full { name: name.clone() };
        if !cache.answers(&job) {
            let done = self.registry.execute(job.clone()).await;
            cache.insert(job, done);
        }
        cache.packument(name)?.as_ref().ok().cloned()
    }

    /// What is found, in place of what the one who asks wants: only for packages, and only from the project's own
    /// package.json, where overrides count.
    fn overriding(&self, current: Option<&str>) -> Option<Edit> {
        let edge = &self.conflict.edge;
        if self.manifest(&edge.location).is_some() {
            return None;
        }
        let dependent = edge.from.rfind('@').filter(|at| *at > 0).map_or(&*edge.from, |at| &edge.from[..at]);
        let direct =
            self.entries().any(|entry| entry.location.is_empty() && entry.name.as_str() == edge.name);
        let to = if direct { format!("${}", edge.name) } else { current?.to_owned() };
        let name = PackageName::new_unchecked(edge.name.as_str());
        let change = Change::Override { dependent: dependent.to_owned(), name, to };
        Some(Edit { location: String::new(), change })
    }
}

/// Whether a version may do, as far as its manifest says.
fn agrees(candidate: &Candidate<'_>, about: &str, wanted: &Wanted<'_>) -> bool {
    match wanted {
        Wanted::Anything => true,
        Wanted::Itself(spec) => allows(about, spec, &candidate.version()),
        Wanted::Dependent(None) => true,
        Wanted::Dependent(Some(version)) => {
            let Ok(version) = Version::parse(version) else { return true };
            let asks = |kind| candidate.dependency_block(kind).get(about).cloned();
            let asked = asks(DependencyKind::Peer).or_else(|| asks(DependencyKind::Prod));
            asked.is_none_or(|spec| allows(about, &spec, &version))
        }
    }
}

fn allows(name: &str, spec: &str, version: &Version) -> bool {
    match Spec::resolve(&PackageName::new_unchecked(name), spec, None).as_ref().map(Spec::kind) {
        Ok(SpecKind::Range(range)) => range.satisfies(version),
        Ok(SpecKind::Version(wanted)) => wanted == version,
        // What a tag means moves; let the resolve say.
        _ => true,
    }
}

/// The highest version of each line that `^` keeps together, by how many lines it is from `now`; of two equally far
/// the newer first.
fn nearest(
    packument: &Packument,
    now: Option<&Version>,
    fits: impl Fn(&Candidate<'_>) -> bool,
) -> Vec<Version> {
    let mut lines: Vec<(u64, u64)> = Vec::new();
    let mut chosen: Vec<(usize, Version)> = Vec::new();
    let mut here = None;
    for candidate in packument.candidates().rev() {
        let version = candidate.version();
        if version.is_prerelease() && !now.is_some_and(Version::is_prerelease) {
            continue;
        }
        let line = line(&version);
        if lines.last() != Some(&line) {
            lines.push(line);
        }
        let at = lines.len() - 1;
        if now.is_some_and(|now| self::line(now) == line) {
            here = Some(at);
        }
        let taken = chosen.last().is_some_and(|(last, _)| *last == at);
        if !taken && now != Some(&version) && fits(&candidate) {
            chosen.push((at, version));
        }
    }
    let here = here.unwrap_or(0);
    // Lines come from the highest down, so of equally far ones the smaller index is the newer.
    chosen.sort_by_key(|(at, _)| (at.abs_diff(here), *at));
    chosen.truncate(VERSIONS);
    chosen.into_iter().map(|(_, version)| version).collect()
}

/// What `^` holds fast: the major version, for 0.x the minor one as well.
fn line(version: &Version) -> (u64, u64) {
    (version.major(), if version.major() == 0 { version.minor() } else { 0 })
}

/// A range in the style of the present one that means just this version now: `^`, `~`, or the version itself.
fn range_for(packument: &Packument, version: &Version, style: &str, options: &PickOptions) -> Option<String> {
    let prefixes: &[&str] = match style.as_bytes().first() {
        Some(b'~') => &["~", ""],
        Some(b'0'..=b'9' | b'=') if Version::parse_loose(style).is_ok() => &[""],
        _ => &["^", "~", ""],
    };
    let name = packument.name();
    prefixes.iter().map(|prefix| format!("{prefix}{version}")).find(|text| {
        let spec = Spec::resolve(name, text, None);
        let picked = spec.ok().and_then(|spec| pick(packument, spec.kind(), options).ok());
        picked.is_some_and(|candidate| candidate.version() == *version)
    })
}

fn block_of(manifest: &Manifest, block: DependencyKind) -> &utoo_types::Dependencies {
    match block {
        DependencyKind::Prod => &manifest.dependencies,
        DependencyKind::Dev => &manifest.dev_dependencies,
        DependencyKind::Optional => &manifest.optional_dependencies,
        DependencyKind::Peer => &manifest.peer_dependencies,
    }
}
