use super::*;

#[test]
fn booleans() {
    for text in ["true", "1", "TRUE", "True"] {
        assert_eq!(boolean(text), Some(true), "{text}");
    }
    for text in ["false", "0", "null", "False"] {
        assert_eq!(boolean(text), Some(false), "{text}");
    }
    for text in ["yes", "off", "2", "tru"] {
        assert_eq!(boolean(text), None, "{text}");
    }
}

#[test]
fn numbers_are_javascripts_from_zero() {
    let cases =
        [("5", 5.0), ("1e2", 100.0), ("0x10", 16.0), ("1.5", 1.5), ("0", 0.0), ("Infinity", f64::INFINITY)];
    for (text, value) in cases {
        assert_eq!(number(text), Some(value), "{text}");
    }
    for text in ["-1", "inf", "nan", "NaN", "abc", "0xfffffffff", "1e999", "1 2"] {
        assert_eq!(number(text), None, "{text}");
    }
    assert_eq!(count("15"), Some(15));
    assert_eq!(count("4294967295"), Some(u32::MAX));
    for text in ["1.5", "4294967296", "Infinity"] {
        assert_eq!(count(text), None, "{text}");
    }
}

#[test]
fn paths_start_at_home_or_base() {
    let at = |text| path(text, Path::new("/base"), Some(Path::new("/home/u")));
    assert_eq!(at("~/x"), Path::new("/home/u/x"));
    assert_eq!(at("~"), Path::new("/home/u"));
    assert_eq!(at("~x"), Path::new("/base/~x"));
    assert_eq!(at("./a/../b"), Path::new("/base/b"));
    assert_eq!(at("/abs"), Path::new("/abs"));
    assert_eq!(path("~/x", Path::new("/base"), None), Path::new("/base/~/x"));
}

#[test]
fn registries_are_http_and_end_in_a_slash() {
    assert_eq!(
        registry_url("https://registry.example/npm?x#y").unwrap().as_str(),
        "https://registry.example/npm/"
    );
    assert_eq!(registry_url("http://127.0.0.1:4873").unwrap().as_str(), "http://127.0.0.1:4873/");
    for text in ["registry.example", "ftp://registry.example", "https://", "file:///x", ""] {
        assert!(registry_url(text).is_none(), "{text}");
    }
}

#[test]
fn proxies_may_leave_out_their_scheme() {
    assert_eq!(proxy_url("proxy.example:8080").unwrap().as_str(), "http://proxy.example:8080/");
    assert_eq!(proxy_url("socks5://proxy.example:1080").unwrap().scheme(), "socks5");
    assert!(proxy_url("ftp://proxy.example").is_none());
}

#[test]
fn dates_are_milliseconds() {
    assert_eq!(date("2020-01-01"), Some(1_577_836_800_000));
    assert_eq!(date("2020-01-01T00:00:00Z"), Some(1_577_836_800_000));
    assert_eq!(date("2020-01-01T01:00:00+01:00"), Some(1_577_836_800_000));
    assert_eq!(date("2020-01-01T00:00:00.250Z"), Some(1_577_836_800_250));
    assert_eq!(date("2020-01-01T00:00:00"), Some(1_577_836_800_000));
    assert_eq!(date("garbage"), None);
    assert_eq!(date("2020-13-01"), None);
}
