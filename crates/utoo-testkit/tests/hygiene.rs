//! The rules of the repository that no compiler checks: who may depend on whom, what the map names, how long a file may
//! grow, what must not be written down.

#![expect(clippy::expect_used, reason = "a test that cannot read the repository has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The longest a Rust file may be.
const MAX_LINES: usize = 800;
/// Marks of work that was left lying, put together here so that this file does not hold them.
const UNFINISHED: &[&[&str]] = &[&["todo", "!("], &["unimplemented", "!("], &["TO", "DO"], &["FIX", "ME"]];
/// Hosts that stand nowhere: tests, fixtures and documentation use loopback or `registry.example`.
const HOSTS: &[&[&str]] = &[&["registry", "npmjs", "org"], &["registry", "yarnpkg", "com"]];

/// To which of utoo's crates each may point; `crates/README.md` says why.
fn allowed(package: &str) -> &'static [&'static str] {
    match package {
        "utoo-lockfile" => &["types"],
        "utoo-config" | "utoo-resolver" => &["types", "lockfile"],
        "utoo-registry" => &["types", "lockfile", "fs", "config", "resolver"],
        "utoo-installer" => &["types", "inflate", "lockfile", "fs", "config"],
        "utoo-cli" => &["types", "lockfile", "fs", "config", "resolver", "registry", "installer"],
        "utoo-server" => &["types", "lockfile", "fs", "config", "resolver", "registry"],
        "utoo-testkit" | "utoo-benches" | "utoo-fuzz" => {
            &["types", "inflate", "lockfile", "fs", "config", "resolver", "registry", "installer", "server"]
        }
        // utoo-types, utoo-inflate and utoo-fs, and whatever is new.
        _ => &[],
    }
}

