//! The files of a project: its package.json, its workspaces, its lockfile.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use utoo_config::{Config, WorkspaceGlobs};
use utoo_types::PackageJson;

use crate::error::{Category, CliError, CliResult};

/// A folder with a package.json.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) folder: PathBuf,
    pub(crate) json: PackageJson,
}

impl Package {
    /// Reads the package.json of a folder; `None` where there is none.
    pub(crate) fn find(folder: &Path) -> CliResult<Option<Self>> {
        let path = folder.join("package.json");
        match utoo_fs::read_to_string(&path) {
            Ok(text) => {
                let json = PackageJson::parse(&text, &path)?;
                Ok(Some(Self { folder: folder.to_owned(), json }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CliError::io("cannot read", &path, &error)),
        }
    }

    /// Reads the package.json of a folder that must have one.
    pub(crate) fn read(folder: &Path) -> CliResult<Self> {
        Self::find(folder)?.ok_or_else(|| {
            CliError::new(
                Category::Precondition,
                "ENOENT",
                format!("no package.json in {}", folder.display()),
            )
            .hint("start in a project's folder, or name it with -C")
            .detail("path", folder.join("package.json").to_string_lossy().into_owned())
        })
    }

    /// `name@version`, as far as package.json says.
    pub(crate) fn id(&self) -> String {
        let name = self.json.name().map_or("", utoo_types::PackageName::as_str);
        match &*self.json.manifest().raw_version {
            "" => name.to_owned(),
            version => format!("{name}@{version}"),
        }
    }
}

/// The folders that `workspaces` of a root means, sorted by path, each with a package.json.
///
/// # Errors
/// `EWORKSPACESCONFIG` where `workspaces` is something else than a list, or an object with one.
pub(crate) fn workspaces(root: &Package) -> CliResult<Vec<Package>> {
    let manifest = Value::Object(root.json.value().clone());
    let Some(globs) = WorkspaceGlobs::from_manifest(&manifest) else {
        return match manifest.get("workspaces") {
            None => Ok(Vec::new()),
            Some(_) => Err(bad_workspaces(root)),
        };
    };
    let mut folders = Vec::new();
    collect(&root.folder, &mut PathBuf::new(), &globs, &mut folders)?;
    folders.sort();
    let packages = folders.iter().map(|folder| workspace(&root.folder.join(folder)));
    packages.filter_map(Result::transpose).collect()
}

/// What is in a folder that a glob matches, if it is a package.
fn workspace(folder: &Path) -> CliResult<Option<Package>> {
    match folder.join("package.json").is_file() {
        true => Package::find(folder),
        false => Ok(None),
    }
}

/// Walks the folders that a glob could still match, below `node_modules` never. What it finds may be no folders, or hold no
/// package.json.
fn collect(
    root: &Path,
    relative: &mut PathBuf,
    globs: &WorkspaceGlobs,
    found: &mut Vec<PathBuf>,
) -> CliResult<()> {
    let folder = root.join(&relative);
    let entries = match utoo_fs::read_dir(&folder) {
        Ok(entries) => entries,
        // A folder of somebody else's, which no workspace needs.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        Err(error) => return Err(CliError::io("cannot list", &folder, &error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| CliError::io("cannot list", &folder, &error))?;
        let (name, kind) = (entry.file_name(), entry.file_type().ok());
        if name == "node_modules" || kind.is_some_and(|kind| kind.is_file()) {
            continue;
        }
        relative.push(&name);
        if globs.matches(relative) {
            found.push(relative.clone());
        }
        // A link to a folder can be a workspace, but what is below it belongs elsewhere.
        if globs.may_match_below(relative) && kind.is_some_and(|kind| kind.is_dir()) {
            collect(root, relative, globs, found)?;
        }
        relative.pop();
    }
    Ok(())
}

/// The packages that a command is about: the root, or the workspaces that flags or the current folder select.
pub(crate) fn selected(config: &Config) -> CliResult<Vec<Package>> {
    let settings = config.workspaces();
    let root = Package::read(config.prefix())?;
    if settings.all == Some(false) || (settings.selected.is_empty() && settings.all != Some(true)) {
        return Ok(vec![root]);
    }
    let all = workspaces(&root)?;
    let mut chosen = Vec::new();
    if settings.include_root {
        chosen.push(root.clone());
    }
    if settings.selected.is_empty() {
        chosen.extend(all);
        return match chosen.is_empty() {
            true => Err(no_workspaces("no workspaces found")),
            false => Ok(chosen),
        };
    }
    for wanted in &settings.selected {
        let before = chosen.len();
        chosen.extend(all.iter().filter(|package| is_meant(package, wanted, &root.folder)).cloned());
        if chosen.len() == before {
            return Err(no_workspaces(&format!("no workspace is named {wanted}"))
                .hint("--workspace takes a name, its folder, or a folder above several"));
        }
    }
    Ok(chosen)
}

fn bad_workspaces(root: &Package) -> CliError {
    let message =
        "workspaces in package.json has to be a list of globs, or an object with such a list as packages";
    let path = root.json.path().to_string_lossy().into_owned();
    CliError::new(Category::Precondition, "EWORKSPACESCONFIG", message).detail("path", path)
}

fn no_workspaces(message: &str) -> CliError {
    CliError::new(Category::NotFound, "ENOWORKSPACES", message)
}

/// By name, by folder, or by a folder above.
fn is_meant(package: &Package, wanted: &str, root: &Path) -> bool {
    let named = package.json.name().is_some_and(|name| name.as_str() == wanted);
    let folder = root.join(wanted.trim_start_matches("./").trim_end_matches('/'));
    named || package.folder.starts_with(folder)
}
