//! A deal: opened, qualified, moved through the sales process, won or lost.

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::ids::{AccountId, Label, LeadId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::timeline::Timeline;

/// Where a deal stands in the sales process, in its order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DealStage {
    #[default]
    Prospecting,
    Qualification,
    Discovery,
    Demonstration,
    Proposal,
    Negotiation,
    Closing,
}

impl DealStage {
    /// In the order of the process.
    pub const ALL: [Self; 7] = [
        Self::Prospecting,
        Self::Qualification,
        Self::Discovery,
        Self::Demonstration,
        Self::Proposal,
        Self::Negotiation,
        Self::Closing,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prospecting => "prospecting",
            Self::Qualification => "qualification",
            Self::Discovery => "discovery",
            Self::Demonstration => "demonstration",
            Self::Proposal => "proposal",
            Self::Negotiation => "negotiation",
            Self::Closing => "closing",
        }
    }
}

/// What is known of budget, authority, need and timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bant {
    pub budget: bool,
    pub authority: bool,
    pub need: bool,
    pub timeline: bool,
}

impl Bant {
    pub fn is_qualified(self) -> bool {
        self.budget && self.authority && self.need && self.timeline
    }
}

/// Why a deal was lost. A closed list: free text might name a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LossReason {
    Price,
    Product,
    Competitor,
    Timing,
    NoDecision,
    #[default]
    Other,
}

facts! {
    Deal "deal"
    DealCommand {
        /// Opens a deal at the first stage of the sales process.
        Open(OpenDeal) {
            account_id: AccountId,
            /// The lead that it came from.
            lead_id: Option<LeadId>,
            /// What it is worth a year.
            annual_value: Money,
            expected_close: NaiveDate,
            /// The team whose quota it counts towards.
            team: Option<Label>,
        }
        /// Says what is known of budget, authority, need and timeline. With all four the deal is qualified.
        Qualify(QualifyDeal) {
            bant: Bant,
        }
        /// Moves the deal to a stage of the sales process; back is possible too.
        Advance(AdvanceDeal) {
            stage: DealStage,
        }
        /// Says what the deal is worth a year, and when it is expected to close, from now on.
        Forecast(ForecastDeal) {
            annual_value: Money,
            expected_close: NaiveDate,
        }
        /// Wins the deal, at what was signed.
        Win(WinDeal) {
            /// A year's worth; default: what it was worth before.
            annual_value: Option<Money>,
        }
        /// Loses the deal.
        Lose(LoseDeal) {
            #[serde(default)]
            reason: LossReason,
        }
    }
    DealEvent {
        DealOpened "1.0" {
            account_id: AccountId,
            #[serde(skip_serializing_if = "Option::is_none")]
            lead_id: Option<LeadId>,
            annual_value: Money,
            expected_close: NaiveDate,
            #[serde(skip_serializing_if = "Option::is_none")]
            team: Option<Label>,
        }
        DealQualified "1.0" {
            bant: Bant,
        }
        DealAdvanced "1.0" {
            stage: DealStage,
        }
        DealForecast "1.0" {
            annual_value: Money,
            expected_close: NaiveDate,
        }
        DealWon "1.0" {
            annual_value: Money,
        }
        DealLost "1.0" {
            reason: LossReason,
        }
    }
}

/// What its own events have made of a deal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Deal {
    #[default]
    Unknown,
    Known(Box<KnownDeal>),
}

/// A deal that was opened, as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownDeal {
    opened: DealOpened,
    /// What it is worth a year, and when it is expected to close.
    forecasts: Timeline<(Money, NaiveDate)>,
    stages: Timeline<DealStage>,
    qualifications: Timeline<Bant>,
    outcome: Option<Outcome>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Outcome {
    Won(Money),
    Lost,
}

impl Deal {
    pub fn decide(&self, command: DealCommand, at: DateTime<Utc>, _: &Context) -> Result<Vec<DealEvent>, Rejection> {
        match (self, command) {
            (Self::Unknown, DealCommand::Open(command)) => Ok(vec![opened(command, at)?.into()]),
            (Self::Unknown, _) => Err(Rejection::Unknown { what: "deal" }),
            (Self::Known(deal), DealCommand::Open(command)) => {
                let at = command.occurred_at.unwrap_or(deal.opened.occurred_at);
                if opened(command, at)? == deal.opened { Ok(vec![]) } else { Err(Rejection::Exists { what: "deal" }) }
            }
            (Self::Known(deal), command) => deal.decide(command, at),
        }
    }

    #[must_use]
    pub fn evolve(self, event: &DealEvent) -> Self {
        match (self, event) {
            (_, DealEvent::DealOpened(opened)) => Self::Known(Box::new(KnownDeal {
                opened: opened.clone(),
                forecasts: Timeline::from(opened.occurred_at, (opened.annual_value, opened.expected_close)),
                stages: Timeline::from(opened.occurred_at, DealStage::default()),
                qualifications: Timeline::default(),
                outcome: None,
            })),
            (Self::Known(deal), event) => Self::Known(Box::new(deal.evolve(event))),
            (Self::Unknown, _) => Self::Unknown,
        }
    }
}

