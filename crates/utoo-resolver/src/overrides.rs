//! The project's `overrides`, as npm reads them: a tree of rules, and which of them an edge comes under.
//!
//! Every key is a rule for the packages of a name, or for those dependents only whose spec meets the range behind the
//! name. A rule says what is to be had instead, and holds rules for everything below such a package. A node carries
//! the innermost rule on the way to it, its scope; in that scope the rules of the scope itself count first, then those
//! around it, each level in the order in which it was written.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::{Map, Value};
use utoo_types::{Manifest, Range, Selector, Spec, SpecContext, SpecKind};

use crate::error::ResolveError;
use crate::tree::{Interner, Name, Want, WantId};

/// A rule, or the whole of `overrides`, which is [`RuleId::WHOLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RuleId(u32);

impl RuleId {
    /// The scope of the project itself.
    pub(crate) const WHOLE: Self = Self(0);
}

/// Which dependents a rule for a name is about.
#[derive(Clone, Debug)]
enum Applies {
    /// All of them.
    Always,
    /// Those that could do with a version in the range.
    Within(Range),
    /// The key names something that is no range.
    Unreadable,
}

/// What a rule puts in the place of a dependent's own spec.
#[derive(Clone, Debug)]
enum Replacement {
    /// The dependent's own spec: the rule is there for those below it.
    None,
    /// This spec.
    Spec(Arc<str>),
    /// The spec of the project's own dependency of this name.
    Reference(Arc<str>),
    /// Something that is no text.
    Malformed,
}

#[derive(Debug)]
struct Rule {
    around: Option<RuleId>,
    key: Arc<str>,
    /// None for the whole.
    name: Option<Name>,
    applies: Applies,
    replacement: Replacement,
    within: Vec<RuleId>,
    /// The rules that count in this one's scope, the first first.
    in_scope: Vec<RuleId>,
}

/// The rules of one project.
#[derive(Debug)]
pub(crate) struct Overrides {
    rules: Vec<Rule>,
    /// Which rule an edge of this name and spec comes under in this scope.
    found: FxHashMap<(RuleId, Name, WantId), RuleId>,
    root: Arc<Manifest>,
}

/// Where npm fails without a code.
const CODE: &str = "EINVALIDOVERRIDE";

/// Why the rules cannot be followed, met where one of them was to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A reference to what the project does not depend on.
    Reference(Arc<str>),
    /// A rule's value is no text.
    Malformed(Arc<str>),
    /// A key's range is none.
    Range(Arc<str>),
}

impl Fault {
    pub(crate) fn to_error(&self) -> ResolveError {
        let (rule, reason) = match self {
            Self::Reference(rule) => (rule, "refers to a package that the project does not depend on"),
            Self::Malformed(rule) => (rule, "has to be a text or an object"),
            Self::Range(rule) => (rule, "is for something that is no range of versions"),
        };
        ResolveError::BadOverride { code: CODE, rule: rule.to_string(), reason: reason.to_owned() }
    }
}

impl Overrides {
    /// Reads the rules of a project's package.json; none if it has no rule.
    ///
    /// # Errors
    /// [`ResolveError::BadOverride`]: a key that names no package, or `null` for a rule.
    pub(crate) fn read(root: &Arc<Manifest>, interner: &mut Interner) -> Result<Option<Self>, ResolveError> {
        let Some(fields) = root.overrides.as_ref().filter(|fields| !fields.is_empty()) else {
            return Ok(None);
        };
        let mut overrides = Self { rules: Vec::new(), found: FxHashMap::default(), root: Arc::clone(root) };
        overrides.add(Rule::new(None, Arc::from(""), None));
        overrides.read_within(RuleId::WHOLE, fields, interner)?;
        for index in 0..overrides.rules.len() {
            overrides.rules[index].in_scope = overrides.scope_of(id(index));
        }
        Ok((overrides.rules.len() > 1).then_some(overrides))
    }

    fn add(&mut self, rule: Rule) -> RuleId {
        let (added, around) = (id(self.rules.len()), rule.around);
        self.rules.push(rule);
        if let Some(around) = around {
            self.rules[index(around)].within.push(added);
        }
        added
    }

    fn read_within(
        &mut self,
        around: RuleId,
        fields: &Map<String, Value>,
        interner: &mut Interner,
    ) -> Result<(), ResolveError> {
        for (key, value) in fields.iter().filter(|(key, _)| *key != ".") {
            let bad = |code, reason: &str| ResolveError::BadOverride {
                code,
                rule: key.clone(),
                reason: reason.into(),
            };
            let spec = Spec::parse(key, &SpecContext::default())
                .map_err(|error| bad(error.code(), &error.to_string()))?;
            let name = spec.name().ok_or_else(|| bad(CODE, "names no package"))?;
            let name = interner.name(name);
            let own = match value {
                Value::Null => return Err(bad(CODE, "has to be a text or an object, and is null")),
                Value::Object(fields) => fields.get("."),
                value => Some(value).filter(|value| value.is_string()),
            };
            let text: Arc<str> = match spec.raw_spec() {
                "" => Arc::from("*"),
                text => Arc::from(text),
            };
            let replacement = replacement(own, &text);
            let applies = match (&*text, Range::parse(&text)) {
                ("*", _) => Applies::Always,
                (_, Ok(range)) => Applies::Within(range),
                (_, Err(_)) => Applies::Unreadable,
            };
            let rule = Rule::new(Some(around), Arc::from(key.as_str()), Some(name));
            let rule = self.add(Rule { applies, replacement, ..rule });
            if let Value::Object(fields) = value {
                self.read_within(rule, fields, interner)?;
            }
        }
        Ok(())
    }

