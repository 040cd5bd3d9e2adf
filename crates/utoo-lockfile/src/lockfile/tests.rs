use super::*;

fn parse(text: &str) -> Result<Lockfile, LockfileError> {
    Lockfile::parse(text, "package-lock.json")
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let lock = parse("\u{feff}{\"name\": \"x\", \"lockfileVersion\": 3, \"packages\": {}}").unwrap();
    assert_eq!(lock.name.as_deref(), Some("x"));
    assert!(lock.packages.is_empty());
}

#[test]
fn errors_have_file_line_and_column() {
    let error = parse("{\n  \"name\": \"x\",\n  oops\n}").unwrap_err();
    assert_eq!(error.code(), "EJSONPARSE");
    assert_eq!(error.to_string(), "package-lock.json:3:3: key must be a string");
    let error = parse("{\"packages\": {\n\"node_modules/a\": 7}}").unwrap_err();
    let expected = "package-lock.json:2:19: invalid type: integer `7`, expected an entry: an object";
    assert_eq!(error.to_string(), expected);
    for text in ["", "[]", "null", "{\"packages\": []}", "{} {}"] {
        assert_eq!(parse(text).unwrap_err().code(), "EJSONPARSE", "{text:?}");
    }
}

#[test]
fn locations_that_are_none_are_refused_in_every_version() {
    let texts = [
        r#"{"lockfileVersion": 3, "packages": {"node_modules/../../x": {}}}"#,
        r#"{"lockfileVersion": 2, "packages": {"/etc": {}}, "dependencies": {}}"#,
        r#"{"lockfileVersion": 1, "dependencies": {"../../x": {"version": "1.0.0"}}}"#,
        r#"{"lockfileVersion": 1, "dependencies": {"a": {"version": "1.0.0", "dependencies": {".bin": {"version": "1"}}}}}"#,
        r#"{"lockfileVersion": 1, "dependencies": {"a": {"version": "file:/etc"}}}"#,
    ];
    for text in texts {
        let error = parse(text).unwrap_err();
        assert_eq!(error.code(), "EBADLOCATION", "{text}");
    }
}

#[test]
fn version_1_becomes_3_and_later_ones_stay() {
    let read =
        |version: u32| parse(&format!(r#"{{"lockfileVersion": {version}, "packages": {{}}}}"#)).unwrap();
    for (version, written, ancient) in
        [(0, 3, true), (1, 3, true), (2, 2, false), (3, 3, false), (9, 9, false)]
    {
        let lock = read(version);
        assert_eq!((lock.original_version, lock.lockfile_version), (Some(version), written));
        assert_eq!(lock.ancient, ancient, "{version}");
    }
}

#[test]
fn an_empty_object_is_an_empty_lockfile() {
    let lock = parse("{}").unwrap();
    assert_eq!(lock.original_version, None);
    assert_eq!(lock.packages.len(), 1, "the root");
    assert!(lock.ancient);
}

#[test]
fn conflicts_are_resolved_and_other_damage_is_not() {
    let side = |version: &str| format!("\"node_modules/a\": {{\n\"version\": \"{version}\"\n}}\n");
    let text = format!(
        "{{\n\"lockfileVersion\": 3,\n\"packages\": {{\n<<<<<<< HEAD\n{}=======\n{}>>>>>>> theirs\n}}\n}}\n",
        side("2.0.0"),
        side("1.0.0")
    );
    let lock = parse(&text).unwrap();
    assert_eq!(lock.get("node_modules/a").unwrap().version.as_deref(), Some("2.0.0"));
    let error = parse(&text.replace("=======\n", "")).unwrap_err();
    assert_eq!(error.code(), "EJSONPARSE");
    assert!(error.to_string().starts_with("package-lock.json:4:1:"), "{error}");
}

#[test]
fn an_odd_version_is_compared_as_a_number_and_written_as_it_was() {
    let read = |version: &str| {
        let text = format!("{{\"lockfileVersion\": {version}, \"packages\": {{\"node_modules/a\": {{}}}}}}");
        Lockfile::parse(&text, "package-lock.json").unwrap()
    };
    for (version, compared, ancient) in
        [("\"3\"", 3, false), ("\"2\"", 2, false), ("2.5", 2, false), ("\"1\"", 1, true)]
    {
        let lock = read(version);
        assert_eq!((lock.lockfile_version, lock.ancient), (compared, ancient), "{version}");
        assert!(lock.to_text().contains(&format!("\"lockfileVersion\": {version}")), "{version}");
        assert!(lock.to_hidden_text().contains("\"lockfileVersion\": 3"), "{version}");
    }
    for version in ["null", "false", "0", "\"\""] {
        assert!(read(version).to_text().contains("\"lockfileVersion\": 3"), "{version}");
    }
}

#[test]
fn a_store_is_read_from_a_hidden_lockfile_only_and_written_with_its_folders() {
    let text = r#"{
  "lockfileVersion": 3,
  "requires": true,
  "packages": {
    "node_modules/.store/a@1.0.0-hash": {},
    "node_modules/.store/a@1.0.0-hash/node_modules/a": {
      "version": "1.0.0"
    },
    "node_modules/a": {
      "resolved": "node_modules/.store/a@1.0.0-hash/node_modules/a",
      "link": true
    }
  }
}
"#;
    assert_eq!(parse(text).unwrap_err().code(), "EBADLOCATION");
    let hidden = Lockfile::parse_hidden(text, ".package-lock.json").unwrap();
    assert_eq!(hidden.packages.len(), 2);
    assert_eq!(hidden.to_hidden_text(), text);
}

#[test]
fn names_mean_what_is_nearest() {
    let mut lock = Lockfile::default();
    let places = [
        "node_modules/a",
        "node_modules/@s/b",
        "node_modules/@s/b/node_modules/a",
        "packages/one",
        "packages/one/node_modules/a",
        "../outside",
        "../node_modules/c",
    ];
    for place in places {
        lock.packages.insert(place.into(), Entry::default());
    }
    let found = |from: &str, name: &str| lock.resolve(from, name).map(|(location, _)| location.to_string());
    let cases = [
        (("", "a"), Some("node_modules/a")),
        (("", "c"), None),
        (("node_modules/a", "@s/b"), Some("node_modules/@s/b")),
        (("node_modules/@s/b", "a"), Some("node_modules/@s/b/node_modules/a")),
        (("node_modules/@s/b/node_modules/a", "a"), Some("node_modules/@s/b/node_modules/a")),
        (("packages/one", "a"), Some("packages/one/node_modules/a")),
        (("packages/two", "a"), Some("node_modules/a")),
        (("../outside", "a"), None),
        (("../outside", "c"), Some("../node_modules/c")),
    ];
    for ((from, name), expected) in cases {
        assert_eq!(found(from, name).as_deref(), expected, "{name} from {from:?}");
    }
}
