//! Which versions were considered for a place, and the rule that decided on each.

use std::collections::BTreeSet;

use utoo_registry::UnifiedRegistry;
use utoo_resolver::{
    Graph, GraphEdge, ManifestJob, ManifestJobDone, Obstacle, Origin, Overriding, Place, Registry,
    RegistryError, ResolveOptions, Trial, TrialVerdict, Unfit,
};
use utoo_types::{Candidate, PackageName, Packument, SpecKind, Verdict};

use super::{Findings, registry_want};

/// The versions of one package, as one spec saw them.
pub(super) struct Considered {
    /// The package in the registry.
    pub(super) package: PackageName,
    /// The spec.
    pub(super) spec: String,
    /// What put the spec in place of the dependents' own.
    pub(super) overridden: Option<Overriding>,
    /// The edges that ask so, by index.
    pub(super) edges: Vec<usize>,
    /// Every version, from the highest down; or why the registry's document is not to be had.
    pub(super) versions: Result<Vec<Judged>, RegistryError>,
}

/// A version and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) version: String,
    pub(super) rule: Rule,
}

/// Why a version is there, or is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// It is the best for the spec, and it stands there.
    Picked,
    /// Not the best for the spec, but it was there already and does.
    Shared,
    /// Not the best for the spec, but the lockfile has it and it does.
    Locked,
    /// The spec does not allow it.
    OutOfRange,
    /// The dependent's own spec allows it, the override that decides does not.
    Override(String),
    /// Published after `--before`, or too recently.
    PublishedLater,
    /// To be avoided.
    Avoided,
    /// The registry restricts it.
    Restricted,
    /// Not published yet.
    Staged,
    /// Made for another node or npm.
    Engines(String),
    /// The best for the spec, and in the lockfile, but made for another system.
    Platform(String),
    /// The best for the spec, and in the lockfile, but of no use without a package that does not fit here.
    LeftOut(String),
    /// Deprecated, with the notice.
    Deprecated(String),
    /// Higher, but the registry's default tag names a lower one.
    NotTagged,
    /// Lower than the one that was picked.
    Lower,
    /// The best for the spec, but another that stood there already does as well.
    AlreadyPlaced(String),
    /// The best for the spec, but the lockfile has another that does as well.
    LockedOther,
    /// The best for the spec, but a peer of it found no place.
    PeerConflict(String),
}

impl Rule {
    /// The word in JSON.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Picked => "picked",
            Self::Shared => "shared",
            Self::Locked => "locked",
            Self::OutOfRange => "outOfRange",
            Self::Override(_) => "override",
            Self::PublishedLater => "publishedLater",
            Self::Avoided => "avoided",
            Self::Restricted => "restricted",
            Self::Staged => "staged",
            Self::Engines(_) => "engines",
            Self::Platform(_) => "platform",
            Self::LeftOut(_) => "leftOut",
            Self::Deprecated(_) => "deprecated",
            Self::NotTagged => "distTagPreferred",
            Self::Lower => "lower",
            Self::AlreadyPlaced(_) => "alreadyPlaced",
            Self::LockedOther => "lockfilePreferred",
            Self::PeerConflict(_) => "peerConflict",
        }
    }

    /// What goes with it.
    pub(super) fn detail(&self) -> Option<&str> {
        match self {
            Self::Override(detail)
            | Self::Engines(detail)
            | Self::Platform(detail)
            | Self::LeftOut(detail)
            | Self::Deprecated(detail)
            | Self::AlreadyPlaced(detail)
            | Self::PeerConflict(detail) => Some(detail),
            _ => None,
        }
    }

    /// As a person reads it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Picked => "picked: the best for this spec".to_owned(),
            Self::Shared => "used: it was there already, and one copy serves all".to_owned(),
            Self::Locked => "used: the lockfile has it, and it is in range".to_owned(),
            Self::OutOfRange => "out of range".to_owned(),
            Self::Override(rule) => format!("in the dependent's own range, out of that of {rule}"),
            Self::PublishedLater => "published later than --before or min-release-age allow".to_owned(),
            Self::Avoided => "to be avoided".to_owned(),
            Self::Restricted => "restricted by the registry".to_owned(),
            Self::Staged => "staged, not published".to_owned(),
            Self::Engines(wanted) => format!("made for another engine: {wanted}"),
            Self::Platform(wanted) => format!("in the lockfile, but not installed here: made for {wanted}"),
            Self::LeftOut(without) => {
                format!("in the lockfile, but not installed here: of no use without {without}")
            }
            Self::Deprecated(notice) => format!("deprecated: {notice}"),
            Self::NotTagged => {
                "in range, but the default dist-tag names a lower version, which is preferred".to_owned()
            }
            Self::Lower => "in range, but lower".to_owned(),
            Self::AlreadyPlaced(at) => {
                format!("best in range, but the version at {at} was there already and does")
            }
            Self::LockedOther => "best in range, but the lockfile has another that does".to_owned(),
            Self::PeerConflict(why) => format!("best in range, but a peer conflicts: {why}"),
        }
    }
}

/// The versions that were considered for a place: one list for each spec by which it is asked for.
pub(super) async fn considered(
    registry: &UnifiedRegistry,
    options: &ResolveOptions,
    (graph, place): (&Graph, usize),
) -> Vec<Considered> {
    let mut all: Vec<Considered> = Vec::new();
    for &index in &graph.places[place].edges_in {
        let edge = &graph.edges[index];
        let Some((package, kind)) = registry_want(&edge.name, &edge.spec) else { continue };
        let known = all.iter_mut().find(|known| {
            known.package == package && known.spec == *edge.spec && known.overridden == edge.overridden
        });
        if let Some(known) = known {
            known.edges.push(index);
            continue;
        }
        let versions = match packument(registry, &package).await {
            Ok(packument) => Ok(judge(&packument, &kind, options, (graph, place, edge))),
            Err(error) => Err(error),
        };
        let (spec, overridden) = (edge.spec.to_string(), edge.overridden.clone());
        all.push(Considered { package, spec, overridden, edges: vec![index], versions });
    }
    all
}

