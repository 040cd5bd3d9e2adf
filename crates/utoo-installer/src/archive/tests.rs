//! The expected entries were recorded from node-tar 7.5 (npm 11.19), asked for the same bytes.

use super::entries::{BLOCK, Entry};
use super::*;

/// A header, field by field, so that broken ones can be written too.
struct Raw {
    name: Vec<u8>,
    size: Vec<u8>,
    typeflag: u8,
    mode: u32,
    link: &'static str,
    magic: &'static [u8],
    prefix: &'static str,
    checksum_off_by: u64,
}

fn header(name: &str, size: usize) -> Raw {
    Raw {
        name: name.into(),
        size: format!("{size:011o}\0").into_bytes(),
        typeflag: b'0',
        mode: 0o644,
        link: "",
        magic: b"ustar\x0000",
        prefix: "",
        checksum_off_by: 0,
    }
}

impl Raw {
    fn typed(mut self, typeflag: u8) -> Self {
        self.typeflag = typeflag;
        self
    }

    fn link(mut self, link: &'static str) -> Self {
        self.link = link;
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.name);
        put(100, format!("{:07o}\0", self.mode).as_bytes());
        put(124, &self.size);
        put(148, b"        ");
        put(156, &[self.typeflag]);
        put(157, self.link.as_bytes());
        put(257, self.magic);
        put(345, self.prefix.as_bytes());
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum::<u64>() + self.checksum_off_by;
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }
}

fn padded(body: &[u8]) -> Vec<u8> {
    let mut bytes = body.to_vec();
    bytes.resize(body.len().next_multiple_of(BLOCK), 0);
    bytes
}

fn file(name: &str, body: &str) -> Vec<u8> {
    [header(name, body.len()).bytes(), padded(body.as_bytes())].concat()
}

fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
    let mut length = rest.len();
    while length.to_string().len() + rest.len() != length {
        length = length.to_string().len() + rest.len();
    }
    [length.to_string().into_bytes(), rest].concat()
}

fn pax(typeflag: u8, records: &[u8]) -> Vec<u8> {
    [header("PaxHeader", records.len()).typed(typeflag).bytes(), padded(records)].concat()
}

fn x(key: &str, value: &str) -> Vec<u8> {
    pax(b'x', &record(key, value.as_bytes()))
}

const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// What both inputs give, which must be the same.
fn entries(archive: &[u8]) -> Result<Vec<(String, usize)>, TarballProblem> {
    let mut entries = Entries::new(Whole::new(archive));
    let mut list = Vec::new();
    let whole = loop {
        match entries.next() {
            Ok(Some(entry)) if entry.kind == Kind::File => {
                list.push((entry.path.to_owned(), entry.body.len()))
            }
            Ok(Some(_)) => {}
            Ok(None) => break Ok(list),
            Err(error) => break Err(error),
        }
    };
    assert_eq!(whole, streamed_entries(archive));
    whole
}

