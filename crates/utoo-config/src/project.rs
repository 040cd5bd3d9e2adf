//! Which folder a command is about, as npm finds it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use serde_json::Value;

/// The folder whose package.json, lockfile and `node_modules` a command works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// The project's root: of the whole workspace where the command was started in one of its members.
    pub root: PathBuf,
    /// The member that the command was started in.
    pub workspace: Option<PathBuf>,
}

/// Walks up from `cwd` to the first folder with a package.json or a `node_modules`; where there is none, it is `cwd`.
/// If a folder further up has a package.json whose `workspaces` name that folder, that is the root.
///
/// Reads the package.json of each folder above, of which one that cannot be read counts as not there.
#[must_use]
pub fn find_project(cwd: &Path) -> Project {
    let has_package = |folder: &Path| folder.join("package.json").is_file();
    let found = cwd.ancestors().find(|folder| has_package(folder) || folder.join("node_modules").is_dir());
    let Some(nearest) = found else {
        return Project { root: cwd.to_owned(), workspace: None };
    };
    if has_package(nearest) {
        for folder in nearest.ancestors().skip(1) {
            if workspaces_name(folder, nearest) {
                return Project { root: folder.to_owned(), workspace: Some(nearest.to_owned()) };
            }
        }
    }
    Project { root: nearest.to_owned(), workspace: None }
}

fn workspaces_name(root: &Path, member: &Path) -> bool {
    let Ok(text) = std::fs::read(root.join("package.json")) else { return false };
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let Ok(manifest) = serde_json::from_slice::<Value>(text) else { return false };
    let Some(globs) = WorkspaceGlobs::from_manifest(&manifest) else { return false };
    member.strip_prefix(root).is_ok_and(|relative| globs.matches(relative))
}

/// The `workspaces` of a package.json: globs of folders, some of which take back (`!`) what others mean.
#[derive(Clone, Debug)]
pub struct WorkspaceGlobs {
    wanted: Vec<Wanted>,
    /// What no folder may match.
    refused: Vec<GlobMatcher>,
}

/// A pattern that adds.
#[derive(Clone, Debug)]
struct Wanted {
    glob: GlobMatcher,
    /// Its parts, up to the first that stands for any number of folders.
    parts: Vec<Part>,
}

/// What one folder on the way has to be called.
#[derive(Clone, Debug)]
struct Part {
    /// `None` for `**`, and for braces that a slash may be in.
    name: Option<GlobMatcher>,
    /// Whether it is written with a dot in front: a star stands for no hidden folder.
    hidden: bool,
}

impl WorkspaceGlobs {
    /// From `workspaces`, which is a list or an object with `packages`. `None` where there are none.
    /// A pattern that is no glob matches nothing.
    #[must_use]
    pub fn from_manifest(manifest: &Value) -> Option<Self> {
        let workspaces = manifest.get("workspaces")?;
        let list = workspaces.as_array().or_else(|| workspaces.get("packages")?.as_array())?;
        Some(Self::new(list.iter().filter_map(Value::as_str)))
    }

    /// From the patterns themselves. As npm has it, a negation holds for all patterns before and behind it, but for one that
    /// comes later and whose own text it matches: that takes the negation back altogether.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = Self { wanted: Vec::new(), refused: Vec::new() };
        for (adds, body) in patterns.into_iter().map(body) {
            let Some(glob) = matcher(&body) else { continue };
            if !adds {
                all.refused.push(glob);
                continue;
            }
            let mut index = 0;
            while index < all.refused.len() {
                if all.refused[index].is_match(&body) {
                    all.refused.remove(index);
                }
                // npm looks past the one that moves up.
                index += 1;
            }
            all.wanted.push(Wanted { glob, parts: parts(&body) });
        }
        all
    }

    /// Whether a workspace can be below a folder, relative to the root: what need not be looked into is not.
    #[must_use]
    pub fn may_match_below(&self, relative: &Path) -> bool {
        self.wanted.iter().any(|Wanted { parts, .. }| {
            for (index, component) in relative.iter().enumerate() {
                match parts.get(index) {
                    Some(part) if is_hidden(component) && !part.hidden => return false,
                    Some(Part { name: Some(glob), .. }) if glob.is_match(component) => {}
                    Some(Part { name: None, .. }) => return true,
                    _ => return false,
                }
            }
            parts.len() > relative.iter().count()
        })
    }

    /// Whether a folder, relative to the root, is a workspace. Folders within `node_modules` never are.
    #[must_use]
    pub fn matches(&self, relative: &Path) -> bool {
        if relative.as_os_str().is_empty()
            || relative.components().any(|part| part.as_os_str() == "node_modules")
        {
            return false;
        }
        self.wanted.iter().any(|wanted| wanted.glob.is_match(relative) && wanted.names_hidden(relative))
            && !self.refused.iter().any(|glob| glob.is_match(relative))
    }
}

impl Wanted {
    /// Whether every hidden folder on the way is written with its dot.
    fn names_hidden(&self, relative: &Path) -> bool {
        let is_named = |index| self.parts.get(index).is_some_and(|part: &Part| part.hidden);
        relative.iter().enumerate().all(|(index, component)| !is_hidden(component) || is_named(index))
    }
}

fn is_hidden(component: &OsStr) -> bool {
    component.as_encoded_bytes().starts_with(b".")
}

/// Whether a pattern adds, and the glob itself. `!!x` is `x` again.
fn body(pattern: &str) -> (bool, String) {
    let body = pattern.trim_start_matches('!');
    let adds = (pattern.len() - body.len()).is_multiple_of(2);
    let body = body.replace('\\', "/");
    (adds, body.trim_start_matches("./").trim_matches('/').to_owned())
}

fn matcher(glob: &str) -> Option<GlobMatcher> {
    Some(GlobBuilder::new(glob).literal_separator(true).build().ok()?.compile_matcher())
}

/// A glob's parts. Braces may hold slashes, so from the first part with one anything goes.
fn parts(glob: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for part in glob.split('/') {
        let open = part.contains("**") || (part.contains('{') != part.contains('}'));
        let name = if open { None } else { matcher(part) };
        let ends = name.is_none();
        parts.push(Part { name, hidden: part.starts_with('.') });
        if ends {
            break;
        }
    }
    parts
}

#[cfg(test)]
mod tests;
