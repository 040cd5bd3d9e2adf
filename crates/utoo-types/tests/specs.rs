//! Specs against the answers that npm's own npm-package-arg gave (`fixtures/specs/answers.txt`, whose head specifies its
//! lines; `scripts/record-specs` wrote it).

#![expect(clippy::expect_used, reason = "a test may panic, its helpers too")]

use std::path::PathBuf;

use serde_json::{Value, json};
use utoo_types::{
    GitSpec, Host, Hosted, HostedUrl, PackageName, Selector, Spec, SpecContext, SpecError, SpecKind,
};

/// Differences shown before the test gives up listing them.
const SHOWN: usize = 40;

#[test]
fn answers_are_those_of_npm() {
    let path = std::env::var_os("UTOO_SPECS_ANSWERS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/specs/answers.txt"),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(&path).expect("recorded answers");
    let context = SpecContext { directory: "/fake/cwd".into(), home: Some("/fake/home".into()) };
    let (mut specs, mut refused) = (0, 0);
    let mut differences = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<Value> = serde_json::from_str(line).expect("a JSON array");
        let (question, recorded) = fields.split_at(if fields[0] == "a" { 2 } else { 3 });
        specs += 1;
        let ours = match ask(question, &context) {
            Err(SpecError::Option { .. }) => {
                // npm hands these to git.
                refused += 1;
                if recorded[0] == "git" && (line.contains('-') || line.contains("%2d")) {
                    continue;
                }
                vec![json!("an option")]
            }
            Err(error) => vec![json!("!"), json!(npm_code(&error))],
            Ok(spec) => describe(&spec),
        };
        if ours != recorded {
            differences.push(format!("{question:?}\n  npm  {}\n  ours {}", json!(recorded), json!(ours)));
        }
    }
    assert!(specs >= 2_000, "only {specs} specs in {}", path.display());
    assert!(refused > 0, "no option was refused");
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences[..differences.len().min(SHOWN)].join("\n")
    );
}

fn ask(question: &[Value], context: &SpecContext) -> Result<Spec, SpecError> {
    let text = |at: usize| question[at].as_str().expect("a text");
    match text(0) {
        "a" => Spec::parse(text(1), context),
        _ => Spec::resolve_in(&PackageName::new_unchecked(text(1)), text(2), context),
    }
}

/// npm throws some of its errors without a code.
fn npm_code(error: &SpecError) -> &'static str {
    match error {
        SpecError::Alias { .. } | SpecError::Committish { .. } => "-",
        other => other.code(),
    }
}

fn describe(spec: &Spec) -> Vec<Value> {
    let (git, hosted) = match spec.kind() {
        SpecKind::Git(git) => (describe_git(git), git.hosted.as_ref().map(describe_hosted)),
        _ => (Value::Null, None),
    };
    let sub = match spec.kind() {
        SpecKind::Alias(sub) => json!([sub.type_name(), sub.name(), sub.raw_spec(), sub.fetch_spec()]),
        _ => Value::Null,
    };
    let mut fields = vec![
        json!(spec.type_name()),
        json!(spec.name()),
        json!(spec.raw_spec()),
        json!(spec.save_spec()),
        json!(spec.fetch_spec()),
        git,
        json!(hosted),
        sub,
    ];
    while fields.last().is_some_and(Value::is_null) {
        fields.pop();
    }
    fields
}

fn describe_git(git: &GitSpec) -> Value {
    let (committish, range) = match &git.selector {
        Selector::Head => (None, None),
        Selector::Committish(committish) => (Some(committish), None),
        Selector::Range(range) => (None, Some(range)),
    };
    if committish.is_none() && range.is_none() && git.subdirectory.is_none() {
        return Value::Null;
    }
    json!([committish, range, git.subdirectory])
}

fn describe_hosted(hosted: &Hosted) -> Value {
    let committish = hosted.committish.as_deref();
    let written = match hosted.written {
        HostedUrl::Shortcut => "shortcut",
        HostedUrl::Ssh => "ssh",
        HostedUrl::Https => "https",
        HostedUrl::Git => "git",
        HostedUrl::Http => "http",
    };
    let serves_git = matches!(hosted.host, Host::GitHub | Host::Gist);
    let ssh = match committish {
        Some(committish) => format!("{}#{committish}", hosted.ssh()),
        None => hosted.ssh(),
    };
    json!([
        hosted.host.name(),
        hosted.user,
        hosted.project,
        hosted.committish,
        hosted.auth,
        written,
        hosted.save_url(HostedUrl::Shortcut, committish),
        hosted.save_url(HostedUrl::Ssh, committish),
        hosted.save_url(HostedUrl::Https, committish),
        serves_git.then(|| hosted.save_url(HostedUrl::Git, committish)),
        ssh,
        hosted.tarball_url(committish),
    ])
}
