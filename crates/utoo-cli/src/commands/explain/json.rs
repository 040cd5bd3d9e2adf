//! What `utoo explain` found, for programs. Names and nesting of the dependents are those of `npm explain --json`;
//! `schema/output.schema.json` describes the rest.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use utoo_resolver::{
    DependencyEdge, EdgeProblem, Graph, Obstacle, Origin, Overriding, PlaceKind, Trial, TrialVerdict,
};

use super::rules::Considered;
use super::{DEEPEST, Findings};

pub(super) fn packages(findings: &Findings<'_>) -> Value {
    let tree = Json { findings, graph: findings.graph };
    let places = findings.places.iter().map(|finding| {
        let mut place = tree.place(finding.place, (&mut BTreeSet::new(), 0));
        let here = &findings.graph.places[finding.place];
        for mark in ["dev", "optional", "devOptional", "peer"] {
            place.insert(mark.to_owned(), here.marks.contains(&mark).into());
        }
        place.insert("bundled".to_owned(), here.marks.contains(&"inBundle").into());
        place.insert("overridden".to_owned(), here.marks.contains(&"overridden").into());
        place.insert("installable".to_owned(), (!here.marks.contains(&"inert")).into());
        place.insert("placement".to_owned(), tree.placement(finding.place));
        let considered = finding.considered.iter().map(|considered| tree.considered(considered));
        place.insert("considered".to_owned(), considered.collect());
        Value::Object(place)
    });
    let unmet = findings.unmet.iter().map(|&edge| tree.edge(edge, (&mut BTreeSet::new(), 0)));
    json!({ "places": places.collect::<Value>(), "unmet": unmet.collect::<Value>() })
}

struct Json<'a> {
    findings: &'a Findings<'a>,
    graph: &'a Graph,
}

