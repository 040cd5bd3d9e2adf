//! Small integers for names, wants and packages, so that the placer compares and copies words, not strings.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use utoo_types::{
    BundleDependencies, Dependencies, Manifest, PackageName, Spec, SpecContext, SpecError, SpecKind, Version,
};

/// An interned package name. Equal numbers are equal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name(u32);

/// An interned dependency spec (`^1.2.0`, `npm:x@2`, `file:../y`), parsed once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WantId(u32);

/// An interned manifest with its declared edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PackageId(u32);

/// What an edge asks for.
#[derive(Clone, Debug)]
pub(crate) enum Want {
    /// A version, range or dist-tag of the edge's own name.
    Registry(SpecKind),
    /// Another registry name under this edge's name.
    Alias {
        /// The package that is really wanted.
        name: Name,
        /// What is wanted of it.
        want: WantId,
    },
    /// A folder, linked or packed.
    Folder {
        /// Relative to the project root.
        location: Arc<str>,
        /// Whether it is linked even where folders are packed, if it is the project that asks: npm's rule for what lies in
        /// the project and is named from a dot.
        from_dot: bool,
        /// The question for its manifest.
        spec: Arc<Spec>,
    },
    /// Git, a remote tarball or a local tarball.
    Source(Arc<Spec>),
    /// Not understood; an error once somebody has to fetch it.
    Invalid(Arc<SpecError>),
}

/// The kinds of dependency edges, in npm's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EdgeKind {
    /// `dependencies`
    Prod,
    /// `devDependencies`, of the root and of workspaces only
    Dev,
    /// `optionalDependencies`
    Optional,
    /// `peerDependencies`
    Peer,
    /// `peerDependencies` marked optional in `peerDependenciesMeta`
    PeerOptional,
    /// From a root to its workspace
    Workspace,
}

impl EdgeKind {
    /// Whether the edge is a peer edge of either kind.
    #[must_use]
    pub fn is_peer(self) -> bool {
        matches!(self, Self::Peer | Self::PeerOptional)
    }

    /// Whether a missing target is no error.
    #[must_use]
    pub fn is_optional(self) -> bool {
        matches!(self, Self::Optional | Self::PeerOptional)
    }

    /// The lower-case word npm uses for the edge's type.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prod => "prod",
            Self::Dev => "dev",
            Self::Optional => "optional",
            Self::Peer => "peer",
            Self::PeerOptional => "peerOptional",
            Self::Workspace => "workspace",
        }
    }
}

/// One line of a dependency block, after the blocks have been merged as npm merges them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declared {
    pub(crate) name: Name,
    pub(crate) kind: EdgeKind,
    pub(crate) want: WantId,
    /// `acceptDependencies`: a second spec that also satisfies this edge.
    pub(crate) accept: Option<WantId>,
}

/// A manifest and what the placer derives from it, once for all nodes that share it.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) manifest: Arc<Manifest>,
    /// The manifest's own name, which an alias's node does not bear.
    pub(crate) name: Name,
    /// Edges in the order npm loads them: peers, prod, optional, dev; of one name the last counts.
    pub(crate) declared: Vec<Declared>,
}

impl Package {
    pub(crate) fn version(&self) -> Option<&Version> {
        self.manifest.version.as_ref()
    }

    /// Whether `name` is among the packages that the tarball brings with it.
    pub(crate) fn bundles(&self, name: &str) -> bool {
        match &self.manifest.bundle_dependencies {
            BundleDependencies::None => false,
            BundleDependencies::All => {
                self.manifest.dependencies.get(name).is_some()
                    || self.manifest.optional_dependencies.get(name).is_some()
            }
            BundleDependencies::Names(names) => names.iter().any(|n| n.as_str() == name),
        }
    }
}

/// Which of the optional blocks become edges.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocks {
    pub(crate) peers: bool,
}

/// Where paths of specs lead that are not relative to the package that has them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    /// The home directory, relative to the project.
    pub(crate) home: Option<PathBuf>,
    /// The project's own folder.
    pub(crate) project: Option<PathBuf>,
}

