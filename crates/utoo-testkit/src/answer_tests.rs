use super::*;

const LOCK: &str = r#"{
  "name": "r",
  "packages": {
    "": {
      "license": "MIT"
    },
    "node_modules/a": {
      "version": "1.0.0",
      "license": "MIT",
      "engines": {
        "node": ">=4"
      }
    },
    "w": {
      "license": "ISC"
    }
  }
}
"#;

#[test]
fn licences_of_registry_packages_alone_are_left_out() {
    let answer = Answer {
        outcome: Outcome::Done,
        lock: Some(LOCK.to_owned()),
        hidden: None,
        disk: None,
        files: BTreeMap::new(),
    };
    let expected = LOCK.replace("      \"license\": \"MIT\",\n", "");
    assert_eq!(answer.without_licences().lock.unwrap(), expected);
}

#[test]
fn the_hidden_lockfile_is_the_lockfile_without_its_root() {
    let hidden = Answer::hidden_from_lock(LOCK).unwrap();
    assert_eq!(hidden, LOCK.replace("    \"\": {\n      \"license\": \"MIT\"\n    },\n", ""));
    assert_eq!(Answer::hidden_from_lock("{}"), None);
}

#[test]
fn origins_go_back_and_forth() {
    let there = Answer::to_origin("a https://registry.example/b", "http://127.0.0.1:9/");
    assert_eq!(there, "a http://127.0.0.1:9/b");
    assert_eq!(Answer::from_origin(&there, "http://127.0.0.1:9/"), "a https://registry.example/b");
}
