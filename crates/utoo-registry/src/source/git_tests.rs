use super::*;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const C: &str = "cccccccccccccccccccccccccccccccccccccccc";

fn listing(refs: &[(&str, &str)]) -> String {
    refs.iter().map(|(commit, name)| format!("{commit}\t{name}\n")).collect()
}

fn selected(refs: &[(&str, &str)], selector: &Selector) -> Option<String> {
    select(&listing(refs), selector).map(|commit| commit.0)
}

fn committish(text: &str) -> Selector {
    Selector::Committish(text.into())
}

fn range(text: &str) -> Selector {
    Selector::Range(text.into())
}

#[test]
fn heads_branches_and_tags() {
    let refs = [
        (A, "HEAD"),
        (A, "refs/heads/main"),
        (B, "refs/heads/both"),
        (C, "refs/tags/both"),
        (B, "refs/tags/annotated"),
        (C, "refs/tags/annotated^{}"),
    ];
    assert_eq!(selected(&refs, &Selector::Head).unwrap(), A);
    assert_eq!(selected(&refs, &committish("main")).unwrap(), A);
    assert_eq!(selected(&refs, &committish("refs/heads/both")).unwrap(), B);
    assert_eq!(selected(&refs, &committish("both")).unwrap(), C);
    assert_eq!(selected(&refs, &committish("annotated")).unwrap(), C);
    assert_eq!(selected(&refs, &committish("gone")), None);
}

#[test]
fn a_semver_range_picks_the_highest_tag() {
    let refs = [
        (A, "refs/tags/v1.0.0"),
        (B, "refs/tags/v1.10.0"),
        (C, "refs/tags/1.9.0"),
        (C, "refs/tags/v2.0.0-rc.1"),
        (A, "refs/tags/not-a-version"),
    ];
    assert_eq!(selected(&refs, &range("^1")).unwrap(), B);
    assert_eq!(selected(&refs, &range("~1.9")).unwrap(), C);
    assert_eq!(selected(&refs, &range("^2")), None);
    assert_eq!(selected(&refs, &range(">=2.0.0-rc")).unwrap(), C);
}

#[test]
fn versions_stand_at_the_end_of_tags() {
    for (tag, version) in [
        ("1.2.3", Some("1.2.3")),
        ("v1.2.3", Some("1.2.3")),
        ("pkg@1.2.3-rc.1", Some("1.2.3-rc.1")),
        ("@s/pkg@1.2.3", Some("1.2.3")),
        ("pkg-v1.2.3", Some("1.2.3")),
        ("nightly", None),
        ("2024", None),
    ] {
        assert_eq!(tag_version(tag).map(|found| found.to_string()).as_deref(), version, "{tag}");
    }
}

#[test]
fn only_plain_urls_of_allowed_protocols_reach_git() {
    let allowed = ["https", "ssh"].map(str::to_owned);
    for url in ["https://h.example/a.git", "ssh://git@h.example/a.git", "git@h.example:a/b.git"] {
        assert!(check_url(url, &allowed).is_ok(), "{url}");
    }
    for url in [
        "ext::sh -c whoami",
        "https::https://h.example/a",
        "file:///etc",
        "git://h.example/a.git",
        "/etc/repository",
        "../repository",
        "-uupload-pack:x",
        "ssh://-oProxyCommand=x/a.git",
        "ssh://git@-oProxyCommand=x/a.git",
        "git@-oProxyCommand=x:a",
        "--upload-pack=touch x",
        "",
    ] {
        let error = check_url(url, &allowed).unwrap_err();
        assert_eq!(error.code, "EGITPROTOCOL", "{url}");
    }
}

#[test]
fn a_commit_is_forty_hexadecimal_digits() {
    assert_eq!(Commit::parse(&A.to_uppercase()), Some(Commit(A.to_owned())));
    for text in ["", "main", &A[1..], "--option-of-git-that-is-forty-characters", "ga"] {
        assert_eq!(Commit::parse(text), None, "{text}");
    }
}

#[test]
fn resolved_is_what_npm_writes() {
    let commit = Commit(A.to_owned());
    let name = utoo_types::PackageName::new_unchecked("x");
    for (written, expected) in [
        ("github:user/repo#v1", "git+ssh://git@github.com/user/repo.git"),
        ("user/repo", "git+ssh://git@github.com/user/repo.git"),
        ("git+https://github.com/user/repo.git#semver:^1", "git+ssh://git@github.com/user/repo.git"),
        ("gitlab:group/sub/repo", "git+ssh://git@gitlab.com/group/sub/repo.git"),
        ("git+https://h.example/a/b.git#main", "git+https://h.example/a/b.git"),
        ("git+ssh://git@h.example/a/b.git", "git+ssh://git@h.example/a/b.git"),
    ] {
        let spec = Spec::resolve(&name, written, None).unwrap();
        let utoo_types::SpecKind::Git(git) = spec.kind() else { panic!("{written}") };
        assert_eq!(&*resolved(&spec, git, &commit), format!("{expected}#{A}"), "{written}");
    }
}
