//! Whether an install has anything to do, from one small file and a few `stat`s.
//!
//! `node_modules/.utoo-state` is JSON of one line: `{"version":1,"settings":…,"files":[…],"folders":[…]}`, at most 16 MiB.
//! It is written last, when an install has ended well, and holds what the install went by:
//!
//! - the files that were read (package.json, also those of workspaces; the lockfile; the hidden lockfile), each with size,
//!   times, inode and a checksum of its content, or as absent;
//! - the `node_modules` folders and those where a workspace may appear, each with its times: a package that someone adds
//!   to one or removes from it changes them;
//! - the settings that decide on the tree and on what of it is on disk, as one text.
//!
//! A file whose `stat` is the recorded one is taken for unchanged, unless it was written so shortly before the record
//! that another write might hide behind the same time; then, and where only the `stat` differs (`git checkout`, `touch`),
//! the checksum decides. A folder has only its `stat`. Whatever does not read as this is a stale state.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::disk::HIDDEN_LOCKFILE;
use crate::{InstallError, Result};

pub(crate) const STATE_FILE: &str = "node_modules/.utoo-state";
const VERSION: u32 = 1;
const MAX_BYTES: u64 = 16 << 20;

/// File systems count time in ticks of up to 10 ms (some, in network shares, of 1 or 2 s, which the checksum covers where
/// the clock of the share is not ahead).
const RACY_NANOS: i128 = 20_000_000;

/// What an install goes by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateInputs {
    /// Files, relative to the project or absolute; those that do not exist count as absent. The hidden lockfile is
    /// always among them.
    pub files: Vec<PathBuf>,
    /// Folders whose entries matter: `node_modules`, and parents of workspaces.
    pub folders: Vec<PathBuf>,
    /// All settings that matter, in any text form that is the same for the same settings.
    pub settings: String,
}

/// What [`is_up_to_date`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Freshness {
    /// There is nothing to install.
    Fresh,
    /// There may be; the reason is for `--loglevel verbose`.
    Stale(String),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct State {
    version: u32,
    settings: String,
    files: Vec<FileState>,
    folders: Vec<FolderState>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct FileState {
    path: PathBuf,
    stat: Option<Stat>,
    /// Whether the file was written so shortly before the record that its `stat` proves nothing.
    racy: bool,
    crc32: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct FolderState {
    path: PathBuf,
    stat: Option<Stat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stat(u64, i64, i64, i64, i64, u64);

/// Whether the last install of this project ended well and nothing that it went by has changed since. `inputs` are those
/// of the command at hand: another set of files or other settings is a change. Only the settings and the list of files
/// are taken from it; folders are those that were recorded.
pub fn is_up_to_date(project: &Path, inputs: &StateInputs) -> Freshness {
    let stale = |reason: &str| Freshness::Stale(reason.to_owned());
    let Some(state) = read(project) else { return stale("there is no record of an install") };
    if state.settings != inputs.settings {
        return stale("settings have changed");
    }
    let wanted = all_files(inputs);
    if !wanted.iter().map(PathBuf::as_path).eq(state.files.iter().map(|file| file.path.as_path())) {
        return stale("other files decide now");
    }
    for file in &state.files {
        if !file.is_unchanged(project) {
            return Freshness::Stale(format!("{} has changed", file.path.display()));
        }
    }
    match state.folders.iter().find(|folder| stat_of(&project.join(&folder.path)) != folder.stat) {
        Some(folder) => Freshness::Stale(format!("the entries of {} have changed", folder.path.display())),
        None => Freshness::Fresh,
    }
}

/// Records that an install has ended well. To be called after everything else was written, the lockfile included.
///
/// # Errors
///
/// Where the record cannot be written.
pub fn record_state(project: &Path, inputs: &StateInputs) -> Result<()> {
    let path = project.join(STATE_FILE);
    if !std::fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
        // A new entry makes node_modules newer than the hidden lockfile, which npm would then take for outdated.
        forget_state(project)?;
        touch_hidden(project)?;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as i128;
    let files = all_files(inputs).into_iter().map(|path| FileState::of(project, path, now)).collect();
    let mut folders = inputs.folders.clone();
    folders.push("node_modules".into());
    folders.sort();
    folders.dedup();
    let folders =
        folders.into_iter().map(|path| FolderState { stat: stat_of(&project.join(&path)), path }).collect();
    let state = State { version: VERSION, settings: inputs.settings.clone(), files, folders };
    replace_in_place(&path, &serde_json::to_vec(&state).unwrap_or_default())
}

/// Writes the record without a temporary file beside it, which would change the times of `node_modules` after they were
/// recorded. A record that is cut short does not read, and counts as none.
fn replace_in_place(path: &Path, text: &[u8]) -> Result<()> {
    let fail = |error| InstallError::io("write", path, error);
    let file = open_to_write(path).map_err(fail)?;
    utoo_fs::overwrite(&file, path, text).map_err(fail)
}

/// Opens a file that is there, never through a symbolic link that someone planted in its place.
fn open_to_write(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
    }
    utoo_fs::open_with(path, &options)
}

/// Empties the record: an install is about to change something. The file stays, so that writing it at the end adds no
/// entry to `node_modules`.
///
/// # Errors
///
/// Where it cannot be written.
pub(crate) fn forget_state(project: &Path) -> Result<()> {
    let path = project.join(STATE_FILE);
    match std::fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_file() => replace_in_place(&path, b""),
        // Made in place: a temporary file beside it could be swept away by an install that holds the project's lock.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match utoo_fs::create_new(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(InstallError::io("create", &path, error))
            }
            _ => Ok(()),
        },
        _ => Ok(utoo_fs::write_atomic(&path, b"")?),
    }
}

