use super::*;

#[test]
fn only_what_changed_is_in_it() {
    let old = "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}\n";
    let new = "{\n  \"a\": 1,\n  \"x\": 0,\n  \"c\": 4\n}\n";
    assert_eq!(diff(old, old), "");
    assert_eq!(diff(old, new), "@ 3\n-  \"b\": 2,\n-  \"c\": 3\n+  \"x\": 0,\n+  \"c\": 4\n");
    let moved = "{\n  \"new\": 0,\n  \"a\": 1,\n  \"c\": 3\n}\n";
    assert_eq!(diff(old, moved), "@ 2\n+  \"new\": 0,\n@ 3\n-  \"b\": 2,\n");
}

#[test]
fn a_diff_turns_the_one_into_the_other() {
    let texts = ["", "\n", "a", "a\nb\nc\nd\n", "d\na\nb\n", "x\n\n\ny\nx\n", "b\nd\nc\na\n", "x\ny\nx\n\n"];
    for old in texts {
        for new in texts {
            assert_eq!(patch(old, &diff(old, new)).as_deref(), Ok(new), "{old:?} to {new:?}");
        }
    }
}

#[test]
fn a_diff_of_another_text_is_refused() {
    assert_eq!(patch("a\nb\n", "@ 1\n-b\n"), Err("-b".to_owned()));
    assert_eq!(patch("a\n", "@ 9\n-b\n"), Err("-b".to_owned()));
    assert_eq!(patch("a\n", "what\n"), Err("what".to_owned()));
}
