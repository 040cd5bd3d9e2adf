//! npm's public registry, and URLs fit to be shown.

use std::sync::LazyLock;

use url::Url;

/// The registry that is asked when no layer names one: npm's public registry, or what `UTOO_DEFAULT_REGISTRY` said
/// when utoo was built.
///
/// The host is put together from its labels so that it stands literally nowhere in the source: a build for a closed
/// network replaces it here and has nothing else to look for.
#[must_use]
pub fn public_registry() -> Url {
    static PUBLIC: LazyLock<Url> = LazyLock::new(|| {
        let text = match option_env!("UTOO_DEFAULT_REGISTRY") {
            Some(url) if !url.is_empty() => url.to_owned(),
            _ => format!("https://{}/", ["registry", "npmjs", "org"].join(".")),
        };
        let mut url = Url::parse(&text).unwrap_or_else(|_| loopback());
        ensure_directory(&mut url);
        url
    });
    PUBLIC.clone()
}

/// Where requests go when `UTOO_DEFAULT_REGISTRY` was built in as something that is no URL: nowhere but this machine.
#[expect(clippy::expect_used, reason = "a constant, and a test parses it")]
fn loopback() -> Url {
    Url::parse("http://127.0.0.1/").expect("a constant URL")
}

/// A registry's path ends in a slash, so that names can be joined to it.
pub(crate) fn ensure_directory(url: &mut Url) {
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
}

/// The URL without user name and password, as it may be printed or logged.
#[must_use]
pub fn redact_url(url: &Url) -> String {
    if url.username().is_empty() && url.password().is_none() {
        return url.to_string();
    }
    let mut shown = url.clone();
    // Both fail only for URLs that cannot carry credentials, which then have none to hide.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_registry_is_a_directory_url() {
        assert!(public_registry().path().ends_with('/'));
        assert_eq!(loopback().scheme(), "http");
    }

    #[test]
    fn redaction_removes_user_and_password_only() {
        let url = Url::parse("https://u:p@registry.example/x?y#z").unwrap();
        assert_eq!(redact_url(&url), "https://registry.example/x?y#z");
    }
}
