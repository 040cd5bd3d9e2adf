//! npm's own faults: what it makes of a case is no answer that anybody should give.
//!
//! Found are: npm not ending; an error without a code, which is none of npm's refusals; a refusal when the link of a
//! workspace had been lost, which utoo keeps; and, where utoo does something else, an answer that says success and that
//! npm itself does not stand by, of seven kinds:
//!
//! * [`Fault::LeavesOut`]: `npm ls` calls what it made incomplete. Something in the lockfile that is neither `optional`
//!   nor `extraneous` nor from a tarball requires a package, and at none of the places where Node.js looks for it is one.
//!   npm does so when what could not be loaded takes the place of another, and that place is taken from it again.
//! * [`Fault::LosesWorkspace`]: the same of the project and a workspace of its. npm takes the workspace's link out of the
//!   tree when a package asks for its name, to try it in that one's peer set, and does not always put it back.
//! * [`Fault::LinksToNothing`]: a link leads to a folder in which no package.json is. npm reads an override by a folder from
//!   each dependent, which has no such folder. Or npm goes by another edge, and what stands there is no link at all.
//! * [`Fault::KeepsReferenced`]: an override goes by what package.json asks for by another name (`$name`), the command
//!   changes that, and what does not fit any more stays until the next install (`overrides/install-referenced`).
//! * [`Fault::TakesAlong`]: a link closes a loop of packages, which leads to the one in whose folder it lies. When npm
//!   removes a folder with such a link, the package that it leads to goes, too, whoever needs it
//!   (`lock/link-to-above-goes`).
//! * [`Fault::SavesNothing`]: package.json gets an alias of a package without a name, which no npm can read.
//! * [`Fault::ForgetsProject`]: the lockfile is that of an empty project. With `--package-lock-only` npm goes on without a
//!   package.json that it cannot use, such as one with an override for what is no range, where it fails otherwise
//!   (`overrides/lock-only-bad-key`).
//!
//! Such a case is counted with its seed, never as one that agrees.

use std::fmt;

use serde_json::Value;
use utoo_lockfile::{Entry, Lockfile, ancestors, nested_location};
use utoo_types::{PackageName, Range, Version};

use crate::answer::Answer;
use crate::scenario::Scenario;

/// What npm saves for an optional dependency that it could not load.
const SAVED_NOTHING: &str = "npm:null@";

/// One of npm's own faults.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It did not end.
    Hangs,
    /// It ended with an error that has no code: what it said.
    Crashes(String),
    /// It ended with success, and what is required is not there.
    LeavesOut,
    /// A workspace is not linked, when it ended with success, or no more, when it refused.
    LosesWorkspace,
    /// It ended with success, and a link leads to no package.
    LinksToNothing,
    /// It ended with success, and something is there that an override excludes by now.
    KeepsReferenced,
    /// It ended with success, and a package went with a link to it, whoever needs it.
    TakesAlong,
    /// It saved a spec that cannot be read.
    SavesNothing,
    /// It ended with success, and the lockfile knows nothing of package.json.
    ForgetsProject,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hangs => write!(f, "does not end"),
            Self::Crashes(message) => write!(f, "crashes: {message}"),
            Self::LeavesOut => write!(f, "leaves out what is required"),
            Self::LosesWorkspace => write!(f, "loses a workspace"),
            Self::LinksToNothing => write!(f, "links to what is not there"),
            Self::KeepsReferenced => write!(f, "keeps what an override excludes by now"),
            Self::TakesAlong => write!(f, "takes what a link leads to along with it"),
            Self::SavesNothing => write!(f, "saves {SAVED_NOTHING}…"),
            Self::ForgetsProject => write!(f, "forgets what package.json says"),
        }
    }
}

