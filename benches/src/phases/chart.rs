//! The summary as a picture.

use std::fmt::Write as _;

use super::manager::Manager;
use super::phase::Phase;
use super::report::Report;

const WIDTH: f64 = 760.0;
const LABELS: f64 = 130.0;
const BAR: f64 = 16.0;
const GAP: f64 = 14.0;
const HEAD: f64 = 44.0;
/// Room behind the longest bar for its figure.
const FIGURES: f64 = 70.0;

fn colour(manager: Manager) -> &'static str {
    match manager {
        Manager::Utoo => "#0b7a5c",
        Manager::Bun => "#e2a15b",
        Manager::Pnpm => "#d9b310",
        Manager::Npm => "#b8403a",
        Manager::OldUtoo => "#7fb8a6",
        Manager::Baseline => "#8a8f98",
        Manager::Floor => "#c9ccd1",
    }
}

impl Report {
    /// Wall times as horizontal bars: a group for each phase, a bar for each manager, each group on its own scale,
    /// which ends at ten times the fastest: bars beyond it are cut, and say so. SVG, readable on light and dark.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let mut bars = String::new();
        let mut y = HEAD;
        for phase in Phase::ALL {
            let walls: Vec<_> = self
                .versions
                .iter()
                .filter_map(|(manager, _)| {
                    let wall = self.cell(phase, *manager)?.median(|sample| sample.wall)?;
                    Some((*manager, wall))
                })
                .collect();
            let Some(fastest) = walls.iter().map(|(_, wall)| *wall).min_by(f64::total_cmp) else { continue };
            let slowest = walls.iter().map(|(_, wall)| *wall).fold(0.0, f64::max);
            let middle = y + BAR * walls.len() as f64 / 2.0 + 4.0;
            let _ = writeln!(bars, "<text x=\"0\" y=\"{middle:.0}\">{} {}</text>", phase.id(), phase.label());
            let scale = (WIDTH - LABELS - FIGURES) / slowest.min(fastest * 10.0).max(1e-6);
            for (manager, wall) in walls {
                let full = wall * scale;
                let length = full.min(WIDTH - LABELS - FIGURES);
                let cut = if full > length + 0.5 { " →" } else { "" };
                let _ = writeln!(
                    bars,
                    "<rect class=\"bar\" x=\"{LABELS}\" y=\"{y:.0}\" width=\"{length:.1}\" height=\"{:.0}\" \
                     fill=\"{}\"/><text class=\"figure\" x=\"{:.1}\" y=\"{:.0}\">{wall:.3} s{cut}</text>",
                    BAR - 3.0,
                    colour(manager),
                    LABELS + length + 5.0,
                    y + BAR - 6.0,
                );
                y += BAR;
            }
            y += GAP;
        }
        let legend = self.legend();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {y:.0}\" width=\"{WIDTH:.0}\" \
             height=\"{y:.0}\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
             <style>text {{ fill: #444 }} .figure {{ font-size: 11px }} \
             @media (prefers-color-scheme: dark) {{ text {{ fill: #ccc }} }}</style>\n\
             <title>{}: wall time of each phase</title>\n{legend}{bars}</svg>\n",
            escaped(&self.workload)
        )
    }

    fn legend(&self) -> String {
        let mut text =
            format!("<text x=\"0\" y=\"14\" font-weight=\"bold\">{}</text>\n", escaped(&self.workload));
        let mut x = LABELS;
        for (manager, version) in &self.versions {
            let label = match manager {
                Manager::OldUtoo => manager.id().to_owned(),
                _ => format!("{} {version}", manager.id()),
            };
            let _ = writeln!(
                text,
                "<rect x=\"{x:.0}\" y=\"5\" width=\"10\" height=\"10\" fill=\"{}\"/>\
                 <text x=\"{:.0}\" y=\"14\">{}</text>",
                colour(*manager),
                x + 15.0,
                escaped(&label)
            );
            x += 32.0 + 7.0 * label.chars().count() as f64;
        }
        text
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
