//! npm's lockfiles: text in, text out.
//!
//! [`Lockfile::parse`] reads every form there is: package-lock.json of the versions 1, 2 and 3, npm-shrinkwrap.json,
//! and the hidden lockfile `node_modules/.package-lock.json`; with a byte-order mark, and with git's conflict markers
//! in it. Whatever it was, it becomes one map from locations to [`Entry`]s.
//! [`Lockfile::to_text`] writes each of the three, byte for byte as npm 11 does: key order, sorting, escapes, numbers,
//! indentation, newlines.
//!
//! Passes: `read` (JSON straight into entries), `legacy` (the tree of version 1 becomes locations), `conflict` (two
//! sides of a merge become one document), `entry` (manifests become entries and back), `write` (the document), with
//! `write::packages` (versions 2 and 3) and `write::dependencies` (the tree of versions 1 and 2). Beside them, in
//! `location`, what the keys of the map mean, and which of them are refused, and in `drift` what `npm ci` refuses.
//!
//! Never here: the disk, the network, a decision about which version goes where.

mod conflict;
mod drift;
mod entry;
mod error;
mod format;
mod json;
mod legacy;
mod location;
mod lockfile;
mod read;
mod write;

pub use drift::{Drift, drift};
pub use entry::Entry;
pub use error::LockfileError;
pub use format::Format;
pub use location::{
    LocationError, LocationKind, ancestors, name_of_location, nested_location, parent_location, store_folder,
    validate_installed_location, validate_location,
};
pub use lockfile::{CURRENT_VERSION, Lockfile, Packages};
