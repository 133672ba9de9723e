//! A probe: how many of its checks or requests were good.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::facts::once;
use crate::rejection::Rejection;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// Checks whether the service was up.
    Uptime,
    /// Requests to the API, good if answered in under 100 ms, its service level.
    ApiLatency,
}

once! {
    /// Records what a probe found over some time.
    Probe "probe"
    ProbeCommand Record(RecordProbe)
    ProbeEvent ProbeRecorded "1.0" {
        kind: ProbeKind,
        /// Checks that found it up, or requests answered in time.
        good: u32,
        /// All checks or requests.
        total: u32,
        /// How many seconds up to `occurred_at` it stands for, at most a day. What no probe stands for is unmeasured.
        covers_seconds: u32,
    }
    check check
}

fn check(recorded: &ProbeRecorded) -> Result<(), Rejection> {
    let invalid = |field, detail| Err(Rejection::Invalid { field, detail });
    match recorded {
        ProbeRecorded { total: 0, .. } => invalid("/total", "must be 1 or more"),
        ProbeRecorded { good, total, .. } if good > total => invalid("/good", "must not be more than total"),
        ProbeRecorded { covers_seconds: 1..=86_400, .. } => Ok(()),
        ProbeRecorded { .. } => invalid("/covers_seconds", "must be 1 to 86400"),
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{noon, parsed};

    fn given(events: Vec<ProbeEvent>) -> AggregateTestExecutor<Probe> {
        crate::testing::given(events)
    }
    fn record(good: u32, total: u32, covers_seconds: u32) -> ProbeCommand {
        parsed!(
            Probe,
            "record",
            format!(r#"{{"kind":"uptime","good":{good},"total":{total},"covers_seconds":{covers_seconds}}}"#)
        )
    }
    fn recorded() -> ProbeEvent {
        ProbeRecorded { kind: ProbeKind::Uptime, good: 59, total: 60, covers_seconds: 3_600, occurred_at: noon() }.into()
    }

    #[test]
    fn a_probe_is_recorded_once() {
        given(vec![]).when(record(59, 60, 3_600)).then_expect_events(vec![recorded()]);
        given(vec![recorded()]).when(record(59, 60, 3_600)).then_expect_events(vec![]);
        given(vec![recorded()]).when(record(60, 60, 3_600)).then_expect_error(Rejection::Exists { what: "probe" });
    }

    #[test]
    fn a_probe_has_found_something_over_some_time() {
        for ((good, total, covers_seconds), field, detail) in [
            ((0, 0, 60), "/total", "must be 1 or more"),
            ((2, 1, 60), "/good", "must not be more than total"),
            ((1, 1, 0), "/covers_seconds", "must be 1 to 86400"),
            ((1, 1, 86_401), "/covers_seconds", "must be 1 to 86400"),
        ] {
            given(vec![]).when(record(good, total, covers_seconds)).then_expect_error(Rejection::Invalid { field, detail });
        }
    }
}
