//! `utoo install`, `uninstall`, `update`, `dedupe`, `prune`, `deps` and `ci`: one way, with parts left out.
//!
//! 1. [`inputs`]: package.json, workspaces, lockfile; whether anything has changed since the last install.
//! 2. [`request`]: what the words ask to add or remove, as edits of package.json.
//! 3. [`resolve`]: the ideal tree; what is chosen is fetched at once. `ci` refuses one that is not the lockfile's.
//! 4. the installer fills `node_modules`.
//! 5. [`save`]: package.json and the lockfile, if they changed.
//! 6. the scripts of the project and its workspaces.

mod adapter;
mod build;
mod inputs;
mod node;
mod refresh;
mod request;
mod resolve;
mod save;
mod shrinkwrap;
mod summary;
mod targets;
mod unfinished;

use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use utoo_installer::{
    BinLinks, Built, Completion, EventSink, InstallEvent, InstallRequest, Installed, Installer,
    InstallerOptions, Layout, Linked, Peers, Policy, Rebuild, RootScripts, ScriptOutput, Stage, Store,
    record_state,
};
use utoo_lockfile::{Lockfile, drift};
use utoo_registry::UnifiedRegistry;
use utoo_resolver::Project;

use crate::args::Command;
use crate::context::Context;
use crate::error::{Category, CliError, CliResult};
use crate::output::{Done, Phase, Progress};
use crate::script;
pub(super) use adapter::Guarded;
use adapter::{Tarballs, WithStore};
pub(crate) use build::preparing;
use build::{Builder, unless_interrupted};
pub(super) use inputs::{Inputs, Unsaved};
pub(super) use node::version as node_version;
use refresh::Refresh;
use request::Edits;
pub(super) use request::relative;
pub(super) use resolve::NPM;
pub(super) use resolve::options as resolve_options;
use save::Saving;
pub(super) use shrinkwrap::shrinkwrap;
pub(super) use summary::installed_scripts as rebuilt;
use targets::Targets;
use unfinished::Unfinished;

/// Installs, with what the words add or remove; or only resolves.
pub(super) fn install(context: &Context) -> CliResult<Done> {
    refuse_unsupported(context)?;
    let inputs = context.output.stage("read the project", || Inputs::read(context))?;
    let plain = matches!(&context.command, Command::Install { specs } if specs.is_empty());
    if plain && inputs.is_up_to_date(context) {
        return Ok(summary::up_to_date(context));
    }
    super::block_on(install_all(context, inputs))?
}

async fn install_all(context: &Context, mut inputs: Inputs) -> CliResult<Done> {
    let progress = Arc::new(context.output.progress());
    let registry = UnifiedRegistry::from_config(&context.config)?;
    let targets = Targets::of(context, &inputs)?;
    let plain = matches!(&context.command, Command::Install { specs } if specs.is_empty());
    inputs.check(context, plain)?;
    let adds = !plain && matches!(context.command, Command::Install { .. });
    let before = adds.then(|| Arc::new(inputs.root.json.manifest().clone()));
    let edits = match &context.command {
        Command::Install { specs } => {
            Edits::to_add(context, &mut inputs, (&registry, &targets), specs).await?
        }
        Command::Uninstall { names } => Edits::to_remove(&mut inputs, &targets, names),
        Command::Update { names } if context.config.save().save_said && context.config.save().save => {
            Edits::to_raise(context, &mut inputs, names)?
        }
        _ => Edits::default(),
    };
    let only_lock = context.is_only_lock();
    let dry = context.config.install().dry_run;
    let policy = Arc::new(inputs.policy(context)?);
    let installer = installer(context, options(context, &policy, &progress), &registry, &policy);
    let ahead = (!only_lock && !dry).then_some(&installer);
    let guarded = Guarded { registry: &registry, policy: &policy };
    let manifests = WithStore::new(guarded, &installer);
    let started = Instant::now();
    let mut lock = inputs.lock(context)?;
    let refresh = Refresh::asked(&context.command, &mut lock);
    let saving = Saving::of(context, &refresh);
    let wanted = (targets.locations(), edits.requests.clone());
    let project = Project { before, ..inputs.to_project(context, lock, wanted)? };
    context.output.timed("read the lockfile", started.elapsed());
    let asked = (&inputs, &project);
    let (resolved, documents) =
        resolve::resolve(context, asked, refresh, (&manifests, ahead), &progress).await?;
    let mut tree = resolved.lockfile;
    registry.store_behind();
    save::settle_specs(context, &mut inputs, &edits, &mut tree);
    save::settle_document(context, (&inputs, saving), project.lock.as_deref(), &mut tree);
    if dry {
        return Ok(summary::resolved_only(&tree, &registry, save::Saved::default(), &context.started));
    }
    let unfinished = Unfinished::read(context, inputs.lock_text.as_deref());
    if only_lock {
        let (saved, text) = save::save(context, (&inputs, saving), &tree)?;
        if let Some(text) = text {
            unfinished.note(project.lock.as_deref(), &tree, &text);
        }
        registry.flush();
        let done = summary::resolved_only(&tree, &registry, saved, &context.started);
        // The process ends here: giving back each node and document by itself would only take time.
        std::mem::forget((tree, project, resolved.spent, documents));
        return Ok(done);
    }
    drop((resolved.spent, documents));
    let layout = layout(context, &inputs, || inputs::completion(project.lock.as_deref(), &tree));
    let request = InstallRequest {
        completion: unfinished.completion(project.lock.as_deref(), &tree),
        scope: targets.scope(&inputs, &tree),
        inert: resolved.inert,
        workspaces: targets.workspaces(&inputs),
        tree,
        root_scripts: if plain { RootScripts::All } else { RootScripts::DependenciesOnly },
        rebuild: Rebuild::Pending,
        layout,
    };
    drop(project);
    let built = fill(&installer, &policy, request, &progress).await?;
    // Before the scripts, as npm: what was resolved is not lost when one of them fails.
    let (saved, _) = save::save(context, (&inputs, saving), built.tree())?;
    unfinished.forget();
    let installed = installer.run_scripts(built).await?;
    let unsaved = match edits.is_empty() || context.config.save().save {
        true => Unsaved::Nothing,
        false => Unsaved::Edits,
    };
    finish(context, (&inputs, unsaved), &installed, &registry)?;
    Ok(summary::installed(context, &policy, &installed, saved))
}

