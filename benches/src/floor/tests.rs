use serde_json::json;
use utoo_server::{FixtureRegistry, Mode, Server, ServerOptions, TarballFile};
use utoo_types::Algorithm;

use super::*;

#[test]
fn files_are_fetched_once_and_linked_wherever_the_lockfile_has_them() {
    let mut registry = FixtureRegistry::new();
    let files = [TarballFile::new("lib/deep/a.js", "a"), TarballFile::new("b.js", "b")];
    registry.publish(json!({"name": "@s/p", "version": "1.0.0"}), &files).unwrap();
    registry.publish(json!({"name": "above", "version": "1.0.0"}), &[]).unwrap();
    let entry = |name: &str, file: &str| {
        let tarball = registry.tarball(name, file).unwrap();
        let integrity = Integrity::of(Algorithm::Sha512, &tarball).to_string();
        json!({"resolved": format!("https://registry.example/{name}/-/{file}"), "integrity": integrity})
    };
    let (package, above) = (entry("@s/p", "p-1.0.0.tgz"), entry("above", "above-1.0.0.tgz"));
    let mut elsewhere = package.clone();
    elsewhere["os"] = json!(["none"]);
    let lock = json!({"packages": {
        "": {},
        "node_modules/@s/p": package,
        "node_modules/above": above,
        "node_modules/above/node_modules/@s/p": package,
        "node_modules/elsewhere": elsewhere,
    }});
    let server = Server::start(ServerOptions::new(Mode::Fixtures(registry))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    utoo_fs::write_atomic(folder.path().join("lock"), lock.to_string()).unwrap();
    let project = folder.path().join("project");
    let floor = Floor {
        registry: server.url(),
        lock: folder.path().join("lock"),
        project: project.clone(),
        store: folder.path().join("store"),
        connections: 2,
        depth: 1,
    };
    let read = |path: &str| fs::read_to_string(project.join("node_modules").join(path)).unwrap();
    for requests in [4, 0] {
        fs::create_dir(&project).unwrap();
        server.reset_requests();
        floor.run(Work::Install).unwrap();
        // Two documents and two tarballs, and then what is in the store.
        assert_eq!(server.stats().requests, requests);
        assert_eq!(read("@s/p/lib/deep/a.js") + &read("above/node_modules/@s/p/b.js"), "ab");
        assert!(!project.join("node_modules/elsewhere").exists());
        fs::remove_dir_all(&project).unwrap();
    }
}
