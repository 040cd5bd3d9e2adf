//! From words to an invocation.
//!
//! Every configuration key is a flag, `--key value` or `--key=value`, wherever it stands before a `--`; [`flags`] takes
//! those out first, as npm's own parser understands them (`--no-key`, `--key false`). clap parses what is left:
//! commands, their arguments, the short flags, and help.

mod flags;
mod tree;

use std::ffi::OsString;

use clap::ArgMatches;
use clap::error::ErrorKind;

use crate::error::{Category, CliError};

pub(crate) use tree::tree;

/// What the words mean.
pub(crate) enum Parsed {
    /// A command to run.
    Run(Invocation),
    /// A text to show: help or version.
    Show(String),
    /// Nothing that can be run.
    Wrong {
        /// Why.
        error: CliError,
        /// Whether the error is to be shown as JSON.
        json: bool,
    },
}

/// A command with everything the words said about it.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) command: Command,
    /// Configuration keys and their values, in order.
    pub(crate) flags: Vec<(String, String)>,
    /// `-C`, `--prefix`.
    pub(crate) prefix: Option<std::path::PathBuf>,
    pub(crate) quiet: bool,
}

impl Invocation {
    /// Whether the result, or the error, is to be a JSON document.
    pub(crate) fn is_json(&self) -> bool {
        is_json(&self.flags)
    }
}

fn is_json(flags: &[(String, String)]) -> bool {
    flags.iter().rev().find(|(key, _)| key == "json").is_some_and(|(_, on)| on != "false")
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Resolve, lock and fill `node_modules`; with specs, add them first.
    Install { specs: Vec<String> },
    /// Take dependencies out.
    Uninstall { names: Vec<String> },
    /// Move packages to the newest versions that package.json allows: those of these names, or all.
    Update { names: Vec<String> },
    /// Have fewer copies of the same package.
    Dedupe,
    /// Remove what package.json no longer asks for.
    Prune,
    /// Make npm-shrinkwrap.json of the lockfile.
    Shrinkwrap,
    /// Resolve and write the lockfile only.
    Deps,
    /// Install exactly what the lockfile says.
    Ci,
    /// Run a script; without one, list them.
    Run { script: Option<String>, args: Vec<String> },
    /// Show the installed tree.
    Ls { names: Vec<String> },
    /// Say why packages are where they are.
    Explain { packages: Vec<String> },
    /// Allow install scripts of dependencies.
    ApproveScripts { names: Vec<String> },
    /// Deny install scripts of dependencies.
    DenyScripts { names: Vec<String> },
    /// List install scripts that don't run.
    IgnoredScripts,
    /// Run install scripts once more.
    Rebuild { names: Vec<String> },
    /// Look after the packages in the cache.
    Store { action: StoreAction },
    /// Look after the cache.
    Cache { action: CacheAction },
    /// Remove the cache.
    Clean,
    /// Print a completion script.
    Completions { shell: clap_complete::Shell },
}

/// What `utoo store` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreAction {
    Verify,
    Prune,
    Path,
}

/// What `utoo cache` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheAction {
    Verify,
    Clean,
    Ls,
    Path,
}

impl Command {
    /// The command's word, as it stands in JSON.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Install { .. } => "install",
            Self::Uninstall { .. } => "uninstall",
            Self::Update { .. } => "update",
            Self::Dedupe => "dedupe",
            Self::Prune => "prune",
            Self::Shrinkwrap => "shrinkwrap",
            Self::Deps => "deps",
            Self::Ci => "ci",
            Self::Run { .. } => "run",
            Self::Ls { .. } => "ls",
            Self::Explain { .. } => "explain",
            Self::ApproveScripts { .. } => "approve-scripts",
            Self::DenyScripts { .. } => "deny-scripts",
            Self::IgnoredScripts => "ignored-scripts",
            Self::Rebuild { .. } => "rebuild",
            Self::Store { .. } => "store",
            Self::Cache { .. } => "cache",
            Self::Clean => "clean",
            Self::Completions { .. } => "completions",
        }
    }
}

/// Reads the process's words, the program's own first.
pub(crate) fn parse(words: Vec<OsString>) -> Parsed {
    let mut texts = Vec::with_capacity(words.len());
    for word in words {
        match word.into_string() {
            Ok(text) => texts.push(text),
            Err(word) => {
                let message = format!("an argument is not UTF-8: {}", word.to_string_lossy());
                return Parsed::Wrong { error: CliError::usage(message), json: false };
            }
        }
    }
    let program = program_name(texts.first().map_or("utoo", String::as_str));
    let extracted = match flags::extract(texts.into_iter().skip(1).collect()) {
        Ok(extracted) => extracted,
        Err(error) => return Parsed::Wrong { error, json: false },
    };
    let json = is_json(&extracted.flags);
    match matches(program, &extracted.rest) {
        Ok(found) => invocation(&found, extracted.flags),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Parsed::Show(error.render().to_string())
        }
        Err(error) => Parsed::Wrong { error: usage_error(&error), json },
    }
}

