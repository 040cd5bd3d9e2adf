//! Reads the document of a registry, full or abbreviated, into the packed form.
//!
//! simd-json turns the document into a flat tape of nodes, and one walk over the tape looks at the keys that
//! resolution and the lockfile need; everything else (readme, scripts, maintainers, signatures) is stepped
//! over by its node count. Most versions repeat the dependencies and the other fields of the version before
//! them, so these are first compared with the tape of that version, which is cheaper than storing them again.

use simd_json::{Buffers, ErrorType, INPUT_PADDING, Node, StaticNode, Tape};

use super::format::{BAD_TIME, NO_TIME};
use super::writer::{DistFields, Heap, Place, VersionFields, Writer};
use super::{Packument, PackumentError, date, quick};
use crate::manifest::normalize::{IMPOSSIBLE_ENGINE, Passed};

/// Documents beyond this are refused; the largest real ones are below 100 MB.
const MAX_DOCUMENT: usize = 1 << 30;
/// Levels of nesting that are read. Real documents have about ten.
const MAX_DEPTH: usize = 256;

/// Reads documents one after the other with buffers that are allocated once. One for each thread.
pub struct PackumentParser {
    buffers: Buffers,
    tape: Tape<'static>,
    heap: Heap,
}

impl Default for PackumentParser {
    fn default() -> Self {
        Self::new()
    }
}

/// Nodes that [`PackumentParser::roomy`] has room for: of 2 MiB of a document where every eighth byte begins one.
const ROOM_NODES: usize = 1 << 18;
/// Documents of up to a sixteenth of these bytes find all buffers of [`PackumentParser::roomy`] large enough.
const ROOM_BYTES: usize = 8 << 20;

impl PackumentParser {
    /// A parser without buffers yet.
    pub fn new() -> Self {
        Self { buffers: Buffers::with_max_depth(0, MAX_DEPTH), tape: Tape::null(), heap: Heap::new() }
    }

    /// A parser that has reserved what all but the largest documents need, some 20 MiB: pages cost nothing before they are
    /// used, but buffers that grow are copied each time. For threads that read many documents.
    pub fn roomy() -> Self {
        let buffers = Buffers::with_max_depth(ROOM_BYTES, MAX_DEPTH);
        Self { buffers, tape: Tape(Vec::with_capacity(ROOM_NODES)), heap: Heap::new() }
    }

    /// As [`Packument::from_json`]. What is in the vector afterwards is nobody's; its memory may serve the next document.
    /// One with 64 bytes of spare capacity is not copied.
    ///
    /// # Errors
    /// As [`Packument::from_json`].
    pub fn parse(&mut self, json: &mut Vec<u8>) -> Result<Packument, PackumentError> {
        let len = json.len();
        json.resize(len + Self::PADDING, 0);
        self.parse_padded(json, len)
    }

    /// Bytes behind a document that [`PackumentParser::parse_padded`] may read and change.
    pub const PADDING: usize = INPUT_PADDING;

    /// The document in the first `len` bytes of a buffer that has [`PackumentParser::PADDING`] bytes more. What is in the
    /// buffer afterwards is nobody's.
    ///
    /// # Errors
    /// As [`Packument::from_json`].
    ///
    /// # Panics
    /// If the buffer is shorter than that.
    pub fn parse_padded(&mut self, buffer: &mut [u8], len: usize) -> Result<Packument, PackumentError> {
        assert!(buffer.len() >= len + Self::PADDING, "a document without padding");
        let mark = if buffer[..len].starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let (buffer, len) = (&mut buffer[mark..], len - mark);
        if len >= MAX_DOCUMENT {
            return Err(PackumentError::TooLarge("a document of more than 1 GiB"));
        }
        match self.parse_utf8(buffer, len) {
            Err(Failure::NotUtf8) => {
                // As JavaScript decodes it: what is no UTF-8 becomes U+FFFD.
                let mut text = String::from_utf8_lossy(&buffer[..len]).into_owned().into_bytes();
                let len = text.len();
                text.resize(len + Self::PADDING, 0);
                self.parse_utf8(&mut text, len).map_err(|failure| failure.into_error(&text[..len]))
            }
            other => other.map_err(|failure| failure.into_error(&buffer[..len])),
        }
    }

