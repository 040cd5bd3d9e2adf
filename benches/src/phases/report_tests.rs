use super::*;

fn cell(walls: &[f64]) -> Cell {
    let samples = walls.iter().map(|wall| Sample { wall: *wall, ..Sample::default() }).collect();
    Cell { samples, sizes: Some(Sizes { cache: 2_000_000, modules: 0, lock: 500_000 }), refused: None }
}

fn report() -> Report {
    let broken = Cell { refused: Some("exit status: 1: no".to_owned()), ..cell(&[0.1]) };
    Report {
        workload: "w".to_owned(),
        rounds: 3,
        cores: 2,
        file_system: "tmpfs".to_owned(),
        wan: None,
        versions: vec![(Manager::Utoo, "0.1.0".to_owned()), (Manager::Bun, "1.4.5".to_owned())],
        rows: vec![
            (Phase::FullCold, Manager::Utoo, cell(&[0.5, 0.4, 0.6])),
            (Phase::FullCold, Manager::Bun, cell(&[1.0, 1.0, 1.0])),
            (Phase::NoOp, Manager::Utoo, cell(&[0.01])),
            (Phase::NoOp, Manager::Bun, broken),
        ],
    }
}

#[test]
fn a_refused_cell_shows_no_figure_and_makes_the_report_incomplete() {
    let mut report = report();
    assert!(!report.is_complete());
    let text = report.to_markdown();
    assert!(text.contains("| p0 full cold | 0.500 | 1.000 | 0.50 |"), "{text}");
    assert!(text.contains("| p5 no-op | 0.010 | – | – |"), "{text}");
    assert!(text.contains("- bun p5: exit status: 1: no"), "{text}");
    report.rows.pop();
    assert!(report.is_complete());
}

#[test]
fn columns_of_the_terminal_are_aligned() {
    let text = report().to_text();
    let rows: Vec<_> =
        text.lines().filter(|line| line.contains("full cold") || line.contains("no-op")).collect();
    assert_eq!(rows[0].chars().count(), rows[1].chars().count(), "{text}");
}

#[test]
fn json_has_every_sample() {
    let json = report().to_json();
    assert_eq!(json["cells"][0]["samples"].as_array().unwrap().len(), 3);
    assert_eq!(json["cells"][0]["medianWall"], 0.5);
    assert_eq!(json["cells"][3]["medianWall"], Value::Null);
    assert_eq!(json["managers"]["bun"], "1.4.5");
}

#[test]
fn reasons_do_not_name_the_folder_of_the_run() {
    let cell = Cell { refused: Some("/tmp/x/bun/log: gone".to_owned()), ..Cell::default() };
    assert_eq!(cell.without_paths(Path::new("/tmp/x")).refused.unwrap(), "/bun/log: gone");
}

#[test]
fn a_baseline_is_compared_round_by_round_and_is_no_rival() {
    let mut report = report();
    report.versions.push((Manager::Baseline, "0.1.0".to_owned()));
    report.rows.push((Phase::FullCold, Manager::Baseline, cell(&[0.25, 0.2, 0.3])));
    let text = report.to_markdown();
    assert!(text.contains("| p0 full cold | 0.500 | 1.000 | 0.250 | 0.50 |"), "{text}");
    assert!(text.contains("| p0 full cold | 2.000 | 2.000 | 2.000 |"), "{text}");
    assert_eq!(report.against_baseline(Phase::NoOp), None);
}

#[test]
fn the_chart_has_a_bar_for_each_figure() {
    let chart = report().to_svg();
    assert_eq!(chart.matches("<rect class=\"bar").count(), 3, "{chart}");
    assert!(
        chart.contains(">bun 1.4.5<") && chart.starts_with("<svg ") && chart.ends_with("</svg>\n"),
        "{chart}"
    );
}
