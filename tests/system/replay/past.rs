//! Replays up to a place or a moment of the past: they say what was known then, and the live read models say the same as of that day.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use domain::{Partition, Position, RecordedEvent};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{command, open_capsules, record, replay_beside};
use crate::program::{Client, Directory, SOON, eventually, start_up, up};
use crate::servers::{Place, fresh_place};
use crate::signed::{Record, all_figures_are_made, connect, publish};

/// The north star's active interactions of a month in what a replay told.
fn active_then(report: &Value, month: &str) -> Value {
    let months = report["past"][0]["north_star"].as_array().expect("months");
    months.iter().find(|one| one["period"] == month).map_or(Value::Null, |one| one["then"]["total"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_to_an_exact_place_shows_what_was_known_there() {
    let (program, client, place, _directory) = up().await;
    open_capsules(&client).await;
    let first = record(&client, 0, 300).await;
    let between = Utc::now();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let second = record(&client, 300, 300).await;
    // Something of the first ones, which was no more known to be wrong then.
    let (status, body) = client.command("interactions", "i7", "void", json!({"reason": "mistake"})).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let all = body["token"].as_str().expect("a token").to_owned();
    // A token leads to what that one write recorded, not to what others did before it.
    client.total(Some(&second)).await;
    assert_eq!(client.total(Some(&all)).await, 599);

    for from in ["kafka", "postgres"] {
        for until in [first.as_str(), &between.to_rfc3339()] {
            let (ok, report) = replay_beside(&place, &["--until", until, "--period", "2026-03", "--from", from]).await;
            assert!(ok && report["outcome"] == json!("past"), "{until}: {report}");
            assert_eq!(active_then(&report, "2026-03"), json!(300), "{until} from {from}: {report}");
            assert_eq!(report["until"]["is_end_of_day"], json!(false), "{report}");
            let kpi = report["past"][0]["kpis"]
                .as_array()
                .expect("figures")
                .iter()
                .find(|one| one["kpi"] == "active_capsule_interactions" && one["segment"] == "all");
            let kpi = kpi.unwrap_or_else(|| panic!("{report}"));
            assert_eq!((kpi["then"]["value"].as_f64(), kpi["today"]["value"].as_f64()), (Some(300.0), Some(599.0)), "{kpi}");
        }
        let (ok, report) = replay_beside(&place, &["--until", &all, "--period", "2026-03", "--fresh", "--from", from]).await;
        assert!(ok && active_then(&report, "2026-03") == json!(599), "{report}");
    }
    for unknown in ["0-99999", "yesterday", "2999-01-01"] {
        let output = command(&place, &["--until", unknown]).output().expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("--until"), "{unknown}: {said}");
    }
    nothing_is_left(&place).await;
    assert!(program.stop().await, "it stops well");
}

/// A number that is another one for each text, and the same whenever it is asked for.
fn number_of(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)) >> 7
}

