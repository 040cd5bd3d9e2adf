//! JSON straight into entries.
//!
//! A lockfile of 800 KB is read on every install, so nothing here builds a `serde_json::Value` but for the fields that
//! are one. Values of the wrong type never fail a read: they go to `extra`.

use std::fmt;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use utoo_types::{BundleDependencies, Dependencies, Integrity, PackageName};

use crate::{Entry, Packages};

/// The document as read.
#[derive(Default)]
pub(crate) struct Document {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) version: Option<Arc<str>>,
    pub(crate) lockfile_version: Option<u64>,
    pub(crate) packages: Option<Packages>,
    /// The tree of version 1; not read where `packages` came before it, as in version 2.
    pub(crate) dependencies: Value,
    pub(crate) extra: Map<String, Value>,
}

impl Document {
    /// The root's entry, as far as a version 1 knows it.
    pub(crate) fn root(&self) -> Entry {
        Entry {
            name: self.name.clone().map(PackageName::new_unchecked),
            version: self.version.clone(),
            ..Entry::default()
        }
    }
}

/// The key of the document's version, which is in `extra` where it is odd.
pub(crate) const VERSION: &str = "lockfileVersion";

impl Document {
    /// npm compares whatever stands there as JavaScript compares it with a number, and writes it again as it was; what
    /// counts as false is no version.
    fn set_version(&mut self, value: Value) {
        let number = match &value {
            Value::Bool(true) => 1.0,
            Value::String(text) if !text.is_empty() => text.trim().parse().unwrap_or(f64::NAN),
            Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
            Value::Array(_) | Value::Object(_) => f64::NAN,
            Value::Null | Value::Bool(false) | Value::String(_) => return,
        };
        self.lockfile_version = value.as_u64().or(Some(match number {
            number if number > 3.0 => 4,
            number if number >= 3.0 => 3,
            number if number >= 2.0 => 2,
            _ => 1,
        }));
        if value.as_u64().is_none() {
            self.extra.insert(VERSION.to_owned(), value);
        }
    }
}

pub(crate) fn document(text: &str) -> serde_json::Result<Document> {
    serde_json::from_str(text)
}

/// Whether npm writes a field of this name in an entry.
pub(crate) fn is_known(key: &str) -> bool {
    !matches!(Field::of(key), Field::Other(_))
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a lockfile: an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut document = Document::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "name" => document.name = map.next_value::<Any>()?.text(),
                "version" => document.version = map.next_value::<Any>()?.text(),
                "lockfileVersion" => document.set_version(map.next_value()?),
                "requires" => _ = map.next_value::<IgnoredAny>()?,
                "packages" => document.packages = Some(map.next_value::<PackagesOf>()?.0),
                "dependencies" if document.packages.is_some() => _ = map.next_value::<IgnoredAny>()?,
                "dependencies" => document.dependencies = map.next_value()?,
                _ => _ = document.extra.insert(key, map.next_value()?),
            }
        }
        Ok(document)
    }
}

struct PackagesOf(Packages);

/// Entries that there is room for from the start: growing would copy them, and touch twice the memory. Room that is not
/// used is address space only.
const ROOM: usize = 2048;

impl<'de> Deserialize<'de> for PackagesOf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PackagesVisitor;
        impl<'de> Visitor<'de> for PackagesVisitor {
            type Value = PackagesOf;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("packages: an object of entries by location")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PackagesOf, A::Error> {
                let mut packages = Packages::with_capacity_and_hasher(ROOM, FxBuildHasher);
                while let Some(location) = map.next_key::<Arc<str>>()? {
                    packages.insert(location, map.next_value()?);
                }
                Ok(PackagesOf(packages))
            }
        }
        deserializer.deserialize_map(PackagesVisitor)
    }
}

/// The fields of an entry.
enum Field {
    Name,
    Version,
    Resolved,
    Integrity,
    Flag(fn(&mut Entry) -> &mut bool),
    Deprecated,
    Bin,
    Value(fn(&mut Entry) -> &mut Option<Arc<Value>>),
    Dependencies(fn(&mut Entry) -> &mut Dependencies),
    PeerMeta,
    Bundle,
    Other(String),
}