fn streamed_entries(archive: &[u8]) -> Result<Vec<(String, usize)>, TarballProblem> {
    let tarball = gzip(archive);
    let mut entries = Entries::new(Stream::new(Members::new(&tarball)));
    let mut list = Vec::new();
    while let Some(Entry { path, kind, .. }) = entries.next()? {
        let (path, mut length) = (path.to_owned(), 0);
        while let Some(piece) = entries.input().piece()? {
            length += piece.len();
        }
        if kind == Kind::File {
            list.push((path, length));
        }
    }
    entries.into_input().finish()?;
    Ok(list)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

#[track_caller]
fn check(parts: &[&[u8]], expected: &[(&str, usize)]) {
    let archive = [&parts.concat()[..], &END].concat();
    let expected: Vec<_> = expected.iter().map(|(path, size)| ((*path).to_owned(), *size)).collect();
    assert_eq!(entries(&archive), Ok(expected));
}

fn inner() -> Vec<u8> {
    file("package/inner", "inn")
}

/// A header that says `inner` is its body, or is not.
fn over_inner(typeflag: u8, link: &'static str) -> Vec<u8> {
    [header("package/outer", 1024).typed(typeflag).link(link).bytes(), inner()].concat()
}

#[test]
fn pax_sizes_count_for_the_body() {
    let next = file("package/b", "b");
    let empty = header("package/outer", 0).bytes();
    check(&[&x("size", "1024"), &empty, &inner(), &next], &[("package/outer", 1024), ("package/b", 1)]);
    let zero = [x("size", "0"), over_inner(b'0', "")].concat();
    check(&[&zero, &next], &[("package/outer", 0), ("package/inner", 3), ("package/b", 1)]);
    for odd in ["-512", "zz", "1e1", " 3", ""] {
        let refused = entries(&[x("size", odd), over_inner(b'0', "")].concat());
        assert!(matches!(refused, Err(TarballProblem::Pax(_))), "{odd:?}: {refused:?}");
    }
    let global = pax(b'g', &record("size", b"1024"));
    check(
        &[&global, &empty, &inner(), &header("package/b", 0).bytes(), &inner()],
        &[("package/outer", 1024), ("package/b", 1024)],
    );
    check(
        &[&pax(b'g', &record("size", b"1")), &x("size", "3"), &empty, &padded(b"abc")],
        &[("package/outer", 1)],
    );
}

#[test]
fn names_come_from_pax_and_gnu_headers() {
    let long = |typeflag| {
        [header("././@LongLink", 20).typed(typeflag).bytes(), padded(b"package/long\0garbage")].concat()
    };
    let short = file("package/s", "z");
    check(&[&long(b'L'), &short], &[("package/long", 1)]);
    check(&[&long(b'N'), &short], &[("package/long", 1)]);
    check(&[&x("path", "package/pax"), &long(b'L'), &short], &[("package/long", 1)]);
    check(&[&long(b'L'), &x("path", "package/pax"), &short], &[("package/pax", 1)]);
    check(&[&pax(b'g', &record("path", b"package/g")), &short], &[("package/s", 1)]);
    check(&[&pax(b'x', &record("path", b"package/a\0b")), &short], &[("package/a", 1)]);
    assert_eq!(entries(&[x("path", ""), short.clone()].concat()), Err(TarballProblem::Pax("path=".into())));
    check(
        &[&x("path", "package/p1"), &x("size", "1"), &header("package/s", 0).bytes(), &padded(b"z")],
        &[("package/p1", 1)],
    );
    let broken = [&b"99 path=package/q\n"[..], &record("path", b"package/ok")].concat();
    check(&[&pax(b'x', &broken), &short], &[("package/ok", 1)]);
    let big = [record("path", b"package/big"), record("comment", &vec![b'c'; 1 << 20])].concat();
    check(&[&pax(b'x', &big), &short], &[("package/s", 1)]);
    let prefixed = |magic| {
        let mut raw = header("x", 0);
        (raw.prefix, raw.magic) = ("package/pre", magic);
        raw.bytes()
    };
    check(&[&prefixed(b"ustar\x0000")], &[("package/pre/x", 0)]);
    check(&[&prefixed(b"ustar  \0")], &[("x", 0)]);
}

#[test]
fn what_is_no_entry_gives_its_name_to_the_next() {
    let next = file("package/b", "b");
    let named = x("path", "package/p");
    check(&[&named, &header("package/q", 0).link("foo").bytes(), &next], &[("package/p", 1)]);
    check(&[&named, &header("package/q", 0).typed(b'Z').bytes(), &next], &[("package/b", 1)]);
    check(&[&named, &[0; BLOCK], &next], &[("package/p", 1)]);
}

#[test]
fn bodies_of_what_is_no_entry_are_read_as_headers() {
    let found = [("package/inner", 3)];
    check(&[&over_inner(b'0', "foo")], &found);
    check(&[&over_inner(b'2', "")], &found);
    check(&[&x("linkpath", "foo"), &over_inner(b'2', "")], &found);
    check(&[&x("linkpath", "foo"), &over_inner(b'0', "")], &[("package/outer", 1024)]);
    check(&[&header("", 1024).bytes(), &inner()], &found);
    check(&[&header("package/outer/", 1024).typed(b'5').bytes(), &inner()], &found);
    check(&[&header("package/outer/", 1024).bytes(), &inner()], &found);
    check(&[&x("path", "package/dd/"), &over_inner(b'0', "")], &found);
    check(
        &[&x("path", "package/dd"), &header("package/d/", 1024).bytes(), &inner()],
        &[("package/dd", 1024)],
    );
}

#[test]
fn links_devices_and_the_unknown_are_skipped_with_their_bodies() {
    for typeflag in [b'1', b'2'] {
        check(&[&over_inner(typeflag, "foo")], &[]);
    }
    for typeflag in [b'3', b'4', b'6', b'D', b'S', b'Z'] {
        check(&[&over_inner(typeflag, ""), &file("package/b", "b")], &[("package/b", 1)]);
    }
    let contiguous = [header("package/u", 1).typed(b'7').bytes(), padded(b"b")].concat();
    assert_eq!(files(&[&contiguous]), Ok(vec![("u".to_owned(), "b".to_owned(), false)]));
}

#[test]
fn odd_numbers_are_read_as_node_tar_reads_them() {
    let sized = |size: &[u8], body: &[u8]| {
        let mut raw = header("package/a", 0);
        raw.size = size.to_vec();
        [raw.bytes(), padded(body), inner()].concat()
    };
    let base256 = [&[0x80][..], &[0; 10], &[3]].concat();
    check(&[&sized(&base256, b"abc")], &[("package/a", 3), ("package/inner", 3)]);
    check(&[&sized(&[0xff; 12], b"")], &[("package/a", 0), ("package/inner", 3)]);
    let huge = [&[0x80, 0, 0, 0][..], &[0x40], &[0; 7]].concat();
    check(&[&sized(&huge, b"")], &[("package/inner", 3)]);
    check(&[&sized(b"         3 \0", b"abc")], &[("package/a", 3), ("package/inner", 3)]);
    check(&[&sized(b"0000000009z\0", b"")], &[("package/a", 0), ("package/inner", 3)]);
    check(&[&sized(b"0000003zzzz\0", b"abc")], &[("package/a", 3), ("package/inner", 3)]);
}

#[test]
fn archives_end_at_two_zero_blocks_and_skip_what_is_no_header() {
    let (a, b) = (header("package/a", 0).bytes(), file("package/b", "b"));
    check(&[&a, &[0; BLOCK], &b], &[("package/a", 0), ("package/b", 1)]);
    check(&[&a, &END, &b], &[("package/a", 0)]);
    check(&[&a, &[0; BLOCK], &[b'j'; BLOCK], &[0; BLOCK], &b], &[("package/a", 0), ("package/b", 1)]);
    let mut wrong = header("package/a", 3);
    wrong.checksum_off_by = 1;
    check(&[&wrong.bytes(), &padded(b"abc"), &b], &[("package/b", 1)]);
    check(&[&[b'j'; BLOCK], &inner()], &[("package/inner", 3)]);
    assert_eq!(entries(&[file("package/a", "abc")].concat()), Ok(vec![("package/a".into(), 3)]));
}

#[test]
fn damaged_archives_are_refused() {
    for nothing in [&b""[..], &END, &[b' '; 600]] {
        assert_eq!(entries(nothing), Err(TarballProblem::NotTar));
    }
    let cut = [header("package/a", 600).bytes(), vec![b'x'; BLOCK]].concat();
    assert_eq!(entries(&cut), Err(TarballProblem::Truncated("package/a".into())));
}

type Listed = Vec<(String, String, bool)>;

/// What both ways of reading give, which must be the same.
fn files(parts: &[&[u8]]) -> Result<Listed, TarballProblem> {
    let archive = [&parts.concat()[..], &END].concat();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let list = |files: Vec<ArchiveFile<'_>>| {
        files.into_iter().map(|file| (file.path.to_string(), text(file.bytes), file.executable)).collect()
    };
    let whole = read(&archive).map(list);
    assert_eq!(whole, streamed_files(&gzip(&archive)));
    whole
}

