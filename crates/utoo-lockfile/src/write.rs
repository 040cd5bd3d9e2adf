//! Writing the document: `packages`, `dependencies`, or both, as its version has it.

mod dependencies;
mod packages;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};
use utoo_types::{Dependencies, Integrity, PackageName};

use crate::json::{Key, Printer, key_order, text_order};
use crate::lockfile::CURRENT_VERSION;
use crate::read::VERSION;
use crate::{Entry, Lockfile, store_folder};
use dependencies::Installed;
use packages::print_entry;

/// A guess of the bytes that an entry takes, so that the text seldom grows: 800 KB for 1,300 entries in practice.
const BYTES_PER_ENTRY: usize = 640;

impl Lockfile {
    /// The document as npm 11 writes it to package-lock.json or npm-shrinkwrap.json, in its
    /// [`lockfile_version`](Lockfile::lockfile_version): `dependencies` in version 1, both in version 2, `packages` from
    /// version 3 on.
    pub fn to_text(&self) -> String {
        self.print(self.lockfile_version, &self.extra, self.entries())
    }

    /// The document as npm 11 writes it to `node_modules/.package-lock.json`: without the root, and always in version 3.
    /// What else is not on the disk (optional packages for other platforms, links' folders outside) is for the caller to
    /// leave out, with [`Lockfile::to_hidden_text_with`]. The folders of a linked tree's store get an empty entry each.
    pub fn to_hidden_text(&self) -> String {
        self.to_hidden_text_with(self.entries())
    }

    /// [`Lockfile::to_hidden_text`] of these entries in the place of the lockfile's own; they need no order, but each
    /// location may come only once.
    pub fn to_hidden_text_with<'a>(
        &'a self,
        entries: impl IntoIterator<Item = (&'a str, &'a Entry)>,
    ) -> String {
        let mut extra = Cow::Borrowed(&self.extra);
        if extra.contains_key(VERSION) {
            extra.to_mut().shift_remove(VERSION);
        }
        let mut entries: Vec<_> = entries.into_iter().filter(|(location, _)| !location.is_empty()).collect();
        let folders: BTreeSet<&str> =
            entries.iter().filter_map(|(location, _)| store_folder(location)).collect();
        let nothing = Entry::default();
        entries.extend(folders.into_iter().map(|folder| (folder, &nothing)));
        self.print(CURRENT_VERSION, &extra, entries)
    }

    fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.packages.iter().map(|(location, entry)| (&**location, entry))
    }

    fn print<'a>(
        &'a self,
        version: u32,
        extra: &Map<String, Value>,
        entries: impl IntoIterator<Item = (&'a str, &'a Entry)>,
    ) -> String {
        let mut entries: Vec<_> = entries.into_iter().collect();
        // Sorted already where it was read, and then one pass.
        entries.sort_by(|(a, _), (b, _)| text_order(a, b));
        let mut members = Vec::new();
        if !extra.contains_key(VERSION) {
            members.push((VERSION, Member::Version(version)));
        }
        let installed = (version < 3).then(|| Installed::new(self));
        if let Some(installed) = &installed {
            members.push(("dependencies", Member::Tree(installed, "")));
        }
        if version > 1 {
            members.push(("packages", Member::Packages(&entries)));
        }
        members.extend(self.name.as_deref().map(|name| ("name", Member::Text(name))));
        members.extend(self.version.as_deref().map(|version| ("version", Member::Text(version))));
        members.extend(self.requires.then_some(("requires", Member::True)));
        members.extend(extra.iter().map(|(key, value)| (key.as_str(), Member::Value(value))));
        members.sort_by(|(a, in_a), (b, in_b)| key_order(in_a.key(a), in_b.key(b)));
        let mut printer = Printer::new(&self.format, (entries.len() + 1) * BYTES_PER_ENTRY);
        printer.object(members, |printer, (key, member)| {
            printer.key(key);
            member.print(printer);
        });
        printer.finish()
    }
}

/// The value of a field, still where it lies.
enum Member<'a> {
    Text(&'a str),
    True,
    Version(u32),
    Integrity(&'a Integrity),
    Value(&'a Value),
    Names(&'a [PackageName]),
    Dependencies(&'a Dependencies),
    Texts(&'a [(Arc<str>, Arc<str>)]),
    Meta(&'a [(PackageName, Value)]),
    Packages(&'a [(&'a str, &'a Entry)]),
    /// What is installed in the `node_modules` of a location, as version 1 has it.
    Tree(&'a Installed<'a>, &'a str),
}

impl<'a> Member<'a> {
    fn key(&self, text: &'a str) -> Key<'a> {
        let holds_object = match self {
            Self::Text(_) | Self::True | Self::Version(_) | Self::Integrity(_) | Self::Names(_) => false,
            Self::Value(value) => value.is_object(),
            Self::Dependencies(_) | Self::Texts(_) | Self::Meta(_) | Self::Packages(_) | Self::Tree(..) => {
                true
            }
        };
        Key { text, holds_object }
    }

    fn print(self, printer: &mut Printer<'_>) {
        match self {
            Self::Text(text) => printer.string(text),
            Self::True => printer.raw("true"),
            Self::Version(version) => printer.raw(&version.to_string()),
            Self::Integrity(integrity) => printer.string(&integrity.to_string()),
            Self::Value(value) => printer.value(value),
            Self::Names(names) => printer.strings(names.iter().map(PackageName::as_str)),
            Self::Dependencies(block) => {
                printer.texts(block.iter().map(|(name, spec)| (name.as_str(), &**spec)));
            }
            Self::Texts(pairs) => printer.texts(pairs.iter().map(|(key, text)| (&**key, &**text))),
            Self::Meta(metas) => {
                printer.map(metas.iter().map(|(name, meta)| (name.as_str(), meta)).collect())
            }
            Self::Packages(entries) => {
                printer.wide_object(entries, BYTES_PER_ENTRY, |printer, (location, entry)| {
                    printer.key(location);
                    print_entry(printer, entry);
                });
            }
            Self::Tree(installed, location) => installed.print(printer, location),
        }
    }
}

#[cfg(test)]
mod tests;
