//! Overrides in the tree: the rule that each edge comes under, and the scope that each node hands on to its own edges.
//!
//! A scope follows the edges: what an edge under a rule leads to is in that rule's scope. A node that several edges
//! lead to is in the innermost of their scopes, as far as they get along. Nothing here is entered by a project
//! without overrides.

use std::sync::Arc;

use super::{Children, Edge, EdgeId, NodeId, Tree, WantId};
use crate::overrides::{Fault, Overrides, RuleId};

/// What an edge has to go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ruled {
    pub(super) rule: Option<RuleId>,
    pub(super) want: WantId,
}

impl Tree {
    /// The name whose spec an override makes the edge go by.
    pub(crate) fn override_reference(&self, edge: &Edge) -> Option<&str> {
        self.overrides.as_ref()?.reference(edge.rule?, edge.name)
    }

    /// The rules of this project, from here on; the project itself is in their outermost scope.
    pub(super) fn set_overrides(&mut self, overrides: Option<Overrides>) {
        self.node_mut(self.root).scope = overrides.as_ref().map(|_| RuleId::WHOLE);
        self.overrides = overrides;
    }

    /// The rule for an edge that is declared with `declared`, and the spec that counts.
    fn ruled(&mut self, id: EdgeId) -> Ruled {
        let edge = self.edge(id);
        let (from, name, declared) = (edge.from, edge.name, edge.declared);
        let own = Ruled { rule: None, want: declared };
        let (Some(scope), Some(overrides)) = (self.node(from).scope, &mut self.overrides) else { return own };
        // In a virtual root, all but the root itself.
        let host = self.nodes[from.index()].root.filter(|&top| top != self.root && top != from);
        let host = host.map(|top| &*self.interner.package(self.nodes[top.index()].package).manifest);
        let dependent = &*self.interner.package(self.nodes[from.index()].package).manifest;
        let ruled = overrides.rule_for(scope, name, declared, &self.interner).and_then(|rule| {
            let text = overrides.replacement(rule, name, (host, dependent), &self.interner)?;
            Ok((rule, text))
        });
        self.faulty.retain(|(edge, _)| *edge != id);
        match ruled {
            Ok((rule, Some(text))) => {
                let name = self.interner.name_text(name).clone();
                // A path of package.json starts where package.json is.
                Ruled { rule: Some(rule), want: self.interner.intern_want(&name, &text, "") }
            }
            Ok((rule, None)) => Ruled { rule: Some(rule), want: declared },
            Err(fault @ Fault::Range(_)) => {
                self.fault.get_or_insert(fault);
                own
            }
            Err(fault) => {
                self.faulty.push((id, fault));
                own
            }
        }
    }

    /// Looks up the edge's rule anew. Gives the one that it came under before, if that was another.
    pub(super) fn apply_rule(&mut self, id: EdgeId) -> Option<Option<RuleId>> {
        self.overrides.as_ref()?;
        let ruled = self.ruled(id);
        let edge = self.edge(id);
        let before = Ruled { rule: edge.rule, want: edge.want };
        if before == ruled {
            return None;
        }
        let edge = self.edge_mut(id);
        edge.rule = ruled.rule;
        edge.want = ruled.want;
        (before.rule != ruled.rule && ruled.rule.is_some()).then_some(before.rule)
    }

    /// An edge under `rule` leads to `node`.
    pub(super) fn scope_gained(&mut self, node: NodeId, rule: Option<RuleId>) {
        let (Some(rule), Some(overrides)) = (rule, &self.overrides) else { return };
        let scope = match self.node(node).scope {
            None => rule,
            Some(own) => match overrides.combine(own, rule) {
                Some(scope) if scope != own => scope,
                _ => return,
            },
        };
        self.node_mut(node).scope = Some(scope);
        self.hand_scope_on(node);
    }

    /// An edge under `rule` leads to `node` no more.
    pub(super) fn scope_lost(&mut self, node: NodeId, rule: Option<RuleId>) {
        let Some(overrides) = &self.overrides else { return };
        if rule.is_none() || self.node(node).scope != rule {
            return;
        }
        let mut scope = None;
        for &edge in &self.node(node).edges_in {
            scope = match (scope, self.edge(edge).rule) {
                (Some(scope), Some(rule)) => overrides.combine(rule, scope),
                (_, rule) => rule,
            };
        }
        if scope == rule {
            return;
        }
        self.node_mut(node).scope = scope;
        if scope.is_some() {
            self.hand_scope_on(node);
        }
    }

