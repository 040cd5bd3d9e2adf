//! Packages that come from no registry, and registries that answer one version at a time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use support::{Machine, Reply, Server, name};
use utoo_registry::{DocumentsChoice, RegistryOptions, UnifiedRegistry};
use utoo_resolver::{Documents, ManifestJob, ManifestJobDone, Registry as _, RegistryError, SourceManifest};
use utoo_types::{Algorithm, Integrity, Manifest, Spec};

const NOWHERE: &str = "http://127.0.0.1:9/";

async fn source(
    registry: &UnifiedRegistry,
    text: &str,
    from: &Path,
) -> Result<SourceManifest, RegistryError> {
    let spec = Spec::resolve(&name("x"), text, Some(from)).unwrap();
    match registry.execute(ManifestJob::Source { spec: Arc::new(spec) }).await? {
        ManifestJobDone::Source(found) => Ok(found),
        other => panic!("not a source: {other:?}"),
    }
}

async fn version(registry: &UnifiedRegistry, spec: &str) -> Result<Arc<Manifest>, RegistryError> {
    match registry.execute(ManifestJob::Version { name: name("a"), spec: spec.into() }).await? {
        ManifestJobDone::Version(found) => Ok(found),
        other => panic!("not a version: {other:?}"),
    }
}

fn write(path: impl AsRef<Path>, text: &str) {
    std::fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    utoo_fs::write_atomic(path, text).unwrap();
}

fn tarball(package_json: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(package_json.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, "package/package.json", package_json.as_bytes()).unwrap();
    support::gzip(builder.into_inner().unwrap())
}

