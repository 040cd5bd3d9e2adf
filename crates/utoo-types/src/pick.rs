//! Which version of a package a spec stands for, decided as npm decides it.
//!
//! A tag means its version. An exact version means that one. For a range, the version that the default tag
//! names wins if it is in the range and nothing speaks against it. Otherwise all versions in the range compete,
//! and the first difference of these decides: not to be avoided, not restricted by policy, not staged, not
//! deprecated and fit for the engines, fit for the engines, not deprecated, the higher precedence. The rules
//! were recorded from npm's own picker over generated packuments (`fixtures/pick`, `scripts/record-pick`).

use std::sync::Arc;

use crate::packument::{Candidate, CandidateFlag};
use crate::platform::engine_fits;
use crate::{PackageName, Packument, Range, SpecKind, Version};

/// What the choice depends on besides the packument and the spec.
#[derive(Clone, Debug)]
pub struct PickOptions {
    /// node's version for `engines.node`; `None` checks nothing.
    pub node_version: Option<Version>,
    /// npm's version for `engines.npm`; `None` checks nothing.
    pub npm_version: Option<Version>,
    /// Only versions published up to then count, in milliseconds since 1970 (`--before`).
    pub before: Option<i64>,
    /// The tag that is preferred within ranges (`--tag`).
    pub default_tag: Arc<str>,
    /// Versions that are only taken when nothing else fits (`npm audit fix`).
    pub avoid: Option<Range>,
    /// Whether staged versions may be picked.
    pub staged: Staged,
}

/// Whether versions that are staged, that is uploaded but not yet published, may be picked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Staged {
    /// Never.
    #[default]
    Excluded,
    /// When nothing published fits.
    Allowed,
}

impl Default for PickOptions {
    fn default() -> Self {
        Self {
            node_version: None,
            npm_version: None,
            before: None,
            default_tag: "latest".into(),
            avoid: None,
            staged: Staged::Excluded,
        }
    }
}

/// Why nothing could be picked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PickError {
    /// The packument has no version at all, or none from before the date.
    #[error("No versions available for {name}")]
    NoVersions {
        /// The package.
        name: PackageName,
        /// The spec's text.
        wanted: String,
        /// The date, in milliseconds since 1970.
        before: Option<i64>,
    },
    /// No version fits the spec.
    #[error("No matching version found for {name}@{wanted}{}.", before_clause(.before))]
    NoMatch {
        /// The package.
        name: PackageName,
        /// The spec's text.
        wanted: String,
        /// The date, in milliseconds since 1970.
        before: Option<i64>,
    },
    /// The registry restricts the only version that fits.
    #[error("Could not download {name}@{wanted} due to policy violations:\n{message}")]
    Forbidden {
        /// The package.
        name: PackageName,
        /// The spec's text.
        wanted: String,
        /// What the registry says about it.
        message: String,
    },
    /// A spec that names no version of a registry: git, an address, a folder.
    #[error("Only tag, version, and range are supported for {name}")]
    NotRegistry {
        /// The package.
        name: PackageName,
    },
}

fn before_clause(before: &Option<i64>) -> &'static str {
    if before.is_some() { " with a date before the given one" } else { "" }
}

impl PickError {
    /// npm's code for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoVersions { .. } => "ENOVERSIONS",
            Self::NoMatch { .. } => "ETARGET",
            Self::Forbidden { .. } => "E403",
            Self::NotRegistry { .. } => "EUNSUPPORTEDSPEC",
        }
    }
}

