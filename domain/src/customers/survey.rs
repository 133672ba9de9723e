//! A survey sent to somebody, and what they answered.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::ids::{AccountId, Pseudonym, UserRef};
use crate::personal::{Personal, Sealed};
use crate::rejection::Rejection;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SurveyKind {
    /// How satisfied they are, 1 to 5.
    Csat,
    /// Whether they would recommend it, 0 to 10.
    Nps,
    /// Whether they know the brand.
    Brand,
}

facts! {
    Survey "survey"
    SurveyCommand {
        /// Somebody is asked. The id in the path is the invitation's own.
        Send(SendSurvey) {
            kind: SurveyKind,
            account_id: Option<AccountId>,
        }
        /// They answered; also without having been asked.
        Answer(AnswerSurvey) {
            kind: SurveyKind,
            account_id: Option<AccountId>,
            /// csat: 1 to 5; nps: 0 to 10.
            score: Option<u8>,
            /// brand: whether they know it from a list.
            aided: Option<bool>,
            /// brand: whether they name it by themselves.
            unaided: Option<bool>,
            /// Who answered, in the client's own system. Replaced by a pseudonym before anything is stored.
            user_id: Option<UserRef>,
            /// What is personal, such as what they wrote: sealed with the user's own key, and gone once the user is erased. Needs
            /// `user_id`.
            personal: Option<Personal>,
        }
    }
    SurveyEvent {
        SurveySent "1.0" {
            kind: SurveyKind,
            #[serde(skip_serializing_if = "Option::is_none")]
            account_id: Option<AccountId>,
        }
        SurveyAnswered "1.1" {
            kind: SurveyKind,
            #[serde(skip_serializing_if = "Option::is_none")]
            account_id: Option<AccountId>,
            #[serde(skip_serializing_if = "Option::is_none")]
            score: Option<u8>,
            #[serde(skip_serializing_if = "Option::is_none")]
            aided: Option<bool>,
            #[serde(skip_serializing_if = "Option::is_none")]
            unaided: Option<bool>,
            #[serde(skip_serializing_if = "Option::is_none")]
            user_id: Option<Pseudonym>,
            #[serde(skip_serializing_if = "Option::is_none")]
            sealed: Option<Sealed>,
        }
    }
}

/// Whether it was sent, and what was answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    sent: Option<SurveySent>,
    answered: Option<SurveyAnswered>,
}

impl Survey {
    pub fn decide(&self, command: SurveyCommand, at: DateTime<Utc>, _: &Context) -> Result<Vec<SurveyEvent>, Rejection> {
        match command {
            SurveyCommand::Send(command) => self.send(command, at),
            SurveyCommand::Answer(command) => self.answer(command, at),
        }
    }

    fn send(&self, command: SendSurvey, at: DateTime<Utc>) -> Result<Vec<SurveyEvent>, Rejection> {
        let SendSurvey { kind, account_id, occurred_at } = command;
        if let Some(known) = &self.sent {
            let said = SurveySent { kind, account_id, occurred_at: occurred_at.unwrap_or(known.occurred_at) };
            return if said == *known { Ok(vec![]) } else { Err(Rejection::Exists { what: "survey" }) };
        }
        // The answer may arrive first.
        if let Some(answered) = &self.answered {
            if kind != answered.kind || are_others(account_id.as_ref(), answered.account_id.as_ref()) {
                return Err(Rejection::Exists { what: "survey" });
            }
            if at > answered.occurred_at {
                return Err(Rejection::Invalid { field: "/occurred_at", detail: "is after the survey was answered" });
            }
        }
        Ok(vec![SurveySent { kind, account_id, occurred_at: at }.into()])
    }

    fn answer(&self, command: AnswerSurvey, at: DateTime<Utc>) -> Result<Vec<SurveyEvent>, Rejection> {
        if let Some(known) = &self.answered {
            let AnswerSurvey { kind, account_id, score, aided, unaided, user_id, personal, occurred_at } = command;
            let sealed = Personal::sealed(personal, user_id.as_ref())?;
            let user_id = user_id.as_ref().map(UserRef::pseudonym);
            // What is left out says nothing, so it contradicts nothing.
            let account_id = account_id.or_else(|| known.account_id.clone());
            let occurred_at = occurred_at.unwrap_or(known.occurred_at);
            let said = SurveyAnswered { kind, account_id, score, aided, unaided, user_id, sealed, occurred_at };
            return if said == *known { Ok(vec![]) } else { Err(Rejection::Exists { what: "survey" }) };
        }
        check(&command)?;
        let AnswerSurvey { kind, mut account_id, score, aided, unaided, user_id, personal, .. } = command;
        let sealed = Personal::sealed(personal, user_id.as_ref())?;
        let user_id = user_id.as_ref().map(UserRef::pseudonym);
        if let Some(sent) = &self.sent {
            if kind != sent.kind {
                return Err(Rejection::Invalid { field: "/kind", detail: "is not what was asked" });
            }
            if are_others(account_id.as_ref(), sent.account_id.as_ref()) {
                return Err(Rejection::Exists { what: "survey" });
            }
            if at < sent.occurred_at {
                return Err(Rejection::Invalid { field: "/occurred_at", detail: "is before the survey was sent" });
            }
            account_id = account_id.or_else(|| sent.account_id.clone());
        }
        Ok(vec![SurveyAnswered { kind, account_id, score, aided, unaided, user_id, sealed, occurred_at: at }.into()])
    }

