//! Scripts: what the installer's runner needs to know of this command.

use std::path::{Path, PathBuf};

use utoo_config::{Config, Layer};
use utoo_installer::{NodeGyp, ScriptCall, ScriptEnd, ScriptOutput, ScriptRunner, ScriptSetup};

use crate::context::Context;
use crate::error::{Category, CliError, CliResult};
use crate::project::Package;

/// The runner of all scripts of this command.
pub(crate) fn runner(context: &Context) -> ScriptRunner {
    ScriptRunner::new(setup(context))
}

/// What scripts of this command have in common.
pub(crate) fn setup(context: &Context) -> ScriptSetup {
    let path = context.env.get("PATH").map_or("", String::as_str);
    let scripts = context.config.scripts();
    ScriptSetup {
        environment: context.env.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        init_cwd: context.cwd.clone(),
        execpath: std::env::current_exe().unwrap_or_default(),
        node: find_node(path),
        command: context.command.name().to_owned(),
        config: configuration(&context.config, context.env.get("HOME").map(Path::new)),
        shell: scripts.script_shell.clone(),
        node_options: scripts.node_options.clone(),
        node_gyp: node_gyp(path, context.config.cache_dir()),
    }
}

/// Where scripts write: to our streams, or, where stdout belongs to a JSON document, into it.
pub(crate) fn output(context: &Context) -> ScriptOutput {
    if context.output.is_json() { ScriptOutput::Capture } else { ScriptOutput::Inherit }
}

/// Runs one script of a package and waits for its end.
///
/// # Errors
/// A shell that cannot be started; a script that ends with another code than 0, which becomes ours.
pub(crate) async fn run(
    context: &Context,
    runner: &ScriptRunner,
    package: &Package,
    (event, command, arguments): (&str, &str, &[String]),
) -> CliResult<ScriptEnd> {
    if !context.output.is_quiet() {
        let banner = [&[command.to_owned()], arguments].concat().join(" ").replace('\n', "\n> ");
        context.output.text(&format!("\n> {} {event}\n> {banner}\n\n", package.id()));
    }
    let package_json = serde_json::Value::Object(package.json.value().clone());
    let call = ScriptCall {
        folder: &package.folder,
        package_json: &package_json,
        locked: &[],
        event,
        command,
        arguments,
        output: output(context),
        timeout: None,
    };
    let end = runner.run(&call).await?;
    if end.is_success() {
        return Ok(end);
    }
    let message = format!("the script {event} of {} ended with {}", package.id(), end.outcome);
    let mut error = CliError::new(script_failed(end.exit_code), "ELIFECYCLE", message)
        .detail("script", event)
        .detail("path", package.folder.to_string_lossy().into_owned());
    if !end.output.is_empty() {
        error = error.detail("output", end.output);
    }
    Err(error)
}

/// The script's own code becomes ours; one that no process can have becomes 1.
pub(crate) fn script_failed(exit_code: i32) -> Category {
    Category::Script(u8::try_from(exit_code).ok().filter(|code| *code != 0).unwrap_or(1))
}

/// node, where the PATH has one.
pub(crate) fn find_node(path: &str) -> Option<PathBuf> {
    std::env::split_paths(path).map(|folder| folder.join("node")).find(|node| node.is_file())
}

/// The node-gyp that npm brings, where npm is installed, with a command that runs it in the cache. Packages with native
/// code count on a command `node-gyp` that is nowhere else.
fn node_gyp(path: &str, cache: &Path) -> Option<NodeGyp> {
    let npm = std::env::split_paths(path).map(|folder| folder.join("npm")).find(|npm| npm.is_file())?;
    let npm = npm.canonicalize().ok()?;
    // npm's command is `bin/npm-cli.js` in its package; distributions may keep the two apart.
    let script = npm
        .ancestors()
        .skip(2)
        .take(3)
        .flat_map(|above| [above.to_owned(), above.join("lib/node_modules/npm")])
        .map(|package| package.join("node_modules/node-gyp/bin/node-gyp.js"))
        .find(|script| script.is_file())?;
    let bin = cache.join(NODE_GYP_BIN);
    let command = bin.join("node-gyp");
    if utoo_fs::read(&command).ok().as_deref() != Some(NODE_GYP.as_bytes()) {
        utoo_fs::create_dir_all(&bin).ok()?;
        // Executable before it has its name, so that nobody finds half a command.
        utoo_fs::write_atomic_with_mode(&command, NODE_GYP, 0o755).ok()?;
    }
    Some(NodeGyp { script, bin })
}

/// The folder of the command, in the cache.
pub(crate) const NODE_GYP_BIN: &str = "node-gyp-bin";

const NODE_GYP: &str = "#!/bin/sh\nexec \"${npm_node_execpath:-node}\" \"$npm_config_node_gyp\" \"$@\"\n";

/// `npm_config_*` for tools that ask for it, without credentials.
fn configuration(config: &Config, home: Option<&Path>) -> Vec<(String, String)> {
    // Those that would change what a nested command is about.
    const OWN: [&str; 6] =
        ["workspace", "workspaces", "include-workspace-root", "if-present", "json", "min-release-age"];
    let mut variables = vec![
        ("user-agent".to_owned(), config.network().user_agent.clone()),
        ("local-prefix".to_owned(), config.prefix().to_string_lossy().into_owned()),
    ];
    // Tools that download what they need keep it where npm would (prebuild-install) and read the user's file.
    if let Some(home) = home {
        variables.push(("cache".to_owned(), home.join(".npm").to_string_lossy().into_owned()));
        variables.push(("userconfig".to_owned(), home.join(".npmrc").to_string_lossy().into_owned()));
    }
    for key in config.public_keys() {
        if OWN.contains(&key) || key.starts_with('@') {
            continue;
        }
        // What the environment says is there already, under the name that somebody chose.
        let Some(raw) = config.get_raw(key).filter(|raw| raw.layer != Layer::Environment) else { continue };
        let value = match key {
            // Without user name and password.
            "registry" => config.default_registry().to_string(),
            _ => raw.values.join("\n\n"),
        };
        variables.push((key.to_owned(), value));
    }
    variables
}