    /// What counts in the scope of `rule`: what is within it, itself, and so on outwards; of one key the first.
    fn scope_of(&self, rule: RuleId) -> Vec<RuleId> {
        let mut scope: Vec<RuleId> = Vec::new();
        for at in self.outwards(rule) {
            let own = self.rule(at).around.map(|_| at);
            for candidate in self.rule(at).within.iter().copied().chain(own) {
                let key = &self.rule(candidate).key;
                if !scope.iter().any(|&other| self.rule(other).key == *key) {
                    scope.push(candidate);
                }
            }
        }
        scope
    }

    fn outwards(&self, rule: RuleId) -> impl Iterator<Item = RuleId> {
        std::iter::successors(Some(rule), |&at| self.rule(at).around)
    }

    fn rule(&self, rule: RuleId) -> &Rule {
        &self.rules[index(rule)]
    }

    /// The scope into which an edge of this name and own spec leads from `scope`: the rule that it comes under, or
    /// `scope` itself.
    ///
    /// # Errors
    /// A rule for the name is for something that is no range, while the edge asks for one.
    pub(crate) fn rule_for(
        &mut self,
        scope: RuleId,
        name: Name,
        want: WantId,
        interner: &Interner,
    ) -> Result<RuleId, Fault> {
        if let Some(&found) = self.found.get(&(scope, name, want)) {
            return Ok(found);
        }
        let mut found = scope;
        for &candidate in &self.rule(scope).in_scope {
            let rule = self.rule(candidate);
            if rule.name == Some(name) && rule.meets(want, interner)? {
                found = candidate;
                break;
            }
        }
        self.found.insert((scope, name, want), found);
        Ok(found)
    }

    /// The spec that an edge called `name` has to go by under `rule`; none where its own counts.
    ///
    /// A reference is to what the project asks for, else to what the edge's own package, `dependent`, does. While npm puts
    /// a peer set together it looks in `host` instead of the project, the package that the set is for. A reference to the
    /// edge's own name that finds nothing changes nothing; of another one npm makes an error, even where only `host`
    /// lacks it: here the project's own counts then.
    ///
    /// # Errors
    /// The rule's value is no text, or refers to nothing.
    pub(crate) fn replacement(
        &self,
        rule: RuleId,
        name: Name,
        (host, dependent): (Option<&Manifest>, &Manifest),
        interner: &Interner,
    ) -> Result<Option<Arc<str>>, Fault> {
        let rule = self.rule(rule);
        if rule.name != Some(name) {
            return Ok(None);
        }
        match &rule.replacement {
            Replacement::None => Ok(None),
            Replacement::Spec(text) => Ok(Some(Arc::clone(text))),
            Replacement::Malformed => Err(Fault::Malformed(Arc::clone(&rule.key))),
            Replacement::Reference(to) => {
                let own = interner.name_text(name).as_str() == &**to;
                match referred(host.unwrap_or(&self.root), to) {
                    Some(text) => Ok(Some(text)),
                    None if own => Ok(None),
                    None => match referred(dependent, to).or_else(|| referred(&self.root, to)) {
                        Some(text) => Ok(Some(text)),
                        None => Err(Fault::Reference(Arc::clone(&rule.key))),
                    },
                }
            }
        }
    }

    /// The name whose spec `rule` puts in the place of those of edges called `name`.
    pub(crate) fn reference(&self, rule: RuleId, name: Name) -> Option<&str> {
        match &self.rule(rule) {
            Rule { name: of, replacement: Replacement::Reference(to), .. } if *of == Some(name) => Some(to),
            _ => None,
        }
    }

    /// Whether `rule` is for packages of this name, in a version that it is about.
    pub(crate) fn is_about(&self, rule: RuleId, name: Name, version: Option<&utoo_types::Version>) -> bool {
        let rule = self.rule(rule);
        rule.name == Some(name)
            && match &rule.applies {
                Applies::Always => true,
                Applies::Within(range) => version.is_some_and(|version| range.satisfies(version)),
                Applies::Unreadable => false,
            }
    }

    /// The scope of a node that is reached in two: the inner of both where one lies around the other, what is around
    /// both where their rules get along, and none where they contradict each other.
    pub(crate) fn combine(&self, first: RuleId, second: RuleId) -> Option<RuleId> {
        if self.outwards(second).any(|at| at == first) {
            return Some(second);
        }
        if self.outwards(first).any(|at| at == second) {
            return Some(first);
        }
        if self.contradict(first, second) {
            return None;
        }
        self.outwards(first).find(|&common| self.outwards(second).any(|at| at == common))
    }

