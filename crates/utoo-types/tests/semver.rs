//! Versions and ranges against the answers that npm's own semver gave (`fixtures/semver/answers.txt`, whose head
//! specifies its lines; `scripts/record-semver` wrote it).

#![expect(clippy::expect_used, reason = "a test may panic, its helpers too")]

use std::cmp::Ordering;
use std::fmt::Display;
use std::path::PathBuf;

use utoo_types::{Range, Version};

/// Differences shown before the test gives up listing them.
const SHOWN: usize = 40;

#[test]
fn answers_are_those_of_npm() {
    let path = std::env::var_os("UTOO_SEMVER_ANSWERS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/semver/answers.txt"),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(&path).expect("recorded answers");
    let mut differential = Differential::default();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        differential.check(&fields);
    }
    assert!(differential.pairs >= 20_000, "only {} pairs in {}", differential.pairs, path.display());
    assert!(
        differential.differences.is_empty(),
        "{} differences:\n{}",
        differential.differences.len(),
        differential.differences[..differential.differences.len().min(SHOWN)].join("\n")
    );
}

/// What was read so far, and where it differed.
#[derive(Default)]
struct Differential {
    versions: Vec<Recorded>,
    ranges: Vec<RecordedRange>,
    pairs: usize,
    differences: Vec<String>,
}

struct Recorded {
    text: String,
    strict: Option<Version>,
    loose: Option<Version>,
}

struct RecordedRange {
    text: String,
    strict: Option<Range>,
    loose: Option<Range>,
}

impl Differential {
    fn check(&mut self, fields: &[&str]) {
        match *fields {
            ["v", text, strict, loose] => self.version(text, [strict, loose]),
            ["r", text, a, b, c, d, minimum] => self.range(text, [a, b, c, d], minimum),
            ["s", range, answers] => self.satisfies(index(range), answers),
            ["c", a, b, compare, build] => self.compare(index(a), index(b), [compare, build]),
            ["o", given, "|", sorted] => self.sort(given, sorted),
            ["m", range, given, "|", found] => self.max_satisfying(index(range), given, found),
            ["p", a, b, bits] => self.relate(index(a), index(b), bits),
            _ => panic!("unreadable line: {fields:?}"),
        }
    }

    fn expect(&mut self, what: impl Display, recorded: &str, ours: &str) {
        if recorded != ours {
            self.differences.push(format!("{what}: npm {recorded}, ours {ours}"));
        }
    }

    fn version(&mut self, text: &str, recorded: [&str; 2]) {
        let text = decode(text);
        let strict = Version::parse(&text).ok();
        let loose = Version::parse_loose(&text).ok();
        let ours = [normal(strict.as_ref()), normal(loose.as_ref())];
        for (mode, (recorded, ours)) in expand(recorded).iter().zip(&ours).enumerate() {
            self.expect(format_args!("version {text:?} mode {mode}"), recorded, ours);
        }
        self.versions.push(Recorded { text, strict, loose });
    }

    fn range(&mut self, text: &str, recorded: [&str; 4], minimum: &str) {
        let text = decode(text);
        let strict = Range::parse_strict(&text).ok();
        let loose = Range::parse(&text).ok();
        let plain = |range: &Option<Range>| encode(range.as_ref().map(Range::normalized));
        let with = |mode: fn(&str) -> Option<String>| encode(mode(&text));
        let ours = [
            plain(&strict),
            plain(&loose),
            with(|text| Range::parse_strict(text).ok()?.normalized_including_prerelease()),
            with(|text| Range::parse(text).ok()?.normalized_including_prerelease()),
        ];
        for (mode, (recorded, ours)) in expand(recorded).iter().zip(&ours).enumerate() {
            self.expect(format_args!("range {text:?} mode {mode}"), recorded, ours);
        }
        let least = encode(loose.as_ref().and_then(Range::min_version).map(|version| version.to_string()));
        self.expect(format_args!("minimum of {text:?}"), minimum, &least);
        self.ranges.push(RecordedRange { text, strict, loose });
    }