    fn parse_utf8(&mut self, buffer: &mut [u8], len: usize) -> Result<Packument, Failure> {
        if let Some(read) = quick::read(&buffer[..len], &mut self.heap) {
            return read.map_err(Failure::Other);
        }
        self.parse_any(buffer, len)
    }

    fn parse_any(&mut self, buffer: &mut [u8], len: usize) -> Result<Packument, Failure> {
        let mut tape = std::mem::replace(&mut self.tape, Tape::null()).reset();
        let parsed = simd_json::fill_tape_padded(buffer, len, &mut self.buffers, &mut tape);
        let result = match parsed {
            Ok(()) => read_document(&tape.0, &mut self.heap).map_err(Failure::Other),
            Err(error) => Err(Failure::of(&error)),
        };
        self.tape = tape.reset();
        result
    }
}

enum Failure {
    NotUtf8,
    Syntax { offset: usize, reason: String },
    Other(PackumentError),
}

impl Failure {
    fn of(error: &simd_json::Error) -> Self {
        match error.error() {
            ErrorType::InvalidUtf8 => Self::NotUtf8,
            reason => Self::Syntax { offset: error.index(), reason: format!("{reason:?}") },
        }
    }

    fn into_error(self, json: &[u8]) -> PackumentError {
        let starts = || String::from_utf8_lossy(&json[..json.len().min(40)]).into_owned();
        match self {
            Self::NotUtf8 => PackumentError::Shape("not UTF-8"),
            Self::Syntax { offset, reason } => PackumentError::Json { offset, reason, starts: starts() },
            Self::Other(error) => error,
        }
    }
}

type Nodes<'t, 'j> = &'t [Node<'j>];

/// The members of a part of the document; nothing for a part that it lacks.
fn part<'t, 'j>(nodes: Nodes<'t, 'j>, at: usize) -> impl Iterator<Item = (&'j str, usize)> + use<'t, 'j> {
    (at != 0).then(|| members(nodes, at)).into_iter().flatten()
}

/// The index behind the value at `at`.
fn after(nodes: Nodes<'_, '_>, at: usize) -> usize {
    match nodes[at] {
        Node::Object { count, .. } | Node::Array { count, .. } => at + 1 + count,
        _ => at + 1,
    }
}

/// The members of the object at `at`: key and index of the value. Nothing when it is no object.
fn members<'t, 'j>(nodes: Nodes<'t, 'j>, at: usize) -> impl Iterator<Item = (&'j str, usize)> + use<'t, 'j> {
    let len = match nodes[at] {
        Node::Object { len, .. } => len,
        _ => 0,
    };
    let mut next = at + 1;
    (0..len).filter_map(move |_| {
        let key = text(nodes, next)?;
        let value = next + 1;
        next = after(nodes, value);
        Some((key, value))
    })
}

fn text<'j>(nodes: Nodes<'_, 'j>, at: usize) -> Option<&'j str> {
    match nodes[at] {
        Node::String(text) => Some(text),
        _ => None,
    }
}

fn is_object(nodes: Nodes<'_, '_>, at: usize) -> bool {
    matches!(nodes[at], Node::Object { .. })
}

fn is_truthy(nodes: Nodes<'_, '_>, at: usize) -> bool {
    match nodes[at] {
        Node::String(text) => !text.is_empty(),
        Node::Object { .. } | Node::Array { .. } => true,
        Node::Static(StaticNode::Null) => false,
        Node::Static(StaticNode::Bool(value)) => value,
        Node::Static(StaticNode::I64(value)) => value != 0,
        Node::Static(StaticNode::U64(value)) => value != 0,
        Node::Static(StaticNode::F64(value)) => value != 0.0,
    }
}

/// Where the parts of the document lie; 0 for what it lacks, since 0 is the document itself.
#[derive(Default)]
struct Parts<'j> {
    name: &'j str,
    versions: usize,
    tags: usize,
    times: usize,
    modified: usize,
    staged: usize,
    policy: usize,
}

