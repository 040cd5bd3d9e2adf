//! The ideal tree, with tarballs fetched ahead.

use std::cell::OnceCell;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tracing::{Instrument as _, debug_span};
use utoo_config::Config;
use utoo_installer::{EngineCheck as EnginesOfTree, Fitness, Installer, PackageRequest, PlatformCheck};
use utoo_resolver::{
    Conflicts, Dedupe, EngineCheck, Folders, Goal, InstallStrategy, ManifestCache, OptionalPeers, Peers,
    Project, Record, Resolution, ResolveError, ResolveEvent, ResolveOptions, Warning,
};
use utoo_types::{Engines, PickOptions, Platform, Platforms, Version};

use super::adapter::{Tarballs, WithStore};
use super::build::unless_interrupted;
use super::inputs::Inputs;
use super::node;
use super::refresh::Refresh;
use crate::args::Command;
use crate::commands::conflict;
use crate::context::Context;
use crate::error::CliResult;
use crate::output::{Phase, Progress, plural};

/// The npm whose behaviour this is; `engines.npm` of packages is held against it.
pub(in crate::commands) const NPM: (u64, u64, u64) = (11, 19, 1);

/// Resolves; what is chosen is handed to the installer, if there is one, to be fetched at once. Gives the
/// documents, too, for the caller to drop or to forget.
pub(super) async fn resolve(
    context: &Context,
    (inputs, project): (&Inputs, &Project),
    refresh: Refresh,
    (registry, installer): (&WithStore<'_>, Option<&Installer<Tarballs>>),
    progress: &Progress,
) -> CliResult<(Resolution, ManifestCache)> {
    if let Some(lock) = &project.lock {
        // Before anything is asked for: a lockfile may come from anybody.
        let policy = registry.policy();
        policy.check_locations(lock)?;
        let settings = context.config.workspaces();
        let is_about_all = settings.all.is_none() && settings.selected.is_empty();
        // Nothing is fetched ahead from a lockfile that names a source which package.json does not (any more).
        let is_trusted = policy.check_lockfile(lock).is_ok();
        // The places of a linked tree are known only when the whole of it is.
        let is_linked = context.config.resolve().install_strategy == utoo_config::InstallStrategy::Linked;
        if let Some(installer) = installer.filter(|_| is_about_all && is_trusted && !is_linked) {
            installer.begin(lock.clone());
        }
    }
    let options_for = |node| {
        let mut options = options_for(context, node);
        options.update.clone_from(&refresh.names);
        options.dedupe = refresh.dedupe.unwrap_or(options.dedupe);
        options
    };
    let (likely, known) = (options_for(None), OnceCell::new());
    let options = async {
        let node = node::version_later(context).await;
        known.get_or_init(|| options_for(node))
    };
    let started = Instant::now();
    progress.begin(Phase::Resolving);
    let mut cache = ManifestCache::new();
    let policy = registry.policy();
    let on_event = |event: ResolveEvent<'_>| match event {
        ResolveEvent::Wanted(_) => progress.add_total(1),
        ResolveEvent::Arrived { .. } => progress.tick(""),
        ResolveEvent::Chosen(chosen) => {
            if let Some(installer) = installer {
                let version = chosen.manifest.raw_version.clone();
                let prepare = policy.prepare(&chosen.resolved);
                let request = PackageRequest {
                    name: chosen.name,
                    version,
                    resolved: chosen.resolved,
                    integrity: chosen.integrity,
                    prepare,
                };
                installer.prefetch_chosen(&chosen.manifest, request);
            }
        }
    };
    let resolution = utoo_resolver::resolve_when(project, registry, (&likely, options), &mut cache, on_event)
        .instrument(debug_span!("resolve"));
    let resolution =
        unless_interrupted(policy, async { Ok(resolution.await) }).await.inspect_err(|_| progress.clear())?;
    let resolution = match resolution {
        Err(ResolveError::PeerConflict(conflict)) => {
            let options = known.get().unwrap_or(&likely);
            let search = conflict::search((project, options), registry, &mut cache, &conflict).await;
            progress.clear();
            return Err(conflict::failure(inputs, &conflict, search));
        }
        resolution => resolution.map_err(|error| {
            progress.clear();
            registry.explain(error)
        })?,
    };
    registry.policy().check_lockfile(&resolution.lockfile).inspect_err(|_| progress.clear())?;
    progress.end(Phase::Resolving, started, &plural(super::count(&resolution.lockfile), "package"));
    progress.clear();
    context.output.timed("resolve", started.elapsed());
    for warning in &resolution.warnings {
        context.output.warn(&describe(inputs, warning));
    }
    Ok((resolution, cache))
}

