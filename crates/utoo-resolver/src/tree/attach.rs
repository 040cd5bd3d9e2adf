//! Putting nodes into the tree and taking them out, and keeping every edge pointed at what it finds.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::{Edge, EdgeId, EdgeKind, Name, NodeId, NodeKind, PackageId, Tree, WantId};

impl Tree {
    /// Gives a node the edges that its package declares. `devDependencies` count for tops only.
    pub(crate) fn load_edges(&mut self, node: NodeId) {
        let package = self.node(node).package;
        let dev = self.loads_dev(node);
        let mut index = 0;
        while let Some(declared) = self.interner.declared(package, index) {
            index += 1;
            if declared.kind == EdgeKind::Dev && !dev {
                continue;
            }
            let existing = self.edge_out(node, declared.name);
            match existing {
                Some(edge) if self.edge(edge).kind == EdgeKind::Workspace => {}
                Some(id) => {
                    // A name in two blocks stands where the later one has it.
                    let key = self.interner.folded(declared.name);
                    let edges = &mut self.node_mut(node).edges_out;
                    edges.shift_remove(&key);
                    edges.insert(key, id);
                    let edge = self.edge_mut(id);
                    edge.name = declared.name;
                    edge.kind = declared.kind;
                    edge.declared = declared.want;
                    edge.want = declared.want;
                    edge.accept = declared.accept;
                    self.reload(id);
                }
                None => {
                    self.add_edge(node, declared.name, declared.kind, (declared.want, declared.accept));
                }
            }
        }
    }

    /// Gives a node of the real tree another package's manifest, and that one's edges instead of its own.
    pub(crate) fn set_package(&mut self, node: NodeId, package: PackageId) {
        for edge in std::mem::take(&mut self.node_mut(node).edges_out).into_values() {
            self.point(edge, None);
            let key = self.interner.folded(self.edge(edge).name);
            if let Some(edges) = self.edges_by_name.get_mut(&key) {
                edges.retain(|id| *id != edge);
            }
        }
        self.node_mut(node).package = package;
        self.load_edges(node);
        for edge in self.node(node).edges_in.clone() {
            self.reload(edge);
        }
    }

    fn loads_dev(&self, node: NodeId) -> bool {
        match &self.node(node).kind {
            NodeKind::Project | NodeKind::Folder { .. } => true,
            NodeKind::Virtual { source } => self.loads_dev(*source),
            NodeKind::Package | NodeKind::Link { .. } => false,
        }
    }

    /// Adds one edge and points it at what it finds now.
    pub(crate) fn add_edge(
        &mut self,
        from: NodeId,
        name: Name,
        kind: EdgeKind,
        (want, accept): (WantId, Option<WantId>),
    ) -> EdgeId {
        let id = EdgeId(u32::try_from(self.edges.len()).unwrap_or(u32::MAX));
        self.edges.push(Edge {
            from,
            name,
            kind,
            want,
            declared: want,
            rule: None,
            accept,
            to: None,
            error: None,
            peer_conflicted: false,
        });
        let key = self.interner.folded(name);
        self.node_mut(from).edges_out.insert(key, id);
        if self.is_live(from) {
            self.edges_by_name.entry(key).or_default().push(id);
        }
        self.reload(id);
        id
    }

    /// The edge `name` of a virtual root. Its edges come into being when somebody looks, since a root with a
    /// thousand dependencies is copied a thousand times and most copies are asked for one or two.
    pub(crate) fn virtual_edge(&mut self, root: NodeId, name: Name) -> Option<EdgeId> {
        if let Some(edge) = self.edge_out(root, name) {
            return Some(edge);
        }
        let package = self.interner.package(self.node(root).package);
        let dev = self.loads_dev(root);
        let interner = &self.interner;
        let is_meant = |declared: Name| declared == name || interner.fold_alike(declared, name);
        let declared = package
            .declared
            .iter()
            .rev()
            .find(|declared| is_meant(declared.name) && (dev || declared.kind != EdgeKind::Dev))
            .copied()?;
        Some(self.add_edge(root, declared.name, declared.kind, (declared.want, declared.accept)))
    }

    /// A copy of `source` without children, in which its peer sets are tried out.
    pub(crate) fn new_virtual_root(&mut self, source: NodeId) -> NodeId {
        let (name, package) = (self.node(source).name, self.node(source).package);
        let root = self.new_node(name, package, NodeKind::Virtual { source });
        let scope = self.node(source).scope;
        let new = self.node_mut(root);
        new.root = Some(root);
        new.scope = scope;
        root
    }

