use proptest::prelude::*;

use super::*;

#[test]
fn names_come_from_the_end() {
    assert_eq!(name_of_location(""), "");
    assert_eq!(name_of_location("node_modules/a"), "a");
    assert_eq!(name_of_location("node_modules/@s/a"), "@s/a");
    assert_eq!(name_of_location("node_modules/a/node_modules/@s/b"), "@s/b");
    assert_eq!(name_of_location("one"), "one");
    assert_eq!(name_of_location("@s/one"), "@s/one");
    assert_eq!(name_of_location("packages/@s"), "@s");
    assert_eq!(name_of_location("../elsewhere"), "elsewhere");
}

#[test]
fn parents_are_the_packages_around() {
    assert_eq!(parent_location("node_modules/a"), Some(""));
    assert_eq!(parent_location("node_modules/@s/a/node_modules/b"), Some("node_modules/@s/a"));
    assert_eq!(parent_location("packages/x/node_modules/@s/b"), Some("packages/x"));
    assert_eq!(parent_location("packages/x"), None);
    assert_eq!(parent_location(""), None);
    assert_eq!(parent_location("my_node_modules/x"), None);
    assert_eq!(parent_location("node_modules/my_node_modules"), Some(""));
}

#[test]
fn nested_locations_are_inverse_to_parents() {
    assert_eq!(nested_location("", "a"), "node_modules/a");
    assert_eq!(nested_location("packages/x", "@s/b"), "packages/x/node_modules/@s/b");
}

#[test]
fn ancestors_walk_up_to_the_root() {
    let walk = |location| ancestors(location).collect::<Vec<_>>();
    assert_eq!(
        walk("node_modules/a/node_modules/@s/b"),
        ["node_modules/a/node_modules/@s/b", "node_modules/a/node_modules/@s", "node_modules/a", ""]
    );
    assert_eq!(walk("packages/x"), ["packages/x", "packages", ""]);
    assert_eq!(walk(""), [""]);
    assert_eq!(walk("../other/deep"), ["../other/deep", "../other", ".."]);
}

#[test]
fn ordinary_locations_have_their_kind() {
    assert_eq!(validate_location(""), Ok(LocationKind::Root));
    assert_eq!(validate_location("node_modules/a"), Ok(LocationKind::Package));
    assert_eq!(validate_location("node_modules/@s/A.b"), Ok(LocationKind::Package));
    assert_eq!(validate_location("packages/x"), Ok(LocationKind::Folder));
    assert_eq!(validate_location("packages/x/node_modules/y"), Ok(LocationKind::Package));
    assert_eq!(validate_location("../../x"), Ok(LocationKind::Outside));
    assert_eq!(validate_location("../x/node_modules/y"), Ok(LocationKind::Outside));
}

#[test]
fn lookalikes_are_refused() {
    for location in [
        "node_modules/../../x",
        "node_modules/..",
        "node_modules/.bin",
        "node_modules/.bin/x",
        "node_modules",
        "node_modules/",
        "node_modules/@s",
        "node_modules/@s/..",
        "node_modules/@s/../../x",
        "node_modules//a",
        "node_modules/node_modules",
        "/node_modules/a",
        "C:/node_modules/a",
        "C:node_modules/a",
        "node_modules\\a",
        "node_modules/a\\..\\b",
        "node_modules/a\0",
        "packages/../../x",
        "packages/./x",
        "./packages",
        "packages/",
        "../../node_modules/../x",
        "../",
    ] {
        assert!(validate_location(location).is_err(), "{location:?}");
    }
}

#[test]
fn a_store_has_packages_and_their_folders() {
    for location in [
        "node_modules/.store/a@1.0.0-hash",
        "node_modules/.store/a@1.0.0-hash/node_modules/a",
        "node_modules/.store/a@1.0.0-hash/node_modules/@s/b",
        "node_modules/.store/@s/a@1.0.0-hash",
        "node_modules/.store/@s/a@1.0.0-hash/node_modules/@s/a",
    ] {
        assert_eq!(validate_installed_location(location), Ok(LocationKind::Package), "{location}");
        assert!(validate_location(location).is_err(), "{location}");
    }
    for location in [
        "node_modules/.store",
        "node_modules/.store/",
        "node_modules/.store/@s",
        "node_modules/.store/a",
        "node_modules/.store/..",
        "node_modules/.store/../../x@1",
        "node_modules/.store/@s/..",
        "node_modules/.store/@../a@1",
        "node_modules/.store/a@1/..",
        "node_modules/.store/a@1/lib",
        "node_modules/.store/a@1/node_modules",
        "node_modules/.store/a@1/node_modules/..",
        "node_modules/.store/a@1/node_modules/.bin",
        "node_modules/.store/a@1\\b/node_modules/a",
        "packages/a/node_modules/.store/a@1/node_modules/a",
        "node_modules/.bin/a",
    ] {
        assert!(validate_installed_location(location).is_err(), "{location}");
    }
}

proptest! {
    #[test]
    fn what_is_accepted_climbs_only_at_its_start(location in "(\\.\\./|node_modules/|@s/|a/|\\.bin/|\\./|/|\\\\|b){0,8}") {
        if let Ok(kind) = validate_location(&location) {
            let climbs = location.split('/').take_while(|component| *component == "..").count();
            prop_assert_eq!(location.split('/').filter(|component| *component == "..").count(), climbs);
            prop_assert_eq!(kind == LocationKind::Outside, climbs > 0);
        }
    }
}
