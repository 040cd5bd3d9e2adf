//! Random registries and projects. A case is made of its profile and its seed alone.

mod overrides;

use serde_json::{Map, Value, json};

use super::case::FuzzCase;
use super::profile::{Profile, Weights};
use super::rng::Rng;

/// Names sort in another order than they are made, and one is scoped.
const NAMES: &[&str] =
    &["d", "b", "g", "a", "@s/k", "f", "c", "e", "h", "m", "@s/a", "j", "i", "l", "n", "o"];
const VERSIONS: &[&str] =
    &["1.0.0", "1.0.1", "1.1.0", "2.0.0-beta.1", "2.0.0", "2.1.0", "3.0.0-rc.0", "3.0.0"];
const FLAGS: &[&str] = &[
    "--legacy-peer-deps",
    "--strict-peer-deps",
    "--force",
    "--prefer-dedupe",
    "--install-strategy=nested",
    "--install-strategy=shallow",
    "--omit=dev",
    "--omit=optional",
    "--omit=peer",
    "--include=dev",
    "--include=optional",
    "--include=peer",
    "--engine-strict",
];

/// The case of this seed.
#[must_use]
pub fn generate(profile: Profile, seed: u64) -> FuzzCase {
    let weights = profile.weights();
    // Profiles that share a seed share nothing else.
    let salt = profile.name().bytes().fold(0_u64, |salt, byte| salt.wrapping_mul(31) ^ u64::from(byte));
    let mut generator = Generator { rng: Rng::new(seed ^ (salt << 32)), weights, packages: Vec::new() };
    generator.choose_packages();
    FuzzCase { value: generator.case() }
}

struct Generator {
    rng: Rng,
    weights: Weights,
    /// Names with their versions, in the order in which these are published.
    packages: Vec<(&'static str, Vec<&'static str>)>,
}

impl Generator {
    fn choose_packages(&mut self) {
        let (low, high) = self.weights.packages;
        let count = self.rng.between(low, high);
        for &name in &NAMES[..count.min(NAMES.len())] {
            let versions: Vec<&str> = VERSIONS.iter().copied().filter(|_| self.rng.chance(28)).collect();
            self.packages.push((name, if versions.is_empty() { vec!["1.0.0"] } else { versions }));
        }
    }

    fn case(&mut self) -> Value {
        let mut registry = Map::new();
        let mut bundled = Map::new();
        for (name, versions) in self.packages.clone() {
            let mut manifests = Map::new();
            for version in versions.iter().copied() {
                let manifest = self.manifest(name);
                self.bundle(name, version, &manifest, &mut bundled);
                manifests.insert(version.to_owned(), Value::Object(manifest));
            }
            registry.insert(name.to_owned(), self.package(&manifests, &versions));
        }
        let files = self.files();
        let mut case = Map::new();
        case.insert("registry".to_owned(), registry.into());
        case.insert("bundled".to_owned(), bundled.into());
        case.insert("files".to_owned(), files.into());
        if self.rng.chance(self.weights.first) {
            case.insert("first".to_owned(), self.flags(self.weights.flags / 3).into());
            case.insert("edits".to_owned(), self.edits(&case).into());
        }
        let run = self.command(&case);
        case.insert("run".to_owned(), run.into());
        Value::Object(case)
    }

    fn package(&mut self, manifests: &Map<String, Value>, versions: &[&str]) -> Value {
        let mut package = json!({ "versions": manifests });
        if self.rng.chance(15) {
            let tagged = |rng: &mut Rng| rng.pick(versions).copied().unwrap_or("1.0.0").to_owned();
            package["tags"] = json!({ "latest": tagged(&mut self.rng), "next": tagged(&mut self.rng) });
        }
        package
    }

    fn manifest(&mut self, name: &str) -> Map<String, Value> {
        let mut manifest = Map::new();
        let weights = self.weights;
        let count = self.rng.between(0, weights.dependencies);
        self.block(&mut manifest, "dependencies", count, name);
        if self.rng.chance(weights.optional) {
            self.block(&mut manifest, "optionalDependencies", 1, name);
        }
        if self.rng.chance(weights.peers) {
            let count = self.rng.between(1, 2);
            self.block(&mut manifest, "peerDependencies", count, name);
            self.peer_meta(&mut manifest);
        }
        if self.rng.chance(weights.platform) {
            let (field, value) = match self.rng.below(5) {
                0 => ("os", json!(["darwin"])),
                1 => ("os", json!(["!linux"])),
                2 => ("cpu", json!(["arm64"])),
                3 => ("libc", json!(["musl"])),
                _ => ("engines", json!({ "node": ">=99" })),
            };
            manifest.insert(field.to_owned(), value);
        }
        if self.rng.chance(4) {
            manifest.insert("deprecated".to_owned(), "no longer kept".into());
        }
        if self.rng.chance(4) {
            manifest.insert("bin".to_owned(), "cli.js".into());
        }
        manifest
    }

