//! Rows, rate and time left on a terminal; nothing elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use super::stay::Tongue;

/// The line that shows how far the command is.
pub(crate) struct Line<'t> {
    tongue: &'t Tongue,
    shown: bool,
    begun: Instant,
    last: Option<Instant>,
}

/// Time between two updates.
const PACE: Duration = Duration::from_millis(200);

impl<'t> Line<'t> {
    /// A line on standard error, shown only when a person looks at it.
    #[must_use]
    pub(crate) fn new(tongue: &'t Tongue) -> Line<'t> {
        Line { tongue, shown: std::io::stderr().is_terminal(), begun: Instant::now(), last: None }
    }

    /// Tells how far it is.
    pub(crate) fn tell(&mut self, rows: u64, progress: sheet::Progress) {
        if !self.shown || self.last.is_some_and(|last| last.elapsed() < PACE) {
            return;
        }
        self.last = Some(Instant::now());
        eprint!("\r\x1b[K{}", self.text(rows, progress, self.begun.elapsed()));
        let _ = std::io::stderr().flush();
    }

    fn text(&self, rows: u64, progress: sheet::Progress, spent: Duration) -> String {
        let spent = spent.as_secs_f64().max(0.001);
        let rate = (rows as f64 / spent).round() as u64;
        let (rows, rate) = (rows.to_string(), rate.to_string());
        match progress.total.filter(|total| *total > 0 && progress.done > 0) {
            Some(total) => {
                let share = (progress.done as f64 / total as f64).min(1.0);
                let left = (spent / share - spent).round() as u64;
                let left = format!("{}:{:02}", left / 60, left % 60);
                let percent = format!("{:.0}", share * 100.0);
                let facts = [("rows", &*rows), ("rate", &*rate), ("percent", &*percent), ("left", &*left)];
                self.tongue.say("progress.known", &facts)
            }
            None => self.tongue.say("progress.unknown", &[("rows", &rows), ("rate", &rate)]),
        }
    }

    /// Takes the line away.
    pub(crate) fn end(&mut self) {
        if self.shown && self.last.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_time_left_come_from_what_was_done() {
        let tongue = Tongue::new(yiti_kernel::Lang::En).unwrap();
        let line = Line::new(&tongue);
        let progress = sheet::Progress { done: 250, total: Some(1_000) };
        let text = line.text(5_000, progress, Duration::from_secs(30));
        assert_eq!(text, "5000 rows, 167 a second, 25 %, 1:30 left");
        let text = line.text(5_000, sheet::Progress { done: 0, total: None }, Duration::from_secs(10));
        assert_eq!(text, "5000 rows, 500 a second");
    }
}
