//! What a package manager made of a project.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::scenario::REGISTRY;

/// The code of a refusal that says none.
pub(crate) const UNKNOWN_CODE: &str = "EUNKNOWN";

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With success.
    Done,
    /// With this code, such as `ERESOLVE`; `EUNKNOWN` where none was said.
    Error {
        /// The code.
        code: String,
    },
}

/// Everything that is compared, the registry's origin written as [`REGISTRY`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How the run ended.
    pub outcome: Outcome,
    /// package-lock.json.
    pub lock: Option<String>,
    /// node_modules/.package-lock.json.
    pub hidden: Option<String>,
    /// What stands in the places that the case watches, a line for each file and link; nothing where it watches none.
    pub disk: Option<String>,
    /// The project's own files afterwards, by path: package.json, and what else the case started with.
    pub files: BTreeMap<String, String>,
}

impl Answer {
    /// A text with `origin` (a server's URL) in the place of [`REGISTRY`], as it was when run.
    #[must_use]
    pub fn to_origin(text: &str, origin: &str) -> String {
        text.replace(REGISTRY, origin)
    }

    /// The inverse of [`Answer::to_origin`].
    #[must_use]
    pub fn from_origin(text: &str, origin: &str) -> String {
        text.replace(origin, REGISTRY)
    }

    /// The hidden lockfile when it holds just what the lockfile holds, but for the root: its `packages` with `""`
    /// taken out. Nothing when `lock` is not a lockfile.
    #[must_use]
    pub fn hidden_from_lock(lock: &str) -> Option<String> {
        let mut value: Value = serde_json::from_str(lock).ok()?;
        value.get_mut("packages")?.as_object_mut()?.shift_remove("");
        Some(format!("{}\n", serde_json::to_string_pretty(&value).ok()?))
    }

    /// The answer without the licences of packages from a registry, which `utoo deps` leaves out by design: they are
    /// not in abbreviated documents, and nothing is extracted that would tell.
    #[must_use]
    pub fn without_licences(mut self) -> Self {
        self.lock = self.lock.map(|text| {
            let Ok(mut lock) = serde_json::from_str::<Value>(&text) else { return text };
            let packages = lock.get_mut("packages").and_then(Value::as_object_mut);
            let installed =
                packages.into_iter().flatten().filter(|(location, _)| location.contains("node_modules/"));
            for (_, entry) in installed {
                if let Some(entry) = entry.as_object_mut() {
                    entry.shift_remove("license");
                }
            }
            serde_json::to_string_pretty(&lock).map_or(text, |text| format!("{text}\n"))
        });
        self
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
