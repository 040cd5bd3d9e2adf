use super::*;

#[test]
fn a_recorded_step_is_npms_lock_and_package_json_with_its_lines_changed() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("package.json"), "{\n  \"name\": \"p\"\n}\n").unwrap();
    write(&dir.path().join("packages/a/package.json"), "{}\n").unwrap();
    write(&dir.path().join("steps.txt"), "# why\n\ninstall @scope/b@2\nuninstall c\n").unwrap();
    let cases = ProjectCase::at("p", dir.path()).with_steps().unwrap();
    let names: Vec<_> = cases.iter().map(ProjectCase::name).collect();
    assert_eq!(names, ["projects/p", "projects/p: install @scope/b@2", "projects/p: uninstall c"]);

    let mut answer = Answer {
        outcome: Outcome::Done,
        lock: Some("{\n  \"packages\": {\n  }\n}\n".to_owned()),
        hidden: None,
        disk: None,
        files: cases[0].manifests().unwrap(),
    };
    cases[0].record("11.0.0", &answer).unwrap();
    assert_eq!(cases[0].recorded().unwrap().as_ref(), Some(&answer));
    assert_eq!(cases[1].recorded().unwrap(), None);

    answer.lock = Some("{\n  \"packages\": {\n    \"b\": {}\n  }\n}\n".to_owned());
    answer.files.insert("package.json".to_owned(), "{\n  \"name\": \"p\",\n  \"b\": 2\n}\n".to_owned());
    cases[1].record("11.0.0", &answer).unwrap();
    assert_eq!(cases[1].recorded().unwrap().as_ref(), Some(&answer));
    let text = read(&dir.path().join("recorded/install-@scope+b@2.txt")).unwrap();
    assert!(
        text.starts_with("version 11.0.0\nexit 0\n-- package-lock.json --\n@ 3\n+    \"b\": {}\n"),
        "{text}"
    );

    answer.outcome = Outcome::Error { code: "ERESOLVE".to_owned() };
    cases[2].record("11.0.0", &answer).unwrap();
    assert_eq!(cases[2].recorded().unwrap().unwrap().outcome, answer.outcome);
}
