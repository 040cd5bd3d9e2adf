//! The file system as a package manager needs it: whole or absent, inside or refused.
//!
//! Five tools, each of them small:
//!
//! - [`contained_join`] is the one function through which a name that came from outside (a tarball entry, a lockfile
//!   key, a `bin` target, a package name) becomes a path. What it returns is always below the root it was given.
//! - [`write_atomic`] and [`write_durable`] replace a file as a whole: a reader sees the old bytes or the new ones.
//! - [`DirLock`] keeps two processes out of one directory, and is released by the kernel when its process dies.
//! - [`link_or_copy`] makes a file by reflink, else hardlink, else copy; what a pair of file systems cannot do is
//!   remembered in a [`LinkMemory`] that the caller owns.
//! - [`Dir`] (Unix) is an open directory: everything below it is named relative to its descriptor, so that linking
//!   57,000 files walks no path twice and never goes through a symbolic link that someone planted on the way.
//!
//! Beside them [`Dir::publish`] renames a finished directory into place and [`remove_dir_all`] removes a tree; for the rest
//! there are the single calls of `std::fs` that change the disk ([`rename`], [`create_dir`], …), since every one of them
//! goes through one point (`faults.rs`), at which tests let it fail. Nothing of that point is in what is shipped.
//!
//! The crate keeps no process-wide state (but for the plans of tests), changes neither umask nor current directory, starts no thread, prints
//! nothing and knows nothing of packages.

mod atomic;
mod contained;
#[cfg(unix)]
mod dir;
mod error;
#[cfg_attr(
    not(all(feature = "faults", unix)),
    allow(unreachable_pub, reason = "tests name calls, nobody else")
)]
mod faults;
mod link;
mod lock;
mod plain;
#[cfg(unix)]
mod publish;
mod remove;

pub use atomic::{sweep_temporary, write_atomic, write_atomic_with_mode, write_durable};
pub use contained::{
    MAX_COMPONENT_BYTES, MAX_PATH_BYTES, PathError, PathProblem, check_relative, contained_join,
};
#[cfg(unix)]
pub use dir::{Dir, DirEntry, EntryKind};
pub use error::{FsError, code_of};
#[cfg(all(feature = "faults", unix))]
pub use faults::{Armed, Call, Extent, Failure, FaultPlan, calls_of_trace};
pub use link::{LinkMemory, LinkMethod, LinkMode, LinkRoute, link_or_copy};
pub use lock::DirLock;
pub use plain::{
    create_dir, create_dir_all, create_new, open, open_with, overwrite, read, read_dir, read_to_string,
    remove_dir, remove_file, rename, set_permissions, touch, write_all, write_all_at,
};
#[cfg(unix)]
pub use publish::Published;
pub use remove::remove_dir_all;

/// What this crate's functions return.
pub type Result<T, E = FsError> = std::result::Result<T, E>;
