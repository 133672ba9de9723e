//! Funnels, cohorts and restatements, by figures worked out by hand.

use chrono::{DateTime, NaiveDate, Utc};
use domain::Grain;
use projections::Generation;
use projections::kpis::refresher::{Lane, Pace, Refresher};
use projections::kpis::series::{Segments, SeriesQuery, series};
use projections::reports::Asked;
use projections::reports::funnels::{leads, open_deals};
use projections::reports::retention::retention;

use crate::database::{apply, with_database};
use crate::generate::tenant;
use crate::kpis::{Recorder, fact};

const LEADS: &str = r#"
2026-01-31T23:00:00Z leads/before/capture {"source":"marketing","channel":"ads"}
2026-02-01T00:00:00Z leads/l1/capture {"source":"marketing","channel":"ads"}
2026-02-03T00:00:00Z leads/l2/capture {"source":"marketing","channel":"ads"}
2026-02-05T00:00:00Z leads/l3/capture {"source":"marketing","channel":"ads"}
2026-02-28T23:00:00Z leads/l4/capture {"source":"marketing","channel":"ads"}
2026-02-06T00:00:00Z leads/l1/qualify {"qualification":"mql"}
2026-03-06T00:00:00Z leads/l1/qualify {"qualification":"sql"}
2026-02-07T00:00:00Z leads/l2/qualify {"qualification":"mql"}
2026-02-08T00:00:00Z leads/before/qualify {"qualification":"mql"}
2026-03-07T00:00:00Z deals/d1/open {"account_id":"a1","lead_id":"l1","annual_value":{"amount":"1200.00","currency":"USD"},"expected_close":"2026-06-01"}
2026-03-08T00:00:00Z deals/d1b/open {"account_id":"a1","lead_id":"l1","annual_value":{"amount":"500.00","currency":"USD"},"expected_close":"2026-06-01"}
2026-03-09T00:00:00Z deals/d2/open {"account_id":"a2","annual_value":{"amount":"700.00","currency":"EUR"},"expected_close":"2026-06-01"}
2026-03-20T00:00:00Z deals/d1/advance {"stage":"proposal"}
2026-03-21T00:00:00Z deals/d2/advance {"stage":"proposal"}
2026-05-20T00:00:00Z deals/d1/win {}
"#;