impl Field {
    fn of(key: &str) -> Self {
        match key {
            "name" => Self::Name,
            "version" => Self::Version,
            "resolved" => Self::Resolved,
            "integrity" => Self::Integrity,
            "link" => Self::Flag(|entry| &mut entry.link),
            "dev" => Self::Flag(|entry| &mut entry.dev),
            "optional" => Self::Flag(|entry| &mut entry.optional),
            "devOptional" => Self::Flag(|entry| &mut entry.dev_optional),
            "peer" => Self::Flag(|entry| &mut entry.peer),
            "extraneous" => Self::Flag(|entry| &mut entry.extraneous),
            "inBundle" => Self::Flag(|entry| &mut entry.in_bundle),
            "hasInstallScript" => Self::Flag(|entry| &mut entry.has_install_script),
            "hasShrinkwrap" => Self::Flag(|entry| &mut entry.has_shrinkwrap),
            "deprecated" => Self::Deprecated,
            "bin" => Self::Bin,
            "license" => Self::Value(|entry| &mut entry.license),
            "engines" => Self::Value(|entry| &mut entry.engines),
            "funding" => Self::Value(|entry| &mut entry.funding),
            "os" => Self::Value(|entry| &mut entry.os),
            "cpu" => Self::Value(|entry| &mut entry.cpu),
            "libc" => Self::Value(|entry| &mut entry.libc),
            "workspaces" => Self::Value(|entry| &mut entry.workspaces),
            "dependencies" => Self::Dependencies(|entry| &mut entry.dependencies),
            "devDependencies" => Self::Dependencies(|entry| &mut entry.dev_dependencies),
            "optionalDependencies" => Self::Dependencies(|entry| &mut entry.optional_dependencies),
            "peerDependencies" => Self::Dependencies(|entry| &mut entry.peer_dependencies),
            "acceptDependencies" => Self::Dependencies(|entry| &mut entry.accept_dependencies),
            "peerDependenciesMeta" => Self::PeerMeta,
            "bundleDependencies" => Self::Bundle,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldVisitor;
        impl Visitor<'_> for FieldVisitor {
            type Value = Field;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's name")
            }

            fn visit_str<E>(self, key: &str) -> Result<Field, E> {
                Ok(Field::of(key))
            }
        }
        deserializer.deserialize_identifier(FieldVisitor)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry: an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        let mut entry = Entry::default();
        while let Some(field) = map.next_key::<Field>()? {
            read_field(&mut entry, field, &mut map)?;
        }
        Ok(entry)
    }
}

fn read_field<'de, A: MapAccess<'de>>(entry: &mut Entry, field: Field, map: &mut A) -> Result<(), A::Error> {
    match field {
        Field::Name => set_text(entry, "name", map.next_value()?, |entry, name| {
            entry.name = name.map(PackageName::new_unchecked);
        }),
        Field::Version => {
            set_text(entry, "version", map.next_value()?, |entry, version| entry.version = version);
        }
        Field::Resolved => {
            set_truthy(entry, "resolved", map.next_value()?, |entry, resolved| entry.resolved = resolved);
        }
        Field::Deprecated => {
            set_text(entry, "deprecated", map.next_value()?, |entry, notice| entry.deprecated = notice);
        }
        Field::Integrity => set_truthy(entry, "integrity", map.next_value()?, set_integrity),
        Field::Flag(flag) => *flag(entry) = matches!(map.next_value()?, Any::Flag(true)),
        Field::Value(value) => *value(entry) = Some(Arc::new(map.next_value()?)),
        Field::Dependencies(block) => *block(entry) = map.next_value::<Texts>()?.pairs().collect(),
        Field::Bin => match map.next_value::<Texts>()? {
            Texts::Object(pairs) => {
                entry.bin = pairs;
                keep_beside(entry, "bin", None);
            }
            Texts::Other(value) => {
                entry.bin.clear();
                keep_beside(entry, "bin", Some(value));
            }
        },
        Field::PeerMeta => match map.next_value::<Value>()? {
            Value::Object(metas) => {
                let metas = metas.into_iter().map(|(name, meta)| (PackageName::new_unchecked(name), meta));
                entry.peer_dependencies_meta = metas.collect();
                keep_beside(entry, "peerDependenciesMeta", None);
            }
            other => {
                entry.peer_dependencies_meta.clear();
                keep_beside(entry, "peerDependenciesMeta", Some(other));
            }
        },
        Field::Bundle => {
            let (bundle, beside) = match map.next_value::<Value>()? {
                Value::Bool(true) => (BundleDependencies::All, None),
                Value::Array(names) => {
                    let names = names.iter().filter_map(Value::as_str).map(PackageName::new_unchecked);
                    (BundleDependencies::Names(names.collect()), None)
                }
                other => (BundleDependencies::default(), Some(other)),
            };
            entry.bundle_dependencies = bundle;
            keep_beside(entry, "bundleDependencies", beside);
        }
        Field::Other(key) => _ = entry.extra.insert(key, map.next_value()?),
    }
    Ok(())
}