    fn peer_meta(&mut self, manifest: &mut Map<String, Value>) {
        let peers = manifest.get("peerDependencies").and_then(Value::as_object).cloned().unwrap_or_default();
        let mut meta = Map::new();
        for (peer, _) in peers {
            if self.rng.chance(self.weights.optional_peers) {
                meta.insert(peer, json!({ "optional": true }));
            }
        }
        if !meta.is_empty() {
            manifest.insert("peerDependenciesMeta".to_owned(), meta.into());
        }
    }

    /// Up to `count` dependencies, not on `own` itself but for a few.
    fn block(&mut self, manifest: &mut Map<String, Value>, block: &str, count: usize, own: &str) {
        let mut dependencies = Map::new();
        for _ in 0..count {
            let (name, spec) = self.dependency();
            if name != own || self.rng.chance(5) {
                dependencies.insert(name, spec.into());
            }
        }
        if !dependencies.is_empty() {
            manifest.insert(block.to_owned(), dependencies.into());
        }
    }

    fn dependency(&mut self) -> (String, String) {
        if self.rng.chance(self.weights.missing) {
            return ("nowhere".to_owned(), "*".to_owned());
        }
        let (name, versions) = self.any_package();
        let spec = self.spec(&versions);
        if !self.rng.chance(self.weights.aliases) {
            return (name.to_owned(), spec);
        }
        let other = self.rng.below(self.packages.len());
        let alias = if self.rng.chance(50) { "x-alias" } else { self.packages[other].0 };
        (alias.to_owned(), format!("npm:{name}@{spec}"))
    }

    fn any_package(&mut self) -> (&'static str, Vec<&'static str>) {
        let index = self.rng.below(self.packages.len());
        self.packages[index].clone()
    }

    fn spec(&mut self, versions: &[&str]) -> String {
        let version = self.rng.pick(versions).copied().unwrap_or("1.0.0");
        let major = &version[..1];
        match self.rng.below(20) {
            0..=7 => format!("^{version}"),
            8 => format!("~{version}"),
            9 | 10 => version.to_owned(),
            11 => format!(">={version}"),
            12..=14 => "*".to_owned(),
            15 => format!("{major}.x"),
            16 => format!("<={version}"),
            17 => "^1.0.0 || ^3.0.0".to_owned(),
            18 if self.rng.chance(40) => "next".to_owned(),
            18 => "latest".to_owned(),
            _ if self.rng.chance(self.weights.missing * 4) => "^9.0.0".to_owned(),
            _ => format!("{major}.0.x"),
        }
    }

    fn files(&mut self) -> Map<String, Value> {
        let mut root = Map::new();
        root.insert("name".to_owned(), "root".into());
        root.insert("version".to_owned(), "1.0.0".into());
        let mut files = Map::new();
        self.project_blocks(&mut root);
        if self.rng.chance(self.weights.links) {
            let folder = self.folder("local", "local");
            files.insert("local/package.json".to_owned(), folder);
            let block = root.entry("dependencies").or_insert_with(|| json!({}));
            block["local"] = "file:local".into();
        }
        if self.rng.chance(self.weights.workspaces) {
            root.insert("workspaces".to_owned(), json!(["packages/*"]));
            for folder in ["packages/w", "packages/v"].into_iter().take(self.rng.between(1, 2)) {
                // A workspace may have the name of a package that the registry has, too.
                let own = folder.rsplit('/').next().unwrap_or(folder);
                let name = if self.rng.chance(25) { self.packages[0].0 } else { own };
                files.insert(format!("{folder}/package.json"), self.folder(name, own));
            }
        }
        if self.rng.chance(self.weights.overrides) {
            let overrides = self.overrides(&root, 2);
            root.insert("overrides".to_owned(), overrides.into());
        }
        let mut all = Map::from_iter([("package.json".to_owned(), Value::Object(root))]);
        all.extend(files);
        all
    }

    fn project_blocks(&mut self, manifest: &mut Map<String, Value>) {
        let count = self.rng.between(1, 3);
        self.block(manifest, "dependencies", count, "");
        for (block, chance) in [
            ("devDependencies", 30),
            ("optionalDependencies", self.weights.optional),
            ("peerDependencies", 8),
        ] {
            if self.rng.chance(chance) {
                let count = self.rng.between(1, 2);
                self.block(manifest, block, count, "");
            }
        }
    }

