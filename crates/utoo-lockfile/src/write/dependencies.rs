//! The tree of versions 1 and 2: nested as `node_modules` is, and each package with little more than its version, where
//! it comes from, its flags, and what it requires.
//!
//! `version` holds what leads to the package: a version; `npm:other@1.0.0` for an alias; for what comes from no registry
//! its address (a folder's with `file:`), which then stands for `resolved` too.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use utoo_types::{PackageName, Spec, SpecKind, Version};

use super::Member;
use crate::json::{Printer, key_order, text_order};
use crate::{Entry, Lockfile, name_of_location, nested_location, parent_location};

/// A lockfile's entries as a tree.
pub(super) struct Installed<'a> {
    lock: &'a Lockfile,
    /// Locations of what lies in the `node_modules` of each location, sorted by name.
    children: FxHashMap<&'a str, Vec<&'a str>>,
    /// The spec by which each location is wanted, of its first dependent that gets what it wants there.
    specs: FxHashMap<&'a str, &'a str>,
}

impl<'a> Installed<'a> {
    pub(super) fn new(lock: &'a Lockfile) -> Self {
        let mut children: FxHashMap<&str, Vec<&str>> = FxHashMap::default();
        let mut specs = FxHashMap::default();
        let mut sorted: Vec<_> = lock.packages.iter().collect();
        sorted.sort_by(|(a, _), (b, _)| text_order(a, b));
        for (location, entry) in sorted {
            // Not what only lies somewhere below a package: two of one name must not meet in one object.
            if let Some(parent) = parent_location(location)
                && nested_location(parent, name_of_location(location)) == **location
            {
                children.entry(parent).or_default().push(location);
            }
            for (name, spec) in wanted(entry) {
                if let Some((found, package)) = lock.resolve(location, name.as_str())
                    && !specs.contains_key(&**found)
                    && is_met(name, spec, package)
                {
                    specs.insert(&**found, &**spec);
                }
            }
        }
        for locations in children.values_mut() {
            locations.sort_by(|a, b| text_order(name_of_location(a), name_of_location(b)));
        }
        Self { lock, children, specs }
    }

    /// What is installed below a location, links followed to their folders.
    pub(super) fn print(&self, printer: &mut Printer<'_>, location: &str) {
        self.print_level(printer, location, &mut vec![location]);
    }