/// Picks a version.
///
/// # Errors
/// [`PickError`] when no version fits, or when the spec is none of tag, version and range (an alias stands for
/// what it names).
pub fn pick<'a>(
    packument: &'a Packument,
    spec: &SpecKind,
    options: &PickOptions,
) -> Result<Candidate<'a>, PickError> {
    let picker = Picker { packument, options, limit: options.before.unwrap_or(i64::MAX - 1) };
    let picked = match spec {
        SpecKind::Alias(spec) => return pick(packument, spec.kind(), options),
        SpecKind::Tag(tag) => picker.by_tag(tag),
        SpecKind::Version(version) => picker.by_version(version),
        SpecKind::Range(range) => picker.by_range(range),
        _ => {
            return Err(PickError::NotRegistry { name: packument.name().clone() });
        }
    };
    match picked {
        Pick::Some(candidate) if !candidate.has(CandidateFlag::Restricted) => Ok(candidate),
        outcome => Err(picker.error(&outcome, wanted_text(spec))),
    }
}

fn wanted_text(spec: &SpecKind) -> String {
    match spec {
        SpecKind::Tag(tag) => tag.to_string(),
        SpecKind::Version(version) => version.to_string(),
        SpecKind::Range(range) => range.as_str().to_owned(),
        _ => String::new(),
    }
}

/// What became of one version when a spec was picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the one.
    Picked,
    /// The spec does not name it.
    OutOfRange,
    /// Published after the date.
    PublishedLater,
    /// To be avoided, and something else fits.
    Avoided,
    /// Restricted by the registry's policy.
    Restricted,
    /// Staged, not published.
    Staged,
    /// Made for another node or npm, and something else fits.
    Engines,
    /// Deprecated, and something else fits.
    Deprecated,
    /// It fits; another is preferred, by the default tag or as the higher version.
    NotPreferred,
}

/// What became of each version, from the highest to the lowest: [`pick`] with its reasons, for messages. Empty
/// for specs that are none of tag, version and range.
pub fn explain<'a>(
    packument: &'a Packument,
    spec: &SpecKind,
    options: &PickOptions,
) -> Vec<(Candidate<'a>, Verdict)> {
    let spec = match spec {
        SpecKind::Alias(spec) => return explain(packument, spec.kind(), options),
        SpecKind::Tag(_) | SpecKind::Version(_) | SpecKind::Range(_) => spec,
        _ => return Vec::new(),
    };
    let picked = pick(packument, spec, options).ok();
    let picker = Picker { packument, options, limit: options.before.unwrap_or(i64::MAX - 1) };
    let mut engines = EngineCheck::new(options);
    let verdicts = picker.competitors().map(|candidate| {
        let verdict = match picked == Some(candidate) {
            true => Verdict::Picked,
            false => picker.verdict(candidate, spec, &mut engines),
        };
        (candidate, verdict)
    });
    verdicts.collect()
}

/// Whether a range's text has nothing in it that could name a prerelease, so that no prerelease satisfies it:
/// this spares parsing those, a quarter of all versions.
fn names_no_prerelease(range: &str) -> bool {
    range.bytes().all(|byte| {
        matches!(byte, b'0'..=b'9' | b'.' | b'^' | b'~' | b'<' | b'>' | b'=' | b'|' | b'*' | b'x' | b' ')
    })
}

enum Pick<'a> {
    Some(Candidate<'a>),
    None,
    NoVersions,
}

impl<'a> From<Option<Candidate<'a>>> for Pick<'a> {
    fn from(candidate: Option<Candidate<'a>>) -> Self {
        candidate.map_or(Self::None, Self::Some)
    }
}

struct Picker<'a, 'o> {
    packument: &'a Packument,
    options: &'o PickOptions,
    limit: i64,
}

