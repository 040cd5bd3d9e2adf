//! The tree of version 1 becomes locations.
//!
//! Version 1 is nested as `node_modules` is, and says of each package little more than its version, where it comes
//! from and its flags. `version` holds whatever spec leads to the package: a version, `npm:other@1.0.0`,
//! `git+ssh://…#commit`, the URL or `file:` path of a tarball, or `file:` and a folder, which is a link.

use std::sync::Arc;

use serde_json::Value;
use utoo_types::{GitSpec, Host, HostedUrl, PackageName, Spec, SpecKind, Version, registry_tarball};

use crate::read::set_integrity;
use crate::{Entry, Packages, nested_location};

/// The entries of a version 1 tree, root first. What is no object, and packages of which nothing is said (npm's mark of an
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
    let says = |key: &str| text(node, key).is_some();
    if !says("version") && !says("resolved") && !says("from") {
        return None;
    }
    let mut entry = Entry {
        dev: is_set("dev"),
        optional: is_set("optional"),
        dev_optional: is_set("devOptional"),
        peer: is_set("peer"),
        extraneous: is_set("extraneous"),
        in_bundle: is_set("bundled"),
        ..Entry::default()
    };
    set_integrity(&mut entry, text(node, "integrity"));
    let name = PackageName::new_unchecked(name);
    match leading_spec(&name, node) {
        Some(spec) => set_source(&mut entry, &name, &spec, node),
        None => entry.version = text(node, "version"),
    }
    if !entry.link {
        entry.dependencies = requires(node);
    }
    Some(entry)
}

fn text(node: &Value, key: &str) -> Option<Arc<str>> {
    node[key].as_str().filter(|text| !text.is_empty()).map(Arc::from)
}

/// What leads to the package. Without a digest `version` is not believed: npm 2 to 4 wrote what was asked for into `from`,
/// and where the package was into `resolved`.
fn leading_spec(name: &PackageName, node: &Value) -> Option<Spec> {
    let resolve = |text: &str| Spec::resolve(name, text, None).ok();
    let [version, from, resolved] = ["version", "from", "resolved"].map(|key| text(node, key));
    let by_version = || resolve(version.as_deref().unwrap_or_default());
    let has_digest = text(node, "integrity").is_some();
    if version.is_some() {
        // Nothing else is looked at when it cannot be read.
        let spec = by_version()?;
        if has_digest || matches!(spec.kind(), SpecKind::Git(_)) {
            return Some(spec);
        }
    }
    if let Some(from) = from {
        match resolve(&from) {
            Some(spec) if spec.is_registry() && version.is_some() => return by_version(),
            Some(spec) if resolved.is_none() => return Some(spec),
            Some(_) => {}
            None => return by_version(),
        }
    }
    resolved.and_then(|resolved| resolve(&resolved)).or_else(by_version)
}

/// Only a plain version is one.
fn set_source(entry: &mut Entry, name: &PackageName, spec: &Spec, node: &Value) {
    let address = || Arc::<str>::from(spec.raw_spec());
    match spec.kind() {
        SpecKind::Directory(_) => {
            let folder = spec.raw_spec();
            let folder = folder.strip_prefix("file:").unwrap_or(folder);
            entry.resolved = Some(folder.trim_start_matches("./").trim_end_matches('/').into());
            entry.link = true;
        }
        SpecKind::File(_) | SpecKind::Remote(_) => {
            if let Some((own, version)) = of_tarball(name, spec.raw_spec()) {
                entry.name = (own != *name).then_some(own);
                entry.version = Some(version);
            }
            entry.resolved = Some(address());
        }
        SpecKind::Git(git) => entry.resolved = Some(shortcut_url(git).map_or_else(address, Arc::from)),
        SpecKind::Alias(actual) => {
            entry.name = actual.name().cloned();
            entry.version = Some(actual.raw_spec().into());
            entry.resolved = text(node, "resolved");
        }
        SpecKind::Version(_) => {
            entry.version = text(node, "version").or_else(|| Some(address()));
            entry.resolved = text(node, "resolved");
        }
        SpecKind::Range(_) | SpecKind::Tag(_) => {
            entry.resolved = text(node, "resolved");
            // Beside a digest it is no version, and that of the tarball counts, which npm opens to see it.
            let of_address = || Some(of_tarball(name, entry.resolved.as_deref()?)?.1);
            let version = text(node, "version");
            entry.version = match text(node, "integrity") {
                Some(_) => of_address().or(version),
                None => version.or_else(of_address),
            };
        }
    }
}

/// The name and the version that a tarball's address tells: a registry's, and elsewhere `base-1.2.3.tgz` of the package that
/// is looked for.
fn of_tarball(name: &PackageName, address: &str) -> Option<(PackageName, Arc<str>)> {
    let (above, file) = address.rsplit_once('/').unwrap_or(("", address));
    let file = file.strip_suffix(".tgz")?;
    let is_web = address.starts_with("http:/") || address.starts_with("https:/");
    let is_registrys = is_web && above.ends_with("/-");
    let of_name = || Some((name.as_str().to_owned(), file.strip_prefix(name.base())?.strip_prefix('-')?));
    let (own, version) = if is_registrys { registry_tarball(address)? } else { of_name()? };
    let version = Version::parse(version).ok()?;
    Some((PackageName::new_unchecked(own), version.to_string().into()))
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
