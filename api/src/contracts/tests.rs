use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use domain::Event;

use super::*;

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas")
}

fn names(folder: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(schemas().join(folder)).expect("the folder is there");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in UTF-8")).collect()
}

const PUBLISH: &str = "run: cargo run -p api --example publish_schemas";

#[test]
fn a_published_event_schema_never_changes() {
    for (path, generated) in files().iter().filter(|(path, _)| path.starts_with("events/")) {
        let published =
            std::fs::read_to_string(schemas().join(path)).unwrap_or_else(|_| panic!("{path} is not published; {PUBLISH}"));
        let read =
            |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|error| panic!("{path} is not JSON: {error}"));
        assert!(
            read(&published) == read(generated),
            "{path} was published in another form, and events of that form are stored for ever. Put it back, give the event a \
             new version in domain/src/collections.rs, and an upcaster from the old one in domain/src/upcast.rs; then {PUBLISH}"
        );
    }
}

#[test]
fn every_other_contract_is_published_as_it_is() {
    let files = files();
    for (path, generated) in &files {
        let published = std::fs::read_to_string(schemas().join(path)).unwrap_or_default();
        assert!(published == *generated, "schemas/{path} is not what the code says; {PUBLISH}");
    }
    let commands: BTreeSet<_> = commands().iter().map(command_file).collect();
    assert_eq!(names("commands"), commands, "a schema without its command");
}

#[test]
fn every_version_ever_published_still_decodes() {
    let golden = names("golden");
    for file in names("events") {
        assert!(golden.contains(&file), "schemas/golden/{file} is missing: one or more real payloads of this version");
    }
    for file in golden {
        let (name, version) = file.strip_suffix(".json").and_then(|name| name.split_once(".v")).expect("NAME.vVERSION.json");
        let text = std::fs::read_to_string(schemas().join("golden").join(&file)).expect("it was listed");
        let payloads: Vec<Value> = serde_json::from_str(&text).expect("a list of payloads");
        assert!(!payloads.is_empty(), "{file} holds no payload");
        for payload in payloads {
            let event = Event::decode(name, version, payload.to_string().as_bytes())
                .unwrap_or_else(|error| panic!("{file}: {error:?}"));
            assert_eq!(event.name(), name);
            if event.version() == version {
                let again: Value = serde_json::from_str(&event.payload()).expect("JSON");
                assert_eq!(again, payload, "{file}: it is written as it was read");
            }
        }
    }
}

#[test]
fn an_event_schema_names_the_type_that_payloads_carry() {
    let published = events().into_iter().find(|event| event.name == "CapsulePublished").expect("an event");
    let schema = event_schema(&published);
    assert_eq!(schema["$id"], "/schemas/events/CapsulePublished.v1.0.json");
    assert_eq!(schema["properties"]["type"]["const"], "CapsulePublished");
    assert_eq!(schema["required"], json!(["type", "occurred_at"]));
}

#[test]
fn the_topic_is_described_with_every_event() {
    let document = asyncapi::document();
    for event in events() {
        assert!(document["channels"]["events"]["messages"][event.name].is_object(), "{}", event.name);
        assert!(document["components"]["messages"][event.name].is_object(), "{}", event.name);
    }
}
