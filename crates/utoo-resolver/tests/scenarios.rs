//! Every scenario that is one plain `utoo install`, resolved in memory, against npm's recorded lockfile.
//! (The ones with other commands run through the real binary in utoo-cli's tests.)

#![allow(clippy::unwrap_used, clippy::unreachable, reason = "a test may panic")]

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use utoo_lockfile::Lockfile;
use utoo_resolver::{
    Bundled, ErrorCategory, Folder, ManifestCache, ManifestJob, ManifestJobDone, Project, RegistryError,
    Resolution, ResolveError, ResolveOptions, Resolver, SourceManifest, Step,
};
use utoo_testkit::Scenario;
use utoo_types::{Manifest, Packument, Platform, Platforms, SpecKind, Version};

fn manifest(text: &str) -> Arc<Manifest> {
    Arc::new(Manifest::from_value(&serde_json::from_str::<Value>(text).unwrap()))
}

/// The project as the CLI would read it, for workspace patterns that end in `/*` or name a folder.
fn project(scenario: &Scenario) -> Project {
    let text = scenario.package_json().unwrap();
    let value: Value = serde_json::from_str(text).unwrap();
    let root = Manifest::from_value(&value);
    let patterns = root.workspaces.clone().unwrap_or_default();
    let mut project = Project::new(root);
    project.folder_name = "project".into();
    project.workspaces_field = value.get("workspaces").cloned().map(Arc::new);
    for (path, text) in scenario.files() {
        let Some(location) = path.strip_suffix("/package.json") else { continue };
        let folder = Folder { location: location.into(), manifest: manifest(text) };
        if patterns.iter().any(|pattern| matches(pattern, location)) {
            project.workspaces.push(folder);
        } else {
            project.folders.push(folder);
        }
    }
    // A folder comes before those in it.
    project.workspaces.sort_by(|a, b| a.location.cmp(&b.location));
    // npm starts from nothing where the lockfile cannot be read.
    project.lock =
        scenario.lock_before().and_then(|text| Lockfile::parse(text, "package-lock.json").ok()).map(Arc::new);
    project
}

fn matches(pattern: &str, location: &str) -> bool {
    let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
    match pattern.strip_suffix("/*") {
        Some(above) => location.rsplit_once('/').is_some_and(|(parent, _)| parent == above),
        None => pattern == location,
    }
}

/// Patterns that [`matches`] does not know, and `workspaces` that is no list of them.
fn needs_globs(scenario: &Scenario) -> bool {
    let Ok(text) = scenario.package_json() else { return false };
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let patterns = Manifest::from_value(&value).workspaces;
    let is_plain = |pattern: &String| {
        let folder = pattern.trim_start_matches("./").trim_end_matches('/');
        let folder = folder.strip_suffix("/*").unwrap_or(folder);
        !folder.starts_with(['.', '/', '!']) && !folder.contains(['*', '?', '[', '{', '\\'])
    };
    match &patterns {
        Some(patterns) => !patterns.iter().all(is_plain),
        None => value.get("workspaces").is_some(),
    }
}

fn answer(scenario: &Scenario, job: &ManifestJob) -> Result<ManifestJobDone, RegistryError> {
    let missing =
        |what: &str| RegistryError::new("E404", ErrorCategory::NotFound, format!("{what} not found"));
    match job {
        ManifestJob::Full { name } | ManifestJob::Version { name, .. } => {
            let registry = scenario.registry().unwrap();
            let document = registry.get(name.as_str()).ok_or_else(|| missing(name.as_str()))?;
            let packument = Packument::from_json(serde_json::to_vec(document).unwrap());
            Ok(ManifestJobDone::Full(packument.unwrap()))
        }
        ManifestJob::Bundle { name, resolved, .. } => {
            let version = resolved.rsplit_once('-').unwrap().1.trim_end_matches(".tgz");
            Ok(ManifestJobDone::Bundle(bundled(scenario, &format!("package {name}@{version}/"))))
        }
        ManifestJob::Shrinkwrap { name, resolved, .. } => {
            let version = match resolved.strip_prefix("npm:") {
                Some(spec) => spec.rsplit_once('@').unwrap().1,
                None => resolved.rsplit_once('-').unwrap().1.trim_end_matches(".tgz"),
            };
            let text = scenario.section(&format!("package {name}@{version}/npm-shrinkwrap.json"));
            let lock = text.and_then(|text| Lockfile::parse(text, "npm-shrinkwrap.json").ok());
            Ok(ManifestJobDone::Shrinkwrap(Arc::new(lock.unwrap_or_default())))
        }
        ManifestJob::Source { spec } => {
            let SpecKind::Directory(path) = spec.kind() else {
                return Err(missing(spec.raw()));
            };
            let path = format!("{}/package.json", path.display());
            let text = *scenario.files().get(path.as_str()).ok_or_else(|| missing(&path))?;
            Ok(ManifestJobDone::Source(SourceManifest {
                manifest: manifest(text),
                resolved: spec.raw().into(),
                integrity: None,
            }))
        }
    }
}

/// The package.json files that a fixture's tarball holds in its `node_modules`.
fn bundled(scenario: &Scenario, prefix: &str) -> Arc<[Bundled]> {
    let text = scenario.to_text();
    let headers = text.lines().filter_map(|line| line.strip_prefix("-- ")?.strip_suffix(" --"));
    headers
        .filter_map(|section| {
            let location = section.strip_prefix(prefix)?.strip_suffix("/package.json")?;
            // As the registry, which makes no package of what is no JSON.
            let value: Value = serde_json::from_str(scenario.section(section)?).ok()?;
            let manifest = Arc::new(Manifest::from_value(&value));
            location.starts_with("node_modules/").then(|| Bundled { location: location.into(), manifest })
        })
        .collect()
}

