//! Layers, typed keys and paths of whole configurations.

mod common;

use std::path::Path;
use std::time::Duration;

use common::{Place, url};
use utoo_config::{
    CacheMode, Color, InstallStrategy, Layer, LogLevel, Omit, ReplaceRegistryHost, SaveKind, definitions,
    public_registry,
};

#[test]
fn an_empty_place_has_npms_defaults() {
    let place = Place::new();
    let config = place.load();
    assert_eq!(config.default_registry(), &public_registry());
    assert_eq!(config.prefix(), place.path("project"));
    assert_eq!(config.cache_dir(), place.path("home/.cache/utoo"));
    assert_eq!(config.install().omit, Omit::default());
    assert_eq!(config.save().save_prefix, "^");
    assert!(config.save().save && config.lock().package_lock && config.network().strict_ssl);
    assert_eq!(config.resolve().tag, "latest");
    assert_eq!(config.network().retries.count, 2);
    assert_eq!(config.network().retries.mintimeout, Duration::from_secs(10));
    assert_eq!(config.network().fetch_timeout, Duration::from_secs(300));
    assert_eq!(config.network().cache_mode, CacheMode::Default);
    assert_eq!(config.display().loglevel, LogLevel::Notice);
    assert_eq!(config.warnings(), []);
    assert!(config.network().user_agent.starts_with("utoo/"), "{}", config.network().user_agent);
}

#[test]
fn the_stronger_layer_wins() {
    let mut place = Place::new();
    let registry = |place: &Place| place.load().default_registry().host_str().unwrap().to_owned();
    place = place.global("registry=https://global.example");
    assert_eq!(registry(&place), "global.example");
    place = place.user("registry=https://user.example");
    assert_eq!(registry(&place), "user.example");
    place = place.project("registry=https://project.example");
    assert_eq!(registry(&place), "project.example");
    place = place.env("NPM_CONFIG_REGISTRY", "https://environment.example");
    assert_eq!(registry(&place), "environment.example");
    place = place.flag("registry", "https://flag.example");
    assert_eq!(registry(&place), "flag.example");
    let config = place.load();
    assert_eq!(config.get_raw("registry").map(|raw| raw.layer), Some(Layer::Flags));
}

#[test]
fn the_files_can_be_elsewhere() {
    let place = Place::new().file("else/user", "tag=user").file("else/global", "save-prefix=~\ntag=global");
    let (user, global) = (place.path("else/user"), place.path("else/global"));
    let config = place
        .env("NPM_CONFIG_USERCONFIG", user.to_str().unwrap())
        .env("npm_config_globalconfig", global.to_str().unwrap())
        .load();
    assert_eq!((config.resolve().tag.as_str(), config.save().save_prefix.as_str()), ("user", "~"));
    let place = Place::new().user("prefix=~/mine").file("home/mine/etc/npmrc", "tag=mine");
    assert_eq!(place.load().resolve().tag, "mine");
}

#[test]
fn in_the_home_directory_the_file_is_the_users() {
    let place = Place::new().user("tag=x").file("home/package.json", "{}");
    let config = place.load_from("home").unwrap();
    assert_eq!(config.get_raw("tag").map(|raw| raw.layer), Some(Layer::User));
}

#[test]
fn scopes_have_registries_of_their_own() {
    let config = Place::new()
        .user("registry=https://registry.example/\n@corp:registry=https://corp.example/npm")
        .env("npm_config_@up:registry", "https://up.example/")
        .load();
    let host = |name: &str| config.registry_for(name).to_string();
    assert_eq!(host("@corp/x"), "https://corp.example/npm/");
    assert_eq!(host("@up/x"), "https://up.example/");
    assert_eq!(host("@corporate/x"), "https://registry.example/");
    assert_eq!(host("corp"), "https://registry.example/");
    assert_eq!(config.scoped_registries().count(), 2);
}