    fn satisfies(&mut self, range: usize, answers: &str) {
        for answer in answers.split(' ') {
            let (version, bits) = answer.split_once(':').expect("version:bits");
            let version = &self.versions[index(version)];
            let range = &self.ranges[range];
            let ask = |range: &Option<Range>, version: &Option<Version>, test: Test| matches!((range, version), (Some(range), Some(version)) if test(range, version));
            let ours = [
                ask(&range.strict, &version.strict, Range::satisfies),
                ask(&range.loose, &version.loose, Range::satisfies),
                ask(&range.strict, &version.strict, Range::satisfies_including_prerelease),
                ask(&range.loose, &version.loose, Range::satisfies_including_prerelease),
            ];
            self.pairs += 1;
            let what = format!("{:?} in {:?}", version.text, range.text);
            self.expect(what, bits, &hex(&ours));
        }
    }

    /// The version, unless it was already reported as one that we cannot read.
    fn loose(&self, version: usize) -> Option<&Version> {
        self.versions[version].loose.as_ref()
    }

    fn all_loose(&self, versions: &str) -> Option<Vec<(usize, Version)>> {
        let read = |field| Some((index(field), self.loose(index(field))?.clone()));
        versions.split(' ').map(read).collect()
    }

    fn compare(&mut self, a: usize, b: usize, recorded: [&str; 2]) {
        let (Some(one), Some(other)) = (self.loose(a), self.loose(b)) else {
            return;
        };
        let sign = |order| match order {
            Ordering::Less => "<",
            Ordering::Equal => "=",
            Ordering::Greater => ">",
        };
        let ours = [sign(one.cmp(other)), sign(one.compare_build(other))];
        let what = format!("{one} to {other}");
        for (recorded, ours) in recorded.iter().zip(ours) {
            self.expect(&what, recorded, ours);
        }
    }

    fn sort(&mut self, given: &str, recorded: &str) {
        let Some(mut versions) = self.all_loose(given) else {
            return;
        };
        versions.sort_by(|(_, a), (_, b)| a.compare_build(b));
        let ours: Vec<String> = versions.iter().map(|(at, _)| at.to_string()).collect();
        self.expect(format_args!("sort of {given}"), recorded, &ours.join(" "));
    }

    fn max_satisfying(&mut self, range: usize, given: &str, recorded: &str) {
        let (Some(range), Some(versions)) = (self.ranges[range].loose.clone(), self.all_loose(given)) else {
            return;
        };
        let found = range.max_satisfying(versions.iter().map(|(_, version)| version));
        let ours = found
            .and_then(|found| versions.iter().find(|(_, version)| std::ptr::eq(version, found)))
            .map_or("!".to_owned(), |(at, _)| at.to_string());
        self.expect(format_args!("highest in {range}"), recorded, &ours);
    }

    fn relate(&mut self, a: usize, b: usize, recorded: &str) {
        let loose = |range: usize| self.ranges[range].loose.clone();
        let (Some(a), Some(b)) = (loose(a), loose(b)) else {
            return;
        };
        let ours = hex(&[a.intersects(&b), a.is_subset_of(&b), b.is_subset_of(&a)]);
        let what = format!("{a} [{}] and {b} [{}]", a.normalized(), b.normalized());
        self.expect(what, recorded, &ours);
    }
}

type Test = fn(&Range, &Version) -> bool;

fn index(field: &str) -> usize {
    field.parse().expect("an index")
}

fn decode(json: &str) -> String {
    serde_json::from_str(json).expect("a JSON text")
}

fn encode(text: Option<String>) -> String {
    text.map_or("!".to_owned(), |text| serde_json::to_string(&text).expect("a JSON text"))
}

/// Replaces `=` by the field before.
fn expand<const N: usize>(fields: [&str; N]) -> [&str; N] {
    let mut expanded = fields;
    for index in 1..N {
        if expanded[index] == "=" {
            expanded[index] = expanded[index - 1];
        }
    }
    expanded
}

fn normal(version: Option<&Version>) -> String {
    encode(version.map(|version| {
        let build: Vec<&str> = version.build().collect();
        match build.is_empty() {
            true => version.to_string(),
            false => format!("{version}+{}", build.join(".")),
        }
    }))
}

fn hex(answers: &[bool]) -> String {
    let bits = answers.iter().enumerate().fold(0, |bits, (at, yes)| bits | u32::from(*yes) << at);
    format!("{bits:x}")
}