/// Gives the hidden lockfile the time of now: npm takes one that is older than a folder it lists for outdated, and time
/// stamps of the kernel are up to 10 ms behind.
///
/// # Errors
///
/// Where it is there and its time cannot be set.
pub(crate) fn touch_hidden(project: &Path) -> Result<()> {
    let path = project.join(HIDDEN_LOCKFILE);
    let fail = |error| InstallError::io("set the time of", &path, error);
    match open_to_write(&path) {
        Ok(file) => utoo_fs::touch(&file, &path).map_err(fail),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(fail(error)),
    }
}

fn read(project: &Path) -> Option<State> {
    let file = utoo_fs::open(project.join(STATE_FILE)).ok()?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    let state: State = serde_json::from_slice(&bytes).ok()?;
    (state.version == VERSION).then_some(state)
}

fn all_files(inputs: &StateInputs) -> Vec<PathBuf> {
    let mut files = inputs.files.clone();
    files.push(HIDDEN_LOCKFILE.into());
    files.sort();
    files.dedup();
    files
}

impl FileState {
    fn of(project: &Path, path: PathBuf, now: i128) -> Self {
        let stat = stat_of(&project.join(&path));
        let racy = stat.is_some_and(|stat| now - stat.newest() < RACY_NANOS);
        let crc32 = checksum(&project.join(&path)).unwrap_or_default();
        Self { path, stat, racy, crc32 }
    }

    fn is_unchanged(&self, project: &Path) -> bool {
        let path = project.join(&self.path);
        let now = stat_of(&path);
        match (self.stat, now) {
            (None, None) => true,
            (Some(before), Some(now)) if before == now && !self.racy => true,
            (Some(before), Some(now)) => before.0 == now.0 && checksum(&path) == Some(self.crc32),
            _ => false,
        }
    }
}

impl Stat {
    /// The later of modification and change, in nanoseconds since 1970.
    fn newest(self) -> i128 {
        let at = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        at(self.1, self.2).max(at(self.3, self.4))
    }
}

fn checksum(path: &Path) -> Option<u32> {
    Some(crc32fast::hash(&utoo_fs::read(path).ok()?))
}

/// Size, modification, change, inode; links are not followed.
#[cfg(unix)]
fn stat_of(path: &Path) -> Option<Stat> {
    use std::os::unix::fs::MetadataExt;
    let stat = std::fs::symlink_metadata(path).ok()?;
    Some(Stat(stat.size(), stat.mtime(), stat.mtime_nsec(), stat.ctime(), stat.ctime_nsec(), stat.ino()))
}
