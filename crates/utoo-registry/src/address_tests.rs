use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn name(text: &str) -> PackageName {
    PackageName::new_unchecked(text)
}

#[test]
fn packuments_are_addressed_as_npm_addresses_them() {
    for (registry, package, expected) in [
        ("https://registry.example/", "react", "https://registry.example/react"),
        ("https://registry.example/a/b", "react", "https://registry.example/a/b/react"),
        ("https://registry.example/", "@babel/core", "https://registry.example/@babel%2fcore"),
        ("https://registry.example/", "JSONStream", "https://registry.example/JSONStream"),
        ("https://registry.example/", "a b?c#d", "https://registry.example/a%20b%3Fc%23d"),
    ] {
        assert_eq!(packument_url(&url(registry), &name(package)).unwrap().as_str(), expected);
    }
}

#[test]
fn a_range_is_one_path_component() {
    let address = version_url(&url("https://registry.example/npm/"), &name("@s/x"), "^1.0.0 || 2/3").unwrap();
    assert_eq!(address.as_str(), "https://registry.example/npm/@s%2fx/%5E1.0.0%20%7C%7C%202%2f3");
}

#[test]
fn an_origin_is_scheme_host_and_port() {
    let base = url("https://registry.example/a");
    assert!(same_origin(&base, &url("https://registry.example:443/b")));
    assert!(!same_origin(&base, &url("http://registry.example/a")));
    assert!(!same_origin(&base, &url("https://registry.example:8443/a")));
    assert!(!same_origin(&base, &url("https://cdn.registry.example/a")));
}

#[test]
fn no_secret_of_a_url_is_shown() {
    assert_eq!(
        redact(&url("https://u:hunter2@h.example/a?sig=abc&x=1&tok")),
        "https://***@h.example/a?sig=***&x=***&***"
    );
    assert_eq!(redact(&url("https://h.example/a")), "https://h.example/a");
}

#[test]
fn no_secret_inside_a_text_is_shown() {
    assert_eq!(
        redact_text("fatal: unable to access 'https://u:p@h.example/a.git/': no; ssh://git@h.example/b"),
        "fatal: unable to access 'https://***@h.example/a.git/': no; ssh://git@h.example/b"
    );
    assert_eq!(redact_text("nothing here"), "nothing here");
    assert_eq!(redact_text("cut short https://u:p@h"), "cut short https://***@h");
}
