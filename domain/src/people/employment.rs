//! An employment: hired once, changed in role, departed.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::rejection::Rejection;
use crate::timeline::Timeline;

/// What part of the company somebody works in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    Engineering,
    Product,
    Sales,
    Marketing,
    CustomerSuccess,
    Operations,
}

impl Function {
    pub const ALL: [Self; 6] =
        [Self::Engineering, Self::Product, Self::Sales, Self::Marketing, Self::CustomerSuccess, Self::Operations];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Engineering => "engineering",
            Self::Product => "product",
            Self::Sales => "sales",
            Self::Marketing => "marketing",
            Self::CustomerSuccess => "customer_success",
            Self::Operations => "operations",
        }
    }
}

/// How far up somebody works, from the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    IndividualContributor,
    TeamLead,
    Manager,
    Director,
    Vp,
    Executive,
}

/// Why somebody departed. A closed list: free text might tell of a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DepartureReason {
    Resigned,
    Dismissed,
    /// The contract came to its end.
    Ended,
    #[default]
    Other,
}

facts! {
    Employment "employment"
    EmploymentCommand {
        /// Somebody begins to work here. The id in the path is opaque: never a person's name.
        Hire(HirePerson) {
            function: Function,
            level: Level,
            /// How much of full time, 1 to 100; 50 is half-time.
            fte_percent: u8,
        }
        /// Their role is another from now on.
        Change(ChangeRole) {
            function: Function,
            level: Level,
            /// How much of full time, 1 to 100; 50 is half-time.
            fte_percent: u8,
        }
        /// They work here no more, from `occurred_at` on.
        Depart(DepartPerson) {
            #[serde(default)]
            reason: DepartureReason,
        }
    }
    EmploymentEvent {
        HireMade "1.0" {
            function: Function,
            level: Level,
            fte_percent: u8,
        }
        RoleChanged "1.0" {
            function: Function,
            level: Level,
            fte_percent: u8,
        }
        Departed "1.0" {
            reason: DepartureReason,
        }
    }
}

/// What its own events have made of an employment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Employment {
    #[default]
    Unknown,
    Employed(Tenure),
    Departed(Tenure),
}

/// How it began, and the roles since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tenure {
    hire: HireMade,
    roles: Timeline<Role>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Role {
    function: Function,
    level: Level,
    fte_percent: u8,
}

impl Employment {
    pub fn decide(
        &self,
        command: EmploymentCommand,
        at: DateTime<Utc>,
        _: &Context,
    ) -> Result<Vec<EmploymentEvent>, Rejection> {
        use EmploymentCommand::{Change, Depart, Hire};
        let event = match (self, command) {
            (Self::Unknown, Hire(command)) => hired(command, at)?.into(),
            (Self::Unknown, _) => return Err(Rejection::Unknown { what: "employment" }),
            (Self::Employed(tenure) | Self::Departed(tenure), Hire(command)) => {
                let at = command.occurred_at.unwrap_or(tenure.hire.occurred_at);
                let is_same = hired(command, at)? == tenure.hire;
                return match self {
                    _ if is_same => Ok(vec![]),
                    Self::Departed(_) => Err(Rejection::NotNow { detail: DEPARTED }),
                    _ => Err(Rejection::Exists { what: "employment" }),
                };
            }
            (Self::Departed(_), Change(_)) => return Err(Rejection::NotNow { detail: DEPARTED }),
            (Self::Departed(_), Depart(_)) => return Ok(vec![]),
            (Self::Employed(tenure), Change(_) | Depart(_)) if at < tenure.hire.occurred_at => {
                return Err(Rejection::Invalid { field: "/occurred_at", detail: "is before the hire" });
            }
            (Self::Employed(tenure), Change(ChangeRole { function, level, fte_percent, occurred_at })) => {
                let role = Role { function, level, fte_percent: fte(fte_percent)? };
                if !tenure.roles.is_news(occurred_at, at, &role) {
                    return Ok(vec![]);
                }
                RoleChanged { function, level, fte_percent, occurred_at: at }.into()
            }
            (Self::Employed(_), Depart(DepartPerson { reason, .. })) => Departed { reason, occurred_at: at }.into(),
        };
        Ok(vec![event])
    }

    #[must_use]
    pub fn evolve(self, event: &EmploymentEvent) -> Self {
        match (self, event) {
            (_, EmploymentEvent::HireMade(hire)) => {
                let role = Role { function: hire.function, level: hire.level, fte_percent: hire.fte_percent };
                Self::Employed(Tenure { hire: hire.clone(), roles: Timeline::from(hire.occurred_at, role) })
            }
            (Self::Employed(tenure), EmploymentEvent::RoleChanged(changed)) => {
                let role = Role { function: changed.function, level: changed.level, fte_percent: changed.fte_percent };
                Self::Employed(Tenure { roles: tenure.roles.with(changed.occurred_at, role), ..tenure })
            }
            (Self::Employed(tenure), EmploymentEvent::Departed(_)) => Self::Departed(tenure),
            (state, _) => state,
        }
    }
}

const DEPARTED: &str = "the person has departed";

fn hired(command: HirePerson, at: DateTime<Utc>) -> Result<HireMade, Rejection> {
    let HirePerson { function, level, fte_percent, .. } = command;
    Ok(HireMade { function, level, fte_percent: fte(fte_percent)?, occurred_at: at })
}