/// The events as a ledger would hold them that had recorded each soon after it happened, and some of them weeks later.
fn as_if_recorded_then(events: Vec<Vec<RecordedEvent>>) -> Vec<Vec<RecordedEvent>> {
    let now = Utc::now() - TimeDelta::hours(1);
    let partitions = events.into_iter().map(|events| {
        let mut last: BTreeMap<(&'static str, String), DateTime<Utc>> = BTreeMap::new();
        let mut recorded: Vec<RecordedEvent> = events
            .into_iter()
            .filter(|event| event.aggregate_type.as_str() != "audit_entry")
            .filter(|event| number_of(&event.aggregate_id).is_multiple_of(6) || event.aggregate_type.as_str() == "plan")
            .map(|mut event| {
                let number = number_of(&format!("{}{}", event.aggregate_id, event.sequence));
                let late =
                    if number.is_multiple_of(10) { TimeDelta::days((number / 10 % 45) as i64) } else { TimeDelta::zero() };
                let soon = event.occurred_at + late + TimeDelta::seconds((number % 90) as i64);
                // A stream is recorded in its order.
                let stream = (event.aggregate_type.as_str(), event.aggregate_id.clone());
                let before = last.get(&stream).map_or(DateTime::UNIX_EPOCH, |before| *before + TimeDelta::microseconds(1));
                event.recorded_at = soon.min(now).max(before);
                last.insert(stream, event.recorded_at);
                event
            })
            .collect();
        recorded.sort_by_key(|event| event.recorded_at);
        recorded.iter_mut().zip(0..).for_each(|(event, position)| event.position = Position(position));
        recorded
    });
    partitions.collect()
}

/// A ledger whose history was recorded over a year and a half: that of the demo, brought back from a topic in which it is as if.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_of_a_day_is_what_a_replay_to_its_end_says() {
    let first = fresh_place().await;
    let directory = Directory::new();
    let program = start_up(&directory, Some(&first), &["--demo", "--demo-scale", "0.005"]);
    eventually("the demo company is there", 10 * SOON, async || {
        program.said().contains("The demo company is there").then_some(())
    })
    .await;
    assert!(program.stop().await, "it stops well");
    let mut heads = Vec::new();
    for partition in (0..8).map(Partition) {
        let last = event_log::last_position(&first.kafka_brokers, &first.topic, partition).await.expect("Kafka answers");
        heads.push(last.map_or(Position(0), Position::next));
    }
    let events = as_if_recorded_then(crate::data::read_kafka(&first, &heads).await);
    let place = fresh_place().await;
    let records: Vec<Vec<Record>> = events.iter().map(|events| events.iter().map(Record::of).collect()).collect();
    publish(&place, &records, &[]).await;
    crate::restore::restore_postgres(&place, &[]).expect("it is restored");
    let directory = Directory::new();
    let program = start_up(&directory, Some(&place), &[]);
    let client = Client::of(directory.path()).await;
    all_figures_are_made(&place).await;

    let mut days: Vec<NaiveDate> = events.iter().flatten().map(|event| event.recorded_at.date_naive()).collect();
    days.sort();
    let (mut told, mut changed, mut restated) = (0, 0, 0);
    for tenth in 1..=10 {
        let day = days[days.len() * tenth / 11];
        let until = (day + Days::new(1)).to_string();
        let from = if tenth % 2 == 0 { "kafka" } else { "postgres" };
        let (ok, report) = replay_beside(&place, &["--until", &until, "--tenant", "demo", "--from", from]).await;
        // Else the live read models say something else as of that day.
        assert!(ok && report["outcome"] == json!("past") && report["until"]["is_end_of_day"] == json!(true), "{day}: {report}");
        let past = &report["past"][0];
        let months = past["north_star"].as_array().expect("months");
        let to = &day.to_string()[..7];
        let served = client.get(&format!("/v1/north-star?from=2000-01&to={to}&as_of={day}")).await;
        let present = client.get(&format!("/v1/north-star?from=2000-01&to={to}")).await;
        for period in served["data"].as_array().expect("months") {
            let now = find(&present["data"], "period", &period["period"]).map_or(Value::Null, |now| now["active"].clone());
            let difference = now.as_i64().zip(period["active"].as_i64()).map(|(now, then)| now - then);
            assert_eq!((&period["now"], period["difference"].as_i64()), (&now, difference), "{period} as of {day}");
            restated += usize::from(difference != Some(0));
            assert!(difference == Some(0) || period["late"].as_u64() > Some(0), "{period} as of {day}");
            let mut period = period.clone();
            // What it has become since is no part of what was known then.
            period.as_object_mut().expect("a month").retain(|name, _| !["now", "difference", "late"].contains(&name.as_str()));
            let then = months.iter().find(|month| month["period"] == period["period"]).map(|month| month["then"].clone());
            match then.filter(|then| !then.is_null()) {
                Some(then) => assert_eq!(then, period, "the north star as of {day}"),
                None => assert_eq!(period["total"], json!(0), "the north star as of {day}"),
            }
        }
        let figures = past["kpis"].as_array().expect("figures");
        told += figures.iter().filter(|figure| !figure["then"]["value"].is_null()).count();
        changed += figures.iter().filter(|figure| figure["then"] != figure["today"] && !figure["then"].is_null()).count();
        assert!(tenth == 10 || !past["late"].as_array().expect("late facts").is_empty(), "{day}: something came later");
        if tenth % 4 == 0 {
            kpis_are_served(&client, figures, day).await;
        }
    }
    println!("{told} figures, {changed} of them other ones today");
    assert!(told > 1_000 && changed > 100, "{told} figures, {changed} of them other ones today");
    assert!(restated > 5, "the north star of {restated} months is another one today");
    nothing_is_left(&place).await;
    assert!(program.stop().await, "it stops well");
}

