//! What every command works with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use utoo_config::{Config, LoadOptions};

use crate::args::{Command, Invocation};
use crate::error::{Category, CliError, CliResult};
use crate::output::Output;

/// One command's surroundings, read once.
pub(crate) struct Context {
    pub(crate) command: Command,
    pub(crate) config: Config,
    pub(crate) output: Output,
    /// Where the command was started.
    pub(crate) cwd: PathBuf,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) started: Instant,
}

impl Context {
    /// Reads the environment and the configuration.
    pub(crate) fn load(invocation: Invocation, started: Instant) -> CliResult<Self> {
        let cwd = std::env::current_dir().map_err(|error| {
            let mut failure = CliError::new(Category::Local, "ENOENT", "the current directory is gone");
            failure.causes.push(error.to_string());
            failure
        })?;
        // Variables that are not UTF-8 cannot be configuration.
        let env: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let mut options =
            LoadOptions { cwd, prefix: invocation.prefix, home: None, env, flags: invocation.flags };
        let config = Config::load(&options)?;
        let env = std::mem::take(&mut options.env);
        let output = Output::new(&config, &env, invocation.quiet);
        Ok(Self { command: invocation.command, config, output, cwd: options.cwd, env, started })
    }

    /// The project's root.
    pub(crate) fn root(&self) -> &Path {
        self.config.prefix()
    }

    /// Whether the lockfile is all that is to be made.
    pub(crate) fn is_only_lock(&self) -> bool {
        self.command == Command::Deps || self.config.lock().package_lock_only
    }

    pub(crate) fn show_warnings(&self) {
        for warning in self.config.warnings() {
            self.output.warn(&warning.to_string());
        }
    }
}