fn resolve(scenario: &Scenario) -> Result<Resolution, ResolveError> {
    let project = project(scenario);
    let mut options = ResolveOptions::default();
    options.pick.node_version = Some(Version::new(20, 20, 2));
    let platform = Platform { os: "linux".into(), cpu: "x64".into(), libc: Some("glibc".into()) };
    options.platforms = Some(Platforms::both(platform));
    let mut resolver = Resolver::new(&project, &options)?;
    let mut cache = ManifestCache::new();
    while let Step::Blocked(jobs) = resolver.advance(&cache)? {
        for job in jobs {
            let done = answer(scenario, &job);
            let job = match job {
                ManifestJob::Version { name, .. } => ManifestJob::Full { name },
                job => job,
            };
            cache.insert(job, done);
        }
    }
    resolver.finish()
}

/// What differs from npm's answer, if anything does.
fn difference(scenario: &Scenario) -> Option<String> {
    let resolved = resolve(scenario);
    match (resolved, scenario.expected_error()) {
        (Ok(resolution), None) => {
            let expected = scenario.expected_lock()?;
            let mut expected = Lockfile::parse(expected, "package-lock.json").unwrap();
            // What npm's next install would prune counts as pruned.
            let all = expected.clone();
            expected
                .packages
                .retain(|at, entry| !entry.extraneous || entry.in_bundle || all.is_in_shrinkwrap(at));
            let mut lock = resolution.lockfile;
            lock.format = expected.format.clone();
            if is_old(scenario) {
                // For old locks npm asks for abbreviated documents; those of this test are full.
                lock.packages.values_mut().for_each(|entry| entry.license = None);
                expected.packages.values_mut().for_each(|entry| entry.license = None);
            }
            let (text, expected) =
                (without_integrity(&lock.to_text()), without_integrity(&expected.to_text()));
            (text != expected).then(|| format!("expected\n{expected}\ngot\n{text}"))
        }
        (Ok(_), Some(code)) => Some(format!("npm refuses with {code}")),
        (Err(error), None) => Some(format!("npm succeeds; got {}: {error}", error.code())),
        (Err(error), Some(code)) => {
            // npm stumbles without a code over some of what is refused here with one.
            let agrees = error.code() == code || code == "EUNKNOWN";
            (!agrees).then(|| format!("npm refuses with {code}; got {}: {error}", error.code()))
        }
    }
}

fn is_old(scenario: &Scenario) -> bool {
    let lock =
        scenario.lock_before().and_then(|text| Lockfile::parse(text, "package-lock.json").ok()).map(Arc::new);
    lock.is_some_and(|lock| lock.ancient)
}

/// The hashes of the packed fixtures are the server's business.
fn without_integrity(lock: &str) -> String {
    lock.lines().filter(|line| !line.trim_start().starts_with("\"integrity\"")).collect::<Vec<_>>().join("\n")
}

#[test]
fn plain_installs_give_npms_lockfile() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/scenarios");
    let (mut ran, mut failed) = (0, Vec::new());
    for (path, scenario) in Scenario::load_all(&dir).unwrap() {
        let lines = scenario.run_lines().unwrap();
        // Files that are no JSON, or lists with something in them, are refused before there is anything to resolve.
        let is_full_list = |value: &Value| value.as_array().is_some_and(|list| !list.is_empty());
        let is_json =
            |text: &str| serde_json::from_str::<Value>(text).is_ok_and(|value| !is_full_list(&value));
        let files = scenario.files();
        let readable = scenario.package_json().is_ok()
            && files.iter().all(|(path, text)| !path.ends_with("package.json") || is_json(text));
        // Likewise patterns that need a walk of the disk, refusals that come with the tarball's bytes or before anything is
        // resolved, and tarballs, repositories, and folders elsewhere or without a package.json, which the registry
        // reads, or lacks.
        let elsewhere = matches!(scenario.expected_error(), Some("EINTEGRITY" | "EBADDEVENGINES"))
            || scenario.name().starts_with("optional/tarball-missing")
            || scenario.name().starts_with("optional/bundling-")
            || scenario.files().contains_key(".npmrc")
            || scenario.name().starts_with("tarballs/")
            || ["links/home", "links/no-package-json"].contains(&scenario.name())
            || scenario.name().starts_with("links/missing")
            || scenario.name() == "has-shrinkwrap/unknown-version"
            || scenario
                .to_text()
                .lines()
                .any(|line| line.starts_with("-- git ") || line.starts_with("-- tarball "))
            || needs_globs(&scenario);
        let plain = readable
            && !elsewhere
            && matches!(&lines[..], [line] if line.for_npm().args == ["install"] && line.env.is_empty());
        if !plain {
            continue;
        }
        ran += 1;
        let difference = difference(&scenario);
        if scenario.section("differs").is_some() {
            // A difference that is known and explained in the file; one that is gone must lose its mark. What npm's next
            // install prunes is no difference here, nor is one on disk.
            let is_pruned =
                scenario.expected_lock().is_some_and(|lock| lock.contains("\"extraneous\": true"));
            assert!(
                difference.is_some() || is_pruned || scenario.section("watch").is_some(),
                "{} agrees with npm: remove its `differs`",
                path.display()
            );
            continue;
        }
        if let Some(difference) = difference {
            failed.push(format!("{}: {difference}", path.strip_prefix(&dir).unwrap().display()));
        }
    }
    assert!(ran > 0, "no scenario found in {}", dir.display());
    assert!(failed.is_empty(), "{} of {ran} differ:\n{}", failed.len(), failed.join("\n"));
}