fn read_document<'j>(nodes: Nodes<'_, 'j>, heap: &'j mut Heap) -> Result<Packument, PackumentError> {
    if nodes.is_empty() || !is_object(nodes, 0) {
        return Err(PackumentError::Shape("the document is no object"));
    }
    let mut parts = Parts::default();
    for (key, value) in members(nodes, 0) {
        match key {
            "name" => parts.name = text(nodes, value).unwrap_or_default(),
            "versions" => parts.versions = value,
            "dist-tags" => parts.tags = value,
            "time" => parts.times = value,
            "modified" => parts.modified = value,
            "stagedVersions" => parts.staged = value,
            "policyRestrictions" => parts.policy = value,
            _ => {}
        }
    }
    if parts.name.is_empty() && parts.versions == 0 {
        return Err(PackumentError::Shape("the document has neither a name nor versions"));
    }
    heap.reset();
    let writer = Writer::new(parts.name, heap);
    let mut reader = Reader { nodes, writer, name: parts.name, last: Last::default() };
    reader.read(&parts);
    reader.writer.finish()
}

/// What the version before had, for comparison.
#[derive(Default)]
struct Last {
    dependencies: [usize; 3],
    dependencies_offset: u32,
    passed: [usize; PASSED],
    passed_offset: u32,
}

/// Slots of the passed fields: one for each code of [`Passed`], index 0 unused.
pub(super) const PASSED: usize = Passed::ALL.len() + 1;

/// Where the fields of one version lie; 0 for what it lacks.
#[derive(Default)]
struct Slots {
    dependencies: [usize; 3],
    passed: [usize; PASSED],
    bundled: usize,
    dist: usize,
    deprecated: usize,
    has_install_script: usize,
    has_shrinkwrap: usize,
    scripts: usize,
}

struct Reader<'t, 'j> {
    nodes: Nodes<'t, 'j>,
    writer: Writer<'j>,
    name: &'j str,
    last: Last,
}