impl<'a> Picker<'a, '_> {
    fn error(&self, outcome: &Pick<'_>, wanted: String) -> PickError {
        let name = self.packument.name().clone();
        let before = self.options.before;
        match outcome {
            Pick::NoVersions => PickError::NoVersions { name, wanted, before },
            Pick::None => PickError::NoMatch { name, wanted, before },
            Pick::Some(_) => {
                PickError::Forbidden { name, wanted, message: self.packument.policy_message().to_owned() }
            }
        }
    }

    fn by_tag(&self, tag: &str) -> Pick<'a> {
        let Some((text, candidate)) = self.packument.tagged(tag) else { return Pick::None };
        match candidate {
            Some(candidate) if !self.is_before(candidate) => match Range::parse(&format!("<={text}")) {
                Ok(range) => self.by_range(&range),
                Err(_) => Pick::None,
            },
            candidate => candidate.filter(|candidate| self.counts(*candidate)).into(),
        }
    }

    fn by_version(&self, version: &Version) -> Pick<'a> {
        let text = version.to_string();
        let candidate = self.packument.spelled(&text).find(|candidate| self.counts(*candidate));
        candidate.filter(|candidate| self.is_before(*candidate)).into()
    }

    fn by_range(&self, range: &Range) -> Pick<'a> {
        let mut engines = EngineCheck::new(self.options);
        if let Some(candidate) = self.default_version(range, &mut engines) {
            return Pick::Some(candidate);
        }
        let no_prereleases = names_no_prerelease(range.as_str());
        let mut best: Option<(Rank, Candidate<'a>)> = None;
        for candidate in self.competitors_within(range) {
            if !self.is_before(candidate) {
                continue;
            }
            // Candidates come from the highest precedence down, so only a better rank beats what is there.
            if best.as_ref().is_some_and(|(rank, _)| *rank == Rank::BEST) {
                break;
            }
            if no_prereleases && candidate.has(CandidateFlag::Prerelease) {
                continue;
            }
            let Some(version) = candidate.semver().filter(|version| range.satisfies(version)) else {
                continue;
            };
            let rank = self.rank(candidate, &version, &mut engines);
            if best.as_ref().is_none_or(|(known, _)| rank > *known) {
                best = Some((rank, candidate));
            }
        }
        match best {
            Some((_, candidate)) => Pick::Some(candidate),
            None if self.has_any() => Pick::None,
            None => Pick::NoVersions,
        }
    }

    /// Whether there is any version from before the date. What is no semver is no candidate for a range, yet it is a
    /// version that exists.
    fn has_any(&self) -> bool {
        let others = self.packument.others().filter(|other| self.counts(*other));
        self.packument.candidates().chain(others).any(|candidate| self.is_before(candidate))
    }

    /// The default tag's version, if it is in the range and nothing speaks against it.
    fn default_version(&self, range: &Range, engines: &mut EngineCheck<'_>) -> Option<Candidate<'a>> {
        let (_, candidate) = self.packument.tagged(&self.options.default_tag)?;
        let candidate = candidate.filter(|candidate| !candidate.has(CandidateFlag::OutsideStaged))?;
        if candidate.deprecated()
            || self.is_staged(candidate)
            || candidate.has(CandidateFlag::Restricted)
            || !self.is_before(candidate)
        {
            return None;
        }
        let version = candidate.semver();
        // Only the star itself takes a prerelease that is the default; `x` and the like do not.
        let any = matches!(range.as_str(), "" | "*");
        let in_range = any || version.as_ref().is_some_and(|version| range.satisfies(version));
        let avoided = version.as_ref().is_some_and(|version| self.is_avoided(version));
        (in_range && !avoided && engines.fits(candidate)).then_some(candidate)
    }

    /// All versions that may be picked by a range, from the highest precedence to the lowest.
    fn competitors(&self) -> Box<dyn Iterator<Item = Candidate<'a>> + '_> {
        let versions = self.packument.candidates().rev();
        if !self.packument.has_policy() {
            return Box::new(versions);
        }
        let mut all: Vec<Candidate<'a>> = versions.collect();
        all.extend(self.packument.others().filter(|other| self.counts(*other)));
        // Stable, so that of equals the one under `versions` stays first.
        all.sort_by_cached_key(|candidate| std::cmp::Reverse(candidate.semver()));
        Box::new(all.into_iter())
    }

    /// [`Picker::competitors`] without most that the range does not hold.
    fn competitors_within(&self, range: &Range) -> Box<dyn Iterator<Item = Candidate<'a>> + '_> {
        match self.packument.has_policy() {
            true => self.competitors(),
            false => Box::new(self.packument.candidates_within(range).rev()),
        }
    }

    /// Why a version that was not picked was not.
    fn verdict(&self, candidate: Candidate<'_>, spec: &SpecKind, engines: &mut EngineCheck<'_>) -> Verdict {
        let version = candidate.version();
        let named = match spec {
            SpecKind::Range(range) => range.satisfies(&version),
            SpecKind::Version(wanted) => *wanted == version,
            SpecKind::Tag(tag) => self.packument.dist_tag(tag) == Some(candidate.version_text()),
            _ => false,
        };
        if !named {
            return Verdict::OutOfRange;
        }
        if !self.is_before(candidate) {
            return Verdict::PublishedLater;
        }
        let rank = self.rank(candidate, &version, engines);
        match rank {
            Rank { not_avoided: false, .. } => Verdict::Avoided,
            Rank { not_restricted: false, .. } => Verdict::Restricted,
            Rank { not_staged: false, .. } => Verdict::Staged,
            Rank { engine: false, .. } => Verdict::Engines,
            Rank { current: false, .. } => Verdict::Deprecated,
            Rank { .. } => Verdict::NotPreferred,
        }
    }

    fn rank(&self, candidate: Candidate<'_>, version: &Version, engines: &mut EngineCheck<'_>) -> Rank {
        let engine = engines.fits(candidate);
        let current = !candidate.deprecated();
        Rank {
            not_avoided: !self.is_avoided(version),
            not_restricted: !candidate.has(CandidateFlag::Restricted),
            not_staged: !self.is_staged(candidate),
            current_and_engine: current && engine,
            engine,
            current,
        }
    }

    fn is_avoided(&self, version: &Version) -> bool {
        self.options.avoid.as_ref().is_some_and(|avoid| avoid.satisfies_including_prerelease(version))
    }

    fn is_before(&self, candidate: Candidate<'_>) -> bool {
        candidate.is_before(self.limit)
    }

    /// Whether being staged speaks against a version: where staged ones are not asked for, nobody looks.
    fn is_staged(&self, candidate: Candidate<'_>) -> bool {
        self.options.staged == Staged::Allowed && candidate.has(CandidateFlag::Staged)
    }

    /// Whether a version is there at all: what is nowhere but among the staged ones is only there when asked for.
    fn counts(&self, candidate: Candidate<'_>) -> bool {
        self.options.staged == Staged::Allowed || !candidate.has(CandidateFlag::OutsideStaged)
    }
}

