use super::*;
use crate::error::Category;

#[test]
fn an_error_reads_from_what_to_why_to_who_to_what_now() {
    let mut error = CliError::new(Category::NotFound, "E404", "no such package: left").hint("check the name");
    error.causes.push("the registry answered 404".to_owned());
    error.required_by.extend(["right@1.0.0".to_owned(), "the project".to_owned()]);
    assert_eq!(
        Style::Plain.error(&error),
        "error: no such package: left (E404)\n  caused by: the registry answered 404\n  \
         required by: right@1.0.0\n  required by: the project\nhint: check the name"
    );
    assert!(Style::Coloured.error(&error).starts_with("\u{1b}[1;31merror:\u{1b}[0m "));
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let error = CliError::new(Category::Local, "E", "a\u{1b}[2Jb\u{7}\nE");
    assert_eq!(Style::Plain.error(&error), "error: a\u{fffd}[2Jb\u{fffd}\nE");
    assert_eq!(visible("a\tb\nc é 中 👍🏽"), "a\tb\nc é 中 👍🏽");
    assert_eq!(visible("\u{9b}2J\r\u{7f}\u{8}"), "\u{fffd}2J\u{fffd}\u{fffd}\u{fffd}");
    assert_eq!(
        visible("\u{202e}txt.sj\u{2066}"),
        "\u{fffd}txt.sj\u{fffd}",
        "no order but that of the letters"
    );
    assert_eq!(on_one_line("a\nto allow them:"), "a\u{23ce}to allow them:");
}

#[test]
fn json_says_the_same_without_them() {
    for text in ["\u{1b}[2J\u{9b}2J\u{7f}\u{85}\u{202e}\u{2069}", "é 中 👍🏽 \"\\"] {
        let shown = visible_json(serde_json::json!({ "a": text }).to_string());
        assert!(!shown.contains(deceives), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap()["a"], text);
    }
}

#[test]
fn amounts() {
    assert_eq!(duration(Duration::from_micros(4_250)), "4.2 ms");
    assert_eq!(duration(Duration::from_millis(85)), "85 ms");
    assert_eq!(duration(Duration::from_millis(1_240)), "1.24 s");
    assert_eq!(duration(Duration::from_secs(185)), "3 min 5 s");
    assert_eq!(bytes(512), "512 B");
    assert_eq!(bytes(13_449), "13.4 kB");
    assert_eq!(bytes(38_000_000), "38.0 MB");
    assert_eq!(bytes(2_500_000_000), "2.5 GB");
    assert_eq!(plural(1, "package"), "1 package");
    assert_eq!(plural(0, "package"), "0 packages");
}
