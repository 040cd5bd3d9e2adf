//! An open directory, and everything below it by name.
//!
//! Names are relative paths with forward slashes, of one or more components. Their text is the caller's business
//! ([`crate::check_relative`], once, where a name comes in); what this type guarantees is the disk's side:
//!
//! - nothing is ever created, linked or opened *through a symbolic link that is the last component* of a name;
//! - [`Dir::open_dir`] and [`Dir::ensure_dir`] walk with `O_NOFOLLOW` at every component and know no `..`, so a `Dir` is
//!   where its name says, whatever was planted on the way;
//! - creating never overwrites: a file, directory or link that is there gives `EEXIST`.
//!
//! Names of several components are for what lies below directories that the caller has itself just created (then
//! nobody else's link can be among them), where opening each directory would cost two more system calls. One call here
//! is one system call, except where it says otherwise.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    self, AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, linkat, mkdirat, openat, readlinkat,
    renameat, statat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use crate::faults::{self, Call};
use crate::link::unix::{At, attempt_at};
use crate::remove::open_up;
use crate::{FsError, LinkMethod, LinkMode, LinkRoute, Result, link};

/// An open directory (Unix). `Send` and `Sync`: several threads may work below one.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    /// Where it was when it was opened: for messages only.
    path: PathBuf,
}

/// What a name stands for, links not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A socket, a pipe, a device.
    Other,
}

/// An entry of a directory, from [`Dir::entries`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// Its name, one component.
    pub name: PathBuf,
    /// What it is.
    pub kind: EntryKind,
}

const OPEN_DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// How often [`Dir::remove_tree`] tries.
const REMOVALS: usize = 4;

