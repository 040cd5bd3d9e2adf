use super::*;

type Body = Vec<u8>;
type Rest = Vec<u8>;

/// The body, and what follows it, of bytes that come in parts of `part` bytes.
fn decoded(bytes: &[u8], part: usize) -> Result<Option<(Body, Rest)>, Malformed> {
    let (mut chunks, mut body) = (Chunks::default(), Vec::new());
    for part in bytes.chunks(part) {
        chunks.raw.extend_from_slice(part);
        chunks.decode(&mut body)?;
    }
    Ok(chunks.is_over().then_some((body, chunks.raw)))
}

#[test]
fn a_body_is_the_same_in_whatever_parts_it_comes() {
    for (text, body, follows) in [
        ("0\r\n\r\n", "", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello", ""),
        ("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\nnext", "hello!", "next"),
        ("5;name=\"v\"\r\nhello\r\n00\r\nexpires: never\r\netag: x\r\n\r\n", "hello", ""),
        ("A\r\n0123\r\n5678\r\n0\r\n\r\n", "0123\r\n5678", ""),
    ] {
        for part in 1..=text.len() {
            let found = decoded(text.as_bytes(), part);
            let wanted = (body.as_bytes().to_vec(), follows.as_bytes().to_vec());
            assert_eq!(found, Ok(Some(wanted)), "{text:?} in parts of {part}");
        }
        for end in 0..text.len() - follows.len() {
            assert_eq!(decoded(&text.as_bytes()[..end], 3), Ok(None), "{text:?} cut at {end}");
        }
    }
}

#[test]
fn what_is_no_chunk_is_told() {
    let long = format!("5;{}", "x".repeat(MAX_LINE));
    let trailer = format!("0\r\n{}", "x".repeat(MAX_LINE + 1));
    for text in [
        "\r\n\r\n",
        "x\r\n",
        " 5\r\nhello\r\n",
        "-5\r\nhello\r\n",
        "5 5\r\nhello\r\n",
        "5\nhello\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "5\r\nhell\r\n0\r\n\r\n",
        "11111111111111111\r\n",
        "0\r\na: b\n\r\n",
        &long,
        &trailer,
    ] {
        for part in [1, text.len()] {
            assert_eq!(decoded(text.as_bytes(), part), Err(Malformed), "{text:.20?}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn what_was_put_in_comes_out(
        chunks in proptest::collection::vec(proptest::collection::vec(proptest::prelude::any::<u8>(), 1..40), 0..9),
        part in 1_usize..50,
    ) {
        let mut bytes = Vec::new();
        for chunk in &chunks {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        proptest::prop_assert_eq!(decoded(&bytes, part), Ok(Some((chunks.concat(), Vec::new()))));
    }

    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), part in 1_usize..50) {
        let _ = decoded(&bytes, part);
    }
}
