use super::*;

fn detect(text: &str) -> (String, String) {
    let format = Format::detect(text);
    (format.indent, format.newline)
}

/// What npm 11.19.1 wrote for a package.json that starts so.
#[test]
fn formats_are_those_that_npm_detects() {
    let cases = [
        ("{\n  \"name\"", "  ", "\n"),
        ("{\n    \"name\"", "    ", "\n"),
        ("{\n\t\"name\"", "\t", "\n"),
        ("{\"name\"", "  ", "\n"),
        ("{ \"name\"", "  ", "\n"),
        ("{ \n \"name\"", "  ", "\n"),
        ("{\r\n  \"name\"", "  ", "\r\n"),
        ("{\r   \"name\"", "  ", "\n"),
        ("{\n\n  \"name\"", "  ", "\n\n"),
        ("{\r\n\n  \"name\"", "  ", "\r\n\n"),
        ("\n  {\n   \"name\"", "   ", "\n"),
        ("\u{feff}{\n   \"name\"", "   ", "\n"),
        ("{\n\"name\"", "  ", "\n"),
        ("{\n \t \"name\"", " \t ", "\n"),
        ("{\n            \"name\"", "          ", "\n"),
        ("{\n\t  \n  \"name\"", "\t  \n  ", "\n"),
        ("{}", "  ", "\n"),
        ("", "  ", "\n"),
    ];
    for (text, indent, newline) in cases {
        assert_eq!(detect(text), (indent.to_owned(), newline.to_owned()), "{text:?}");
    }
}
