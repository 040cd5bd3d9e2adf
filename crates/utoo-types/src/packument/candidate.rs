//! One version of a packument, read where it lies.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::Value;

use super::Packument;
use super::format::{BAD_TIME, NO_TIME, View, dist, field, flag, leb128};
use crate::integrity::Algorithm;
use crate::manifest::normalize::{self, Passed};
use crate::{Dependencies, DependencyKind, Dist, Integrity, Manifest, PackageName, Version};

pub(super) fn known_time(time: i64) -> Option<i64> {
    (time != NO_TIME && time != BAD_TIME).then_some(time)
}

/// One version that can be picked. Copying is free; nothing is decoded before it is asked for.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    packument: &'a Packument,
    index: usize,
}

impl<'a> Candidate<'a> {
    pub(super) fn new(packument: &'a Packument, index: usize) -> Self {
        Self { packument, index }
    }

    fn u32(&self, field: usize) -> u32 {
        self.packument.view().u32(Packument::record_at(self.index) + field)
    }

    fn text(&self, field: usize) -> &'a str {
        self.packument.heap().text(self.u32(field))
    }

    pub(crate) fn has(&self, bit: CandidateFlag) -> bool {
        self.u32(field::FLAGS) & bit as u32 != 0
    }

    /// The version, unless its text is none: what a range can be asked about.
    pub(crate) fn semver(&self) -> Option<Version> {
        match self.index < self.packument.len() {
            true => Some(self.version()),
            false => Version::parse_loose(self.version_text()).ok(),
        }
    }

    /// The version's text, as it is the key in the document.
    pub fn version_text(&self) -> &'a str {
        self.text(field::TEXT)
    }

    /// The version. (`0.0.0` for the text of a damaged buffer.)
    pub fn version(&self) -> Version {
        if self.u32(field::FLAGS) & flag::NEEDS_PARSE == 0 {
            let [major, minor, patch] = self.numbers();
            return Version::new(major.into(), minor.into(), patch.into());
        }
        Version::parse_loose(self.version_text()).unwrap_or_else(|_| Version::new(0, 0, 0))
    }

    fn numbers(&self) -> [u32; 3] {
        [0, 4, 8].map(|at| self.u32(field::NUMBERS + at))
    }

    /// Precedence against `version`.
    pub(super) fn compare(&self, version: &Version) -> Ordering {
        let theirs = [version.major(), version.minor(), version.patch()];
        let mine = self.numbers();
        if !mine.contains(&u32::MAX) {
            let by_numbers = mine.map(u64::from).cmp(&theirs);
            let plain = self.u32(field::FLAGS) & flag::NEEDS_PARSE == 0 && !version.is_prerelease();
            if plain || by_numbers != Ordering::Equal {
                return by_numbers;
            }
        }
        self.version().cmp(version)
    }

    /// Whether the version is deprecated.
    pub fn deprecated(&self) -> bool {
        self.has(CandidateFlag::Deprecated)
    }

    /// The deprecation notice; empty when not deprecated.
    pub fn deprecation(&self) -> &'a str {
        self.text(field::DEPRECATED)
    }

    /// Whether installing the version would run a script of it, as far as the registry says.
    pub fn has_install_script(&self) -> bool {
        self.has(CandidateFlag::InstallScript)
    }

    /// Whether the version's tarball holds an npm-shrinkwrap.json.
    pub fn has_shrinkwrap(&self) -> bool {
        self.has(CandidateFlag::Shrinkwrap)
    }

    /// The node range of `engines`; `None` where any will do.
    pub fn node_engine(&self) -> Option<&'a str> {
        Some(self.text(field::NODE_ENGINE)).filter(|text| !text.is_empty())
    }

    /// The npm range of `engines`; `None` where any will do.
    pub fn npm_engine(&self) -> Option<&'a str> {
        Some(self.text(field::NPM_ENGINE)).filter(|text| !text.is_empty())
    }

    /// Identifies the pair of engine texts, so that equal ones are checked once.
    pub(crate) fn engines_key(&self) -> (u32, u32) {
        (self.u32(field::NODE_ENGINE), self.u32(field::NPM_ENGINE))
    }

    fn raw_time(&self) -> i64 {
        if !self.packument.has_times() {
            return NO_TIME;
        }
        self.packument.view().i64(self.packument.header.times_at() + self.index * 8)
    }

    /// When the version was published, in milliseconds since 1970; `None` where the document does not say.
    pub fn published(&self) -> Option<i64> {
        known_time(self.raw_time())
    }

    /// npm's `before` rule: a version without a time counts, one with a time that cannot be read never does, even
    /// where no date was asked for.
    pub(crate) fn is_before(&self, limit: i64) -> bool {
        let time = self.raw_time();
        time == NO_TIME || (time != BAD_TIME && time <= limit)
    }

    /// Plain, optional and peer dependencies, borrowed, in the document's order. What is optional is not also
    /// plain.
    pub fn dependencies(&self) -> CandidateDependencies<'a> {
        CandidateDependencies::read(self.packument.heap(), self.u32(field::DEPENDENCIES))
    }

    /// A number that is equal for versions of one packument with the same dependencies.
    pub fn dependencies_key(&self) -> u32 {
        self.u32(field::DEPENDENCIES)
    }

    /// The passed-through field's JSON text, if the version has the field.
    fn passed(&self) -> impl Iterator<Item = (Passed, &'a str)> {
        let heap = self.packument.heap();
        heap.blob(self.u32(field::PASSED)).chunks_exact(5).filter_map(move |entry| {
            let field = Passed::from_code(entry[0])?;
            Some((field, heap.text(View(entry).u32(1))))
        })
    }

    /// Whether the version's tarball brings dependencies along, so that not all of them come from the registry.
    pub fn has_bundle(&self) -> bool {
        self.passed().any(|(field, json)| field == Passed::Bundle && !matches!(json, "false" | "null" | "[]"))
    }

    /// Decodes the version.
    pub fn manifest(&self) -> Manifest {
        let text = self.version_text();
        let mut manifest = Manifest::empty(self.packument.name.clone());
        manifest.version = Version::parse_loose(text).ok();
        manifest.raw_version = text.into();
        for (name, spec, kind) in self.dependencies() {
            let block = match kind {
                DependencyKind::Prod => &mut manifest.dependencies,
                DependencyKind::Optional => &mut manifest.optional_dependencies,
                DependencyKind::Peer => &mut manifest.peer_dependencies,
                DependencyKind::Dev => &mut manifest.dev_dependencies,
            };
            block.push(PackageName::new_unchecked(name), spec.into());
        }
        for (field, json) in self.passed() {
            if let Ok(value) = serde_json::from_str::<Value>(json) {
                field.apply(&mut manifest, value);
            }
        }
        manifest.deprecated = self.deprecated().then(|| self.deprecation().into());
        manifest.has_install_script = self.has_install_script();
        manifest.has_shrinkwrap = self.has_shrinkwrap();
        manifest.dist = self.dist();
        manifest
    }

    fn dist(&self) -> Option<Dist> {
        let heap = self.packument.heap();
        let blob = heap.blob(self.u32(field::DIST));
        let (&tarball, rest) = blob.split_first()?;
        let (&integrity, rest) = rest.split_first()?;
        let (tarball, rest): (Arc<str>, _) = match tarball {
            dist::TARBALL_USUAL => (self.usual_tarball().into(), rest),
            dist::TARBALL_TEXT => (heap.text(View(rest).u32(0)).into(), rest.get(4..)?),
            _ => ("".into(), rest),
        };
        let (integrity, shasum) = match integrity {
            dist::SHA512 => (Integrity::from_digest(Algorithm::Sha512, rest), None),
            dist::SHA1 => (Integrity::from_digest(Algorithm::Sha1, rest), None),
            dist::SHASUM => {
                let integrity = Integrity::from_digest(Algorithm::Sha1, rest);
                let shasum = integrity.as_ref().map(|integrity| integrity.hex().into());
                (integrity, shasum)
            }
            dist::TEXT => (Integrity::parse(heap.text(View(rest).u32(0))).ok(), None),
            _ => (None, None),
        };
        Some(Dist { tarball, integrity, shasum })
    }

    fn usual_tarball(&self) -> String {
        let name = &self.packument.name;
        let prefix = self.packument.heap().text(self.packument.header.prefix);
        let (base, version) = (name.base(), self.version_text());
        format!("{prefix}/{name}/-/{base}-{version}.tgz")
    }

    /// The dependency blocks in owned form, without decoding the rest.
    pub fn dependency_block(&self, kind: DependencyKind) -> Dependencies {
        let mut block = Dependencies::new();
        for (name, spec, _) in self.dependencies().filter(|(_, _, of)| *of == kind) {
            block.push(PackageName::new_unchecked(name), spec.into());
        }
        block
    }

    /// Whether the peer dependency `name` is marked optional, without decoding the rest.
    pub fn is_optional_peer(&self, name: &str) -> bool {
        self.passed().filter(|(field, _)| *field == Passed::PeerMeta).any(|(_, json)| {
            let meta: Option<Value> = serde_json::from_str(json).ok();
            let optional = meta.as_ref().and_then(|meta| meta.get(name)?.get("optional"));
            optional.is_some_and(normalize::is_truthy)
        })
    }
}

