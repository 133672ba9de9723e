//! What is looked at in reviews: unit economics, budget, headcount, gates, risks and service levels, each against the plan.

mod budget;
mod gates;
mod headcount;
mod risks;
mod service_levels;
mod unit_economics;

use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Months, NaiveDate, Utc};
use domain::TenantId;
use domain::audit::Exported;
use domain::kpis::{Kpi, register};
use projections::reports::{Asked, Report};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use crate::access::{self, Export};
use crate::auth::{Caller, Read};
use crate::kpis::{NoteAnswer, exact, wait_until_made};
use crate::parameters::{day, period};
use crate::problem::Problem;
use crate::progression::Freshness;
use crate::reading::read;
use crate::state::{Api, Shared};
use crate::table::{Form, Table};

pub(crate) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .merge(unit_economics::router())
        .merge(budget::router())
        .merge(headcount::router())
        .merge(gates::router())
        .merge(risks::router())
        .merge(service_levels::router())
}

/// A report, and what it rests on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReportAnswer<T> {
    data: Vec<T>,
    /// `cursor` of the next page, where a report has pages
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// The version of the plan in force
    plan_version: u16,
    /// All money is in it
    currency: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<NaiveDate>,
    /// When the oldest of its figures was made; none: for this question
    computed_at: Option<DateTime<Utc>>,
    /// Facts have come in that it does not show yet
    due: bool,
    /// Where the plan contradicts itself about what is shown here
    notes: Vec<NoteAnswer>,
    freshness: Freshness,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ReportParameters {
    /// As it was known at the end of this day, UTC; default: now
    as_of: Option<String>,
    /// A write's token: waits until its figures are in
    after: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct MonthsParameters {
    /// First month, such as `2026-10`
    from: Option<String>,
    /// Last month
    to: Option<String>,
    /// As it was known at the end of this day, UTC; default: now
    as_of: Option<String>,
    /// A write's token: waits until its figures are in
    after: Option<String>,
}

impl<T> ReportAnswer<T> {
    fn map<U>(self, of: impl Fn(T) -> U) -> ReportAnswer<U> {
        let Self { data, next, plan_version, currency, as_of, computed_at, due, notes, freshness } = self;
        let data = data.into_iter().map(of).collect();
        ReportAnswer { data, next, plan_version, currency, as_of, computed_at, due, notes, freshness }
    }
}

/// What a report is asked: by whom, as of when, after which write.
struct Question<'a> {
    tenant: &'a TenantId,
    now: DateTime<Utc>,
    as_of: Option<NaiveDate>,
    after: Option<&'a str>,
}

impl<'a> Question<'a> {
    fn parse(tenant: &'a TenantId, as_of: Option<&str>, after: Option<&'a str>) -> Result<Self, Problem> {
        let now = Utc::now();
        let as_of = day("as_of", as_of)?;
        if as_of.is_some_and(|day| day > now.date_naive()) {
            return Err(Problem::parameter("as_of", "is a day that has not come yet"));
        }
        Ok(Self { tenant, now, as_of, after })
    }

    fn asked(&self) -> Asked<'a> {
        Asked { tenant: self.tenant, as_of: self.as_of, now: self.now }
    }

    /// The last day asked about.
    fn last_day(&self) -> NaiveDate {
        self.as_of.unwrap_or_else(|| self.now.date_naive())
    }

    /// Waits for the figures of the write that is named, then asks.
    async fn answer<T>(
        &self,
        api: &Api,
        is_shown: impl Fn(&Kpi) -> bool,
        ask: impl Future<Output = Result<T, projections::Error>>,
    ) -> Result<(T, Freshness), Problem> {
        let ask = async {
            if self.after.is_some() {
                let shown: Vec<&Kpi> = register().filter(|kpi| is_shown(kpi)).collect();
                wait_until_made(api, self.tenant, &shown).await?;
            }
            Ok(ask.await?)
        };
        read(api, self.after, ask).await
    }

    fn report<T>(&self, report: Report<Vec<T>>, freshness: Freshness) -> ReportAnswer<T> {
        let Report { data, plan_version, currency, notes, computed_at, is_due, .. } = report;
        ReportAnswer {
            data,
            next: None,
            plan_version,
            currency,
            as_of: self.as_of,
            computed_at,
            due: is_due,
            notes: notes.into_iter().map(NoteAnswer::from).collect(),
            freshness,
        }
    }
}

/// No report has more.
const MONTHS_MAX: u32 = 120;

/// First and last month, by any day in them, where they are asked for.
fn months(parameters: &MonthsParameters) -> Result<(Option<NaiveDate>, Option<NaiveDate>), Problem> {
    let from = period("from", parameters.from.as_deref())?.map(|period| period.first_day());
    let to = period("to", parameters.to.as_deref())?.map(|period| period.last_day());
    let around = |day: &NaiveDate| {
        let today = Utc::now().date_naive();
        *day >= today - Months::new(MONTHS_MAX) && *day <= today + Months::new(MONTHS_MAX)
    };
    for (name, day) in [("from", from), ("to", to)] {
        if day.is_some_and(|day| !around(&day)) {
            return Err(Problem::parameter(name, format!("is more than {MONTHS_MAX} months away")));
        }
    }
    match (from, to) {
        (Some(from), Some(to)) if from > to => Err(Problem::parameter("from", "is after to")),
        months => Ok(months),
    }
}

/// In the form asked for; `table` writes the rows where it is not JSON, and an export is noted before it is given out.
async fn in_form<T: Serialize>(
    (api, caller): (&Api, &Caller<Read>),
    form: Form,
    (name, is_page): (&str, bool),
    answer: ReportAnswer<T>,
    table: impl FnOnce(&[T]) -> Table,
) -> Result<Response, Problem> {
    match form {
        Form::Json => Ok(Json(answer).into_response()),
        Form::Csv | Form::Parquet => {
            let response = table(&answer.data).page(form, name, answer.next.as_deref(), is_page)?;
            access::export(api, caller, Export::table(Exported::Report, name, form, answer.data.len())).await?;
            Ok(response)
        }
    }
}

fn difference(value: Option<Decimal>, plan: Option<Decimal>) -> Option<Decimal> {
    Some(value? - plan?)
}

/// What stands beside a figure, if it does.
fn part(parts: &serde_json::Value, name: &str) -> Exact {
    Exact(parts.get(name).and_then(|part| part.as_number()?.to_string().parse().ok()))
}

/// A decimal as a JSON number, digit for digit; null where there is none.
#[derive(Debug, Clone, Copy)]
struct Exact(Option<Decimal>);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        exact(self.0).serialize(serializer)
    }
}
