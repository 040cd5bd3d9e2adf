//! Single calls by path, as in `std::fs`: here so that whatever a crate does to the disk goes through this one. The errors
//! are the system's; whoever calls knows what was tried, and says so.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::faults::{self, Call, pass};

/// Opens a file for reading.
///
/// # Errors
///
/// As `std::fs::File::open`.
pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
    open_with(path, OpenOptions::new().read(true))
}

/// Opens a file as the options say.
///
/// # Errors
///
/// As `std::fs::OpenOptions::open`.
pub fn open_with(path: impl AsRef<Path>, options: &OpenOptions) -> io::Result<File> {
    let path = path.as_ref();
    pass(Call::Open, || path.to_owned())?;
    options.open(path)
}

/// Creates an empty file where nothing is, open for writing and reading.
///
/// # Errors
///
/// As `std::fs::File::create_new`.
pub fn create_new(path: impl AsRef<Path>) -> io::Result<File> {
    let path = path.as_ref();
    pass(Call::Create, || path.to_owned())?;
    OpenOptions::new().read(true).write(true).create_new(true).open(path)
}

/// The bytes of a file.
///
/// # Errors
///
/// As `std::fs::read`.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    let mut file = open(path)?;
    pass(Call::Read, || path.to_owned())?;
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a file.
///
/// # Errors
///
/// As `std::fs::read_to_string`.
pub fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// The entries of a directory.
///
/// # Errors
///
/// As `std::fs::read_dir`.
pub fn read_dir(path: impl AsRef<Path>) -> io::Result<fs::ReadDir> {
    let path = path.as_ref();
    pass(Call::List, || path.to_owned())?;
    fs::read_dir(path)
}

/// Replaces the bytes of an open file, in place: whoever reads meanwhile, and whoever comes after a process that died
/// here, may find a part of them. `path` says which file it is.
///
/// # Errors
///
/// What the system says.
pub fn overwrite(mut file: &File, path: &Path, bytes: &[u8]) -> io::Result<()> {
    file.set_len(0)?;
    faults::write(|| path.to_owned(), bytes, |bytes| file.write_all(bytes))
}

/// Writes bytes where an open file stands. `path` says which file it is.
///
/// # Errors
///
/// What the system says; some of the bytes may have been written then.
pub fn write_all(file: &mut File, path: impl FnOnce() -> PathBuf, bytes: &[u8]) -> io::Result<()> {
    faults::write(path, bytes, |bytes| file.write_all(bytes))
}

/// Writes bytes into an open file, at an offset. `path` says which file it is.
///
/// # Errors
///
/// What the system says; some of the bytes may have been written then.
#[cfg(unix)]
pub fn write_all_at(file: &File, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::FileExt as _;
    faults::write(|| path.to_owned(), bytes, |bytes| file.write_all_at(bytes, offset))
}

/// Writes bytes into an open file, at an offset. `path` says which file it is.
///
/// # Errors
///
/// What the system says; some of the bytes may have been written then.
#[cfg(not(unix))]
pub fn write_all_at(mut file: &File, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
    use std::io::{Seek as _, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    faults::write(|| path.to_owned(), bytes, |bytes| file.write_all(bytes))
}

/// Gives an open file the time of now. `path` says which file it is.
///
/// # Errors
///
/// As `std::fs::File::set_modified`.
pub fn touch(file: &File, path: &Path) -> io::Result<()> {
    pass(Call::SetTime, || path.to_owned())?;
    file.set_modified(SystemTime::now())
}

/// Sets the permissions of a file.
///
/// # Errors
///
/// As `std::fs::set_permissions`.
pub fn set_permissions(path: impl AsRef<Path>, permissions: fs::Permissions) -> io::Result<()> {
    let path = path.as_ref();
    pass(Call::SetMode, || path.to_owned())?;
    fs::set_permissions(path, permissions)
}

/// Creates a directory.
///
/// # Errors
///
/// As `std::fs::create_dir`.
pub fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    pass(Call::CreateDir, || path.to_owned())?;
    fs::create_dir(path)
}

/// Creates a directory, and those above it, where they are missing.
///
/// # Errors
///
/// As `std::fs::create_dir_all`.
pub fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    pass(Call::CreateDir, || path.to_owned())?;
    fs::create_dir_all(path)
}

/// Renames a file or a directory.
///
/// # Errors
///
/// As `std::fs::rename`.
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    let to = to.as_ref();
    pass(Call::Rename, || to.to_owned())?;
    fs::rename(from, to)
}

/// Removes a file or a link.
///
/// # Errors
///
/// As `std::fs::remove_file`.
pub fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    pass(Call::RemoveFile, || path.to_owned())?;
    fs::remove_file(path)
}

/// Removes an empty directory.
///
/// # Errors
///
/// As `std::fs::remove_dir`.
pub fn remove_dir(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    pass(Call::RemoveDir, || path.to_owned())?;
    fs::remove_dir(path)
}
