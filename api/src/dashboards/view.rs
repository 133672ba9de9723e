//! What a page shows of what is asked in its address: the rhythm, and as of when. Every link on it says the same.

use chrono::{DateTime, NaiveDate, Utc};
use domain::Grain;
use serde::Deserialize;

use crate::parameters::{day, moment};
use crate::problem::Problem;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ViewParameters {
    period: Option<String>,
    as_of: Option<String>,
}

impl ViewParameters {
    pub(super) fn new(period: Option<String>, as_of: Option<String>) -> Self {
        Self { period, as_of }
    }
}

/// The state of a page.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) grain: Grain,
    pub(super) as_of: Option<NaiveDate>,
    pub(super) now: DateTime<Utc>,
    /// The page's own address, without its state.
    pub(super) path: String,
    /// What this page alone is asked beside; links to other pages do not have it.
    pub(super) own: Vec<(&'static str, String)>,
    /// The rhythms that the page can be shown in.
    pub(super) grains: Vec<Grain>,
}

/// The rhythms that the company is reviewed in.
const RHYTHMS: [Grain; 3] = [Grain::Week, Grain::Month, Grain::Quarter];

/// One way to look at the page, and whether it is the present one.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) name: &'static str,
    pub(super) href: String,
    pub(super) is_chosen: bool,
}

impl View {
    pub(super) fn parse(path: String, parameters: &ViewParameters, now: DateTime<Utc>) -> Result<Self, Problem> {
        if parameters.period.as_deref() == Some(Grain::Day.as_str()) {
            return Err(Problem::parameter("period", "is \"day\", not week, month or quarter"));
        }
        Self::of_kpi(path, &RHYTHMS, parameters, now)
    }

    /// A KPI's own page goes down to days, and has only the rhythms that the KPI has: another is shown as the nearest that it has.
    pub(super) fn of_kpi(
        path: String,
        grains: &[Grain],
        parameters: &ViewParameters,
        now: DateTime<Utc>,
    ) -> Result<Self, Problem> {
        let asked = match parameters.period.as_deref() {
            None => Grain::Month,
            Some(text) => Grain::parse(text)
                .ok_or_else(|| Problem::parameter("period", format!("is {text:?}, not day, week, month or quarter")))?,
        };
        let grain = if grains.contains(&asked) { asked } else { nearest(grains, asked) };
        // A form that is sent empty asks for the present.
        let as_of = day("as_of", parameters.as_of.as_deref().filter(|text| !text.is_empty()))?;
        if as_of.is_some_and(|day| day > now.date_naive()) {
            return Err(Problem::parameter("as_of", "is a day that has not come yet"));
        }
        let grains = Grain::ALL.into_iter().filter(|grain| grains.contains(grain)).collect();
        Ok(Self { grain, as_of: as_of.filter(|day| *day != now.date_naive()), now, path, own: Vec::new(), grains })
    }

    /// The address of another page, or this one, in the same state.
    pub(super) fn to(&self, path: &str) -> String {
        self.with(path, self.grain, self.as_of)
    }

    fn with(&self, path: &str, grain: Grain, as_of: Option<NaiveDate>) -> String {
        let mut pairs = Vec::new();
        let is_elsewhere = path != self.path;
        if grain != Grain::Month && !(is_elsewhere && grain == Grain::Day) {
            pairs.push(format!("period={}", grain.as_str()));
        }
        pairs.extend(as_of.map(|day| format!("as_of={day}")));
        if !is_elsewhere {
            pairs.extend(self.own.iter().map(|(name, value)| format!("{name}={}", encoded(value))));
        }
        if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&amp;")) }
    }

    pub(super) fn rhythms(&self) -> Vec<Choice> {
        self.grains
            .iter()
            .map(|grain| Choice {
                name: name_of(*grain),
                href: self.with(&self.path, *grain, self.as_of),
                is_chosen: *grain == self.grain,
            })
            .collect()
    }

