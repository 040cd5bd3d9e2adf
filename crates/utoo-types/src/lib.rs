//! The nouns every other crate speaks: names, versions, ranges, specs, integrity, platforms, manifests, `package.json`.
//!
//! Text goes in, values come out, and every value answers as npm's own libraries would: [`Version`] and [`Range`] as
//! node-semver, [`Spec`] as npm-package-arg, [`collate`] as JavaScript's `localeCompare`. Each rule is held to recorded
//! answers of npm by a differential test under `tests/`.
//!
//! Never here: IO of any kind, a clock, the environment, global state, or a registry's address.

mod allow_scripts;
pub mod collate;
mod integrity;
mod manifest;
mod name;
mod omit;
mod package_json;
mod packument;
mod pick;
mod platform;
mod range;
mod registry_hosts;
mod spec;
mod text;
mod version;

pub use allow_scripts::{
    AllowScripts, Approval, PackageSource, Pin, Refusal, ScriptChange, ScriptTarget, registry_tarball,
};
pub use integrity::{Algorithm, Hash, Integrity, IntegrityError, Sha512Progress};
pub use manifest::{BundleDependencies, Dependencies, DependencyKind, Dist, Manifest};
pub use name::{NameError, PackageName};
pub use omit::{Omit, WantedBy};
pub use package_json::{JsonFormat, PackageJson, PackageJsonError, PackageJsonErrorKind};
pub use packument::{
    Candidate, CandidateDependencies, Packument, PackumentBuilder, PackumentError, PackumentParser,
};
pub use pick::{PickError, PickOptions, Staged, Verdict, explain, pick};
pub use platform::{
    EngineMismatch, Engines, Platform, PlatformList, PlatformLists, PlatformMismatch, Platforms, libc_of_ldd,
};
pub use range::{Range, RangeError};
pub use registry_hosts::RegistryHosts;
pub use spec::{GitSpec, Host, Hosted, HostedUrl, Selector, Spec, SpecContext, SpecError, SpecKind};
pub use version::{Version, VersionError};