/// The interner of one resolve.
#[derive(Debug)]
pub(crate) struct Interner {
    names: Vec<PackageName>,
    /// For each name the one that all names share which a case-insensitive disk cannot tell apart.
    folded: Vec<Name>,
    /// Whether any name is not its own folded one.
    capitals: bool,
    name_ids: FxHashMap<PackageName, Name>,
    wants: Vec<(Arc<str>, Want)>,
    want_ids: FxHashMap<Arc<str>, WantId>,
    folder_ids: FxHashMap<(Arc<str>, Arc<str>), WantId>,
    packages: Vec<Package>,
    package_ids: FxHashMap<*const Manifest, PackageId>,
    /// Packages of registries by name and version text.
    versions: FxHashMap<(Name, Arc<str>), PackageId>,
    /// Whether any package has a shrinkwrap: next to no tree has one, and this is asked for every edge.
    shrinkwraps: bool,
    blocks: Blocks,
    paths: Paths,
}

impl Interner {
    pub(crate) fn new(blocks: Blocks, paths: Paths) -> Self {
        Self {
            names: Vec::new(),
            folded: Vec::new(),
            capitals: false,
            name_ids: FxHashMap::default(),
            wants: Vec::new(),
            want_ids: FxHashMap::default(),
            folder_ids: FxHashMap::default(),
            packages: Vec::new(),
            package_ids: FxHashMap::default(),
            versions: FxHashMap::default(),
            shrinkwraps: false,
            blocks,
            paths,
        }
    }

