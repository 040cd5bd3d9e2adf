//! Words in, invocations out.

use super::*;

fn parsed(words: &str) -> Invocation {
    match parse(std::iter::once("utoo").chain(words.split_whitespace()).map(OsString::from).collect()) {
        Parsed::Run(invocation) => invocation,
        Parsed::Show(text) => panic!("{words}: {text}"),
        Parsed::Wrong { error, .. } => panic!("{words}: {error:?}"),
    }
}

fn wrong(words: &str) -> CliError {
    match parse(std::iter::once("utoo").chain(words.split_whitespace()).map(OsString::from).collect()) {
        Parsed::Wrong { error, .. } => error,
        _ => panic!("{words} is right"),
    }
}

fn flags(words: &str) -> Vec<(String, String)> {
    parsed(words).flags
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn clap_finds_no_mistake_in_the_tree() {
    tree("utoo").debug_assert();
}

#[test]
fn commands_and_their_aliases() {
    for words in ["install a b@1", "i a b@1", "add a b@1"] {
        assert_eq!(parsed(words).command, Command::Install { specs: texts(&["a", "b@1"]) });
    }
    for words in ["uninstall a", "rm a", "remove a", "un a"] {
        assert_eq!(parsed(words).command, Command::Uninstall { names: texts(&["a"]) });
    }
    assert_eq!(parsed("deps").command, Command::Deps);
    assert_eq!(parsed("ci").command, Command::Ci);
    assert_eq!(parsed("ls a").command, Command::Ls { names: texts(&["a"]) });
    assert_eq!(parsed("clean").command, Command::Clean);
}

#[test]
fn a_word_that_is_no_command_is_a_script() {
    let run =
        |script: &str, args: &[&str]| Command::Run { script: Some(script.to_owned()), args: texts(args) };
    assert_eq!(parsed("build").command, run("build", &[]));
    assert_eq!(parsed("build -- --watch x").command, run("build", &["--watch", "x"]));
    assert_eq!(parsed("-C dir build one two").command, run("build", &["one", "two"]));
    assert_eq!(parsed("-C dir build").prefix.unwrap(), std::path::Path::new("dir"));
    assert_eq!(parsed("run build -- --json").command, run("build", &["--json"]));
    assert_eq!(parsed("test x").command, run("test", &["x"]));
    assert_eq!(parsed("t").command, run("test", &[]));
    assert_eq!(parsed("run").command, Command::Run { script: None, args: Vec::new() });
    assert_eq!(parsed("run install").command, run("install", &[]));
}

#[test]
fn every_key_is_a_flag_wherever_it_stands() {
    assert_eq!(
        flags("--fetch-retries 5 install --tag=next a"),
        pairs(&[("fetch-retries", "5"), ("tag", "next")])
    );
    assert_eq!(parsed("install --tag next a").command, Command::Install { specs: texts(&["a"]) });
    assert_eq!(
        flags("install --no-save --save-exact=false"),
        pairs(&[("save", "false"), ("save-exact", "false")])
    );
    assert_eq!(flags("install --force false a"), pairs(&[("force", "false")]));
    assert_eq!(flags("install --no-color"), pairs(&[("color", "false")]));
    assert_eq!(flags("install --no-bin-links=false"), pairs(&[("bin-links", "true")]));
    assert_eq!(flags("install --omit dev --omit=peer"), pairs(&[("omit", "dev"), ("omit", "peer")]));
    assert_eq!(flags("run x -ws -w a"), pairs(&[("workspaces", "true"), ("workspace", "a")]));
    assert_eq!(flags("install -s"), pairs(&[("loglevel", "silent")]));
    assert_eq!(
        flags("install --@s:registry=https://registry.example/ --//registry.example/a=b/:_authToken=x=y"),
        pairs(&[("@s:registry", "https://registry.example/"), ("//registry.example/a=b/:_authToken", "x=y")])
    );
}

#[test]
fn short_flags_are_keys_too() {
    assert_eq!(flags("i -D a"), pairs(&[("save-dev", "true")]));
    assert_eq!(flags("i -DE a"), pairs(&[("save-dev", "true"), ("save-exact", "true")]));
    assert_eq!(flags("i -O a -f"), pairs(&[("save-optional", "true"), ("force", "true")]));
    assert_eq!(flags("ls -al"), pairs(&[("all", "true"), ("long", "true")]));
    assert!(parsed("i -q").quiet && parsed("--quiet i").quiet && !parsed("i").quiet);
}

#[test]
fn what_is_wrong_is_said() {
    assert_eq!(wrong("install --nonsense").message, "unexpected argument '--nonsense' found");
    assert_eq!(wrong("install --registry").message, "--registry needs a value");
    assert_eq!(wrong("install -g a").code, "EUNSUPPORTED");
    assert!(wrong("build --watch").hint.unwrap().contains("-- --watch"));
    assert_eq!(wrong("uninstall").category, Category::Usage);
    let json = |words: &[&str]| match parse(words.iter().map(OsString::from).collect()) {
        Parsed::Wrong { json, .. } => json,
        _ => panic!("right"),
    };
    assert!(json(&["utoo", "install", "--nonsense", "--json"]));
    assert!(!json(&["utoo", "install", "--nonsense"]));
}

#[test]
fn help_is_shown_under_the_name_that_was_typed() {
    let help = |words: &[&str]| match parse(words.iter().map(OsString::from).collect()) {
        Parsed::Show(text) => text,
        _ => panic!("no help"),
    };
    assert!(help(&["/usr/bin/ut", "--help"]).contains("Usage: ut "));
    assert!(help(&["utoo"]).contains("Usage: utoo "));
    for command in ["install", "uninstall", "deps", "ci", "run", "ls", "clean", "completions"] {
        assert!(help(&["utoo", command, "--help"]).contains("Examples:"), "{command}");
    }
}
