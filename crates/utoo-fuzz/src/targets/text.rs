//! Texts that are read, and some of them written again.

use std::path::Path;

use utoo_lockfile::Lockfile;
use utoo_types::{
    DependencyKind, GitSpec, Integrity, PackageJson, PackageName, Range, Spec, SpecContext, SpecKind, Version,
};

use super::text;

/// A line with a version, and one with a range.
pub(super) fn semver(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let (version, range) = text.split_once('\n').unwrap_or((text, text));
    if let Ok(strict) = Version::parse(version) {
        let again = Version::parse(&strict.to_string());
        assert_eq!(again.as_ref(), Ok(&strict), "{version:?} does not read back");
        assert_eq!(
            Version::parse_loose(version).as_ref(),
            Ok(&strict),
            "{version:?} is another one when read loosely"
        );
    }
    let (Ok(version), Ok(range)) = (Version::parse_loose(version), Range::parse(range)) else { return };
    // What they say is held to node-semver's recorded answers (`scripts/record-semver`). Nothing general can be promised of
    // it: its lowest version may be refused by its own range, and prereleases that are let in may shut out a version.
    let again = Range::parse(&range.to_string());
    let _ = (range.satisfies(&version), range.satisfies_including_prerelease(&version), range.min_version());
    assert!(again.is_ok_and(|again| again.normalized() == range.normalized()), "{range} does not read back");
}

pub(super) fn spec(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let context =
        SpecContext { directory: Path::new("/project").into(), home: Some(Path::new("/home/me").into()) };
    let name = PackageName::new_unchecked("a");
    for spec in [Spec::parse(text, &context), Spec::resolve_in(&name, text, &context)].into_iter().flatten() {
        check(&spec);
    }
}

fn check(spec: &Spec) {
    // None of these may panic, whatever the kind.
    let _ = (spec.type_name(), spec.save_spec(), spec.fetch_spec(), spec.raw_spec(), spec.is_registry());
    if let Some(name) = spec.name() {
        assert!(!name.as_str().is_empty(), "{spec:?} has an empty name");
    }
    if let SpecKind::Git(git) = spec.unaliased().kind() {
        no_option(git);
    }
}

/// A word that begins with a dash is an option to git.
fn no_option(git: &GitSpec) {
    assert!(!git.url.as_ref().is_some_and(|url| url.starts_with('-')), "{git:?}");
}

pub(super) fn integrity(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let Ok(integrity) = Integrity::parse(text) else { return };
    let written = integrity.to_string();
    let again = Integrity::parse(&written);
    assert_eq!(again.as_ref(), Ok(&integrity), "{text:?} is written as {written:?}");
    let (algorithm, digest) = integrity.strongest();
    // Of another length it is the text of a hash that was none, and nothing may match that.
    let verified = integrity.verifies(b"bytes");
    assert!(!verified || digest.len() == algorithm.digest_len(), "{text:?} verifies");
    assert!(integrity.hex().bytes().all(|byte| byte.is_ascii_hexdigit()), "{text:?} is no name in the store");
}

pub(super) fn lockfile(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Ok(hidden) = Lockfile::parse_hidden(text, ".package-lock.json") {
        let written = hidden.to_hidden_text();
        let again = Lockfile::parse_hidden(&written, ".package-lock.json");
        again.unwrap_or_else(|error| panic!("does not read back as a hidden one: {error}\n{written}"));
    }
    let Ok(lockfile) = Lockfile::parse(text, "package-lock.json") else { return };
    let written = lockfile.to_text();
    let again = Lockfile::parse(&written, "package-lock.json");
    let again = again.unwrap_or_else(|error| panic!("does not read back: {error}\n{written}"));
    // Indentation may be made of line breaks, which are written as the file's own line breaks, each of several: npm's grows
    // likewise with each writing.
    let inside = written.trim_start_matches('{');
    let inside = inside.strip_prefix("\r\n").or_else(|| inside.strip_prefix('\n')).unwrap_or(inside);
    let indentation = &inside[..inside.len() - inside.trim_start().len()];
    if indentation.contains(['\r', '\n']) {
        return;
    }
    if !again.ancient {
        assert_eq!(again.to_text(), written);
        return;
    }
    // Without a digest, the address in a file of version 1 counts more than the name and the version beside it, which it may
    // have brought along: what it says then stays.
    let second = again.to_text();
    let third = Lockfile::parse(&second, "package-lock.json");
    let third = third.unwrap_or_else(|error| panic!("does not read back twice: {error}\n{second}"));
    assert_eq!(third.to_text(), second);
}

pub(super) fn package_json(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let path = Path::new("package.json");
    let Ok(mut package) = PackageJson::parse(text, path) else { return };
    let name = PackageName::new_unchecked("utoo-fuzzed");
    package.request_dependency(DependencyKind::Dev, &name, None);
    package.save_dependency(Some(DependencyKind::Dev), &name, "^1.2.3", |_| false);
    let written = package.to_text();
    let mut again = PackageJson::parse(&written, path).unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(again.dependency_kind("utoo-fuzzed"), Some(DependencyKind::Dev));
    assert!(again.remove_dependency("utoo-fuzzed"));
    // Read from what was written: 1e3 and 1000 are one number in JSON.
    let others = |package: &PackageJson| {
        let text = PackageJson::parse(&package.to_text(), path).unwrap_or_else(|error| panic!("{error}"));
        let mut value = text.value().clone();
        value.retain(|key, _| !key.to_ascii_lowercase().contains("dependenc"));
        value
    };
    assert_eq!(others(&again), others(&package));
}