    #[must_use]
    pub fn evolve(self, event: &SurveyEvent) -> Self {
        match event {
            SurveyEvent::SurveySent(sent) => Self { sent: Some(sent.clone()), ..self },
            SurveyEvent::SurveyAnswered(answered) => Self { answered: Some(answered.clone()), ..self },
        }
    }
}

/// Whether both are named, and not the same.
fn are_others(one: Option<&AccountId>, other: Option<&AccountId>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}

/// Each kind has its own answer, within its range.
fn check(answer: &AnswerSurvey) -> Result<(), Rejection> {
    let invalid = |field, detail| Err(Rejection::Invalid { field, detail });
    match (answer.kind, answer.score, answer.aided, answer.unaided) {
        (SurveyKind::Csat, Some(1..=5), None, None) | (SurveyKind::Nps, Some(0..=10), None, None) => Ok(()),
        (SurveyKind::Csat, _, None, None) => invalid("/score", "must be 1 to 5"),
        (SurveyKind::Nps, _, None, None) => invalid("/score", "must be 0 to 10"),
        (SurveyKind::Csat | SurveyKind::Nps, _, Some(_), _) => invalid("/aided", "is for brand alone"),
        (SurveyKind::Csat | SurveyKind::Nps, _, None, Some(_)) => invalid("/unaided", "is for brand alone"),
        (SurveyKind::Brand, Some(_), ..) => invalid("/score", "is not for brand"),
        (SurveyKind::Brand, None, None, _) => invalid("/aided", "must be given for brand"),
        (SurveyKind::Brand, None, _, None) => invalid("/unaided", "must be given for brand"),
        (SurveyKind::Brand, None, Some(false), Some(true)) => {
            invalid("/aided", "must be true of whoever names it by themselves")
        }
        (SurveyKind::Brand, None, Some(_), Some(_)) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{at, noon, parsed};

    fn given(events: Vec<SurveyEvent>) -> AggregateTestExecutor<Survey> {
        crate::testing::given(events)
    }
    fn send(json: &str) -> SurveyCommand {
        parsed!(Survey, "send", json)
    }
    fn answer(json: &str) -> SurveyCommand {
        parsed!(Survey, "answer", json)
    }
    fn unsaid() -> SurveyAnswered {
        let (kind, occurred_at) = (SurveyKind::Nps, noon());
        SurveyAnswered {
            kind,
            account_id: None,
            score: None,
            aided: None,
            unaided: None,
            user_id: None,
            sealed: None,
            occurred_at,
        }
    }
    fn account() -> Option<AccountId> {
        AccountId::parse("acme").ok()
    }
    fn was_sent() -> SurveyEvent {
        SurveySent { kind: SurveyKind::Nps, account_id: account(), occurred_at: noon() }.into()
    }
    fn was_answered(score: u8) -> SurveyEvent {
        let (kind, account_id) = (SurveyKind::Nps, account());
        SurveyAnswered { kind, account_id, score: Some(score), ..unsaid() }.into()
    }

    const SEND: &str = r#"{"kind":"nps","account_id":"acme"}"#;

    #[test]
    fn a_survey_is_sent_once() {
        given(vec![]).when(send(SEND)).then_expect_events(vec![was_sent()]);
        given(vec![was_sent()]).when(send(SEND)).then_expect_events(vec![]);
        given(vec![was_sent()]).when(send(r#"{"kind":"csat"}"#)).then_expect_error(Rejection::Exists { what: "survey" });
    }

    #[test]
    fn it_is_answered_once_by_whoever_was_asked() {
        let nps = || answer(r#"{"kind":"nps","score":9}"#);
        given(vec![was_sent()]).when(nps()).then_expect_events(vec![was_answered(9)]);
        given(vec![was_sent(), was_answered(9)]).when(nps()).then_expect_events(vec![]);
        given(vec![was_sent(), was_answered(8)]).when(nps()).then_expect_error(Rejection::Exists { what: "survey" });
        given(vec![was_sent()])
            .when(answer(r#"{"kind":"nps","score":9,"account_id":"other"}"#))
            .then_expect_error(Rejection::Exists { what: "survey" });
        given(vec![was_sent()])
            .when(answer(r#"{"kind":"csat","score":4}"#))
            .then_expect_error(Rejection::Invalid { field: "/kind", detail: "is not what was asked" });
    }

    #[test]
    fn nobody_need_have_been_asked() {
        given(vec![]).when(answer(r#"{"kind":"nps","score":9,"account_id":"acme"}"#)).then_expect_events(vec![was_answered(9)]);
    }

    #[test]
    fn it_is_not_answered_before_it_was_sent() {
        given(vec![was_sent()])
            .when(answer(r#"{"kind":"nps","score":9,"occurred_at":"2026-10-31T11:59:59Z"}"#))
            .then_expect_error(Rejection::Invalid { field: "/occurred_at", detail: "is before the survey was sent" });
    }

    #[test]
    fn that_it_was_sent_may_be_said_after_the_answer() {
        const EARLIER: &str = r#"{"kind":"nps","account_id":"acme","occurred_at":"2026-10-30T12:00:00Z"}"#;
        let sent: SurveyEvent =
            SurveySent { kind: SurveyKind::Nps, account_id: account(), occurred_at: at("2026-10-30T12:00:00Z") }.into();
        given(vec![was_answered(9)]).when(send(EARLIER)).then_expect_events(vec![sent]);
        for other in [EARLIER.replace("nps", "csat"), EARLIER.replace("acme", "other")] {
            given(vec![was_answered(9)]).when(send(&other)).then_expect_error(Rejection::Exists { what: "survey" });
        }
        given(vec![was_answered(9)])
            .when(send(&EARLIER.replace("10-30T12:00:00Z", "10-31T12:00:01Z")))
            .then_expect_error(Rejection::Invalid { field: "/occurred_at", detail: "is after the survey was answered" });
    }

    #[test]
    fn an_answer_sent_twice_is_one_whatever_was_said_of_the_sending_between() {
        let kind = SurveyKind::Nps;
        let anonymous: SurveyEvent = SurveyAnswered { kind, account_id: None, score: Some(9), ..unsaid() }.into();
        for history in [vec![anonymous.clone()], vec![anonymous, was_sent()]] {
            given(history).when(answer(r#"{"kind":"nps","score":9}"#)).then_expect_events(vec![]);
        }
        given(vec![was_sent(), was_answered(9)])
            .when(answer(r#"{"kind":"csat","score":5}"#))
            .then_expect_error(Rejection::Exists { what: "survey" });
    }

    #[test]
    fn an_answer_has_its_range() {
        for (json, field) in [
            (r#"{"kind":"csat","score":0}"#, "/score"),
            (r#"{"kind":"csat","score":6}"#, "/score"),
            (r#"{"kind":"csat"}"#, "/score"),
            (r#"{"kind":"nps","score":11}"#, "/score"),
            (r#"{"kind":"nps","score":9,"aided":true}"#, "/aided"),
            (r#"{"kind":"csat","score":5,"unaided":true}"#, "/unaided"),
            (r#"{"kind":"brand","aided":true,"unaided":false,"score":1}"#, "/score"),
            (r#"{"kind":"brand","unaided":false}"#, "/aided"),
            (r#"{"kind":"brand","aided":true}"#, "/unaided"),
            (r#"{"kind":"brand","aided":false,"unaided":true}"#, "/aided"),
        ] {
            let Err(Rejection::Invalid { field: found, .. }) =
                Survey::default().decide(answer(json), noon(), &Context::at(noon()))
            else {
                panic!("{json} is refused");
            };
            assert_eq!(found, field, "{json}");
        }
        for json in [
            r#"{"kind":"csat","score":1}"#,
            r#"{"kind":"csat","score":5}"#,
            r#"{"kind":"nps","score":0}"#,
            r#"{"kind":"nps","score":10}"#,
            r#"{"kind":"brand","aided":true,"unaided":true}"#,
            r#"{"kind":"brand","aided":false,"unaided":false}"#,
        ] {
            assert!(Survey::default().decide(answer(json), noon(), &Context::at(noon())).is_ok(), "{json}");
        }
    }
}
