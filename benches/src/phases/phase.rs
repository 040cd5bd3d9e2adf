//! The six phases of an install, by what is there before it.

/// What a manager finds, and has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// p0: nothing is there.
    FullCold,
    /// p1: nothing is there, and only the lockfile is written.
    Resolve,
    /// p2: the cache is there, and only the lockfile is written.
    WarmResolve,
    /// p3: the lockfile is there.
    ColdInstall,
    /// p4: lockfile and cache are there.
    WarmLink,
    /// p5: all is there.
    NoOp,
}

/// The command that a manager is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Fill `node_modules`.
    Install,
    /// Write the lockfile and nothing else.
    Lock,
}

/// Whether the manager has been at work in its home before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// An empty home.
    Cold,
    /// A home in which this project was installed before.
    Warm,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Self; 6] =
        [Self::FullCold, Self::Resolve, Self::WarmResolve, Self::ColdInstall, Self::WarmLink, Self::NoOp];

    /// `p0` to `p5`.
    #[must_use]
    pub fn id(self) -> &'static str {
        ["p0", "p1", "p2", "p3", "p4", "p5"][self as usize]
    }

    /// What it is called.
    #[must_use]
    pub fn label(self) -> &'static str {
        ["full cold", "resolve", "warm resolve", "cold install", "warm link", "no-op"][self as usize]
    }

    /// The phase of this id.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.id() == id)
    }

    /// The command.
    #[must_use]
    pub fn work(self) -> Work {
        match self {
            Self::Resolve | Self::WarmResolve => Work::Lock,
            _ => Work::Install,
        }
    }

    /// The home.
    #[must_use]
    pub fn cache(self) -> Cache {
        match self {
            Self::FullCold | Self::Resolve | Self::ColdInstall => Cache::Cold,
            Self::WarmResolve | Self::WarmLink | Self::NoOp => Cache::Warm,
        }
    }

    /// Whether the project has its lockfile.
    #[must_use]
    pub fn has_lock(self) -> bool {
        matches!(self, Self::ColdInstall | Self::WarmLink | Self::NoOp)
    }
}
