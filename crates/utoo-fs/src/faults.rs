//! The point that every system call of this crate goes through which changes the disk, or reads what decides.
//!
//! In what is shipped there is nothing here: without the feature `faults`, [`pass`] is empty and [`Fault`] has no values,
//! so the compiler removes both (`utoo-testkit/tests/hygiene.rs` holds the shipped binary to that). Tests get the feature
//! by their dev-dependencies, and say by a [`FaultPlan`] which call is to fail and how:
//!
//! ```text
//! let armed = FaultPlan::fail(folder, 7, Failure::Enospc, Extent::Once).arm();
//! assert!(install_into(folder).is_err());
//! eprintln!("it failed at {:?}", armed.struck());
//! ```
//!
//! A plan is about one folder. Calls are counted over all threads, those on paths below the folder only: tests that run at
//! the same time, each in a folder of its own, do not meet. A process that a test starts reads its plan from the
//! environment ([`FaultPlan::to_env`]).

use std::io;
use std::path::PathBuf;

#[cfg(all(feature = "faults", unix))]
mod plan;
#[cfg(all(feature = "faults", unix))]
pub use plan::{Armed, Extent, Failure, FaultPlan, calls_of_trace};

/// What a system call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// Opens a directory.
    OpenDir,
    /// Lists a directory.
    List,
    /// `stat`.
    Look,
    /// Opens a file that is there.
    Open,
    /// Reads a file.
    Read,
    /// Reads a symbolic link.
    ReadLink,
    /// Creates a file.
    Create,
    /// Writes to a file. One that fails has taken half of the bytes before.
    Write,
    /// `fsync`.
    Sync,
    /// `chmod`.
    SetMode,
    /// Sets a time.
    SetTime,
    /// `mkdir`.
    CreateDir,
    /// Makes a hard link.
    Link,
    /// Makes a reflink of what was created before.
    Clone,
    /// Copies into what was created before.
    Copy,
    /// Makes a symbolic link.
    Symlink,
    /// `rename`.
    Rename,
    /// `unlink`.
    RemoveFile,
    /// `rmdir`.
    RemoveDir,
    /// `flock`.
    Lock,
}

/// A call on a path is about to be made: may fail in its place.
#[cfg(all(feature = "faults", unix))]
pub(crate) fn pass(call: Call, path: impl FnOnce() -> PathBuf) -> Result<(), Fault> {
    plan::meet(call, path).map_err(Fault)
}

/// A call on a path is about to be made.
#[cfg(not(all(feature = "faults", unix)))]
#[inline(always)]
pub(crate) fn pass(_: Call, _: impl FnOnce() -> PathBuf) -> Result<(), Fault> {
    Ok(())
}

/// Writes by `write`: all of the bytes, or half of them where the call is to fail.
#[inline]
pub(crate) fn write(
    path: impl FnOnce() -> PathBuf,
    bytes: &[u8],
    write: impl FnOnce(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    match pass(Call::Write, path) {
        Ok(()) => write(bytes),
        Err(fault) => {
            write(&bytes[..bytes.len() / 2])?;
            Err(fault.into())
        }
    }
}

/// The failure of a call that was not made.
#[cfg(all(feature = "faults", unix))]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault(rustix::io::Errno);

/// There is none.
#[cfg(not(all(feature = "faults", unix)))]
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        #[cfg(all(feature = "faults", unix))]
        return fault.0.into();
        #[cfg(not(all(feature = "faults", unix)))]
        match fault {}
    }
}

#[cfg(unix)]
impl From<Fault> for rustix::io::Errno {
    fn from(fault: Fault) -> Self {
        #[cfg(feature = "faults")]
        return fault.0;
        #[cfg(not(feature = "faults"))]
        match fault {}
    }
}

#[cfg(test)]
#[cfg(all(feature = "faults", unix))]
mod tests;
