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
        let said = format!("{} · {}/s", HumanCount(things), HumanCount(self.per_second(things)));
        if let Some(bar) = &self.bar {
            bar.set_position(position);
            bar.set_message(said);
        } else if self.last_line.elapsed() >= BETWEEN_LINES {
            self.last_line = Instant::now();
            match self.length {
                Some(length) => {
                    let percent = (position * 100).checked_div(length).unwrap_or(100);
                    eprintln!("{}: {percent} % · {said} · {} left", self.what, self.left(position, length));
                }
                None => eprintln!("{}: {said}", self.what),
            }
        }
    }

    /// By the pace so far.
    fn left(&self, position: u64, length: u64) -> String {
        let done = position.saturating_sub(self.first);
        if done == 0 {
            return "unknown time".to_owned();
        }
        let left = self.started.elapsed().as_secs_f64() * length.saturating_sub(position) as f64 / done as f64;
        HumanDuration(Duration::from_secs(left.ceil() as u64)).to_string()
    }

    pub(crate) fn per_second(&self, things: u64) -> u64 {
        (things as f64 / self.started.elapsed().as_secs_f64().max(0.001)) as u64
    }

    /// Takes the bar away; what is to stay on the screen is said by the caller.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
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
