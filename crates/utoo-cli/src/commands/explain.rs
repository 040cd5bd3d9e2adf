//! `utoo explain`: why a package stands where it stands.
//!
//! The tree is the one that an install would make: resolved from package.json and the lockfile with the reasons
//! recorded ([`Record::Decisions`]), so neither `node_modules` nor, where the lockfile fits, a registry is needed.
//! [`rules`] asks the registry, or the cache with `--offline`, for the versions that were considered; [`text`] and
//! [`mod@json`] show it. Without a package it is the peer conflicts of the project that are explained.

mod json;
mod rules;
mod text;

use serde_json::{Value, json};
use utoo_registry::UnifiedRegistry;
use utoo_resolver::{
    Graph, ManifestCache, Overriding, PeerConflict, Place, PlaceKind, Project, Record, Resolution,
    ResolveError, ResolveOptions, Warning, resolve_with,
};
use utoo_types::{PackageName, Range};

use super::conflict;
use super::install::{Guarded, Inputs, resolve_options};
use crate::context::Context;
use crate::error::{Category, CliError, CliResult};
use crate::output::{Done, plural};
use rules::Considered;

/// What was found out about the words of one command.
struct Findings<'g> {
    graph: &'g Graph,
    /// For the places of overrides in package.json.
    inputs: &'g Inputs,
    /// What stands somewhere, in the order of the tree.
    places: Vec<Finding>,
    /// Dependencies on what stands nowhere, by index.
    unmet: Vec<usize>,
    /// The project's folder, which npm shows where the path ends.
    root: String,
}

impl Findings<'_> {
    /// `overrides > a > b`, the rule that decides what an edge asks for.
    fn rule(overriding: &Overriding) -> String {
        let keys = overriding.path.iter().map(|key| &**key);
        std::iter::once("overrides").chain(keys).collect::<Vec<_>>().join(" > ")
    }

    /// Line and column of that rule in package.json.
    fn rule_place(&self, overriding: &Overriding) -> Option<(usize, usize)> {
        let keys = overriding.path.iter().map(|key| &**key);
        self.inputs.override_place(&std::iter::once("overrides").chain(keys).collect::<Vec<_>>())
    }
}

/// So many dependents are told one above the other. Real ones are some ten; what somebody makes longer is a stack's and a
/// screen's end.
const DEEPEST: usize = 100;

/// One place with the versions that were considered for the edges that lead there.
struct Finding {
    place: usize,
    considered: Vec<Considered>,
}

/// Explains the packages, or, where none is named, the conflicts.
pub(super) fn explain(context: &Context, wanted: &[String]) -> CliResult<Done> {
    let inputs = Inputs::read(context)?;
    super::block_on(async {
        let unguarded = UnifiedRegistry::from_config(&context.config)?;
        let policy = inputs.policy(context)?;
        let registry = Guarded { registry: &unguarded, policy: &policy };
        let project = inputs.to_project(context, inputs.lock(context)?, (&[], Vec::new()))?;
        let options = ResolveOptions { record: Record::Decisions, ..resolve_options(context) };
        let mut cache = ManifestCache::new();
        let resolved = resolve_with(&project, &registry, &options, &mut cache, |_| {}).await;
        let asked =
            Asked { context, inputs: &inputs, registry: &registry, project: &project, options: &options };
        let resolution = match resolved {
            Err(ResolveError::PeerConflict(conflict)) => {
                let search = conflict::search((&project, &options), &registry, &mut cache, &conflict).await;
                return Err(conflict::failure(&inputs, &conflict, search));
            }
            resolved => resolved?,
        };
        let done = match wanted.is_empty() {
            true => asked.conflicts(&resolution, &mut cache).await,
            false => asked.packages(&resolution, wanted).await?,
        };
        unguarded.flush();
        Ok(done)
    })?
}

/// What the answers are made from.
struct Asked<'a> {
    context: &'a Context,
    inputs: &'a Inputs,
    registry: &'a Guarded<'a>,
    project: &'a Project,
    options: &'a ResolveOptions,
}

