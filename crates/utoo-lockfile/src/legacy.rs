//! The tree of version 1 becomes locations.
//!
//! Version 1 is nested as `node_modules` is, and says of each package little more than its version, where it comes
//! from and its flags. `version` holds whatever spec leads to the package: a version, `npm:other@1.0.0`,
//! `git+ssh://…#commit`, the URL or `file:` path of a tarball, or `file:` and a folder, which is a link.

use std::sync::Arc;

use serde_json::Value;
use utoo_types::{GitSpec, Host, HostedUrl, Integrity, PackageName, Spec, SpecKind};

use crate::{Entry, Packages, nested_location};

/// The entries of a version 1 tree, root first. What is no object, and packages without a version (npm's mark of an
/// optional package that it did not find), count as absent.
pub(crate) fn inflate(root: Entry, dependencies: &Value) -> Packages {
    let mut packages = Packages::default();
    packages.insert("".into(), root);
    inflate_level(&mut packages, "", dependencies);
    packages
}

fn inflate_level(packages: &mut Packages, parent: &str, dependencies: &Value) {
    let Some(dependencies) = dependencies.as_object() else { return };
    for (name, node) in dependencies {
        let location = nested_location(parent, name);
        let Some(mut entry) = entry_of(name, node) else { continue };
        // What a link has below it lies in the folder that it points at, and its flags stand there.
        let folder = entry.resolved.clone().filter(|_| entry.link);
        if let Some(folder) = &folder {
            let listed = std::mem::replace(&mut entry, Entry::link_to(Arc::clone(folder)));
            let dependencies = requires(node);
            let target = Entry { resolved: None, integrity: None, link: false, dependencies, ..listed };
            packages.insert(Arc::clone(folder), target);
        }
        packages.insert(location.as_str().into(), entry);
        inflate_level(packages, folder.as_deref().unwrap_or(&location), &node["dependencies"]);
    }
}

fn entry_of(name: &str, node: &Value) -> Option<Entry> {
    let is_set = |key: &str| node[key] == Value::Bool(true);
    let text = |key: &str| node[key].as_str().map(Arc::<str>::from);
    let version = text("version")?;
    let mut entry = Entry {
        resolved: text("resolved"),
        integrity: node["integrity"].as_str().and_then(|text| Integrity::parse(text).ok()),
        dev: is_set("dev"),
        optional: is_set("optional"),
        dev_optional: is_set("devOptional"),
        peer: is_set("peer"),
        extraneous: is_set("extraneous"),
        in_bundle: is_set("bundled"),
        ..Entry::default()
    };
    set_source(&mut entry, &PackageName::new_unchecked(name), version);
    if !entry.link {
        entry.dependencies = requires(node);
    }
    Some(entry)
}

/// Takes `version` apart: only a plain version is one.
fn set_source(entry: &mut Entry, name: &PackageName, version: Arc<str>) {
    let Ok(spec) = Spec::resolve(name, &version, None) else {
        entry.version = Some(version);
        return;
    };
    match spec.kind() {
        SpecKind::Directory(_) => {
            let folder = version.strip_prefix("file:").unwrap_or(&version);
            entry.resolved = Some(folder.trim_start_matches("./").trim_end_matches('/').into());
            entry.link = true;
        }
        SpecKind::File(_) | SpecKind::Remote(_) => entry.resolved = Some(version),
        SpecKind::Git(git) => entry.resolved = Some(shortcut_url(git).map_or(version, Arc::from)),
        SpecKind::Alias(actual) => {
            entry.name = actual.name().cloned();
            entry.version = Some(actual.raw_spec().into());
        }
        SpecKind::Version(_) | SpecKind::Range(_) | SpecKind::Tag(_) => entry.version = Some(version),
    }
}

/// npm 5 and 6 wrote `github:user/repo#commit`, where later versions write the repository's URL.
fn shortcut_url(git: &GitSpec) -> Option<String> {
    let hosted = git.hosted.as_ref().filter(|hosted| hosted.written == HostedUrl::Shortcut)?;
    let host = match hosted.host {
        Host::GitHub => "github.com",
        Host::GitLab => "gitlab.com",
        Host::Bitbucket => "bitbucket.org",
        Host::Gist => "gist.github.com",
        Host::Sourcehut => "git.sr.ht",
    };
    // A gist is in nobody's folder.
    let user = hosted.user.as_deref().filter(|_| hosted.host != Host::Gist).map(|user| format!("{user}/"));
    let commit = hosted.committish.as_deref().map(|commit| format!("#{commit}"));
    let (user, commit) = (user.unwrap_or_default(), commit.unwrap_or_default());
    Some(format!("git+ssh://git@{host}/{user}{}.git{commit}", hosted.project))
}

/// What the package requires, by name; in version 1 optional dependencies are among them, and in npm 5.0 it is a flag.
fn requires(node: &Value) -> utoo_types::Dependencies {
    let requires = node["requires"].as_object();
    let named = requires.into_iter().flatten().filter_map(|(name, spec)| {
        Some((PackageName::new_unchecked(name.as_str()), Arc::from(spec.as_str()?)))
    });
    named.collect()
}

#[cfg(test)]
mod tests;