#[tokio::test]
async fn a_folder_is_its_package_json_and_what_lies_beside_it() {
    let machine = Machine::new(NOWHERE);
    let folder = machine.cache().join("pkg");
    write(
        folder.join("package.json"),
        "\u{feff}{\"name\":\"x\",\"version\":\"1.2.3\",\"dependencies\":{\"b\":\"^1\"}}",
    );
    let found = source(&machine.registry(), "file:pkg", machine.cache()).await.unwrap();
    assert_eq!(found.manifest.name.as_str(), "x");
    assert_eq!(&*found.manifest.raw_version, "1.2.3");
    assert_eq!(found.manifest.dependencies.get("b").map(|spec| &**spec), Some("^1"));
    assert!(!found.manifest.has_install_script);
    assert_eq!(&*found.resolved, format!("file:{}", folder.display()));
    assert_eq!(found.integrity, None);

    write(folder.join("binding.gyp"), "");
    let built = source(&machine.registry(), "file:pkg", machine.cache()).await.unwrap();
    assert!(built.manifest.has_install_script);
    write(folder.join("package.json"), r#"{"name":"x","version":"1.2.3","gypfile":false}"#);
    let unbuilt = source(&machine.registry(), "file:pkg", machine.cache()).await.unwrap();
    assert!(!unbuilt.manifest.has_install_script);
}

#[tokio::test]
async fn a_folder_that_is_missing_or_broken_is_named() {
    let machine = Machine::new(NOWHERE);
    let error = source(&machine.registry(), "file:gone", machine.cache()).await.unwrap_err();
    assert_eq!(error.code, "ENOENT");
    assert!(error.message.contains("gone"), "{error}");
    write(machine.cache().join("bad/package.json"), "{\n  \"name\": x\n}");
    let error = source(&machine.registry(), "file:bad", machine.cache()).await.unwrap_err();
    assert_eq!(error.code, "EJSONPARSE");
    assert!(error.message.contains("bad/package.json") && error.message.contains("line 2"), "{error}");
}

#[tokio::test]
async fn a_tarball_on_disk_has_an_integrity() {
    let machine = Machine::new(NOWHERE);
    let bytes = tarball(r#"{"name":"x","version":"2.0.0"}"#);
    utoo_fs::write_atomic(machine.cache().join("x.tgz"), &bytes).unwrap();
    let found = source(&machine.registry(), "file:x.tgz", machine.cache()).await.unwrap();
    assert_eq!(&*found.manifest.raw_version, "2.0.0");
    assert_eq!(found.integrity, Some(Integrity::of(Algorithm::Sha512, &bytes)));
    assert_eq!(&*found.resolved, format!("file:{}", machine.cache().join("x.tgz").display()));
}

#[tokio::test]
async fn a_tarball_at_a_url_has_an_integrity() {
    let bytes = tarball(r#"{"name":"x","version":"3.0.0"}"#);
    let sent = bytes.clone();
    let server = Server::start(move |_, _| Reply::ok(sent.clone())).await;
    let url = format!("{}x.tgz", server.url);
    let machine = Machine::new(NOWHERE);
    let found = source(&machine.registry(), &url, machine.cache()).await.unwrap();
    assert_eq!(&*found.manifest.raw_version, "3.0.0");
    assert_eq!(found.integrity, Some(Integrity::of(Algorithm::Sha512, &bytes)));
    assert_eq!(&*found.resolved, url);
    let offline = machine.registry_with("offline", "true");
    assert_eq!(source(&offline, &url, machine.cache()).await.unwrap_err().code, "ENOTCACHED");
}

#[tokio::test]
async fn bundled_packages_come_from_a_verified_tarball() {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, json) in
        [("package.json", r#"{"name":"x"}"#), ("node_modules/b/package.json", r#"{"name":"b"}"#)]
    {
        let mut header = tar::Header::new_ustar();
        header.set_size(json.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("package/{path}"), json.as_bytes()).unwrap();
    }
    let bytes = support::gzip(builder.into_inner().unwrap());
    let integrity = Integrity::of(Algorithm::Sha512, &bytes);
    let server = Server::start(move |_, _| Reply::ok(bytes.clone())).await;
    let registry = Machine::new(&server.url).registry();
    let job = |integrity| {
        let resolved = format!("{}x.tgz", server.url).into();
        ManifestJob::Bundle { name: name("x"), resolved, integrity: Some(integrity) }
    };
    let ManifestJobDone::Bundle(found) = registry.execute(job(integrity)).await.unwrap() else {
        panic!("not a bundle")
    };
    assert_eq!(found.len(), 1);
    assert_eq!((&*found[0].location, found[0].manifest.name.as_str()), ("node_modules/b", "b"));
    let other = Integrity::of(Algorithm::Sha512, b"other bytes");
    assert_eq!(registry.execute(job(other)).await.unwrap_err().code, "EINTEGRITY");
}

#[tokio::test]
async fn a_page_in_place_of_a_tarball_is_an_error_that_names_the_url() {
    let server = Server::start(|_, _| Reply::ok("<html>sign in</html>")).await;
    let machine = Machine::new(NOWHERE);
    let url = format!("{}x.tgz", server.url);
    let error = source(&machine.registry(), &url, machine.cache()).await.unwrap_err();
    assert_eq!(error.url.as_deref(), Some(url.as_str()));
}

/// A repository with two tagged versions and a main branch ahead of them; gives the commits.
fn repository(folder: &Path, scripts: &str) -> Vec<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(["-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    std::fs::create_dir_all(folder).unwrap();
    git(&["init", "--quiet", "--initial-branch=main"]);
    let mut commits = Vec::new();
    for version in ["1.0.0", "1.1.0", "2.0.0-dev"] {
        let json = format!(r#"{{"name":"x","version":"{version}","scripts":{{{scripts}}}}}"#);
        write(folder.join("package.json"), &json);
        git(&["add", "package.json"]);
        git(&["commit", "--quiet", "-m", version]);
        commits.push(git(&["rev-parse", "HEAD"]));
        if !version.contains('-') {
            git(&["tag", "-a", "-m", version, &format!("v{version}")]);
        }
    }
    commits
}

fn with_files(machine: &Machine) -> UnifiedRegistry {
    let mut options = machine.options();
    options.git_protocols.push("file".to_owned());
    UnifiedRegistry::new(options).unwrap()
}

#[tokio::test]
async fn git_gives_the_commit_that_was_meant() {
    let machine = Machine::new(NOWHERE);
    let folder = machine.cache().join("repository");
    let commits = repository(&folder, "");
    let registry = with_files(&machine);
    let url = format!("git+file://{}", folder.display());
    let short = format!("#{}", &commits[1][..10]);
    let exact = format!("#{}", commits[0]);
    for (fragment, nth, version) in [
        ("", 2, "2.0.0-dev"),
        ("#main", 2, "2.0.0-dev"),
        ("#v1.0.0", 0, "1.0.0"),
        ("#semver:^1", 1, "1.1.0"),
        (short.as_str(), 1, "1.1.0"),
        (exact.as_str(), 0, "1.0.0"),
    ] {
        let found = source(&registry, &format!("{url}{fragment}"), machine.cache()).await.unwrap();
        assert_eq!(&*found.manifest.raw_version, version, "{fragment}");
        assert_eq!(&*found.resolved, format!("{url}#{}", commits[nth]), "{fragment}");
        assert_eq!(found.integrity, None);
    }
    for (missing, code) in [("#gone", "EGITREF"), ("#semver:^9", "ETARGET"), ("#0123456789", "EGITREF")] {
        let error = source(&registry, &format!("{url}{missing}"), machine.cache()).await.unwrap_err();
        assert_eq!(error.code, code, "{missing}: {error:?}");
    }
    let bytes = registry.fetch_git(&format!("{url}#{}", commits[0])).await.unwrap().pack().await.unwrap();
    let mut archive = tar::Archive::new(&bytes[..]);
    let mut paths = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned());
    assert!(paths.any(|path| path == Path::new("package/package.json")));
    assert_eq!(registry.fetch_git(&format!("{url}#main")).await.unwrap_err().code, "EINVALIDSPEC");
}

#[tokio::test]
async fn git_is_refused_local_folders() {
    let machine = Machine::new(NOWHERE);
    let folder = machine.cache().join("repository");
    repository(&folder, "");
    let url = format!("git+file://{}", folder.display());
    let error = source(&machine.registry(), &url, machine.cache()).await.unwrap_err();
    assert_eq!(error.code, "EGITPROTOCOL");
}

#[tokio::test]
async fn a_checkout_is_a_clone_to_build_in_and_runs_nothing_itself() {
    let machine = Machine::new(NOWHERE);
    let folder = machine.cache().join("repository");
    let commits = repository(&folder, r#""prepare":"touch built""#);
    let url = format!("git+file://{}#{}", folder.display(), commits[0]);
    let package = with_files(&machine).fetch_git(&url).await.unwrap();
    assert_eq!(package.manifest().script("prepare"), Some("touch built"));
    let checkout = package.check_out().await.unwrap();
    let clone = checkout.folder().to_owned();
    assert!(clone.join(".git").is_dir() && clone.join("package.json").is_file());
    assert!(!clone.join("built").exists() && !folder.join("built").exists());
    utoo_fs::write_atomic(clone.join("built"), "by the caller").unwrap();
    let bytes = checkout.pack().await.unwrap();
    let mut archive = tar::Archive::new(&bytes[..]);
    let paths = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned());
    let paths: Vec<_> = paths.collect();
    assert!(paths.contains(&Path::new("package/built").to_owned()), "{paths:?}");
    assert!(!paths.iter().any(|path| path.starts_with("package/.git")), "{paths:?}");
    assert!(!clone.exists());
}

fn one_version(target: &str) -> Reply {
    let version = match target {
        "/a/%5E1" | "/a/%3E%3D0.0.0" => "1.5.0",
        "/a/latest" => "2.0.0",
        "/a/1.0.0" => "1.0.0",
        _ => return Reply::status(404, r#"{"error":"version not found"}"#),
    };
    Reply::ok(format!(r#"{{"name":"a","version":"{version}","bin":"cli.js","dependencies":{{"b":"*"}}}}"#))
        .with("etag", format!("\"{version}\""))
        .with("cache-control", "max-age=60")
}

#[tokio::test]
async fn a_registry_that_picks_is_asked_for_one_version() {
    let server = Server::start(|asked, _| one_version(&asked.target)).await;
    let machine = Machine::new(&server.url);
    let registry = machine.registry();
    let fetched = version(&registry, "^1").await.unwrap();
    assert_eq!(&*fetched.raw_version, "1.5.0");
    assert_eq!(&*version(&registry, "latest").await.unwrap().raw_version, "2.0.0");
    let error = version(&registry, "^9").await.unwrap_err();
    assert_eq!((error.code, error.url), ("E404", Some(format!("{}a/%5E9", server.url))));
    registry.flush();
    assert_eq!(registry.stats().store_writes, 2);
    let again = version(&machine.registry(), "^1").await.unwrap();
    assert_eq!(again, fetched, "the same from disk");
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn a_version_that_was_not_asked_for_is_no_answer() {
    for body in [r#"{"name":"a","version":"1.0.1"}"#, r#"{"name":"b","version":"1.0.0"}"#, "{}", "[]"] {
        let server = Server::start(move |_, _| Reply::ok(body)).await;
        let error = version(&Machine::new(&server.url).registry(), "1.0.0").await.unwrap_err();
        assert_eq!(error.code, "EBADPACKUMENT", "{body}");
    }
}

#[tokio::test]
async fn what_a_registry_can_be_asked_for_is_configured_or_probed_once() {
    let server = Server::start(|asked, _| one_version(&asked.target)).await;
    let place = server.url.strip_prefix("http:").unwrap();
    let machine = Machine::new(&server.url);
    assert_eq!(machine.registry().documents(&name("a")), Documents::Full);
    let said = machine.registry_with(&format!("{place}:registry-documents"), "version");
    assert_eq!(said.documents(&name("a")), Documents::ByVersion);

    let probing = || {
        let options = RegistryOptions { documents: DocumentsChoice::Probe, ..machine.options() };
        UnifiedRegistry::new(options).unwrap()
    };
    let registry = probing();
    assert_eq!(registry.documents(&name("a")), Documents::Full);
    for _ in 0..2 {
        registry.probe_documents(&name("a")).await;
    }
    assert_eq!(registry.documents(&name("a")), Documents::ByVersion);
    assert_eq!(server.count(), 1);
    let plain = probing();
    plain.probe_documents(&name("unknown")).await;
    assert_eq!(plain.documents(&name("a")), Documents::Full);
}