    /// Puts `child` into `parent`'s `node_modules`. A node of that name that stands there is removed first.
    pub(crate) fn attach(&mut self, child: NodeId, parent: NodeId) {
        let name = self.node(child).name;
        if let Some(old) = self.child(parent, name) {
            if old == child {
                return;
            }
            self.remove(old);
        }
        let (root, depth) = (self.node(parent).root, self.node(parent).depth + 1);
        let key = self.interner.folded(name);
        self.node_mut(parent).children.insert(key, child);
        let node = self.node_mut(child);
        node.parent = Some(parent);
        node.depth = depth;
        node.root = root;
        self.index(child);
        self.know_edges(child);
        self.link_target(child);
        // Those who find it bring it into the scopes of their overrides before it looks around.
        self.recheck(parent, name);
        self.load_child_edges(child);
    }

    pub(super) fn index(&mut self, node: NodeId) {
        if self.is_live(node) {
            self.arrived += 1;
            self.nodes[node.0 as usize].arrival = self.arrived;
            self.nodes_by_name.entry(self.nodes[node.0 as usize].name).or_default().push(node);
        }
    }

    /// A node of the real tree that has edges already: these are found by their names from here on.
    pub(super) fn know_edges(&mut self, node: NodeId) {
        if !self.is_live(node) {
            return;
        }
        for index in 0..self.node(node).edges_out.len() {
            let edge = self.node(node).edges_out[index];
            let key = self.interner.folded(self.edge(edge).name);
            self.edges_by_name.entry(key).or_default().push(edge);
        }
    }

    /// Links have no edges of their own: their folder has. A node that comes back looks around anew.
    fn load_child_edges(&mut self, child: NodeId) {
        if self.node(child).is_link() {
            return;
        }
        if self.node(child).edges_out.is_empty() {
            self.load_edges(child);
            return;
        }
        for index in 0..self.node(child).edges_out.len() {
            let edge = self.node(child).edges_out[index];
            self.reload(edge);
        }
    }

    /// Puts `new` where `old` stands; what lies in `old`'s own `node_modules` stays where it is.
    pub(crate) fn replace(&mut self, old: NodeId, new: NodeId) {
        let Some(parent) = self.node(old).parent else { return };
        let (name, root, depth) = (self.node(old).name, self.node(old).root, self.node(old).depth);
        let children = if self.node(new).is_link() {
            indexmap::IndexMap::default()
        } else {
            std::mem::take(&mut self.node_mut(old).children)
        };
        for &child in children.values() {
            self.node_mut(child).parent = Some(new);
        }
        self.step_down(old, &children);
        let key = self.interner.folded(name);
        let place = self.node(parent).children.get_index_of(&key);
        self.node_mut(parent).children.shift_remove(&key);
        self.drop_subtree(old);
        let node = self.node_mut(new);
        node.children = children;
        node.parent = Some(parent);
        node.root = root;
        node.depth = depth;
        let siblings = &mut self.node_mut(parent).children;
        siblings.shift_insert(place.unwrap_or(siblings.len()), key, new);
        self.index(new);
        self.know_edges(new);
        self.link_target(new);
        self.recheck(parent, name);
        self.load_child_edges(new);
    }

    /// Takes a node and all below it out of the tree. Edges that pointed there find what is left.
    pub(crate) fn remove(&mut self, node: NodeId) {
        if let Some(parent) = self.node(node).parent {
            let name = self.node(node).name;
            if self.child(parent, name) == Some(node) {
                let key = self.interner.folded(name);
                self.node_mut(parent).children.shift_remove(&key);
            }
        }
        if let NodeKind::Folder { location, .. } = &self.node(node).kind {
            let location = Arc::clone(location);
            self.folders.shift_remove(&location);
            if let Some(above) = self.node(node).fs_parent {
                self.node_mut(above).fs_children.retain(|id| *id != node);
            }
        }
        self.drop_subtree(node);
    }

    fn drop_subtree(&mut self, top: NodeId) {
        let mut dropped = vec![top];
        let mut next = 0;
        while next < dropped.len() {
            dropped.extend(self.node(dropped[next]).children.values());
            next += 1;
        }
        for &id in &dropped {
            let node = self.node_mut(id);
            node.root = None;
            node.parent = None;
            node.fs_parent = None;
        }
        // What lies below goes along: what it is to each other stays as it is.
        let gone: FxHashSet<NodeId> = dropped.iter().copied().collect();
        for &id in &dropped {
            for edge in self.node(id).edges_in.clone() {
                if !gone.contains(&self.edge(edge).from) {
                    self.reload(edge);
                }
            }
            for index in 0..self.node(id).edges_out.len() {
                let edge = self.node(id).edges_out[index];
                if !self.edge(edge).to.is_some_and(|to| gone.contains(&to)) {
                    self.reload(edge);
                }
            }
        }
    }