impl std::fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Candidate({}@{})", self.packument.name, self.version_text())
    }
}

impl PartialEq for Candidate<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.packument, other.packument) && self.index == other.index
    }
}

impl Eq for Candidate<'_> {}

/// Facts of a version that are one bit each.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum CandidateFlag {
    Deprecated = flag::DEPRECATED,
    InstallScript = flag::INSTALL_SCRIPT,
    Shrinkwrap = flag::SHRINKWRAP,
    Staged = flag::STAGED,
    Restricted = flag::RESTRICTED,
    OutsideStaged = flag::OUTSIDE_STAGED,
    OutsideRestricted = flag::OUTSIDE_RESTRICTED,
    Prerelease = flag::PRERELEASE,
}

/// The dependencies of a [`Candidate`]: name, spec and kind.
#[derive(Clone)]
pub struct CandidateDependencies<'a> {
    heap: View<'a>,
    pairs: std::slice::ChunksExact<'a, u8>,
    plain: usize,
    optional: usize,
}

impl<'a> CandidateDependencies<'a> {
    fn read(heap: View<'a>, offset: u32) -> Self {
        let blob = heap.blob(offset);
        let counts = leb128(blob).and_then(|(plain, used)| {
            let (optional, more) = leb128(blob.get(used..)?)?;
            Some((plain, optional, blob.get(used + more..)?))
        });
        let (plain, optional, pairs) = counts.unwrap_or((0, 0, &[]));
        Self { heap, pairs: pairs.chunks_exact(8), plain, optional }
    }
}

impl<'a> Iterator for CandidateDependencies<'a> {
    type Item = (&'a str, &'a str, DependencyKind);

    fn next(&mut self) -> Option<Self::Item> {
        let pair = View(self.pairs.next()?);
        let kind = match (&mut self.plain, &mut self.optional) {
            (0, 0) => DependencyKind::Peer,
            (0, optional) => {
                *optional -= 1;
                DependencyKind::Optional
            }
            (plain, _) => {
                *plain -= 1;
                DependencyKind::Prod
            }
        };
        Some((self.heap.text(pair.u32(0)), self.heap.text(pair.u32(4)), kind))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.pairs.size_hint()
    }
}

impl ExactSizeIterator for CandidateDependencies<'_> {}
