//! A peer conflict as a user reads it: who wants what, what was found, where in which package.json both start, and
//! the smallest edits that resolve it.

use std::time::Duration;

use serde_json::{Value, json};
use utoo_resolver::{
    Bounds, Change, DependencyEdge, Dependent, Edit, Fix, FixSearch, ManifestCache, PeerConflict, Project,
    Registry, ResolveOptions, find_fixes,
};

use super::install::Inputs;
use crate::error::{Category, CliError, Section};
use crate::output::plural;

/// Who waits for an answer has no use for a search that takes longer.
const SEARCH_TIME: Duration = Duration::from_secs(8);

/// So many ways out are shown to a person; a program gets all.
const SHOWN: usize = 5;

const LAST_RESORT: &str = "the last resort: --legacy-peer-deps leaves all peer dependencies out of the tree, \
                           --force accepts this conflict and every other";

/// Looks for edits that resolve the conflict, for as long as a person would wait.
pub(super) async fn search<R: Registry>(
    problem: (&Project, &ResolveOptions),
    registry: &R,
    cache: &mut ManifestCache,
    conflict: &PeerConflict,
) -> FixSearch {
    let mut search = FixSearch::default();
    let looking = find_fixes(problem, registry, cache, (conflict, Bounds::default()), &mut search);
    // Running out of time is no failure: what was found by then is shown.
    let _ = tokio::time::timeout(SEARCH_TIME, looking).await;
    search
}

/// The error for a conflict that ends an install.
pub(super) fn failure(inputs: &Inputs, conflict: &PeerConflict, search: FixSearch) -> CliError {
    let message = format!("peer dependencies conflict: {}", headline(conflict));
    let tries = search.tries;
    let fixes = search.into_fixes();
    let error = CliError::new(Category::Precondition, "ERESOLVE", message)
        .hint(LAST_RESORT)
        .detail("conflict", to_json(inputs, conflict))
        .detail("fixes", fixes_to_json(inputs, &fixes))
        .detail("tried", tries)
        .detail("lastResort", json!(["--legacy-peer-deps", "--force"]));
    let sections = sections(inputs, conflict).into_iter().chain([ways_out(inputs, &fixes, tries)]);
    sections.fold(error, CliError::section)
}

/// The warning for a conflict below the project that was overridden, with the path that leads there.
pub(super) fn warning(inputs: &Inputs, conflict: &PeerConflict) -> String {
    let mut text = format!("overriding a peer dependency: {} (ERESOLVE)", headline(conflict));
    for section in sections(inputs, conflict) {
        text.push_str(&format!("\n  {} {}", section.label, section.lines.join("\n    ")));
    }
    text.push_str("\n  `utoo explain` says which edits would resolve it");
    text
}

/// `plugin@1.1.0 needs react@^17.0.0 as a peer, but found react@18.2.0`
pub(super) fn headline(conflict: &PeerConflict) -> String {
    let edge = &conflict.edge;
    let needs = format!("{} needs {}@{}{}", edge.from, edge.name, edge.spec, as_peer(edge.kind));
    match (&conflict.current, &conflict.other) {
        (Some(current), _) => format!("{needs}, but found {current}"),
        (None, Some(other)) => format!("{needs}, but {} needs {}@{}", other.from, other.name, other.spec),
        (None, None) => needs,
    }
}

fn as_peer(kind: &str) -> &'static str {
    match kind {
        "peer" => " as a peer",
        "peerOptional" => " as an optional peer",
        _ => "",
    }
}

/// Both sides, each with its path to the package.json that began it.
pub(super) fn sections(inputs: &Inputs, conflict: &PeerConflict) -> Vec<Section> {
    let mut sections =
        vec![Section { label: "wanted:", lines: path(inputs, &conflict.edge, &conflict.chain) }];
    let mut found = Vec::new();
    if let Some(current) = &conflict.current {
        let at = current.location.as_ref().map(|location| format!(" at {location}")).unwrap_or_default();
        found.push(format!("{current}{at}"));
    }
    if let Some(other) = &conflict.other {
        found.extend(path(inputs, other, &conflict.other_chain));
    }
    if !found.is_empty() {
        sections.push(Section { label: "found:", lines: found });
    }
    sections
}

/// The edge, then who brings its owner, up to the entry of a package.json.
fn path(inputs: &Inputs, edge: &DependencyEdge, chain: &[Dependent]) -> Vec<String> {
    let entry = Step { kind: edge.kind, name: &edge.name, spec: &edge.spec, location: &edge.location };
    let mut lines = vec![entry.line(inputs, &edge.from)];
    lines.extend(chain.iter().map(|dependent| {
        let Dependent { kind, dependency, spec, location, .. } = dependent;
        Step { kind, name: dependency, spec, location }.line(inputs, &who(dependent))
    }));
    lines
}

/// One edge of a path.
struct Step<'a> {
    kind: &'a str,
    name: &'a str,
    spec: &'a str,
    location: &'a str,
}

impl Step<'_> {
    /// `react@^17.0.0, a peer dependency of plugin@1.1.0`, with the place where it can be edited.
    fn line(&self, inputs: &Inputs, from: &str) -> String {
        let Self { kind, name, spec, location } = self;
        let what = match *kind {
            "workspace" => return format!("{name}, a workspace of {from}"),
            "peer" => "a peer dependency",
            "peerOptional" => "an optional peer dependency",
            "dev" => "a development dependency",
            "optional" => "an optional dependency",
            _ => "a dependency",
        };
        let at = place(inputs, location, kind, name).map(|place| format!(" ({place})")).unwrap_or_default();
        format!("{name}@{spec}, {what} of {from}{at}")
    }
}