fn recorded(lines: &str, name: &str) -> Recorder {
    let mut recorder = Recorder::new();
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let fact = fact(line).unwrap_or_else(|| panic!("{line}"));
        recorder.take(name, &fact).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    recorder
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

#[test]
fn a_lead_counts_at_every_step_it_came_to_and_once_however_many_deals_it_made() {
    let recorder = recorded(LEADS, "funnel");
    with_database(async |pool| {
        apply(&pool, &Generation::live(&pool).await.unwrap(), &recorder.ledger.events, 50).await;
        let months = (day("2026-02-01"), day("2026-02-28"));
        let steps = async |as_of: Option<&str>| -> Vec<i64> {
            let asked = Asked { tenant: &tenant("funnel"), as_of: as_of.map(day), now: at("2026-06-15T00:00:00Z") };
            leads(&pool, asked, months).await.unwrap().iter().map(|step| step.count).collect()
        };
        assert_eq!(steps(None).await, [4, 2, 1, 1, 1]);
        assert_eq!(steps(Some("2026-03-10")).await, [4, 2, 1, 1, 0]);
        assert_eq!(steps(Some("2026-02-04")).await, [2, 0, 0, 0, 0]);
    });
}

#[test]
fn an_open_deal_stands_at_its_last_stage_and_another_currency_is_left_out() {
    let recorder = recorded(LEADS, "funnel");
    with_database(async |pool| {
        apply(&pool, &Generation::live(&pool).await.unwrap(), &recorder.ledger.events, 50).await;
        let stages = async |as_of: Option<&str>| -> Vec<(String, i64, String)> {
            let asked = Asked { tenant: &tenant("funnel"), as_of: as_of.map(day), now: at("2026-06-15T00:00:00Z") };
            let found = open_deals(&pool, asked).await.unwrap().data;
            assert_eq!(found.len(), 7, "every stage of the process");
            let with_deals = found.into_iter().filter(|step| step.count > 0);
            with_deals.map(|step| (step.step, step.count, step.annual_value.unwrap_or_default().to_string())).collect()
        };
        let of = |stage: &str, count: i64, value: &str| (stage.to_owned(), count, value.to_owned());
        assert_eq!(stages(None).await, [of("prospecting", 1, "500.00"), of("proposal", 1, "0")]);
        assert_eq!(stages(Some("2026-04-01")).await, [of("prospecting", 1, "500.00"), of("proposal", 2, "1200.00")]);
    });
}

#[test]
fn a_cohort_is_followed_month_by_month_and_nobody_counts_twice() {
    let lines = r#"
2026-01-01T00:00:00Z capsules/c1/create {"title":"One"}
2026-01-01T00:00:01Z capsules/c1/publish {}
2026-01-10T00:00:00Z sign_ups/s1/record {"user_id":"u1"}
2026-01-31T23:59:59Z sign_ups/s2/record {"user_id":"u2"}
2026-02-01T00:00:00Z sign_ups/s3/record {"user_id":"u3"}
2025-12-31T23:59:59Z sign_ups/s4/record {"user_id":"u4"}
2026-02-02T00:00:00Z sign_ups/s5/record {"user_id":"u4"}
2026-02-03T00:00:00Z sign_ups/s6/record {"user_id":"u1"}
2026-03-31T23:59:59Z sign_ups/s7/record {"user_id":"u5"}
2026-04-01T00:00:00Z sign_ups/s8/record {"user_id":"u6"}
2026-01-11T00:00:00Z interactions/i1/record {"capsule_id":"c1","user_id":"u1","kind":"interaction"}
2026-01-12T00:00:00Z interactions/i2/record {"capsule_id":"c1","user_id":"u1","kind":"interaction"}
2026-01-13T00:00:00Z interactions/i3/record {"capsule_id":"c1","user_id":"u2","kind":"view"}
2026-02-13T00:00:00Z interactions/i4/record {"capsule_id":"c1","user_id":"u2","kind":"conversion"}
2026-03-13T00:00:00Z interactions/i5/record {"capsule_id":"c1","user_id":"u1","kind":"interaction"}
2026-03-14T00:00:00Z interactions/i6/record {"capsule_id":"c1","user_id":"u2","kind":"interaction"}
2026-03-15T00:00:00Z interactions/i7/record {"capsule_id":"c1","user_id":"u4","kind":"interaction"}
2026-03-31T23:59:59Z interactions/i8/record {"capsule_id":"c1","user_id":"u5","kind":"interaction"}
2026-04-01T00:00:00Z interactions/i9/record {"capsule_id":"c1","user_id":"u6","kind":"interaction"}
"#;
    let recorder = recorded(lines, "cohorts");
    with_database(async |pool| {
        apply(&pool, &Generation::live(&pool).await.unwrap(), &recorder.ledger.events, 50).await;
        let found = retention(&pool, &tenant("cohorts"), (day("2026-01-01"), day("2026-03-01"))).await.unwrap();
        let told: Vec<_> = found.into_iter().map(|cohort| (cohort.month, cohort.people, cohort.active)).collect();
        // A second sign up begins nothing; who first came before or after these months is in none of them.
        let (january, february, march) = (day("2026-01-01"), day("2026-02-01"), day("2026-03-01"));
        assert_eq!(told, [(january, 2, vec![1, 1, 2]), (february, 1, vec![0, 0]), (march, 1, vec![1])]);
    });
}

#[test]
fn a_closed_period_that_a_late_fact_changed_says_what_it_was() {
    let lines = r#"
2026-01-01T00:00:00Z deals/d1/open {"account_id":"a1","annual_value":{"amount":"1200.00","currency":"USD"},"expected_close":"2026-03-31"}
2026-01-02T00:00:00Z deals/d2/open {"account_id":"a2","annual_value":{"amount":"1200.00","currency":"USD"},"expected_close":"2026-03-31"}
2026-01-10T00:00:00Z deals/d1/win {}
2026-01-20T00:00:00Z@2026-02-10T00:00:00Z deals/d2/lose {"reason":"price"}
2026-02-11T00:00:00Z deals/d3/open {"account_id":"a3","annual_value":{"amount":"1200.00","currency":"USD"},"expected_close":"2026-03-31"}
2026-02-12T00:00:00Z deals/d3/lose {"reason":"price"}
"#;
    let late = lines.replace("Z deals", "Z@2026-05-01T00:00:00Z deals").replace("@2026-02-10T00:00:00Z@", "@");
    let mut recorder = recorded(lines, "late");
    for line in late.lines().filter(|line| !line.is_empty()) {
        recorder.take("all-late", &fact(line).unwrap_or_else(|| panic!("{line}"))).unwrap();
    }
    with_database(async |pool| {
        apply(&pool, &Generation::live(&pool).await.unwrap(), &recorder.ledger.events, 50).await;
        assert!(Refresher::new(pool.clone(), Pace::AT_ONCE, Lane::All).refresh().await.unwrap());
        let told = async |name: &str| -> Vec<(String, Option<String>, Option<String>)> {
            let query = SeriesQuery {
                grain: Grain::Month,
                from: day("2026-01-01"),
                to: day("2026-03-01"),
                segments: Segments::Total,
                as_of: None,
                definition: None,
                after: None,
                limit: None,
                now: at("2026-06-15T00:00:00Z"),
            };
            let kpi = domain::kpis::find("win_rate").unwrap();
            let figures = series(&pool, &tenant(name), kpi, &query).await.unwrap().unwrap().figures;
            let text = |number: Option<rust_decimal::Decimal>| number.map(|number| number.normalize().to_string());
            let told = figures
                .into_iter()
                .map(|shown| (Grain::Month.name(shown.figure.period), text(shown.figure.value), text(shown.restated_from)));
            told.collect()
        };
        let of =
            |period: &str, value: &str, was: Option<&str>| (period.to_owned(), Some(value.to_owned()), was.map(str::to_owned));
        let found = told("late").await;
        assert_eq!(found[..2], [of("2026-01", "0.5", Some("1")), of("2026-02", "0", None)]);
        // Where nothing was known when the periods closed, nothing is another than it was.
        assert_eq!(told("all-late").await[..2], [of("2026-01", "0.5", None), of("2026-02", "0", None)]);
    });
}
