//! Whether a lock still says what the manifests in it and the project's overrides ask for.

use utoo_lockfile::Mismatch;

use crate::error::ResolveError;
use crate::load::{Project, load};
use crate::options::ResolveOptions;
use crate::tree::{EdgeId, EdgeKind, NodeId, NodeKind, Tree};

/// Which dependencies the project's lock has in another version than its dependents, or an override, want, or not at
/// all: what an install would have to change. Reads nothing but the lock.
///
/// Peers of packages are left out: a lock may hold conflicts among them that were accepted. Optional dependencies may
/// be missing.
///
/// # Errors
/// As [`crate::Resolver::new`], but that an override which contradicts a direct dependency is a mismatch.
pub fn drift(project: &Project, options: &ResolveOptions) -> Result<Vec<Mismatch>, ResolveError> {
    let (builder, _) = load(project, options)?;
    let tree = &builder.tree;
    // What lies outside of the project is somebody else's.
    let outside = |&node: &NodeId| {
        matches!(tree.node(node).kind, NodeKind::Folder { .. }) && tree.node(node).fs_parent.is_none()
    };
    let nodes = tree.inventory().into_iter().filter(|node| !outside(node));
    let edges = nodes.flat_map(|node| tree.node(node).edges_out.values().copied());
    Ok(edges.filter_map(|edge| mismatch(tree, edge)).collect())
}

fn mismatch(tree: &Tree, id: EdgeId) -> Option<Mismatch> {
    let edge = tree.edge(id);
    let is_folder = tree.node(edge.from).is_top();
    if edge.is_valid() || (edge.is_peer() && !is_folder) || edge.kind == EdgeKind::PeerOptional {
        return None;
    }
    let name = tree.interner.name_text(edge.name).to_string();
    let wanted = tree.interner.want_text(edge.want).to_string();
    let from = tree.location(edge.from);
    Some(match edge.to {
        None => Mismatch::Missing { name, wanted, from },
        Some(to) => {
            let resolved = match &tree.node(to).kind {
                NodeKind::Link { location } => Some(location),
                _ => tree.node(to).resolved.as_ref(),
            };
            let version = tree.package_of(to).version().map(ToString::to_string);
            let locked = version.or_else(|| resolved.map(ToString::to_string)).unwrap_or_default();
            Mismatch::Invalid { name, locked, wanted, from }
        }
    })
}
