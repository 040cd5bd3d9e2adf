//! Which files of a folder make up the package in it: what `npm pack` takes, and so what a git dependency installs.
//!
//! Recorded from npm's `npm pack --dry-run --json`:
//!
//! - package.json, the readme and the licence at the top, `main`, `browser` and commands are in, whatever else is said;
//! - what version control, editors and package managers leave behind is out, and so is `node_modules`, but for what is
//!   bundled;
//! - `files` lists what is in, from the top: names, folders and globs, and after a `!` what is not;
//! - without `files`, the `.npmignore` at the top, or else the `.gitignore`, says what is out;
//! - those of the folders below count in either case, for what is below them. Later lines win, and letters' case is
//!   nothing.

use std::collections::BTreeMap;
use std::io::{self, Read};

use globset::{GlobBuilder, GlobMatcher};
use serde_json::Value;
use tar::{Archive, Builder, EntryType, Header};
use utoo_types::{BundleDependencies, Manifest};

/// Out at any depth.
const NEVER: [&str; 15] = [
    ".git",
    ".svn",
    ".hg",
    "CVS",
    ".npmrc",
    ".npmignore",
    ".gitignore",
    ".DS_Store",
    ".lock-wscript",
    "npm-debug.log",
    "*.orig",
    "._*",
    ".*.swp",
    ".wafpickle-*",
    "node_modules",
];
/// Out at the top.
const NEVER_AT_TOP: [&str; 6] = [
    "/package-lock.json",
    "/yarn.lock",
    "/pnpm-lock.yaml",
    "/bun.lockb",
    "/build/config.gypi",
    "/archived-packages",
];
/// In at the top, with any extension.
const ALWAYS: [&str; 4] = ["readme", "license", "licence", "copying"];

/// The rules of one package.
pub(crate) struct PackRules {
    never: Vec<Rule>,
    /// `files`, in its order; nothing where there is no such list.
    listed: Option<Vec<Rule>>,
    /// Folders whose contents are in: bundled dependencies.
    bundled: Vec<String>,
    /// Paths that are in, lower-case.
    always: Vec<String>,
    /// Rules of ignore files by folder, empty for the top.
    ignored: BTreeMap<String, Vec<Rule>>,
}

impl PackRules {
    /// The rules of a package.json and of the ignore files (`.npmignore`, `sub/.gitignore`) by path.
    pub(crate) fn new(package_json: &Value, ignore_files: &BTreeMap<String, String>) -> Self {
        let manifest = Manifest::from_value(package_json);
        let text = |key: &str| package_json[key].as_str().map(str::to_owned);
        let commands = manifest.bin.iter().map(|(_, path)| path.trim_start_matches("./").to_owned());
        let named = ["main", "browser"].into_iter().filter_map(text).chain(commands);
        let listed = package_json["files"]
            .as_array()
            .map(|files| files.iter().filter_map(Value::as_str).filter_map(Rule::listed).collect::<Vec<_>>());
        let mut ignored = BTreeMap::new();
        for (path, text) in ignore_files {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let beaten = name == ".gitignore" && ignore_files.contains_key(&joined(folder, ".npmignore"));
            let replaced = folder.is_empty() && listed.is_some();
            if !beaten && !replaced {
                ignored.insert(folder.to_owned(), text.lines().filter_map(Rule::ignored).collect());
            }
        }
        Self {
            never: NEVER.iter().chain(&NEVER_AT_TOP).filter_map(|line| Rule::ignored(line)).collect(),
            listed,
            bundled: bundled_names(&manifest).iter().map(|name| folder_of(name)).collect(),
            always: named.map(|path| path.to_lowercase()).collect(),
            ignored,
        }
    }

    /// The same, with these packages of its `node_modules`.
    pub(crate) fn with_bundled<'n>(mut self, names: impl Iterator<Item = &'n str>) -> Self {
        self.bundled = names.map(folder_of).collect();
        self
    }

    /// Whether a file is part of the package. `path` is relative to it, with forward slashes.
    pub(crate) fn packs(&self, path: &str) -> bool {
        if self.is_always(path) || self.bundled.iter().any(|folder| path.starts_with(folder)) {
            return true;
        }
        if self.never.iter().any(|rule| rule.matches(path)) {
            return false;
        }
        let mut packed = match &self.listed {
            Some(rules) => rules.iter().rfind(|rule| rule.matches(path)).is_some_and(|rule| !rule.negated),
            None => true,
        };
        let folders = std::iter::once(0).chain(path.match_indices('/').map(|(at, _)| at));
        for at in folders {
            let (folder, below) = (&path[..at], path[at..].trim_start_matches('/'));
            for rule in self.ignored.get(folder).into_iter().flatten().filter(|rule| rule.matches(below)) {
                packed = rule.negated;
            }
        }
        packed
    }

    fn is_always(&self, path: &str) -> bool {
        let path = path.to_lowercase();
        let is_text = ALWAYS.iter().any(|name| {
            let rest = path.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || (rest.starts_with('.') && !rest.ends_with(['~', '$'])))
        });
        let at_top = !path.contains('/');
        (at_top && (path == "package.json" || is_text)) || self.always.contains(&path)
    }
}

