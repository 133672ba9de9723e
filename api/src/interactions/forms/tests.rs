use axum::http::HeaderName;
use serde_json::{Value, json};

use super::*;

fn metadata() -> Arc<Metadata> {
    Arc::new(Metadata {
        key: "k".into(),
        command: "interactions/record".into(),
        correlation_id: "r".into(),
        received_at: DateTime::UNIX_EPOCH,
    })
}

fn read(form: &Form, body: &str) -> Vec<Item> {
    form.slices(body.as_bytes()).expect("a body").iter().map(|slice| form.read(slice, &metadata())).collect()
}

fn record(item: &Item) -> &RecordInteraction {
    match &item.command {
        Ok(Ready { command: Command::Interaction(InteractionCommand::Record(record)), .. }) => record,
        Ok(_) => panic!("another command"),
        Err(problem) => panic!("{problem:?}"),
    }
}

fn problem(item: &Item) -> (&'static str, Option<&str>) {
    let Err(problem) = &item.command else { panic!("a good item") };
    (problem.kind.code, problem.field.as_deref())
}

fn event(changes: Value) -> String {
    let mut event = json!({
        "specversion": "1.0", "id": "e1", "source": "/app", "type": EVENT_TYPE, "time": "2026-10-31T14:00:00+02:00",
        "data": {"capsule_id": "c1", "kind": "view"},
    });
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => event.as_object_mut().expect("an object").remove(name),
            value => event.as_object_mut().expect("an object").insert(name.clone(), value.clone()),
        };
    }
    event.to_string()
}

const ONE: &str = r#"{"id":"i1","capsule_id":"c1","kind":"view","attributes":{"a":[1,{"b":"]"}]}}"#;

#[test]
fn one_an_array_and_lines_hold_the_same_interactions() {
    for (form, body, count) in [
        (Form::Json, format!("  {ONE}\n"), 1),
        (Form::Json, format!(" [{ONE} , {ONE}]"), 2),
        (Form::Json, "[]".to_owned(), 0),
        (Form::Ndjson, format!("{ONE}\n{ONE}"), 2),
        (Form::Ndjson, format!("\n{ONE}\r\n\n"), 1),
    ] {
        let items = read(&form, &body);
        assert_eq!(items.len(), count, "{body}");
        for item in &items {
            assert_eq!(item.id.as_deref(), Some("i1"));
            assert_eq!(record(item).capsule_id.as_str(), "c1");
            assert_eq!(record(item).id, None, "the stream has the name");
        }
    }
}

#[test]
fn a_body_that_is_not_json_is_refused_whole_and_a_line_alone() {
    for (form, body) in
        [(Form::Json, "{not json"), (Form::Json, ""), (Form::Json, "[{}"), (Form::Json, "{} {}"), (Form::CloudEvents, "{}")]
    {
        assert_eq!(form.slices(body.as_bytes()).expect_err("no JSON").kind.code, "invalid_json", "{body}");
    }
    let items = read(&Form::Ndjson, &format!("{ONE}\nnot json\n{ONE}"));
    assert_eq!(problem(&items[1]), ("invalid_json", None));
    assert_eq!(record(&items[2]).capsule_id.as_str(), "c1");
}

#[test]
fn a_wrong_item_is_still_called_by_its_name() {
    let items = read(&Form::Json, r#"[{"id":"i7","capsule_id":"c1","kind":"dance"},{"capsule_id":"c1","kind":"view"}]"#);
    assert_eq!((items[0].id.as_deref(), problem(&items[0])), (Some("i7"), ("invalid_field", Some("/kind"))));
    assert_eq!((items[1].id.as_deref(), problem(&items[1])), (None, ("missing_field", Some("/id"))));
}

#[test]
fn more_than_the_limit_is_too_many_however_it_comes() {
    let array = format!("[{}]", vec!["{}"; EVENTS_MAX + 1].join(","));
    assert_eq!(Form::Json.slices(array.as_bytes()).expect_err("too many").kind.code, "too_many_events");
    let array = format!("[{}]", vec!["{}"; EVENTS_MAX].join(","));
    assert_eq!(Form::Json.slices(array.as_bytes()).expect("just enough").len(), EVENTS_MAX);
}

#[test]
fn a_cloud_event_lends_its_id_and_time() {
    let items = read(&Form::CloudEvent, &event(json!({})));
    assert_eq!(items[0].id.as_deref(), Some("e1"));
    assert_eq!(record(&items[0]).occurred_at.expect("its time").to_rfc3339(), "2026-10-31T12:00:00+00:00");

    let own = json!({"data": {"id": "i1", "capsule_id": "c1", "kind": "view", "occurred_at": "2026-01-01T00:00:00Z"}});
    let items = read(&Form::CloudEvents, &format!("[{}]", event(own)));
    assert_eq!(items[0].id.as_deref(), Some("i1"), "the interaction's own id comes first");
    assert_eq!(record(&items[0]).occurred_at.expect("its own time").to_rfc3339(), "2026-01-01T00:00:00+00:00");
}

#[test]
fn a_cloud_event_that_is_wrong_says_where() {
    for (changes, expected) in [
        (json!({"specversion": "0.3"}), ("invalid_field", Some("/specversion"))),
        (json!({"type": "com.example.other"}), ("invalid_field", Some("/type"))),
        (json!({"id": null}), ("missing_field", Some("/id"))),
        (json!({"data": null}), ("missing_field", Some("/data"))),
        (json!({"time": "noon"}), ("invalid_field", Some("/time"))),
        (json!({"data": {"capsule_id": "c1", "kind": "dance"}}), ("invalid_field", Some("/data/kind"))),
        (json!({"data": {"kind": "view"}}), ("missing_field", Some("/data/capsule_id"))),
        (json!({"id": "a b"}), ("invalid_field", Some("/data/id"))),
    ] {
        let items = read(&Form::CloudEvent, &event(changes.clone()));
        assert_eq!(problem(&items[0]), expected, "{changes}");
    }
}

#[test]
fn binary_mode_has_the_attributes_in_headers() {
    let headers = |changes: &[(&'static str, &'static str)]| {
        let mut headers = HeaderMap::new();
        let usual = [("ce-specversion", "1.0"), ("ce-type", EVENT_TYPE), ("ce-id", "e9"), ("ce-time", "2026-10-31T12:00:00Z")];
        for (name, value) in usual.iter().chain(changes) {
            headers.insert(HeaderName::from_static(name), value.parse().expect("a header"));
        }
        headers
    };
    let form = Form::of(Media::Json, &headers(&[])).expect("a form");
    let items = read(&form, r#"{"capsule_id":"c1","kind":"view"}"#);
    assert_eq!(items[0].id.as_deref(), Some("e9"));
    assert!(record(&items[0]).occurred_at.is_some());
    let problem = Form::of(Media::Json, &headers(&[("ce-type", "other")])).expect_err("another type");
    assert_eq!(problem.kind.code, "invalid_header");
}
