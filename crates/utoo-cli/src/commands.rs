//! One module for each command. Each takes the context and gives what to show.

mod cache;
mod clean;
mod completions;
mod conflict;
mod dev_engines;
mod explain;
mod install;
mod ls;
mod rebuild;
mod run;
mod scripts;
mod store;

use crate::args::Command;
use crate::context::Context;
use crate::error::{Category, CliError, CliResult};
use crate::output::Done;
pub(crate) use install::preparing;
use scripts::Decision;

/// Does what the command says.
pub(crate) fn execute(context: &Context) -> CliResult<Done> {
    match &context.command {
        Command::Install { .. }
        | Command::Uninstall { .. }
        | Command::Update { .. }
        | Command::Dedupe
        | Command::Prune
        | Command::Deps => install::install(context),
        Command::Shrinkwrap => install::shrinkwrap(context),
        Command::Ci => install::ci(context),
        Command::Run { script: Some(script), args } => run::run(context, script, args),
        Command::Run { script: None, .. } => run::list(context),
        Command::Ls { names } => ls::ls(context, names),
        Command::Explain { packages } => explain::explain(context, packages),
        Command::ApproveScripts { names } => scripts::decide(context, Decision::Approve, names),
        Command::DenyScripts { names } => scripts::decide(context, Decision::Deny, names),
        Command::IgnoredScripts => scripts::ignored(context),
        Command::Rebuild { names } => rebuild::rebuild(context, names),
        Command::Store { action } => store::store(context, *action),
        Command::Cache { action } => cache::cache(context, *action),
        Command::Clean => clean::clean(context),
        Command::Completions { shell } => Ok(completions::completions(*shell)),
    }
}

/// Runs a future on a runtime of one thread: what computes is rayon's part, and more threads measured slower.
fn block_on<T>(future: impl Future<Output = T>) -> CliResult<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        CliError::new(Category::Local, "EIO", "cannot start the runtime")
            .because_of(&error)
            .detail("reason", error.to_string())
    })?;
    Ok(runtime.block_on(future))
}