/// What is wrong with npm's answer to this scenario by npm's own measure; nothing of most.
#[must_use]
pub(super) fn fault_of(scenario: &Scenario, answer: &Answer) -> Option<Fault> {
    if answer.files.values().any(|text| text.contains(SAVED_NOTHING)) {
        return Some(Fault::SavesNothing);
    }
    let lock = Lockfile::parse(answer.lock.as_deref()?, "package-lock.json").ok()?;
    if forgets_project(scenario, &lock) {
        return Some(Fault::ForgetsProject);
    }
    if loses_workspace(scenario, &lock) {
        return Some(Fault::LosesWorkspace);
    }
    if links_to_nothing(scenario, &lock) || passes_folder_by(scenario, &lock) {
        return Some(Fault::LinksToNothing);
    }
    if keeps_referenced(scenario, answer, &lock) {
        return Some(Fault::KeepsReferenced);
    }
    if takes_along(scenario, &lock) {
        return Some(Fault::TakesAlong);
    }
    let run = scenario.section("run").unwrap_or_default();
    let peers = if run.contains("--legacy-peer-deps") { Peers::Ignored } else { Peers::Required };
    leaves_out(&lock, peers).then_some(Fault::LeavesOut)
}

#[derive(Clone, Copy, PartialEq)]
enum Peers {
    Required,
    Ignored,
}

fn leaves_out(lock: &Lockfile, peers: Peers) -> bool {
    let judged = |entry: &Entry| !(entry.link || entry.optional || entry.extraneous || entry.in_bundle);
    lock.packages.iter().filter(|(_, entry)| judged(entry)).any(|(location, entry)| {
        let optional = |name: &PackageName| entry.optional_dependencies.contains(name.as_str());
        let plain = entry.dependencies.iter().filter(|(name, _)| !optional(name));
        let peers = entry.peer_dependencies.iter().filter(|(name, _)| {
            peers == Peers::Required && !optional(name) && !is_optional_peer(entry, name)
        });
        plain.chain(&entry.dev_dependencies).chain(peers).any(|(name, _)| {
            let mut folders = std::iter::once(&**location).chain(ancestors(location));
            !folders.any(|folder| lock.get(&nested_location(folder, name.as_str())).is_some())
        })
    })
}

fn is_optional_peer(entry: &Entry, name: &PackageName) -> bool {
    let meta = entry.peer_dependencies_meta.iter().find(|(peer, _)| peer == name);
    meta.is_some_and(|(_, meta)| meta.get("optional").and_then(Value::as_bool) == Some(true))
}

/// Whether a link leads to a folder that the project has not, nor to a package that stands above it, as one that closes a
/// loop does.
fn links_to_nothing(scenario: &Scenario, lock: &Lockfile) -> bool {
    let files = scenario.files();
    let leads_nowhere = |(_, target): (&str, &str)| {
        let stands = lock.get(target).is_some_and(|entry| entry.version.is_some());
        !stands && !files.contains_key(format!("{target}/package.json").as_str())
    };
    links(lock).any(leads_nowhere)
}

/// Whether a package is not a link that an override replaces by a folder in all its versions and wherever it is.
fn passes_folder_by(scenario: &Scenario, lock: &Lockfile) -> bool {
    let Some(manifest) = manifest_before(scenario) else { return false };
    let names_folder = |spec: &str| spec.starts_with("file:") && !spec.ends_with(".tgz");
    let is_folder = |spec: &str| match spec.strip_prefix('$') {
        Some(name) => spec_of(&manifest, name).is_some_and(names_folder),
        None => names_folder(spec),
    };
    let rules = overrides(&manifest).filter(|(_, spec)| is_folder(spec));
    rules
        .map(|(key, _)| key.strip_suffix("@*").unwrap_or(key))
        .any(|name| named(lock, name).any(|entry| !entry.link))
}

