//! The three methods, relative to open directories.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstat, linkat, openat, unlinkat};
use rustix::io::Errno;

use super::{Attempt, LinkMethod};
use crate::faults::{self, Call};

/// A file by its name in an open directory.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) directory: BorrowedFd<'a>,
    /// Where that directory is: only for whoever asks which file this is.
    pub(crate) above: &'a Path,
    pub(crate) name: &'a Path,
}

impl At<'_> {
    /// Opens it for reading; a symbolic link as its last component is refused (`ELOOP`).
    fn open(self) -> Result<OwnedFd, Errno> {
        self.pass(Call::Open)?;
        openat(self.directory, self.name, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())
    }

    /// Creates it as a new file with this mode, less the umask. An existing one, be it a link, is refused (`EEXIST`).
    pub(crate) fn create(self, mode: Mode) -> Result<OwnedFd, Errno> {
        self.pass(Call::Create)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        openat(self.directory, self.name, flags, mode)
    }

    pub(crate) fn remove(self) -> Result<(), Errno> {
        self.pass(Call::RemoveFile)?;
        unlinkat(self.directory, self.name, AtFlags::empty())
    }

    #[inline]
    pub(crate) fn pass(self, call: Call) -> Result<(), Errno> {
        Ok(faults::pass(call, || self.above.join(self.name))?)
    }
}

pub(super) fn attempt(source: &Path, target: &Path, method: LinkMethod) -> io::Result<Attempt> {
    let at = |name| At { directory: CWD, above: Path::new(""), name };
    attempt_at(at(source), at(target), method)
}

pub(crate) fn attempt_at(source: At<'_>, target: At<'_>, method: LinkMethod) -> io::Result<Attempt> {
    match method {
        LinkMethod::Reflink => reflink(source, target),
        LinkMethod::Hardlink => hardlink(source, target),
        LinkMethod::Copy => copy(source, target),
    }
}

fn hardlink(source: At<'_>, target: At<'_>) -> io::Result<Attempt> {
    let link = || linkat(source.directory, source.name, target.directory, target.name, AtFlags::empty());
    match target.pass(Call::Link).and_then(|()| link()) {
        Ok(()) => Ok(Attempt::Done),
        // EPERM is a file system without links (FAT), or `protected_hardlinks` on a store of another user's: in both
        // cases the next file would fare no better.
        Err(Errno::XDEV | Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(Attempt::NotBetweenThese),
        Err(Errno::MLINK) => Ok(Attempt::NotForThis),
        Err(error) => Err(error.into()),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn reflink(source: At<'_>, target: At<'_>) -> io::Result<Attempt> {
    let from = source.open()?;
    let to = target.create(mode_of(from.as_fd())?)?;
    match target.pass(Call::Clone).and_then(|()| rustix::fs::ioctl_ficlone(&to, &from)) {
        Ok(()) => Ok(Attempt::Done),
        Err(error) => {
            target.remove()?;
            refused_reflink(error)
        }
    }
}

#[cfg(target_vendor = "apple")]
fn reflink(source: At<'_>, target: At<'_>) -> io::Result<Attempt> {
    use rustix::fs::{CloneFlags, fclonefileat};
    let from = source.open()?;
    let flags = CloneFlags::NOFOLLOW | CloneFlags::NOOWNERCOPY;
    match target.pass(Call::Clone).and_then(|()| fclonefileat(&from, target.directory, target.name, flags)) {
        Ok(()) => Ok(Attempt::Done),
        Err(error) => refused_reflink(error),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn reflink(_: At<'_>, _: At<'_>) -> io::Result<Attempt> {
    Ok(Attempt::NotBetweenThese)
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn refused_reflink(error: Errno) -> io::Result<Attempt> {
    match error {
        Errno::OPNOTSUPP | Errno::NOTTY | Errno::XDEV | Errno::NOSYS | Errno::INVAL => {
            Ok(Attempt::NotBetweenThese)
        }
        Errno::PERM => Ok(Attempt::NotForThis),
        error => Err(error.into()),
    }
}

fn copy(source: At<'_>, target: At<'_>) -> io::Result<Attempt> {
    let from = source.open()?;
    let mode = mode_of(from.as_fd())?;
    let to = target.create(mode)?;
    // The standard library picks copy_file_range or sendfile where they work.
    let copy = || io::copy(&mut File::from(from), &mut File::from(to));
    match target.pass(Call::Copy).map_err(Into::into).and_then(|()| copy()) {
        Ok(_) => Ok(Attempt::Done),
        Err(error) => {
            target.remove()?;
            Err(error)
        }
    }
}

/// The permissions of a file: no setuid, no setgid, no sticky bit is passed on.
fn mode_of(file: BorrowedFd<'_>) -> Result<Mode, Errno> {
    Ok(Mode::from_raw_mode(fstat(file)?.st_mode) & (Mode::RWXU | Mode::RWXG | Mode::RWXO))
}
