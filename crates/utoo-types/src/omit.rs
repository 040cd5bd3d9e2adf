//! Kinds of dependencies that an install leaves out.

/// Kinds of dependencies that are not put into `node_modules` (`--omit`). They stay in the lockfile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Omit {
    /// `devDependencies`
    pub dev: bool,
    /// `optionalDependencies`
    pub optional: bool,
    /// `peerDependencies`
    pub peer: bool,
}

/// What only dependencies of a kind lead to, as the lockfile marks it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four independent marks, each a field of the lockfile")]
pub struct WantedBy {
    /// Only what is for development.
    pub dev: bool,
    /// Only what is optional.
    pub optional: bool,
    /// Only what is one or the other.
    pub dev_optional: bool,
    /// Only peers.
    pub peer: bool,
}

impl Omit {
    /// Whether a package with these marks is left out. One that development and an optional dependency want is left out
    /// only where both are.
    #[must_use]
    pub fn leaves_out(self, wanted: WantedBy) -> bool {
        (wanted.dev && self.dev)
            || (wanted.optional && self.optional)
            || (wanted.dev_optional && self.dev && self.optional)
            || (wanted.peer && self.peer)
    }
}