#[test]
fn a_wrong_value_names_file_line_key_and_what_is_allowed() {
    for (line, expected) in [
        ("lockfile-version=4", "lockfile-version = 4: expected one of 1, 2, 3"),
        ("save-exact=off", "save-exact = off: expected true or false"),
        ("fetch-retries=-1", "fetch-retries = -1: expected a whole number from 0"),
        ("fetch-timeout=soon", "fetch-timeout = soon: expected a number from 0"),
        ("registry=registry.example", "registry = registry.example: expected an http:// or https:// URL"),
        ("@s:registry=nowhere", "@s:registry = nowhere: expected an http:// or https:// URL"),
        (
            "install-strategy=flat",
            "install-strategy = flat: expected one of hoisted, nested, shallow, linked",
        ),
        ("before=soon", "before = soon: expected a date such as 2026-01-31 or 2026-01-31T12:00:00Z"),
        ("proxy=ftp://x", "proxy = ftp://x: expected a URL, or null for none"),
    ] {
        let (code, message) = Place::new().project(&format!("; first\n{line}")).error();
        assert_eq!((code, message), ("EINVALIDCONFIG", format!("project/.npmrc:2: {expected}")));
    }
    let (_, message) = Place::new().env("npm_config_loglevel", "loud").error();
    assert!(
        message.starts_with(
            "environment variable npm_config_loglevel: loglevel = loud: expected one of silent,"
        )
    );
    let (_, message) = Place::new().flag("maxsockets", "many").error();
    assert_eq!(message, "--maxsockets: maxsockets = many: expected a whole number from 0");
}

/// Each key of the table with a value that fits its kind loads, so no key is typed differently from its definition.
#[test]
fn every_key_takes_a_value_of_its_kind() {
    use utoo_config::Kind;
    for definition in definitions() {
        let value = match definition.kind {
            Kind::Boolean => "true",
            Kind::Text | Kind::Path | Kind::List => "x",
            Kind::Count | Kind::Number => "3",
            Kind::Url | Kind::Proxy => "https://registry.example/",
            Kind::OneOf(words) | Kind::ListOf(words) => words[0],
            Kind::Date => "2026-01-31",
        };
        let place = Place::new().project(&format!("{}={value}", definition.key));
        assert!(place.try_load().is_ok(), "{definition:?}");
    }
}

#[test]
fn an_empty_value_is_the_default_and_null_is_none() {
    let config = Place::new()
        .user("strict-ssl=false\nhttps-proxy=http://proxy.example")
        .project("strict-ssl=\nfetch-retries=\nhttps-proxy=null\nproxy=null\ncafile=\nsave-prefix=\nlockfile-version=null\n")
        .load();
    assert!(config.network().strict_ssl);
    assert_eq!(config.network().retries.count, 2);
    assert_eq!(config.network().proxy_for(&url("https://registry.example/")), None);
    assert_eq!(config.network().cafile, None);
    assert_eq!(config.save().save_prefix, "");
    assert_eq!(config.lock().lockfile_version, None);
}

#[test]
fn unknown_keys_are_kept() {
    let config = Place::new().project("some-tool=5\nlist[]=a\nlist[]=b").load();
    assert_eq!(config.get_raw("some-tool").unwrap().values, ["5"]);
    assert_eq!(config.get_raw("list").unwrap().values, ["a", "b"]);
    assert_eq!(config.get_raw("nothing"), None);
    let config = Place::new().user("//registry.example/:_authToken=x\ncert=x\nfoo=1").load();
    assert_eq!(config.public_keys().into_iter().collect::<Vec<_>>(), ["foo"]);
}

#[test]
fn what_cannot_be_omitted_is_said_and_not_omitted() {
    let place = Place::new().project("omit[]=dev\nomit[]=none");
    assert_eq!(place.load().install().omit, Omit { dev: true, ..Omit::default() });
    let config = place.load();
    let messages: Vec<&str> = config.warnings().iter().map(|warning| &*warning.message).collect();
    assert_eq!(messages, ["`omit = none` is not used: expected any of dev, optional, peer"]);
    let place = Place::new().project("omit=none").env("NODE_ENV", "production");
    assert_eq!(place.load().install().omit, Omit { dev: true, ..Omit::default() });
}

