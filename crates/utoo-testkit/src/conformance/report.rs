//! The table at the end.

use std::fmt::Write as _;

use crate::compare::{Aspect, Difference};

/// What came of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// npm's answer was made; there was no utoo to compare.
    Recorded,
    /// utoo's answer was compared: no differences is full agreement.
    Compared(Vec<Difference>),
    /// It differs, and the scenario says why it is to.
    Deliberate(Vec<Difference>),
    /// The case could not be judged.
    Failed(String),
}

impl Verdict {
    fn agrees_in(&self, aspect: Aspect) -> bool {
        match self {
            // After a wrong outcome nothing else was looked at, so nothing else agrees.
            Self::Compared(found) | Self::Deliberate(found) => {
                !found.iter().any(|difference| [aspect, Aspect::Outcome].contains(&difference.aspect))
            }
            Self::Recorded | Self::Failed(_) => false,
        }
    }
}

/// All verdicts, sorted by name.
#[derive(Clone, Debug)]
pub struct Report {
    verdicts: Vec<(String, Verdict)>,
}

impl Report {
    pub(super) fn new(verdicts: Vec<(String, Verdict)>) -> Self {
        Self { verdicts }
    }

    /// Every case with what came of it.
    #[must_use]
    pub fn verdicts(&self) -> &[(String, Verdict)] {
        &self.verdicts
    }

    /// Whether every case was judged, and agrees in every aspect, differs on purpose or was only to be recorded.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.verdicts.iter().all(|(_, verdict)| match verdict {
            Verdict::Recorded | Verdict::Deliberate(_) => true,
            Verdict::Compared(found) => found.is_empty(),
            Verdict::Failed(_) => false,
        })
    }

    /// A row for each area (a directory of scenarios), a column for each aspect: cases that agree.
    #[must_use]
    pub fn table(&self) -> String {
        let mut areas: Vec<&str> = self.verdicts.iter().map(|(name, _)| area(name)).collect();
        areas.dedup();
        let mut text = format!("{:<16}{:>7}", "area", "cases");
        for aspect in Aspect::ALL {
            let _ = write!(text, "{:>14}", aspect.label());
        }
        text.push('\n');
        for wanted in areas.into_iter().map(Some).chain([None]) {
            let of_area = |(name, _): &&(String, Verdict)| wanted.is_none_or(|wanted| area(name) == wanted);
            let cases: Vec<_> = self.verdicts.iter().filter(of_area).collect();
            let _ = write!(text, "{:<16}{:>7}", wanted.unwrap_or("all"), cases.len());
            for aspect in Aspect::ALL {
                let _ =
                    write!(text, "{:>14}", cases.iter().filter(|(_, case)| case.agrees_in(aspect)).count());
            }
            text.push('\n');
        }
        text
    }
}

fn area(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

/// One case in one line, and a line for each difference.
pub(super) fn line(name: &str, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Recorded => format!("recorded  {name}"),
        Verdict::Failed(reason) => format!("FAILED    {name}: {reason}"),
        Verdict::Compared(found) if found.is_empty() => format!("same      {name}"),
        Verdict::Deliberate(_) => format!("on purpose {name}"),
        Verdict::Compared(found) => {
            let lines = found.iter().map(|it| format!("\n            {}: {}", it.aspect.label(), it.detail));
            format!("DIFFERENT {name}{}", lines.collect::<String>())
        }
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
