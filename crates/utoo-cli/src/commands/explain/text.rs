//! What `utoo explain` found, for a person.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use utoo_resolver::{
    DependencyEdge, EdgeProblem, Graph, GraphEdge, Obstacle, Origin, PlaceKind, TrialVerdict,
};

use super::rules::{Considered, Judged, Rule};
use super::{DEEPEST, Finding, Findings};

/// So many versions of one rule stand in a line before the rest is a number.
const VERSIONS: usize = 4;

pub(super) fn packages(findings: &Findings<'_>) -> String {
    let mut text = String::new();
    for finding in &findings.places {
        if !text.is_empty() {
            text.push('\n');
        }
        one(&mut text, findings, finding);
    }
    for &edge in &findings.unmet {
        let edge = &findings.graph.edges[edge];
        let from = who(findings.graph, edge.from);
        let _ = writeln!(text, "{} is nowhere in the tree", edge.name);
        let _ = writeln!(
            text,
            "  {} from {from}{}",
            asked(findings, edge),
            if edge.problem.is_some() { " (missing)" } else { ", which does without" }
        );
    }
    text
}

fn one(text: &mut String, findings: &Findings<'_>, finding: &Finding) {
    let graph = findings.graph;
    let place = &graph.places[finding.place];
    let marks: String = place.marks.iter().map(|mark| format!(" {mark}")).collect();
    let _ = writeln!(text, "{}{marks}", who(graph, finding.place));
    let _ = writeln!(text, "{}", place.location);
    dependents(text, findings, finding.place, 1, &mut BTreeSet::from([finding.place]));
    placement(text, graph, finding.place);
    for considered in &finding.considered {
        versions(text, graph, considered);
    }
}

/// Every edge that leads there, and those that lead to its dependent, up to the project or to [`DEEPEST`]; each place
/// once.
fn dependents(
    text: &mut String,
    findings: &Findings<'_>,
    place: usize,
    depth: usize,
    seen: &mut BTreeSet<usize>,
) {
    let graph = findings.graph;
    let indent = "  ".repeat(depth);
    if depth > DEEPEST {
        let _ = writeln!(text, "{indent}and so on");
        return;
    }
    for &index in &graph.places[place].edges_in {
        let edge = &graph.edges[index];
        let from = &graph.places[edge.from];
        let problem = match edge.problem {
            Some(EdgeProblem::Overridden) => " (a peer conflict, overridden)",
            Some(_) => " (invalid)",
            None => "",
        };
        let again =
            if from.kind != PlaceKind::Project && !seen.insert(edge.from) { " (see above)" } else { "" };
        let from_text = who(graph, edge.from);
        let _ = writeln!(text, "{indent}{} from {from_text}{problem}{again}", asked(findings, edge));
        if from.kind == PlaceKind::Project || !again.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{indent}{}", from.location);
        dependents(text, findings, edge.from, depth + 1, seen);
    }
    for (link, linked) in graph.places.iter().enumerate() {
        if linked.kind == (PlaceKind::Link { target: Some(place) }) && seen.insert(link) {
            let _ = writeln!(text, "{indent}{} links here", linked.location);
            dependents(text, findings, link, depth + 1, seen);
        }
    }
}

/// `peer react@"^17"`, or `overridden react@"^18" (was "^17", overrides > react at package.json:9:5)`.
fn asked(findings: &Findings<'_>, edge: &GraphEdge) -> String {
    let (label, spec) = (label(edge), &edge.spec);
    let Some(overriding) = &edge.overridden else { return format!("{label}{spec:?}") };
    let place = findings.rule_place(overriding);
    let at = place.map(|(line, column)| format!(" at package.json:{line}:{column}")).unwrap_or_default();
    let (declared, rule) = (&overriding.declared, Findings::rule(overriding));
    format!("overridden {label}{spec:?} (was {declared:?}, {rule}{at})")
}

/// `peer react@`, with the words that npm puts in front.
fn label(edge: &GraphEdge) -> String {
    match edge.kind.as_str() {
        "prod" => format!("{}@", edge.name),
        "workspace" => "workspace ".to_owned(),
        kind => format!("{kind} {}@", edge.name),
    }
}

fn who(graph: &Graph, place: usize) -> String {
    let place = &graph.places[place];
    if place.kind == PlaceKind::Project {
        return "the root project".to_owned();
    }
    let alias = if place.name == place.package || place.package.is_empty() {
        place.name.clone()
    } else {
        format!("{}@npm:{}", place.name, place.package)
    };
    match &place.version {
        Some(version) => format!("{alias}@{version}"),
        None => alias,
    }
}