/// Observed of npm 11.19: `npm install` of one prod, one dev and one optional package, looking at node_modules.
#[test]
fn omit_is_reckoned_as_npm_does() {
    let dev = Omit { dev: true, ..Omit::default() };
    let optional = Omit { optional: true, ..Omit::default() };
    let both = Omit { dev: true, optional: true, peer: false };
    let none = Omit::default();
    type Pairs = &'static [(&'static str, &'static str)];
    let cases: &[(Pairs, Pairs, Omit)] = &[
        (&[], &[("omit", "dev")], dev),
        (&[("NODE_ENV", "production")], &[], dev),
        (&[("NODE_ENV", "production")], &[("omit", "optional")], optional),
        (&[("NODE_ENV", "production")], &[("include", "dev")], none),
        (&[], &[("production", "true")], dev),
        (&[], &[("production", "false")], none),
        (&[("NODE_ENV", "production")], &[("production", "false")], none),
        (&[], &[("only", "prod")], dev),
        (&[("NODE_ENV", "production")], &[("also", "dev")], none),
        (&[("NODE_ENV", "production")], &[("dev", "true")], none),
        (&[], &[("optional", "false")], optional),
        (&[], &[("omit", "optional"), ("optional", "true")], none),
        (&[], &[("omit", "dev"), ("include", "dev")], none),
        (&[("npm_config_omit", "dev")], &[("omit", "optional")], optional),
        (&[], &[("omit", "dev"), ("omit", "optional")], both),
        (&[("npm_config_production", "true")], &[("omit", "optional")], both),
        (&[("npm_config_production", "true")], &[("include", "dev")], none),
    ];
    for (env, flags, expected) in cases {
        let place = env.iter().fold(Place::new(), |place, (name, value)| place.env(name, value));
        let place = flags.iter().fold(place, |place, (key, value)| place.flag(key, value));
        assert_eq!(place.load().install().omit, *expected, "{env:?} {flags:?}");
    }
}

#[test]
fn typed_groups() {
    let config = Place::new()
        .project(
            "install-strategy=nested\nbefore=2020-01-01\nlockfile-version=2\nreplace-registry-host=Old.Example\n\
             save-dev=true\nloglevel=silly\ncolor=always\ndepth=Infinity\nworkspace[]=a\nworkspace[]=b\nmaxsockets=7\n\
             prefer-offline=true\n",
        )
        .load();
    assert_eq!(config.resolve().install_strategy, InstallStrategy::Nested);
    assert_eq!(config.resolve().before, Some(1_577_836_800_000));
    assert_eq!(config.lock().lockfile_version, Some(2));
    assert_eq!(config.lock().replace_registry_host, ReplaceRegistryHost::Host("old.example".to_owned()));
    assert_eq!(config.save().kind, Some(SaveKind::Dev));
    assert_eq!(config.display().loglevel, LogLevel::Silly);
    assert_eq!(config.display().color, Color::Always);
    assert_eq!(config.display().depth, Some(usize::MAX));
    assert_eq!(config.workspaces().selected, ["a", "b"]);
    assert_eq!(config.network().maxsockets, Some(7));
    assert_eq!(config.network().cache_mode, CacheMode::PreferOffline);
    assert_eq!(
        Place::new().flag("global-style", "true").load().resolve().install_strategy,
        InstallStrategy::Shallow
    );
    assert_eq!(Place::new().env("NO_COLOR", "1").load().display().color, Color::Never);
    assert_eq!(
        Place::new().env("NO_COLOR", "1").flag("color", "always").load().display().color,
        Color::Always
    );
}

#[test]
fn the_cache_is_utoos_own() {
    let at = |place: Place, expected: &str| assert_eq!(place.load().cache_dir(), place.path(expected));
    let xdg = |place: Place| {
        let path = place.path("xdg").to_string_lossy().into_owned();
        place.env("XDG_CACHE_HOME", &path)
    };
    at(xdg(Place::new()), "xdg/utoo");
    at(Place::new().env("XDG_CACHE_HOME", "relative"), "home/.cache/utoo");
    at(xdg(Place::new()).user("cache-dir=~/mine"), "home/mine");
    at(Place::new().user("cache-dir=~/mine").env("UTOO_CACHE_DIR", "here"), "project/here");
    at(Place::new().env("UTOO_CACHE_DIR", "here").flag("cache-dir", "there"), "project/there");
    at(Place::new().user("cache=~/npms"), "home/.cache/utoo");
}

