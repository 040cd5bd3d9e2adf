//! What the benchmark found, as tables and as JSON.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::manager::Manager;
use super::phase::Phase;
use super::sample::Sample;
use super::sizes::Sizes;
use super::statistics::{Ratio, deviation, median, ratio};
use super::wan::Wan;

/// One manager in one phase.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// One for each round.
    pub samples: Vec<Sample>,
    /// What was on the disk after the first round.
    pub sizes: Option<Sizes>,
    /// Why there is no figure.
    pub refused: Option<String>,
}

impl Cell {
    /// The same with a reason that does not say where it was run.
    pub(crate) fn without_paths(mut self, folder: &Path) -> Self {
        let folder = folder.to_string_lossy();
        self.refused = self.refused.map(|reason| reason.replace(&*folder, ""));
        self
    }

    /// The median of a figure; `None` where a run failed, or none was made.
    pub(crate) fn median(&self, figure: impl Fn(&Sample) -> f64) -> Option<f64> {
        let usable = self.refused.is_none() && !self.samples.is_empty();
        usable.then(|| median(self.samples.iter().map(figure)))
    }

    fn deviation(&self) -> f64 {
        deviation(&self.walls())
    }

    fn walls(&self) -> Vec<f64> {
        self.samples.iter().map(|sample| sample.wall).collect()
    }
}

/// The whole benchmark.
#[derive(Clone, Debug)]
pub struct Report {
    /// The workload's name.
    pub workload: String,
    /// How often each cell was measured.
    pub rounds: usize,
    /// Cores of the machine.
    pub cores: usize,
    /// `tmpfs` or `disk`.
    pub file_system: String,
    /// How far away the registry was.
    pub wan: Option<Wan>,
    /// Managers in the order of the tables.
    pub versions: Vec<(Manager, String)>,
    /// Cells, by phase, then by manager.
    pub rows: Vec<(Phase, Manager, Cell)>,
}

/// One column of the table of a phase.
struct Column {
    title: &'static str,
    text: fn(&Cell) -> String,
}

const COLUMNS: &[Column] = &[
    Column { title: "wall s", text: |cell| seconds(cell.median(|sample| sample.wall)) },
    Column { title: "±σ", text: |cell| format!("{:.3}", cell.deviation()) },
    Column { title: "user s", text: |cell| seconds(cell.median(|sample| sample.user)) },
    Column { title: "sys s", text: |cell| seconds(cell.median(|sample| sample.sys)) },
    Column { title: "RSS MB", text: |cell| megabytes(cell.median(|sample| sample.max_rss as f64)) },
    Column { title: "minor faults", text: |cell| whole(cell.median(|sample| sample.minor_faults as f64)) },
    Column {
        title: "vol. switches",
        text: |cell| whole(cell.median(|sample| sample.voluntary_switches as f64)),
    },
    Column { title: "invol.", text: |cell| whole(cell.median(|sample| sample.involuntary_switches as f64)) },
    Column { title: "requests", text: |cell| whole(cell.median(|sample| sample.requests as f64)) },
    Column {
        title: "received MB",
        text: |cell| megabytes(cell.median(|sample| sample.bytes_received as f64)),
    },
    Column { title: "sent kB", text: |cell| kilobytes(cell.median(|sample| sample.bytes_sent as f64)) },
    Column { title: "cache MB", text: |cell| megabytes(cell.sizes.map(|sizes| sizes.cache as f64)) },
    Column { title: "node_modules MB", text: |cell| megabytes(cell.sizes.map(|sizes| sizes.modules as f64)) },
    Column { title: "lock kB", text: |cell| kilobytes(cell.sizes.map(|sizes| sizes.lock as f64)) },
];

fn seconds(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}

fn megabytes(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{:.1}", value / 1e6))
}

fn kilobytes(value: Option<f64>) -> String {
    whole(value.map(|value| value / 1e3))
}

fn whole(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.0}"))
}