/// Exactly what the lockfile says, into an empty `node_modules`.
pub(super) fn ci(context: &Context) -> CliResult<Done> {
    refuse_unsupported(context)?;
    let inputs = Inputs::read(context)?;
    let Some(lock) = inputs.lock_of_file(context)? else {
        return Err(CliError::new(
            Category::Precondition,
            "EUSAGE",
            "there is no package-lock.json to install from",
        )
        .hint("`utoo install` makes one"));
    };
    super::block_on(install_locked(context, inputs, lock))?
}

async fn install_locked(context: &Context, inputs: Inputs, lock: Lockfile) -> CliResult<Done> {
    let progress = Arc::new(context.output.progress());
    let registry = UnifiedRegistry::from_config(&context.config)?;
    let policy = Arc::new(inputs.policy(context)?);
    let installer = installer(context, options(context, &policy, &progress), &registry, &policy);
    let guarded = Guarded { registry: &registry, policy: &policy };
    let manifests = WithStore::new(guarded, &installer);
    let targets = Targets::of(context, &inputs)?;
    let project = inputs.to_project(context, Some(lock), (targets.locations(), Vec::new()))?;
    let asked = (&inputs, &project);
    let resolved = resolve::resolve(context, asked, Refresh::default(), (&manifests, None), &progress).await;
    let resolved = resolved.map_err(|error| match error.code == "EOVERRIDE" {
        // For npm a lock from before such an override is just one that lags behind.
        true => out_of_sync(vec![error.message]),
        false => error,
    });
    let (resolved, documents) = resolved?;
    drop((resolved.spent, documents));
    let mut tree = resolved.lockfile;
    if let Some(lock) = &project.lock {
        refuse_drift(lock, &tree)?;
    }
    save::settle_document(context, (&inputs, Saving::NotSaved), project.lock.as_deref(), &mut tree);
    let started = Instant::now();
    installer.clear().await?;
    context.output.timed("remove node_modules", started.elapsed());
    let request = InstallRequest {
        inert: resolved.inert,
        scope: targets.scope(&inputs, &tree),
        workspaces: targets.workspaces(&inputs),
        layout: layout(context, &inputs, || Completion::None),
        ..InstallRequest::new(tree)
    };
    let built = fill(&installer, &policy, request, &progress).await?;
    let installed = installer.run_scripts(built).await?;
    finish(context, (&inputs, Unsaved::Nothing), &installed, &registry)?;
    Ok(summary::installed(context, &policy, &installed, save::Saved::default()))
}

/// Refuses a lockfile that lacks something of what package.json asks for.
fn refuse_drift(lock: &Lockfile, tree: &Lockfile) -> CliResult<()> {
    let differences: Vec<String> = drift(lock, tree).iter().map(ToString::to_string).collect();
    if differences.is_empty() { Ok(()) } else { Err(out_of_sync(differences)) }
}

