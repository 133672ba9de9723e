//! A lead: captured, touched by campaigns, scored, qualified by marketing and then by sales.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::ids::{Label, Pseudonym, UserRef};
use crate::personal::{Personal, Sealed};
use crate::rejection::Rejection;
use crate::timeline::Timeline;

/// Who says that a lead is worth the effort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Qualification {
    /// Marketing: an MQL.
    Mql,
    /// Sales: an SQL.
    Sql,
}

/// Whose work a first touch was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Marketing,
    Sales,
    Partner,
    Customer,
}

facts! {
    Lead "lead"
    LeadCommand {
        /// Somebody showed interest for the first time.
        Capture(CaptureLead) {
            /// Where they came from, such as `search`, `event` or `newsletter`.
            channel: Label,
            source: Source,
            campaign: Option<Label>,
            /// Who it is, in the client's own system. Replaced by a pseudonym before anything is stored.
            user_id: Option<UserRef>,
            /// What is personal: sealed with the user's own key, and gone once the user is erased. Needs `user_id`.
            personal: Option<Personal>,
        }
        /// A campaign reached them again.
        Touch(TouchLead) {
            channel: Label,
            campaign: Option<Label>,
        }
        /// How promising they are, 0 to 100.
        Score(ScoreLead) {
            score: u8,
        }
        /// Marketing or sales says that the lead is worth the effort.
        Qualify(QualifyLead) {
            qualification: Qualification,
        }
        /// The lead comes to nothing.
        Disqualify(DisqualifyLead) {}
    }
    LeadEvent {
        LeadCaptured "1.1" {
            channel: Label,
            source: Source,
            #[serde(skip_serializing_if = "Option::is_none")]
            campaign: Option<Label>,
            #[serde(skip_serializing_if = "Option::is_none")]
            user_id: Option<Pseudonym>,
            #[serde(skip_serializing_if = "Option::is_none")]
            sealed: Option<Sealed>,
        }
        LeadTouched "1.0" {
            channel: Label,
            #[serde(skip_serializing_if = "Option::is_none")]
            campaign: Option<Label>,
        }
        LeadScored "1.0" {
            score: u8,
        }
        LeadQualified "1.0" {
            qualification: Qualification,
        }
        LeadDisqualified "1.0" {}
    }
}

fn captured(command: CaptureLead, occurred_at: DateTime<Utc>) -> Result<LeadCaptured, Rejection> {
    let CaptureLead { channel, source, campaign, user_id, personal, .. } = command;
    let sealed = Personal::sealed(personal, user_id.as_ref())?;
    Ok(LeadCaptured { channel, source, campaign, user_id: user_id.as_ref().map(UserRef::pseudonym), sealed, occurred_at })
}

/// What its own events have made of a lead.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lead {
    captured: Option<LeadCaptured>,
    touches: Timeline<(Label, Option<Label>)>,
    scores: Timeline<u8>,
    qualification: Option<Qualification>,
    is_disqualified: bool,
}

impl Lead {
    pub fn decide(&self, command: LeadCommand, at: DateTime<Utc>, _: &Context) -> Result<Vec<LeadEvent>, Rejection> {
        use LeadCommand::{Capture, Disqualify, Qualify, Score, Touch};
        let event = match (&self.captured, command) {
            (None, Capture(command)) => captured(command, at)?.into(),
            (Some(known), Capture(command)) => {
                let occurred_at = command.occurred_at.unwrap_or(known.occurred_at);
                let said = captured(command, occurred_at)?;
                return if said == *known { Ok(vec![]) } else { Err(Rejection::Exists { what: "lead" }) };
            }
            (None, _) => return Err(Rejection::Unknown { what: "lead" }),
            // Without a time it is another touch each time it is said.
            (Some(_), Touch(TouchLead { channel, campaign, occurred_at })) => {
                let touch = (channel, campaign);
                if occurred_at.is_some() && !self.touches.is_news(occurred_at, at, &touch) {
                    return Ok(vec![]);
                }
                LeadTouched { channel: touch.0, campaign: touch.1, occurred_at: at }.into()
            }
            (Some(_), Disqualify(_)) if self.is_disqualified => return Ok(vec![]),
            (Some(_), Disqualify(_)) => LeadDisqualified { occurred_at: at }.into(),
            (Some(_), Score(_) | Qualify(_)) if self.is_disqualified => {
                return Err(Rejection::NotNow { detail: "the lead is disqualified" });
            }
            (Some(_), Score(ScoreLead { score, occurred_at })) => {
                if score > 100 {
                    return Err(Rejection::Invalid { field: "/score", detail: "must be 0 to 100" });
                }
                if !self.scores.is_news(occurred_at, at, &score) {
                    return Ok(vec![]);
                }
                LeadScored { score, occurred_at: at }.into()
            }
            (Some(_), Qualify(QualifyLead { qualification, .. })) => match (self.qualification, qualification) {
                (Some(known), said) if said <= known => return Ok(vec![]), // an SQL was an MQL before
                (None, Qualification::Sql) => {
                    return Err(Rejection::NotNow { detail: "marketing has not qualified the lead yet" });
                }
                (_, qualification) => LeadQualified { qualification, occurred_at: at }.into(),
            },
        };
        Ok(vec![event])
    }