fn find<'a>(rows: &'a Value, name: &str, value: &Value) -> Option<&'a Value> {
    rows.as_array().expect("rows").iter().find(|row| row[name] == *value)
}

/// Of each KPI so many segments are asked for what changed them.
const SEGMENTS: usize = 3;

/// The API's answers as of a day are the replay's, and what they say of the present is what it says when asked for that.
async fn kpis_are_served(client: &Client, figures: &[Value], day: NaiveDate) {
    let month = &day.to_string()[..7];
    let (mut compared, mut changed) = (0, 0);
    for kpi in domain::kpis::register() {
        let path = format!("/v1/kpis/{}?grain=month&from={month}&to={month}", kpi.id);
        let present = client.get(&path).await;
        let as_of = client.get(&format!("{path}&as_of={day}")).await;
        for (at, served) in as_of["data"].as_array().expect("figures").iter().enumerate() {
            let is_same = |figure: &&Value| figure["kpi"] == json!(kpi.id) && figure["segment"] == served["segment"];
            let then = &figures.iter().find(is_same).unwrap_or_else(|| panic!("{path}: {served}"))["then"];
            for field in ["value", "target"] {
                assert_eq!(then[field].as_f64(), served[field].as_f64(), "{field} of {path}: {then} {served}");
            }
            assert_eq!((&then["n"], &then["status"]), (&served["n"], &served["status"]), "{path}");
            let now = find(&present["data"], "segment", &served["segment"]).map_or(Value::Null, |now| now["value"].clone());
            assert_eq!(served["now"], now, "{path} as of {day}: {served}");
            if at < SEGMENTS {
                changed += usize::from(what_changed_is_told(client, kpi.id, served, (month, day)).await);
            }
            compared += 1;
        }
    }
    assert!(compared > 20 && changed > 5, "{compared} figures as of {day}, {changed} of them changed");
}

/// What is told of a figure's late events is what stands beside it. Whether there were any.
async fn what_changed_is_told(client: &Client, kpi: &str, served: &Value, (month, day): (&str, NaiveDate)) -> bool {
    let segment = served["segment"].as_str().expect("a segment");
    let late = client.get(&format!("/v1/kpis/{kpi}/late?grain=month&period={month}&segment={segment}&as_of={day}")).await;
    assert_eq!((&late["then"]["value"], &late["difference"]), (&served["value"], &served["difference"]), "{kpi}: {late}");
    assert_eq!((&late["now"]["value"], &late["totals"]["events"]), (&served["now"], &served["late"]), "{kpi}: {late}");
    let difference = served["now"].as_f64().zip(served["value"].as_f64()).map(|(now, then)| now - then);
    let (told, made) = (served["difference"].as_f64(), difference);
    assert!(told.zip(made).is_none_or(|(told, made)| (told - made).abs() < 1e-6), "{kpi}: {served}");
    assert_eq!(told.is_some(), made.is_some(), "{kpi}: {served}");
    served["late"].as_u64() > Some(0)
}

async fn nothing_is_left(place: &Place) {
    let left = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM projections.generations WHERE status <> 'live'");
    assert_eq!(
        left.fetch_one(&mut connect(&place.database_url).await).await.expect("PostgreSQL answers"),
        0,
        "nothing is left"
    );
}
