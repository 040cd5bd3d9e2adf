//! Which node satisfies which edge, and which node may stand in for which other.

use std::cell::OnceCell;
use std::cmp::Ordering;

use utoo_types::{GitSpec, Range, Selector, Spec, SpecKind};

use crate::options::Folders;

use super::sets::NodeSet;
use super::{Edge, EdgeError, EdgeId, Name, NodeId, NodeKind, Tree, Want, WantId};

/// Deeper than most packages are below whoever asked for them.
const STEPS_UP: usize = 64;

impl Tree {
    /// What is wrong with the edge as it points now.
    pub(super) fn judge(&self, id: EdgeId) -> Option<EdgeError> {
        let edge = self.edge(id);
        let Some(to) = edge.to else {
            return (!edge.kind.is_optional()).then_some(EdgeError::Missing);
        };
        // A peer must be reachable from where the dependent is used, which its own node_modules is not.
        if edge.is_peer() && self.node(to).parent == Some(edge.from) && !self.node(edge.from).is_top() {
            return Some(EdgeError::PeerLocal);
        }
        (!self.satisfies(to, id)).then_some(EdgeError::Invalid)
    }

    /// Whether `node`, were it in reach, would be what the edge wants.
    pub(crate) fn satisfies(&self, node: NodeId, id: EdgeId) -> bool {
        let edge = self.edge(id);
        self.node(node).name == edge.name && self.satisfies_edge(node, edge)
    }

    fn satisfies_edge(&self, node: NodeId, edge: &Edge) -> bool {
        let fits = |want| {
            self.satisfies_want(node, want, edge.from)
                || edge.accept.is_some_and(|accept| self.satisfies_want(node, accept, edge.from))
        };
        match &self.overrides {
            Some(overrides) if edge.want != edge.declared => {
                // What a tarball brings along cannot be overridden.
                if self.node(node).in_bundle {
                    return fits(edge.declared);
                }
                // What the dependent itself asks for does too, unless it is the very thing that the rule is about.
                let version = self.package_of(node).version();
                let is_about = |rule| overrides.is_about(rule, edge.name, version);
                fits(edge.want) || (fits(edge.declared) && !edge.rule.is_some_and(is_about))
            }
            _ => fits(edge.want),
        }
    }

    /// Whether `node` is what `want` asks for on behalf of `from`, its name aside.
    pub(crate) fn satisfies_want(&self, node: NodeId, want: WantId, from: NodeId) -> bool {
        match self.interner.want(want) {
            Want::Registry(spec) => self.satisfies_registry(node, spec),
            // npm asks for the version only: a package of the alias's own name satisfies the alias too.
            Want::Alias { want, .. } => self.satisfies_want(node, *want, from),
            Want::Folder { location, from_dot, .. } => match &self.node(node).kind {
                NodeKind::Link { location: at } => at == location && self.links(location, *from_dot, from),
                // Where folders are packed npm takes any package of that name for it.
                _ => self.folders_are == Folders::Pack,
            },
            Want::Source(spec) => self.satisfies_source(node, spec),
            Want::Invalid(_) => false,
        }
    }

    /// Whether what is at a location becomes a link for `from`, and not a packed copy.
    pub(crate) fn links(&self, location: &str, from_dot: bool, from: NodeId) -> bool {
        self.folders_are == Folders::Link
            || (from_dot && self.node(self.real(from)).is_top())
            || self.folder(location).is_some_and(|folder| {
                matches!(self.node(folder).kind, NodeKind::Folder { workspace: true, .. })
            })
    }

    fn satisfies_registry(&self, node: NodeId, spec: &SpecKind) -> bool {
        let version = self.package_of(node).version();
        match spec {
            SpecKind::Version(wanted) => version == Some(wanted),
            SpecKind::Range(range) => range.is_any() || version.is_some_and(|v| range.satisfies(v)),
            // A tag moves; whatever the registry once gave for it still counts.
            SpecKind::Tag(_) => self.node(node).resolved.as_deref().is_some_and(is_remote_tarball),
            _ => false,
        }
    }

    fn satisfies_source(&self, node: NodeId, spec: &Spec) -> bool {
        if self.node(node).is_link() {
            return false;
        }
        let Some(resolved) = self.node(node).resolved.as_deref() else { return false };
        match spec.kind() {
            SpecKind::Git(git) => self.satisfies_git(node, resolved, git),
            SpecKind::Remote(url) => resolved == url.as_ref(),
            SpecKind::File(path) => {
                let path = super::normalize(&path.to_string_lossy());
                resolved.strip_prefix("file:").is_some_and(|file| super::normalize(file) == path)
            }
            _ => false,
        }
    }

    /// The same repository and, for `#semver:`, a version in the range. The commit may be another: the lock
    /// remembers the one that the branch once meant.
    fn satisfies_git(&self, node: NodeId, resolved: &str, wanted: &GitSpec) -> bool {
        let name = self.interner.name_text(self.node(node).name);
        let Ok(locked) = Spec::resolve(name, resolved, None) else { return false };
        let SpecKind::Git(locked) = locked.kind() else { return false };
        let same = match (&locked.hosted, &wanted.hosted) {
            (Some(locked), Some(wanted)) => {
                locked.host == wanted.host && locked.user == wanted.user && locked.project == wanted.project
            }
            _ => locked.url == wanted.url,
        };
        same && match &wanted.selector {
            Selector::Range(range) => {
                let version = self.package_of(node).version();
                version.zip(Range::parse(range).ok()).is_some_and(|(version, range)| range.satisfies(version))
            }
            _ => true,
        }
    }

