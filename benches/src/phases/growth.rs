//! How time and memory grow with the graph.

use super::error::BenchError;
use super::manager::Manager;
use super::phase::Phase;
use super::report::{Report, aligned, markdown};
use super::run::{Options, run};
use super::workload::Workload;

/// The same benchmark on generated graphs of several sizes.
#[derive(Debug)]
pub struct Growth {
    /// Packages, and what was measured.
    reports: Vec<(usize, Report)>,
}

impl Growth {
    /// Runs `options` once for each size, its workload replaced.
    ///
    /// # Errors
    /// As [`run`].
    pub fn measure(
        options: &Options,
        sizes: &[usize],
        say: &mut dyn FnMut(&str),
    ) -> Result<Self, BenchError> {
        let mut reports = Vec::new();
        for size in sizes {
            let options = Options { workload: Workload::generated(*size), ..options.clone() };
            say(&format!("a graph of {size} packages"));
            reports.push((*size, run(&options, say)?));
        }
        Ok(Self { reports })
    }

    /// Whether every cell has a figure.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.reports.iter().all(|(_, report)| report.is_complete())
    }

    /// The table, for a terminal.
    #[must_use]
    pub fn to_text(&self) -> String {
        aligned(&self.table())
    }

    /// The table, as Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        markdown(&self.table())
    }

    /// A row for each manager and phase: wall time and peak memory at each size, and by how much both grew from the
    /// first size to the last, over what `n log n` and `n` would have them grow by: 1 is as fast, below is slower growth.
    fn table(&self) -> Vec<Vec<String>> {
        let sizes = self.reports.iter().map(|(size, _)| *size);
        let mut head = vec![String::new()];
        head.extend(sizes.clone().map(|size| format!("{size}: s")));
        head.push("/ n log n".to_owned());
        head.extend(sizes.map(|size| format!("{size}: MB")));
        head.push("/ n".to_owned());
        let mut table = vec![head];
        let Some((_, first)) = self.reports.first() else { return table };
        for phase in Phase::ALL {
            for (manager, _) in &first.versions {
                table.extend(self.row(phase, *manager));
            }
        }
        table
    }

    /// `None` for a phase that was not measured.
    fn row(&self, phase: Phase, manager: Manager) -> Option<Vec<String>> {
        let figures = |figure: fn(&super::Sample) -> f64| -> Vec<Option<f64>> {
            let cells = self.reports.iter().map(|(_, report)| report.cell(phase, manager));
            cells.map(|cell| cell.and_then(|cell| cell.median(figure))).collect()
        };
        self.reports.iter().find_map(|(_, report)| report.cell(phase, manager))?;
        let (walls, memory) = (figures(|sample| sample.wall), figures(|sample| sample.max_rss as f64 / 1e6));
        let mut row = vec![format!("{} {} {}", manager.id(), phase.id(), phase.label())];
        row.extend(walls.iter().map(|wall| text(*wall, 3)));
        row.push(text(self.growth(&walls, |size| size * size.log2()), 2));
        row.extend(memory.iter().map(|memory| text(*memory, 0)));
        row.push(text(self.growth(&memory, |size| size), 2));
        Some(row)
    }

    fn growth(&self, figures: &[Option<f64>], law: impl Fn(f64) -> f64) -> Option<f64> {
        let (first, last) = ((*figures.first()?)?, (*figures.last()?)?);
        let size = |at: usize| self.reports.get(at).map(|(size, _)| law(*size as f64));
        Some(last / first / (size(self.reports.len() - 1)? / size(0)?))
    }
}

fn text(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.digits$}"))
}
