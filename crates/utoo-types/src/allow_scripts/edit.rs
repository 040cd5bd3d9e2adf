//! Writing `allowScripts`, as `npm approve-scripts` and `npm deny-scripts` were seen to.

use serde_json::{Map, Value};

use super::{Subject, exact_versions};

/// Whom an approval or a denial is about: an installed package, in all versions that are installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptTarget {
    /// A package of a registry.
    Registry {
        /// Its name there.
        name: String,
        /// The installed versions; empty where an entry of the lockfile has no address that vouches for one.
        versions: Vec<String>,
    },
    /// Anything else, by its source.
    Exotic {
        /// `resolved`, with the commit where it has one; files and folders with their absolute path.
        source: String,
    },
}

/// Whether an approval holds for the installed version only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// It does: `esbuild@0.25.0`.
    Version,
    /// It holds for every version to come: `esbuild`.
    Name,
}

/// One edit, in npm's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptChange {
    /// The key of `allowScripts`.
    pub key: String,
    /// `added`, `removed-stale`, `removed-pinned-allow`.
    pub change: &'static str,
}

/// Why nothing was approved: what was denied stays denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The key that denies.
    pub key: String,
}

impl ScriptTarget {
    /// How the package is called in what is shown.
    pub fn label(&self) -> &str {
        match self {
            Self::Registry { name, .. } => name,
            Self::Exotic { source } => source,
        }
    }

    fn is_about(&self, key: &str) -> bool {
        match self {
            Self::Registry { name, .. } => Subject::name_of_key(key) == name,
            Self::Exotic { source } => without_commit(key) == without_commit(source),
        }
    }

    /// Approves, unless it was denied. Single versions that are not installed any more give way to the installed ones;
    /// several versions under one key were somebody's own thought, and stay.
    pub(crate) fn approve(
        &self,
        rules: &mut Map<String, Value>,
        pin: Pin,
    ) -> Result<Vec<ScriptChange>, Refusal> {
        let denial = rules.iter().find(|(key, value)| **value == Value::Bool(false) && self.is_about(key));
        if let Some((key, _)) = denial {
            return Err(Refusal { key: key.clone() });
        }
        let wanted = match (self, pin) {
            (Self::Registry { name, versions }, Pin::Version) if !versions.is_empty() => {
                versions.iter().map(|version| format!("{name}@{version}")).collect()
            }
            (Self::Registry { name, .. }, _) => vec![name.clone()],
            (Self::Exotic { source }, Pin::Version) => vec![source.clone()],
            (Self::Exotic { source }, Pin::Name) => vec![without_commit(source).to_owned()],
        };
        let is_covered = |wanted: &String| self.covers_everything(rules) || allows(rules, wanted);
        if wanted.iter().all(is_covered) {
            return Ok(Vec::new());
        }
        let mut changes = Vec::new();
        let stale = rules.iter().filter(|(key, value)| {
            **value == Value::Bool(true) && self.is_single_pin(key) && !wanted.contains(key)
        });
        for key in stale.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            rules.shift_remove(&key);
            if pin == Pin::Version {
                changes.push(ScriptChange { key, change: "removed-stale" });
            }
        }
        for key in wanted {
            if !allows(rules, &key) {
                rules.insert(key.clone(), Value::Bool(true));
                changes.push(ScriptChange { key, change: "added" });
            }
        }
        Ok(changes)
    }

    /// Denies every version, and forgets what was approved: a denial of one version would allow the next.
    pub(crate) fn deny(&self, rules: &mut Map<String, Value>) -> Vec<ScriptChange> {
        let wanted = match self {
            Self::Registry { name, .. } => name.clone(),
            Self::Exotic { source } => without_commit(source).to_owned(),
        };
        if rules.get(&wanted) == Some(&Value::Bool(false)) {
            return Vec::new();
        }
        let mut changes = Vec::new();
        let others = rules.keys().filter(|key| **key != wanted && self.is_about(key));
        for key in others.cloned().collect::<Vec<_>>() {
            rules.shift_remove(&key);
            changes.push(ScriptChange { key, change: "removed-pinned-allow" });
        }
        rules.insert(wanted.clone(), Value::Bool(false));
        changes.push(ScriptChange { key: wanted, change: "added" });
        changes
    }

    /// Whether a rule without a version allows it.
    fn covers_everything(&self, rules: &Map<String, Value>) -> bool {
        match self {
            Self::Registry { name, .. } => {
                rules.get(name) == Some(&Value::Bool(true))
                    || rules.get(&format!("{name}@*")) == Some(&Value::Bool(true))
            }
            Self::Exotic { source } => rules.get(without_commit(source)) == Some(&Value::Bool(true)),
        }
    }

    fn is_single_pin(&self, key: &str) -> bool {
        match self {
            Self::Registry { name, .. } => key
                .strip_prefix(name.as_str())
                .and_then(|rest| rest.strip_prefix('@'))
                .and_then(exact_versions)
                .is_some_and(|versions| versions.len() == 1),
            Self::Exotic { source } => key.contains('#') && without_commit(key) == without_commit(source),
        }
    }
}

/// Whether the key, or one that lists its version among others, is `true`.
fn allows(rules: &Map<String, Value>, wanted: &str) -> bool {
    if rules.get(wanted) == Some(&Value::Bool(true)) {
        return true;
    }
    let name = Subject::name_of_key(wanted);
    let Some(version) =
        wanted.strip_prefix(name).and_then(|rest| rest.strip_prefix('@')).and_then(exact_versions)
    else {
        return false;
    };
    rules.iter().filter(|(key, value)| **value == Value::Bool(true) && Subject::name_of_key(key) == name).any(
        |(key, _)| {
            key.strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('@'))
                .and_then(exact_versions)
                .is_some_and(|versions| version.iter().all(|one| versions.contains(one)))
        },
    )
}

fn without_commit(source: &str) -> &str {
    source.split('#').next().unwrap_or(source)
}