    pub(crate) fn name(&mut self, name: &PackageName) -> Name {
        if let Some(&id) = self.name_ids.get(name) {
            return id;
        }
        let id = Name(index(self.names.len()));
        self.names.push(name.clone());
        self.folded.push(id);
        self.name_ids.insert(name.clone(), id);
        let text = name.as_str();
        if text.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
            let folded = PackageName::new_unchecked(text.to_lowercase());
            self.folded[id.0 as usize] = self.name(&folded);
            self.capitals |= self.folded[id.0 as usize] != id;
        }
        id
    }

    /// The key of a name in a `node_modules` folder: npm lets two names that differ in case share one place, since
    /// on many disks they do.
    pub(crate) fn folded(&self, name: Name) -> Name {
        self.folded[name.0 as usize]
    }

    /// Whether two names share one place. Where no name has a capital, as is the rule, this looks at nothing.
    pub(crate) fn fold_alike(&self, a: Name, b: Name) -> bool {
        self.capitals && self.folded(a) == self.folded(b)
    }

    pub(crate) fn find_name(&self, name: &str) -> Option<Name> {
        self.name_ids.get(name).copied()
    }

    pub(crate) fn name_text(&self, name: Name) -> &PackageName {
        &self.names[name.0 as usize]
    }

    pub(crate) fn want(&self, id: WantId) -> &Want {
        &self.wants[id.0 as usize].1
    }

    /// The spec as it is written in the manifest.
    pub(crate) fn want_text(&self, id: WantId) -> &Arc<str> {
        &self.wants[id.0 as usize].0
    }

    pub(crate) fn package(&self, id: PackageId) -> &Package {
        &self.packages[id.0 as usize]
    }

    /// The declared edges, by value: they are three words each, and callers change the tree while they walk.
    pub(crate) fn declared(&self, id: PackageId, index: usize) -> Option<Declared> {
        self.packages[id.0 as usize].declared.get(index).copied()
    }

    /// Interns a manifest; the same `Arc` gives the same id. `location` is where folder specs start from.
    pub(crate) fn add_package(&mut self, manifest: &Arc<Manifest>, location: &str) -> PackageId {
        let key = Arc::as_ptr(manifest);
        if let Some(&id) = self.package_ids.get(&key) {
            return id;
        }
        let name = self.name(&manifest.name);
        let declared = self.declare(manifest, location);
        let id = PackageId(index(self.packages.len()));
        self.shrinkwraps |= manifest.has_shrinkwrap;
        self.packages.push(Package { manifest: Arc::clone(manifest), name, declared });
        self.package_ids.insert(key, id);
        id
    }

    /// Whether any interned package bundles anything.
    pub(crate) fn has_bundles(&self) -> bool {
        self.packages.iter().any(|package| package.manifest.bundle_dependencies != BundleDependencies::None)
    }

    /// Whether any interned package brings a shrinkwrap.
    pub(crate) fn has_shrinkwraps(&self) -> bool {
        self.shrinkwraps
    }

    /// Interns a registry's manifest: one id for one version of a name, however often it is picked.
    pub(crate) fn add_version(&mut self, manifest: &Arc<Manifest>) -> PackageId {
        let key = (self.name(&manifest.name), Arc::clone(&manifest.raw_version));
        if let Some(&id) = self.versions.get(&key) {
            return id;
        }
        let id = self.add_package(manifest, "");
        self.versions.insert(key, id);
        id
    }

    /// The registry package of this name and version text, if it was picked before.
    pub(crate) fn find_version(&self, name: Name, version: &str) -> Option<PackageId> {
        // Borrowing a pair needs an owned key; versions are short and this runs once for each distinct want.
        self.versions.get(&(name, Arc::from(version))).copied()
    }

    /// The package of a node that could not be loaded. It has no name, so nothing takes it for another version of what
    /// the node is called.
    pub(crate) fn nothing(&mut self) -> PackageId {
        let manifest = Manifest::from_value(&serde_json::json!({}));
        self.add_package(&Arc::new(manifest), "")
    }

    fn declare(&mut self, manifest: &Manifest, location: &str) -> Vec<Declared> {
        let mut out = Vec::with_capacity(manifest.dependencies.len() + manifest.peer_dependencies.len());
        if self.blocks.peers {
            for optional in [false, true] {
                for (name, spec) in manifest.peer_dependencies.iter() {
                    if manifest.is_optional_peer(name.as_str()) == optional {
                        let kind = if optional { EdgeKind::PeerOptional } else { EdgeKind::Peer };
                        self.declare_one(&mut out, manifest, location, (name, spec, kind));
                    }
                }
            }
        }
        let blocks: [(&Dependencies, EdgeKind); 3] = [
            (&manifest.dependencies, EdgeKind::Prod),
            (&manifest.optional_dependencies, EdgeKind::Optional),
            (&manifest.dev_dependencies, EdgeKind::Dev),
        ];
        for (block, kind) in blocks {
            for (name, spec) in block.iter() {
                self.declare_one(&mut out, manifest, location, (name, spec, kind));
            }
        }
        out
    }

    fn declare_one(
        &mut self,
        out: &mut Vec<Declared>,
        manifest: &Manifest,
        location: &str,
        (name, spec, kind): (&PackageName, &Arc<str>, EdgeKind),
    ) {
        let accept = manifest.accept_dependencies.get(name.as_str()).cloned();
        let accept = accept.map(|spec| self.intern_want(name, &spec, location));
        let want = self.intern_want(name, spec, location);
        let name = self.name(name);
        out.push(Declared { name, kind, want, accept });
    }

    /// Interns and parses a spec. Folder specs depend on where they stand, all others on their text alone.
    pub(crate) fn intern_want(&mut self, name: &PackageName, spec: &Arc<str>, location: &str) -> WantId {
        if let Some(&id) = self.want_ids.get(spec) {
            return id;
        }
        let folder_key = (Arc::clone(spec), Arc::from(location));
        if let Some(&id) = self.folder_ids.get(&folder_key) {
            return id;
        }
        let want = self.parse_want(name, spec, location);
        let id = WantId(index(self.wants.len()));
        let local = matches!(&want, Want::Folder { .. })
            || matches!(&want, Want::Source(spec) if matches!(spec.kind(), SpecKind::File(_)));
        self.wants.push((Arc::clone(spec), want));
        if local {
            self.folder_ids.insert(folder_key, id);
        } else {
            self.want_ids.insert(Arc::clone(spec), id);
        }
        id
    }

    fn parse_want(&mut self, name: &PackageName, spec: &Arc<str>, location: &str) -> Want {
        let text = if spec.is_empty() { "*" } else { spec };
        // Locations are relative to the project root, and so are the folders that come out.
        let context = SpecContext { directory: location.into(), home: self.paths.home.clone() };
        match Spec::resolve_in(name, text, &context).and_then(|spec| self.start_at_project(name, spec)) {
            Ok(spec) => self.want_of(spec, text, location),
            Err(error) => Want::Invalid(Arc::new(error)),
        }
    }

    /// The same, with a path that starts at the project, if it was absolute: no lockfile holds another.
    fn start_at_project(&self, name: &PackageName, spec: Spec) -> Result<Spec, SpecError> {
        let (SpecKind::Directory(path) | SpecKind::File(path)) = spec.kind() else { return Ok(spec) };
        let Some(project) = self.paths.project.as_deref().filter(|_| path.is_absolute()) else {
            return Ok(spec);
        };
        let path = relative(project, path);
        Spec::resolve_in(name, &format!("file:{}", path.to_string_lossy()), &SpecContext::default())
    }

    fn want_of(&mut self, spec: Spec, text: &str, location: &str) -> Want {
        match spec.kind() {
            SpecKind::Version(_) | SpecKind::Range(_) | SpecKind::Tag(_) => {
                Want::Registry(spec.kind().clone())
            }
            SpecKind::Alias(sub) => self.alias_of(sub, location),
            SpecKind::Directory(path) => {
                let location = normalize(&path.to_string_lossy());
                let is_dotted = text.starts_with("file:./") || text.starts_with("file:../");
                let from_dot = is_dotted && !is_outside(&location);
                Want::Folder { location: location.into(), from_dot, spec: Arc::new(spec) }
            }
            SpecKind::Git(_) | SpecKind::Remote(_) | SpecKind::File(_) => Want::Source(Arc::new(spec)),
        }
    }

    fn alias_of(&mut self, sub: &Spec, location: &str) -> Want {
        let Some(name) = sub.name() else {
            return Want::Registry(SpecKind::Tag(Arc::from(sub.raw())));
        };
        let text: Arc<str> = match sub.kind() {
            SpecKind::Version(version) => version.to_string().into(),
            SpecKind::Range(range) => range.to_string().into(),
            SpecKind::Tag(tag) => Arc::clone(tag),
            _ => Arc::from(sub.raw()),
        };
        let want = self.intern_want(name, &text, location);
        Want::Alias { name: self.name(name), want }
    }

    /// The want of an edge of workspace kind: the folder itself.
    pub(crate) fn folder_want(&mut self, name: &PackageName, location: &str) -> WantId {
        self.intern_want(name, &Arc::from(format!("file:{location}")), "")
    }
}

