use serde_json::json;

use super::*;

fn print(value: &Value) -> String {
    let format = Format::default();
    let mut printer = Printer::new(&format, 0);
    printer.value(value);
    printer.finish()
}

/// Expected values from node 20's `JSON.stringify`.
#[test]
fn numbers_are_javascripts() {
    let cases = [
        ("0", "0"),
        ("-0.0", "0"),
        ("1.0", "1"),
        ("-17", "-17"),
        ("1.50", "1.5"),
        ("1e21", "1e+21"),
        ("1e20", "100000000000000000000"),
        ("123456789012345680000000", "1.2345678901234569e+23"),
        ("1e-6", "0.000001"),
        ("1e-7", "1e-7"),
        ("1.25e-7", "1.25e-7"),
        ("0.00012", "0.00012"),
        ("9007199254740993", "9007199254740992"),
        ("18446744073709551615", "18446744073709552000"),
        ("-1.5e300", "-1.5e+300"),
    ];
    for (text, expected) in cases {
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(print(&value), format!("{expected}\n"), "{text}");
    }
}

#[test]
fn strings_are_escaped_as_json_stringify_escapes() {
    let value = json!("\"\\/\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}\u{2028}é😀</script>");
    let expected = "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}\u{2028}é😀</script>\"\n";
    assert_eq!(print(&value), expected);
}

/// As npm 11 sorted this object in a lockfile.
#[test]
fn keys_stand_in_npms_order() {
    let names = [
        "os",
        "dependencies",
        "a10",
        "B",
        "9",
        "name",
        "@A/z",
        "a-b",
        "@a/b",
        "Name2",
        "10",
        "a",
        "packages",
        "0",
        "a2",
        "@a-x/b",
        "lockfileVersion",
        "a_b",
        "version",
        "bin",
        "a.b",
        "requires",
        "ab",
        "resolved",
        "a1",
        "aa",
        "integrity",
        "01",
        "4294967295",
    ];
    let mut sorted = names;
    sorted.sort_by(|a, b| text_order(a, b));
    let expected = [
        "0",
        "9",
        "10",
        "name",
        "version",
        "lockfileVersion",
        "resolved",
        "integrity",
        "requires",
        "packages",
        "dependencies",
        "@a-x/b",
        "@a/b",
        "@A/z",
        "01",
        "4294967295",
        "a",
        "a_b",
        "a-b",
        "a.b",
        "a1",
        "a10",
        "a2",
        "aa",
        "ab",
        "B",
        "bin",
        "Name2",
        "os",
    ];
    assert_eq!(sorted, expected);
}

#[test]
fn objects_come_after_scalars_and_arrays() {
    let value = json!({"dependencies": {}, "z": [1, {"d": 1, "c": [] }], "b": {"x": null}, "a": false});
    let expected = "{\n  \"a\": false,\n  \"z\": [\n    1,\n    {\n      \"c\": [],\n      \"d\": 1\n    }\n  ],\n  \
                    \"dependencies\": {},\n  \"b\": {\n    \"x\": null\n  }\n}\n";
    assert_eq!(print(&value), expected);
}