impl<'j> Reader<'_, 'j> {
    fn read(&mut self, parts: &Parts<'j>) {
        let nodes = self.nodes;
        if let Node::Object { len, .. } = nodes[parts.versions]
            && parts.versions != 0
        {
            self.writer.reserve(len);
        }
        self.versions(parts.versions, Place::Versions);
        for (at, place) in [(parts.staged, Place::Staged), (parts.policy, Place::Restricted)] {
            for (key, value) in part(nodes, at) {
                match (key, place) {
                    ("versions", _) => self.versions(value, place),
                    ("message", Place::Restricted) => {
                        self.writer.policy(text(nodes, value).unwrap_or_default());
                    }
                    _ => {}
                }
            }
        }
        for (tag, value) in part(nodes, parts.tags) {
            if let Some(version) = text(nodes, value) {
                self.writer.tag(tag, version);
            }
        }
        self.times(parts);
    }

    fn times(&mut self, parts: &Parts<'j>) {
        let nodes = self.nodes;
        let time = |at: usize| match nodes[at] {
            Node::String("") | Node::Static(StaticNode::Null) => NO_TIME,
            Node::String(text) => date::parse(text).unwrap_or(BAD_TIME),
            _ => BAD_TIME,
        };
        if parts.modified != 0 {
            self.writer.modified(time(parts.modified));
        }
        if parts.times != 0 && is_object(nodes, parts.times) {
            let times: Vec<(&str, i64)> =
                members(nodes, parts.times).map(|(text, at)| (text, time(at))).collect();
            if let Some((_, modified)) = times.iter().find(|(key, _)| *key == "modified") {
                self.writer.modified(*modified);
            }
            self.writer.times(times);
        }
    }

    fn versions(&mut self, at: usize, place: Place) {
        if at == 0 {
            return;
        }
        let nodes = self.nodes;
        for (version, value) in members(nodes, at) {
            if is_object(nodes, value) {
                self.version(version, value, place);
            }
        }
    }

    fn version(&mut self, version: &'j str, at: usize, place: Place) {
        let nodes = self.nodes;
        let slots = slots(nodes, at);
        let (node_engine, npm_engine) = self.engines(slots.passed[Passed::Engines as usize]);
        let fields = VersionFields {
            node_engine,
            npm_engine,
            dependencies: self.dependencies(&slots),
            passed: self.passed(version, &slots),
            deprecation: "",
            has_install_script: truthy_slot(nodes, slots.has_install_script)
                || runs_install_script(nodes, slots.scripts),
            has_shrinkwrap: truthy_slot(nodes, slots.has_shrinkwrap),
            dist: self.dist(slots.dist),
        };
        match deprecation(nodes, slots.deprecated) {
            Deprecation::No => self.writer.version(version, place, &fields),
            Deprecation::Text(text) => {
                self.writer.version(version, place, &VersionFields { deprecation: text, ..fields });
            }
            Deprecation::Odd(json) => {
                let offset = self.writer.heap.intern(&json);
                self.writer.deprecated_version(version, place, &fields, offset);
            }
        }
    }

    fn engines(&self, at: usize) -> (&'j str, &'j str) {
        let mut engines = ("", "");
        for (key, value) in part(self.nodes, at) {
            let range = match self.nodes[value] {
                Node::String(text) => text,
                _ if is_truthy(self.nodes, value) => IMPOSSIBLE_ENGINE,
                _ => "",
            };
            match key {
                "node" => engines.0 = range,
                "npm" => engines.1 = range,
                _ => {}
            }
        }
        engines
    }

    fn dist(&self, at: usize) -> Option<DistFields<'j>> {
        if at == 0 || !is_object(self.nodes, at) {
            return None;
        }
        let mut dist = DistFields::default();
        for (key, value) in members(self.nodes, at) {
            let field = match key {
                "tarball" => &mut dist.tarball,
                "integrity" => &mut dist.integrity,
                "shasum" => &mut dist.shasum,
                _ => continue,
            };
            *field = text(self.nodes, value).unwrap_or_default();
        }
        Some(dist)
    }

    fn dependencies(&mut self, slots: &Slots) -> u32 {
        let now = slots.dependencies;
        if !same(self.nodes, &now, &self.last.dependencies) {
            let blocks = now.map(|at| self.block(at));
            let [plain, optional, peer] = &blocks;
            self.last.dependencies_offset = self.writer.dependencies([plain, optional, peer]);
        }
        self.last.dependencies = now;
        self.last.dependencies_offset
    }

    /// The entries of a dependency block whose spec is a text; of two with one name the later, in the place of
    /// the earlier.
    fn block(&self, at: usize) -> Vec<(&'j str, &'j str)> {
        let mut block = Vec::new();
        for (name, value) in part(self.nodes, at) {
            if let Some(spec) = text(self.nodes, value) {
                block.push((name, spec));
            }
        }
        super::writer::keep_last(&mut block);
        block
    }

    fn passed(&mut self, version: &str, slots: &Slots) -> u32 {
        let nodes = self.nodes;
        let mut now = slots.passed;
        for (field, usual) in [(Passed::Name, self.name), (Passed::Version, version)] {
            let slot = &mut now[field as usize];
            if *slot != 0 && text(nodes, *slot).is_none_or(|text| text == usual || text.is_empty()) {
                *slot = 0;
            }
        }
        if now[Passed::Bundle as usize] == 0 {
            now[Passed::Bundle as usize] = slots.bundled;
        }
        if !same(nodes, &now, &self.last.passed) {
            let mut blob = Vec::new();
            let mut json = Vec::new();
            for field in Passed::ALL {
                let at = now[field as usize];
                if at != 0 && is_truthy(nodes, at) {
                    json.clear();
                    put_json(nodes, at, &mut json);
                    blob.push(field as u8);
                    blob.extend_from_slice(&self.writer.heap.intern(&json).to_le_bytes());
                }
            }
            self.last.passed_offset = self.writer.heap.intern(&blob);
        }
        self.last.passed = now;
        self.last.passed_offset
    }
}

/// What a member of a version is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Plain, optional or peer dependencies, by number.
    Dependencies(usize),
    Passed(Passed),
    /// The other name of `bundleDependencies`.
    Bundled,
    Dist,
    Deprecated,
    HasInstallScript,
    HasShrinkwrap,
    Scripts,
    /// Nothing here.
    Other,
}

impl Field {
    pub(super) fn of(key: &str) -> Self {
        match key {
            "dependencies" => Self::Dependencies(0),
            "optionalDependencies" => Self::Dependencies(1),
            "peerDependencies" => Self::Dependencies(2),
            "name" => Self::Passed(Passed::Name),
            "version" => Self::Passed(Passed::Version),
            "engines" => Self::Passed(Passed::Engines),
            "os" => Self::Passed(Passed::Os),
            "cpu" => Self::Passed(Passed::Cpu),
            "libc" => Self::Passed(Passed::Libc),
            "bin" => Self::Passed(Passed::Bin),
            "funding" => Self::Passed(Passed::Funding),
            "license" => Self::Passed(Passed::License),
            "peerDependenciesMeta" => Self::Passed(Passed::PeerMeta),
            "bundleDependencies" => Self::Passed(Passed::Bundle),
            "acceptDependencies" => Self::Passed(Passed::Accept),
            "workspaces" => Self::Passed(Passed::Workspaces),
            "bundledDependencies" => Self::Bundled,
            "dist" => Self::Dist,
            "deprecated" => Self::Deprecated,
            "hasInstallScript" => Self::HasInstallScript,
            "_hasShrinkwrap" => Self::HasShrinkwrap,
            "scripts" => Self::Scripts,
            _ => Self::Other,
        }
    }
}

