//! What a caller may choose about a resolve.

use utoo_types::{Omit, PackageName, PickOptions, Platforms};

/// What happens where peer dependencies cannot agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conflicts {
    /// An error where the project's own dependencies are concerned, overridden below: npm's default.
    #[default]
    Override,
    /// Always an error (`--strict-peer-deps`).
    Strict,
    /// Never an error (`--force`).
    Force,
}

/// Whether peer dependencies are part of the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Peers {
    /// Installed with their dependents: npm's default.
    #[default]
    Install,
    /// Left out altogether (`--legacy-peer-deps`).
    Ignore,
}

/// What becomes of a dependency that names a folder (`file:lib`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Folders {
    /// A symbolic link to the folder: npm's default.
    #[default]
    Link,
    /// The folder is packed and installed as any package (`--install-links`). Workspaces are linked all the same, and so
    /// are folders of the project that a package.json of the project names from a dot (`file:./lib`, `file:../lib`).
    Pack,
}

/// Where packages go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InstallStrategy {
    /// As far up as they can: npm's default.
    #[default]
    Hoisted,
    /// Each below its dependent.
    Nested,
    /// Direct dependencies at the top, all else below them.
    Shallow,
    /// As [`InstallStrategy::Hoisted`]: the installer lays that tree out. What tarballs bundle has no place in it, and so is
    /// not looked at, but where nothing is unpacked ([`Goal::Lockfile`]).
    Linked,
}

/// Whether a second copy is avoided at the price of an older version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dedupe {
    /// The best version wins: npm's default.
    #[default]
    Newest,
    /// Fewest copies win (`--prefer-dedupe`).
    Fewest,
}

/// What happens where a required package's `engines` exclude this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineCheck {
    /// A warning: npm's default.
    #[default]
    Warn,
    /// An error (`--engine-strict`).
    Strict,
}

/// What the tree is for. It shows where packages bring shrinkwraps, which npm reads at another time for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Goal {
    /// To be installed: npm's default.
    #[default]
    Install,
    /// To be written down, or shown, and no more (`--package-lock-only`, `--dry-run`).
    Lockfile,
}

/// What becomes of an optional peer that is there in a version which does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OptionalPeers {
    /// One that fits is found for it: npm's default.
    #[default]
    Mend,
    /// It stays, as the lockfile has it: npm where nothing is saved and nothing is asked for by name (`ci`, `--no-save`).
    Leave,
}

/// Whether the reasons for each placement are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Record {
    /// Nobody asks; nothing is kept and nothing is spent on it.
    #[default]
    Nothing,
    /// Every place that was tried for a candidate, and what was in its way; [`crate::Resolution::graph`] tells.
    Decisions,
}

/// The choices of one resolve. The default is what `npm install` does without flags.
#[derive(Clone, Debug, Default)]
pub struct ResolveOptions {
    /// What happens where peer dependencies cannot agree.
    pub conflicts: Conflicts,
    /// Whether peer dependencies are part of the tree.
    pub peers: Peers,
    /// What becomes of optional peers that do not fit.
    pub optional_peers: OptionalPeers,
    /// What becomes of folders.
    pub folders: Folders,
    /// Where packages go.
    pub install_strategy: InstallStrategy,
    /// Whether fewer copies beat newer versions.
    pub dedupe: Dedupe,
    /// How a version is picked: default tag, node's version, `--before`.
    pub pick: PickOptions,
    /// What `engines` that do not fit lead to.
    pub engines: EngineCheck,
    /// What packages have to run on; none checks nothing.
    pub platforms: Option<Platforms>,
    /// What will not be installed, and so need not run here. It is in the tree all the same.
    pub omit: Omit,
    /// Names whose dependents are resolved afresh, as `npm update <name>` does.
    pub update: Vec<PackageName>,
    /// What the tree is for.
    pub goal: Goal,
    /// Whether the reasons for each placement are kept.
    pub record: Record,
}
