//! The list of targets.

mod config;
mod names;
mod packages;
mod server;
mod text;

/// One promise and how to try it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called, on the command line and in `fixtures/fuzz`.
    pub name: &'static str,
    /// What it promises.
    pub promise: &'static str,
    /// Tries it. Panics where it is broken.
    pub run: fn(&[u8]),
}

const TARGETS: &[Target] = &[
    Target {
        name: "tarball",
        promise: "what is unpacked stays in its folder, or nothing is left",
        run: packages::tarball,
    },
    Target {
        name: "deflate",
        promise: "a stream inflates to what zlib makes of it, or both refuse it",
        run: packages::deflate,
    },
    Target { name: "store-index", promise: "a damaged index is a miss", run: packages::store_index },
    Target {
        name: "packument",
        promise: "JSON that both parsers read has the same versions",
        run: packages::packument,
    },
    Target {
        name: "packument-form",
        promise: "a damaged packed form is an error",
        run: packages::packument_form,
    },
    Target {
        name: "semver",
        promise: "a version reads back, and a range reads the same twice",
        run: text::semver,
    },
    Target {
        name: "spec",
        promise: "every spec has a kind or an error, and no option for git",
        run: text::spec,
    },
    Target { name: "integrity", promise: "an integrity reads back", run: text::integrity },
    Target {
        name: "lockfile",
        promise: "a lockfile that was written reads back to the same text",
        run: text::lockfile,
    },
    Target {
        name: "package-json",
        promise: "an edit changes what it is about, and the rest stays",
        run: text::package_json,
    },
    Target {
        name: "names",
        promise: "a name that is allowed, and a bin's, is a path inside",
        run: names::names,
    },
    Target { name: "paths", promise: "a joined path is inside, or refused", run: names::paths },
    Target { name: "npmrc", promise: "no .npmrc panics, and none shows its secrets", run: config::npmrc },
    Target {
        name: "server",
        promise: "every request gets an answer that is no failure of the server",
        run: server::request,
    },
];

/// All of them.
#[must_use]
pub fn targets() -> &'static [Target] {
    TARGETS
}

/// The target of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// The text, where the bytes are one.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
