//! What is shown of the tree, as text and as JSON.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use utoo_resolver::EdgeKind;
use utoo_types::Omit;
use utoo_types::{Spec, SpecKind, collate};

use super::actual::{Actual, Edge, Place};

/// So many levels are shown in any case. Real trees have some ten; what somebody makes deeper is a stack's end.
const DEEPEST: usize = 500;

/// What of the tree is wanted.
pub(super) struct Selection {
    /// How many levels below the direct dependencies.
    pub(super) depth: usize,
    pub(super) omit: Omit,
    /// Only these workspaces, where there are any.
    pub(super) workspaces: Vec<PathBuf>,
    /// Only what leads to these, where there are any.
    pub(super) wanted: Vec<Spec>,
}

/// A line of the tree and what hangs below it.
struct Item<'a> {
    name: &'a str,
    what: What<'a>,
    depth: usize,
    children: Vec<usize>,
    /// Whether it, or something below it, is wanted.
    shown: bool,
}

enum What<'a> {
    Project,
    Missing(&'a Edge),
    Found { place: &'a Place, deduped: bool },
}

/// The items that are shown, the project first, and what is wrong with them.
pub(super) struct View<'a> {
    actual: &'a Actual,
    items: Vec<Item<'a>>,
    pub(super) problems: Vec<String>,
}

impl<'a> View<'a> {
    pub(super) fn new(actual: &'a Actual, selection: &Selection) -> Self {
        let root = Item { name: "", what: What::Project, depth: 0, children: Vec::new(), shown: true };
        let mut view = Self { actual, items: vec![root], problems: Vec::new() };
        // Breadth first: the first of several occurrences is the one with its own dependencies below it.
        // For npm a place is what occurs: a package of a linked tree has one for each of its links.
        let mut expanded = BTreeSet::from([actual.root.as_path()]);
        let mut queue = VecDeque::from([(0, 0)]);
        while let Some((item, node)) = queue.pop_front() {
            for (name, what) in view.children_of(node, selection) {
                let at = view.items.len();
                let depth = view.items[item].depth + 1;
                let below = match &what {
                    What::Found { place, .. } => Some((*place, is_workspace(actual, place))),
                    _ => None,
                };
                let what = match what {
                    What::Found { place, .. } => {
                        What::Found { place, deduped: expanded.contains(place.path.as_path()) }
                    }
                    other => other,
                };
                // A workspace is as good as a root: its own direct dependencies are shown.
                let deepest = selection.depth.saturating_add(1).min(DEEPEST);
                let within =
                    depth < deepest || (below.is_some_and(|(_, workspace)| workspace) && depth <= deepest);
                let shown = is_wanted(actual, name, &what, &selection.wanted);
                view.items.push(Item { name, what, depth, children: Vec::new(), shown });
                view.items[item].children.push(at);
                if let Some((place, _)) = below
                    && expanded.insert(place.path.as_path())
                    && within
                {
                    queue.push_back((at, place.node));
                }
            }
        }
        // Children stand behind their parents, so one pass from the end carries upwards what is wanted.
        for at in (1..view.items.len()).rev() {
            let below = view.items[at].children.iter().any(|child| view.items[*child].shown);
            view.items[at].shown |= below;
        }
        view.problems = view.find_problems();
        view
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.items.iter().skip(1).any(|item| item.shown)
    }

    /// What a node depends on, and what lies below it that nobody wants.
    fn children_of(&self, node: usize, selection: &Selection) -> Vec<(&'a str, What<'a>)> {
        let actual = self.actual;
        let folder = &actual.nodes[node].folder;
        let edges = actual.nodes[node].edges.iter().filter(|edge| is_selected(actual, node, edge, selection));
        let mut children: Vec<(&str, What<'_>)> = edges
            .map(|edge| match edge.to {
                Some(place) => (&*edge.name, What::Found { place: &actual.places[place], deduped: false }),
                None => (&*edge.name, What::Missing(edge)),
            })
            .collect();
        let modules = folder.join("node_modules");
        let extraneous = actual.places.iter().filter(|place| place.extraneous && is_in(place, &modules));
        children.extend(extraneous.map(|place| (&*place.name, What::Found { place, deduped: false })));
        children.sort_by(|a, b| collate::compare(a.0, b.0));
        children
    }

    fn find_problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (parent, item) in self.items.iter().enumerate() {
            for child in item.children.iter().map(|child| &self.items[*child]).filter(|child| child.shown) {
                let problem = self.problem(parent, child);
                problems.extend(problem.filter(|problem| !problems.contains(problem)));
            }
        }
        problems
    }

