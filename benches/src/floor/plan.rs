//! What a lockfile wants on this machine.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use serde::Deserialize;
use utoo_types::Integrity;

use super::Error;

/// Requests and places.
pub(super) struct Plan<'a> {
    /// Paths of documents.
    pub(super) documents: BTreeSet<String>,
    /// Each tarball once.
    pub(super) packages: Vec<Package<'a>>,
}

/// A tarball.
pub(super) struct Package<'a> {
    /// Its path on the registry.
    pub(super) url: &'a str,
    pub(super) integrity: Integrity,
    /// Where its files are linked, from the project.
    pub(super) places: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Lock<'a> {
    #[serde(borrow)]
    packages: BTreeMap<Cow<'a, str>, Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    resolved: Option<&'a str>,
    integrity: Option<&'a str>,
    #[serde(default, borrow)]
    os: Vec<Cow<'a, str>>,
    #[serde(default, borrow)]
    cpu: Vec<Cow<'a, str>>,
    #[serde(default, borrow)]
    libc: Vec<Cow<'a, str>>,
}

impl<'a> Plan<'a> {
    pub(super) fn read(text: &'a [u8]) -> Result<Self, Error> {
        let lock: Lock<'a> = serde_json::from_slice(text)?;
        let mut packages: BTreeMap<&str, Package<'a>> = BTreeMap::new();
        let mut documents = BTreeSet::new();
        for (place, entry) in lock.packages {
            let (Some(url), Some(integrity)) = (entry.resolved, entry.integrity) else { continue };
            // `http://registry.example/@scope/name/-/name-1.0.0.tgz`
            let path =
                url.find("://").and_then(|at| url[at + 3..].find('/').map(|slash| &url[at + 3 + slash..]));
            let (Some(url), true) = (path, entry.is_for_here()) else { continue };
            let name = url.split_once("/-/").map_or(url, |(name, _)| name).trim_start_matches('/');
            documents.insert(format!("/{}", name.replace('/', "%2f")));
            let package = match packages.entry(url) {
                std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::btree_map::Entry::Vacant(new) => {
                    new.insert(Package { url, integrity: Integrity::parse(integrity)?, places: Vec::new() })
                }
            };
            package.places.push(place);
        }
        Ok(Self { documents, packages: packages.into_values().collect() })
    }

    /// Makes the folder of each place.
    pub(super) fn make_folders(&self, project: &Path) -> Result<(), Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let project = openat(CWD, project, flags, Mode::empty())?;
        let mut folders = BTreeSet::new();
        for place in self.packages.iter().flat_map(|package| &package.places) {
            folders.extend(place.match_indices('/').map(|(slash, _)| &place[..slash]).chain([&**place]));
        }
        for folder in folders {
            match mkdirat(&project, folder, Mode::from(0o755)) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Entry<'_> {
    /// Lists of this platform, or of none.
    fn is_for_here(&self) -> bool {
        let os = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
        let cpu = if cfg!(target_arch = "x86_64") { "x64" } else { "arm64" };
        let fits = |list: &[Cow<'_, str>], own: &str| {
            let fits = |word: &Cow<'_, str>| word.strip_prefix('!').map_or(word == own, |not| not != own);
            list.is_empty() || list.iter().any(fits)
        };
        fits(&self.os, os) && fits(&self.cpu, cpu) && fits(&self.libc, "glibc")
    }
}