/// `ut` where it was started under that name, so that help shows what to type.
fn program_name(word: &str) -> &'static str {
    let stem = std::path::Path::new(word).file_stem().and_then(std::ffi::OsStr::to_str);
    if stem == Some("ut") { "ut" } else { "utoo" }
}

/// clap's matches. A word that is no command is a script: `utoo build` is `utoo run build`.
fn matches(program: &'static str, rest: &[String]) -> Result<ArgMatches, clap::Error> {
    let first = std::iter::once(program.to_owned());
    let mut tree = tree(program);
    let found = tree.try_get_matches_from_mut(first.clone().chain(rest.iter().cloned()))?;
    let Some((word, below)) = found.subcommand() else { return Ok(found) };
    if tree.get_subcommands().any(|command| command.get_name() == word) {
        return Ok(found);
    }
    let after = below.get_many::<String>("").map_or(0, Iterator::count);
    // The script's name and all that follows it are the last words, so `run` goes in front of them.
    let place = rest.len() - (after + 1);
    let (before, script) = rest.split_at(place);
    let words = before.iter().cloned().chain(std::iter::once("run".to_owned())).chain(script.iter().cloned());
    tree.try_get_matches_from_mut(first.chain(words))
}

fn invocation(found: &ArgMatches, mut flags: Vec<(String, String)>) -> Parsed {
    let Some((word, below)) = found.subcommand() else {
        return Parsed::Show(tree("utoo").render_help().to_string());
    };
    flags.extend(tree::short_flags(below));
    let json = is_json(&flags);
    let texts = |id: &str| below.get_many::<String>(id).map(|all| all.cloned().collect()).unwrap_or_default();
    let command = match word {
        "install" => Command::Install { specs: texts("specs") },
        "uninstall" => Command::Uninstall { names: texts("names") },
        "update" => Command::Update { names: texts("names") },
        "dedupe" => Command::Dedupe,
        "prune" => Command::Prune,
        "shrinkwrap" => Command::Shrinkwrap,
        "deps" => Command::Deps,
        "ci" => Command::Ci,
        "run" => Command::Run { script: below.get_one::<String>("script").cloned(), args: texts("args") },
        "ls" => Command::Ls { names: texts("names") },
        "explain" => Command::Explain { packages: texts("packages") },
        "approve-scripts" => Command::ApproveScripts { names: texts("names") },
        "deny-scripts" => Command::DenyScripts { names: texts("names") },
        "ignored-scripts" => Command::IgnoredScripts,
        "rebuild" => Command::Rebuild { names: texts("names") },
        "store" => match below.get_one::<String>("action").map(String::as_str) {
            Some("verify") => Command::Store { action: StoreAction::Verify },
            Some("prune") => Command::Store { action: StoreAction::Prune },
            _ => Command::Store { action: StoreAction::Path },
        },
        "cache" => match below.get_one::<String>("action").map(String::as_str) {
            Some("verify") => Command::Cache { action: CacheAction::Verify },
            Some("clean") => Command::Cache { action: CacheAction::Clean },
            Some("ls" | "list") => Command::Cache { action: CacheAction::Ls },
            _ => Command::Cache { action: CacheAction::Path },
        },
        "clean" => Command::Clean,
        "completions" => match below.get_one::<clap_complete::Shell>("shell") {
            Some(shell) => Command::Completions { shell: *shell },
            None => return Parsed::Wrong { error: CliError::usage("which shell?"), json },
        },
        // `test`, `start`, `stop`, `restart`
        script => Command::Run { script: Some(script.to_owned()), args: texts("args") },
    };
    if below.get_flag("global") {
        let error = CliError::new(Category::Usage, "EUNSUPPORTED", "global installs are not supported yet")
            .hint("install into a project, and run its commands with `utoo run`");
        return Parsed::Wrong { error, json };
    }
    Parsed::Run(Invocation {
        command,
        flags,
        prefix: below.get_one::<std::path::PathBuf>("prefix").cloned(),
        quiet: below.get_flag("quiet"),
    })
}

/// clap's message, without the label that the renderer adds itself.
fn usage_error(error: &clap::Error) -> CliError {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let (message, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut failure = CliError::usage(message.trim());
    if error.kind() == ErrorKind::UnknownArgument {
        failure.hint = Some("flags for a script stand behind `--`: utoo run build -- --watch".into());
    } else if !rest.trim().is_empty() {
        failure.hint = Some(rest.trim().lines().map(str::trim).collect::<Vec<_>>().join(" ").into());
    }
    failure
}

#[cfg(test)]
mod tests;
