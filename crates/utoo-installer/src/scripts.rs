//! Running a package's scripts: one runner, for lifecycle scripts of installs and for `utoo run`.
//!
//! The environment is npm's, as npm 11 was seen to set it: `PATH` with every `node_modules/.bin` from the package's
//! folder up to the root of the file system, `npm_lifecycle_*`, `npm_package_*`, `npm_config_*`, `npm_execpath`,
//! `npm_node_execpath`, `NODE`, `INIT_CWD`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::{InstallError, Result};

mod process;

use process::Outcome;

/// The most that is kept of a captured script's output: its end.
pub const KEPT_OUTPUT: usize = 64 << 10;

/// What all scripts of one run have in common.
#[derive(Debug, Clone, Default)]
pub struct ScriptSetup {
    /// The environment that the scripts start from; usually the process's own.
    pub environment: BTreeMap<OsString, OsString>,
    /// The directory that the user started the command in: `INIT_CWD`.
    pub init_cwd: PathBuf,
    /// The program that scripts should call as `npm_execpath`: utoo itself.
    pub execpath: PathBuf,
    /// node, for `NODE` and `npm_node_execpath`; unset where there is none on the `PATH`.
    pub node: Option<PathBuf>,
    /// `npm_command`: `install`, `run`, ….
    pub command: String,
    /// `npm_config_<key>`: key and value. No credentials.
    pub config: Vec<(String, String)>,
    /// `script-shell`; `sh` where it is unset.
    pub shell: Option<String>,
    /// `node-options`: becomes `NODE_OPTIONS`.
    pub node_options: Option<String>,
    /// What `node-gyp` means to scripts; whatever the `PATH` says where it is unset.
    pub node_gyp: Option<NodeGyp>,
}

/// npm brings a node-gyp of its own, which packages with native code count on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeGyp {
    /// `node-gyp.js`: `npm_config_node_gyp`.
    pub script: PathBuf,
    /// A folder with a command `node-gyp` that runs it; behind the `node_modules/.bin` folders on the `PATH`.
    pub bin: PathBuf,
}

/// Where a script's output goes, and who hears the terminal's signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptOutput {
    /// Kept, and shown only if the script fails. No input; a process group of its own, killed as a whole if the caller
    /// goes away.
    Capture,
    /// The terminal is the script's; signals to utoo are passed on.
    Inherit,
}

/// One script to run.
#[derive(Debug, Clone)]
pub struct ScriptCall<'a> {
    /// The package's folder: the working directory.
    pub folder: &'a Path,
    /// Its package.json.
    pub package_json: &'a Value,
    /// What else npm tells a dependency of itself, from the lockfile: `npm_package_<key>`.
    pub locked: &'a [(&'static str, String)],
    /// The script's name: `postinstall`, `build`.
    pub event: &'a str,
    /// The command line, as package.json has it.
    pub command: &'a str,
    /// Appended to the command line, quoted for the shell.
    pub arguments: &'a [String],
    /// Where its output goes.
    pub output: ScriptOutput,
    /// How long it may take.
    pub timeout: Option<Duration>,
}

/// How a script ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptEnd {
    /// What a shell would report: the exit code, or 128 and the signal's number.
    pub exit_code: i32,
    /// `exit code 3`, `signal 9`.
    pub outcome: String,
    /// The end of its output, both streams as they came; empty where it was inherited.
    pub output: String,
}

impl ScriptEnd {
    /// Whether it ended well.
    pub fn is_success(&self) -> bool {
        self.exit_code == 0
    }
}

/// Runs scripts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ScriptRunner {
    setup: Arc<ScriptSetup>,
}

impl ScriptRunner {
    /// A runner for this setup.
    pub fn new(setup: ScriptSetup) -> Self {
        Self { setup: Arc::new(setup) }
    }

    /// Runs a script to its end, whatever end that is.
    ///
    /// # Errors
    ///
    /// Where the shell cannot be started; `EINTR` where a signal told this process to end, and the captured script was
    /// killed.
    pub async fn run(&self, call: &ScriptCall<'_>) -> Result<ScriptEnd> {
        let mut command = self.command(call);
        let outcome = match call.output {
            ScriptOutput::Capture => process::captured(&mut command, call.timeout).await,
            ScriptOutput::Inherit => process::inherited(&mut command, call.timeout).await.map(Outcome::Ended),
        };
        match outcome.map_err(|error| InstallError::io("start a shell in", call.folder, error))? {
            Outcome::Ended(end) => Ok(end),
            Outcome::Interrupted(signal) => Err(InstallError::Interrupted { signal }),
        }
    }

    /// [`ScriptRunner::run`], where anything but success is an error.
    ///
    /// # Errors
    ///
    /// `ELIFECYCLE` with the outcome and the captured output; where the shell cannot be started.
    pub async fn run_or_fail(&self, call: &ScriptCall<'_>) -> Result<()> {
        let end = self.run(call).await?;
        if end.is_success() {
            return Ok(());
        }
        let name = call.package_json["name"].as_str();
        Err(InstallError::Script {
            package: name.map_or_else(|| call.folder.display().to_string(), str::to_owned),
            event: call.event.to_owned(),
            command: call.command.to_owned(),
            outcome: end.outcome,
            exit_code: end.exit_code,
            output: end.output,
        })
    }