    /// `path` holds the folders from the root to here: a link that leads back to one of them is not entered again.
    fn print_level<'s>(&'s self, printer: &mut Printer<'_>, location: &'s str, path: &mut Vec<&'s str>) {
        let mut members: Vec<(&str, Option<&str>)> =
            self.children_of(location).iter().map(|child| (name_of_location(child), Some(*child))).collect();
        members.extend(self.not_found(location).map(|name| (name, None)));
        members.sort_by(|(a, _), (b, _)| text_order(a, b));
        printer.object(members, |printer, (name, child)| {
            printer.key(name);
            match child.and_then(|child| Some((child, self.lock.get(child)?))) {
                Some((child, entry)) => self.print_package(printer, child, entry, path),
                // npm's mark of an optional package that could not be had.
                None => printer.object([()], |printer, ()| {
                    printer.key("optional");
                    printer.raw("true");
                }),
            }
        });
    }

    fn children_of(&self, location: &str) -> &[&'a str] {
        self.children.get(location).map_or(&[], Vec::as_slice)
    }

    /// Optional dependencies of a location that stand nowhere in its reach.
    fn not_found(&self, location: &str) -> impl Iterator<Item = &'a str> {
        let optional = self.lock.get(location).map(|entry| entry.optional_dependencies.iter());
        let location = location.to_owned();
        let names = optional.into_iter().flatten().map(|(name, _)| name.as_str());
        names.filter(move |name| self.lock.resolve(&location, name).is_none())
    }

    fn print_package<'s>(
        &'s self,
        printer: &mut Printer<'_>,
        location: &'s str,
        entry: &'s Entry,
        path: &mut Vec<&'s str>,
    ) {
        let folder = entry.resolved.as_deref().filter(|_| entry.link);
        let (inside, package) = match folder {
            Some(folder) => (folder, self.lock.get(folder).unwrap_or(entry)),
            None => (location, entry),
        };
        let has_below = !self.children_of(inside).is_empty() || self.not_found(inside).next().is_some();
        let below = (has_below && !path.contains(&inside)).then_some(inside);
        let mut members = self.fields(location, entry, package);
        members.extend(below.map(|_| ("dependencies", Field::Below)));
        members.sort_by(|(a, in_a), (b, in_b)| key_order(in_a.key(a), in_b.key(b)));
        printer.object(members, |printer, (key, field)| {
            printer.key(key);
            match field {
                Field::Plain(member) => member.print(printer),
                Field::Owned(text) => printer.string(&text),
                Field::Requires => printer.texts(
                    wanted(package)
                        .filter(|(name, _)| package.peer_dependencies.get(name.as_str()).is_none())
                        .map(|(name, spec)| (name.as_str(), &**spec)),
                ),
                Field::Below => {
                    path.push(inside);
                    self.print_level(printer, inside, path);
                    path.pop();
                }
            }
        });
    }

    fn fields<'s>(&'s self, location: &str, entry: &'s Entry, package: &Entry) -> Vec<(&'s str, Field<'s>)> {
        let mut fields: Vec<(&str, Field<'_>)> = Vec::with_capacity(8);
        let (version, resolved, from) = self.source(location, entry);
        fields.extend(version.map(|version| ("version", Field::Owned(version))));
        fields.extend(resolved.map(|resolved| ("resolved", Field::Plain(Member::Text(resolved)))));
        fields.extend(from.map(|from| ("from", Field::Owned(from))));
        let integrity = entry.integrity.as_ref().filter(|_| !entry.integrity_is_new);
        fields.extend(integrity.map(|integrity| ("integrity", Field::Plain(Member::Integrity(integrity)))));
        // What has not the type that it should have is written as it was read.
        let odd = ["version", "resolved", "integrity"].into_iter();
        let odd = odd.filter_map(|key| entry.extra.get_key_value(key));
        for (key, value) in odd {
            fields.retain(|(other, _)| other != key);
            fields.push((key, Field::Plain(Member::Value(value))));
        }
        // In `packages` those of a link stand at the folder that it leads to.
        let is_set = |flag: fn(&Entry) -> bool| flag(entry) || flag(package);
        let flags = [
            ("bundled", is_set(|entry| entry.in_bundle)),
            ("dev", is_set(|entry| entry.dev)),
            ("devOptional", is_set(|entry| entry.dev_optional)),
            ("extraneous", is_set(|entry| entry.extraneous)),
            ("optional", is_set(|entry| entry.optional)),
            ("peer", is_set(|entry| entry.peer)),
        ];
        let set = flags.into_iter().filter(|(_, is_set)| *is_set);
        fields.extend(set.map(|(key, _)| (key, Field::Plain(Member::True))));
        if wanted(package).next().is_some() || !package.peer_dependencies.is_empty() {
            fields.push(("requires", Field::Requires));
        }
        fields
    }

    /// `version`, `resolved` and `from`, as far as the package has them.
    fn source<'s>(
        &'s self,
        location: &str,
        entry: &'s Entry,
    ) -> (Option<String>, Option<&'s str>, Option<String>) {
        let resolved = entry.resolved.as_deref();
        if entry.link {
            return (resolved.map(|folder| format!("file:{folder}")), None, None);
        }
        let name = PackageName::new_unchecked(name_of_location(location));
        let wanted = self.specs.get(location).copied().unwrap_or("*");
        let spec = Spec::resolve(&name, wanted, None).ok();
        match (spec.as_ref().map(Spec::kind), resolved) {
            (Some(SpecKind::Git(_)), Some(address)) => {
                (Some(address.to_owned()), None, Some(format!("{name}@{wanted}")))
            }
            (Some(SpecKind::Remote(_) | SpecKind::File(_)), Some(address)) => {
                (Some(address.to_owned()), None, None)
            }
            _ => {
                let version = entry.version.as_deref().map(|version| match &entry.name {
                    Some(own) => format!("npm:{own}@{version}"),
                    None => version.to_owned(),
                });
                (version, resolved, None)
            }
        }
    }
}

/// The value of a field of one package.
enum Field<'a> {
    Plain(Member<'a>),
    Owned(String),
    Requires,
    Below,
}

impl Field<'_> {
    fn key<'s>(&'s self, text: &'s str) -> crate::json::Key<'s> {
        let holds_object = match self {
            Self::Plain(Member::Value(value)) => value.is_object(),
            Self::Plain(_) | Self::Owned(_) => false,
            Self::Requires | Self::Below => true,
        };
        crate::json::Key { text, holds_object }
    }
}

/// Everything that a package asks for but its peers; what is named twice counts where npm takes it from last.
fn wanted(entry: &Entry) -> impl Iterator<Item = &(PackageName, Arc<str>)> {
    let required = entry.dependencies.iter().filter(|(name, _)| {
        let later = [&entry.optional_dependencies, &entry.dev_dependencies];
        later.iter().all(|block| block.get(name.as_str()).is_none())
    });
    let optional = entry.optional_dependencies.iter();
    let optional = optional.filter(|(name, _)| entry.dev_dependencies.get(name.as_str()).is_none());
    required.chain(optional).chain(entry.dev_dependencies.iter())
}

/// Whether a package is what this spec asks for, as far as it tells registries, repositories and files apart.
fn is_met(name: &PackageName, spec: &str, package: &Entry) -> bool {
    let comes_from = |prefix: &str| package.resolved.as_deref().is_some_and(|from| from.starts_with(prefix));
    let version = || Version::parse(package.version.as_deref()?).ok();
    match Spec::resolve(name, spec, None).as_ref().map(Spec::kind) {
        Ok(SpecKind::Git(_)) => comes_from("git"),
        Ok(SpecKind::Remote(address)) => package.resolved.as_ref() == Some(address),
        Ok(SpecKind::File(_)) => comes_from("file:"),
        Ok(SpecKind::Range(range)) => version().is_none_or(|version| range.satisfies(&version)),
        _ => true,
    }
}