    fn folder(&mut self, name: &str, own: &str) -> Value {
        let mut manifest = self.manifest(own);
        if self.rng.chance(25) {
            self.block(&mut manifest, "devDependencies", 1, own);
        }
        if self.rng.chance(20) {
            let other = if own == "w" { "v" } else { "w" };
            let block = manifest.entry("dependencies").or_insert_with(|| json!({}));
            block[other] = "*".into();
        }
        manifest.insert("name".to_owned(), name.into());
        manifest.insert("version".to_owned(), (*self.rng.pick(VERSIONS).unwrap_or(&"1.0.0")).into());
        Value::Object(manifest)
    }

    /// Lets a version bundle some of its dependencies, in versions that its tarball holds.
    fn bundle(
        &mut self,
        name: &str,
        version: &str,
        manifest: &Map<String, Value>,
        bundled: &mut Map<String, Value>,
    ) {
        let dependencies = manifest.get("dependencies").and_then(Value::as_object);
        let Some((dependency, _)) = dependencies.and_then(|block| block.iter().next()) else { return };
        if !self.rng.chance(self.weights.bundles) {
            return;
        }
        let held = self.rng.pick(VERSIONS).copied().unwrap_or("1.0.0");
        let mut inner = self.manifest(dependency);
        inner.insert("name".to_owned(), dependency.clone().into());
        inner.insert("version".to_owned(), held.into());
        let path = format!("{name}@{version}/node_modules/{dependency}/package.json");
        bundled.insert(path, inner.into());
    }

    fn flags(&mut self, chance: usize) -> Vec<String> {
        let mut flags: Vec<String> = Vec::new();
        while self.rng.chance(chance) && flags.len() < 2 {
            let flag = self.rng.pick(FLAGS).copied().unwrap_or("--force").to_owned();
            if !flags.contains(&flag) {
                flags.push(flag);
            }
        }
        flags
    }

    /// What changes between the first command and the second.
    fn edits(&mut self, case: &Map<String, Value>) -> Vec<Value> {
        (0..self.rng.between(0, 2)).map(|_| self.edit(case)).collect()
    }

    fn edit(&mut self, case: &Map<String, Value>) -> Value {
        let block = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];
        let block = block[[0, 0, 0, 1, 1, 2, 3][self.rng.below(7)]];
        if self.rng.chance(self.weights.overrides / 3) {
            return self.edit_overrides(case);
        }
        let (name, versions) = self.any_package();
        let version = self.rng.pick(&versions).copied().unwrap_or("1.0.0");
        match self.rng.below(10) {
            0..=3 => {
                let (name, spec) = self.dependency();
                json!({"at": ["files", "package.json", block, name], "to": spec})
            }
            4 | 5 => {
                let files = &case["files"]["package.json"];
                let declared = files["dependencies"].as_object().and_then(|block| block.keys().next());
                json!({"at": ["files", "package.json", "dependencies", declared.map_or(name, String::as_str)]})
            }
            6 => json!({"at": ["registry", name, "versions", version]}),
            7 => json!({"at": ["registry", name, "versions", version, "deprecated"], "to": "gone"}),
            _ => {
                let version = ["1.1.5", "2.2.0", "4.0.0"][self.rng.below(3)];
                let manifest = self.manifest(name);
                json!({"at": ["registry", name, "versions", version], "to": manifest})
            }
        }
    }

    /// Other rules, or none any more.
    fn edit_overrides(&mut self, case: &Map<String, Value>) -> Value {
        let at = json!(["files", "package.json", "overrides"]);
        let root = case["files"]["package.json"].as_object().cloned().unwrap_or_default();
        if self.rng.chance(35) {
            json!({"at": at})
        } else {
            json!({"at": at, "to": self.overrides(&root, 2)})
        }
    }

    fn command(&mut self, case: &Map<String, Value>) -> Vec<String> {
        let root = &case["files"]["package.json"];
        let mut words = vec!["install".to_owned(), "--package-lock-only".to_owned()];
        let chance = if case.contains_key("first") { 45 } else { 8 };
        if self.rng.chance(chance) {
            let (name, spec) = self.dependency();
            if self.rng.chance(25) {
                let declared = root["dependencies"].as_object().and_then(|block| block.keys().next());
                words[0] = "uninstall".to_owned();
                words.push(declared.cloned().unwrap_or(name));
            } else {
                let plain = self.rng.chance(30) || spec.contains(' ');
                words.push(if plain { name } else { format!("{name}@{spec}") });
                if self.rng.chance(40) {
                    let save =
                        ["--save-dev", "--save-optional", "--save-peer", "--save-prod", "--save-exact"];
                    words.push(save[self.rng.below(save.len())].to_owned());
                }
            }
        }
        words.extend(self.flags(self.weights.flags));
        words
    }
}

#[cfg(test)]
#[path = "generate_tests.rs"]
mod tests;