#[test]
fn crates_point_only_where_the_architecture_allows() {
    let mut wrong = Vec::new();
    for package in packages() {
        for dependency in &package.dependencies {
            let Some(name) = dependency.name.strip_prefix("utoo-") else { continue };
            let is_testkit = name == "testkit" && dependency.is_dev;
            // By which its own tests get a feature of it.
            let is_itself = dependency.name == package.name && dependency.is_dev;
            if !is_testkit && !is_itself && !allowed(&package.name).contains(&name) {
                wrong.push(format!("{} -> {}", package.name, dependency.name));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that nothing allows: {wrong:#?}");
}

#[test]
fn each_dependency_is_used() {
    let mut unused = Vec::new();
    for package in packages() {
        let source = package.source();
        for dependency in &package.dependencies {
            if !mentions(&source, &dependency.name.replace('-', "_")) {
                unused.push(format!("{}: {}", package.name, dependency.name));
            }
        }
    }
    assert!(unused.is_empty(), "dependencies that no source of their crate names: {unused:#?}");
}

#[test]
fn each_workspace_dependency_has_a_crate_that_takes_it() {
    let taken: BTreeSet<_> =
        packages().into_iter().flat_map(|package| package.dependencies).map(|each| each.name).collect();
    let manifest = read(&root().join("Cargo.toml"));
    let (_, block) = manifest.split_once("[workspace.dependencies]\n").expect("the block");
    let lines = block.lines().take_while(|line| !line.starts_with('['));
    let named = lines.filter_map(|line| Some(line.split_once(" = ")?.0));
    let unused: Vec<_> = named.filter(|name| !taken.contains(*name)).collect();
    assert!(unused.is_empty(), "workspace dependencies that no crate takes: {unused:#?}");
}

#[test]
fn the_map_names_each_crate() {
    let map = read(&root().join("crates/README.md"));
    let names = packages().into_iter().map(|package| package.name);
    let missing: Vec<_> = names.filter(|name| !map.contains(&format!("**{name}**"))).collect();
    assert!(missing.is_empty(), "crates/README.md has no paragraph for {missing:#?}");
}

/// `crates/SECURITY-TESTS.md`: each row names a test, and each file and name stands for one that is there.
#[test]
fn each_promise_names_a_test_that_is_there() {
    let crates = root().join("crates");
    let table = std::fs::read_to_string(crates.join("SECURITY-TESTS.md")).expect("the list of promises");
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.contains("| tests |"));
    let (mut named, mut wrong) = (0, Vec::new());
    for row in rows {
        let cell = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        let (mut text, before) = (String::new(), named);
        for word in cell.split('`').skip(1).step_by(2) {
            if word.ends_with(".rs") {
                text = std::fs::read_to_string(crates.join(word)).unwrap_or_default();
                continue;
            }
            named += 1;
            let signature = format!("fn {word}(");
            let before = text.find(&signature).map(|at| &text[..at]);
            let is_test = before.is_some_and(|before| {
                before
                    .lines()
                    .map(str::trim_start)
                    .rev()
                    .take(4)
                    .any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
            });
            if !is_test {
                wrong.push(word.to_owned());
            }
        }
        if named == before {
            wrong.push(row.to_owned());
        }
    }
    assert!(wrong.is_empty(), "no such test, or no test at all: {wrong:#?}");
    assert!(named > 80, "only {named} tests were found in the list");
}

/// The feature by which tests let calls to the file system fail reaches tests only.
#[test]
fn what_is_shipped_cannot_be_told_to_fail() {
    let features_of_fs = |edges: &str| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let words = ["tree", "--offline", "--prefix=none", "--format={p} [{f}]", "--package=utoo-cli"];
        let mut command = Command::new(cargo);
        command.args(words).args(["--package=utoo-server", "--edges", edges]).current_dir(root());
        let output = command.output().expect("cargo");
        assert!(output.status.success(), "cargo tree: {output:?}");
        let text = String::from_utf8(output.stdout).expect("text");
        let lines: BTreeSet<String> =
            text.lines().filter(|line| line.starts_with("utoo-fs ")).map(str::to_owned).collect();
        assert!(!lines.is_empty(), "utoo-fs is not in the tree: {text}");
        lines
    };
    let has_faults = |line: &String| line.contains("[faults]");
    assert!(
        features_of_fs("normal,build,dev").iter().any(has_faults),
        "tests don't have it: is it still there?"
    );
    let shipped = features_of_fs("normal,build");
    assert!(!shipped.iter().any(has_faults), "what is shipped has it: {shipped:?}");
}

/// What changes the disk is in utoo-fs, where tests can let it fail.
#[test]
fn nobody_else_changes_the_disk() {
    const CHANGES: &[&str] = &[
        "rename(",
        "create_dir(",
        "create_dir_all(",
        "remove_dir(",
        "remove_dir_all(",
        "remove_file(",
        "set_permissions(",
        "hard_link(",
        "copy(",
    ];
    let calls = CHANGES.iter().map(|call| format!("std::fs::{call}"));
    let calls = calls.chain(
        ["File::create", "file.write_all(", "file.set_len(", "renameat(", "unlinkat(", "linkat(", "mkdirat("]
            .map(str::to_owned),
    );
    let calls: Vec<_> = calls.collect();
    let crates = ["cli", "config", "installer", "lockfile", "registry", "resolver", "types"];
    let sources = crates.map(|name| root().join(format!("crates/utoo-{name}/src")));
    let is_tests =
        |path: &Path| path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"));
    let ours = files().filter(is_rust).filter(|path| sources.iter().any(|source| path.starts_with(source)));
    assert_eq!(found_in(ours.filter(|path| !is_tests(path)), &calls), Vec::<String>::new());
}

#[test]
fn no_source_file_is_too_long() {
    let counted = files().filter(is_rust).map(|path| (path.clone(), read(&path).lines().count()));
    let long: BTreeMap<_, _> = counted.filter(|(_, lines)| *lines > MAX_LINES).collect();
    assert!(long.is_empty(), "files over {MAX_LINES} lines: {long:#?}");
}

#[test]
fn nothing_names_a_registry_host() {
    let hosts: Vec<_> = HOSTS.iter().map(|labels| labels.join(".")).collect();
    assert_eq!(found_in(files(), &hosts), Vec::<String>::new());
}

#[test]
fn nothing_is_left_unfinished() {
    let ours = files().filter(|path| !path.starts_with(root().join("fixtures")));
    let marks: Vec<_> = UNFINISHED.iter().map(|parts| parts.concat()).collect();
    assert_eq!(found_in(ours, &marks), Vec::<String>::new());
}

#[test]
fn each_script_answers_help() {
    let folder = root().join("scripts");
    let scripts: Vec<_> = files().filter(|path| path.parent() == Some(&folder)).collect();
    assert!(!scripts.is_empty());
    for script in scripts {
        let name = script.display();
        let text = read(&script);
        let shebang = text.lines().next().and_then(|line| line.strip_prefix("#!/usr/bin/env "));
        let interpreter = shebang.unwrap_or_else(|| panic!("{name} has no shebang"));
        if !on_path(interpreter) || text.contains("cargo build") {
            // Tests need no node, and build nothing: that the script knows the word has to do. `.ci/run` asks them all.
            assert!(text.contains("--help"), "{name} doesn't know --help");
            continue;
        }
        let output = Command::new(&script).arg("--help").output().expect("a script that can be started");
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name} --help: {output:?}");
        assert!(
            stdout.to_lowercase().contains("usage: "),
            "{name} --help doesn't say how it is used: {stdout}"
        );
    }
}

// --- what there is -------------------------------------------------------------------------------------------------

struct Package {
    name: String,
    dir: PathBuf,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    name: String,
    is_dev: bool,
}

impl Package {
    /// All of its Rust, and the README where its lib.rs compiles the README's examples.
    fn source(&self) -> String {
        let files = files().filter(|path| path.starts_with(&self.dir)).filter(is_rust);
        let mut source: String = files.map(|path| read(&path)).collect();
        let library = self.dir.join("src/lib.rs");
        if library.is_file() && read(&library).contains("/README.md") {
            source.push_str(&read(&root().join("README.md")));
        }
        source
    }
}

/// The members of the workspace, as cargo reads them.
fn packages() -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo's JSON");
    let package = |package: &Value| Package {
        name: text(&package["name"]),
        dir: PathBuf::from(text(&package["manifest_path"])).parent().expect("a folder").to_owned(),
        dependencies: list(&package["dependencies"])
            .iter()
            .map(|each| Dependency { name: text(&each["name"]), is_dev: each["kind"] == "dev" })
            .collect(),
    };
    list(&metadata["packages"]).iter().map(package).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn root() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    crates.and_then(Path::parent).expect("the workspace").to_owned()
}

