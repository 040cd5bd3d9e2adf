//! Recording a project: the part of a registry that it needs, and npm's answers on it.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use url::Url;
use utoo_server::{Keep, Mode, PruneSummary, Wanted, prune};
use utoo_types::{PackageName, PickOptions, Spec, SpecContext, Version};

use super::case::CaseError;
use super::project_case::ProjectCase;
use crate::answer::Answer;
use crate::oracle::{Npm, OracleError};
use crate::project::DEADLINE;
use crate::running::Running;

/// Which versions a snapshot gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotVersions {
    /// Those that resolution can choose.
    Reachable,
    /// All, for documents of the size that a registry serves; only those in the lock keep their integrity.
    All,
}

/// Records the snapshot of a project and npm's answers: resolves it and takes each of its steps with npm, and with
/// utoo where there is one, through a proxy of `upstream`; keeps what they asked for, pruned; and does it all with npm
/// again on what was kept.
///
/// # Errors
/// Whatever goes wrong, and [`CaseError::Pruned`] when npm answers differently on the snapshot.
pub fn record_snapshot(
    dir: &Path,
    upstream: &Url,
    versions: SnapshotVersions,
    utoo: Option<&Path>,
) -> Result<PruneSummary, CaseError> {
    let failed = |source| CaseError::Io { path: dir.to_owned(), source };
    let storage = tempfile::tempdir().map_err(failed)?;
    let proxy = || Mode::Proxy {
        upstream: upstream.clone(),
        storage: storage.path().to_owned(),
        max_age: Duration::from_secs(86_400),
    };
    let npm = Npm::find()?;
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let cases = ProjectCase::at(&name, dir).with_steps()?;
    let mut answers: Vec<Answer> = Vec::new();
    for case in &cases {
        let base = answers.first().and_then(|answer| answer.lock.clone());
        answers.push(case.npm_answer_on(&npm, proxy(), base.as_deref())?);
        if let Some(utoo) = utoo {
            case.utoo_answer_on(utoo, proxy(), base.as_deref())?;
        }
    }
    let Some(project) = cases.first() else { return Ok(PruneSummary::default()) };
    let registry = project.registry();
    if registry.exists() {
        utoo_fs::remove_dir_all(&registry).map_err(|error| failed(std::io::Error::other(error)))?;
    }
    let wanted = wanted(&cases, &npm)?;
    let keep = match versions {
        SnapshotVersions::Reachable => Keep::Reachable(&wanted),
        SnapshotVersions::All => Keep::AllVersions { lock: answers[0].lock.as_deref() },
    };
    let summary = prune(storage.path(), &registry, Some(upstream), keep)?;
    for (case, before) in cases.iter().zip(&answers) {
        let answer = case.npm_answer(&npm)?;
        case.record(npm.version(), &answer)?;
        if versions == SnapshotVersions::Reachable && answer != *before {
            return Err(CaseError::Pruned { case: case.name().to_owned() });
        }
    }
    Ok(summary)
}

/// What the project's package.json files and its steps ask for.
fn wanted(cases: &[ProjectCase], npm: &Npm) -> Result<Wanted, CaseError> {
    let mut specs: Vec<(PackageName, Arc<str>)> = Vec::new();
    for (_, text) in cases[0].manifests()? {
        let manifest: Value = serde_json::from_str(&text).unwrap_or_default();
        for block in ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"] {
            let block = manifest.get(block).and_then(Value::as_object).into_iter().flatten();
            specs.extend(block.filter_map(|(name, spec)| {
                Some((PackageName::new_unchecked(name.as_str()), spec.as_str()?.into()))
            }));
        }
    }
    let context = SpecContext::default();
    for argument in cases.iter().filter_map(ProjectCase::step).flat_map(|step| step.iter().skip(1)) {
        let Ok(spec) = Spec::parse(argument, &context) else { continue };
        specs.extend(spec.name().map(|name| (name.clone(), Arc::from(spec.raw_spec()))));
    }
    let node = Running::start(Command::new("node").arg("--version"), DEADLINE).and_then(Running::ended);
    let node = node.map_err(OracleError::from)?.stdout;
    let version = |text: &str| Version::parse_loose(text.trim()).ok();
    let options = PickOptions {
        node_version: version(&node),
        npm_version: version(npm.version()),
        ..PickOptions::default()
    };
    Ok(Wanted { specs, options })
}