fn who(dependent: &Dependent) -> String {
    match (dependent.name.as_str(), &dependent.version) {
        ("", _) => "the project".to_owned(),
        (name, Some(version)) => format!("{name}@{version}"),
        (name, None) => name.to_owned(),
    }
}

/// `packages/a/package.json:5:7`; none for what nobody can edit.
fn place(inputs: &Inputs, location: &str, kind: &str, name: &str) -> Option<String> {
    let (line, column) = inputs.entry_place(location, block(kind)?, name)?;
    Some(format!("{}:{line}:{column}", file(location)))
}

fn file(location: &str) -> String {
    if location.is_empty() { "package.json".to_owned() } else { format!("{location}/package.json") }
}

fn block(kind: &str) -> Option<&'static str> {
    match kind {
        "prod" => Some("dependencies"),
        "dev" => Some("devDependencies"),
        "optional" => Some("optionalDependencies"),
        "peer" | "peerOptional" => Some("peerDependencies"),
        _ => None,
    }
}

/// What resolves it, the smallest first.
pub(super) fn ways_out(inputs: &Inputs, fixes: &[Fix], tries: usize) -> Section {
    if fixes.is_empty() {
        let tried = format!("none of the {} of package.json that were tried", plural(tries, "edit"));
        return Section { label: "resolved by:", lines: vec![tried] };
    }
    let mut lines = vec!["one of these edits, each of which was tried".to_owned()];
    for (index, fix) in fixes.iter().take(SHOWN).enumerate() {
        for (at, edit) in fix.edits.iter().enumerate() {
            let number = if at == 0 { format!("{}.", index + 1) } else { "  ".to_owned() };
            lines.push(format!("{number} {}", edit_line(inputs, edit)));
        }
    }
    Section { label: "resolved by:", lines }
}

/// `package.json:5:5  "plugin": "^1.0.0" → "^2.3.0"`
fn edit_line(inputs: &Inputs, edit: &Edit) -> String {
    match &edit.change {
        Change::Range { block, name, from, to, older, .. } => {
            let at = match inputs.entry_place(&edit.location, block.key(), name.as_str()) {
                Some((line, column)) => format!("{}:{line}:{column}", file(&edit.location)),
                None => file(&edit.location),
            };
            let older = if *older { " (older)" } else { "" };
            format!("{at}  \"{name}\": \"{from}\" -> \"{to}\"{older}")
        }
        Change::Override { dependent, name, to } => {
            format!("package.json  \"overrides\": {{ \"{dependent}\": {{ \"{name}\": \"{to}\" }} }}")
        }
    }
}

/// The conflict for programs; `schema/output.schema.json` describes it.
pub(super) fn to_json(inputs: &Inputs, conflict: &PeerConflict) -> Value {
    let node = |node: &utoo_resolver::ConflictNode| json!({ "name": node.name, "version": node.version, "location": node.location });
    let edge = |edge: &DependencyEdge, chain: &[Dependent]| {
        let own = Step { kind: edge.kind, name: &edge.name, spec: &edge.spec, location: &edge.location };
        let above = chain.iter().map(|dependent| {
            let Dependent { kind, dependency, spec, location, .. } = dependent;
            step_to_json(inputs, &Step { kind, name: dependency, spec, location }, &who(dependent))
        });
        std::iter::once(step_to_json(inputs, &own, &edge.from)).chain(above).collect::<Value>()
    };
    json!({
        "name": conflict.edge.name,
        "wanted": edge(&conflict.edge, &conflict.chain),
        "candidate": conflict.candidate.as_ref().map(node),
        "found": conflict.current.as_ref().map(node),
        "conflictsWith": conflict.other.as_ref().map(|other| edge(other, &conflict.other_chain)),
    })
}

fn step_to_json(inputs: &Inputs, step: &Step<'_>, from: &str) -> Value {
    let block = block(step.kind);
    let place = block.and_then(|block| inputs.entry_place(step.location, block, step.name));
    json!({
        "name": step.name, "spec": step.spec, "type": step.kind, "from": from, "location": step.location,
        "file": place.map(|_| file(step.location)),
        "line": place.map(|(line, _)| line),
        "column": place.map(|(_, column)| column),
    })
}

/// The edits for programs.
pub(super) fn fixes_to_json(inputs: &Inputs, fixes: &[Fix]) -> Value {
    let edit = |edit: &Edit| match &edit.change {
        Change::Range { block, name, from, to, version, older } => {
            let place = inputs.entry_place(&edit.location, block.key(), name.as_str());
            json!({
                "kind": "range", "file": file(&edit.location), "block": block.key(), "name": name.as_str(),
                "from": from, "to": to, "version": version, "older": older,
                "line": place.map(|(line, _)| line), "column": place.map(|(_, column)| column),
            })
        }
        Change::Override { dependent, name, to } => json!({
            "kind": "override", "file": file(""), "dependent": dependent, "name": name.as_str(), "to": to,
        }),
    };
    let fix = |fix: &Fix| {
        let edits: Vec<Value> = fix.edits.iter().map(edit).collect();
        json!({ "edits": edits, "overridden": fix.overridden })
    };
    fixes.iter().map(fix).collect()
}
