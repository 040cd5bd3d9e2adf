//! Scripts: what the installer's runner needs to know of this command.

use std::path::PathBuf;

use utoo_config::{Config, Layer};
use utoo_installer::{ScriptCall, ScriptEnd, ScriptOutput, ScriptRunner, ScriptSetup};

use crate::context::Context;
use crate::error::{Category, CliError, CliResult};
use crate::project::Package;

/// The runner of all scripts of this command.
pub(crate) fn runner(context: &Context) -> ScriptRunner {
    let path = context.env.get("PATH").map_or("", String::as_str);
    let scripts = context.config.scripts();
    ScriptRunner::new(ScriptSetup {
        environment: context.env.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        init_cwd: context.cwd.clone(),
        execpath: std::env::current_exe().unwrap_or_default(),
        node: find_node(path),
        command: context.command.name().to_owned(),
        config: configuration(&context.config),
        shell: scripts.script_shell.clone(),
        node_options: scripts.node_options.clone(),
    })
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
        event,
        command,
        arguments,
        output: output(context),
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

/// `npm_config_*` for tools that ask for it, without credentials.
fn configuration(config: &Config) -> Vec<(String, String)> {
    // Those that would change what a nested command is about.
    const OWN: [&str; 6] =
        ["workspace", "workspaces", "include-workspace-root", "if-present", "json", "min-release-age"];
    let mut variables = vec![
        ("user-agent".to_owned(), config.network().user_agent.clone()),
        ("local-prefix".to_owned(), config.prefix().to_string_lossy().into_owned()),
    ];
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