/// Sets a field to a text, or to nothing, with what else the file has there kept beside it. Either may be the second
/// value of a key that stands twice, which is the one that counts.
fn set_text(entry: &mut Entry, key: &str, value: Any, set: impl FnOnce(&mut Entry, Option<Arc<str>>)) {
    let (text, beside) = match value {
        Any::Text(text) => (Some(text), None),
        Any::Flag(flag) => (None, Some(Value::Bool(flag))),
        Any::Other(value) => (None, Some(value)),
    };
    keep_beside(entry, key, beside);
    set(entry, text);
}

/// The same, but that npm forgets what JavaScript takes for false: npm 5 wrote `false` where it did not know.
fn set_truthy(entry: &mut Entry, key: &str, value: Any, set: impl FnOnce(&mut Entry, Option<Arc<str>>)) {
    let is_forgotten = match &value {
        Any::Text(text) => text.is_empty(),
        Any::Flag(flag) => !flag,
        Any::Other(Value::Null) => true,
        Any::Other(value) => value.as_f64() == Some(0.0),
    };
    if is_forgotten {
        keep_beside(entry, key, None);
        set(entry, None);
    } else {
        set_text(entry, key, value, set);
    }
}

/// Keeps the text beside the value where it is not the one that the value prints, so that it is written as it was.
pub(crate) fn set_integrity(entry: &mut Entry, text: Option<Arc<str>>) {
    entry.integrity = text.as_deref().and_then(|text| Integrity::parse(text).ok());
    if let Some(text) = text
        && entry.integrity.as_ref().is_none_or(|integrity| integrity.to_string() != *text)
    {
        keep_beside(entry, "integrity", Some(Value::from(&*text)));
    }
}

/// What a field's key has that the field cannot hold.
fn keep_beside(entry: &mut Entry, key: &str, value: Option<Value>) {
    match value {
        Some(value) => _ = entry.extra.insert(key.to_owned(), value),
        None if entry.extra.is_empty() => {}
        None => _ = entry.extra.shift_remove(key),
    }
}

/// A scalar without a detour over `Value`.
enum Any {
    Text(Arc<str>),
    Flag(bool),
    Other(Value),
}

impl Any {
    fn text(self) -> Option<Arc<str>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

struct AnyVisitor;

/// What every visitor here does with values that it does not expect.
macro_rules! others_as_value {
    ($wrap:path) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any value")
        }

        fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
            Ok($wrap(Value::from(number)))
        }

        fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
            Ok($wrap(Value::from(number)))
        }

        fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
            Ok($wrap(Value::from(number)))
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($wrap(Value::Null))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
            Value::deserialize(serde::de::value::SeqAccessDeserializer::new(seq)).map($wrap)
        }
    };
}

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Any;

    others_as_value!(Any::Other);

    fn visit_str<E>(self, text: &str) -> Result<Any, E> {
        Ok(Any::Text(text.into()))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Any, E> {
        Ok(Any::Flag(flag))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Any, A::Error> {
        Value::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Any::Other)
    }
}

/// An object of strings, or something else. Members that are no strings are dropped.
enum Texts {
    Object(Vec<(Arc<str>, Arc<str>)>),
    Other(Value),
}

impl Texts {
    fn pairs(self) -> impl Iterator<Item = (PackageName, Arc<str>)> {
        let pairs = match self {
            Self::Object(pairs) => pairs,
            Self::Other(_) => Vec::new(),
        };
        pairs.into_iter().map(|(name, spec)| (PackageName::new_unchecked(name), spec))
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextsVisitor;
        impl<'de> Visitor<'de> for TextsVisitor {
            type Value = Texts;

            others_as_value!(Texts::Other);

            fn visit_str<E: Error>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts::Other(Value::from(text)))
            }

            fn visit_bool<E>(self, flag: bool) -> Result<Texts, E> {
                Ok(Texts::Other(Value::from(flag)))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
                let mut pairs = Vec::new();
                while let Some(key) = map.next_key::<Arc<str>>()? {
                    if let Any::Text(text) = map.next_value()? {
                        pairs.push((key, text));
                    }
                }
                Ok(Texts::Object(pairs))
            }
        }
        deserializer.deserialize_any(TextsVisitor)
    }
}

#[cfg(test)]
mod tests;