    /// The node is in another scope: so is what it depends on, or what it links to.
    fn hand_scope_on(&mut self, node: NodeId) {
        if let Some(target) = self.node(node).target {
            if !self.node(node).holds_scope {
                self.scope_gained(target, self.node(node).scope);
            }
            return;
        }
        for index in 0..self.node(node).edges_out.len() {
            let edge = self.node(node).edges_out[index];
            self.apply_rule(edge);
            self.look_again(edge);
            let (to, rule) = (self.edge(edge).to, self.edge(edge).rule);
            if let Some(to) = to {
                self.scope_gained(to, rule);
            }
        }
    }

    /// The folder of a link that the build placed has its turn, if it had none yet: a folder that was looked at before, for
    /// something that came to lie in its way, stays out of the link's scope, as npm has it.
    pub(crate) fn release_scope(&mut self, link: NodeId, is_folders_turn: bool) {
        if !std::mem::take(&mut self.node_mut(link).holds_scope) || !is_folders_turn {
            return;
        }
        if let Some(target) = self.node(link).target {
            self.scope_gained(target, self.node(link).scope);
        }
    }

    /// A package that is about to be placed gets its edges before anybody finds it, under the scope that it was chosen in:
    /// each dependent that finds it hands its scope on through them before the next one does. Scopes that meet are not the
    /// same in every order, and a later one may not come to what the first has changed.
    pub(crate) fn load_edges_ahead(&mut self, node: NodeId) {
        if self.overrides.is_some() && !self.node(node).is_link() {
            self.load_edges(node);
        }
    }

    /// `children`, which lay in the `node_modules` of a node that is replaced, are another's from here on: its own edges
    /// find what is further up, which comes into the scope of their rules. What lies in the children leaves it before its
    /// other dependents do, and so while it still counts which scope these have.
    pub(super) fn step_down(&mut self, old: NodeId, children: &Children) {
        if self.overrides.is_none() {
            return;
        }
        for index in 0..self.node(old).edges_out.len() {
            let edge = self.node(old).edges_out[index];
            self.look_again(edge);
        }
        let name = self.node(old).name;
        for &child in children.values() {
            for node in self.subtree(child) {
                let edge = self.edge_out(node, name).filter(|&edge| self.edge(edge).to == Some(old));
                if let Some(edge) = edge {
                    self.reload(edge);
                }
            }
        }
    }

    /// Whether an override decides what the edge asks for.
    pub(crate) fn is_overridden(&self, id: EdgeId) -> bool {
        self.edge(id).want != self.edge(id).declared
    }

    /// The keys in package.json's `overrides` that lead to what decides what the edge asks for.
    pub(crate) fn override_path(&self, id: EdgeId) -> Option<Vec<Arc<str>>> {
        let rule = self.edge(id).rule.filter(|_| self.is_overridden(id))?;
        self.overrides.as_ref().map(|overrides| overrides.path(rule))
    }

    /// The override that decides what the edge asks for, as package.json has it: `a > b@^1`.
    pub(crate) fn override_of(&self, id: EdgeId) -> Option<String> {
        self.override_path(id).map(|keys| keys.join(" > "))
    }

    /// Whether npm calls the node overridden: it is in the scope of a rule for its name, and one of the edges that lead to
    /// it came under such a rule by itself, not by its dependent's, and the rule names the very version that it has.
    pub(crate) fn is_overridden_node(&self, id: NodeId) -> bool {
        let Some(overrides) = &self.overrides else { return false };
        let node = self.node(id);
        let is_for = |rule: &RuleId| overrides.is_for(*rule, node.name);
        let came_under = |edge: &EdgeId| {
            let edge = self.edge(*edge);
            let rule = edge.rule.filter(is_for).filter(|_| edge.rule != self.node(edge.from).scope);
            let spec = rule.and_then(|rule| overrides.spec(rule));
            spec.is_some_and(|spec| *spec == *self.package_of(id).manifest.raw_version)
        };
        node.scope.as_ref().is_some_and(is_for) && node.edges_in.iter().any(came_under)
    }
}
