use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// What [`Members`] gives, and [`Inflater`] where it takes the tarball.
fn inflated(inflater: &mut Inflater, tarball: &[u8]) -> Result<Vec<u8>, TarballProblem> {
    let mut members = Members::new(tarball);
    let mut all = Vec::new();
    let read = loop {
        match members.more() {
            Ok(false) => break Ok(all),
            Ok(true) => all.extend_from_slice(members.read(usize::MAX)),
            Err(problem) => break Err(problem),
        }
    };
    if let Some(whole) = inflater.inflate(tarball) {
        assert_eq!(read.as_deref(), Ok(whole));
    }
    read
}

#[test]
fn one_member_many_members_and_none() {
    let mut inflater = Inflater::new();
    let text = b"package/".repeat(10_000);
    let one = gzip(&text);
    assert_eq!(inflater.inflate(&one), Some(&text[..]));
    assert_eq!(inflated(&mut inflater, &one).unwrap(), text);
    // A smaller one after a larger one sees nothing of the old buffer.
    assert_eq!(inflater.inflate(&gzip(b"x")), Some(&b"x"[..]));
    let two = [gzip(b"same"), gzip(b"size")].concat();
    assert_eq!(inflated(&mut inflater, &two).unwrap(), b"samesize");
    let padded = [gzip(&text), vec![0; 700]].concat();
    assert_eq!(inflated(&mut inflater, &padded).unwrap(), text);
    assert_eq!(inflater.inflate(b"plain tar"), Some(&b"plain tar"[..]));
    assert_eq!(inflated(&mut inflater, &gzip(b"")).unwrap(), b"");
}

#[test]
fn large_ones_are_read_piece_by_piece() {
    let text = vec![b'x'; WHOLE + 1];
    assert_eq!(Inflater::new().inflate(&gzip(&text)), None);
    assert!(Inflater::new().inflate(&gzip(&text[1..])).is_some());
    assert_eq!(inflated(&mut Inflater::new(), &gzip(&text)).unwrap(), text);
}

#[test]
fn heads_with_names_and_comments_are_stepped_over_and_those_that_are_none_are_errors() {
    let mut inflater = Inflater::new();
    let builder = flate2::GzBuilder::new().filename("package.tar").comment("by hand").extra([1, 2, 3]);
    let mut encoder = builder.write(Vec::new(), Compression::fast());
    encoder.write_all(b"content").unwrap();
    let named = encoder.finish().unwrap();
    assert_eq!(inflated(&mut inflater, &named).unwrap(), b"content");
    for (at, byte) in [(0, 0x1e), (2, 7), (3, 0xe0)] {
        let mut wrong = named.clone();
        wrong[at] = byte;
        assert!(matches!(Members::new(&wrong).more(), Err(TarballProblem::Compression(_))), "{at}");
    }
}

#[test]
fn a_wrong_checksum_is_an_error() {
    let mut inflater = Inflater::new();
    let mut wrong = gzip(&b"0123456789".repeat(500));
    let end = wrong.len();
    wrong[end - 8] ^= 1;
    assert_eq!(inflater.inflate(&wrong), None);
    assert!(matches!(inflated(&mut inflater, &wrong), Err(TarballProblem::Compression(_))));
}

#[test]
fn three_bytes_by_chance_are_no_second_member_and_a_real_one_is_not_missed() {
    let mut inflater = Inflater::new();
    let content = [&GZIP_MAGIC[..], b" stored as it is ", &GZIP_MAGIC].concat();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(&content).unwrap();
    let stored = encoder.finish().unwrap();
    assert_eq!(inflater.inflate(&stored), Some(&content[..]));
    // The last size is that of the first member, too, and so is the checksum.
    let twice = stored.repeat(2);
    assert_eq!(inflater.inflate(&twice), None);
    assert_eq!(inflated(&mut inflater, &twice).unwrap(), content.repeat(2));
    let size = &stored[stored.len() - 4..];
    let rubbish = [&stored, &b"rubbish"[..], size].concat();
    assert_eq!(inflater.inflate(&rubbish), None);
    assert!(matches!(inflated(&mut inflater, &rubbish), Err(TarballProblem::Compression(_))));
}

#[test]
fn a_wrong_size_field_is_an_error_and_a_cut_stream_too() {
    let mut inflater = Inflater::new();
    let good = gzip(&b"0123456789".repeat(500));
    let mut wrong = good.clone();
    let end = wrong.len();
    wrong[end - 4..].copy_from_slice(&7_u32.to_le_bytes());
    assert_eq!(inflater.inflate(&wrong), None);
    assert!(matches!(inflated(&mut inflater, &wrong), Err(TarballProblem::Compression(_))));
    for cut in [4, 11, good.len() / 2, good.len() - 9] {
        let cut = &good[..cut];
        assert_eq!(inflater.inflate(cut), None);
        assert!(matches!(inflated(&mut inflater, cut), Err(TarballProblem::Compression(_))), "{}", cut.len());
    }
}

#[test]
fn a_bomb_stops_at_the_bound() {
    // Many small members, so that no size field gives it away: each inflates to 8 MiB.
    let member = gzip(&vec![0; 8 << 20]);
    let bomb = member.repeat(66);
    let limit = BOMB_FLOOR;
    assert!(bomb.len() as u64 * BOMB_RATIO < limit);
    let mut members = Members::new(&bomb);
    let mut length = 0;
    let end = loop {
        match members.more() {
            Ok(false) => panic!("all {length} bytes of it were inflated"),
            Ok(true) => length += members.read(usize::MAX).len() as u64,
            Err(problem) => break problem,
        }
    };
    assert_eq!(end, TarballProblem::Bomb { limit });
    assert!(length <= limit);
}

#[test]
fn a_size_field_is_believed_only_within_bounds() {
    let claims = |size: u32| {
        let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0];
        bytes.extend(size.to_le_bytes());
        bytes
    };
    assert_eq!(stated_size(&claims(10_000)), Some(10_000));
    assert_eq!(stated_size(&claims(11_000)), None, "beyond deflate's ratio for 10 bytes");
    assert_eq!(stated_size(&claims(0)), None);
}
