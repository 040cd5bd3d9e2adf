use super::*;

#[test]
fn patterns() {
    for (pattern, text, expected) in [
        ("/left", "/left", true),
        ("/left", "/left/1.0.0", false),
        ("/left*", "/left/1.0.0", true),
        ("*.tgz", "/a/-/a-1.0.0.tgz", true),
        ("/*/-/*.tgz", "/@s/n/-/n-1.0.0.tgz", true),
        ("/*/-/*.tgz", "/a", false),
        ("*", "", true),
        ("a*b*c", "abc", true),
        ("a*b*c", "acb", false),
        ("ab*ba", "aba", false),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
    }
}

#[test]
fn counts_each_rule_by_itself() {
    let plan = FaultPlan::new()
        .on("/a", Nth::Only(2), Fault::status(500))
        .on("/*", Nth::From(3), Fault::status(503))
        .on("/a", Nth::Every, Fault::Delay(Duration::from_millis(5)));
    let mut seen = Vec::new();
    for path in ["/a", "/a", "/b", "/c"] {
        let (delay, fault) = plan.apply(path);
        let code = fault.map(|fault| match fault {
            Fault::Status { code, .. } => code.as_u16(),
            other => panic!("{other:?}"),
        });
        seen.push((delay.as_millis(), code));
    }
    assert_eq!(seen, [(5, None), (5, Some(500)), (0, Some(503)), (0, Some(503))]);
}