impl Report {
    /// Whether every cell has a figure.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.rows.iter().all(|(_, _, cell)| cell.refused.is_none() && !cell.samples.is_empty())
    }

    /// All tables, as Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = format!("## {}\n\n{}\n\n", self.workload, self.conditions());
        text.push_str(&markdown(&self.summary()));
        if let Some(table) = self.comparison() {
            let _ = write!(text, "\n{}", markdown(&table));
        }
        for (phase, table) in self.details() {
            let _ = write!(text, "\n### {} {}\n\n{}", phase.id(), phase.label(), markdown(&table));
        }
        for line in self.refusals() {
            let _ = write!(text, "\n- {line}");
        }
        text
    }

    /// All tables, for a terminal.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{}: {}\n\n{}", self.workload, self.conditions(), aligned(&self.summary()));
        if let Some(table) = self.comparison() {
            let _ = write!(text, "\n{}", aligned(&table));
        }
        for (phase, table) in self.details() {
            let _ = write!(text, "\n{} {}\n{}", phase.id(), phase.label(), aligned(&table));
        }
        for line in self.refusals() {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// Every sample.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let cells = self.rows.iter().map(|(phase, manager, cell)| {
            json!({
                "phase": phase.id(),
                "manager": manager.id(),
                "medianWall": cell.median(|sample| sample.wall),
                "deviationWall": cell.deviation(),
                "samples": cell.samples,
                "sizes": cell.sizes,
                "refused": cell.refused,
            })
        });
        let managers =
            self.versions.iter().map(|(manager, version)| (manager.id().to_owned(), json!(version)));
        json!({
            "workload": self.workload,
            "rounds": self.rounds,
            "cores": self.cores,
            "fileSystem": self.file_system,
            "roundTripMs": self.wan.map(|wan| wan.round_trip.as_secs_f64() * 1e3),
            "megabitsPerSecond": self.wan.map(|wan| wan.bits_per_second / 1e6),
            "managers": managers.collect::<serde_json::Map<_, _>>(),
            "cells": cells.collect::<Vec<_>>(),
        })
    }

    fn conditions(&self) -> String {
        let versions = self.versions.iter().map(|(manager, version)| match manager {
            Manager::OldUtoo => manager.id().to_owned(),
            _ => format!("{} {version}", manager.id()),
        });
        let (rounds, cores, files) = (self.rounds, self.cores, &self.file_system);
        let versions = versions.collect::<Vec<_>>().join(", ");
        let distance = match self.wan {
            None => "on loopback".to_owned(),
            Some(wan) => format!(
                "{} ms and {} Mbit/s away",
                wan.round_trip.as_secs_f64() * 1e3,
                wan.bits_per_second / 1e6
            ),
        };
        format!("{cores} cores, {files}, frozen registry {distance}, medians of {rounds}; {versions}.")
    }

    pub(crate) fn cell(&self, phase: Phase, manager: Manager) -> Option<&Cell> {
        self.rows.iter().find(|(p, m, _)| (*p, *m) == (phase, manager)).map(|(_, _, cell)| cell)
    }

    /// The wall time of this build over that of the baseline.
    #[must_use]
    pub fn against_baseline(&self, phase: Phase) -> Option<Ratio> {
        let [ours, theirs] = [Manager::Utoo, Manager::Baseline].map(|manager| {
            self.cell(phase, manager)
                .filter(|cell| cell.refused.is_none())
                .map(Cell::walls)
                .unwrap_or_default()
        });
        ratio(&ours, &theirs)
    }

    /// How this build compares with the baseline; `None` without one.
    fn comparison(&self) -> Option<Vec<Vec<String>>> {
        let head = ["utoo / baseline", "wall", "95 % from", "to"].map(str::to_owned).to_vec();
        let rows = Phase::ALL.into_iter().filter_map(|phase| {
            let Ratio { median, interval: (from, to) } = self.against_baseline(phase)?;
            let figures = [median, from, to].map(|figure| format!("{figure:.3}"));
            Some(std::iter::once(format!("{} {}", phase.id(), phase.label())).chain(figures).collect())
        });
        let rows: Vec<_> = rows.collect();
        (!rows.is_empty()).then(|| std::iter::once(head).chain(rows).collect())
    }

    /// Wall times: a row for each phase, a column for each manager, and how utoo compares with the fastest other.
    fn summary(&self) -> Vec<Vec<String>> {
        let mut head = vec!["wall s".to_owned()];
        head.extend(self.versions.iter().map(|(manager, _)| manager.id().to_owned()));
        head.push("utoo / best other".to_owned());
        let mut table = vec![head];
        for phase in Phase::ALL {
            let cells: Vec<_> = self.rows.iter().filter(|(of, ..)| *of == phase).collect();
            if cells.is_empty() {
                continue;
            }
            let wall = |cell: &Cell| cell.median(|sample| sample.wall);
            let own = cells.iter().find(|(_, manager, _)| *manager == Manager::Utoo);
            let others = cells.iter().filter(|(_, manager, _)| manager.is_rival());
            let best = others.filter_map(|(_, _, cell)| wall(cell)).min_by(f64::total_cmp);
            let ratio = own.and_then(|(_, _, cell)| wall(cell)).zip(best).map(|(own, best)| own / best);
            let mut row = vec![format!("{} {}", phase.id(), phase.label())];
            row.extend(cells.iter().map(|(_, _, cell)| seconds(wall(cell))));
            row.push(ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}")));
            table.push(row);
        }
        table
    }

    /// The table of each phase.
    fn details(&self) -> Vec<(Phase, Vec<Vec<String>>)> {
        let phases = Phase::ALL.into_iter().filter(|phase| self.rows.iter().any(|(of, ..)| of == phase));
        let table = |phase| {
            let head =
                std::iter::once(String::new()).chain(COLUMNS.iter().map(|column| column.title.to_owned()));
            let mut table = vec![head.collect::<Vec<_>>()];
            for (_, manager, cell) in self.rows.iter().filter(|(of, ..)| *of == phase) {
                let figures = COLUMNS.iter().map(|column| (column.text)(cell));
                table.push(std::iter::once(manager.id().to_owned()).chain(figures).collect());
            }
            table
        };
        phases.map(|phase| (phase, table(phase))).collect()
    }

    fn refusals(&self) -> Vec<String> {
        let refused = self.rows.iter().filter_map(|(phase, manager, cell)| {
            cell.refused.as_ref().map(|reason| format!("{} {}: {reason}", manager.id(), phase.id()))
        });
        refused.collect()
    }
}

pub(super) fn markdown(table: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (at, row) in table.iter().enumerate() {
        let _ = writeln!(text, "| {} |", row.join(" | "));
        if at == 0 {
            let _ = writeln!(text, "|---|{}", "---:|".repeat(row.len() - 1));
        }
    }
    text
}

/// The first column to the left, figures to the right.
pub(super) fn aligned(table: &[Vec<String>]) -> String {
    let width = |text: &String| text.chars().count();
    let columns = table.first().map_or(0, Vec::len);
    let widths: Vec<usize> =
        (0..columns).map(|at| table.iter().map(|row| width(&row[at])).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in table {
        for (at, cell) in row.iter().enumerate() {
            let padding = " ".repeat(widths[at] - width(cell));
            let _ = match at {
                0 => write!(text, "{cell}{padding}"),
                _ => write!(text, "  {padding}{cell}"),
            };
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