fn slots(nodes: Nodes<'_, '_>, at: usize) -> Slots {
    let mut slots = Slots::default();
    for (key, value) in members(nodes, at) {
        let slot = match Field::of(key) {
            Field::Dependencies(kind) => &mut slots.dependencies[kind],
            Field::Passed(field) => &mut slots.passed[field as usize],
            Field::Bundled => &mut slots.bundled,
            Field::Dist => &mut slots.dist,
            Field::Deprecated => &mut slots.deprecated,
            Field::HasInstallScript => &mut slots.has_install_script,
            Field::HasShrinkwrap => &mut slots.has_shrinkwrap,
            Field::Scripts => &mut slots.scripts,
            Field::Other => continue,
        };
        *slot = value;
    }
    slots
}

/// Whether two versions have equal values in all of these slots.
fn same(nodes: Nodes<'_, '_>, now: &[usize], last: &[usize]) -> bool {
    now.iter().zip(last).all(|(&now, &last)| match (now, last) {
        (0, 0) => true,
        (0, _) | (_, 0) => false,
        (now, last) => nodes[now..after(nodes, now)] == nodes[last..after(nodes, last)],
    })
}

fn truthy_slot(nodes: Nodes<'_, '_>, at: usize) -> bool {
    at != 0 && is_truthy(nodes, at)
}

fn runs_install_script(nodes: Nodes<'_, '_>, at: usize) -> bool {
    at != 0
        && members(nodes, at).any(|(key, value)| {
            matches!(key, "preinstall" | "install" | "postinstall")
                && text(nodes, value).is_some_and(|script| !script.is_empty())
        })
}

enum Deprecation<'j> {
    No,
    Text(&'j str),
    /// Something true that is no text, as JSON.
    Odd(Vec<u8>),
}

fn deprecation<'j>(nodes: Nodes<'_, 'j>, at: usize) -> Deprecation<'j> {
    if !truthy_slot(nodes, at) {
        return Deprecation::No;
    }
    match text(nodes, at) {
        Some(text) => Deprecation::Text(text),
        None => {
            let mut json = Vec::new();
            put_json(nodes, at, &mut json);
            Deprecation::Odd(json)
        }
    }
}

/// Writes the value at `at` as JSON. The depth is bounded by [`MAX_DEPTH`].
fn put_json(nodes: Nodes<'_, '_>, at: usize, out: &mut Vec<u8>) {
    match nodes[at] {
        Node::String(text) => put_string(text, out),
        Node::Static(value) => put_static(value, out),
        Node::Object { .. } => {
            out.push(b'{');
            for (index, (key, value)) in members(nodes, at).enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                put_string(key, out);
                out.push(b':');
                put_json(nodes, value, out);
            }
            out.push(b'}');
        }
        Node::Array { len, .. } => {
            out.push(b'[');
            let mut next = at + 1;
            for index in 0..len {
                if index > 0 {
                    out.push(b',');
                }
                put_json(nodes, next, out);
                next = after(nodes, next);
            }
            out.push(b']');
        }
    }
}

fn put_static(value: StaticNode, out: &mut Vec<u8>) {
    let number = match value {
        StaticNode::Null => return out.extend_from_slice(b"null"),
        StaticNode::Bool(true) => return out.extend_from_slice(b"true"),
        StaticNode::Bool(false) => return out.extend_from_slice(b"false"),
        StaticNode::I64(value) => Some(value.into()),
        StaticNode::U64(value) => Some(value.into()),
        StaticNode::F64(value) => serde_json::Number::from_f64(value),
    };
    match number {
        Some(number) => out.extend_from_slice(number.to_string().as_bytes()),
        None => out.extend_from_slice(b"null"),
    }
}

fn put_string(text: &str, out: &mut Vec<u8>) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
    }
}
