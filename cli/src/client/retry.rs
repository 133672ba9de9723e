//! How long and how often to try again.

use std::time::Duration;

use reqwest::header::HeaderValue;
use tokio::time::Instant;

#[derive(Debug, Clone)]
pub(crate) struct Patience {
    pub(crate) first_wait: Duration,
    pub(crate) longest_wait: Duration,
    /// From the first failure to the last try.
    pub(crate) in_all: Duration,
}

impl Patience {
    pub(crate) const CONNECT: Duration = Duration::from_secs(5);
    pub(crate) const ONE_REQUEST: Duration = Duration::from_secs(60);
    /// For a request that the server still carries out though nobody waits for its answer.
    pub(crate) const UNDERWAY: Duration = Duration::from_secs(10);
}

impl Default for Patience {
    /// Rides out the restart of a server, and leaves an outage to people.
    fn default() -> Self {
        Self { first_wait: Duration::from_millis(100), longest_wait: Duration::from_secs(5), in_all: Duration::from_secs(90) }
    }
}

/// The waits after one request's failures: doubling, with a random share so that many clients do not return together.
pub(super) struct Backoff<'a> {
    patience: &'a Patience,
    next: Duration,
    give_up_at: Option<Instant>,
}

impl<'a> Backoff<'a> {
    pub(super) fn new(patience: &'a Patience) -> Self {
        Self { patience, next: patience.first_wait, give_up_at: None }
    }

    /// How long to wait before the next try; none if it is not worth another. What the server asked for comes first.
    pub(super) fn next_wait(&mut self, asked: Option<Duration>) -> Option<Duration> {
        let now = Instant::now();
        let give_up_at = *self.give_up_at.get_or_insert(now + self.patience.in_all);
        let wait = asked.unwrap_or(self.next).max(self.next.mul_f64(0.5 + rand::random::<f64>() / 2.0));
        self.next = (self.next * 2).min(self.patience.longest_wait);
        (now + wait <= give_up_at).then_some(wait)
    }
}

/// `Retry-After` in seconds; a date, which our API never sends, counts as not given.
pub(super) fn asked(header: Option<&HeaderValue>) -> Option<Duration> {
    header?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_obey_the_server() {
        let patience = Patience::default();
        let mut backoff = Backoff::new(&patience);
        let waits: Vec<_> = (0..8).map(|_| backoff.next_wait(None).expect("time is left").as_millis()).collect();
        assert!((50..=100).contains(&waits[0]) && (800..=1_600).contains(&waits[4]), "{waits:?}");
        assert!(waits[7] <= 5_000, "{waits:?}");
        assert_eq!(backoff.next_wait(Some(Duration::from_secs(30))), Some(Duration::from_secs(30)));
        assert_eq!(backoff.next_wait(Some(Duration::from_secs(3_600))), None);
    }

    #[test]
    fn only_seconds_are_read_from_the_header() {
        let asked = |text: &'static str| asked(Some(&HeaderValue::from_static(text)));
        assert_eq!(asked("2"), Some(Duration::from_secs(2)));
        assert_eq!(asked("Fri, 31 Oct 2026 12:00:00 GMT"), None);
    }
}
