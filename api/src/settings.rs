//! The limits of the API. Every one has a default; none is off.

use std::time::Duration;

/// Events a request may hold.
pub(crate) const EVENTS_MAX: usize = 10_000;
/// Bytes a body may hold, after decompression.
pub(crate) const BODY_BYTES_MAX: usize = 10 << 20;
/// Bytes one event or command may hold.
pub(crate) const EVENT_BYTES_MAX: usize = 32 << 10;
/// What `Retry-After` and waiting reads rest on: how often the read models' progress is looked at.
pub(crate) const LOOK_EACH: Duration = Duration::from_millis(250);

/// How often a read that waits for a write asks whether its figures are made.
pub(crate) const FIGURES_LOOK_EACH: Duration = Duration::from_millis(50);

#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a read with `?after=TOKEN` waits.
    pub wait_max: Duration,
    /// How long one question to PostgreSQL may take.
    pub read_time_max: Duration,
    /// From the head of a request to the head of its answer.
    pub request_time_max: Duration,
    /// Requests worked on at once; more of them wait a moment, then get 503.
    pub requests_max: usize,
    /// Bytes of bodies held at once, over all requests.
    pub bodies_bytes_max: usize,
    /// Live connections to `/v1/stream`.
    pub streams_max: usize,
    /// How long requests that were accepted may take once the server stops.
    pub stop_time_max: Duration,
    /// A partition that is behind and does not move for so long makes `/readyz` say 503.
    pub stalled_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            wait_max: Duration::from_secs(5),
            read_time_max: Duration::from_secs(10),
            request_time_max: Duration::from_secs(30),
            requests_max: 2_048,
            bodies_bytes_max: 256 << 20,
            streams_max: 256,
            stop_time_max: Duration::from_secs(30),
            stalled_after: Duration::from_secs(10),
        }
    }
}
