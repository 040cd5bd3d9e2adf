use super::{Head, Length, Parsed, parse};

fn whole(text: &str) -> Option<(Head, String)> {
    match parse(text.as_bytes()) {
        Some(Parsed::Whole(head, body)) => Some((head, String::from_utf8_lossy(&body).into_owned())),
        _ => None,
    }
}

fn is_beyond(text: &str) -> bool {
    matches!(parse(text.as_bytes()), Some(Parsed::Beyond))
}

#[test]
fn a_head_with_a_length_is_read() {
    let text = "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\nhel";
    let (head, body) = whole(text).expect("it is whole");
    assert_eq!((head.status.as_u16(), head.length, head.is_kept), (200, Length::Stated(5), true));
    assert_eq!(head.headers["etag"], "\"a\"");
    assert_eq!(body, "hel");
    for end in 0..text.find("\r\n\r\n").expect("it has an end") + 4 {
        assert!(parse(&text.as_bytes()[..end]).is_none(), "{end} bytes are no head");
    }
}

#[test]
fn what_follows_the_head_of_a_chunked_body_is_left_as_it_is() {
    let (head, rest) = whole("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhel").expect("whole");
    assert_eq!((head.length, head.is_kept, rest.as_str()), (Length::Chunked, true, "5\r\nhel"));
}

#[test]
fn what_cannot_be_measured_is_left_to_the_other_client() {
    for text in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: \r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
        "HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nupgrade: h2c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nupgrade: h2c\r\ncontent-length: 5\r\n\r\n",
        "HTTP/1.1 099 Odd\r\ncontent-length: 5\r\n\r\n",
        "220 mail.example ESMTP\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    ] {
        assert!(is_beyond(text), "{text:?}");
    }
    let many = format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(101));
    assert!(is_beyond(&many));
    let long = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(super::MAX_HEAD));
    assert!(is_beyond(&long));
}

#[test]
fn some_answers_have_no_body_whatever_they_say() {
    for status in [204, 304] {
        let (head, body) =
            whole(&format!("HTTP/1.1 {status} x\r\ncontent-length: 5\r\n\r\n")).expect("whole");
        assert_eq!((head.length, head.is_kept, body.as_str()), (Length::Stated(0), true, ""));
    }
}

#[test]
fn a_connection_is_kept_only_when_nothing_is_in_doubt() {
    for (text, is_kept) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab", true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nab", true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabc", false),
        ("HTTP/1.1 304 x\r\n\r\nabc", false),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: Close\r\n\r\nab", false),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: te, close\r\n\r\nab", false),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nab", true),
    ] {
        let (head, body) = whole(text).expect("whole");
        assert_eq!(head.is_kept, is_kept, "{text:?}");
        assert_eq!(Length::Stated(body.len() as u64), head.length, "{text:?}");
    }
}

proptest::proptest! {
    /// Whatever comes, in however many parts: the same is made of it, never more body than was stated.
    #[test]
    fn the_parts_in_which_an_answer_comes_do_not_matter(
        length in 0_u64..9,
        fields in proptest::collection::vec("(content-length|connection|etag|[a-z:]{0,3}): ?[0-9a-z,]{0,3}", 0..4),
        rest in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..12),
    ) {
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{fields}\r\n");
        let mut bytes = head.clone().into_bytes();
        for end in 0..head.len() {
            if let Some(parsed) = parse(&bytes[..end]) {
                proptest::prop_assert!(matches!(parsed, Parsed::Beyond));
            }
        }
        bytes.extend_from_slice(&rest);
        if let Some(Parsed::Whole(found, body)) = parse(&bytes) {
            let Length::Stated(length) = found.length else { panic!("nothing says that it is chunked") };
            let here = rest.len().min(length as usize);
            proptest::prop_assert_eq!(&body[..], &rest[..here]);
            proptest::prop_assert!(!found.is_kept || rest.len() as u64 <= length);
        }
    }
}
