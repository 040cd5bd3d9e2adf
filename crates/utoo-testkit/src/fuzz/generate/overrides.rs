//! Random `overrides` of a project: of a name, of some of its versions, of what lies below another, by a spec or by a
//! reference to what the project asks for itself.

use serde_json::{Map, Value, json};

use super::Generator;

impl Generator {
    /// Rules for a project with these dependencies; `depth` more levels may lie in them.
    pub(super) fn overrides(&mut self, root: &Map<String, Value>, depth: usize) -> Map<String, Value> {
        let mut rules = Map::new();
        for _ in 0..self.rng.between(1, 2) {
            let (name, _) = self.dependency();
            let own = declared(root).find(|(declared, _)| **declared == name).map(|(_, spec)| spec.clone());
            // npm refuses another spec than the project's own at the outermost level; a few such cases do.
            let spec = match own {
                Some(spec) if depth > 0 && !self.rng.chance(10) => spec,
                _ => self.replacement(root, &name),
            };
            let key = if self.rng.chance(25) { format!("{name}@{}", self.range_of(&name)) } else { name };
            let value = if depth > 0 && self.rng.chance(45) {
                let mut within = self.overrides(root, depth - 1);
                if self.rng.chance(35) {
                    within.insert(".".to_owned(), spec);
                }
                Value::Object(within)
            } else {
                spec
            };
            rules.insert(key, value);
        }
        rules
    }

    fn replacement(&mut self, root: &Map<String, Value>, name: &str) -> Value {
        let declared: Vec<String> = declared(root).map(|(name, _)| name.clone()).collect();
        match self.rng.below(10) {
            0 | 1 => self.rng.pick(&declared).map_or(json!("*"), |name| json!(format!("${name}"))),
            2 => {
                let (other, versions) = self.any_package();
                json!(format!("npm:{other}@{}", self.spec(&versions)))
            }
            3 => json!(["", "*"][self.rng.below(2)]),
            _ => json!(self.range_of(name)),
        }
    }

    /// A range that versions of this package may be in.
    fn range_of(&mut self, name: &str) -> String {
        let versions =
            self.packages.iter().find(|(known, _)| *known == name).map(|(_, versions)| versions.clone());
        self.spec(&versions.unwrap_or_else(|| vec!["1.0.0"]))
    }
}

/// What a project asks for itself.
fn declared(root: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let blocks = ["devDependencies", "optionalDependencies", "dependencies", "peerDependencies"];
    blocks.into_iter().filter_map(|block| root.get(block).and_then(Value::as_object)).flatten()
}