impl Json<'_> {
    /// A place with its dependents; those that were told already in the same answer, or are [`DEEPEST`] dependents away, only
    /// by name and place.
    fn place(&self, index: usize, (told, depth): (&mut BTreeSet<usize>, usize)) -> Map<String, Value> {
        let place = &self.graph.places[index];
        let mut out = Map::new();
        if place.kind == PlaceKind::Project {
            out.insert("location".to_owned(), self.findings.root.as_str().into());
            return out;
        }
        out.insert("name".to_owned(), place.name.clone().into());
        if place.package != place.name && !place.package.is_empty() {
            out.insert("packageName".to_owned(), place.package.clone().into());
        }
        out.insert("version".to_owned(), place.version.clone().into());
        out.insert("location".to_owned(), (&*place.location).into());
        out.insert("isWorkspace".to_owned(), self.is_workspace(index).into());
        if depth == DEEPEST || !told.insert(index) {
            return out;
        }
        let dependents = place.edges_in.iter().map(|&edge| self.edge(edge, (told, depth)));
        out.insert("dependents".to_owned(), dependents.collect());
        let links = self
            .graph
            .places
            .iter()
            .enumerate()
            .filter(|(_, link)| link.kind == PlaceKind::Link { target: Some(index) });
        let links: Vec<Value> =
            links.map(|(link, _)| Value::Object(self.place(link, (told, depth + 1)))).collect();
        if !links.is_empty() {
            out.insert("linksIn".to_owned(), links.into());
        }
        out
    }

    fn is_workspace(&self, index: usize) -> bool {
        match self.graph.places[index].kind {
            PlaceKind::Workspace => true,
            PlaceKind::Link { target: Some(target) } => {
                self.graph.places[target].kind == PlaceKind::Workspace
            }
            _ => false,
        }
    }

    fn edge(&self, index: usize, (told, depth): (&mut BTreeSet<usize>, usize)) -> Value {
        let edge = &self.graph.edges[index];
        let mut out = Map::new();
        out.insert("type".to_owned(), edge.kind.as_str().into());
        out.insert("name".to_owned(), edge.name.clone().into());
        out.insert("spec".to_owned(), (&*edge.spec).into());
        if let Some(overriding) = &edge.overridden {
            out.insert("rawSpec".to_owned(), (&*overriding.declared).into());
            out.insert("overridden".to_owned(), true.into());
            out.insert("override".to_owned(), self.overriding(overriding));
        }
        if let Some(problem) = edge.problem {
            let error = match problem {
                EdgeProblem::Missing => "MISSING",
                EdgeProblem::Invalid => "INVALID",
                EdgeProblem::PeerLocal => "PEER LOCAL",
                EdgeProblem::Overridden => "OVERRIDDEN PEER",
            };
            out.insert("error".to_owned(), error.into());
        }
        out.insert("from".to_owned(), Value::Object(self.place(edge.from, (told, depth + 1))));
        Value::Object(out)
    }

    fn overriding(&self, overriding: &Overriding) -> Value {
        let place = self.findings.rule_place(overriding);
        let (line, column) = place.unzip();
        json!({ "path": overriding.path, "file": "package.json", "line": line, "column": column })
    }

    fn placement(&self, index: usize) -> Value {
        let place = &self.graph.places[index];
        let (rule, edge, trials) = match &place.origin {
            Origin::Project => ("project", None, &place.above),
            Origin::Lockfile => ("lockfile", None, &place.above),
            Origin::Bundle => ("bundle", None, &place.above),
            Origin::Shrinkwrap => ("shrinkwrap", None, &place.above),
            Origin::Placed { edge, trials } => ("placed", *edge, trials),
        };
        let placed_for = edge.map(|edge| {
            let edge = &self.graph.edges[edge];
            let from = &self.graph.places[edge.from].location;
            json!({ "type": edge.kind.as_str(), "name": edge.name, "spec": edge.spec, "from": from })
        });
        json!({ "rule": rule, "for": placed_for, "tried": trials.iter().map(trial).collect::<Value>() })
    }

    fn considered(&self, considered: &Considered) -> Value {
        let from = considered.edges.iter().map(|&edge| {
            let from = self.graph.edges[edge].from;
            Value::from(&*self.graph.places[from].location)
        });
        let mut out = json!({
            "package": considered.package.as_str(), "spec": considered.spec, "from": from.collect::<Value>(),
            "override": considered.overridden.as_ref().map(|by| self.overriding(by)),
        });
        match &considered.versions {
            Ok(versions) => {
                let versions = versions.iter().map(|judged| {
                    let rule = judged.rule.as_str();
                    json!({ "version": judged.version, "rule": rule, "detail": judged.rule.detail() })
                });
                out["versions"] = versions.collect();
            }
            Err(error) => {
                out["unknown"] = json!({ "code": error.code, "message": error.to_string() });
            }
        }
        out
    }
}

fn trial(trial: &Trial) -> Value {
    let verdict = match trial.verdict {
        TrialVerdict::Free => "free",
        TrialVerdict::Keep => "keep",
        TrialVerdict::Replace => "replace",
        TrialVerdict::Conflict => "conflict",
    };
    json!({
        "location": trial.location, "verdict": verdict, "obstacle": trial.obstacle.as_ref().map(obstacle),
    })
}

fn obstacle(blocked: &Obstacle) -> Value {
    let edges = |by: &[DependencyEdge]| by.iter().map(edge).collect::<Value>();
    let mut out = match blocked {
        Obstacle::PeerOfOwner(owner) => json!({ "kind": "peerOfOwner", "edge": edge(owner) }),
        Obstacle::OwnerWants(owner) => json!({ "kind": "ownerWants", "edge": edge(owner) }),
        Obstacle::Occupied { version, by } => {
            json!({ "kind": "occupied", "version": version, "by": edges(by) })
        }
        Obstacle::Shadows { location, version, by } => {
            json!({ "kind": "shadows", "location": location, "version": version, "by": edges(by) })
        }
        Obstacle::Peer { edge: peer, version, location, obstacle: inner } => json!({
            "kind": "peer", "edge": edge(peer), "version": version, "location": location,
            "obstacle": inner.as_deref().map(obstacle),
        }),
    };
    out["text"] = super::text::obstacle_text(blocked).into();
    out
}

fn edge(edge: &DependencyEdge) -> Value {
    json!({
        "type": edge.kind, "name": edge.name, "spec": edge.spec, "from": edge.from, "location": edge.location,
    })
}