impl KnownDeal {
    fn decide(&self, command: DealCommand, at: DateTime<Utc>) -> Result<Vec<DealEvent>, Rejection> {
        let event = match (self.outcome, command) {
            (Some(Outcome::Won(signed)), DealCommand::Win(win)) if win.annual_value.is_none_or(|value| value == signed) => {
                return Ok(vec![]);
            }
            (Some(Outcome::Lost), DealCommand::Lose(_)) => return Ok(vec![]),
            (Some(Outcome::Won(_)), _) => return Err(Rejection::NotNow { detail: "the deal is won" }),
            (Some(Outcome::Lost), _) => return Err(Rejection::NotNow { detail: "the deal is lost" }),
            (None, DealCommand::Open(_)) => unreachable!("a known deal is not opened"),
            (None, DealCommand::Qualify(QualifyDeal { bant, occurred_at })) => {
                if !self.qualifications.is_news(occurred_at, at, &bant) {
                    return Ok(vec![]);
                }
                DealQualified { bant, occurred_at: at }.into()
            }
            (None, DealCommand::Advance(AdvanceDeal { stage, occurred_at })) => {
                if !self.stages.is_news(occurred_at, at, &stage) {
                    return Ok(vec![]);
                }
                DealAdvanced { stage, occurred_at: at }.into()
            }
            (None, DealCommand::Forecast(ForecastDeal { annual_value, expected_close, occurred_at })) => {
                if !self.forecasts.is_news(occurred_at, at, &(annual_value, expected_close)) {
                    return Ok(vec![]);
                }
                let annual_value = annual_value.positive("/annual_value")?;
                DealForecast { annual_value, expected_close, occurred_at: at }.into()
            }
            (None, DealCommand::Win(WinDeal { annual_value, .. })) => {
                let annual_value = annual_value.unwrap_or_else(|| self.annual_value(at)).positive("/annual_value")?;
                DealWon { annual_value, occurred_at: at }.into()
            }
            (None, DealCommand::Lose(LoseDeal { reason, .. })) => DealLost { reason, occurred_at: at }.into(),
        };
        Ok(vec![event])
    }

    /// What it is worth a year by then; before it was opened, what it was opened with.
    fn annual_value(&self, at: DateTime<Utc>) -> Money {
        self.forecasts.at(at).map_or(self.opened.annual_value, |(annual_value, _)| *annual_value)
    }

    fn evolve(self, event: &DealEvent) -> Self {
        match event {
            DealEvent::DealOpened(_) => self,
            DealEvent::DealQualified(event) => {
                Self { qualifications: self.qualifications.with(event.occurred_at, event.bant), ..self }
            }
            DealEvent::DealAdvanced(event) => Self { stages: self.stages.with(event.occurred_at, event.stage), ..self },
            DealEvent::DealForecast(event) => {
                let forecast = (event.annual_value, event.expected_close);
                Self { forecasts: self.forecasts.with(event.occurred_at, forecast), ..self }
            }
            DealEvent::DealWon(event) => Self { outcome: Some(Outcome::Won(event.annual_value)), ..self },
            DealEvent::DealLost(_) => Self { outcome: Some(Outcome::Lost), ..self },
        }
    }
}

