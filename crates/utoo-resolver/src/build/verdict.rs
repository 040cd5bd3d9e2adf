//! What the placer may do with a candidate at one place.

/// The answer for one candidate at one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The place is free and nobody objects.
    Ok,
    /// What stands there does as well.
    Keep,
    /// What stands there may be replaced.
    Replace,
    /// Not here.
    Conflict,
}
