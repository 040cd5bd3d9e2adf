//! The entries of versions 2 and 3.

use serde_json::Value;
use utoo_types::{BundleDependencies, Dependencies, Integrity, PackageName};

use super::Member;
use crate::Entry;
use crate::json::{Printer, key_order};

/// One entry, with its fields in npm's order.
pub(super) fn print_entry(printer: &mut Printer<'_>, entry: &Entry) {
    let mut fields = Fields { scalars: Vec::with_capacity(12), objects: Vec::with_capacity(8) };
    fields.collect(entry);
    let mut members = fields.scalars;
    members.append(&mut fields.objects);
    if !entry.extra.is_empty() {
        fields_of_extra(entry, &mut members);
    }
    printer.object(members, |printer, (key, member)| {
        printer.key(key);
        member.print(printer);
    });
}

/// Adds the fields that have no place of their own, and sorts again.
fn fields_of_extra<'a>(entry: &'a Entry, members: &mut Vec<(&'a str, Member<'a>)>) {
    for (key, value) in &entry.extra {
        if key == "integrity" && !is_still_said_by(value, entry.integrity.as_ref()) {
            continue;
        }
        members.retain(|(taken, _)| taken != key);
        members.push((key, Member::Value(value)));
    }
    members.sort_by(|(a, in_a), (b, in_b)| key_order(in_a.key(a), in_b.key(b)));
}

/// An integrity that was read in another notation than ours is written as it was read, unless the entry has got
/// another one since.
fn is_still_said_by(text: &Value, integrity: Option<&Integrity>) -> bool {
    text.as_str().map(Integrity::parse).and_then(Result::ok).as_ref() == integrity
}

/// The fields of an entry, in npm's order: [`key_order`] of these names, worked out once.
struct Fields<'a> {
    scalars: Vec<(&'a str, Member<'a>)>,
    objects: Vec<(&'a str, Member<'a>)>,
}

impl<'a> Fields<'a> {
    fn collect(&mut self, entry: &'a Entry) {
        self.text("name", entry.name.as_ref().map(PackageName::as_str));
        self.text("version", entry.version.as_deref());
        self.text("resolved", entry.resolved.as_deref().filter(|resolved| !resolved.is_empty()));
        if let Some(integrity) = &entry.integrity {
            self.scalars.push(("integrity", Member::Integrity(integrity)));
        }
        self.dependencies("dependencies", &entry.dependencies);
        self.dependencies("acceptDependencies", &entry.accept_dependencies);
        if !entry.bin.is_empty() {
            self.objects.push(("bin", Member::Texts(&entry.bin)));
        }
        match &entry.bundle_dependencies {
            BundleDependencies::Names(names) if names.is_empty() => {}
            BundleDependencies::None => {}
            BundleDependencies::All => self.scalars.push(("bundleDependencies", Member::True)),
            BundleDependencies::Names(names) => {
                self.scalars.push(("bundleDependencies", Member::Names(names)))
            }
        }
        self.value("cpu", entry.cpu.as_deref());
        self.text("deprecated", entry.deprecated.as_deref());
        // Marks are those of what a link leads to.
        let is_marked = |mark: bool| mark && !entry.link;
        self.flag("dev", is_marked(entry.dev));
        self.dependencies("devDependencies", &entry.dev_dependencies);
        self.flag("devOptional", is_marked(entry.dev_optional));
        self.value("engines", entry.engines.as_deref());
        self.flag("extraneous", is_marked(entry.extraneous));
        self.value("funding", entry.funding.as_deref());
        self.flag("hasInstallScript", entry.has_install_script);
        self.flag("hasShrinkwrap", entry.has_shrinkwrap);
        self.flag("inBundle", entry.in_bundle);
        self.value("libc", entry.libc.as_deref());
        self.value("license", entry.license.as_deref());
        self.flag("link", entry.link);
        self.flag("optional", is_marked(entry.optional));
        self.dependencies("optionalDependencies", &entry.optional_dependencies);
        self.value("os", entry.os.as_deref());
        self.flag("peer", is_marked(entry.peer));
        self.dependencies("peerDependencies", &entry.peer_dependencies);
        if !entry.peer_dependencies_meta.is_empty() {
            self.objects.push(("peerDependenciesMeta", Member::Meta(&entry.peer_dependencies_meta)));
        }
        self.value("workspaces", entry.workspaces.as_deref());
    }

    fn text(&mut self, key: &'a str, text: Option<&'a str>) {
        self.scalars.extend(text.map(|text| (key, Member::Text(text))));
    }

    fn flag(&mut self, key: &'a str, is_set: bool) {
        self.scalars.extend(is_set.then_some((key, Member::True)));
    }

    fn dependencies(&mut self, key: &'a str, block: &'a Dependencies) {
        if !block.is_empty() {
            self.objects.push((key, Member::Dependencies(block)));
        }
    }

    fn value(&mut self, key: &'a str, value: Option<&'a Value>) {
        let Some(value) = value else { return };
        let group = if value.is_object() { &mut self.objects } else { &mut self.scalars };
        group.push((key, Member::Value(value)));
    }
}

#[cfg(test)]
mod tests;