#[test]
fn proxies() {
    let https = url("https://registry.example/x");
    let http = url("http://registry.example:8080/x");
    let proxy = |place: &Place, asked| {
        place.load().network().proxy_for(asked).map(|proxy| proxy.host_str().unwrap().to_owned())
    };
    let place =
        Place::new().env("HTTPS_PROXY", "http://secure.example").env("http_proxy", "plain.example:3128");
    assert_eq!(proxy(&place, &https).as_deref(), Some("secure.example"));
    assert_eq!(proxy(&place, &http).as_deref(), Some("plain.example"));
    let place = place.user("proxy=http://both.example");
    assert_eq!(proxy(&place, &https).as_deref(), Some("both.example"));
    let place = place.project("https-proxy=http://first.example");
    assert_eq!(proxy(&place, &http).as_deref(), Some("first.example"));
    assert_eq!(proxy(&place.flag("https-proxy", "false"), &https), None);
}

#[test]
fn no_proxy_means_hosts_and_their_subdomains() {
    let bypassed = |pattern: &str, asked: &str| {
        let place = Place::new().env("HTTPS_PROXY", "http://proxy.example").env("NO_PROXY", pattern);
        place.load().network().proxy_for(&url(asked)).is_none()
    };
    assert!(bypassed("registry.example", "https://registry.example/"));
    assert!(bypassed("other.example, registry.example", "https://a.registry.example/"));
    assert!(bypassed(".registry.example", "https://a.registry.example/"));
    assert!(bypassed("*.registry.example", "https://a.registry.example/"));
    assert!(bypassed("*", "https://registry.example/"));
    assert!(bypassed("registry.example:443", "https://registry.example/"));
    assert!(!bypassed("registry.example:80", "https://registry.example/"));
    assert!(!bypassed("registry.example", "https://evilregistry.example/"));
    assert!(!bypassed("a.registry.example", "https://registry.example/"));
    let place =
        Place::new().env("HTTPS_PROXY", "http://p.example").env("NO_PROXY", "*").project("noproxy=x.example");
    assert!(place.load().network().proxy_for(&url("https://registry.example/")).is_some());
}

#[test]
fn trust_and_identity() {
    let config = Place::new()
        .user("ca[]=\"one\\ntwo\"\nca[]=three\ncafile=~/ca.pem\nuser-agent=x {platform}\tü\nlocal-address=127.0.0.1")
        .env("NODE_EXTRA_CA_CERTS", "/extra.pem")
        .env("SSL_CERT_FILE", "/system.pem")
        .load();
    let network = config.network();
    assert_eq!(network.ca, ["one\ntwo", "three"]);
    assert!(network.cafile.as_deref().is_some_and(|path| path.ends_with("home/ca.pem")));
    assert_eq!(network.node_extra_ca_certs.as_deref(), Some(Path::new("/extra.pem")));
    assert_eq!(network.ssl_cert_file.as_deref(), Some(Path::new("/system.pem")));
    assert!(network.user_agent.starts_with("x ") && network.user_agent.is_ascii());
    assert_eq!(network.local_address.as_deref(), Some("127.0.0.1"));
}

#[test]
fn a_workspace_is_selected_by_starting_in_it() {
    let place = Place::new()
        .file("project/package.json", r#"{"workspaces":["w/*"]}"#)
        .file("project/w/a/package.json", "{}")
        .project("tag=of-the-root");
    let config = place.load_from("project/w/a").unwrap();
    assert_eq!(config.prefix(), place.path("project"));
    assert_eq!(config.resolve().tag, "of-the-root");
    assert_eq!(config.workspaces().selected, [place.path("project/w/a").to_string_lossy().into_owned()]);
    assert_eq!(place.load().workspaces().selected, [""; 0]);
}

#[test]
fn an_unreadable_file_is_an_error_with_its_path() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new().user("a=1");
    let file = place.path("home/.npmrc");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o0)).unwrap();
    if std::fs::read(&file).is_ok() {
        return; // root reads everything
    }
    assert_eq!(place.error(), ("ECONFIGREAD", "home/.npmrc: cannot be read".to_owned()));
}