/// Whether a location lies outside of the project's folder.
pub(crate) fn is_outside(location: &str) -> bool {
    location == ".." || location.starts_with("../") || location.starts_with('/')
}

/// Where the paths in the package.json of a package with this `resolved` start: in the folder that was packed, or beside the
/// tarball. Packages of other origins have no folder that could be meant; theirs start at the project.
pub(crate) fn paths_start(resolved: Option<&str>) -> String {
    let Some(resolved) = resolved.filter(|resolved| resolved.starts_with("file:")) else {
        return String::new();
    };
    let spec = Spec::parse(resolved, &SpecContext::default());
    let start = match spec.as_ref().map(Spec::kind) {
        Ok(SpecKind::Directory(folder)) => Some(folder.as_path()),
        Ok(SpecKind::File(tarball)) => tarball.parent(),
        _ => None,
    };
    start.map(|start| normalize(&start.to_string_lossy())).unwrap_or_default()
}

/// The way from one absolute folder to another; neither has `.` or `..` in it.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(to.components().skip(common)).collect();
    if way.as_os_str().is_empty() { PathBuf::from(".") } else { way }
}

/// Removes `.` and resolves `..` where there is something to go up from; keeps leading `..`.
pub(crate) fn normalize(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A tree of four billion nodes does not fit a machine; indices are 32 bits to halve the arena.
#[expect(clippy::cast_possible_truncation, reason = "an arena of 2^32 entries does not fit in memory")]
fn index(len: usize) -> u32 {
    debug_assert!(u32::try_from(len).is_ok());
    len as u32
}