impl Dir {
    /// Opens the directory at `path`, following links: for the roots that the user chose.
    ///
    /// # Errors
    ///
    /// `ENOENT`, `ENOTDIR`, `EACCES`, `EMFILE`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let passed = faults::pass(Call::OpenDir, || path.to_owned()).map_err(Errno::from);
        match passed.and_then(|()| openat(CWD, path, OPEN_DIRECTORY, Mode::empty())) {
            Ok(fd) => Ok(Self { fd, path: path.to_owned() }),
            Err(error) => Err(FsError::io("open", path, error)),
        }
    }

    /// Where the directory was when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a directory below this one. One system call per component; a link at any of them is refused.
    ///
    /// # Errors
    ///
    /// `ENOENT`; `ENOTDIR` or `ELOOP` where a component is a file or a link; `EINVAL` for `..` and absolute names.
    pub fn open_dir(&self, name: impl AsRef<Path>) -> Result<Self> {
        let name = name.as_ref();
        self.walk(name, |_, directory, component| self.enter(directory, component, name))
    }

    /// Opens a directory below this one, and creates it and those above it where missing. Two system calls for the last
    /// component, one for each above that is there, three for each that is not.
    ///
    /// # Errors
    ///
    /// As [`Dir::open_dir`], and what `mkdir` gives.
    pub fn ensure_dir(&self, name: impl AsRef<Path>) -> Result<Self> {
        let name = name.as_ref();
        let last = name.components().count().saturating_sub(1);
        let create = |directory: BorrowedFd<'_>, component: &Path| {
            self.pass(Call::CreateDir, name)?;
            match mkdirat(directory, component, Mode::from(0o777)) {
                Err(Errno::EXIST) => Ok(()),
                made => made,
            }
        };
        self.walk(name, |at, directory, component| {
            if at < last {
                match self.enter(directory, component, name) {
                    Err(Errno::NOENT) => {}
                    opened => return opened,
                }
            }
            create(directory, component)?;
            self.enter(directory, component, name)
        })
    }

    /// Creates one directory, mode 0777 less the umask.
    ///
    /// # Errors
    ///
    /// `EEXIST` where anything has that name, be it a dangling link; `ENOENT` where its parent is missing.
    pub fn create_dir(&self, name: impl AsRef<Path>) -> Result<()> {
        let name = name.as_ref();
        let made = self.pass(Call::CreateDir, name).and_then(|()| mkdirat(&self.fd, name, Mode::from(0o777)));
        made.map_err(|error| self.error("create", name, error))
    }

    /// Creates a file and writes it whole. The mode counts less the umask. Three system calls.
    ///
    /// # Errors
    ///
    /// `EEXIST` where anything has that name; `ENOSPC` and the like, after which the file is gone again.
    pub fn create_file_with_mode(&self, name: impl AsRef<Path>, mode: u32, bytes: &[u8]) -> Result<()> {
        let name = name.as_ref();
        let mut file = self.create_file(name, mode)?;
        let written = faults::write(|| self.path.join(name), bytes, |bytes| file.write_all(bytes));
        written.map_err(|error| {
            let _ = self.at(name).remove();
            self.error("write", name, error)
        })
    }

    /// Creates an empty file, open for writing. The mode counts less the umask; only permission bits do.
    ///
    /// # Errors
    ///
    /// `EEXIST` where anything has that name.
    pub fn create_file(&self, name: impl AsRef<Path>, mode: u32) -> Result<File> {
        let name = name.as_ref();
        match self.at(name).create(Mode::from(mode & 0o777)) {
            Ok(fd) => Ok(File::from(fd)),
            Err(error) => Err(self.error("create", name, error)),
        }
    }

    /// Makes `name` another name of `source_name` in `source`: one `linkat`, no fallback.
    ///
    /// # Errors
    ///
    /// `EEXIST`, `EXDEV`, `EMLINK`, `EPERM`, `ENOENT` (source, or a directory of the target).
    pub fn hard_link(
        &self,
        name: impl AsRef<Path>,
        source: &Self,
        source_name: impl AsRef<Path>,
    ) -> Result<()> {
        let name = name.as_ref();
        let link = || linkat(&source.fd, source_name.as_ref(), &self.fd, name, AtFlags::empty());
        self.pass(Call::Link, name).and_then(|()| link()).map_err(|error| self.error("link", name, error))
    }

    /// [`crate::link_or_copy`], relative to two open directories. With a route that knows hard links to work and
    /// reflinks not to, one system call.
    ///
    /// # Errors
    ///
    /// As [`crate::link_or_copy`].
    pub fn link_or_copy(
        &self,
        name: impl AsRef<Path>,
        (source, source_name): (&Self, &Path),
        mode: LinkMode,
        route: &LinkRoute,
    ) -> Result<LinkMethod> {
        let name = name.as_ref();
        link::make(mode, route, |method| attempt_at(source.at(source_name), self.at(name), method))
            .map_err(|error| self.error("link or copy to", name, error))
    }

    /// Makes `name` a symbolic link with this text. The text is not checked.
    ///
    /// # Errors
    ///
    /// `EEXIST` where anything has that name.
    pub fn symlink(&self, target: impl AsRef<Path>, name: impl AsRef<Path>) -> Result<()> {
        let name = name.as_ref();
        let made = self.pass(Call::Symlink, name).and_then(|()| symlinkat(target.as_ref(), &self.fd, name));
        made.map_err(|error| self.error("create the link", name, error))
    }

    /// The text of the symbolic link `name`; `None` where nothing, or no link, has that name.
    ///
    /// # Errors
    ///
    /// `EACCES` and the like.
    pub fn read_link(&self, name: impl AsRef<Path>) -> Result<Option<PathBuf>> {
        use std::os::unix::ffi::OsStringExt;
        let name = name.as_ref();
        match self.pass(Call::ReadLink, name).and_then(|()| readlinkat(&self.fd, name, Vec::new())) {
            Ok(text) => Ok(Some(PathBuf::from(std::ffi::OsString::from_vec(text.into_bytes())))),
            Err(Errno::NOENT | Errno::INVAL | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(self.error("read the link", name, error)),
        }
    }

    /// What has this name; `None` where nothing has.
    ///
    /// # Errors
    ///
    /// `EACCES` and the like.
    pub fn kind(&self, name: impl AsRef<Path>) -> Result<Option<EntryKind>> {
        let name = name.as_ref();
        let look = || statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW);
        match self.pass(Call::Look, name).and_then(|()| look()) {
            Ok(stat) => Ok(Some(kind_of(FileType::from_raw_mode(stat.st_mode)))),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(self.error("look at", name, error)),
        }
    }

    /// Whether this very directory has the name `name` in `above`, which it may have lost meanwhile.
    ///
    /// # Errors
    ///
    /// `EACCES` and the like.
    pub fn is_named(&self, above: &Self, name: impl AsRef<Path>) -> Result<bool> {
        let name = name.as_ref();
        let named = above
            .pass(Call::Look, name)
            .and_then(|()| statat(&above.fd, name, AtFlags::SYMLINK_NOFOLLOW))
            .map(Some)
            .or_else(|error| if error == Errno::NOENT { Ok(None) } else { Err(error) })
            .map_err(|error| above.error("look at", name, error))?;
        let own = fs::fstat(&self.fd).map_err(|error| self.error("look at", Path::new(""), error))?;
        Ok(named.is_some_and(|named| (named.st_dev, named.st_ino) == (own.st_dev, own.st_ino)))
    }

    /// The bytes of the file `name`; `None` where nothing has that name.
    ///
    /// # Errors
    ///
    /// `ELOOP` where it is a symbolic link; `EISDIR`, `EACCES`.
    pub fn read(&self, name: impl AsRef<Path>) -> Result<Option<Vec<u8>>> {
        let name = name.as_ref();
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let open = || openat(&self.fd, name, flags, Mode::empty());
        let mut file = match self.pass(Call::Open, name).and_then(|()| open()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(self.error("open", name, error)),
        };
        let mut bytes = Vec::new();
        let mut read = || file.read_to_end(&mut bytes);
        match self.pass(Call::Read, name).map_err(Into::into).and_then(|()| read()) {
            Ok(_) => Ok(Some(bytes)),
            Err(error) => Err(self.error("read", name, error)),
        }
    }

    /// All entries but `.` and `..`, in no order. Their kind comes with the listing, or by one more call each on file
    /// systems that do not tell.
    ///
    /// # Errors
    ///
    /// What reading the directory gives.
    pub fn entries(&self) -> Result<Vec<DirEntry>> {
        let whole = Path::new("");
        let mut entries = Vec::new();
        let list = self.pass(Call::List, whole).and_then(|()| fs::Dir::read_from(&self.fd));
        for entry in list.map_err(|error| self.error("list", whole, error))? {
            let entry = entry.map_err(|error| self.error("list", whole, error))?;
            let name = path_of(entry.file_name());
            if name == Path::new(".") || name == Path::new("..") {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => self.kind(name)?.unwrap_or(EntryKind::Other),
                kind => kind_of(kind),
            };
            entries.push(DirEntry { name: name.to_owned(), kind });
        }
        Ok(entries)
    }

    /// Removes a file or a symbolic link. `Ok(false)` where nothing has that name.
    ///
    /// # Errors
    ///
    /// `EISDIR` (`EPERM` on macOS) where it is a directory.
    pub fn remove_file(&self, name: impl AsRef<Path>) -> Result<bool> {
        self.unlink(name.as_ref(), AtFlags::empty())
    }

    /// Removes an empty directory. `Ok(false)` where nothing has that name.
    ///
    /// # Errors
    ///
    /// `ENOTEMPTY`; `ENOTDIR` where it is a file or a link.
    pub fn remove_dir(&self, name: impl AsRef<Path>) -> Result<bool> {
        self.unlink(name.as_ref(), AtFlags::REMOVEDIR)
    }

    /// Removes whatever has this name, a tree with all that is in it; links are removed, not followed, also when a
    /// directory is swapped for a link while this runs. `Ok(false)` where nothing has that name.
    ///
    /// Directories without write permission are opened up first: packages ship such, and npm removes them too. Trees that
    /// others still write to are tried again, a few times.
    ///
    /// # Errors
    ///
    /// `EACCES` and the like, for the first entry that cannot be removed.
    pub fn remove_tree(&self, name: impl AsRef<Path>) -> Result<bool> {
        let name = name.as_ref();
        for _ in 1..REMOVALS {
            match self.remove_tree_once(name) {
                Err(error) if error.kind() == ErrorKind::PermissionDenied => open_up(&self.path.join(name)),
                Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
                removed => return removed,
            }
        }
        self.remove_tree_once(name)
    }

    fn remove_tree_once(&self, name: &Path) -> Result<bool> {
        match self.pass(Call::RemoveFile, name).and_then(|()| unlinkat(&self.fd, name, AtFlags::empty())) {
            Ok(()) => return Ok(true),
            Err(Errno::NOENT) => return Ok(false),
            // Linux says EISDIR of a directory, macOS EPERM.
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(error) => return Err(self.error("remove", name, error)),
        }
        let tree = match self.open_dir(name) {
            Ok(tree) => tree,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        for entry in tree.entries()? {
            match entry.kind {
                EntryKind::Directory => tree.remove_tree_once(&entry.name)?,
                _ => tree.remove_file(&entry.name)?,
            };
        }
        self.remove_dir(name)
    }

    /// Renames `name` to `to_name` in `to`, replacing a file or an empty directory of that name.
    ///
    /// # Errors
    ///
    /// `ENOENT`, `EXDEV`, `ENOTEMPTY` or `EEXIST` where a filled directory has the new name.
    pub fn rename(&self, name: impl AsRef<Path>, to: &Self, to_name: impl AsRef<Path>) -> Result<()> {
        let to_name = to_name.as_ref();
        let rename = || renameat(&self.fd, name.as_ref(), &to.fd, to_name);
        let renamed = to.pass(Call::Rename, to_name).and_then(|()| rename());
        renamed.map_err(|error| to.error("move to", to_name, error))
    }

    /// Takes the kernel's lock on the directory, unless somebody holds it: whether it was taken. It ends when this value and
    /// its process do.
    ///
    /// # Errors
    ///
    /// Where the file system has no locks.
    pub fn try_lock(&self) -> Result<bool> {
        match self.flock(FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(self.error("lock", Path::new(""), error)),
        }
    }

    /// Takes the kernel's lock on the directory, and waits while somebody holds it.
    ///
    /// # Errors
    ///
    /// As [`Dir::try_lock`].
    pub fn lock(&self) -> Result<()> {
        loop {
            match self.flock(FlockOperation::LockExclusive) {
                Ok(()) => return Ok(()),
                // A signal that the process handles: the wait goes on.
                Err(Errno::INTR) => {}
                Err(error) => return Err(self.error("lock", Path::new(""), error)),
            }
        }
    }

    fn flock(&self, operation: FlockOperation) -> Result<(), Errno> {
        self.pass(Call::Lock, Path::new("")).and_then(|()| fs::flock(&self.fd, operation))
    }

    /// Opens one component, on the way to `name`.
    fn enter(&self, directory: BorrowedFd<'_>, component: &Path, name: &Path) -> Result<OwnedFd, Errno> {
        self.pass(Call::OpenDir, name)?;
        openat(directory, component, OPEN_DIRECTORY | OFlags::NOFOLLOW, Mode::empty())
    }

    /// Goes down one component after the other, each by its number and in the directory that the last one gave.
    fn walk(
        &self,
        name: &Path,
        step: impl Fn(usize, BorrowedFd<'_>, &Path) -> Result<OwnedFd, Errno>,
    ) -> Result<Self> {
        let mut current: Option<OwnedFd> = None;
        for (at, component) in name.components().enumerate() {
            let directory = current.as_ref().map_or(self.fd.as_fd(), AsFd::as_fd);
            let Component::Normal(component) = component else {
                return Err(self.error("open", name, Errno::INVAL));
            };
            let opened = step(at, directory, Path::new(component));
            current = Some(opened.map_err(|error| self.error("open", name, error))?);
        }
        match current {
            Some(fd) => Ok(Self { fd, path: self.path.join(name) }),
            None => Err(self.error("open", name, Errno::NOENT)),
        }
    }

    fn unlink(&self, name: &Path, flags: AtFlags) -> Result<bool> {
        let call = if flags.contains(AtFlags::REMOVEDIR) { Call::RemoveDir } else { Call::RemoveFile };
        match self.pass(call, name).and_then(|()| unlinkat(&self.fd, name, flags)) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(self.error("remove", name, error)),
        }
    }

    fn at<'a>(&'a self, name: &'a Path) -> At<'a> {
        At { directory: self.fd.as_fd(), above: &self.path, name }
    }

    fn pass(&self, call: Call, name: &Path) -> Result<(), Errno> {
        self.at(name).pass(call)
    }

    fn error(&self, action: &'static str, name: &Path, error: impl Into<std::io::Error>) -> FsError {
        FsError::io(action, self.path.join(name), error)
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn kind_of(kind: FileType) -> EntryKind {
    match kind {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Directory,
        FileType::Symlink => EntryKind::Symlink,
        _ => EntryKind::Other,
    }
}

fn path_of(name: &std::ffi::CStr) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()))
}

#[cfg(test)]
mod tests;