/// What speaks for a version, the weightiest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    not_avoided: bool,
    not_restricted: bool,
    not_staged: bool,
    current_and_engine: bool,
    engine: bool,
    current: bool,
}

impl Rank {
    const BEST: Self = Self {
        not_avoided: true,
        not_restricted: true,
        not_staged: true,
        current_and_engine: true,
        engine: true,
        current: true,
    };
}

/// Checks engines, remembering the answer for the texts that it saw last: neighbours mostly share theirs.
struct EngineCheck<'o> {
    options: &'o PickOptions,
    last: Option<((u32, u32), bool)>,
}

impl<'o> EngineCheck<'o> {
    fn new(options: &'o PickOptions) -> Self {
        Self { options, last: None }
    }

    fn fits(&mut self, candidate: Candidate<'_>) -> bool {
        let key = candidate.engines_key();
        if let Some((known, fits)) = self.last
            && known == key
        {
            return fits;
        }
        let fit = |current: &Option<Version>, wanted: Option<&str>| match (current, wanted) {
            (Some(current), Some(wanted)) => engine_fits(current, wanted),
            _ => true,
        };
        let fits = fit(&self.options.node_version, candidate.node_engine())
            && fit(&self.options.npm_version, candidate.npm_engine());
        self.last = Some((key, fits));
        fits
    }
}

#[cfg(test)]
#[path = "pick_tests.rs"]
mod tests;