async fn packument(registry: &UnifiedRegistry, name: &PackageName) -> Result<Packument, RegistryError> {
    match registry.execute(ManifestJob::Full { name: name.clone() }).await? {
        ManifestJobDone::Full(packument) => Ok(packument),
        _ => Err(RegistryError::new(
            "EINVALIDRESPONSE",
            utoo_resolver::ErrorCategory::Precondition,
            format!("the registry gave no document for {name}"),
        )),
    }
}

fn judge(
    packument: &Packument,
    kind: &SpecKind,
    options: &ResolveOptions,
    (graph, place, edge): (&Graph, usize, &GraphEdge),
) -> Vec<Judged> {
    let here = &graph.places[place];
    let all = utoo_types::explain(packument, kind, &options.pick);
    let overridden = overridden_versions(packument, options, edge);
    let best = all.iter().find(|(_, verdict)| *verdict == Verdict::Picked).map(|(best, _)| best.version());
    let judged = all.into_iter().map(|(candidate, verdict)| {
        let version = candidate.version_text().to_owned();
        let used = here.version.as_deref() == Some(&version);
        let rule = match verdict {
            Verdict::Picked if used && here.unfit.is_some() => unfit(here),
            Verdict::Picked if used => Rule::Picked,
            Verdict::Picked => instead_of_best(graph, place, edge),
            _ if used && here.origin == Origin::Lockfile => Rule::Locked,
            Verdict::OutOfRange => match &edge.overridden {
                Some(overriding) if overridden.contains(&version) => {
                    Rule::Override(Findings::rule(overriding))
                }
                _ => Rule::OutOfRange,
            },
            _ if used => Rule::Shared,
            verdict => {
                let higher = best.as_ref().is_some_and(|best| candidate.version() > *best);
                rejected(&candidate, verdict, higher)
            }
        };
        Judged { version, rule }
    });
    judged.collect()
}

/// The versions that the dependent's own spec would have allowed, where an override has another in its place.
fn overridden_versions(
    packument: &Packument,
    options: &ResolveOptions,
    edge: &GraphEdge,
) -> BTreeSet<String> {
    let declared = edge.overridden.as_ref().and_then(|by| registry_want(&edge.name, &by.declared));
    // An alias for another package has other versions.
    let Some((_, kind)) = declared.filter(|(package, _)| package == packument.name()) else {
        return BTreeSet::new();
    };
    let all = utoo_types::explain(packument, &kind, &options.pick);
    let allowed = all.into_iter().filter(|(_, verdict)| *verdict != Verdict::OutOfRange);
    allowed.map(|(candidate, _)| candidate.version_text().to_owned()).collect()
}

/// Why what was picked is not installed here.
fn unfit(place: &Place) -> Rule {
    match &place.unfit {
        Some(Unfit::Platform(mismatch)) => {
            Rule::Platform(format!("{}, this is {}", mismatch.wanted, mismatch.current))
        }
        Some(Unfit::Engine(mismatch)) => Rule::Engines(format!("{} {}", mismatch.engine, mismatch.wanted)),
        Some(Unfit::With(package)) => Rule::LeftOut(package.clone()),
        None => Rule::Picked,
    }
}

/// Why a version other than the best for the spec serves this edge.
fn instead_of_best(graph: &Graph, place: usize, edge: &GraphEdge) -> Rule {
    let trials = edge.choice.as_ref().map_or(&[][..], |choice| &choice.trials);
    let kept = trials.iter().any(|trial| trial.verdict == TrialVerdict::Keep);
    if let Some(why) = trials.iter().rev().find_map(peer_in_the_way).filter(|_| !kept) {
        return Rule::PeerConflict(why);
    }
    match graph.places[place].origin {
        Origin::Lockfile => Rule::LockedOther,
        _ => Rule::AlreadyPlaced(graph.places[place].location.to_string()),
    }
}

fn peer_in_the_way(trial: &Trial) -> Option<String> {
    match trial.obstacle.as_ref()? {
        Obstacle::Peer { edge, .. } => {
            Some(format!("{edge} finds no place in {}", super::text::modules(&trial.location)))
        }
        _ => None,
    }
}

fn rejected(candidate: &Candidate<'_>, verdict: Verdict, higher: bool) -> Rule {
    match verdict {
        Verdict::OutOfRange => Rule::OutOfRange,
        Verdict::PublishedLater => Rule::PublishedLater,
        Verdict::Avoided => Rule::Avoided,
        Verdict::Restricted => Rule::Restricted,
        Verdict::Staged => Rule::Staged,
        Verdict::Engines => {
            let engines = [("node", candidate.node_engine()), ("npm", candidate.npm_engine())];
            let wanted = engines.into_iter().filter_map(|(name, range)| Some(format!("{name} {}", range?)));
            Rule::Engines(wanted.collect::<Vec<_>>().join(", "))
        }
        Verdict::Deprecated => Rule::Deprecated(candidate.deprecation().to_owned()),
        Verdict::NotPreferred | Verdict::Picked if higher => Rule::NotTagged,
        Verdict::NotPreferred | Verdict::Picked => Rule::Lower,
    }
}