    /// Rechecks the edges called `name` at and below `above`: something of that name came or went there.
    fn recheck(&mut self, above: NodeId, name: Name) {
        if self.is_live(above) {
            let key = self.interner.folded(name);
            let Some(edges) = self.edges_by_name.get_mut(&key) else { return };
            let mut edges = std::mem::take(edges);
            edges.retain(|&edge| self.is_live(self.edge(edge).from));
            for &edge in &edges {
                if self.is_descendant(self.edge(edge).from, above) {
                    self.reload(edge);
                }
            }
            self.edges_by_name.insert(key, edges);
            return;
        }
        self.virtual_edge(above, name);
        let below = self.node(above).children.values().chain(&self.node(above).fs_children);
        let mut edges: Vec<EdgeId> = below.filter_map(|&child| self.edge_out(child, name)).collect();
        edges.extend(self.edge_out(above, name));
        for edge in edges {
            self.reload(edge);
        }
    }

    /// Points an edge at what its name finds, and judges it.
    pub(crate) fn reload(&mut self, edge: EdgeId) {
        let before = self.apply_rule(edge);
        let to = self.edge(edge).to;
        self.look_again(edge);
        if let (Some(before), Some(to)) = (before, to)
            && self.edge(edge).to == Some(to)
        {
            self.scope_lost(to, before);
            self.scope_gained(to, self.edge(edge).rule);
        }
    }

    pub(super) fn look_again(&mut self, edge: EdgeId) {
        let (from, name) = (self.edge(edge).from, self.edge(edge).name);
        let to = if self.node(from).root.is_some() { self.resolve(from, name) } else { None };
        self.point(edge, to);
    }

    fn point(&mut self, edge: EdgeId, to: Option<NodeId>) {
        let old = self.edge(edge).to;
        if old != to {
            if let Some(old) = old {
                self.node_mut(old).edges_in.retain(|id| *id != edge);
                self.scope_lost(old, self.edge(edge).rule);
            }
            self.edge_mut(edge).to = to;
            if let Some(to) = to {
                self.scope_gained(to, self.edge(edge).rule);
                self.node_mut(to).edges_in.push(edge);
            }
        }
        let error = self.judge(edge);
        if self.edge(edge).error != error {
            self.edge_mut(edge).error = error;
        }
    }

    /// A link that joined the real tree gets its folder's node, which is made if nothing has linked there yet.
    fn link_target(&mut self, link: NodeId) {
        let NodeKind::Link { location } = &self.node(link).kind else { return };
        if !self.is_live(link) || self.node(link).target.is_some() {
            return;
        }
        let location = Arc::clone(location);
        let package = self.node(link).package;
        let target = match self.folder(&location) {
            Some(target) => target,
            None => self.add_folder(&location, package, Workspace::No),
        };
        self.node_mut(link).target = Some(target);
        if self.is_parked(target) {
            self.unpark(target);
        }
        if !self.node(link).holds_scope {
            self.scope_gained(target, self.node(link).scope);
        }
    }

    /// Adds the node of a folder outside any `node_modules`.
    pub(crate) fn add_folder(
        &mut self,
        location: &Arc<str>,
        package: PackageId,
        workspace: Workspace,
    ) -> NodeId {
        let name = self.interner.package(package).name;
        let kind =
            NodeKind::Folder { location: Arc::clone(location), workspace: workspace == Workspace::Yes };
        let node = self.new_node(name, package, kind);
        let above = self.folder_above(location);
        let root = self.root();
        self.arrived += 1;
        let arrival = self.arrived;
        let new = self.node_mut(node);
        new.arrival = arrival;
        new.root = Some(root);
        new.fs_parent = above;
        if let Some(above) = above {
            self.node_mut(above).fs_children.push(node);
        }
        self.folders.insert(Arc::clone(location), node);
        self.load_edges(node);
        node
    }

    /// The innermost known folder around `location`; none for what lies outside of the project.
    fn folder_above(&self, location: &str) -> Option<NodeId> {
        if location == ".." || location.starts_with("../") {
            return None;
        }
        let mut at = location;
        while let Some((above, _)) = at.rsplit_once('/') {
            if let Some(folder) = self.folder(above) {
                return Some(folder);
            }
            at = above;
        }
        Some(self.root())
    }
}

/// Whether a folder is one of the project's workspaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workspace {
    Yes,
    No,
}