    fn problem(&self, parent: usize, item: &Item<'_>) -> Option<String> {
        match &item.what {
            What::Missing(edge) if !edge.kind.is_optional() => {
                Some(format!("missing: {}@{}, required by {}", edge.name, edge.spec, self.id_of(parent)))
            }
            What::Found { place, .. } if place.extraneous => {
                Some(format!("extraneous: {} {}", self.id(place), place.path.display()))
            }
            What::Found { place, .. } if !place.invalid.is_empty() => {
                Some(format!("invalid: {} {}", self.id(place), place.path.display()))
            }
            _ => None,
        }
    }

    fn id_of(&self, item: usize) -> String {
        match &self.items[item].what {
            What::Found { place, .. } => self.id(place),
            _ => id(&self.project_name(), &self.actual.nodes[0].manifest.raw_version),
        }
    }

    /// The project's own name, or its folder's.
    fn project_name(&self) -> Cow<'_, str> {
        match self.actual.nodes[0].manifest.name.as_str() {
            "" => self.actual.root.file_name().unwrap_or_default().to_string_lossy(),
            name => name.into(),
        }
    }

    /// `name@version`, or `alias@npm:name@version`.
    fn id(&self, place: &Place) -> String {
        let manifest = &self.actual.nodes[place.node].manifest;
        let own = manifest.name.as_str();
        match own.is_empty() || own == place.name || place.is_link {
            true => id(&place.name, &manifest.raw_version),
            false => format!("{}@npm:{}", place.name, id(own, &manifest.raw_version)),
        }
    }

    /// npm's tree.
    pub(super) fn tree(&self, long: bool, unicode: bool) -> String {
        let mut text = format!("{} {}\n", self.id_of(0), self.actual.root.display());
        let lines = if unicode {
            ["├─", "└─", "│ ", "┬ ", "─ "]
        } else {
            ["+-", "`-", "| ", "- ", "- "]
        };
        if self.is_empty() {
            text.push_str(&format!("{}{}(empty)\n", lines[1], lines[4]));
        }
        self.write_children(0, "", (long, &lines), &mut text);
        text
    }

    fn write_children(
        &self,
        item: usize,
        indent: &str,
        (long, lines): (bool, &[&str; 5]),
        text: &mut String,
    ) {
        let children: Vec<usize> =
            self.items[item].children.iter().copied().filter(|child| self.items[*child].shown).collect();
        for (position, child) in children.iter().enumerate() {
            let last = position + 1 == children.len();
            let below = self.items[*child].children.iter().any(|child| self.items[*child].shown);
            let branch = lines[usize::from(last)];
            let end = if below { lines[3] } else { lines[4] };
            text.push_str(&format!("{indent}{branch}{end}{}\n", self.label(&self.items[*child])));
            let indent = format!("{indent}{}", if last { "  " } else { lines[2] });
            if long && let Some(description) = self.description(&self.items[*child]) {
                text.push_str(&format!("{indent}{}{description}\n", if below { lines[2] } else { "  " }));
            }
            self.write_children(*child, &indent, (long, lines), text);
        }
    }

    fn description(&self, item: &Item<'_>) -> Option<&str> {
        match &item.what {
            What::Found { place, deduped: false } => self.actual.nodes[place.node].description.as_deref(),
            _ => None,
        }
    }

    fn label(&self, item: &Item<'_>) -> String {
        match &item.what {
            What::Project => String::new(),
            What::Missing(edge) => {
                let optional = if edge.kind.is_optional() { "OPTIONAL " } else { "" };
                format!("UNMET {optional}DEPENDENCY {}@{}", edge.name, edge.spec)
            }
            What::Found { place, deduped } => {
                let mut label = self.id(place);
                if *deduped {
                    label.push_str(" deduped");
                }
                if !place.invalid.is_empty() {
                    label.push_str(&format!(" invalid: {}", place.invalid.join(", ")));
                }
                if place.extraneous {
                    label.push_str(" extraneous");
                }
                if place.overridden && !deduped {
                    label.push_str(" overridden");
                }
                if place.is_link {
                    label.push_str(&format!(" -> ./{}", self.actual.location(place.node)));
                }
                label
            }
        }
    }

    /// One path a line, each once.
    pub(super) fn parseable(&self, long: bool) -> String {
        let line = |path: &std::path::Path, id: String| match long {
            true => format!("{}:{id}\n", path.display()),
            false => format!("{}\n", path.display()),
        };
        let mut lines = BTreeSet::new();
        for item in self.items.iter().filter(|item| item.shown) {
            if let What::Found { place, .. } = &item.what {
                lines.insert(line(&place.path, self.id(place)));
            }
        }
        std::iter::once(line(&self.actual.root, self.id_of(0))).chain(lines).collect()
    }

    /// npm's document.
    pub(super) fn json(&self) -> Value {
        let manifest = &self.actual.nodes[0].manifest;
        let mut document = Map::new();
        if !manifest.raw_version.is_empty() {
            document.insert("version".to_owned(), (&*manifest.raw_version).into());
        }
        document.insert("name".to_owned(), self.project_name().into());
        if !self.problems.is_empty() {
            document.insert("problems".to_owned(), self.problems.clone().into());
        }
        self.add_dependencies(0, &mut document);
        Value::Object(document)
    }

    fn add_dependencies(&self, item: usize, document: &mut Map<String, Value>) {
        let mut dependencies = Map::new();
        for child in self.items[item].children.iter().filter(|child| self.items[**child].shown) {
            let mut entry = self.entry(item, &self.items[*child]);
            self.add_dependencies(*child, &mut entry);
            dependencies.insert(self.items[*child].name.to_owned(), Value::Object(entry));
        }
        if !dependencies.is_empty() {
            document.insert("dependencies".to_owned(), Value::Object(dependencies));
        }
    }

    /// npm takes all that is missing for one place, and says only of what it meets first there what is required.
    fn is_first_missing(&self, item: &Item<'_>) -> bool {
        let first = self.items.iter().find(|item| matches!(item.what, What::Missing(_)));
        first.is_some_and(|first| std::ptr::eq(first, item))
    }

    fn entry(&self, parent: usize, item: &Item<'_>) -> Map<String, Value> {
        let mut entry = Map::new();
        match &item.what {
            What::Project => {}
            What::Missing(edge) if edge.kind.is_optional() => {}
            What::Missing(edge) => {
                if self.is_first_missing(item) {
                    entry.insert("required".to_owned(), (&*edge.spec).into());
                }
                entry.insert("missing".to_owned(), true.into());
            }
            What::Found { place, deduped } => {
                let version = &self.actual.nodes[place.node].manifest.raw_version;
                if !version.is_empty() {
                    entry.insert("version".to_owned(), (&**version).into());
                }
                if *deduped {
                    // It is told in full where it comes first.
                } else if let Some(resolved) = &place.resolved {
                    entry.insert("resolved".to_owned(), (&**resolved).into());
                } else if place.is_link {
                    entry.insert(
                        "resolved".to_owned(),
                        format!("file:{}", self.actual.link_text(place)).into(),
                    );
                }
                if !deduped {
                    entry.insert("overridden".to_owned(), place.overridden.into());
                }
                if !place.invalid.is_empty() {
                    entry.insert("invalid".to_owned(), place.invalid.join(", ").into());
                }
                if place.extraneous {
                    entry.insert("extraneous".to_owned(), true.into());
                }
            }
        }
        if let Some(problem) = self.problem(parent, item) {
            entry.insert("problems".to_owned(), json!([problem]));
        }
        entry
    }
}

