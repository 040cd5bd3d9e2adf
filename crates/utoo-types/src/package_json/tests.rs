use std::path::Path;

use serde_json::{Value, json};

use super::*;

fn parse(text: &str) -> Result<PackageJson, PackageJsonError> {
    PackageJson::parse(text, Path::new("package.json"))
}

fn add(file: &mut PackageJson, kind: DependencyKind, name: &str, spec: &str) {
    let name = PackageName::new_unchecked(name);
    file.request_dependency(kind, &name, None);
    file.save_dependency(Some(kind), &name, spec, |_| false);
}

/// What npm itself made of each package.json: `scripts/record-package-json`.
#[test]
fn edits_as_npm_does() {
    let recorded: Vec<[String; 4]> =
        serde_json::from_str(include_str!("../../../../fixtures/package-json/edits.json")).unwrap();
    assert!(recorded.len() > 60);
    for [before, operation, name, after] in &recorded {
        let mut file = parse(before).unwrap();
        assert_eq!(&file.to_text(), before);
        let kind = match operation.as_str() {
            "prod" => Some(DependencyKind::Prod),
            "dev" => Some(DependencyKind::Dev),
            "optional" => Some(DependencyKind::Optional),
            "peer" => Some(DependencyKind::Peer),
            _ => None,
        };
        match kind {
            Some(kind) => add(&mut file, kind, name, "^1.2.3"),
            None => drop(file.remove_dependency(name)),
        }
        assert_eq!(&file.to_text(), after, "{operation} {name} in {before}");
    }
}

#[test]
fn the_manifest_follows_an_edit() {
    let mut file = parse(r#"{"name":"x","devDependencies":{"a":"1"}}"#).unwrap();
    assert_eq!(file.dependency_kind("a"), Some(DependencyKind::Dev));
    add(&mut file, DependencyKind::Prod, "a", "^2");
    assert_eq!(file.manifest().dependencies.get("a").map(|spec| &**spec), Some("^2"));
    assert!(file.manifest().dev_dependencies.is_empty() && file.is_edited());
    assert!(file.remove_dependency("a"));
    assert!(!file.remove_dependency("a"));
    assert_eq!(file.value(), json!({"name": "x"}).as_object().unwrap());
}

#[test]
fn a_new_file_gets_the_usual_layout() {
    let mut file = PackageJson::empty(Path::new("package.json"));
    assert_eq!((file.name(), file.to_text().as_str()), (None, ""));
    add(&mut file, DependencyKind::Prod, "a", "^1");
    assert_eq!(file.to_text(), "{\n  \"dependencies\": {\n    \"a\": \"^1\"\n  }\n}\n");
}

#[test]
fn errors_name_file_line_and_column() {
    for (text, expected) in [
        ("", "package.json:1:1: the file is empty"),
        (" \n", "package.json:1:1: the file is empty"),
        ("{\n  \"name\": \"x\",\n}\n", "package.json:3:1: invalid JSON: trailing comma"),
        ("{\n  \"é\": x\n}", "package.json:2:8: invalid JSON: expected value"),
        ("{\"a\":1", "package.json:1:6: invalid JSON: EOF while parsing an object"),
        ("{\"a\":1}\u{0}", "package.json:1:8: invalid JSON: trailing characters"),
        ("\n [1]", "package.json:2:2: expected an object, found an array"),
        ("\u{feff}null", "package.json:1:1: expected an object, found null"),
        ("\"x\"", "package.json:1:1: expected an object, found a string"),
        (
            "{\n<<<<<<< HEAD\n  \"a\": 1\n=======\n  \"a\": 2\n>>>>>>> b\n}\n",
            "package.json:2:1: merge conflict: resolve it first",
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text:?}");
        assert_eq!(error.code(), "EJSONPARSE");
    }
}

#[test]
fn reads_irregular_files() {
    let file = parse("\u{feff}{\"name\":\"a\",\"name\":\"b\",\"scripts\":{\"x\":\"y\",\"z\":1}}").unwrap();
    assert_eq!(file.name().unwrap().as_str(), "b");
    assert_eq!(file.scripts(), [("x".into(), "y".into())]);
    assert_eq!(parse("[]").unwrap().name(), None);
    assert_eq!(parse("{\"name\":5}").unwrap().name(), None);
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse(&deep).is_err());
}

#[test]
fn a_marker_inside_a_text_is_no_conflict() {
    let text = "{\n  \"a\": \"<<<<<<< ======= >>>>>>>\"\n}\n";
    assert_eq!(parse(text).unwrap().value()["a"], Value::from("<<<<<<< ======= >>>>>>>"));
}

#[test]
fn a_key_is_found_where_it_stands() {
    let text = "\u{feff}{\n  \"name\": \"a\\\"}b\",\n  \"x\": [{\"dependencies\": 1}, 2, \"]\"],\n  \"dependencies\": {\"é\": \"1\", \"b\": \"2\",\n\t\"b\": \"3\"},\n  \"z\": {}\n}\n";
    let json = PackageJson::parse(text, Path::new("package.json")).unwrap();
    assert_eq!(json.place_of(&["dependencies", "é"]), Some((4, 20)));
    assert_eq!(json.place_of(&["dependencies", "b"]), Some((5, 2)), "the last of two counts");
    assert_eq!(json.place_of(&["z"]), Some((6, 3)));
    assert_eq!(json.place_of(&["z", "b"]), None);
    assert_eq!(json.place_of(&["x", "dependencies"]), None);
    assert_eq!(PackageJson::empty(Path::new("package.json")).place_of(&["a"]), None);
}