    fn command(&self, call: &ScriptCall<'_>) -> Command {
        let mut line = call.command.to_owned();
        for argument in call.arguments {
            line.push(' ');
            line.push_str(&quoted(argument));
        }
        let mut command = Command::new(self.setup.shell.as_deref().unwrap_or("sh"));
        command.arg("-c").arg(&line).current_dir(call.folder);
        command.env_clear().envs(self.environment(call, &line));
        command
    }

    /// The whole environment of a script.
    fn environment(&self, call: &ScriptCall<'_>, line: &str) -> BTreeMap<OsString, OsString> {
        let setup = &*self.setup;
        let mut all = setup.environment.clone();
        // Those of a script that started utoo are not this script's.
        all.retain(|key, _| {
            let key = key.to_string_lossy();
            !key.starts_with("npm_package_") && !key.starts_with("npm_lifecycle_")
        });
        let mut set = |key: &str, value: OsString| drop(all.insert(key.into(), value));
        for (key, value) in &setup.config {
            set(&format!("npm_config_{}", key.replace('-', "_")), value.into());
        }
        set("INIT_CWD", setup.init_cwd.clone().into());
        set("npm_execpath", setup.execpath.clone().into());
        set("npm_command", (&setup.command).into());
        set("npm_lifecycle_event", call.event.into());
        set("npm_lifecycle_script", line.into());
        set("npm_package_json", call.folder.join("package.json").into());
        for key in ["name", "version"] {
            set(&format!("npm_package_{key}"), call.package_json[key].as_str().unwrap_or("").into());
        }
        for (key, value) in call.locked {
            set(&format!("npm_package_{key}"), value.into());
        }
        for key in ["config", "engines"] {
            flatten(&format!("npm_package_{key}"), &call.package_json[key], &mut set);
        }
        flatten("npm_package_bin", &commands(call.package_json), &mut set);
        if let Some(node) = &setup.node {
            set("npm_node_execpath", node.into());
            set("NODE", node.into());
        }
        if let Some(options) = &setup.node_options {
            set("NODE_OPTIONS", options.into());
        }
        if let Some(gyp) = &setup.node_gyp {
            // Who names another one means that.
            all.entry("npm_config_node_gyp".into()).or_insert_with(|| gyp.script.clone().into());
        }
        let gyp = setup.node_gyp.as_ref().map(|gyp| &*gyp.bin);
        let path = search_path(call.folder, gyp, setup.environment.get(&OsString::from("PATH")));
        all.insert("PATH".into(), path);
        all
    }
}

/// `bin` as npm normalises it: one path alone is the command of the package's own name.
fn commands(package_json: &Value) -> Value {
    let name = package_json["name"].as_str().unwrap_or_default();
    match &package_json["bin"] {
        Value::String(path) => serde_json::json!({ name.rsplit('/').next().unwrap_or(name): path }),
        bin => bin.clone(),
    }
}

/// `npm_package_config_a_b=…` of `{"a":{"b":…}}`.
fn flatten(prefix: &str, value: &Value, set: &mut impl FnMut(&str, OsString)) {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            for (key, value) in map {
                flatten(&format!("{prefix}_{key}"), value, set);
            }
        }
        Value::Array(list) => {
            for (at, value) in list.iter().enumerate() {
                flatten(&format!("{prefix}_{at}"), value, set);
            }
        }
        Value::String(text) => set(prefix, text.into()),
        other => set(prefix, other.to_string().into()),
    }
}

/// Every `node_modules/.bin` from the folder upwards, node-gyp's folder, then what was there before.
fn search_path(folder: &Path, gyp: Option<&Path>, before: Option<&OsString>) -> OsString {
    let bins = folder
        .ancestors()
        .filter(|above| above.file_name().is_none_or(|name| name != "node_modules"))
        .map(|above| above.join("node_modules").join(".bin"));
    let rest: Vec<PathBuf> = before.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    let joined = std::env::join_paths(bins.chain(gyp.map(Path::to_owned)).chain(rest));
    // A folder with the separator in its name cannot be on a PATH; the script runs without it.
    joined.unwrap_or_else(|_| before.cloned().unwrap_or_default())
}

/// An argument for a POSIX shell, as npm quotes it: only where it must be.
fn quoted(argument: &str) -> String {
    const SPECIAL: &[char] = &[
        '\t', '\n', '\r', ' ', '"', '#', '$', '&', '\'', '(', ')', '*', ';', '<', '>', '?', '\\', '`', '|',
        '~', '[', ']', '{', '}', '!',
    ];
    if argument.is_empty() {
        return "''".to_owned();
    }
    if !argument.contains(SPECIAL) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

/// Waits for a signal that asks this process to end, and gives its number. From then on these signals end the process no
/// more by themselves; so it is for the time in which scripts run.
///
/// # Errors
///
/// Where the signals cannot be listened to.
pub async fn interruption() -> std::io::Result<i32> {
    Ok(process::Signals::new()?.next().await)
}

fn end_of(status: ExitStatus, output: String) -> ScriptEnd {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    match (status.code(), signal) {
        (Some(code), _) => ScriptEnd { exit_code: code, outcome: format!("exit code {code}"), output },
        (None, Some(signal)) => {
            ScriptEnd { exit_code: 128 + signal, outcome: format!("signal {signal}"), output }
        }
        (None, None) => ScriptEnd { exit_code: 1, outcome: "no exit code".to_owned(), output },
    }
}

/// Standard streams of a captured script.
fn no_input(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null())
}
