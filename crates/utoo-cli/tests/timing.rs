//! `--timing=trace`: every stage and job, and nothing secret.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;

use common::{document, done, json, project};

#[test]
fn a_trace_names_stages_and_packages_and_no_secret() {
    let project = project(r#"{"name": "app"}"#);
    let url = project.server().url();
    let host = url.trim_start_matches("http:").trim_end_matches('/');
    project.write(".npmrc", &format!("{host}/:_authToken=hunter2\n")).unwrap();
    let tarball =
        format!("http://user:hunter3@{}/left/-/left-1.0.0.tgz?key=hunter4", host.trim_start_matches('/'));
    let package =
        format!(r#"{{"name": "app", "dependencies": {{"right": "1.0.0", "remote": "{tarball}"}}}}"#);
    project.write("package.json", &package).unwrap();

    let output = done(&project, "install --timing=trace");
    assert!(output.stderr.contains("utoo-trace.json"), "{}", output.stderr);
    let text = project.read("utoo-trace.json").unwrap();
    assert!(!text.contains("hunter"), "{text}");
    let trace = json(&text);
    let events = trace["traceEvents"].as_array().unwrap();
    let named =
        |key: &str| -> BTreeSet<&str> { events.iter().filter_map(|event| event[key].as_str()).collect() };
    for span in
        ["resolve", "packument", "plan", "fill", "package", "unpack", "link", "write the hidden lockfile"]
    {
        assert!(named("name").contains(span), "no {span} in {text}");
    }
    assert!(events.iter().any(|event| event["args"]["name"] == "right"), "{text}");
    let threads = events.iter().filter(|event| event["ph"] == "M").count() as u64;
    assert!(
        events.iter().all(|event| event["tid"].as_u64().is_some_and(|thread| thread < threads)),
        "{text}"
    );
}

#[test]
fn a_failed_command_leaves_its_trace_too_and_json_stays_one_document() {
    let project = project(r#"{"name": "app", "dependencies": {"nowhere": "1.0.0"}}"#);
    let failed = document(&project, "install --timing=trace");
    assert_eq!(failed["error"]["code"], "E404");
    assert!(failed["spans"].as_array().unwrap().iter().any(|span| span["span"] == "packument"), "{failed}");
    assert!(project.read("utoo-trace.json").unwrap().contains("nowhere"));
}

#[test]
fn timing_takes_no_other_word() {
    let project = project(r#"{"name": "app"}"#);
    assert_eq!(document(&project, "install --timing=much")["error"]["exitCode"], 2);
}
