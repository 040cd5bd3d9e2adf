//! `utoo run`: scripts of package.json, with the ones before and after them.

use serde_json::{Value, json};

use super::dev_engines;
use crate::context::Context;
use crate::error::{Category, CliError, CliResult};
use crate::output::Done;
use crate::project::{Package, selected};
use utoo_installer::ScriptRunner;

use crate::script;

/// Runs a script in the project, or in each selected workspace, one after the other.
pub(super) fn run(context: &Context, name: &str, args: &[String]) -> CliResult<Done> {
    super::block_on(run_all(context, name, args))?
}

async fn run_all(context: &Context, name: &str, args: &[String]) -> CliResult<Done> {
    if let Some(root) = Package::find(context.root())? {
        dev_engines::check(context, &root)?;
    }
    let runner = script::runner(context);
    let packages = selected(&context.config)?;
    let several = packages.len() > 1;
    let mut ran = Vec::new();
    let mut first_error = None;
    for package in &packages {
        match run_in((context, &runner), package, name, args).await {
            Ok(scripts) => ran.extend(scripts),
            // As npm does: the other workspaces still run, and the command fails in the end.
            Err(error) if several => {
                context.output.warn(&error.message);
                first_error.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    match first_error {
        Some(error) => Err(error),
        None => Ok(Done { result: json!({ "ran": ran }), ..Done::default() }),
    }
}

/// Runs the script with its `pre` and `post`; tells what ran.
async fn run_in(
    (context, runner): (&Context, &ScriptRunner),
    package: &Package,
    name: &str,
    args: &[String],
) -> CliResult<Vec<Value>> {
    let mut ran = Vec::new();
    for (event, command, args) in steps(context, package, name, args)? {
        let end = script::run(context, runner, package, (&event, &command, args)).await?;
        ran.push(json!({ "package": package.id(), "script": event, "output": end.output }));
    }
    Ok(ran)
}

/// Event, command and arguments.
type Step<'a> = (String, String, &'a [String]);

fn steps<'a>(
    context: &Context,
    package: &Package,
    name: &str,
    args: &'a [String],
) -> CliResult<Vec<Step<'a>>> {
    let settings = context.config.scripts();
    let Some(command) = command_of(package, name) else {
        return match name {
            // Without a script of its own, `restart` is `stop`, where there is one, and `start`.
            "restart" => {
                let mut all = match script_of(package, "stop") {
                    Some(_) => steps(context, package, "stop", args)?,
                    None => Vec::new(),
                };
                all.extend(steps(context, package, "start", args)?);
                Ok(all)
            }
            _ if settings.if_present => Ok(Vec::new()),
            _ => Err(missing(package, name)),
        };
    };
    let around = |event: String| -> Option<Step<'a>> {
        let command = script_of(package, &event).filter(|_| !settings.ignore_scripts)?.to_owned();
        Some((event, command, &[]))
    };
    let (before, after) = (around(format!("pre{name}")), around(format!("post{name}")));
    Ok(before.into_iter().chain([(name.to_owned(), command, args)]).chain(after).collect())
}

fn script_of<'a>(package: &'a Package, name: &str) -> Option<&'a str> {
    package.json.manifest().script(name)
}

/// The script, or what npm runs for `start` where there is a `server.js`.
fn command_of(package: &Package, name: &str) -> Option<String> {
    let script = script_of(package, name).map(str::to_owned);
    script.or_else(|| {
        let server = name == "start" && package.folder.join("server.js").is_file();
        server.then(|| "node server.js".to_owned())
    })
}

fn missing(package: &Package, name: &str) -> CliError {
    let error =
        CliError::new(Category::NotFound, "ENOSCRIPT", format!("no script {name} in {}", package.id()))
            .detail("script", name)
            .detail("path", package.folder.to_string_lossy().into_owned());
    let near = package.json.scripts().iter().map(|(script, _)| script).filter(|script| is_near(script, name));
    let near: Vec<&str> = near.map(|script| &**script).collect();
    match near.as_slice() {
        [] => error.hint("`utoo run` lists the scripts, `utoo --help` the commands"),
        near => error.hint(format!("did you mean {}?", near.join(" or "))),
    }
}

/// At most two letters added, lost, changed or swapped; fewer in short words.
fn is_near(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let limit = (a.len().min(b.len()) / 2).min(2);
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(rows[i - 2][j - 2] + 1);
            }
        }
        rows.push(row);
    }
    rows[a.len()][b.len()] <= limit
}

/// `utoo run` alone: the scripts, each with its command.
pub(super) fn list(context: &Context) -> CliResult<Done> {
    let packages = selected(&context.config)?;
    let mut text = String::new();
    let mut result = serde_json::Map::new();
    for package in &packages {
        let scripts = package.json.scripts();
        match scripts {
            [] => text.push_str(&format!("no scripts in {}\n", package.id())),
            _ => text.push_str(&format!("scripts of {}:\n", package.id())),
        }
        for (name, command) in scripts {
            text.push_str(&format!("  {name}\n    {command}\n"));
        }
        let scripts = scripts.iter().map(|(name, command)| (name.to_string(), Value::from(&**command)));
        result.insert(package.id(), Value::Object(scripts.collect()));
    }
    Ok(Done { text, result: json!({ "scripts": result }), summary: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearly_the_same() {
        assert!(is_near("build", "biuld"));
        assert!(is_near("build", "buil"));
        assert!(is_near("test:unit", "testunit"));
        assert!(!is_near("build", "start"));
        assert!(!is_near("a", "b"));
    }
}