impl Asked<'_> {
    async fn packages(&self, resolution: &Resolution, wanted: &[String]) -> CliResult<Done> {
        let graph = resolution.graph.as_ref().ok_or_else(|| {
            CliError::new(Category::Local, "EINTERNAL", "the resolver kept no reasons; please report it")
        })?;
        let root = self.context.root().to_string_lossy().into_owned();
        let mut findings =
            Findings { graph, inputs: self.inputs, places: Vec::new(), unmet: Vec::new(), root };
        for word in wanted {
            let selector = Selector::parse(word, self.context);
            let places = (0..graph.places.len()).filter(|&place| selector.selects(&graph.places[place]));
            let before = (findings.places.len(), findings.unmet.len());
            for place in places {
                let considered =
                    rules::considered(self.registry.registry, self.options, (graph, place)).await;
                findings.places.push(Finding { place, considered });
            }
            let unmet = (0..graph.edges.len()).filter(|&edge| {
                let edge = &graph.edges[edge];
                edge.to.is_none() && selector.is_named(&edge.name)
            });
            findings.unmet.extend(unmet);
            if before == (findings.places.len(), findings.unmet.len()) {
                let message = format!("nothing in the tree of this project matches {word}");
                return Err(CliError::new(Category::NotFound, "ENOTINSTALLED", message)
                    .hint("name a package, package@range, or a path such as node_modules/a/node_modules/b")
                    .detail("wanted", word.clone()));
            }
        }
        Ok(Done {
            text: text::packages(&findings),
            summary: String::new(),
            result: json::packages(&findings),
        })
    }

    /// The peer dependencies below the project that the install overrides, each with the edits that resolve it.
    async fn conflicts(&self, resolution: &Resolution, cache: &mut ManifestCache) -> Done {
        let overridden: Vec<&PeerConflict> = resolution
            .warnings
            .iter()
            .filter_map(|warning| match warning {
                Warning::PeerOverridden(conflict) => Some(&**conflict),
                Warning::Engine { .. } => None,
            })
            .collect();
        if overridden.is_empty() {
            return Done {
                text: "No peer dependency is overridden: everyone gets what they ask for.".to_owned(),
                summary: String::new(),
                result: json!({ "conflicts": [] }),
            };
        }
        let mut text = String::new();
        let mut all = Vec::new();
        for &found in &overridden {
            let search = conflict::search((self.project, self.options), self.registry, cache, found).await;
            let (tries, fixes) = (search.tries, search.into_fixes());
            text.push_str(&format!("{}\n", conflict::headline(found)));
            let mut sections = conflict::sections(self.inputs, found);
            sections.push(conflict::ways_out(self.inputs, &fixes, tries));
            for section in &sections {
                text.push_str(&format!("  {} {}\n", section.label, section.lines.join("\n    ")));
            }
            text.push('\n');
            all.push(json!({
                "conflict": conflict::to_json(self.inputs, found),
                "fixes": conflict::fixes_to_json(self.inputs, &fixes),
                "tried": tries,
            }));
        }
        let count = plural(overridden.len(), "peer dependency").replace("dependencys", "dependencies");
        let summary = format!("{count} overridden");
        Done { text, summary, result: json!({ "conflicts": Value::Array(all) }) }
    }
}

/// Which places a word means.
enum Selector {
    /// A place by its path.
    Location(String),
    /// A package by the name of its folder or its own, in these versions.
    Package { name: String, versions: Option<Range> },
}

impl Selector {
    fn parse(word: &str, context: &Context) -> Self {
        let typed = std::path::Path::new(word);
        let looks_like_path = typed.is_absolute()
            || word.starts_with("./")
            || word.starts_with("../")
            || word.starts_with("node_modules/")
            || word.contains("/node_modules/");
        let folder = context.cwd.join(typed);
        if looks_like_path || (!word.starts_with('@') && word.contains('/')) {
            let inside = folder.strip_prefix(context.root()).map(|path| path.to_string_lossy().into_owned());
            let location = inside.unwrap_or_else(|_| word.to_owned());
            return Self::Location(location.trim_start_matches("./").trim_end_matches('/').to_owned());
        }
        match word.rfind('@').filter(|at| *at > 0) {
            Some(at) => {
                Self::Package { name: word[..at].to_owned(), versions: Range::parse(&word[at + 1..]).ok() }
            }
            None => Self::Package { name: word.to_owned(), versions: None },
        }
    }

    fn selects(&self, place: &Place) -> bool {
        match self {
            Self::Location(location) => *place.location == **location,
            Self::Package { name, versions } => {
                let fits = versions.as_ref().is_none_or(|versions| {
                    let version =
                        place.version.as_deref().and_then(|text| utoo_types::Version::parse(text).ok());
                    version.is_some_and(|version| versions.satisfies(&version))
                });
                place.kind != PlaceKind::Project && (place.name == *name || place.package == *name) && fits
            }
        }
    }

    /// Whether a dependency of this name is meant that found nothing.
    fn is_named(&self, dependency: &str) -> bool {
        matches!(self, Self::Package { name, versions: None } if name == dependency)
    }
}

/// The registry's name of what an edge asks for, and the spec there; nothing for folders, repositories and addresses.
fn registry_want(name: &str, spec: &str) -> Option<(PackageName, utoo_types::SpecKind)> {
    use utoo_types::{Spec, SpecKind};
    let text = if spec.is_empty() { "*" } else { spec };
    let spec = Spec::resolve(&PackageName::new_unchecked(name), text, None).ok()?;
    match spec.kind() {
        SpecKind::Alias(target) => Some((target.name()?.clone(), target.kind().clone())),
        kind @ (SpecKind::Range(_) | SpecKind::Version(_) | SpecKind::Tag(_)) => {
            Some((PackageName::new_unchecked(name), kind.clone()))
        }
        _ => None,
    }
}
