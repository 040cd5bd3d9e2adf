//! The hosts that count as registries.

use std::collections::BTreeSet;

/// The hosts of all registries that are configured: `name` or `name:port`, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryHosts(BTreeSet<String>);

impl RegistryHosts {
    /// These hosts.
    pub fn new(hosts: impl IntoIterator<Item = String>) -> Self {
        Self(hosts.into_iter().collect())
    }

    /// Whether a URL is on one of these hosts, port included.
    pub fn contains(&self, url: &str) -> bool {
        // Read by hand: this is asked of every entry of a lockfile. Whatever is not plainly `scheme://host/` is none.
        let Some((_, rest)) = url.split_once("://") else { return false };
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let host = &rest[..end];
        self.0.contains(host) || self.0.contains(&host.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_what_stands_between_the_scheme_and_the_path() {
        let hosts = RegistryHosts::new(["registry.example".to_owned(), "127.0.0.1:4873".to_owned()]);
        for url in
            ["https://registry.example/a", "http://Registry.Example", "http://127.0.0.1:4873/a/-/a-1.0.0.tgz"]
        {
            assert!(hosts.contains(url), "{url}");
        }
        for url in [
            "https://registry.example.evil.example/a",
            "https://registry.example@evil.example/a",
            "https://evil.example/https://registry.example/a",
            "https://registry.example:444/a",
            "https://registry.example\t.evil.example/",
            "git@registry.example:a",
            "",
        ] {
            assert!(!hosts.contains(url), "{url}");
        }
    }
}
