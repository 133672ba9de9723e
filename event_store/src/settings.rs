use std::time::Duration;

/// Limits of the store. Every queue and every wait has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How many appends run side by side. A partition belongs to one lane (partition modulo lanes).
    pub lanes: u16,
    /// Most events in one append.
    pub batch_events_max: usize,
    /// Most payload and metadata bytes in one append; a single commit may be larger.
    pub batch_bytes_max: usize,
    /// Most events that wait in one lane; callers beyond it wait for `queue_wait_max`.
    pub queue_events_max: usize,
    /// How long a caller waits for room in a lane before it is told `TooBusy`.
    pub queue_wait_max: Duration,
    /// How long one append, or one connection attempt, may take before its callers are told `Unavailable`.
    pub append_wait_max: Duration,
    /// How often one command is decided again because something it relied on moved.
    pub decide_attempts_max: u32,
    /// How many capsules' states are kept in memory.
    pub cached_capsules_max: usize,
    /// How many users' pseudonyms are kept in memory.
    pub cached_pseudonyms_max: usize,
    /// How many runs of freshly committed events a slow subscriber may be behind.
    pub committed_runs_max: usize,
    /// How many events of each partition one page of a search looks at. More than one append holds, as those are of one moment.
    pub search_looks_max: u64,
    /// For tests that kill the process: the step at which an erasure waits for that. `asked`, `recorded`, `destroyed` or
    /// `committed`.
    pub hold_erasure_at: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lanes: 2,
            batch_events_max: 5_000,
            batch_bytes_max: 4 << 20,
            queue_events_max: 50_000,
            queue_wait_max: Duration::from_secs(2),
            append_wait_max: Duration::from_secs(3),
            decide_attempts_max: 8,
            cached_capsules_max: 100_000,
            cached_pseudonyms_max: 500_000,
            committed_runs_max: 1_024,
            search_looks_max: 16_384,
            hold_erasure_at: None,
        }
    }
}
