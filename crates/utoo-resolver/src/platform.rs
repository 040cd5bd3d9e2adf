//! After the build: which packages this platform and this node can run.

use utoo_types::{EngineMismatch, PlatformMismatch, WantedBy};

use crate::build::{Builder, Warning};
use crate::error::ResolveError;
use crate::graph::Unfit;
use crate::options::{Conflicts, EngineCheck, Goal, ResolveOptions};
use crate::tree::{Flags, NodeId};

/// Optional packages that do not fit become inert with everything that is there only for them. A required one
/// that does not fit is an error for its platform, and a warning or an error for its engines; so is the project. What is
/// left out need not fit.
pub(crate) fn check_platforms(
    builder: &mut Builder<'_>,
    options: &ResolveOptions,
) -> Result<(), ResolveError> {
    for node in builder.tree.inventory() {
        // npm unpacks these after it has looked, unless the lockfile has them or is all that is wanted.
        if options.goal == Goal::Install && builder.unpacked_with.contains(&node) {
            continue;
        }
        let (engine, platform) = mismatches(builder, options, node);
        if builder.tree.node(node).flags.optional {
            if engine.is_some() || platform.is_some() {
                for member in builder.tree.optional_set(node) {
                    builder.tree.node_mut(member).inert = true;
                }
                record(builder, node, engine.map(Unfit::Engine).or(platform.map(Unfit::Platform)));
            }
            continue;
        }
        if options.omit.leaves_out(wanted_by(builder.tree.node(node).flags)) {
            continue;
        }
        if let Some(mismatch) = engine {
            if options.engines == EngineCheck::Strict {
                return Err(engine_error(builder, node, &mismatch));
            }
            let package = builder.tree.describe(node);
            builder.warnings.push(Warning::Engine {
                package,
                wanted: mismatch.wanted.clone(),
                current: format!("{} {}", mismatch.engine, mismatch.current),
            });
        }
        if let Some(mismatch) = platform.filter(|_| options.conflicts != Conflicts::Force) {
            return Err(ResolveError::Platform {
                package: builder.tree.describe(node),
                wanted: mismatch.wanted,
                current: mismatch.current,
                chain: builder.tree.dependents_of(node),
            });
        }
    }
    Ok(())
}

/// Writes down why a set is inert, if somebody wants to know.
fn record(builder: &mut Builder<'_>, node: NodeId, why: Option<Unfit>) {
    let (Some(recorder), Some(why)) = (&mut builder.recorder, why) else { return };
    for member in builder.tree.optional_set(node) {
        recorder.unfit.entry(member).or_insert_with(|| Unfit::With(builder.tree.describe(node)));
    }
    recorder.unfit.insert(node, why);
}

fn mismatches(
    builder: &Builder<'_>,
    options: &ResolveOptions,
    node: NodeId,
) -> (Option<EngineMismatch>, Option<PlatformMismatch>) {
    let manifest = &builder.tree.package_of(node).manifest;
    let optional = builder.tree.node(node).flags.optional;
    // By force any node does, though not any npm, and not for what is optional.
    let forced = options.conflicts == Conflicts::Force && !optional;
    let engines = utoo_types::Engines {
        node: options.pick.node_version.clone().filter(|_| !forced),
        npm: options.pick.npm_version.clone(),
    };
    let engine = manifest.check_engines(&engines).err();
    let platform = options.platforms.as_ref().map(|platforms| platforms.of(optional));
    (engine, platform.and_then(|platform| platform.check(&manifest.platform_lists()).err()))
}

fn wanted_by(flags: Flags) -> WantedBy {
    let Flags { dev, optional, dev_optional, peer, .. } = flags;
    WantedBy { dev, optional, dev_optional, peer }
}

fn engine_error(builder: &Builder<'_>, node: NodeId, mismatch: &EngineMismatch) -> ResolveError {
    ResolveError::Engine {
        package: builder.tree.describe(node),
        wanted: mismatch.wanted.clone(),
        current: format!("{} {}", mismatch.engine, mismatch.current),
        chain: builder.tree.dependents_of(node),
    }
}