fn opened(command: OpenDeal, at: DateTime<Utc>) -> Result<DealOpened, Rejection> {
    Ok(DealOpened {
        account_id: command.account_id,
        lead_id: command.lead_id,
        annual_value: command.annual_value.positive("/annual_value")?,
        expected_close: command.expected_close,
        team: command.team,
        occurred_at: at,
    })
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{noon, parsed, usd};

    fn given(events: Vec<DealEvent>) -> AggregateTestExecutor<Deal> {
        crate::testing::given(events)
    }
    fn command(name: &str, data: &str) -> DealCommand {
        parsed!(Deal, name, data)
    }
    fn open(amount: &str) -> DealCommand {
        let value = format!(r#"{{"amount":"{amount}","currency":"USD"}}"#);
        command("open", &format!(r#"{{"account_id":"a1","annual_value":{value},"expected_close":"2026-12-01"}}"#))
    }
    fn was_opened() -> DealEvent {
        DealOpened {
            account_id: AccountId::parse("a1").unwrap(),
            lead_id: None,
            annual_value: usd("1200.00"),
            expected_close: "2026-12-01".parse().unwrap(),
            team: None,
            occurred_at: noon(),
        }
        .into()
    }
    fn won() -> DealEvent {
        DealWon { annual_value: usd("1200.00"), occurred_at: noon() }.into()
    }
    fn lost() -> DealEvent {
        DealLost { reason: LossReason::Price, occurred_at: noon() }.into()
    }
    fn advanced(stage: DealStage) -> DealEvent {
        DealAdvanced { stage, occurred_at: noon() }.into()
    }

    const BANT: &str = r#"{"bant":{"budget":true,"authority":true,"need":true,"timeline":false}}"#;
    const FORECAST: &str = r#"{"annual_value":{"amount":"900.00","currency":"USD"},"expected_close":"2027-01-15"}"#;

    #[test]
    fn a_deal_is_opened_once() {
        given(vec![]).when(open("1200.00")).then_expect_events(vec![was_opened()]);
        given(vec![was_opened()]).when(open("1200.00")).then_expect_events(vec![]);
        given(vec![was_opened()]).when(open("1300.00")).then_expect_error(Rejection::Exists { what: "deal" });
        given(vec![was_opened(), won()]).when(open("1200.00")).then_expect_events(vec![]);
    }

    #[test]
    fn a_deal_is_worth_something() {
        for amount in ["0.00", "-1.00"] {
            given(vec![])
                .when(open(amount))
                .then_expect_error(Rejection::Invalid { field: "/annual_value", detail: "must be more than zero" });
        }
    }

    #[test]
    fn nothing_happens_to_a_deal_that_was_not_opened() {
        for (name, data) in
            [("qualify", BANT), ("advance", r#"{"stage":"proposal"}"#), ("forecast", FORECAST), ("win", "{}"), ("lose", "{}")]
        {
            given(vec![]).when(command(name, data)).then_expect_error(Rejection::Unknown { what: "deal" });
        }
    }

    #[test]
    fn an_open_deal_moves_and_says_nothing_twice() {
        let proposal = || command("advance", r#"{"stage":"proposal"}"#);
        given(vec![was_opened()]).when(proposal()).then_expect_events(vec![advanced(DealStage::Proposal)]);
        given(vec![was_opened(), advanced(DealStage::Proposal)]).when(proposal()).then_expect_events(vec![]);
        let back = command("advance", r#"{"stage":"discovery"}"#);
        given(vec![was_opened(), advanced(DealStage::Proposal)])
            .when(back)
            .then_expect_events(vec![advanced(DealStage::Discovery)]);
        let bant = Bant { budget: true, authority: true, need: true, timeline: false };
        let qualified: DealEvent = DealQualified { bant, occurred_at: noon() }.into();
        given(vec![was_opened()]).when(command("qualify", BANT)).then_expect_events(vec![qualified.clone()]);
        given(vec![was_opened(), qualified]).when(command("qualify", BANT)).then_expect_events(vec![]);
        let forecast: DealEvent =
            DealForecast { annual_value: usd("900.00"), expected_close: "2027-01-15".parse().unwrap(), occurred_at: noon() }
                .into();
        given(vec![was_opened()]).when(command("forecast", FORECAST)).then_expect_events(vec![forecast.clone()]);
        given(vec![was_opened(), forecast]).when(command("forecast", FORECAST)).then_expect_events(vec![]);
    }

    #[test]
    fn a_deal_is_won_at_what_was_signed_or_what_it_was_worth() {
        given(vec![was_opened()]).when(command("win", "{}")).then_expect_events(vec![won()]);
        let signed: DealEvent = DealWon { annual_value: usd("900.00"), occurred_at: noon() }.into();
        let win = command("win", r#"{"annual_value":{"amount":"900.00","currency":"USD"}}"#);
        given(vec![was_opened()]).when(win.clone()).then_expect_events(vec![signed.clone()]);
        given(vec![was_opened(), signed]).when(win.clone()).then_expect_events(vec![]);
        given(vec![was_opened(), won()]).when(win).then_expect_error(Rejection::NotNow { detail: "the deal is won" });
    }

    #[test]
    fn a_closed_deal_stays_as_it_is() {
        given(vec![was_opened(), won()]).when(command("win", "{}")).then_expect_events(vec![]);
        given(vec![was_opened(), lost()]).when(command("lose", "{}")).then_expect_events(vec![]);
        for (name, data) in [("qualify", BANT), ("advance", r#"{"stage":"proposal"}"#), ("forecast", FORECAST), ("lose", "{}")]
        {
            let error = Rejection::NotNow { detail: "the deal is won" };
            given(vec![was_opened(), won()]).when(command(name, data)).then_expect_error(error);
        }
        given(vec![was_opened(), lost()])
            .when(command("win", "{}"))
            .then_expect_error(Rejection::NotNow { detail: "the deal is lost" });
    }

    #[test]
    fn all_four_answers_make_a_qualified_deal() {
        let all = Bant { budget: true, authority: true, need: true, timeline: true };
        assert!(all.is_qualified());
        for lacking in [
            Bant { budget: false, ..all },
            Bant { authority: false, ..all },
            Bant { need: false, ..all },
            Bant { timeline: false, ..all },
        ] {
            assert!(!lacking.is_qualified());
        }
    }
}
