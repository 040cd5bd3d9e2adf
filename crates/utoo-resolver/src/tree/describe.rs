//! Nodes and edges in words, for messages and explanations.

use super::{EdgeId, NodeId, NodeKind, Tree};
use crate::error::Dependent;

/// One dependency of one package, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DependencyEdge {
    /// Who has the dependency: `name@version`, or the project's name.
    pub from: String,
    /// Where the dependent stands; empty for the project.
    pub location: String,
    /// What it depends on.
    pub name: String,
    /// In which version.
    pub spec: String,
    /// `prod`, `dev`, `optional`, `peer`, `peerOptional`, `workspace`.
    pub kind: &'static str,
}

impl std::fmt::Display for DependencyEdge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.kind == "prod" { "" } else { self.kind };
        let space = if kind.is_empty() { "" } else { " " };
        write!(f, "{kind}{space}{}@{:?} from {}", self.name, self.spec, self.from)
    }
}

impl Tree {
    /// For a virtual root the node that it stands for, else the node itself.
    pub(crate) fn real(&self, node: NodeId) -> NodeId {
        match self.node(node).kind {
            NodeKind::Virtual { source } => self.real(source),
            _ => node,
        }
    }

    /// `name@version`.
    pub(crate) fn describe(&self, node: NodeId) -> String {
        let package = self.package_of(node);
        let name = package.manifest.name.as_str();
        match (name, package.version()) {
            ("", _) => "the project".to_owned(),
            (name, Some(version)) => format!("{name}@{version}"),
            (name, None) => name.to_owned(),
        }
    }

    /// The package's version in words, if it has one.
    pub(crate) fn version_text(&self, node: NodeId) -> Option<String> {
        self.package_of(node).version().map(ToString::to_string)
    }

    /// An edge in words.
    pub(crate) fn describe_edge(&self, id: EdgeId) -> DependencyEdge {
        let edge = self.edge(id);
        let from = self.real(edge.from);
        DependencyEdge {
            from: self.describe(from),
            location: self.location(from),
            name: self.interner.name_text(edge.name).to_string(),
            spec: self.interner.want_text(edge.want).to_string(),
            kind: edge.kind.as_str(),
        }
    }

    /// The path from `node` to the project along its first edges in.
    pub(crate) fn dependents_of(&self, node: NodeId) -> Vec<Dependent> {
        let mut chain: Vec<Dependent> = Vec::new();
        let mut at = self.real(node);
        let mut seen = vec![at];
        loop {
            // A link's dependents are those of the folder that it points to.
            let linked = self.node(self.root()).children.values().copied();
            let link = linked.into_iter().find(|&link| self.node(link).target == Some(at));
            let edges_in = &self.node(at).edges_in;
            let edges_in = edges_in.iter().chain(link.iter().flat_map(|&link| &self.node(link).edges_in));
            let next = edges_in.copied().find(|&id| !seen.contains(&self.real(self.edge(id).from)));
            let Some(id) = next else { return chain };
            at = self.real(self.edge(id).from);
            let edge = self.describe_edge(id);
            let package = self.package_of(at);
            chain.push(Dependent {
                name: package.manifest.name.to_string(),
                version: package.version().map(ToString::to_string),
                location: edge.location,
                kind: edge.kind,
                dependency: edge.name,
                spec: edge.spec,
                overridden_by: self.override_of(id),
            });
            seen.push(at);
        }
    }
}
