use super::*;

fn output(code: i32, stdout: &str, stderr: &str) -> RunOutput {
    RunOutput { code: Some(code), signal: None, stdout: stdout.to_owned(), stderr: stderr.to_owned() }
}

#[test]
fn outcomes_are_read_from_what_was_said() {
    let error = |code: &str| Outcome::Error { code: code.to_owned() };
    assert_eq!(output(0, "", "npm error code E1").outcome(), Outcome::Done);
    assert_eq!(output(1, "", "npm error code E404\nnpm error 404").outcome(), error("E404"));
    assert_eq!(output(4, "{\"ok\":false,\"error\":{\"code\":\"E404\"}}\n", "").outcome(), error("E404"));
    assert_eq!(output(4, "", "note\n{\"error\":{\"code\":\"ETARGET\"}}\n").outcome(), error("ETARGET"));
    assert_eq!(output(1, "{}", "something").outcome(), error("EUNKNOWN"));
}

#[test]
fn a_scenario_becomes_a_project_on_a_server() {
    let text = "-- registry --\na 1.0.0\n-- package.json --\n{}\n-- before/package-lock.json --\n\
                {\"resolved\": \"https://registry.example/a/-/a-1.0.0.tgz\"}\n";
    let project = TestProject::from_scenario(&Scenario::parse("s", text)).unwrap();
    let url = project.server().url();
    assert_eq!(
        project.read("package-lock.json").unwrap(),
        format!("{{\"resolved\": \"{url}a/-/a-1.0.0.tgz\"}}\n")
    );
    assert_eq!(project.lock().unwrap(), "{\"resolved\": \"https://registry.example/a/-/a-1.0.0.tgz\"}\n");
    let npmrc = std::fs::read_to_string(project.home().join(".npmrc")).unwrap();
    assert!(npmrc.starts_with(&format!("registry={url}\n")), "{npmrc}");
    assert!(project.write("../outside", "").is_err());
}

#[test]
fn the_tree_is_read_from_disk() {
    let project = TestProject::new(FixtureRegistry::new()).unwrap();
    project.write("node_modules/a/package.json", "{\"version\": \"1.0.0\"}").unwrap();
    project.write("node_modules/a/node_modules/@s/b/package.json", "{\"version\": \"2.0.0\"}").unwrap();
    project.write("node_modules/.bin/x", "").unwrap();
    let tree = project.tree();
    let expected = [("node_modules/a", "1.0.0"), ("node_modules/a/node_modules/@s/b", "2.0.0")];
    assert_eq!(tree, expected.map(|(location, version)| (location.to_owned(), version.to_owned())).into());
}

#[cfg(unix)]
#[test]
fn commands_run_with_a_clean_environment() {
    let project = TestProject::new(FixtureRegistry::new()).unwrap();
    let output =
        project.run(Path::new("/bin/sh"), &["-c", "echo $HOME; pwd; env | grep -c CARGO; exit 3"]).unwrap();
    assert_eq!(output.code, Some(3));
    let lines: Vec<_> = output.stdout.lines().collect();
    assert_eq!(lines, [project.home().to_str().unwrap(), project.dir().to_str().unwrap(), "0"]);
}

#[test]
fn a_planted_secret_is_found_wherever_it_lies() {
    let project = TestProject::new(FixtureRegistry::new()).unwrap();
    let planted = project.home().join(".npmrc");
    assert_eq!(files_with_secrets(project.temp.path(), &planted), [""; 0].map(PathBuf::from));
    let places = [project.home().join(".cache/utoo/pack"), project.dir().join("package-lock.json")];
    for place in &places {
        write(place, format!("\u{0}x{}y", PLANTED_SECRETS[0]).as_bytes()).unwrap();
    }
    let mut found = files_with_secrets(project.temp.path(), &planted);
    found.sort();
    assert_eq!(found, places);
    for said in [output(0, "", PLANTED_SECRETS[2]), output(1, PLANTED_SECRETS[0], "")] {
        assert!(std::panic::catch_unwind(|| said.assert_holds_no_secret()).is_err());
    }
}