fn streamed_files(tarball: &[u8]) -> Result<Listed, TarballProblem> {
    let mut files = Files::new(Members::new(tarball));
    let mut list: Listed = Vec::new();
    while let Some(FileHead { number, path, executable }) = files.next()? {
        let mut bytes = Vec::new();
        while let Some(piece) = files.piece()? {
            bytes.extend_from_slice(piece);
        }
        let file = (path.to_string(), String::from_utf8_lossy(&bytes).into_owned(), executable);
        match list.get_mut(number) {
            Some(earlier) => *earlier = file,
            None => list.push(file),
        }
    }
    files.finish()?;
    list.sort();
    Ok(list)
}

#[test]
fn bodies_longer_than_the_window_come_in_pieces_and_may_be_skipped() {
    let long: String = (0..400_000).map(|at| char::from(b'a' + (at % 23) as u8)).collect();
    let parts = [file("package/long", &long), file("package/short", "s"), file("package/last", &long[7..])];
    let parts: Vec<_> = parts.iter().map(Vec::as_slice).collect();
    let list = files(&parts).unwrap();
    assert_eq!(list[1], ("long".to_owned(), long, false));
    let tarball = gzip(&parts.concat());
    let mut files = Files::new(Members::new(&tarball));
    let mut paths = Vec::new();
    while let Some(head) = files.next().unwrap() {
        paths.push(head.path.to_string());
    }
    assert_eq!(paths, ["long", "short", "last"]);
}

