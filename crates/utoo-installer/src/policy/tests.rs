use serde_json::json;

use super::*;

const COMMIT: &str = "0123456789012345678901234567890123456789";

fn context() -> SpecContext {
    SpecContext { directory: PathBuf::from("/app"), home: Some(PathBuf::from("/home/me")) }
}

fn policy(rules: &serde_json::Value) -> Policy {
    let project = PathBuf::from("/app");
    Policy {
        allow_scripts: AllowScripts::from_value(Some(rules), &project),
        registries: RegistryHosts::new(["registry.example".to_owned()]),
        own_sources: exotic_specs(
            [("own", "github:me/own"), ("url", "https://x.example/url.tgz")].into_iter(),
            &context(),
        ),
        project,
        ..Policy::default()
    }
}

fn tree(packages: &serde_json::Value) -> Lockfile {
    let text = json!({ "lockfileVersion": 3, "packages": packages }).to_string();
    Lockfile::parse(&text, "package-lock.json").unwrap()
}

fn verdict(rules: &serde_json::Value, location: &str, entry: &serde_json::Value) -> Verdict {
    let tree = tree(&json!({ location: entry }));
    policy(rules).verdict(location, &tree.packages[location])
}

#[test]
fn a_registrys_package_is_allowed_by_its_own_name() {
    let of = |url: &str| json!({ "version": "1.2.3", "resolved": url });
    let left = of("https://registry.example/left/-/left-1.2.3.tgz");
    assert_eq!(verdict(&json!({"left": true}), "node_modules/left", &left), Verdict::Allow);
    assert_eq!(verdict(&json!({"left@1.2.3": true}), "node_modules/left", &left), Verdict::Allow);
    assert_eq!(
        verdict(&json!({"left@1.2.4": true}), "node_modules/left", &left),
        Verdict::Deny(SkipReason::Unreviewed)
    );
    assert_eq!(
        verdict(&json!({"left": false}), "node_modules/left", &left),
        Verdict::Deny(SkipReason::Denied)
    );
    // An alias has the rights of what is behind it, and none of its own.
    assert_eq!(verdict(&json!({"left": true}), "node_modules/other", &left), Verdict::Allow);
    assert_eq!(
        verdict(&json!({"other": true}), "node_modules/other", &left),
        Verdict::Deny(SkipReason::Unreviewed)
    );
    // A version that the address does not confirm.
    let lying = of("https://registry.example/left/-/left-9.9.9.tgz");
    assert_ne!(verdict(&json!({"left@1.2.3": true}), "node_modules/left", &lying), Verdict::Allow);
}

#[test]
fn what_is_named_like_an_allowed_package_and_comes_from_elsewhere_runs_nothing() {
    for resolved in [
        &*format!("git+ssh://git@github.com/evil/left.git#{COMMIT}"),
        "https://evil.example/left/-/left-1.2.3.tgz",
        "file:left-1.2.3.tgz",
    ] {
        let entry = json!({ "name": "left", "version": "1.2.3", "resolved": resolved });
        let denied = Verdict::Deny(SkipReason::OtherSource);
        assert_eq!(verdict(&json!({"left": true}), "node_modules/left", &entry), denied, "{resolved}");
        assert_eq!(verdict(&json!({"left@1.2.3": true}), "node_modules/left", &entry), denied, "{resolved}");
    }
    let bundled = json!({ "version": "1.2.3", "inBundle": true });
    let denied = Verdict::Deny(SkipReason::Bundled);
    assert_eq!(verdict(&json!({"left": true}), "node_modules/a/node_modules/left", &bundled), denied);
}

#[test]
fn an_open_gate_lets_everything_through() {
    let open = Policy { gate: ScriptGate::Open, ..policy(&json!({"left": false})) };
    let tree = tree(&json!({ "node_modules/left": { "version": "1.0.0" } }));
    assert_eq!(open.verdict("node_modules/left", &tree.packages["node_modules/left"]), Verdict::Allow);
}

