//! From the ideal tree to `node_modules`: a pipeline without barriers.
//!
//! Passes, in order, each a module or two:
//!
//! 1. **prefetch** (`fetch`, `ahead`): tarballs download as soon as their version is chosen, while resolution goes on;
//!    where nothing is installed, what a lockfile lists is made before the resolver has checked it;
//! 2. **plan** (`select`, `disk`, `plan`): the tree, less what is omitted or does not run here, against what is on disk;
//!    the middle of it is a pure function that gives a list of steps. Where the tree is to be a linked one, `linked` first
//!    makes of it a tree of the places in `node_modules/.store`;
//! 3. **make** (`arrivals`, `archive`, `inflate`, `store`, `recipe`, `link`, `make`): verify, several tarballs at a time,
//!    inflate, unpack into the content store, and link from there into a staging folder inside `node_modules`; each package on its own, none waits for another
//!    (`door`: but the end of an install waits for what is being unpacked). Where an optional package cannot be had, the
//!    plan goes on without it and what is there only for it (`without`);
//! 4. **publish** (`place`): each finished package is renamed to its place, what is in the way or not wanted is renamed
//!    away and removed;
//! 5. **bins**: commands are linked into `node_modules/.bin`;
//! 6. **record** (`record`, `state`): npm's hidden lockfile, and the small file by which the next install sees that it has
//!    nothing to do;
//! 7. **scripts** (`gate`, `ran`, `lifecycle`, `scripts`): those of workspaces and of the project; those of dependencies
//!    only where the [`Policy`] allows them, in the one [`ScriptRunner`].
//!
//! What holds at every moment, also after `kill -9`: a package's folder is absent or whole; the hidden lockfile lists only
//! what is there; no byte of a tarball is visible before its integrity was verified.
//!
//! What this crate never does: resolve anything, read `.npmrc`, talk to the network by itself (a [`TarballSource`] does),
//! write through a symbolic link, keep process-wide state, print.

mod ahead;
mod archive;
mod arrivals;
mod bins;
mod disk;
mod door;
mod error;
mod events;
mod facts;
mod fetch;
mod gate;
mod inflate;
mod installer;
mod lifecycle;
mod link;
mod linked;
mod lock;
mod make;
mod place;
mod plan;
mod policy;
mod ran;
mod recipe;
mod record;
mod scripts;
mod select;
mod source;
mod state;
mod store;
mod without;

pub use archive::MAX_FILES;
pub use error::{InstallError, Result, TarballProblem};
pub use events::{EventSink, FailedOptional, InstallEvent, InstallSummary, SkippedScript, Stage};
pub use facts::PackageFacts;
pub use fetch::Limits;
pub use inflate::{BOMB_FLOOR, BOMB_RATIO};
pub use installer::{
    BinLinks, Built, Completion, EntryFilter, InstallRequest, Installed, Installer, InstallerOptions, Rebuild,
};
pub use lifecycle::{RootScripts, install_scripts};
pub use linked::{Layout, Linked, Peers};
pub use policy::{
    ExoticSubdeps, InstallScripts, Origin, Policy, Prepare, ScriptGate, SkipReason, Verdict, exotic_specs,
    is_repository,
};
pub use scripts::{
    KEPT_OUTPUT, NodeGyp, ScriptCall, ScriptEnd, ScriptOutput, ScriptRunner, ScriptSetup, interruption,
};
pub use select::{EngineCheck, Fitness, PlatformCheck, Scope};
pub use source::{FetchError, FetchErrorKind, PackageRequest, TarballRequest, TarballSource};
pub use state::{Freshness, StateInputs, is_up_to_date, record_state};
pub use store::{
    Damage, FileMode, IndexedFile, PackageIndex, Removal, Shebang, Store, StoreEntry, StoreKey, StoredPackage,
};
pub use utoo_fs::LinkMode;
