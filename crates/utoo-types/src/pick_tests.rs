//! The recorded answers of npm's own picker (`scripts/record-pick`), and what they do not cover.

use serde_json::{Value, json};

use super::*;
use crate::Spec;

fn options(value: &Value) -> PickOptions {
    let version = |key: &str| value[key].as_str().map(|text| Version::parse_loose(text).unwrap());
    PickOptions {
        node_version: version("nodeVersion"),
        npm_version: version("npmVersion"),
        before: value["before"].as_i64(),
        default_tag: value["defaultTag"].as_str().unwrap_or("latest").into(),
        avoid: value["avoid"].as_str().map(|text| Range::parse(text).unwrap()),
        staged: match value["includeStaged"] {
            Value::Bool(true) => Staged::Allowed,
            _ => Staged::Excluded,
        },
    }
}

fn answer(packument: &Packument, wanted: &str, options: &PickOptions) -> String {
    let spec = match Spec::resolve(packument.name(), wanted, None) {
        Ok(spec) => spec,
        Err(error) => return error.code().into(),
    };
    match pick(packument, spec.kind(), options) {
        Ok(candidate) => candidate.version_text().into(),
        Err(error) => error.code().into(),
    }
}

#[test]
fn picks_what_npm_picks() {
    let recorded = match std::env::var("UTOO_PICK_ANSWERS") {
        Ok(path) => std::fs::read_to_string(path).unwrap(),
        Err(_) => include_str!("../../../fixtures/pick/answers.jsonl").to_owned(),
    };
    let (mut cases, mut wrong) = (0, Vec::new());
    for line in recorded.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let packument = Packument::from_json(line["p"].to_string().into_bytes()).unwrap();
        for case in line["c"].as_array().unwrap() {
            let wanted = case[0].as_str().unwrap();
            let ours = answer(&packument, wanted, &options(&case[1]));
            cases += 1;
            if ours != case[2] {
                wrong.push(format!(
                    "{}@{wanted} {}: npm {}, ours {ours}",
                    packument.name(),
                    case[1],
                    case[2]
                ));
            }
        }
    }
    assert!(cases >= 2_000, "only {cases} cases");
    assert!(
        wrong.is_empty(),
        "{} of {cases} differ, such as\n{}",
        wrong.len(),
        wrong[..wrong.len().min(10)].join("\n")
    );
}

fn packument() -> Packument {
    let document = json!({
        "name": "p", "dist-tags": {"latest": "2.0.0"},
        "versions": {"1.0.0": {}, "2.0.0": {}, "3.0.0": {"deprecated": "no"}},
        "time": {"1.0.0": "2020-01-01T00:00:00.000Z", "2.0.0": "2021-01-01T00:00:00.000Z",
            "3.0.0": "2022-01-01T00:00:00.000Z"}
    });
    Packument::from_json(document.to_string().into_bytes()).unwrap()
}

#[test]
fn errors_say_what_was_wanted() {
    let packument = packument();
    let spec = Spec::resolve(packument.name(), "^9", None).unwrap();
    let error = pick(&packument, spec.kind(), &PickOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "No matching version found for p@^9.");
    assert_eq!(error.code(), "ETARGET");
    let early = PickOptions { before: Some(0), ..PickOptions::default() };
    let error = pick(&packument, spec.kind(), &early).unwrap_err();
    assert_eq!((error.to_string().as_str(), error.code()), ("No versions available for p", "ENOVERSIONS"));
    let git = Spec::resolve(packument.name(), "github:a/b", None).unwrap();
    let error = pick(&packument, git.kind(), &PickOptions::default()).unwrap_err();
    assert_eq!(error.code(), "EUNSUPPORTEDSPEC");
}

#[test]
fn an_alias_picks_what_it_names() {
    let packument = packument();
    let spec = Spec::resolve(&PackageName::new_unchecked("q"), "npm:p@1", None).unwrap();
    let picked = pick(&packument, spec.kind(), &PickOptions::default()).unwrap();
    assert_eq!(picked.version_text(), "1.0.0");
}

#[test]
fn explains_every_candidate() {
    let packument = packument();
    let spec = Spec::resolve(packument.name(), ">1", None).unwrap();
    let options = PickOptions { before: Some(1_615_000_000_000), ..PickOptions::default() };
    let verdicts: Vec<(String, Verdict)> = explain(&packument, spec.kind(), &options)
        .into_iter()
        .map(|(candidate, verdict)| (candidate.version_text().to_owned(), verdict))
        .collect();
    assert_eq!(
        verdicts,
        [
            ("3.0.0".into(), Verdict::PublishedLater),
            ("2.0.0".into(), Verdict::Picked),
            ("1.0.0".into(), Verdict::OutOfRange),
        ]
    );
    let verdicts = explain(
        &packument,
        Spec::resolve(packument.name(), "*", None).unwrap().kind(),
        &PickOptions::default(),
    );
    assert_eq!(verdicts[0].1, Verdict::Deprecated);
    assert_eq!(verdicts[2].1, Verdict::NotPreferred);
}

#[test]
fn bounds_leave_nothing_out() {
    let versions = [
        "0.0.0",
        "0.1.0",
        "1.0.0-0",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1",
        "1.2.0",
        "2.0.0-beta",
        "2.0.0",
        "3.1.4",
    ];
    let manifests: serde_json::Map<String, Value> = versions
        .iter()
        .map(|version| ((*version).to_owned(), json!({ "name": "a", "version": version })))
        .collect();
    let document = json!({ "name": "a", "dist-tags": {}, "versions": manifests }).to_string();
    let packument = Packument::from_json(document.into_bytes()).unwrap();
    let parts = [
        "*",
        "",
        "^1",
        "~1.0",
        "1.0.0",
        "=2",
        "<1",
        "<=1.0.0",
        ">1.0.0",
        ">=1.0.0-rc.1",
        "<2.0.0-0",
        "1 - 2",
        "^0.1",
        ">=3 <2",
    ];
    for first in parts {
        for second in parts {
            let range = Range::parse(&format!("{first} || {second}")).unwrap();
            let held = |candidate: &Candidate<'_>| range.satisfies(&candidate.version());
            let among_all: Vec<_> = packument.candidates().filter(held).collect();
            let within: Vec<_> = packument.candidates_within(&range).filter(held).collect();
            assert_eq!(among_all, within, "{range}");
        }
    }
    let within = |range: &str| packument.candidates_within(&Range::parse(range).unwrap()).len();
    assert_eq!((within("^1"), within("1.0.0"), within(">2"), within("*")), (3, 1, 1, 10));
}
