//! What an install tells while it runs, and when it is done.

use std::sync::Arc;
use std::time::Duration;

use crate::InstallError;
use crate::policy::SkipReason;

/// Something happened. Sent from worker threads, in no order between packages; the receiver must be quick.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum InstallEvent {
    /// The plan stands: so many packages will be made, and so many removed.
    Planned {
        /// Packages and links to add or change.
        to_make: usize,
        /// Packages and links to remove.
        to_remove: usize,
    },
    /// A tarball is being asked for.
    DownloadStarted {
        /// `name@version`.
        package: Arc<str>,
    },
    /// A tarball is here, verified and in the store.
    Downloaded {
        /// `name@version`.
        package: Arc<str>,
        /// Its compressed size.
        bytes: u64,
    },
    /// A package's files are in place, or ready to be moved there.
    Linked {
        /// Its key in the lockfile.
        location: Arc<str>,
    },
    /// A package or link goes to its place, or what is there goes away.
    Placing {
        /// Its key in the lockfile.
        location: Arc<str>,
    },
    /// A stage ended.
    StageDone {
        /// Which one.
        stage: Stage,
        /// How long it took.
        took: Duration,
    },
    /// A lifecycle script starts.
    ScriptStarted {
        /// Whose.
        package: String,
        /// `postinstall` and its like.
        event: String,
    },
    /// Another utoo works in this project; this one waits for it.
    WaitingForLock,
}

/// The stages of an install, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Looking at the disk and planning.
    Plan,
    /// Fetching, unpacking and linking, all at once.
    Link,
    /// Moving into place, removing what is not wanted.
    Publish,
    /// Linking commands.
    Bins,
    /// Writing the hidden lockfile.
    Record,
    /// Lifecycle scripts.
    Scripts,
}

/// Receives [`InstallEvent`]s.
pub type EventSink = Arc<dyn Fn(InstallEvent) + Send + Sync>;

/// What an install did.
#[derive(Debug, Clone, Default)]
pub struct InstallSummary {
    /// Packages and links that are there now and were not.
    pub added: usize,
    /// Packages and links that are others now.
    pub changed: usize,
    /// Packages and links that are gone.
    pub removed: usize,
    /// Packages and links that stayed.
    pub kept: usize,
    /// Packages that came from the store without a download.
    pub from_cache: usize,
    /// Packages that were downloaded.
    pub downloaded: usize,
    /// Compressed bytes that were downloaded, prefetched ones included.
    pub downloaded_bytes: u64,
    /// Packages of the tree that are not on disk: omitted, or not for this platform.
    pub left_out: usize,
    /// Packages that wanted to run a script when they were installed and did not, in order of location; of those that
    /// were there before, the ones that nobody has reviewed.
    pub scripts_skipped: Vec<SkippedScript>,
    /// Optional packages that are not there because they could not be had, or because a script of theirs failed.
    pub failed_optional: Vec<FailedOptional>,
    /// Lifecycle scripts that ran.
    pub scripts_run: usize,
}

impl InstallSummary {
    /// Whether another try might bring what is not there: a tarball that could not be had, and not a script that failed.
    pub fn is_worth_another_try(&self) -> bool {
        self.failed_optional.iter().any(|failed| failed.error.is_of_package())
    }
}

/// A package whose install scripts did not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedScript {
    /// Its key in the lockfile.
    pub location: Arc<str>,
    /// `name@version`.
    pub package: String,
    /// Why.
    pub reason: SkipReason,
    /// What would have run: event and command line.
    pub scripts: Vec<(String, String)>,
}

/// An optional package that is not installed because it could not be had, or because one of its scripts failed.
#[derive(Debug, Clone)]
pub struct FailedOptional {
    /// `name@version`.
    pub package: String,
    /// How.
    pub error: InstallError,
}
