use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn one_member_many_members_and_none() {
    let mut inflater = Inflater::new();
    let text = b"package/".repeat(10_000);
    assert_eq!(inflater.inflate(&gzip(&text)).unwrap(), text);
    // A smaller one after a larger one sees nothing of the old buffer.
    assert_eq!(inflater.inflate(&gzip(b"x")).unwrap(), b"x");
    let two = [gzip(b"same"), gzip(b"size")].concat();
    assert_eq!(inflater.inflate(&two).unwrap(), b"samesize");
    let padded = [gzip(&text), vec![0; 700]].concat();
    assert_eq!(inflater.inflate(&padded).unwrap(), text);
    assert_eq!(inflater.inflate(b"plain tar").unwrap(), b"plain tar");
    assert_eq!(inflater.inflate(&gzip(b"")).unwrap(), b"");
}

#[test]
fn three_bytes_by_chance_are_no_second_member_and_a_real_one_is_not_missed() {
    let mut inflater = Inflater::new();
    let content = [&GZIP_MAGIC[..], b" stored as it is ", &GZIP_MAGIC].concat();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(&content).unwrap();
    let stored = encoder.finish().unwrap();
    assert_eq!(inflater.whole(&stored, BOMB_FLOOR), Some(content.len()));
    assert_eq!(inflater.inflate(&stored).unwrap(), content);
    // The last size is that of the first member, too, and so is the checksum.
    let twice = stored.repeat(2);
    assert_eq!(inflater.whole(&twice, BOMB_FLOOR), None);
    assert_eq!(inflater.inflate(&twice).unwrap(), content.repeat(2));
    let size = &stored[stored.len() - 4..];
    let rubbish = [&stored, &b"rubbish"[..], size].concat();
    assert!(matches!(inflater.inflate(&rubbish), Err(TarballProblem::Compression(_))));
}

#[test]
fn a_wrong_size_field_is_an_error_and_a_cut_stream_too() {
    let mut inflater = Inflater::new();
    let good = gzip(&b"0123456789".repeat(500));
    let mut wrong = good.clone();
    let end = wrong.len();
    wrong[end - 4..].copy_from_slice(&7_u32.to_le_bytes());
    assert!(matches!(inflater.inflate(&wrong), Err(TarballProblem::Compression(_))));
    for cut in [4, 11, good.len() / 2, good.len() - 9] {
        assert!(
            matches!(inflater.inflate(&good[..cut]), Err(TarballProblem::Compression(_))),
            "cut at {cut}"
        );
    }
}

#[test]
fn a_bomb_stops_at_the_bound() {
    // Many small members, so that no size field gives it away: each inflates to 8 MiB.
    let member = gzip(&vec![0; 8 << 20]);
    let bomb = member.repeat(66);
    let limit = BOMB_FLOOR;
    assert!(bomb.len() as u64 * BOMB_RATIO < limit);
    assert_eq!(Inflater::new().inflate(&bomb), Err(TarballProblem::Bomb { limit }));
}

#[test]
fn a_size_field_is_believed_only_within_bounds() {
    let claims = |size: u32| {
        let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0];
        bytes.extend(size.to_le_bytes());
        bytes
    };
    assert_eq!(size_hint(&claims(10_000), 1 << 30), Some(10_000));
    assert_eq!(size_hint(&claims(11_000), 1 << 30), None, "beyond deflate's ratio for 10 bytes");
    assert_eq!(size_hint(&claims(10_000), 9_999), None, "beyond the bound");
    assert_eq!(size_hint(&claims(0), 1 << 30), None);
}