fn fte(percent: u8) -> Result<u8, Rejection> {
    match percent {
        1..=100 => Ok(percent),
        _ => Err(Rejection::Invalid { field: "/fte_percent", detail: "must be 1 to 100" }),
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{noon, parsed};

    fn given(events: Vec<EmploymentEvent>) -> AggregateTestExecutor<Employment> {
        crate::testing::given(events)
    }
    fn command(name: &str, json: &str) -> EmploymentCommand {
        parsed!(Employment, name, json)
    }
    fn hire(fte_percent: u8) -> EmploymentCommand {
        command("hire", &role("engineering", "team_lead", fte_percent))
    }
    fn change(function: &str, level: &str, fte_percent: u8) -> EmploymentCommand {
        command("change_role", &role(function, level, fte_percent))
    }
    fn role(function: &str, level: &str, fte_percent: u8) -> String {
        format!(r#"{{"function":"{function}","level":"{level}","fte_percent":{fte_percent}}}"#)
    }
    fn was_hired() -> EmploymentEvent {
        HireMade { function: Function::Engineering, level: Level::TeamLead, fte_percent: 100, occurred_at: noon() }.into()
    }
    fn was_changed(function: Function, level: Level, fte_percent: u8) -> EmploymentEvent {
        RoleChanged { function, level, fte_percent, occurred_at: noon() }.into()
    }
    fn has_departed() -> EmploymentEvent {
        Departed { reason: DepartureReason::Other, occurred_at: noon() }.into()
    }

    #[test]
    fn a_person_is_hired_once() {
        given(vec![]).when(hire(100)).then_expect_events(vec![was_hired()]);
        given(vec![was_hired()]).when(hire(100)).then_expect_events(vec![]);
        given(vec![was_hired()]).when(hire(50)).then_expect_error(Rejection::Exists { what: "employment" });
        let moved = was_changed(Function::Product, Level::TeamLead, 50);
        given(vec![was_hired(), moved]).when(hire(100)).then_expect_events(vec![]);
    }

    #[test]
    fn nothing_happens_to_a_person_who_was_not_hired() {
        for command in [change("product", "manager", 100), command("depart", "{}")] {
            given(vec![]).when(command).then_expect_error(Rejection::Unknown { what: "employment" });
        }
    }

    #[test]
    fn a_person_works_some_of_full_time_and_no_more_than_all() {
        for fte_percent in [0, 101] {
            let error = || Rejection::Invalid { field: "/fte_percent", detail: "must be 1 to 100" };
            given(vec![]).when(hire(fte_percent)).then_expect_error(error());
            given(vec![was_hired()]).when(change("engineering", "team_lead", fte_percent)).then_expect_error(error());
        }
        let barely = was_changed(Function::Engineering, Level::TeamLead, 1);
        given(vec![was_hired()]).when(change("engineering", "team_lead", 1)).then_expect_events(vec![barely]);
    }

    #[test]
    fn a_role_changes_to_another_one() {
        let moved = || was_changed(Function::Product, Level::TeamLead, 80);
        given(vec![was_hired()]).when(change("product", "team_lead", 80)).then_expect_events(vec![moved()]);
        given(vec![was_hired(), moved()]).when(change("product", "team_lead", 80)).then_expect_events(vec![]);
        given(vec![was_hired()]).when(change("engineering", "team_lead", 100)).then_expect_events(vec![]);
    }

    #[test]
    fn levels_rise_in_the_order_that_they_are_listed() {
        use Level::{Director, Executive, IndividualContributor, Manager, TeamLead, Vp};
        assert!([IndividualContributor, TeamLead, Manager, Director, Vp, Executive].is_sorted_by(|below, above| below < above));
    }

    #[test]
    fn a_person_departs_once() {
        given(vec![was_hired()]).when(command("depart", "{}")).then_expect_events(vec![has_departed()]);
        given(vec![was_hired(), has_departed()]).when(command("depart", "{}")).then_expect_events(vec![]);
        let resigned = Departed { reason: DepartureReason::Resigned, occurred_at: noon() };
        given(vec![was_hired()]).when(command("depart", r#"{"reason":"resigned"}"#)).then_expect_events(vec![resigned.into()]);
    }

    #[test]
    fn a_person_who_departed_stays_departed() {
        for command in [change("product", "manager", 100), hire(50)] {
            given(vec![was_hired(), has_departed()])
                .when(command)
                .then_expect_error(Rejection::NotNow { detail: "the person has departed" });
        }
        // The hire that is known, sent twice.
        given(vec![was_hired(), has_departed()]).when(hire(100)).then_expect_events(vec![]);
    }

    #[test]
    fn nothing_happens_before_the_hire() {
        const BEFORE: &str = r#""occurred_at":"2026-10-31T11:59:59Z""#;
        let change = format!(r#"{{"function":"product","level":"manager","fte_percent":100,{BEFORE}}}"#);
        for command in [command("change_role", &change), command("depart", &format!("{{{BEFORE}}}"))] {
            given(vec![was_hired()])
                .when(command)
                .then_expect_error(Rejection::Invalid { field: "/occurred_at", detail: "is before the hire" });
        }
    }
}