fn out_of_sync(differences: Vec<String>) -> CliError {
    let mut error =
        CliError::new(Category::Precondition, "EUSAGE", "package-lock.json does not fit package.json")
            .hint("`utoo install` brings them together")
            .detail("mismatches", json!(differences));
    error.causes = differences;
    error
}

/// Fills `node_modules`, up to the scripts.
pub(super) async fn fill(
    installer: &Installer<Tarballs>,
    policy: &Policy,
    request: InstallRequest,
    progress: &Progress,
) -> CliResult<Built> {
    progress.begin(Phase::Fetching);
    let started = Instant::now();
    let built = unless_interrupted(policy, async { Ok(installer.build(request).await?) }).await?;
    let summary = built.summary();
    let made = format!("{} packages", summary.added + summary.changed);
    progress.end(Phase::Linking, started, &made);
    progress.clear();
    Ok(built)
}

/// Writes out what the registry's writer still holds, and remembers what this install went by, unless the next one is to
/// try again what could not be had.
fn finish(
    context: &Context,
    (inputs, unsaved): (&Inputs, Unsaved),
    installed: &Installed,
    registry: &UnifiedRegistry,
) -> CliResult<()> {
    registry.flush();
    if !installed.summary.is_worth_another_try() {
        record_state(context.root(), &inputs.state(context, unsaved, installed.folders.clone()))?;
    }
    Ok(())
}

/// An installer that fetches from the registry what the policy permits.
pub(super) fn installer(
    context: &Context,
    options: InstallerOptions,
    registry: &UnifiedRegistry,
    policy: &Arc<Policy>,
) -> Installer<Tarballs> {
    let source = Tarballs::new(registry.clone(), Arc::clone(policy), Builder::new(context, policy));
    Installer::new(options, Arc::new(source))
}

/// What the installer works on and with.
pub(super) fn options(context: &Context, policy: &Arc<Policy>, progress: &Arc<Progress>) -> InstallerOptions {
    let config = &context.config;
    let mut options = InstallerOptions::new(context.root(), Store::open(config.cache_dir()));
    options.fitness = resolve::fitness(context);
    options.omit = config.install().omit;
    options.bin_links = if config.install().bin_links { BinLinks::Make } else { BinLinks::Skip };
    options.scripts = (!config.scripts().ignore_scripts).then(|| script::runner(context));
    options.script_output = script::output(context);
    options.dependency_output = match config.scripts().foreground_scripts {
        true => script::output(context),
        false => ScriptOutput::Capture,
    };
    options.script_timeout = config.scripts().script_timeout;
    options.policy = Arc::clone(policy);
    if config.lock().omit_lockfile_registry_resolved {
        let config = config.clone();
        options.unaddressed =
            Some(Arc::new(move |location, entry| save::is_registrys(&config, location, entry)));
    }
    options.events = events(context, progress);
    options
}

fn events(context: &Context, progress: &Arc<Progress>) -> EventSink {
    let progress = Arc::clone(progress);
    let timings = context.output.timings_sink();
    Arc::new(move |event| match event {
        InstallEvent::Planned { to_make, .. } => progress.add_total(to_make as u64),
        InstallEvent::Linked { location } => progress.tick(&location),
        InstallEvent::StageDone { stage, took } => {
            timings(stage_name(stage), took);
            if stage == Stage::Record {
                // Scripts write where the line is.
                progress.clear();
            }
        }
        _ => {}
    })
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Plan => "plan",
        Stage::Link => "fetch, unpack and link",
        Stage::Publish => "move into place",
        Stage::Bins => "link commands",
        Stage::Record => "write the hidden lockfile",
        Stage::Scripts => "run scripts",
    }
}

/// Where the packages of a tree go.
fn layout(context: &Context, inputs: &Inputs, fresh: impl FnOnce() -> Completion) -> Layout {
    let settings = context.config.resolve();
    if settings.install_strategy != utoo_config::InstallStrategy::Linked {
        return Layout::Locations;
    }
    Layout::Linked(Linked {
        workspaces: inputs.workspace_locations(),
        peers: if settings.legacy_peer_deps { Peers::ByChance } else { Peers::Required },
        fresh: fresh(),
    })
}

/// What npm can do here and utoo cannot yet: refused by name, before anything is written.
fn refuse_unsupported(context: &Context) -> CliResult<()> {
    crate::policy::refuse_flag(context)?;
    match context.config.save().kind {
        Some(utoo_config::SaveKind::PeerOptional) => {
            let message = "not supported yet: save-peer with save-optional";
            Err(CliError::new(Category::Usage, "EUNSUPPORTED", message))
        }
        _ => Ok(()),
    }
}

/// How many packages a tree has, links and the project not counted.
fn count(tree: &Lockfile) -> usize {
    tree.packages.iter().filter(|(location, entry)| !location.is_empty() && !entry.link).count()
}