/// The archive of a repository, less what is not part of the package. Paths stay as they are, below one folder; links are
/// left out.
///
/// # Errors
/// An archive that cannot be read.
pub(crate) fn pack_archive(archive: &[u8]) -> io::Result<Vec<u8>> {
    let mut files = Vec::new();
    let mut ignore_files = BTreeMap::new();
    let mut package_json = Value::Null;
    for entry in Archive::new(archive).entries()? {
        let mut entry = entry?;
        if entry.header().entry_type() != EntryType::Regular {
            continue;
        }
        let whole = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        let (_, path) = whole.split_once('/').unwrap_or(("", &whole));
        if path == "package.json" {
            package_json = serde_json::from_slice(&bytes).unwrap_or_default();
        }
        if matches!(path.rsplit('/').next(), Some(".npmignore" | ".gitignore")) {
            ignore_files.insert(path.to_owned(), String::from_utf8_lossy(&bytes).into_owned());
        }
        files.push((path.to_owned(), whole.clone(), entry.header().clone(), bytes));
    }
    let rules = PackRules::new(&package_json, &ignore_files);
    let mut packed = Builder::new(Vec::new());
    for (_, whole, header, bytes) in files.iter().filter(|(path, ..)| rules.packs(path)) {
        let mut plain = Header::new_gnu();
        plain.set_size(bytes.len() as u64);
        plain.set_mode(header.mode()?);
        plain.set_mtime(header.mtime()?);
        packed.append_data(&mut plain, whole, bytes.as_slice())?;
    }
    packed.into_inner()
}

/// The names of what a package bundles, as far as it depends on them.
pub(super) fn bundled_names(manifest: &Manifest) -> Vec<String> {
    let is_wanted = |name: &str| {
        manifest.dependencies.get(name).is_some() || manifest.optional_dependencies.get(name).is_some()
    };
    match &manifest.bundle_dependencies {
        BundleDependencies::None => Vec::new(),
        BundleDependencies::All => manifest.dependencies.iter().map(|(name, _)| name.to_string()).collect(),
        BundleDependencies::Names(names) => {
            names.iter().map(|name| name.to_string()).filter(|name| is_wanted(name)).collect()
        }
    }
}

/// The folder of a bundled package, with a slash at the end.
fn folder_of(name: &str) -> String {
    format!("node_modules/{name}/")
}

fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// One line of an ignore file, or one entry of `files`.
struct Rule {
    negated: bool,
    /// The file itself; nothing where only a folder is meant.
    file: Option<GlobMatcher>,
    /// What is below a folder of that name.
    below: GlobMatcher,
}

impl Rule {
    /// A line of an ignore file: without a slash in its middle it counts at any depth. Nothing for comments, empty lines,
    /// and what is no glob.
    fn ignored(line: &str) -> Option<Self> {
        let line = line.trim_end();
        let (negated, line) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        if line.starts_with('#') {
            return None;
        }
        let (folder_only, name) = line.strip_suffix('/').map_or((false, line), |rest| (true, rest));
        let pattern = match name.strip_prefix('/') {
            Some(anchored) => anchored.to_owned(),
            None if name.contains('/') => name.to_owned(),
            None => format!("**/{name}"),
        };
        Self::new(negated, &pattern, folder_only)
    }

    /// An entry of `files`: always from the top.
    fn listed(entry: &str) -> Option<Self> {
        let (negated, entry) = entry.strip_prefix('!').map_or((false, entry), |rest| (true, rest));
        let entry = entry.strip_prefix("./").unwrap_or(entry).trim_matches('/');
        Self::new(negated, entry, false)
    }

    fn new(negated: bool, pattern: &str, folder_only: bool) -> Option<Self> {
        if matches!(pattern, "" | "." | "**/") {
            return None;
        }
        let glob = |pattern: &str| {
            let mut glob = GlobBuilder::new(pattern);
            glob.case_insensitive(true)
                .literal_separator(true)
                .build()
                .ok()
                .map(|glob| glob.compile_matcher())
        };
        let file = if folder_only { None } else { Some(glob(pattern)?) };
        Some(Self { negated, file, below: glob(&format!("{pattern}/**"))? })
    }

    fn matches(&self, path: &str) -> bool {
        self.file.as_ref().is_some_and(|file| file.is_match(path)) || self.below.is_match(path)
    }
}

#[cfg(test)]
#[path = "pack_tests.rs"]
mod tests;