fn id(name: &str, version: &str) -> String {
    format!("{name}@{version}")
}

fn is_in(place: &Place, modules: &std::path::Path) -> bool {
    place.path.strip_prefix(modules).is_ok_and(|rest| rest.to_string_lossy() == place.name)
}

fn is_workspace(actual: &Actual, place: &Place) -> bool {
    let edges = &actual.nodes[0].edges;
    edges.iter().any(|edge| edge.kind == EdgeKind::Workspace && edge.name == place.name) && place.is_link
}

/// Of the project's own dependencies, what is not omitted and, where workspaces are selected, only those.
fn is_selected(actual: &Actual, node: usize, edge: &Edge, selection: &Selection) -> bool {
    if node != 0 {
        return true;
    }
    if !selection.workspaces.is_empty() && !selection.workspaces.contains(&actual.root) {
        let target = edge.to.map(|place| &actual.nodes[actual.places[place].node].folder);
        return target.is_some_and(|folder| selection.workspaces.iter().any(|wanted| same(wanted, folder)));
    }
    match edge.kind {
        EdgeKind::Dev => !selection.omit.dev,
        EdgeKind::Optional => !selection.omit.optional,
        EdgeKind::Peer => !selection.omit.peer,
        EdgeKind::PeerOptional => !selection.omit.peer && !selection.omit.optional,
        EdgeKind::Prod | EdgeKind::Workspace => true,
    }
}

fn same(a: &std::path::Path, b: &std::path::Path) -> bool {
    a == b || a.canonicalize().is_ok_and(|a| a == b)
}

/// By name, and by range where one is given. Without any, everything is.
fn is_wanted(actual: &Actual, name: &str, what: &What<'_>, wanted: &[Spec]) -> bool {
    let What::Found { place, .. } = what else { return wanted.is_empty() };
    let version = &actual.nodes[place.node].manifest.version;
    wanted.is_empty()
        || wanted.iter().any(|spec| {
            let named = spec.name().is_some_and(|wanted| wanted.as_str() == name);
            named
                && match (spec.kind(), version) {
                    (SpecKind::Version(wanted), Some(version)) => wanted == version,
                    (SpecKind::Range(range), Some(version)) => range.satisfies(version),
                    _ => true,
                }
        })
}