    /// Whether both nodes hold the same package: by target, integrity, tarball, or name and version.
    pub(crate) fn matches(&self, a: NodeId, b: NodeId) -> bool {
        if a == b {
            return true;
        }
        let (left, right) = (self.node(a), self.node(b));
        if left.name != right.name {
            return false;
        }
        match (&left.kind, &right.kind) {
            (NodeKind::Link { location: left }, NodeKind::Link { location: right }) => return left == right,
            (NodeKind::Link { .. }, _) | (_, NodeKind::Link { .. }) => return false,
            _ => {}
        }
        if let (Some(left), Some(right)) = (&left.integrity, &right.integrity) {
            return left == right;
        }
        if let (Some(left), Some(right)) = (&left.resolved, &right.resolved) {
            return left == right;
        }
        let (left, right) = (self.package_of(a), self.package_of(b));
        left.name == right.name && left.version().is_some() && left.version() == right.version()
    }

    /// Whether `new` may stand where `old` stands, as far as everyone who uses `old` is concerned. Peers named
    /// in `ignore_peers` next to `old` are replaced along with it and are not asked.
    pub(crate) fn can_replace(&self, new: NodeId, old: NodeId, ignore_peers: &[Name]) -> bool {
        if self.node(new).name != self.node(old).name {
            return false;
        }
        if self.package_of(new).name != self.package_of(old).name {
            return false;
        }
        // In another scope its dependencies would be others.
        if !self.node(old).edges_out.is_empty() && self.node(new).scope != self.node(old).scope {
            return false;
        }
        let (parent, own) = (self.node(old).parent, OnceCell::new());
        let refuses = |id: EdgeId| {
            let edge = self.edge(id);
            let replaced_along = parent.is_some()
                && self.node(edge.from).parent == parent
                && edge.is_peer()
                && ignore_peers.contains(&self.node(edge.from).name);
            !replaced_along && !self.satisfies(new, id) && !self.is_only_below(edge.from, old, &own)
        };
        // Who did not take another version the last time will not take this one either, as a rule: of a package that
        // thousands use this spares asking each of them again, for each version that somebody else wants.
        let uses = |id: EdgeId| self.edges.get(id.0 as usize).is_some_and(|edge| edge.to == Some(old));
        let last = self.node(old).refused_by.get().filter(|&id| uses(id));
        if last.is_some_and(refuses) {
            return false;
        }
        let refusal = self.node(old).edges_in.iter().copied().find(|&id| refuses(id));
        self.node(old).refused_by.set(refusal);
        refusal.is_none() && self.folders_accept(new, old)
    }

    /// Whether nothing but `old` leads to a node, so that it goes when `old` goes.
    fn is_only_below(&self, node: NodeId, old: NodeId, below: &OnceCell<NodeSet>) -> bool {
        let counts = |edge: &Edge| edge.to != Some(old) && edge.is_valid();
        // Up by the first edge that leads to each: where that ends anywhere but at `old`, something else does. Seldom
        // is more needed than these few steps, and then all that `old` leads to.
        let mut at = node;
        for _ in 0..STEPS_UP {
            if at == old {
                break;
            }
            let above = self.node(at).edges_in.iter().map(|&id| self.edge(id)).find(|edge| counts(edge));
            match above {
                Some(edge) => at = edge.from,
                None => return false,
            }
        }
        let gather = || self.gather_dep_set(vec![old], |tree, edge| counts(tree.edge(edge)));
        below.get_or_init(gather).contains(&node)
    }

    /// In a virtual root, the folders that its source links to are users of what lies in it as well.
    fn folders_accept(&self, new: NodeId, old: NodeId) -> bool {
        let Some(parent) = self.node(old).parent else { return true };
        let NodeKind::Virtual { source } = self.node(parent).kind else { return true };
        self.node(source).children.values().all(|&link| {
            let Some(folder) = self.node(link).target else { return true };
            let Some(edge) = self.edge_out(folder, self.node(old).name) else { return true };
            self.node(folder).fs_parent.is_none() || self.satisfies(new, edge)
        })
    }

    /// Whether a node that stands below another of its name may go, so that the upper one serves both.
    pub(crate) fn can_dedupe(&self, id: NodeId, prefer_dedupe: bool) -> bool {
        let node = self.node(id);
        if self.in_dependency_bundle(id) || self.in_shrinkwrap(id) {
            return false;
        }
        let Some(above) = node.resolve_parent().and_then(|parent| self.node(parent).resolve_parent()) else {
            return false;
        };
        if node.edges_in.is_empty() {
            return true;
        }
        let Some(other) = self.resolve(above, node.name) else { return false };
        if self.matches(other, id) {
            return true;
        }
        if !self.can_replace(other, id, &[]) {
            return false;
        }
        let ordering = self.package_of(other).version().zip(self.package_of(id).version());
        prefer_dedupe
            || match ordering.map(|(other, own)| other.cmp(own)) {
                Some(Ordering::Equal) => true,
                // A newer one goes before what it is anyway, but not before the very version that an override names.
                Some(Ordering::Greater) => !self.is_overridden_node(id),
                _ => false,
            }
    }

    /// Whether both have a version and `a`'s is not below `b`'s.
    pub(crate) fn version_at_least(&self, a: NodeId, b: NodeId) -> bool {
        match (self.package_of(a).version(), self.package_of(b).version()) {
            (Some(a), Some(b)) => a >= b,
            _ => false,
        }
    }
}

fn is_remote_tarball(resolved: &str) -> bool {
    resolved.starts_with("https:") || resolved.starts_with("http:")
}
