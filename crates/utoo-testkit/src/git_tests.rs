use super::*;

#[test]
fn the_same_section_gives_the_same_commits() {
    let temp = tempfile::tempdir().unwrap();
    let steps = || {
        vec![
            GitStep::Commit { label: "one", files: vec![("package.json", "{}\n")] },
            GitStep::Tag("v1"),
            GitStep::Branch("next"),
            GitStep::Commit { label: "two", files: vec![("a/b", "b\n"), ("l -> a", "")] },
            GitStep::Annotate("v2"),
        ]
    };
    make(temp.path(), &[("git.example/r.git", steps())]).unwrap();
    let repository = temp.path().join("git.example/r.git");
    let text = |args: &[&str]| {
        let output = Command::new("git").arg("--git-dir").arg(&repository).args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(text(&["rev-parse", "main"]), text(&["rev-parse", "v1"]));
    assert_eq!(text(&["rev-parse", "next"]), text(&["rev-parse", "v2^{commit}"]));
    assert_eq!(text(&["rev-parse", "next^"]), text(&["rev-parse", "main"]));
    assert_eq!(text(&["ls-tree", "-r", "--name-only", "next"]), "a/b\nl\n");
    let other = tempfile::tempdir().unwrap();
    make(other.path(), &[("git.example/r.git", steps())]).unwrap();
    let mut again = Command::new("git");
    again.arg("--git-dir").arg(other.path().join("git.example/r.git")).args(["rev-parse", "next"]);
    assert_eq!(text(&["rev-parse", "next"]), String::from_utf8(again.output().unwrap().stdout).unwrap());
}

#[test]
fn every_address_of_a_host_leads_to_its_repositories() {
    let text = config(&[("git.example/a.git", Vec::new()), ("git.example/b.git", Vec::new())]);
    assert_eq!(text.matches("[url").count(), 1);
    assert!(text.contains("insteadOf = git@git.example:\n"), "{text}");
}