/// Which rule put it there, and what keeps it from further up.
fn placement(text: &mut String, graph: &Graph, place: usize) {
    let here = &graph.places[place];
    let (rule, trials) = match &here.origin {
        Origin::Project => return,
        Origin::Lockfile => ("the lockfile has it there".to_owned(), &here.above),
        Origin::Bundle => ("it came in the tarball of the package around it".to_owned(), &here.above),
        Origin::Shrinkwrap => ("the shrinkwrap of a package around it lists it".to_owned(), &here.above),
        Origin::Placed { edge, trials } => {
            let edge = edge.map(|edge| &graph.edges[edge]);
            let placed = edge.map(|edge| format!("placed for {} of {}", wanted(edge), who(graph, edge.from)));
            (placed.unwrap_or_else(|| "placed for a package that is gone by now".to_owned()), trials)
        }
    };
    let _ = writeln!(
        text,
        "  here because {rule}{}",
        if trials.iter().any(|trial| trial.verdict == TrialVerdict::Conflict) {
            ", and no place further up takes it"
        } else {
            ", as far up as it goes"
        }
    );
    for trial in trials {
        if let Some(obstacle) = &trial.obstacle {
            let _ = writeln!(text, "    not in {}: {}", modules(&trial.location), obstacle_text(obstacle));
        }
    }
}

fn wanted(edge: &GraphEdge) -> String {
    format!("{}@{}", edge.name, edge.spec)
}

/// `node_modules`, `node_modules/a/node_modules`.
pub(super) fn modules(location: &str) -> String {
    if location.is_empty() { "node_modules".to_owned() } else { format!("{location}/node_modules") }
}

pub(super) fn obstacle_text(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::PeerOfOwner(edge) => format!("{edge} must not lie inside its dependent"),
        Obstacle::OwnerWants(edge) => format!("it would break {edge}"),
        Obstacle::Occupied { version, by } => {
            format!("{} stands there{}", version_or_none(version.as_deref()), for_whom(by))
        }
        Obstacle::Shadows { location, version, by } => {
            let version = version_or_none(version.as_deref());
            format!("it would hide {version} at {location}{}", for_whom(by))
        }
        Obstacle::Peer { edge, location, obstacle, .. } => {
            let why = obstacle.as_deref().map(|inner| format!(": {}", obstacle_text(inner)));
            format!("{edge} finds no place in {}{}", modules(location), why.unwrap_or_default())
        }
    }
}

fn version_or_none(version: Option<&str>) -> String {
    version.map_or("another package".to_owned(), |version| format!("version {version}"))
}

fn for_whom(by: &[DependencyEdge]) -> String {
    match by {
        [] => String::new(),
        [edge] => format!(", for {edge}"),
        [edge, others @ ..] => format!(", for {edge} and {} more", others.len()),
    }
}

fn versions(text: &mut String, graph: &Graph, considered: &Considered) {
    let first = considered.edges.first().map(|&edge| who(graph, graph.edges[edge].from));
    let more = match considered.edges.len() {
        0 | 1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    let (package, spec, first) = (&considered.package, &considered.spec, first.unwrap_or_default());
    let by = considered.overridden.as_ref().map(|by| format!(", by {}", Findings::rule(by)));
    let by = by.unwrap_or_default();
    let _ = writeln!(text, "  versions considered for {package}@{spec} of {first}{more}{by}");
    let judged = match &considered.versions {
        Ok(judged) => judged,
        Err(error) => {
            let _ = writeln!(text, "    not known: {error}");
            return;
        }
    };
    for (rule, versions) in by_rule(judged) {
        let shown = versions.iter().take(VERSIONS).copied().collect::<Vec<_>>().join(", ");
        let rest = versions.len().saturating_sub(VERSIONS);
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        let _ = writeln!(text, "    {shown}{rest}: {}", rule.text());
    }
}

/// What was decided by the same rule, together; in the order of each rule's highest version.
fn by_rule(judged: &[Judged]) -> Vec<(&Rule, Vec<&str>)> {
    let mut groups: Vec<(&Rule, Vec<&str>)> = Vec::new();
    for Judged { version, rule } in judged {
        match groups.iter_mut().find(|(known, _)| *known == rule) {
            Some((_, versions)) => versions.push(version),
            None => groups.push((rule, vec![version])),
        }
    }
    groups
}