/// npm takes those of the lockfile as they are where it saves nothing, and is asked for nothing by name.
fn optional_peers(context: &Context) -> OptionalPeers {
    let settings = context.config.save();
    let mends = match &context.command {
        Command::Ci => false,
        Command::Dedupe => settings.save && settings.save_said,
        Command::Install { specs } => settings.save || !specs.is_empty(),
        Command::Uninstall { .. } | Command::Update { .. } => true,
        _ => settings.save,
    };
    if mends { OptionalPeers::Mend } else { OptionalPeers::Leave }
}

fn describe(inputs: &Inputs, warning: &Warning) -> String {
    match warning {
        Warning::PeerOverridden(conflict) => conflict::warning(inputs, conflict),
        Warning::Engine { package, wanted, current } => {
            format!("{package} wants {wanted}, this is {current}")
        }
    }
}

/// What the configuration says of resolving.
pub(crate) fn options(context: &Context) -> ResolveOptions {
    options_for(context, node::version(context))
}

/// [`options`], with packages that will run on this node.
fn options_for(context: &Context, node: Option<Version>) -> ResolveOptions {
    let settings = context.config.resolve();
    let (major, minor, patch) = NPM;
    ResolveOptions {
        conflicts: match (settings.force, settings.strict_peer_deps) {
            (true, _) => Conflicts::Force,
            (false, true) => Conflicts::Strict,
            (false, false) => Conflicts::Override,
        },
        peers: peers(context),
        optional_peers: optional_peers(context),
        folders: if settings.install_links { Folders::Pack } else { Folders::Link },
        install_strategy: match settings.install_strategy {
            utoo_config::InstallStrategy::Nested => InstallStrategy::Nested,
            utoo_config::InstallStrategy::Shallow => InstallStrategy::Shallow,
            utoo_config::InstallStrategy::Linked => InstallStrategy::Linked,
            utoo_config::InstallStrategy::Hoisted => InstallStrategy::Hoisted,
        },
        dedupe: if settings.prefer_dedupe { Dedupe::Fewest } else { Dedupe::Newest },
        pick: PickOptions {
            npm_version: node.as_ref().map(|_| Version::new(major, minor, patch)),
            node_version: node,
            before: settings.before.or_else(|| settings.min_release_age.and_then(days_ago)),
            default_tag: settings.tag.as_str().into(),
            ..PickOptions::default()
        },
        engines: if settings.engine_strict { EngineCheck::Strict } else { EngineCheck::Warn },
        platforms: (!settings.force).then(|| platforms(&context.config)),
        omit: context.config.install().omit,
        update: Vec::new(),
        goal: match context.is_only_lock() || context.config.install().dry_run {
            true => Goal::Lockfile,
            false => Goal::Install,
        },
        record: Record::Nothing,
    }
}

/// Whether peer dependencies are installed.
pub(super) fn peers(context: &Context) -> Peers {
    if context.config.resolve().legacy_peer_deps { Peers::Ignore } else { Peers::Install }
}

/// In milliseconds since 1970; `None` before that.
fn days_ago(days: f64) -> Option<i64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let age = std::time::Duration::try_from_secs_f64(days * 86_400.0).ok()?;
    i64::try_from(now.checked_sub(age)?.as_millis()).ok()
}

/// What the installer holds packages to.
pub(super) fn fitness(context: &Context) -> Fitness {
    let settings = context.config.resolve();
    let (major, minor, patch) = NPM;
    let node = settings.engine_strict.then(|| node::version(context)).flatten();
    Fitness {
        platforms: platforms(&context.config),
        platform_check: if settings.force { PlatformCheck::Ignore } else { PlatformCheck::Enforce },
        engines: Engines { node, npm: Some(Version::new(major, minor, patch)) },
        // As npm does, `--force` takes any node, not any npm.
        engine_check: match (settings.engine_strict, settings.force) {
            (false, _) => EnginesOfTree::Ignore,
            (true, false) => EnginesOfTree::Enforce,
            (true, true) => EnginesOfTree::EnforceNpm,
        },
    }
}

/// This machine, and what `--os`, `--cpu` and `--libc` say.
fn platforms(config: &Config) -> Platforms {
    let settings = config.resolve();
    let machine = Platform::current();
    let mut platform = machine.clone();
    if let Some(os) = &settings.os {
        platform.os.clone_from(os);
        if os != "linux" {
            // No other system has a libc to choose.
            platform.libc = None;
        }
    }
    if let Some(cpu) = &settings.cpu {
        platform.cpu.clone_from(cpu);
    }
    if let Some(libc) = &settings.libc {
        platform.libc = Some(libc.clone());
    }
    Platforms { machine, chosen: platform }
}
