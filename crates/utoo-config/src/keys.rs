//! The keys that utoo knows: their types, as npm's documentation gives them, and their defaults.

/// What a key's value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`; also `1`, `0`, `null` (false) and nothing (the default).
    Boolean,
    /// Any text.
    Text,
    /// A whole number from 0.
    Count,
    /// Milliseconds, or another number from 0 that may have a fraction.
    Number,
    /// A path; relative ones start at the file's folder, in flags and environment at the current directory, and `~/`
    /// is the home directory.
    Path,
    /// An `http:` or `https:` URL.
    Url,
    /// A URL, `null` or `false` for none. A proxy may be written without its scheme.
    Proxy,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Any number of texts: `key[]=` in files, repeated or comma-separated flags.
    List,
    /// Any number of these words.
    ListOf(&'static [&'static str]),
    /// A date or a date with time, as ISO 8601 writes it.
    Date,
}

impl Kind {
    /// The allowed values, in words, for an error message.
    #[must_use]
    pub fn expected(self) -> String {
        match self {
            Self::Boolean => "true or false".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::Count => "a whole number from 0".to_owned(),
            Self::Number => "a number from 0".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Url => "an http:// or https:// URL".to_owned(),
            Self::Proxy => "a URL, or null for none".to_owned(),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::List => "a list of texts".to_owned(),
            Self::ListOf(words) => format!("any of {}", words.join(", ")),
            Self::Date => "a date such as 2026-01-31 or 2026-01-31T12:00:00Z".to_owned(),
        }
    }
}

/// A key that utoo knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// As npm spells it, with dashes.
    pub key: &'static str,
    /// What its value may be.
    pub kind: Kind,
}

/// Words for `loglevel`, quietest first.
pub(crate) const LOG_LEVELS: &[&str] =
    &["silent", "error", "warn", "notice", "http", "info", "verbose", "silly"];

const DEPENDENCY_TYPES: &[&str] = &["dev", "optional", "peer"];
const INCLUDABLE_TYPES: &[&str] = &["prod", "dev", "optional", "peer"];

/// Every key that utoo types, sorted by name.
#[must_use]
pub fn definitions() -> &'static [Definition] {
    DEFINITIONS
}

/// The definition of a key, if utoo types it.
pub(crate) fn find(key: &str) -> Option<&'static Definition> {
    DEFINITIONS.binary_search_by(|definition| definition.key.cmp(key)).ok().map(|index| &DEFINITIONS[index])
}

const fn def(key: &'static str, kind: Kind) -> Definition {
    Definition { key, kind }
}

#[rustfmt::skip] // a table: one key a line
const DEFINITIONS: &[Definition] = &[
    def("all", Kind::Boolean),
    def("allow-scripts", Kind::List),
    def("allow-scripts-pending", Kind::Boolean),
    def("allow-scripts-pin", Kind::Boolean),
    def("also", Kind::OneOf(&["dev", "development"])),
    def("before", Kind::Date),
    def("bin-links", Kind::Boolean),
    def("block-exotic-subdeps", Kind::Boolean),
    def("ca", Kind::List),
    def("cache-dir", Kind::Path),
    def("cafile", Kind::Path),
    def("cert", Kind::Text),
    def("color", Kind::OneOf(&["always", "true", "false"])),
    def("cpu", Kind::Text),
    def("dangerously-allow-all-scripts", Kind::Boolean),
    def("depth", Kind::Number),
    def("dev", Kind::Boolean),
    def("dry-run", Kind::Boolean),
    def("engine-strict", Kind::Boolean),
    def("fetch-retries", Kind::Count),
    def("fetch-retry-factor", Kind::Number),
    def("fetch-retry-maxtimeout", Kind::Number),
    def("fetch-retry-mintimeout", Kind::Number),
    def("fetch-timeout", Kind::Number),
    def("force", Kind::Boolean),
    def("foreground-scripts", Kind::Boolean),
    def("format-package-lock", Kind::Boolean),
    def("global-style", Kind::Boolean),
    def("globalconfig", Kind::Path),
    def("https-proxy", Kind::Proxy),
    def("if-present", Kind::Boolean),
    def("ignore-scripts", Kind::Boolean),
    def("include", Kind::ListOf(INCLUDABLE_TYPES)),
    def("include-workspace-root", Kind::Boolean),
    def("install-links", Kind::Boolean),
    def("install-strategy", Kind::OneOf(&["hoisted", "nested", "shallow", "linked"])),
    def("json", Kind::Boolean),
    def("key", Kind::Text),
    def("legacy-bundling", Kind::Boolean),
    def("legacy-peer-deps", Kind::Boolean),
    def("libc", Kind::Text),
    def("link", Kind::Boolean),
    def("local-address", Kind::Text),
    def("lockfile-version", Kind::OneOf(&["1", "2", "3"])),
    def("loglevel", Kind::OneOf(LOG_LEVELS)),
    def("long", Kind::Boolean),
    def("maxsockets", Kind::Count),
    def("min-release-age", Kind::Number),
    def("node-options", Kind::Text),
    def("noproxy", Kind::List),
    def("offline", Kind::Boolean),
    def("omit", Kind::ListOf(DEPENDENCY_TYPES)),
    def("omit-lockfile-registry-resolved", Kind::Boolean),
    def("only", Kind::OneOf(&["prod", "production"])),
    def("optional", Kind::Boolean),
    def("os", Kind::Text),
    def("package-lock", Kind::Boolean),
    def("package-lock-only", Kind::Boolean),
    def("parseable", Kind::Boolean),
    def("prefer-dedupe", Kind::Boolean),
    def("prefer-offline", Kind::Boolean),
    def("prefer-online", Kind::Boolean),
    def("production", Kind::Boolean),
    def("progress", Kind::Boolean),
    def("proxy", Kind::Proxy),
    def("registry", Kind::Url),
    def("replace-registry-host", Kind::Text),
    def("save", Kind::Boolean),
    def("save-bundle", Kind::Boolean),
    def("save-dev", Kind::Boolean),
    def("save-exact", Kind::Boolean),
    def("save-optional", Kind::Boolean),
    def("save-peer", Kind::Boolean),
    def("save-prefix", Kind::Text),
    def("save-prod", Kind::Boolean),
    def("script-shell", Kind::Text),
    def("script-timeout", Kind::Number),
    def("shrinkwrap", Kind::Boolean),
    def("strict-allow-scripts", Kind::Boolean),
    def("strict-peer-deps", Kind::Boolean),
    def("strict-ssl", Kind::Boolean),
    def("tag", Kind::Text),
    def("timing", Kind::OneOf(&["trace", "true", "false"])),
    def("trusted-registries", Kind::List),
    def("unicode", Kind::Boolean),
    def("user-agent", Kind::Text),
    def("userconfig", Kind::Path),
    def("workspace", Kind::List),
    def("workspaces", Kind::Boolean),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(DEFINITIONS.windows(2).all(|pair| pair[0].key < pair[1].key));
        assert_eq!(find("registry").map(|definition| definition.kind), Some(Kind::Url));
        assert_eq!(find("nonsense"), None);
    }
}
