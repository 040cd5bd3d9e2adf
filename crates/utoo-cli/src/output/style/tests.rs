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