#[test]
fn an_approval_names_what_the_lockfile_proves() {
    let target = |location: &str, entry: serde_json::Value| {
        let tree = tree(&json!({ location: entry }));
        policy(&json!({})).script_target(location, &tree.packages[location])
    };
    let registry = |versions: &[&str]| {
        Some(ScriptTarget::Registry {
            name: "left".into(),
            versions: versions.iter().map(|version| (*version).to_owned()).collect(),
        })
    };
    let exotic = |source: &str| Some(ScriptTarget::Exotic { source: source.into() });
    let address = "https://registry.example/left/-/left-1.2.3.tgz";
    let entry = json!({ "version": "1.2.3", "resolved": address });
    assert_eq!(target("node_modules/alias", entry), registry(&["1.2.3"]));
    assert_eq!(target("node_modules/left", json!({ "version": "1.2.3" })), registry(&[]));
    let file = json!({ "version": "1.2.3", "resolved": "file:../left.tgz" });
    assert_eq!(target("node_modules/left", file), exotic("file:/left.tgz"));
    assert_eq!(target("lib", json!({ "version": "1.2.3" })), exotic("file:/app/lib"));
    assert_eq!(target("node_modules/left", json!({ "version": "1.2.3", "inBundle": true })), None);
}

/// Whether a lockfile passes in which `dependent` of the registry depends on `left` with this spec and address.
fn passes(policy: &Policy, spec: &str, resolved: &str) -> Result<()> {
    policy.check_lockfile(&tree(&json!({
        "": { "name": "app", "dependencies": { "dependent": "^1.0.0" } },
        "node_modules/dependent": {
            "version": "1.0.0", "resolved": "https://registry.example/dependent/-/dependent-1.0.0.tgz",
            "dependencies": { "left": spec },
        },
        "node_modules/left": { "version": "1.2.3", "resolved": resolved },
    })))
}

#[test]
fn a_dependency_takes_nothing_from_outside_registries() {
    let git = format!("git+ssh://git@github.com/evil/left.git#{COMMIT}");
    let closed = policy(&json!({}));
    let open = Policy { exotic_subdeps: ExoticSubdeps::Allow, ..closed.clone() };
    for (spec, resolved) in [
        ("github:evil/left", &*git),
        ("^1.0.0", &git),
        ("file:../left.tgz", "file:../left.tgz"),
        ("https://evil.example/left.tgz", "https://evil.example/left.tgz"),
    ] {
        let error = passes(&closed, spec, resolved).unwrap_err();
        assert_eq!(error.code(), "EEXOTICSUBDEP", "{resolved}");
        assert!(error.to_string().contains(resolved), "{error}");
        let InstallError::ExoticSubdep { required_by, .. } = error else { panic!("{error}") };
        assert_eq!(required_by, [Arc::from("node_modules/dependent")]);
        assert!(passes(&open, spec, resolved).is_ok(), "{resolved}");
    }
}

#[test]
fn what_the_project_names_itself_may_come_from_there_for_everyone() {
    let closed = policy(&json!({}));
    let own = format!("git+ssh://git@github.com/me/own.git#{COMMIT}");
    assert!(passes(&closed, "github:me/own#v1", &own).is_ok());
    assert!(passes(&closed, "^1.0.0", "https://x.example/url.tgz").is_ok());
    // A mirror that nobody configured is not refused here: a registry may vouch for what comes from it.
    assert!(passes(&closed, "^1.0.0", "https://mirror.example/left/-/left-1.2.3.tgz").is_ok());
    assert_eq!(closed.origin("https://mirror.example/left/-/left-1.2.3.tgz"), Origin::Foreign);
    assert_eq!(closed.origin("https://registry.example/left/-/left-1.2.3.tgz"), Origin::Known);
}

#[test]
fn links_lead_into_the_project_or_where_it_says() {
    let lock = |target: &str| {
        tree(&json!({
            "": { "name": "app" },
            "node_modules/lib": { "resolved": target, "link": true },
            target: { "name": "lib", "version": "1.0.0" },
        }))
    };
    let closed = policy(&json!({}));
    assert!(closed.check_lockfile(&lock("packages/lib")).is_ok());
    assert_eq!(closed.check_lockfile(&lock("../lib")).unwrap_err().code(), "EEXOTICSUBDEP");
    let own_sources =
        exotic_specs([("lib", "file:../lib"), ("of-home", "file:~/lib")].into_iter(), &context());
    let open = Policy { own_sources, ..closed };
    assert!(open.check_lockfile(&lock("../lib")).is_ok());
    assert!(open.check_lockfile(&lock("../home/me/lib")).is_ok());
    assert!(open.check_lockfile(&lock("../home/lib")).is_err());
}
