use std::sync::Arc;

use utoo_fs::{LinkMemory, LinkMode};
use utoo_types::{Algorithm, Integrity, PackageName};

use super::*;
use crate::policy::Prepare;
use crate::source::PackageRequest;
use crate::store::Store;

/// A package of these files, each with its path as its text.
fn stored(store: &Store, paths: &[&str]) -> StoredPackage {
    let mut archive = tar::Builder::new(Vec::new());
    for path in paths {
        let mut header = tar::Header::new_gnu();
        header.set_size(path.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("package/{path}"), path.as_bytes()).unwrap();
    }
    let tarball = archive.into_inner().unwrap();
    let request = PackageRequest {
        name: PackageName::new_unchecked("a"),
        version: Arc::from("1.0.0"),
        resolved: Arc::from("https://registry.example/a/-/a-1.0.0.tgz"),
        integrity: Some(Integrity::of(Algorithm::Sha512, &tarball)),
        prepare: Prepare::Skip,
    };
    store.insert(&request, &tarball).unwrap()
}

/// What is in the folder already is neither written through nor taken for the package's own.
#[test]
fn what_somebody_planted_is_an_error_and_stays() {
    let scratch = tempfile::tempdir().unwrap();
    let package = stored(&Store::open(scratch.path().join("cache")), &["lib/a.js", "z.js"]);
    let victim = scratch.path().join("victim");
    let route = LinkMemory::new().route(scratch.path(), scratch.path()).unwrap();
    for planted in ["file", "link", "folder", "a link for a folder"] {
        utoo_fs::write_atomic(&victim, "untouched").unwrap();
        let target = Dir::open(scratch.path()).unwrap().ensure_dir(planted).unwrap();
        match planted {
            "file" => target.create_file_with_mode("z.js", 0o644, b"planted").unwrap(),
            "link" => target.symlink("../victim", "z.js").unwrap(),
            "folder" => target.create_dir("z.js").unwrap(),
            _ => target.symlink("..", "lib").unwrap(),
        }
        let linking = Linking { mode: LinkMode::Auto, route: &route, commands: &["z.js"] };
        let linked = link_package(&package, &target, &linking);
        assert!(matches!(linked, Err(LinkFailure::Failed(error)) if error.to_string().contains(planted)));
        assert_eq!(utoo_fs::read(&victim).unwrap(), b"untouched");
    }
    assert_eq!(utoo_fs::read(scratch.path().join("file/z.js")).unwrap(), b"planted");
}

#[test]
fn a_spelling_is_looked_for_in_each_folder_of_a_path() {
    let scratch = tempfile::tempdir().unwrap();
    let target = Dir::open(scratch.path()).unwrap();
    target.ensure_dir("lib/deep").unwrap().create_file_with_mode("a.js", 0o644, b"").unwrap();
    let otherwise = |path| is_spelled_otherwise(&target, path).unwrap();
    assert!(!otherwise("lib") && !otherwise("lib/deep") && !otherwise("lib/deep/a.js"));
    assert!(
        otherwise("Lib") && otherwise("Lib/deep/a.js") && otherwise("lib/Deep") && otherwise("lib/deep/A.js")
    );
    assert!(!otherwise("lib/deep/a.js/below"), "a file in the place of a folder is nobody's other spelling");
}