    #[must_use]
    pub fn evolve(self, event: &LeadEvent) -> Self {
        match event {
            LeadEvent::LeadCaptured(captured) => Self { captured: Some(captured.clone()), ..self },
            LeadEvent::LeadTouched(touched) => {
                let touch = (touched.channel.clone(), touched.campaign.clone());
                Self { touches: self.touches.with(touched.occurred_at, touch), ..self }
            }
            LeadEvent::LeadScored(scored) => Self { scores: self.scores.with(scored.occurred_at, scored.score), ..self },
            LeadEvent::LeadQualified(qualified) => Self { qualification: Some(qualified.qualification), ..self },
            LeadEvent::LeadDisqualified(_) => Self { is_disqualified: true, ..self },
        }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{noon, parsed};

    fn given(events: Vec<LeadEvent>) -> AggregateTestExecutor<Lead> {
        crate::testing::given(events)
    }
    const CAPTURE: &str = r#"{"channel":"search","source":"marketing","campaign":"autumn"}"#;

    fn command(name: &str, json: &str) -> LeadCommand {
        parsed!(Lead, name, json)
    }
    fn label(text: &str) -> Label {
        Label::parse(text).unwrap()
    }
    fn captured() -> LeadEvent {
        let (channel, source, campaign) = (label("search"), Source::Marketing, Some(label("autumn")));
        LeadCaptured { channel, source, campaign, user_id: None, sealed: None, occurred_at: noon() }.into()
    }
    fn qualified(qualification: Qualification) -> LeadEvent {
        LeadQualified { qualification, occurred_at: noon() }.into()
    }
    fn disqualified() -> LeadEvent {
        LeadDisqualified { occurred_at: noon() }.into()
    }

    #[test]
    fn a_lead_is_captured_once() {
        given(vec![]).when(command("capture", CAPTURE)).then_expect_events(vec![captured()]);
        given(vec![captured()]).when(command("capture", CAPTURE)).then_expect_events(vec![]);
        given(vec![captured()])
            .when(command("capture", r#"{"channel":"event","source":"sales"}"#))
            .then_expect_error(Rejection::Exists { what: "lead" });
    }

    #[test]
    fn nothing_happens_to_a_lead_that_was_not_captured() {
        for (name, json) in [
            ("touch", r#"{"channel":"event"}"#),
            ("score", r#"{"score":5}"#),
            ("qualify", r#"{"qualification":"mql"}"#),
            ("disqualify", "{}"),
        ] {
            given(vec![]).when(command(name, json)).then_expect_error(Rejection::Unknown { what: "lead" });
        }
    }

    #[test]
    fn marketing_qualifies_before_sales_and_each_once() {
        let (mql, sql) = (Qualification::Mql, Qualification::Sql);
        let qualify = |text: &str| command("qualify", &format!(r#"{{"qualification":"{text}"}}"#));
        given(vec![captured()]).when(qualify("mql")).then_expect_events(vec![qualified(mql)]);
        given(vec![captured(), qualified(mql)]).when(qualify("mql")).then_expect_events(vec![]);
        given(vec![captured(), qualified(mql)]).when(qualify("sql")).then_expect_events(vec![qualified(sql)]);
        given(vec![captured(), qualified(mql), qualified(sql)]).when(qualify("mql")).then_expect_events(vec![]);
        given(vec![captured()])
            .when(qualify("sql"))
            .then_expect_error(Rejection::NotNow { detail: "marketing has not qualified the lead yet" });
    }

    #[test]
    fn a_score_is_0_to_100_and_said_once() {
        let scored = |score| LeadEvent::from(LeadScored { score, occurred_at: noon() });
        for score in [0, 100] {
            let json = format!(r#"{{"score":{score}}}"#);
            given(vec![captured()]).when(command("score", &json)).then_expect_events(vec![scored(score)]);
            given(vec![captured(), scored(score)]).when(command("score", &json)).then_expect_events(vec![]);
        }
        given(vec![captured()])
            .when(command("score", r#"{"score":101}"#))
            .then_expect_error(Rejection::Invalid { field: "/score", detail: "must be 0 to 100" });
    }

    #[test]
    fn every_touch_counts() {
        let touched: LeadEvent = LeadTouched { channel: label("event"), campaign: None, occurred_at: noon() }.into();
        let touch = || command("touch", r#"{"channel":"event"}"#);
        given(vec![captured()]).when(touch()).then_expect_events(vec![touched.clone()]);
        given(vec![captured(), touched.clone()]).when(touch()).then_expect_events(vec![touched]);
    }

    #[test]
    fn a_disqualified_lead_is_neither_scored_nor_qualified() {
        given(vec![captured()]).when(command("disqualify", "{}")).then_expect_events(vec![disqualified()]);
        given(vec![captured(), disqualified()]).when(command("disqualify", "{}")).then_expect_events(vec![]);
        for (name, json) in [("score", r#"{"score":5}"#), ("qualify", r#"{"qualification":"mql"}"#)] {
            given(vec![captured(), disqualified()])
                .when(command(name, json))
                .then_expect_error(Rejection::NotNow { detail: "the lead is disqualified" });
        }
    }
}
