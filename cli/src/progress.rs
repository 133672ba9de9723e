//! How far a long piece of work is: a bar on a terminal, else a line every few seconds, always on standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressStyle};

const BETWEEN_LINES: Duration = Duration::from_secs(3);

/// What the length of the bar counts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Length {
    Bytes(u64),
    Things(u64),
    Unknown,
}

#[derive(Debug)]
pub(crate) struct Progress {
    what: String,
    length: Option<u64>,
    bar: Option<ProgressBar>,
    /// What was done before.
    first: u64,
    started: Instant,
    last_line: Instant,
}

impl Progress {
    /// Of the work named `what`.
    pub(crate) fn new(what: impl Into<String>, length: Length) -> Self {
        Self::resumed(what, length, 0)
    }

    /// Of work that was begun before, and is gone on with at `first`.
    pub(crate) fn resumed(what: impl Into<String>, length: Length, first: u64) -> Self {
        let what = what.into();
        let bar = std::io::stderr().is_terminal().then(|| bar(&what, length));
        if let Some(bar) = &bar {
            bar.set_position(first);
            bar.reset_eta();
        }
        let length = match length {
            Length::Bytes(length) | Length::Things(length) => Some(length),
            Length::Unknown => None,
        };
        Self { what, length, bar, first, started: Instant::now(), last_line: Instant::now() }
    }

    /// `position` of the length is done, which is so many things since the start.
    pub(crate) fn set(&mut self, position: u64, things: u64) {
        let elapsed = self.started.elapsed();
        if let Some(bar) = &self.bar {
            bar.set_position(position);
            bar.set_message(done(things, elapsed));
        } else if self.last_line.elapsed() >= BETWEEN_LINES {
            self.last_line = Instant::now();
            eprintln!("{}", self.line(position, things, elapsed));
        }
    }

    fn line(&self, position: u64, things: u64, elapsed: Duration) -> String {
        let (what, done) = (&self.what, done(things, elapsed));
        let Some(length) = self.length else { return format!("{what}: {done}") };
        let percent = (position * 100).checked_div(length).unwrap_or(100);
        format!("{what}: {percent} % · {done} · {} left", self.left(position, length, elapsed))
    }

    /// By the pace so far.
    fn left(&self, position: u64, length: u64, elapsed: Duration) -> String {
        let done = position.saturating_sub(self.first);
        if done == 0 {
            return "unknown time".to_owned();
        }
        let left = elapsed.as_secs_f64() * length.saturating_sub(position) as f64 / done as f64;
        HumanDuration(Duration::from_secs(left.ceil() as u64)).to_string()
    }

    pub(crate) fn per_second(&self, things: u64) -> u64 {
        per_second(things, self.started.elapsed())
    }

    /// Takes the bar away; what is to stay on the screen is said by the caller.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn done(things: u64, elapsed: Duration) -> String {
    format!("{} · {}/s", HumanCount(things), HumanCount(per_second(things, elapsed)))
}

fn per_second(things: u64, elapsed: Duration) -> u64 {
    (things as f64 / elapsed.as_secs_f64().max(0.001)) as u64
}

fn bar(what: &str, length: Length) -> ProgressBar {
    let (bar, template) = match length {
        Length::Bytes(length) => {
            (ProgressBar::new(length), "{prefix} {wide_bar} {percent:>3} % of {total_bytes} · {msg} · {eta} left")
        }
        Length::Things(length) => (ProgressBar::new(length), "{prefix} {wide_bar} {percent:>3} % · {msg} · {eta} left"),
        Length::Unknown => (ProgressBar::new_spinner(), "{spinner} {prefix} {msg}"),
    };
    bar.set_style(ProgressStyle::with_template(template).expect("a template of known keys"));
    bar.set_prefix(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_rate_and_time_left_by_the_pace_since_it_was_gone_on_with() {
        let replay = Progress::resumed("replay", Length::Things(1_000_000), 200_000);
        let said = |position, seconds| replay.line(position, position - 200_000, Duration::from_secs(seconds));
        assert_eq!(said(200_000, 3), "replay: 20 % · 0 · 0/s · unknown time left");
        assert_eq!(said(400_000, 2), "replay: 40 % · 200,000 · 100,000/s · 6 seconds left");
        assert_eq!(said(1_000_000, 8), "replay: 100 % · 800,000 · 100,000/s · 0 seconds left");
        let unknown = Progress::new("export", Length::Unknown);
        assert_eq!(unknown.line(0, 3_000, Duration::from_secs(2)), "export: 3,000 · 1,500/s");
    }
}