/// Every file that is in the repository, or would be with the next `git add`.
fn files() -> impl Iterator<Item = PathBuf> {
    // Whoever owns the checkout: git refuses to read what belongs to another user otherwise.
    let output = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git");
    assert!(output.status.success(), "git ls-files: {output:?}");
    let names = String::from_utf8(output.stdout).expect("names in UTF-8");
    let paths: Vec<_> = names.split_terminator('\0').map(|name| root().join(name)).collect();
    paths.into_iter().filter(|path| path.is_file())
}

#[expect(clippy::ptr_arg, reason = "the signature of a filter over paths")]
fn is_rust(path: &PathBuf) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

fn read(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `file:line: text` of each line that holds one of the words.
fn found_in(files: impl Iterator<Item = PathBuf>, words: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for path in files {
        let text = read(&path);
        let hits = text.lines().enumerate().filter(|(_, line)| words.iter().any(|word| line.contains(word)));
        found.extend(hits.map(|(at, line)| {
            let shown: String = line.trim().chars().take(120).collect();
            format!("{}:{}: {shown}", path.display(), at + 1)
        }));
    }
    found
}

/// Whether the text names the identifier, and not only a longer one.
fn mentions(source: &str, ident: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    source.match_indices(ident).any(|(at, _)| {
        let (before, after) = (&source[..at], &source[at + ident.len()..]);
        !before.ends_with(is_word) && after.starts_with([':', ';', ' ', ',', '}'])
    })
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}
