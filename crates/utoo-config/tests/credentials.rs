//! Which credentials a URL gets. The expectations were observed: npm 11.19 against a local server that logs the
//! `authorization` header.

mod common;

use common::{Place, header, url};

const ASKED: &str = "https://registry.example/a/b/foo";

#[test]
fn the_longest_path_wins_and_a_sibling_gets_nothing() {
    for (npmrc, expected) in [
        ("//registry.example/:_authToken=t1", "Bearer t1"),
        ("//registry.example/:_authToken=t1\n//registry.example/a/:_authToken=t2", "Bearer t2"),
        ("//registry.example/a/b:_authToken=t3", "Bearer t3"),
        ("//registry.example:_authToken=t4", "Bearer t4"),
        ("//registry.example/a/c/:_authToken=t5", "-"),
        ("//registry.example:8443/:_authToken=t6", "-"),
        ("//REGISTRY.example/:_authToken=t7", "-"),
        ("//registry.example/:_authToken=t8\n//registry.example/a/:_authToken=", "Bearer t8"),
    ] {
        assert_eq!(header(&Place::new().user(npmrc).load(), ASKED), expected, "{npmrc}");
    }
}

#[test]
fn every_form_and_their_order() {
    let key = "//registry.example/:";
    for (lines, expected) in [
        (vec!["username=u", "_password=cA=="], "Basic dTpw"),
        (vec!["username=u"], "-"),
        (vec!["_auth=dTpw"], "Basic dTpw"),
        (vec!["_auth=eDp5", "_authToken=tok", "username=u", "_password=cA=="], "Bearer tok"),
        (vec!["_auth=eDp5", "username=u", "_password=cA=="], "Basic eDp5"),
        (vec!["_authToken=\"a b\""], "Bearer a b"),
    ] {
        let npmrc: String = lines.iter().map(|line| format!("{key}{line}\n")).collect();
        assert_eq!(header(&Place::new().user(&npmrc).load(), ASKED), expected, "{npmrc}");
    }
}

#[test]
fn layers_replace_key_by_key() {
    let place = Place::new()
        .user("//registry.example/:_authToken=user\n//other.example/:username=user")
        .project("//registry.example/:_authToken=project\n//other.example/:_password=cA==");
    let config = place.load();
    assert_eq!(header(&config, ASKED), "Bearer project");
    assert_eq!(header(&config, "https://other.example/x"), "Basic dXNlcjpw");

    let config = place.env("npm_config_//registry.example/:_authToken", "environment").load();
    assert_eq!(header(&config, ASKED), "Bearer environment");
    let config = Place::new().flag("//registry.example/:_authToken", "flag").load();
    assert_eq!(header(&config, ASKED), "Bearer flag");
}

#[test]
fn client_certificates_are_files_from_the_npmrcs_folder() {
    let place = Place::new().user(
        "//registry.example/:certfile=~/c.pem\n//registry.example/:keyfile=k.pem\n//half.example/:certfile=c",
    );
    let config = place.load();
    let found = config.credentials_for(&url(ASKED)).unwrap();
    assert_eq!(found.authorization, None);
    let certificate = found.client_certificate.unwrap();
    assert_eq!(certificate.certfile, place.path("home/c.pem"));
    assert_eq!(certificate.keyfile, place.path("home/k.pem"));
    assert_eq!(config.credentials_for(&url("https://half.example/")), None);
}

#[test]
fn a_registrys_own_url_may_hold_them_and_does_not_keep_them() {
    let config = Place::new().user("registry=https://u:p%40@registry.example/npm").load();
    assert_eq!(config.default_registry().as_str(), "https://registry.example/npm/");
    assert_eq!(header(&config, "https://registry.example/npm/foo"), "Basic dTpwQA==");
    assert_eq!(header(&config, "https://registry.example/else"), "-");
}

#[test]
fn a_tarball_on_the_registrys_origin_gets_the_registrys() {
    let config = Place::new().user("//registry.example/npm/:_authToken=t").load();
    let registry = url("https://registry.example/npm/");
    let has = |text| config.credentials_for_tarball(&url(text), &registry).is_some();
    assert!(has("https://registry.example/files/foo.tgz"));
    assert!(!has("http://registry.example/files/foo.tgz"));
    assert!(!has("https://registry.example:8443/files/foo.tgz"));
    assert!(!has("https://files.example/foo.tgz"));
}

#[test]
fn unscoped_ones_are_refused_in_files_and_ignored_elsewhere() {
    for key in ["_authToken", "_auth", "username", "_password"] {
        let place = Place::new().project(&format!("registry=https://registry.example/x\n{key}=c2VjcmV0"));
        let (code, message) = place.error();
        assert_eq!(code, "ERR_INVALID_AUTH");
        assert_eq!(
            message,
            format!("project/.npmrc:2: `{key}` names no registry; write it as `//registry.example/x/:{key}`")
        );
    }
    let config = Place::new()
        .user("registry=https://registry.example/")
        .env("npm_config__authToken", "secret")
        .flag("_auth", "dTpw")
        .load();
    assert_eq!(header(&config, "https://registry.example/foo"), "-");
    let warnings: Vec<String> = config.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "environment variable npm_config__authToken: `_authtoken` names no registry and is not used",
            "--_auth: `_auth` names no registry and is not used",
        ]
    );
}

#[test]
fn nothing_that_is_shown_holds_a_secret() {
    let place = Place::new().user(
        "registry=https://u:hunter2@registry.example/\n//a.example/:_authToken=hunter2\n\
         //b.example/:username=u\n//b.example/:_password=aHVudGVyMg==\nkey=hunter2\n",
    );
    let config = place.load();
    for host in ["registry", "a", "b"] {
        let found = config.credentials_for(&url(&format!("https://{host}.example/"))).unwrap();
        let shown = format!("{found:?} {}", found.authorization.as_ref().unwrap().header_value());
        assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{shown}");
    }
    assert!(!format!("{:?}", config.network()).contains("hunter2"));

    let wrong = Place::new().user("//a.example/:_password=hunter2!").error().1;
    assert_eq!(wrong, "home/.npmrc:1: //a.example/:_password = (redacted): expected a password in base64");
    let wrong = Place::new().user("registry=ftp://u:hunter2@registry.example/").error().1;
    assert!(!wrong.contains("hunter2"), "{wrong}");
    let wrong = Place::new().user("registry=${SECRET}").env("SECRET", "hunter2").error().1;
    assert!(!wrong.contains("hunter2"), "{wrong}");
}
