//! One case as JSON, so that whatever it holds can be taken out of it by one generic shrinker.
//!
//! ```text
//! {"registry": {"a": {"versions": {"1.0.0": {…manifest}}, "tags": {"next": "1.0.0"}}},
//!  "bundled":  {"a@1.0.0/node_modules/b/package.json": {…}},
//!  "files":    {"package.json": {…}, "packages/x/package.json": {…}},
//!  "first":    ["--legacy-peer-deps"],
//!  "edits":    [{"at": ["registry", "a", "versions", "1.1.0"], "to": {…}}],
//!  "run":      ["install", "--package-lock-only", "b@2"]}
//! ```
//!
//! Without `first` it is `run` in a fresh project, after the edits. With it, an install with those flags comes before the
//! edits, and `run` starts from the lockfile that npm wrote then.

use serde_json::{Map, Value};

use crate::scenario::Scenario;

/// A generated case.
#[derive(Clone, Debug, PartialEq)]
pub struct FuzzCase {
    /// As described at the head of the module.
    pub(super) value: Value,
}

impl FuzzCase {
    /// The install that makes the lockfile to start from, if the case starts from one.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<Scenario> {
        let flags = words(self.value.get("first")?);
        let run = ["install", "--package-lock-only"]
            .map(str::to_owned)
            .into_iter()
            .chain(flags)
            .collect::<Vec<_>>();
        Some(scenario(name, &self.value, &run, None))
    }

    /// The command that is compared, in a project with this lockfile.
    #[must_use]
    pub fn second(&self, name: &str, lock: Option<&str>) -> Scenario {
        let mut edited = self.value.clone();
        for edit in self.value.get("edits").and_then(Value::as_array).into_iter().flatten() {
            apply(&mut edited, edit);
        }
        scenario(name, &edited, &words(&self.value["run"]), lock)
    }
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

/// Sets what is `at` a path to the value `to`, or removes it where there is none.
fn apply(world: &mut Value, edit: &Value) {
    let path = words(&edit["at"]);
    let Some((last, above)) = path.split_last() else { return };
    let mut at = world;
    for key in above {
        let Value::Object(object) = at else { return };
        at = object.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
    }
    let Value::Object(object) = at else { return };
    match edit.get("to") {
        Some(value) => object.insert(last.clone(), value.clone()),
        None => object.shift_remove(last),
    };
}

fn scenario(name: &str, world: &Value, run: &[String], lock: Option<&str>) -> Scenario {
    let mut text = String::from("-- registry --\n");
    for (package, entry) in entries(&world["registry"]) {
        for (version, manifest) in entries(&entry["versions"]) {
            match manifest.as_object().is_some_and(Map::is_empty) {
                true => text.push_str(&format!("{package} {version}\n")),
                false => text.push_str(&format!("{package} {version} {manifest}\n")),
            }
        }
        if let Some(tags) = entry.get("tags") {
            text.push_str(&format!("{package} tags {tags}\n"));
        }
    }
    for (path, manifest) in entries(&world["bundled"]) {
        text.push_str(&format!("-- package {path} --\n{manifest}\n"));
    }
    for (path, content) in entries(&world["files"]) {
        let content = serde_json::to_string_pretty(content).unwrap_or_default();
        text.push_str(&format!("-- {path} --\n{content}\n"));
    }
    if let Some(lock) = lock {
        text.push_str(&format!("-- before/package-lock.json --\n{lock}"));
    }
    text.push_str(&format!("-- run --\nutoo {}\n", run.join(" ")));
    Scenario::parse(name, &text)
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

#[cfg(test)]
#[path = "case_tests.rs"]
mod tests;