    pub(super) fn at_present(&self) -> String {
        self.with(&self.path, self.grain, None)
    }

    /// Another page that is asked something of its own.
    pub(super) fn of_page(&self, path: &str, own: Vec<(&'static str, String)>) -> String {
        Self { path: path.to_owned(), own, ..self.clone() }.to(path)
    }

    /// This page, without a part of what it alone is asked.
    pub(super) fn without(&self, names: &[&str]) -> Self {
        let own = self.own.iter().filter(|(name, _)| !names.contains(name)).cloned().collect();
        Self { own, ..self.clone() }
    }

    /// This page, with more in its address.
    pub(super) fn here_with(&self, pairs: &[(&str, &str)]) -> String {
        pairs.iter().fold(self.to(&self.path), |address, (name, value)| {
            let separator = if address.contains('?') { "&amp;" } else { "?" };
            format!("{address}{separator}{name}={}", encoded(value))
        })
    }

    pub(super) fn today(&self) -> NaiveDate {
        self.now.date_naive()
    }

    pub(super) fn last_day(&self) -> NaiveDate {
        self.as_of.unwrap_or_else(|| self.today())
    }
}

fn nearest(grains: &[Grain], asked: Grain) -> Grain {
    let place = |grain: Grain| Grain::ALL.iter().position(|known| *known == grain).unwrap_or_default();
    *grains.iter().min_by_key(|grain| place(**grain).abs_diff(place(asked))).expect("a KPI has figures by something")
}

fn name_of(grain: Grain) -> &'static str {
    match grain {
        Grain::Day => "Day",
        Grain::Week => "Week",
        Grain::Month => "Month",
        Grain::Quarter => "Quarter",
    }
}

/// As a value in an address.
pub(super) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What is written in a field of a form; nothing where it is left empty.
pub(super) fn given(text: &Option<String>) -> Option<String> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A moment as the browser's field for a time takes it.
pub(super) fn for_field(text: Option<&str>) -> String {
    let known = moment("", text).ok().flatten();
    known.map_or(String::new(), |moment| moment.format("%Y-%m-%dT%H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(period: Option<&str>, as_of: Option<&str>) -> Result<View, Problem> {
        let parameters = ViewParameters { period: period.map(str::to_owned), as_of: as_of.map(str::to_owned) };
        View::parse("/dashboards/sales".to_owned(), &parameters, "2026-10-15T12:00:00Z".parse().expect("a time"))
    }

    #[test]
    fn every_link_keeps_the_state() {
        let plain = view(None, None).expect("defaults");
        assert_eq!(plain.to("/dashboards/product"), "/dashboards/product");
        let past = view(Some("week"), Some("2026-09-30")).expect("a past week");
        assert_eq!(past.to("/dashboards/product"), "/dashboards/product?period=week&amp;as_of=2026-09-30");
        assert_eq!(past.at_present(), "/dashboards/sales?period=week");
        let links: Vec<String> = past.rhythms().into_iter().map(|choice| choice.href).collect();
        assert_eq!(links[1], "/dashboards/sales?as_of=2026-09-30");
    }

    #[test]
    fn what_a_page_alone_is_asked_stays_on_it() {
        let mut view = view(None, Some("2026-09-30")).expect("a past month");
        view.own.push(("state", "closed".to_owned()));
        assert_eq!(view.at_present(), "/dashboards/sales?state=closed");
        assert_eq!(view.to("/dashboards/product"), "/dashboards/product?as_of=2026-09-30");
        assert_eq!(view.here_with(&[("cursor", "x")]), "/dashboards/sales?as_of=2026-09-30&amp;state=closed&amp;cursor=x");
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(view(Some("year"), None).expect_err("no year").field.as_deref(), Some("/period"));
        assert_eq!(view(None, Some("2026-10-16")).expect_err("tomorrow").field.as_deref(), Some("/as_of"));
        assert_eq!(view(None, Some("")).expect("an empty form").as_of, None);
    }
}
