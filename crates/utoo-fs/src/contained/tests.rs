use std::ffi::OsStr;
use std::path::Component;

use proptest::prelude::*;

use super::*;

fn problem(relative: &str) -> Option<PathProblem> {
    contained_join(Path::new("/root/dir"), relative).err().map(|error| error.problem)
}

#[test]
fn ordinary_names_are_joined() {
    let root = Path::new("/root/dir");
    for name in
        ["a", "@scope/name", "dist/esm/index.js", "..a", "a..", "...", ".bin/x", "with space", "ünï", "ab:c"]
    {
        assert_eq!(contained_join(root, name).unwrap(), Path::new(&format!("/root/dir/{name}")));
    }
    assert_eq!(contained_join(Path::new("/"), "a").unwrap(), Path::new("/a"));
}

#[test]
fn names_that_leave_or_confuse_are_refused_by_rule() {
    assert_eq!(problem(""), Some(PathProblem::Empty));
    assert_eq!(problem("a//b"), Some(PathProblem::Empty));
    assert_eq!(problem("a/"), Some(PathProblem::Empty));
    assert_eq!(problem("."), Some(PathProblem::CurrentDir));
    assert_eq!(problem("a/./b"), Some(PathProblem::CurrentDir));
    assert_eq!(problem(".."), Some(PathProblem::ParentDir));
    assert_eq!(problem("a/../../b"), Some(PathProblem::ParentDir));
    assert_eq!(problem("/etc/passwd"), Some(PathProblem::Absolute));
    assert_eq!(problem("\\\\server\\share"), Some(PathProblem::Absolute));
    assert_eq!(problem("C:\\Windows"), Some(PathProblem::Drive));
    assert_eq!(problem("c:x"), Some(PathProblem::Drive));
    assert_eq!(problem("a\0b"), Some(PathProblem::Nul));
    assert_eq!(problem(&"x".repeat(256)), Some(PathProblem::TooLong));
    assert_eq!(problem(&"x/".repeat(3000)), Some(PathProblem::TooLong));
    assert_eq!(problem(&format!("{}x", "x/".repeat(2043))), Some(PathProblem::TooLong), "the root counts");
}

#[test]
fn the_longest_component_is_accepted() {
    assert_eq!(problem(&"x".repeat(255)), None);
}

#[cfg(unix)]
#[test]
fn a_backslash_is_a_character_unless_it_would_climb() {
    assert_eq!(problem("test/fixtures/a\\b.txt"), None);
    assert_eq!(problem("a\\..\\..\\b"), Some(PathProblem::ParentDir));
    assert_eq!(problem("a/..\\b"), Some(PathProblem::ParentDir));
}

#[test]
fn the_error_names_the_name_and_the_rule() {
    let error = contained_join(Path::new("/r"), "../x").unwrap_err();
    assert_eq!(error.code(), "EBADPATH");
    assert_eq!(error.to_string(), "the name \"../x\" is refused: it has a '..' component");
}

proptest! {
    #[test]
    fn whatever_is_accepted_is_inside(pieces in prop::collection::vec("(\\.{0,3}|[a-zA-Z]:?|[^/]{0,6}|\\\\|/)", 0..8)) {
        let root = Path::new("/some/root");
        let relative = pieces.join("/");
        if let Ok(path) = contained_join(root, &relative) {
            let rest = path.strip_prefix(root).unwrap();
            prop_assert!(rest.components().next().is_some());
            prop_assert!(rest.components().all(|component| matches!(component, Component::Normal(_))));
            prop_assert_eq!(rest.as_os_str(), OsStr::new(&relative));
        }
    }

    #[test]
    fn any_text_at_all_is_inside_or_refused(relative in any::<String>()) {
        if let Ok(path) = contained_join(Path::new("/some/root"), &relative) {
            let rest = path.strip_prefix("/some/root").unwrap();
            prop_assert!(rest.components().all(|component| matches!(component, Component::Normal(_))));
        }
    }

    #[test]
    fn what_looks_plain_has_no_problem(
        pieces in prop::collection::vec("(\\.{0,3}|[a-zA-Z]:?|[^/]{0,6}|\\\\|/|\\PC{250,260})", 0..8),
    ) {
        let relative = pieces.concat();
        prop_assert!(!is_plain(relative.as_bytes()) || first_problem(&relative).is_none(), "{relative:?}");
    }
}