#[test]
fn a_stream_that_is_damaged_behind_the_archive_is_refused() {
    let mut tarball = gzip(&[file("package/a", "a"), END.to_vec(), vec![b'x'; 300_000]].concat());
    let at = tarball.len() - 8;
    tarball[at] ^= 1;
    assert!(matches!(streamed_files(&tarball), Err(TarballProblem::Compression(_))));
}

#[test]
fn one_component_is_dropped_whatever_its_name() {
    let list = files(&[
        &file("package/z", "1"),
        &file("other/root", "2"),
        &file("toplevel", "3"),
        &file("./package/dotted", "4"),
        &file("package/./dot/a", "5"),
    ]);
    let paths: Vec<_> = list.unwrap().into_iter().map(|(path, ..)| path).collect();
    assert_eq!(paths, ["dot/a", "package/dotted", "root", "z"]);
}

#[test]
fn names_that_lead_out_are_refused_with_the_name() {
    let long = format!("package/{}", "l".repeat(300));
    for name in [
        "package/../esc",
        "package/x/../../../yy",
        "../package/x",
        "/package/abs",
        "C:/package/drive",
        "package/C:/drive",
        "package/a\\..\\..\\b",
        "package//empty",
        &long,
    ] {
        let entry = [x("path", name), file("package/s", "z")].concat();
        let Err(TarballProblem::Path(error)) = files(&[&entry]) else { panic!("{name} was taken") };
        assert!(name.starts_with(&error.name) || name.ends_with(&error.name), "{error}");
    }
}

#[test]
fn ignore_files_are_renamed_as_npm_does() {
    let list = files(&[
        &file("package/.gitignore", "git"),
        &file("package/sub/.gitignore", "git"),
        &file("package/sub/.npmignore", "npm"),
        &file("package/sub2/.npmignore", "npm"),
        &file("package/sub2/.gitignore", "git"),
        &file("package/not.gitignore", "git"),
    ]);
    let plain = |path: &str, text: &str| (path.to_owned(), text.to_owned(), false);
    assert_eq!(
        list.unwrap(),
        [
            plain(".npmignore", "git"),
            plain("not.gitignore", "git"),
            plain("sub/.npmignore", "npm"),
            plain("sub2/.npmignore", "npm"),
        ]
    );
}

#[test]
fn of_two_files_the_last_counts_and_folders_win_over_files() {
    let list = files(&[
        &file("package/dup", "first"),
        &file("package/dup", "second"),
        &file("package/Case", "A"),
        &file("package/case", "b"),
        &file("package/file", "x"),
        &file("package/file/below", "y"),
        &file("package/folder/below", "y"),
        &file("package/folder", "x"),
    ]);
    let texts: Vec<_> = list.unwrap().into_iter().map(|(path, text, _)| format!("{path}={text}")).collect();
    assert_eq!(texts, ["Case=A", "case=b", "dup=second", "file=x", "folder/below=y"]);
}

#[test]
fn any_execute_bit_makes_a_file_executable() {
    let moded = |name: &str, mode| {
        let mut raw = header(name, 0);
        raw.mode = mode;
        raw.bytes()
    };
    let list = files(&[&moded("p/a", 0o4755), &moded("p/b", 0o001), &moded("p/c", 0o4666), &moded("p/d", 0)]);
    let bits: Vec<_> = list.unwrap().into_iter().map(|(_, _, executable)| executable).collect();
    assert_eq!(bits, [true, true, false, false]);
}
