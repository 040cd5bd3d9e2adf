//! `devEngines` of the project's package.json: what its developers say that it is worked on with.
//!
//! ```json
//! {"devEngines": {"runtime": {"name": "node", "version": ">=20", "onFail": "error"}, "packageManager": [{"name": "npm"}]}}
//! ```
//!
//! As npm holds a project to it: each of the five may be one demand or several, of which one has to be met; else the last
//! one's `onFail` counts, which is `error` where nothing is said. `--force` makes warnings of errors. utoo counts as the npm
//! that it does as, and by its own name.

use serde_json::{Map, Value};
use utoo_types::{Engines, Platform, Version};

use super::install::{NPM, node_version};
use crate::context::Context;
use crate::error::{Category, CliError, CliResult};
use crate::project::Package;

const CODE: &str = "EBADDEVENGINES";

/// What is there, as far as a demand can be about it.
struct Present {
    name: String,
    version: Option<Version>,
}

/// Holds the project to its `devEngines`; without any there is nothing to do.
///
/// # Errors
/// `EBADDEVENGINES`: a demand is not met, or cannot be read.
pub(super) fn check(context: &Context, root: &Package) -> CliResult<()> {
    let Some(field) = root.json.value().get("devEngines") else { return Ok(()) };
    let demands = field.as_object().ok_or_else(|| unreadable("devEngines has to be an object"))?;
    for (kind, value) in demands {
        if !matches!(kind.as_str(), "runtime" | "packageManager" | "os" | "cpu" | "libc") {
            return Err(unreadable(format!("devEngines has no {kind}")));
        }
        let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let mut unmet = Vec::new();
        let mut on_fail = "error";
        for demand in list {
            let demand = demand
                .as_object()
                .ok_or_else(|| unreadable(format!("devEngines.{kind} has to hold objects")))?;
            on_fail = read_on_fail(kind, demand)?;
            unmet.extend(unmet_demand(context, kind, demand)?);
        }
        // One that is met is enough.
        if unmet.len() < list.len() || list.is_empty() || on_fail == "ignore" {
            continue;
        }
        let message = format!("this project's devEngines.{kind} asks for {}", unmet.join(", or "));
        if on_fail == "warn" || context.config.resolve().force {
            context.output.warn(&format!("{message} ({CODE})"));
            continue;
        }
        return Err(CliError::new(Category::Precondition, CODE, message)
            .hint("install what package.json asks for, or go on with --force"));
    }
    Ok(())
}

fn unreadable(message: impl Into<String>) -> CliError {
    CliError::new(Category::Precondition, CODE, message).hint("correct devEngines in package.json")
}

fn read_on_fail<'d>(kind: &str, demand: &'d Map<String, Value>) -> CliResult<&'d str> {
    match demand.get("onFail") {
        None => Ok("error"),
        Some(Value::String(text)) if matches!(&**text, "ignore" | "warn" | "error" | "download") => Ok(text),
        Some(other) => Err(unreadable(format!("devEngines.{kind}.onFail cannot be {other}"))),
    }
}

/// What the demand asks for and what there is instead; nothing where it is met.
fn unmet_demand(context: &Context, kind: &str, demand: &Map<String, Value>) -> CliResult<Option<String>> {
    if let Some(key) = demand.keys().find(|key| !matches!(key.as_str(), "name" | "version" | "onFail")) {
        return Err(unreadable(format!("devEngines.{kind} has no {key}")));
    }
    let text = |key: &str| match demand.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(other) => Err(unreadable(format!("devEngines.{kind}.{key} cannot be {other}"))),
    };
    let (name, range) = (text("name")?, text("version")?);
    let name = name.ok_or_else(|| unreadable(format!("devEngines.{kind} has no name")))?;
    let present = present(context, kind, name);
    let fits = |version: &Version, range: &str| {
        let engines = Engines { node: Some(version.clone()), npm: None };
        version.to_string() == range || engines.check(Some(range), None).is_ok()
    };
    let wanted = range.map_or(name.to_owned(), |range| format!("{name} {range}"));
    let is = present.version.as_ref().map_or(present.name.clone(), |v| format!("{} {v}", present.name));
    let met = present.name == name
        && range.is_none_or(|range| {
            range.is_empty() || present.version.as_ref().is_some_and(|version| fits(version, range))
        });
    Ok((!met).then(|| format!("{wanted}; this is {is}")))
}

fn present(context: &Context, kind: &str, name: &str) -> Present {
    let platform = Platform::current();
    let of = |name: String| Present { name, version: None };
    match kind {
        "runtime" => Present { name: "node".to_owned(), version: node_version(context) },
        "packageManager" if name == "utoo" => {
            Present { name: name.to_owned(), version: Version::parse(env!("CARGO_PKG_VERSION")).ok() }
        }
        "packageManager" => {
            let (major, minor, patch) = NPM;
            Present { name: "npm".to_owned(), version: Some(Version::new(major, minor, patch)) }
        }
        "os" => of(platform.os),
        "cpu" => of(platform.cpu),
        _ => of(platform.libc.unwrap_or_default()),
    }
}
