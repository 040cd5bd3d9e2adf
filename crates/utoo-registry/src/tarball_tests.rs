use super::*;

fn moved(url: &str, registry: &str, replace: &ReplaceRegistryHost) -> String {
    let [url, registry, public] =
        [url, registry, "https://public.example/"].map(|text| Url::parse(text).unwrap());
    on_registry_host(url, &registry, replace, &public).into()
}

#[test]
fn the_public_registrys_tarballs_come_from_the_configured_registry() {
    let npmjs = ReplaceRegistryHost::Npmjs;
    for (url, registry, expected) in [
        (
            "https://public.example/a/-/a-1.0.0.tgz",
            "http://localhost:4873/",
            "http://localhost:4873/a/-/a-1.0.0.tgz",
        ),
        (
            "https://public.example/a/-/a.tgz?x=1",
            "https://r.example/npm/",
            "https://r.example/npm/a/-/a.tgz?x=1",
        ),
        ("https://public.example/npm/a/-/a.tgz", "https://r.example/npm/", "https://r.example/npm/a/-/a.tgz"),
        ("https://public.example/a/-/a.tgz", "https://public.example/", "https://public.example/a/-/a.tgz"),
        ("https://cdn.example/a/-/a.tgz", "https://r.example/", "https://cdn.example/a/-/a.tgz"),
    ] {
        assert_eq!(moved(url, registry, &npmjs), expected);
    }
}

#[test]
fn other_hosts_are_replaced_where_the_configuration_says_so() {
    let url = "https://cdn.example/a/-/a.tgz";
    let registry = "https://r.example/";
    let replaced = "https://r.example/a/-/a.tgz";
    assert_eq!(moved(url, registry, &ReplaceRegistryHost::Always), replaced);
    assert_eq!(moved(url, registry, &ReplaceRegistryHost::Host("cdn.example".into())), replaced);
    assert_eq!(moved(url, registry, &ReplaceRegistryHost::Host("other.example".into())), url);
    assert_eq!(
        moved("https://public.example/a", registry, &ReplaceRegistryHost::Never),
        "https://public.example/a"
    );
}

#[test]
fn only_http_brings_tarballs() {
    for refused in ["file:///etc/passwd", "git+ssh://git@h.example/a.git", "data:,x", "not a url", "../a.tgz"]
    {
        assert_eq!(parse(refused).unwrap_err().code, "EUNSUPPORTEDPROTOCOL", "{refused}");
    }
    let error = parse("nonsense ftp://u:secret@h.example/").unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}
