//! Which features a generated case is likely to have.

/// A family of cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// A few packages and a little of everything.
    Small,
    /// Peers of peers, optional peers, and versions that contradict each other.
    Peers,
    /// A second command on the lockfile that a first one left, after a change.
    Lock,
    /// The same with peers.
    LockPeers,
    /// Command-line flags that change placement and refusals.
    Flags,
    /// Workspaces and linked folders.
    Workspaces,
    /// Optional dependencies, platforms and engines.
    Optional,
    /// Tarballs that bring dependencies along.
    Bundles,
    /// More packages than the others.
    Wide,
    /// Overrides: nested, by version, by reference.
    Overrides,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Small,
        Self::Peers,
        Self::Lock,
        Self::LockPeers,
        Self::Flags,
        Self::Workspaces,
        Self::Optional,
        Self::Bundles,
        Self::Wide,
        Self::Overrides,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Peers => "peers",
            Self::Lock => "lock",
            Self::LockPeers => "lock-peers",
            Self::Flags => "flags",
            Self::Workspaces => "workspaces",
            Self::Optional => "optional",
            Self::Bundles => "bundles",
            Self::Wide => "wide",
            Self::Overrides => "overrides",
        }
    }

    pub(super) fn weights(self) -> Weights {
        let base = Weights::BASE;
        match self {
            Self::Small => base,
            Self::Peers => {
                Weights { packages: (3, 7), peers: 55, optional_peers: 25, dependencies: 1, ..base }
            }
            Self::Lock => Weights { packages: (3, 6), first: 100, peers: 8, ..base },
            Self::LockPeers => Weights { packages: (3, 6), first: 100, peers: 45, ..base },
            Self::Flags => Weights { packages: (3, 6), peers: 35, flags: 100, first: 30, ..base },
            Self::Workspaces => Weights { workspaces: 90, links: 40, first: 25, ..base },
            Self::Optional => Weights { optional: 40, platform: 25, missing: 8, first: 25, ..base },
            Self::Bundles => Weights { bundles: 40, first: 25, ..base },
            Self::Wide => Weights { packages: (9, 16), peers: 20, ..base },
            Self::Overrides => {
                Weights { packages: (3, 6), overrides: 100, aliases: 8, peers: 15, first: 35, ..base }
            }
        }
    }
}

/// How likely each feature is: chances in a hundred, unless said otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights {
    /// The least and the greatest number of packages.
    pub(super) packages: (usize, usize),
    /// The greatest number of plain dependencies of a package.
    pub(super) dependencies: usize,
    /// That a version has peers.
    pub(super) peers: usize,
    /// That a peer is an optional one.
    pub(super) optional_peers: usize,
    /// That a version has optional dependencies.
    pub(super) optional: usize,
    /// That a version is for some platforms or engines only.
    pub(super) platform: usize,
    /// That a version bundles dependencies.
    pub(super) bundles: usize,
    /// That a dependency is an alias.
    pub(super) aliases: usize,
    /// That a spec asks for what does not exist.
    pub(super) missing: usize,
    /// That a project has workspaces.
    pub(super) workspaces: usize,
    /// That a project links folders.
    pub(super) links: usize,
    /// That a project has overrides.
    pub(super) overrides: usize,
    /// That a case starts from a lockfile.
    pub(super) first: usize,
    /// That a command has flags.
    pub(super) flags: usize,
}

impl Weights {
    const BASE: Self = Self {
        packages: (3, 5),
        dependencies: 2,
        peers: 12,
        optional_peers: 30,
        optional: 6,
        platform: 3,
        bundles: 2,
        aliases: 5,
        missing: 1,
        workspaces: 5,
        links: 5,
        overrides: 3,
        first: 0,
        flags: 0,
    };
}
