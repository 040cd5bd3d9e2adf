//! The quick reader gives what the general one gives, or nothing.

use proptest::prelude::*;

use super::super::writer::Heap;
use super::{Packument, read};

/// What both readers make of a document; a space in front is enough to be no plain one.
fn both(json: &[u8]) -> (Option<Packument>, Option<Packument>) {
    let quick = read(json, &mut Heap::new()).map(|read| read.unwrap());
    let general = Packument::from_json([b" ", json].concat()).ok();
    (quick, general)
}

fn same(json: &str) {
    let (quick, general) = both(json.as_bytes());
    let quick = quick.unwrap_or_else(|| panic!("left to the general reader: {json}"));
    assert_eq!(quick.as_bytes(), general.expect(json).as_bytes(), "{json}");
}

fn left(json: &str) {
    assert!(both(json.as_bytes()).0.is_none(), "{json}");
}

/// A document of two versions with these members.
fn document(first: &str, second: &str) -> String {
    format!(
        r#"{{"name":"a","dist-tags":{{"latest":"1.0.1"}},"versions":{{"1.0.0":{{{first}}},"1.0.1":{{{second}}}}},"modified":"2024-01-02T03:04:05.678Z"}}"#
    )
}

const PLAIN: &str = r#""name":"a","version":"1.0.0","dependencies":{"b":"^1.0.0","@c/d":"npm:e@2"},"optionalDependencies":{"b":"1"},"peerDependencies":{"p":"*"},"peerDependenciesMeta":{"p":{"optional":true}},"bin":{"a":"x.js"},"engines":{"node":">=4","npm":"2"},"os":["linux","!win32"],"dist":{"integrity":"sha512-Sx55bweKjcz7n6GkEXIuCc0QJV2ozQYugYCX55yzdxbkzm7NeyJUCSxXNPjYFjBaSOPbtosMCLdLBztULpNXSA==","shasum":"a2e94b1535a1808c5632ea9c9599dbf96c465790","tarball":"https://registry.example/a/-/a-1.0.0.tgz","fileCount":3,"unpackedSize":1234,"signatures":[{"keyid":"SHA256:x","sig":"y="}]},"hasInstallScript":true,"deprecated":"no \"more\"\n""#;

#[test]
fn plain_documents_give_the_same_bytes() {
    same(r#"{"name":"a","versions":{}}"#);
    same(r#"{"name":"a","versions":{"1.0.0":{}},"other":[1,{"x":[true,null]},"\n"]}"#);
    same(&document(PLAIN, PLAIN));
    same(&document(PLAIN, &PLAIN.replace("1.0.0", "1.0.1")));
    same(&document(PLAIN, &PLAIN.replace("^1.0.0", "^1.0.01")));
    same(&document(PLAIN, &PLAIN.replace(r#""os":["linux","!win32"],"#, "")));
    same(&document(PLAIN, &PLAIN.replace("\"p\":\"*\"", "\"p\":\"*\",\"q\":7,\"r\":{},\"p\":\"2\"")));
    same(&format!("{}\n", document(PLAIN, "")));
}

#[test]
fn odd_members_count_as_for_the_general_reader() {
    for member in [
        r#""engines":["node >= 1"]"#,
        r#""engines":"node >= 1""#,
        r#""engines":{"node":""}"#,
        r#""dependencies":[]"#,
        r#""dependencies":null"#,
        r#""dependencies":{"x":{"y":"z"}}"#,
        r#""dist":null"#,
        r#""dist":"x""#,
        r#""dist":{}"#,
        r#""dist":{"tarball":1,"shasum":null}"#,
        r#""dist":{"tarball":"https://registry.example/b.tgz"},"dist":[]"#,
        r#""deprecated":false"#,
        r#""deprecated":"""#,
        r#""bundledDependencies":["x"]"#,
        r#""bundledDependencies":["x"],"bundleDependencies":false"#,
        r#""name":"b","version":"9""#,
        r#""name":["b"],"version":{}"#,
        r#""license":{"type":"MIT","url":"u"},"funding":[{"url":"ü"}]"#,
        r#""bin":"x","bin":{"y":"z"}"#,
        r#""hasInstallScript":false,"_hasShrinkwrap":true"#,
    ] {
        same(&document(PLAIN, member));
        same(&document(member, PLAIN));
        same(&document(member, member));
    }
    same(r#"{"name":"a","versions":{"1.0.0":{},"1.0.0":{"os":["x"]},"x":3,"y":"z","not one":{}}}"#);
}

#[test]
fn what_is_not_plain_is_left_to_the_general_reader() {
    for json in [
        r#"{ "name":"a","versions":{}}"#,
        r#"{"name":"a"}"#,
        r#"{"versions":{},"name":"a"}"#,
        r#"{"name":"a","versions":{},"versions":{}}"#,
        r#"{"name":"a","versions":{},"time":{}}"#,
        r#"{"name":"a","versions":{}}x"#,
        r#"{"name":"a","versions":{}"#,
        r#"{"name":"a","versions":{},"n":1e5}"#,
        r#"{"name":"a","versions":{},"n":012}"#,
        r#"{"name":"a","versions":{},"n":12345678901234567}"#,
        r#"{"name":"a","versions":{},"s":"\ud800"}"#,
        r#"{"name":"a","versions":{},"s":"\x"}"#,
        r#"{"name":"a","versions":{"1.0.0":{"scripts":{"install":"x"}}}}"#,
        r#"{"name":"a","versions":{"1.0.0":{"engines":{"node":true}}}}"#,
        r#"{"name":"a","versions":{"1.0.0":{"funding":[1]}}}"#,
        r#"{"name":"a","versions":{"1.0.0":{"deprecated":{"x":"y"}}}}"#,
        r#"{"name":"a","versions":{"1.0.0":{"bin":{"x":"\n"}}}}"#,
    ] {
        left(json);
    }
    left(&format!(r#"{{"name":"a","versions":{{}},"deep":{}1{}}}"#, "[".repeat(20), "]".repeat(20)));
    assert!(both(b"{\"name\":\"a\",\"versions\":{},\"x\":\"\xff\"}").0.is_none());
    assert!(both(b"{\"name\":\"a\",\"versions\":{},\"x\":\"\t\"}").0.is_none());
}

proptest! {
    /// Of whatever becomes of a document by a few edits: pieces that go, come twice, or move.
    #[test]
    fn edited_documents_never_differ(
        edits in prop::collection::vec((0_usize..4000, 0_usize..40, 0_usize..4000, 0_u8..4), 1..6),
    ) {
        let mut json = document(PLAIN, &PLAIN.replace("1.0.0", "1.0.1")).into_bytes();
        for (at, length, to, kind) in edits {
            let at = at % json.len();
            let end = (at + length).min(json.len());
            let piece = json[at..end].to_vec();
            let to = to % json.len();
            match kind {
                0 => drop(json.drain(at..end)),
                1 => drop(json.splice(to..to, piece)),
                2 => json[at] = b"\"{}[],:\\0t "[to % 11],
                _ => json.swap(at, to),
            }
            if json.is_empty() {
                return Ok(());
            }
        }
        let (quick, general) = both(&json);
        if let Some(quick) = quick {
            let general = general.map(|general| general.as_bytes().clone());
            prop_assert_eq!(Some(quick.as_bytes().clone()), general, "{}", String::from_utf8_lossy(&json));
        }
    }
}
