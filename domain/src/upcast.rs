//! Bringing the payload of an older event version to the present one, a version at a time.
//!
//! A stored event is never rewritten. When an event's form changes, its version in `collections!` goes up and [`UPCASTERS`]
//! gets one entry that turns the form before into the new one.

use serde_json::Value;

/// One step: from a version of an event to the next.
#[derive(Debug, Clone, Copy)]
pub struct Upcaster {
    pub event_type: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    pub upcast: Change,
}

/// How the newer form differs.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    /// By fields that may be missing: the older form reads as the newer.
    Added,
    Rewritten(fn(Value) -> Value),
}

/// Every step there is.
pub const UPCASTERS: &[Upcaster] = &[
    // `sealed`; and `user_id`, where there was none.
    Upcaster { event_type: "InteractionRecorded", from: "1.0", to: "1.1", upcast: Change::Added },
    Upcaster { event_type: "UserSignedUp", from: "1.0", to: "1.1", upcast: Change::Added },
    Upcaster { event_type: "LeadCaptured", from: "1.0", to: "1.1", upcast: Change::Added },
    Upcaster { event_type: "SurveyAnswered", from: "1.0", to: "1.1", upcast: Change::Added },
    // What its key results count in.
    Upcaster { event_type: "ObjectiveSet", from: "1.0", to: "1.1", upcast: Change::Added },
];

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no upcaster leads {event_type} from version {from} to {to}")]
pub struct UpcastError {
    pub event_type: String,
    pub from: String,
    pub to: String,
}

pub fn to_version(event_type: &str, from: &str, to: &str, payload: Value) -> Result<Value, UpcastError> {
    along(UPCASTERS, event_type, from, to, payload)
}

/// Whether a payload of one version is read as it is as the other's, which costs nothing.
pub fn reads_as(event_type: &str, from: &str, to: &str) -> bool {
    let mut version = from;
    for _ in 0..=UPCASTERS.len() {
        if version == to {
            return true;
        }
        match UPCASTERS.iter().find(|step| step.event_type == event_type && step.from == version) {
            Some(Upcaster { to, upcast: Change::Added, .. }) => version = to,
            _ => return false,
        }
    }
    false
}

fn along(steps: &[Upcaster], event_type: &str, from: &str, to: &str, mut payload: Value) -> Result<Value, UpcastError> {
    let mut version = from;
    for _ in 0..=steps.len() {
        if version == to {
            return Ok(payload);
        }
        let Some(step) = steps.iter().find(|step| step.event_type == event_type && step.from == version) else {
            break;
        };
        if let Change::Rewritten(rewrite) = step.upcast {
            payload = rewrite(payload);
        }
        version = step.to;
    }
    Err(UpcastError { event_type: event_type.to_owned(), from: from.to_owned(), to: to.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn renamed(mut payload: Value) -> Value {
        let name = payload["name"].take();
        json!({ "title": name })
    }
    fn with_language(mut payload: Value) -> Value {
        payload["language"] = json!("en");
        payload
    }
    const STEPS: &[Upcaster] = &[
        Upcaster { event_type: "Named", from: "2.0", to: "3.0", upcast: Change::Rewritten(with_language) },
        Upcaster { event_type: "Named", from: "1.0", to: "2.0", upcast: Change::Rewritten(renamed) },
    ];

    #[test]
    fn the_first_version_reaches_the_last_step_by_step() {
        let payload = along(STEPS, "Named", "1.0", "3.0", json!({"name": "One"}));
        assert_eq!(payload, Ok(json!({"title": "One", "language": "en"})));
    }

    #[test]
    fn a_version_from_the_future_or_of_another_event_is_an_error() {
        assert!(along(STEPS, "Named", "4.0", "3.0", json!({})).is_err());
        assert!(along(STEPS, "Other", "1.0", "2.0", json!({})).is_err());
    }

    #[test]
    fn an_older_form_that_lacks_only_what_may_be_missing_is_read_as_it_is() {
        assert!(reads_as("UserSignedUp", "1.0", "1.1"));
        assert!(!reads_as("UserSignedUp", "0.9", "1.1") && !reads_as("CapsuleCreated", "1.0", "1.1"));
        assert_eq!(to_version("UserSignedUp", "1.0", "1.1", json!({"a": 1})), Ok(json!({"a": 1})));
    }

    #[test]
    fn every_step_that_is_published_leads_to_the_present_version() {
        for step in UPCASTERS {
            let present = crate::AggregateType::ALL
                .iter()
                .flat_map(|aggregate_type| aggregate_type.events())
                .find(|event| event.name == step.event_type)
                .expect("an upcaster's event is in the list");
            assert!(to_version(step.event_type, step.from, present.version, Value::Null).is_ok());
        }
    }
}
