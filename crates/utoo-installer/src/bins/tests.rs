use super::*;

#[test]
fn names_are_reduced_to_one_component() {
    for (name, expected) in [
        ("tool", Some("tool")),
        ("@scope/tool", Some("tool")),
        ("@s/../../x", Some("x")),
        ("a\\b", Some("b")),
        ("c:tool", Some("tool")),
        ("..", None),
        (".", None),
        ("", None),
        ("a/..", None),
        ("a/", None),
        ("nul\0", None),
    ] {
        assert_eq!(command_name(name), expected, "{name:?}");
    }
}

#[test]
fn targets_stay_inside() {
    for (target, expected) in [
        ("./cli.js", Some("cli.js")),
        ("bin//x.js", Some("bin/x.js")),
        ("../../etc/passwd", Some("etc/passwd")),
        ("/etc/passwd", Some("etc/passwd")),
        ("a/../b", Some("b")),
        ("bin\\x.js", Some("bin/x.js")),
        ("..", None),
        ("", None),
    ] {
        assert_eq!(command_target(target).as_deref(), expected, "{target:?}");
    }
}

#[test]
fn only_links_into_packages_beside_are_ours() {
    for (link, package) in [
        ("../a/cli.js", Some("a")),
        ("../@s/a/bin/cli.js", Some("@s/a")),
        ("../../scripts/x", None),
        ("/usr/bin/x", None),
        ("x", None),
        ("..", None),
        ("../a", None),
        ("../a/", None),
        ("../@s/a", None),
        ("", None),
    ] {
        assert_eq!(package_of_link(link), package, "{link}");
    }
}

#[test]
fn only_the_first_cr_goes() {
    assert_eq!(without_shebang_cr(b"#!/x\r\ny\r\n".to_vec()), b"#!/x\ny\r\n");
    assert_eq!(without_shebang_cr(b"#!/x\ny\r\n".to_vec()), b"#!/x\ny\r\n");
    assert_eq!(without_shebang_cr(b"\n".to_vec()), b"\n");
}