    /// Whether a key has ranges in both scopes that no version is in.
    fn contradict(&self, first: RuleId, second: RuleId) -> bool {
        self.rule(first).in_scope.iter().any(|&left| {
            let left = self.rule(left);
            let right = self.rule(second).in_scope.iter().map(|&right| self.rule(right));
            right.filter(|right| right.key == left.key).any(|right| {
                let ranges = left.range().zip(right.range());
                ranges.is_some_and(|(left, right)| !left.intersects(&right))
            })
        })
    }

    /// The keys that lead to the rule in package.json's `overrides`, from the outermost.
    pub(crate) fn path(&self, rule: RuleId) -> Vec<Arc<str>> {
        let mut keys: Vec<Arc<str>> = self.outwards(rule).map(|at| Arc::clone(&self.rule(at).key)).collect();
        keys.pop();
        keys.reverse();
        keys
    }

    /// What the rule says, as it is written; nothing where it names no spec.
    pub(crate) fn spec(&self, rule: RuleId) -> Option<&str> {
        match &self.rule(rule).replacement {
            Replacement::Spec(text) => Some(text),
            Replacement::None | Replacement::Reference(_) | Replacement::Malformed => None,
        }
    }

    /// Whether the rule is for packages of this name.
    pub(crate) fn is_for(&self, rule: RuleId, name: Name) -> bool {
        self.rule(rule).name == Some(name)
    }
}

impl Rule {
    /// One for every dependent, that changes nothing.
    fn new(around: Option<RuleId>, key: Arc<str>, name: Option<Name>) -> Self {
        Self {
            around,
            key,
            name,
            applies: Applies::Always,
            replacement: Replacement::None,
            within: Vec::new(),
            in_scope: Vec::new(),
        }
    }

    /// Whether an edge with this spec of its own comes under the rule. What a tag, a folder or a tarball is cannot be
    /// told beforehand: those do.
    fn meets(&self, want: WantId, interner: &Interner) -> Result<bool, Fault> {
        if matches!(self.applies, Applies::Always) {
            return Ok(true);
        }
        match interner.want(want) {
            Want::Alias { want, .. } => self.meets(*want, interner),
            Want::Registry(SpecKind::Range(range)) => self.overlaps(range),
            Want::Registry(SpecKind::Version(version)) => match Range::parse(&version.to_string()) {
                Ok(range) => self.overlaps(&range),
                Err(_) => Ok(false),
            },
            Want::Source(spec) => match spec.kind() {
                SpecKind::Git(git) => match &git.selector {
                    Selector::Range(range) => match Range::parse(range) {
                        Ok(range) => self.overlaps(&range),
                        Err(_) => Ok(false),
                    },
                    _ => Ok(false),
                },
                _ => Ok(true),
            },
            Want::Registry(_) | Want::Folder { .. } => Ok(true),
            Want::Invalid(_) => Ok(false),
        }
    }

    fn overlaps(&self, range: &Range) -> Result<bool, Fault> {
        match &self.applies {
            Applies::Always => Ok(true),
            // In npm's order, which matters where any version meets a prerelease.
            Applies::Within(own) => Ok(range.intersects(own)),
            Applies::Unreadable => Err(Fault::Range(Arc::clone(&self.key))),
        }
    }

    /// What it puts in place, where that is a range.
    fn range(&self) -> Option<Range> {
        match &self.replacement {
            Replacement::None => Range::parse("*").ok(),
            Replacement::Spec(text) => Range::parse(text).ok(),
            Replacement::Reference(_) | Replacement::Malformed => None,
        }
    }
}

/// What a package asks for under this name; of its blocks npm looks into the development dependencies first.
fn referred(manifest: &Manifest, name: &str) -> Option<Arc<str>> {
    let blocks = [
        &manifest.dev_dependencies,
        &manifest.optional_dependencies,
        &manifest.dependencies,
        &manifest.peer_dependencies,
    ];
    blocks.into_iter().find_map(|block| block.get(name)).cloned()
}

/// A rule without a value of its own gives what its key says: `"a@^1": {…}` is also `"a@^1": "^1"`.
fn replacement(value: Option<&Value>, key: &Arc<str>) -> Replacement {
    let text = match value {
        None | Some(Value::Null | Value::Bool(false)) => Arc::clone(key),
        Some(Value::String(text)) if text.is_empty() => Arc::from("*"),
        Some(Value::String(text)) => Arc::from(text.as_str()),
        Some(_) => return Replacement::Malformed,
    };
    match (&*text, text.strip_prefix('$')) {
        ("*", _) => Replacement::None,
        (_, Some(name)) => Replacement::Reference(Arc::from(name)),
        (_, None) => Replacement::Spec(text),
    }
}

fn index(rule: RuleId) -> usize {
    rule.0 as usize
}

/// package.json would have to have four billion keys to need more.
fn id(index: usize) -> RuleId {
    RuleId(u32::try_from(index).unwrap_or(u32::MAX))
}

#[cfg(test)]
#[path = "overrides_tests.rs"]
mod tests;
