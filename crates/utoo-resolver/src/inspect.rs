//! A look at a tree as it is: nothing is asked for, placed or pruned.

use crate::error::ResolveError;
use crate::graph::{Graph, graph};
use crate::load::{Project, load, refuse_conflicting_overrides};
use crate::options::ResolveOptions;

/// What the tree of the project's lockfile is, which may also be one that was made from what is installed: every edge by
/// the rules of a resolve, what it finds and what is wrong with it, and the marks afresh. How packages came to their
/// places is not told. Of the options those count that say what edges there are (peers, folders).
///
/// # Errors
/// Two workspaces share a name, or the overrides cannot be followed.
pub fn inspect(project: &Project, options: &ResolveOptions) -> Result<Graph, ResolveError> {
    let (mut builder, locked) = load(project, options)?;
    refuse_conflicting_overrides(&builder.tree)?;
    builder.tree.calculate_flags();
    Ok(graph(&builder.tree, None, &locked, options.dedupe))
}
