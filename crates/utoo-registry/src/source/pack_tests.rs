//! Lists of files that npm packs, recorded with `npm pack --dry-run --json`.

use serde_json::json;

use super::*;

const FILES: [&str; 28] = [
    ".DS_Store",
    ".git/x",
    ".hidden",
    ".npmrc",
    "._x",
    "CHANGELOG.md",
    "COPYING.txt",
    "LICENSE",
    "README.md",
    "bin.sh",
    "build/config.gypi",
    "dist/d.js",
    "index.js",
    "lib/a.js",
    "lib/b.txt",
    "lib/deep/c.js",
    "lib/x.orig",
    "main.js",
    "node_modules/c/package.json",
    "npm-shrinkwrap.json",
    "package-lock.json",
    "package.json",
    "readme~",
    "sub/.npmrc",
    "sub/LICENSE",
    "sub/package-lock.json",
    "test/t.js",
    "yarn.lock",
];

fn packed(package_json: &Value, ignore_files: &[(&str, &str)]) -> String {
    let files = ignore_files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let rules = PackRules::new(package_json, &files);
    FILES.into_iter().filter(|path| rules.packs(path)).collect::<Vec<_>>().join(" ")
}

#[test]
fn without_files_all_but_litter_is_packed() {
    let all = ".hidden CHANGELOG.md COPYING.txt LICENSE README.md bin.sh dist/d.js index.js lib/a.js lib/b.txt \
               lib/deep/c.js main.js npm-shrinkwrap.json package.json readme~ sub/LICENSE sub/package-lock.json \
               test/t.js";
    assert_eq!(packed(&json!({}), &[]), all);
    assert_eq!(packed(&json!({"bundleDependencies": ["c"]}), &[]), all, "it is no dependency");
    let bundling = json!({"bundleDependencies": ["c"], "dependencies": {"c": "1"}});
    assert!(packed(&bundling, &[]).contains("node_modules/c/package.json"));
}

#[test]
fn files_lists_what_is_packed() {
    for (files, expected) in [
        (json!([]), ""),
        (json!(["."]), ""),
        (json!(["lib"]), "lib/a.js lib/b.txt lib/deep/c.js"),
        (json!(["lib/*"]), "lib/a.js lib/b.txt lib/deep/c.js"),
        (json!(["*.js"]), "index.js main.js"),
        (json!(["**/*.js", "!lib/deep"]), "dist/d.js index.js lib/a.js main.js test/t.js"),
        (json!(["lib/**/*.js"]), "lib/a.js lib/deep/c.js"),
        (json!(["./lib", "/test/", "dist/"]), "dist/d.js lib/a.js lib/b.txt lib/deep/c.js test/t.js"),
        (json!(["lib", "!**/*.js"]), "lib/b.txt"),
        (json!(["node_modules/c"]), ""),
    ] {
        let always = ["COPYING.txt", "LICENSE", "README.md", "package.json"];
        let got = packed(&json!({"files": files}), &[]);
        let got: Vec<_> = got.split(' ').filter(|path| !always.contains(path)).collect();
        assert_eq!(got.join(" "), expected, "{files}");
        assert!(packed(&json!({"files": files}), &[]).contains("package.json"));
    }
}

#[test]
fn what_package_json_names_is_packed() {
    let named = json!({"main": "./main.js", "bin": {"x": "./bin.sh"}, "files": ["x"], "browser": "index.js"});
    assert_eq!(packed(&named, &[]), "COPYING.txt LICENSE README.md bin.sh index.js package.json");
    let main = json!({"main": "lib/a.js", "files": ["x"]});
    assert_eq!(packed(&main, &[]), "COPYING.txt LICENSE README.md lib/a.js package.json");
}

#[test]
fn ignore_files_count_for_what_is_below_them() {
    let left_out = |package_json: Value, ignore_files: &[(&str, &str)]| {
        let all = packed(&package_json, &[]);
        let kept = packed(&package_json, ignore_files);
        let out: Vec<_> =
            all.split(' ').filter(|path| !kept.split(' ').any(|other| other == *path)).collect();
        out.join(" ")
    };
    let npmignore = [(".npmignore", "*.js\n"), ("lib/.npmignore", "!a.js\n"), (".gitignore", "*.txt\n")];
    assert_eq!(left_out(json!({}), &npmignore), "dist/d.js index.js lib/deep/c.js main.js test/t.js");
    let gitignore = [(".gitignore", "*.txt"), ("lib/.gitignore", "b.txt"), ("lib/deep/.npmignore", "c.js")];
    assert_eq!(left_out(json!({}), &gitignore), "lib/b.txt lib/deep/c.js");
    let listed = [(".npmignore", "a.js"), ("lib/.gitignore", "deep")];
    assert_eq!(left_out(json!({"files": ["lib"]}), &listed), "lib/deep/c.js");
    let many = [(".npmignore", "LIB\n/test/\n# c\n\ndist/*\n!dist/d.js\npackage.json\nREADME.md\nmain.js")];
    assert_eq!(left_out(json!({}), &many), "lib/a.js lib/b.txt lib/deep/c.js main.js test/t.js");
}

#[test]
fn an_archive_keeps_only_what_is_packed() {
    let mut archive = Builder::new(Vec::new());
    for (path, text) in
        [("package/package.json", "{}"), ("package/.gitignore", "x"), ("package/x", "1"), ("package/y", "2")]
    {
        let mut header = Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o755);
        archive.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    let packed = pack_archive(&archive.into_inner().unwrap()).unwrap();
    let mut packed = Archive::new(packed.as_slice());
    let paths: Vec<_> = packed
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.path().unwrap().display().to_string(), entry.header().mode().unwrap())
        })
        .collect();
    let expected = [("package/package.json", 0o755), ("package/y", 0o755)];
    assert_eq!(paths, expected.map(|(path, mode)| (path.to_owned(), mode)));
    assert!(
        pack_archive(b"no archive, and long enough to be read as a header".repeat(20).as_slice()).is_err()
    );
}
