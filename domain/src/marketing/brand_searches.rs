//! How often people searched for the brand's name.

use chrono::{Datelike, NaiveDate};

use crate::facts::once;
use crate::rejection::Rejection;

once! {
    /// Says how often people searched for the brand's name in a month.
    BrandSearches "brand_searches"
    BrandSearchesCommand Measure(MeasureBrandSearches)
    BrandSearchesEvent BrandSearchesMeasured "1.0" {
        /// The month's first day, such as 2026-10-01.
        month: NaiveDate,
        searches: u64,
    }
    check check
}

/// More than there are, and far less than what a read model can hold, even summed.
const SEARCHES_MAX: u64 = 1_000_000_000_000;

fn check(measured: &BrandSearchesMeasured) -> Result<(), Rejection> {
    if measured.month.day() != 1 {
        return Err(Rejection::Invalid { field: "/month", detail: "must be the first day of a month, such as 2026-10-01" });
    }
    if measured.searches > SEARCHES_MAX {
        return Err(Rejection::Invalid { field: "/searches", detail: "must be at most 1000000000000" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{at, noon, parsed};

    fn given(events: Vec<BrandSearchesEvent>) -> AggregateTestExecutor<BrandSearches> {
        crate::testing::given(events)
    }
    fn measure(json: &str) -> BrandSearchesCommand {
        parsed!(BrandSearches, "measure", json)
    }
    fn measured() -> BrandSearchesEvent {
        BrandSearchesMeasured { month: "2026-09-01".parse().unwrap(), searches: 1_200, occurred_at: noon() }.into()
    }

    #[test]
    fn a_month_is_measured_once() {
        const MEASURE: &str = r#"{"month":"2026-09-01","searches":1200}"#;
        given(vec![]).when(measure(MEASURE)).then_expect_events(vec![measured()]);
        given(vec![measured()]).when(measure(MEASURE)).then_expect_events(vec![]);
        given(vec![measured()])
            .when(measure(r#"{"month":"2026-09-01","searches":1300}"#))
            .then_expect_error(Rejection::Exists { what: "brand_searches" });
    }

    #[test]
    fn a_time_left_out_contradicts_nothing_and_another_time_does() {
        let earlier: BrandSearchesEvent = BrandSearchesMeasured {
            month: "2026-09-01".parse().unwrap(),
            searches: 1_200,
            occurred_at: at("2026-10-01T00:00:00Z"),
        }
        .into();
        given(vec![earlier.clone()]).when(measure(r#"{"month":"2026-09-01","searches":1200}"#)).then_expect_events(vec![]);
        given(vec![earlier])
            .when(measure(r#"{"month":"2026-09-01","searches":1200,"occurred_at":"2026-10-02T00:00:00Z"}"#))
            .then_expect_error(Rejection::Exists { what: "brand_searches" });
    }

    #[test]
    fn a_month_is_named_by_its_first_day() {
        let detail = "must be the first day of a month, such as 2026-10-01";
        given(vec![])
            .when(measure(r#"{"month":"2026-09-02","searches":1200}"#))
            .then_expect_error(Rejection::Invalid { field: "/month", detail });
    }

    #[test]
    fn a_month_has_a_thousand_billion_searches_at_most() {
        let detail = "must be at most 1000000000000";
        given(vec![])
            .when(measure(r#"{"month":"2026-09-01","searches":1000000000001}"#))
            .then_expect_error(Rejection::Invalid { field: "/searches", detail });
    }

    #[test]
    fn what_was_recorded_before_the_rule_is_no_error_when_said_again() {
        let month = "2026-09-02".parse().unwrap();
        let before: BrandSearchesEvent = BrandSearchesMeasured { month, searches: 1_200, occurred_at: noon() }.into();
        given(vec![before]).when(measure(r#"{"month":"2026-09-02","searches":1200}"#)).then_expect_events(vec![]);
    }
}
