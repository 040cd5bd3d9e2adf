use super::*;

#[test]
fn counts_by_area() {
    let different = |aspect| Verdict::Compared(vec![Difference { aspect, detail: "d".to_owned() }]);
    let report = Report::new(vec![
        ("peers/a".to_owned(), different(Aspect::Bytes)),
        ("peers/b".to_owned(), different(Aspect::Outcome)),
        ("placement/a".to_owned(), Verdict::Compared(Vec::new())),
    ]);
    let deliberate = Verdict::Deliberate(vec![Difference { aspect: Aspect::Bytes, detail: "d".to_owned() }]);
    assert!(Report::new(vec![("git/a".to_owned(), deliberate)]).is_clean());
    let rows: Vec<Vec<String>> =
        report.table().lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect();
    assert_eq!(rows[0], ["area", "cases", "outcome", "tree", "document", "bytes", "hidden", "disk", "files"]);
    assert_eq!(rows[1], ["peers", "2", "1", "1", "1", "0", "1", "1", "1"]);
    assert_eq!(rows[2], ["placement", "1", "1", "1", "1", "1", "1", "1", "1"]);
    assert_eq!(rows[3], ["all", "3", "2", "2", "2", "1", "2", "2", "2"]);
    assert!(!report.is_clean());
    assert_eq!(line("peers/a", &report.verdicts()[0].1), "DIFFERENT peers/a\n            bytes: d");
}
