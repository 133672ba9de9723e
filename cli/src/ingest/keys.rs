//! An idempotency key for each command, made of what its line says: so a file sent twice records nothing twice.
//!
//! Most commands said again add nothing by themselves, but not all: `enable`, `disable` said twice in a row would enable
//! once more. The same line a second time in one file is another fact, with a key of its own.
//!
//! What is about a person gets none: from a hash of it, whoever guesses the person could tell that the guess is right. Such
//! commands are told apart by their ids, and said again add nothing by themselves.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    collection: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    command: Cow<'a, str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    idempotency_key: Option<IgnoredAny>,
}

/// Counts the lines of one file, from its start: some 20 bytes of memory for each.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// How often a line was met, by the start of its hash. Where two lines share it, they only count together.
    met: HashMap<u64, u32>,
}

impl Keys {
    /// The key of this line, after those before it. None: it has one of its own, or is no command, as the API will say.
    pub(super) fn next(&mut self, json: &[u8]) -> Option<String> {
        let line: Line<'_> = serde_json::from_slice(json).ok().filter(|line: &Line<'_>| line.idempotency_key.is_none())?;
        let data = line.data.map_or("{}", RawValue::get);
        if is_about_somebody(data) {
            return None;
        }
        let hash = Sha256::digest(format!("{}\n{}\n{}\n{data}", line.collection, line.id, line.command));
        let start = u64::from_be_bytes(hash[..8].try_into().expect("a hash has more than 8 bytes"));
        let met = self.met.entry(start).or_default();
        *met += 1;
        let mut key = String::from("ingest-");
        hash.iter().for_each(|byte| write!(key, "{byte:02x}").expect("a text takes more"));
        if *met > 1 {
            write!(key, "-{met}").expect("a text takes more");
        }
        Some(key)
    }

    /// Puts the line, with its key, behind what is in `keyed`.
    pub(super) fn write(&mut self, json: &[u8], keyed: &mut Vec<u8>) {
        match (self.next(json), json.strip_suffix(b"}")) {
            (Some(key), Some(open)) => {
                keyed.extend_from_slice(open);
                keyed.extend_from_slice(format!(r#","idempotency_key":"{key}"}}"#).as_bytes());
            }
            _ => keyed.extend_from_slice(json),
        }
    }
}

fn is_about_somebody(data: &str) -> bool {
    #[derive(Deserialize)]
    struct Data {
        user_id: Option<IgnoredAny>,
        personal: Option<IgnoredAny>,
    }
    serde_json::from_str(data).is_ok_and(|data: Data| data.user_id.is_some() || data.personal.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIN: &str = r#"{"collection":"deals","id":"d","command":"win","data":{"occurred_at":"2026-10-06T15:00:00Z"}}"#;

    fn keyed(keys: &mut Keys, line: &str) -> serde_json::Value {
        let mut written = Vec::new();
        keys.write(line.as_bytes(), &mut written);
        serde_json::from_slice(&written).expect("JSON")
    }

    #[test]
    fn a_line_has_the_same_key_in_every_run_and_nothing_else_is_changed() {
        let first = keyed(&mut Keys::default(), WIN);
        assert_eq!(first, keyed(&mut Keys::default(), WIN));
        let mut rest = first.clone();
        let key = rest.as_object_mut().expect("an object").remove("idempotency_key").expect("a key");
        assert_eq!(rest, serde_json::from_str::<serde_json::Value>(WIN).expect("JSON"));
        assert!(key.as_str().expect("text").len() < 128, "{key}");
        let other = keyed(&mut Keys::default(), &WIN.replace("\"d\"", "\"e\""));
        assert_ne!(other["idempotency_key"], key);
    }

    #[test]
    fn the_same_line_again_in_a_file_is_another_fact() {
        let run = || {
            let mut keys = Keys::default();
            [keys.next(WIN.as_bytes()), keys.next(WIN.as_bytes())]
        };
        assert_ne!(run()[0], run()[1]);
        assert_eq!(run(), run());
    }

    #[test]
    fn what_is_about_a_person_gets_no_key_and_needs_none() {
        for data in [r#"{"user_id":"jane"}"#, r#"{"personal":{"name":"Jane"}}"#] {
            let line = format!(r#"{{"collection":"sign_ups","id":"s1","command":"record","data":{data}}}"#);
            assert_eq!(Keys::default().next(line.as_bytes()), None, "{data}");
        }
        let takes_people = |command: &domain::CommandInfo| {
            let schema = (command.schema)().to_value();
            ["user_id", "personal"].iter().any(|field| schema["properties"][field].is_object())
        };
        let commands = domain::AggregateType::ALL.iter().flat_map(|aggregate_type| aggregate_type.commands());
        let found: Vec<_> = commands
            .filter(takes_people)
            .map(|command| format!("{}/{}", command.aggregate_type.collection(), command.name))
            .collect();
        // Each is recorded once under its id; whoever adds one that is not must find it another way to be told apart.
        assert_eq!(found, ["interactions/record", "leads/capture", "sign_ups/record", "surveys/answer"]);
    }

    #[test]
    fn a_key_of_its_own_stays_and_what_is_no_command_is_left_to_the_api() {
        let own = r#"{"collection":"deals","id":"d","command":"win","idempotency_key":"mine"}"#;
        assert_eq!(keyed(&mut Keys::default(), own)["idempotency_key"], "mine");
        assert_eq!(keyed(&mut Keys::default(), r#"{"id":"d"}"#), serde_json::json!({"id": "d"}));
        assert_eq!(Keys::default().next(b"{"), None);
    }
}