/// Whether a package is there that an override by reference excludes since the command has changed what it refers to.
fn keeps_referenced(scenario: &Scenario, answer: &Answer, lock: &Lockfile) -> bool {
    let Some(before) = manifest_before(scenario) else { return false };
    let after = answer.files.get("package.json").and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(after) = after else { return false };
    overrides(&before).any(|(key, to)| {
        let Some(name) = to.strip_prefix('$') else { return false };
        let Some(spec) = spec_of(&after, name).filter(|spec| spec_of(&before, name) != Some(*spec)) else {
            return false;
        };
        let Ok(range) = Range::parse(spec) else { return false };
        let fits = |entry: &Entry| {
            let version = entry.version.as_deref().and_then(|version| Version::parse(version).ok());
            version.is_none_or(|version| range.satisfies(&version))
        };
        named(lock, key).any(|entry| !fits(entry))
    })
}

fn manifest_before(scenario: &Scenario) -> Option<Value> {
    scenario.package_json().ok().and_then(|text| serde_json::from_str(text).ok())
}

/// What package.json asks for by this name.
fn spec_of<'m>(manifest: &'m Value, name: &str) -> Option<&'m str> {
    let blocks = ["devDependencies", "optionalDependencies", "dependencies", "peerDependencies"];
    blocks.into_iter().find_map(|block| manifest.get(block)?.get(name)?.as_str())
}

/// The overrides that hold everywhere.
fn overrides(manifest: &Value) -> impl Iterator<Item = (&str, &str)> {
    let overrides = manifest.get("overrides").and_then(Value::as_object);
    overrides.into_iter().flatten().filter_map(|(key, to)| Some((key.as_str(), to.as_str()?)))
}

/// The entries of this name, wherever they are.
fn named<'l>(lock: &'l Lockfile, name: &str) -> impl Iterator<Item = &'l Entry> {
    let below = format!("/{}", nested_location("", name));
    lock.packages.iter().filter(move |(at, _)| format!("/{at}").ends_with(&below)).map(|(_, entry)| entry)
}

/// Whether the lockfile had a link to a package above it, and the link is gone, and with it the package or its version.
fn takes_along(scenario: &Scenario, lock: &Lockfile) -> bool {
    let before = scenario.lock_before().and_then(|text| Lockfile::parse(text, "package-lock.json").ok());
    before.is_some_and(|before| {
        let version = |lock: &Lockfile, at: &str| lock.get(at).and_then(|entry| entry.version.clone());
        let is_gone = |(at, target): (&str, &str)| {
            let leads_up = at.starts_with(&format!("{target}/"));
            leads_up && lock.get(at).is_none() && version(&before, target) != version(lock, target)
        };
        links(&before).any(is_gone)
    })
}

/// Whether the lockfile bears another name than package.json: the folder's, which npm takes where there is none.
fn forgets_project(scenario: &Scenario, lock: &Lockfile) -> bool {
    let manifest = manifest_before(scenario);
    let name = manifest.as_ref().and_then(|manifest| manifest.get("name")?.as_str());
    name.is_some() && lock.name.as_deref() != name
}

/// Where each link is, and where it leads.
fn links(lock: &Lockfile) -> impl Iterator<Item = (&str, &str)> {
    let links = lock.packages.iter().filter(|(_, entry)| entry.link);
    links.filter_map(|(at, entry)| Some((&**at, entry.resolved.as_deref()?)))
}

/// Whether a folder of the generated `packages/*`, where the project has it as a workspace, has no link.
fn loses_workspace(scenario: &Scenario, lock: &Lockfile) -> bool {
    let has_workspaces = scenario.package_json().is_ok_and(|text| text.contains("\"workspaces\""));
    has_workspaces
        && scenario.files().into_keys().filter_map(|path| path.strip_suffix("/package.json")).any(|folder| {
            let links = |entry: &Entry| entry.link && entry.resolved.as_deref() == Some(folder);
            folder.starts_with("packages/") && !lock.packages.iter().any(|(_, entry)| links(entry))
        })
}

#[cfg(test)]
#[path = "fault_tests.rs"]
mod tests;
