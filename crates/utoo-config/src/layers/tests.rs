//! The recorded answers of npm, and how the layers are put together.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::*;

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Every key that npm reports, with npm's value, and no other key.
#[test]
fn files_read_as_npm_reads_them() {
    let recorded: Value = serde_json::from_str(include_str!("../../tests/data/npmrc-cases.json")).unwrap();
    let environment: BTreeMap<String, String> = serde_json::from_value(recorded["env"].clone()).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    assert!(cases.len() >= 8);
    for case in cases {
        let settings = from_text(case["npmrc"].as_str().unwrap(), Path::new("/p/.npmrc"), &environment);
        let ours: BTreeMap<&str, Value> = settings
            .iter()
            .map(|(key, setting)| {
                let is_list = case["expected"].get(key).is_some_and(Value::is_array);
                let value = if is_list { setting.values.clone().into() } else { setting.text().into() };
                (key.as_str(), value)
            })
            .collect();
        let theirs: BTreeMap<&str, Value> = case["expected"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| (key.as_str(), value.clone()))
            .collect();
        assert_eq!(ours, theirs, "case {}", case["name"]);
    }
}

#[test]
fn a_setting_knows_its_line_and_its_variables() {
    let settings =
        from_text("\u{feff}a=1\r\n\r\nb=x${T}y${T}\n", Path::new("/p/.npmrc"), &env(&[("T", "secret")]));
    assert_eq!(settings["a"].origin.to_string(), "/p/.npmrc:1");
    let b = &settings["b"];
    assert_eq!(b.origin.to_string(), "/p/.npmrc:3");
    assert_eq!(b.text(), "xsecretysecret");
    let ranges: Vec<_> = b.used.iter().map(|used| (used.name.as_str(), used.start, used.end)).collect();
    assert_eq!(ranges, [("T", 1, 7), ("T", 8, 14)]);
}

#[test]
fn environment_keys_are_npms() {
    let data = from_environment(
        &env(&[
            ("npm_config_save_exact", "true"),
            ("NPM_CONFIG_FETCH_RETRIES", "5"),
            ("Npm_Config_Tag", "next"),
            ("npm_config_empty", ""),
            ("npm_config__auth", "x"),
            ("npm_config_//registry.example/a_b/:_authToken", "t"),
            ("npm_config_@Scope:registry", "https://registry.example/"),
            ("NPM_CONFIG_REGISTRY", "upper"),
            ("npm_config_registry", "lower"),
            ("npm_config_omit", "dev\n\npeer"),
            ("npm_other", "1"),
            ("PATH", "/bin"),
        ]),
        Path::new("/cwd"),
    );
    let keys: Vec<&str> = data.settings.keys().map(String::as_str).collect();
    let expected = [
        "//registry.example/a_b/:_authToken",
        "@scope:registry",
        "_auth",
        "fetch-retries",
        "omit",
        "registry",
        "save-exact",
        "tag",
    ];
    assert_eq!(keys, expected);
    assert_eq!(data.settings["registry"].text(), "lower");
    assert_eq!(data.settings["omit"].values, ["dev", "peer"]);
    assert_eq!(
        data.settings["fetch-retries"].origin.to_string(),
        "environment variable NPM_CONFIG_FETCH_RETRIES"
    );
}

#[test]
fn a_repeated_flag_is_a_list() {
    let flags: Vec<(String, String)> =
        [("omit", "dev"), ("tag", "a"), ("omit", "peer")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let data = from_flags(&flags, Path::new("/cwd"));
    assert_eq!(data.settings["omit"].values, ["dev", "peer"]);
    assert_eq!(data.settings["tag"].origin.to_string(), "--tag");
}

#[test]
fn an_absent_file_says_nothing_and_bytes_that_are_no_text_are_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".npmrc");
    let read = |path: &Path| from_file(Layer::User, path, &BTreeMap::new()).unwrap().settings.len();
    assert_eq!(read(&path), 0);
    assert_eq!(read(folder.path()), 0);
    assert_eq!(read(&path.join("below")), 0);
    write_bytes(&path, b"a=1\nb=\xff\n");
    assert_eq!(read(&path), 2);
    assert_eq!(read(&path.join("below")), 0);
}

fn write_bytes(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    std::fs::File::create(path).unwrap().write_all(bytes).unwrap();
}
