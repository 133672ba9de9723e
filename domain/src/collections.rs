//! Every kind of aggregate, each in one entry of [`collections!`]: what the API calls its collection, its commands, its
//! events. The store, the relay, the projections, the API and the published schemas all follow this list.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use schemars::Schema;
use serde_json::Value;

use crate::audit::{self, AuditCommand, AuditEntry, AuditEvent};
use crate::capsule::{self, Capsule, CapsuleCommand, CapsuleEvent};
use crate::customers::{
    self, Payment, PaymentCommand, PaymentEvent, SignUp, SignUpCommand, SignUpEvent, Subscription, SubscriptionCommand,
    SubscriptionEvent, Survey, SurveyCommand, SurveyEvent, Ticket, TicketCommand, TicketEvent,
};
use crate::engineering::{
    self, Deployment, DeploymentCommand, DeploymentEvent, Incident, IncidentCommand, IncidentEvent, Probe, ProbeCommand,
    ProbeEvent, Storage, StorageCommand, StorageEvent,
};
use crate::finance::{self, Budget, BudgetCommand, BudgetEvent, Spend, SpendCommand, SpendEvent};
use crate::governance::{
    self, GateItem, GateItemCommand, GateItemEvent, Milestone, MilestoneCommand, MilestoneEvent, Objective, ObjectiveCommand,
    ObjectiveEvent, Risk, RiskCommand, RiskEvent,
};
use crate::ids::{CapsuleId, TenantId};
use crate::interaction::{self, Interaction, InteractionCommand, InteractionEvent};
use crate::kpis::{self, Definition, DefinitionCommand, DefinitionEvent};
use crate::marketing::{self, BrandSearches, BrandSearchesCommand, BrandSearchesEvent, Lead, LeadCommand, LeadEvent};
use crate::people::{
    self, Assessment, AssessmentCommand, AssessmentEvent, Employment, EmploymentCommand, EmploymentEvent, Succession,
    SuccessionCommand, SuccessionEvent,
};
use crate::personal::Person;
use crate::plan::{self, PlanAdoption, PlanAdoptionCommand, PlanAdoptionEvent};
use crate::privacy::{self, RetentionRule, RetentionRuleCommand, RetentionRuleEvent, Subject, SubjectCommand, SubjectEvent};
use crate::product::{self, Account, AccountCommand, AccountEvent};
use crate::rejection::{InputError, Rejection};
use crate::sales::{self, Deal, DealCommand, DealEvent, Quota, QuotaCommand, QuotaEvent};
use crate::upcast::{self, UpcastError};

/// What a decision may know besides the aggregate's own state.
#[derive(Debug, Clone)]
pub struct Context {
    /// When the request arrived.
    pub now: DateTime<Utc>,
    /// The capsule that an interaction belongs to; `Capsule::Unknown` for commands that need none.
    pub capsule: Arc<Capsule>,
}

impl Context {
    /// How far ahead of the server's clock a client's may be.
    pub const AHEAD_MAX: TimeDelta = TimeDelta::hours(1);

    pub fn at(now: DateTime<Utc>) -> Self {
        Self { now, capsule: Arc::default() }
    }

    /// The business time of a command: its own, or now.
    pub fn occurred_at(&self, given: Option<DateTime<Utc>>) -> Result<DateTime<Utc>, Rejection> {
        match given {
            Some(time) if time > self.now + Self::AHEAD_MAX => Err(Rejection::TimeAhead),
            Some(time) => Ok(time),
            None => Ok(self.now),
        }
    }
}

/// The name of one aggregate's stream of events.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream {
    pub tenant: TenantId,
    pub aggregate_type: AggregateType,
    /// As clients name it, without the tenant.
    pub id: String,
}

impl Stream {
    pub fn capsule(tenant: &TenantId, id: &CapsuleId) -> Self {
        Self { tenant: tenant.clone(), aggregate_type: AggregateType::Capsule, id: id.as_str().to_owned() }
    }

    /// The id in column `aggregate_id`, unique among all tenants: `TENANT/ID`.
    pub fn aggregate_id(&self) -> String {
        format!("{}/{}", self.tenant, self.id)
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.aggregate_type.collection(), self.id)
    }
}

/// One command of a collection, as its users read about it.
#[derive(Debug, Clone)]
pub struct CommandInfo {
    pub aggregate_type: AggregateType,
    pub name: &'static str,
    pub schema: fn() -> Schema,
}

/// One published event.
#[derive(Debug, Clone)]
pub struct EventInfo {
    pub aggregate_type: AggregateType,
    pub name: &'static str,
    pub version: &'static str,
    pub schema: fn() -> Schema,
}

/// Why stored bytes are not the event that they should be.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("no event type {0} is known to this build")]
    UnknownType(String),
    #[error("the payload of {event_type} is not of its form")]
    Payload { event_type: String, source: serde_json::Error },
    #[error("the event could not be brought to the present version")]
    Upcast(#[from] UpcastError),
}

macro_rules! collections {
    ($(
        $kind:ident($collection:literal, $type:literal, $command_enum:ident, $event_enum:ident) {
            $( command $command_name:literal => $command:ident($command_data:ty); )*
            $( event $event:ident($event_data:ty) $version:literal; )*
        }
    )*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AggregateType { $($kind),* }

        /// What an aggregate's events have made of it.
        #[derive(Debug, Clone, PartialEq)]
        pub enum State { $($kind($kind)),* }

        #[derive(Debug, Clone, PartialEq)]
        pub enum Command { $($kind($command_enum)),* }

        #[derive(Debug, Clone, PartialEq)]
        pub enum Event { $($kind($event_enum)),* }

        impl AggregateType {
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// As stored in column `aggregate_type`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $type),* }
            }

            /// As in the API's paths.
            pub fn collection(self) -> &'static str {
                match self { $(Self::$kind => $collection),* }
            }

            pub fn from_stored(text: &str) -> Option<Self> {
                match text { $($type => Some(Self::$kind),)* _ => None }
            }

            pub fn from_collection(text: &str) -> Option<Self> {
                match text { $($collection => Some(Self::$kind),)* _ => None }
            }

            pub fn commands(self) -> Vec<CommandInfo> {
                match self { $(Self::$kind => vec![$(CommandInfo {
                    aggregate_type: self, name: $command_name, schema: || schemars::schema_for!($command_data),
                }),*]),* }
            }

            pub fn events(self) -> Vec<EventInfo> {
                match self { $(Self::$kind => vec![$(EventInfo {
                    aggregate_type: self, name: stringify!($event), version: $version, schema: || schemars::schema_for!($event_data),
                }),*]),* }
            }
        }

        impl Command {
            /// Reads `data` as the command of this name.
            pub fn parse(aggregate_type: AggregateType, name: &str, data: &[u8]) -> Result<Self, InputError> {
                match (aggregate_type, name) {
                    $($((AggregateType::$kind, $command_name) => {
                        let data: $command_data = crate::input::from_json(data)?;
                        Ok(Self::$kind($command_enum::$command(data.into())))
                    })*)*
                    _ => Err(InputError {
                        code: "unknown_command",
                        detail: match &aggregate_type.commands()[..] {
                            [] => format!("{} take no command: the program notes them", aggregate_type.collection()),
                            known => format!(
                                "{} know no command {name:?}; they know {}",
                                aggregate_type.collection(),
                                known.iter().map(|command| command.name).collect::<Vec<_>>().join(", "),
                            ),
                        },
                        field: String::new(),
                    }),
                }
            }

            pub fn aggregate_type(&self) -> AggregateType {
                match self { $(Self::$kind(_) => AggregateType::$kind),* }
            }
        }

        impl State {
            /// Of an aggregate without events.
            pub fn initial(aggregate_type: AggregateType) -> Self {
                match aggregate_type { $(AggregateType::$kind => Self::$kind(<$kind>::default())),* }
            }

            /// What follows from a command. A pure function: the same state, command and context give the same events.
            pub fn decide(&self, command: Command, context: &Context) -> Result<Vec<Event>, Rejection> {
                match (self, command) {
                    $((Self::$kind(state), Command::$kind(command)) => {
                        let at = context.occurred_at(command.occurred_at())?;
                        Ok(state.decide(command, at, context)?.into_iter().map(Event::$kind).collect())
                    })*
                    #[allow(unreachable_patterns)]
                    (state, command) => unreachable!("a command of {:?} for {state:?}", command.aggregate_type()),
                }
            }

            /// The state after one more event; an event of another kind of aggregate changes nothing.
            #[must_use]
            pub fn evolve(self, event: &Event) -> Self {
                match (self, event) {
                    $((Self::$kind(state), Event::$kind(event)) => Self::$kind(state.evolve(event)),)*
                    #[allow(unreachable_patterns)]
                    (state, _) => state,
                }
            }
        }

        impl Event {
            pub fn aggregate_type(&self) -> AggregateType {
                match self { $(Self::$kind(_) => AggregateType::$kind),* }
            }

            pub fn name(&self) -> &'static str {
                match self { $(Self::$kind(event) => event.name()),* }
            }

            pub fn version(&self) -> &'static str {
                match self { $(Self::$kind(event) => event.version()),* }
            }

            pub fn occurred_at(&self) -> DateTime<Utc> {
                match self { $(Self::$kind(event) => event.occurred_at()),* }
            }

            /// The payload as it is stored and published.
            pub fn payload(&self) -> String {
                match self { $(Self::$kind(event) => serde_json::to_string(event)),* }
                    .expect("an event holds only strings, numbers and maps with string keys")
            }

            /// What its payload says, by field; `type` left out.
            pub fn fields(&self) -> serde_json::Map<String, Value> {
                let value = match self { $(Self::$kind(event) => serde_json::to_value(event)),* };
                match value.expect("an event holds only strings, numbers and maps with string keys") {
                    Value::Object(mut fields) => {
                        fields.remove("type");
                        fields
                    }
                    other => unreachable!("an event is an object, not {other}"),
                }
            }

            /// Reads a stored payload of any version ever published.
            pub fn decode(event_type: &str, version: &str, payload: &[u8]) -> Result<Self, DecodeError> {
                match event_type {
                    $($(stringify!($event) => {
                        let data: Result<$event_data, _> = if version == $version || upcast::reads_as(event_type, version, $version) {
                            serde_json::from_slice(payload)
                        } else {
                            let value: Value = serde_json::from_slice(payload).map_err(|source| DecodeError::Payload {
                                event_type: event_type.to_owned(), source,
                            })?;
                            serde_json::from_value(upcast::to_version(event_type, version, $version, value)?)
                        };
                        data.map(|data| Self::$kind($event_enum::$event(data.into())))
                            .map_err(|source| DecodeError::Payload { event_type: event_type.to_owned(), source })
                    })*)*
                    _ => Err(DecodeError::UnknownType(event_type.to_owned())),
                }
            }
        }
    };
}

collections! {
    Capsule("capsules", "capsule", CapsuleCommand, CapsuleEvent) {
        command "create" => Create(capsule::CreateCapsule);
        command "rename" => Rename(capsule::RenameCapsule);
        command "publish" => Publish(capsule::PublishCapsule);
        command "archive" => Archive(capsule::ArchiveCapsule);
        event CapsuleCreated(capsule::CapsuleCreated) "1.0";
        event CapsuleRenamed(capsule::CapsuleRenamed) "1.0";
        event CapsulePublished(capsule::CapsulePublished) "1.0";
        event CapsuleArchived(capsule::CapsuleArchived) "1.0";
    }
    Interaction("interactions", "interaction", InteractionCommand, InteractionEvent) {
        command "record" => Record(interaction::RecordInteraction);
        command "void" => Void(interaction::VoidInteraction);
        event InteractionRecorded(interaction::InteractionRecorded) "1.1";
        event InteractionVoided(interaction::InteractionVoided) "1.0";
    }
    Deal("deals", "deal", DealCommand, DealEvent) {
        command "open" => Open(sales::OpenDeal);
        command "qualify" => Qualify(sales::QualifyDeal);
        command "advance" => Advance(sales::AdvanceDeal);
        command "forecast" => Forecast(sales::ForecastDeal);
        command "win" => Win(sales::WinDeal);
        command "lose" => Lose(sales::LoseDeal);
        event DealOpened(sales::DealOpened) "1.0";
        event DealQualified(sales::DealQualified) "1.0";
        event DealAdvanced(sales::DealAdvanced) "1.0";
        event DealForecast(sales::DealForecast) "1.0";
        event DealWon(sales::DealWon) "1.0";
        event DealLost(sales::DealLost) "1.0";
    }
    Quota("quotas", "quota", QuotaCommand, QuotaEvent) {
        command "set" => Set(sales::SetQuota);
        event QuotaSet(sales::QuotaSet) "1.0";
    }
    Deployment("deployments", "deployment", DeploymentCommand, DeploymentEvent) {
        command "finish" => Finish(engineering::FinishDeployment);
        command "roll_back" => RollBack(engineering::RollBackDeployment);
        event DeploymentFinished(engineering::DeploymentFinished) "1.0";
        event DeploymentRolledBack(engineering::DeploymentRolledBack) "1.0";
    }
    Incident("incidents", "incident", IncidentCommand, IncidentEvent) {
        command "open" => Open(engineering::OpenIncident);
        command "attribute" => Attribute(engineering::AttributeIncident);
        command "resolve" => Resolve(engineering::ResolveIncident);
        event IncidentOpened(engineering::IncidentOpened) "1.0";
        event IncidentAttributed(engineering::IncidentAttributed) "1.0";
        event IncidentResolved(engineering::IncidentResolved) "1.0";
    }
    Lead("leads", "lead", LeadCommand, LeadEvent) {
        command "capture" => Capture(marketing::CaptureLead);
        command "touch" => Touch(marketing::TouchLead);
        command "score" => Score(marketing::ScoreLead);
        command "qualify" => Qualify(marketing::QualifyLead);
        command "disqualify" => Disqualify(marketing::DisqualifyLead);
        event LeadCaptured(marketing::LeadCaptured) "1.1";
        event LeadTouched(marketing::LeadTouched) "1.0";
        event LeadScored(marketing::LeadScored) "1.0";
        event LeadQualified(marketing::LeadQualified) "1.0";
        event LeadDisqualified(marketing::LeadDisqualified) "1.0";
    }
    BrandSearches("brand_searches", "brand_searches", BrandSearchesCommand, BrandSearchesEvent) {
        command "measure" => Measure(marketing::MeasureBrandSearches);
        event BrandSearchesMeasured(marketing::BrandSearchesMeasured) "1.0";
    }
    Spend("spend", "spend", SpendCommand, SpendEvent) {
        command "record" => Record(finance::RecordSpend);
        event SpendRecorded(finance::SpendRecorded) "1.0";
    }
    Budget("budgets", "budget", BudgetCommand, BudgetEvent) {
        command "set" => Set(finance::SetBudget);
        event BudgetSet(finance::BudgetSet) "1.0";
    }
    Subscription("subscriptions", "subscription", SubscriptionCommand, SubscriptionEvent) {
        command "start" => Start(customers::StartSubscription);
        command "change" => Change(customers::ChangeSubscription);
        command "end" => End(customers::EndSubscription);
        event SubscriptionStarted(customers::SubscriptionStarted) "1.0";
        event SubscriptionChanged(customers::SubscriptionChanged) "1.0";
        event SubscriptionEnded(customers::SubscriptionEnded) "1.0";
    }
    Payment("payments", "payment", PaymentCommand, PaymentEvent) {
        command "fail" => Fail(customers::FailPayment);
        command "recover" => Recover(customers::RecoverPayment);
        event PaymentFailed(customers::PaymentFailed) "1.0";
        event PaymentRecovered(customers::PaymentRecovered) "1.0";
    }
    SignUp("sign_ups", "sign_up", SignUpCommand, SignUpEvent) {
        command "record" => Record(customers::RecordSignUp);
        event UserSignedUp(customers::UserSignedUp) "1.1";
    }
    Account("accounts", "account", AccountCommand, AccountEvent) {
        command "enable_feature" => EnableFeature(product::EnableFeature);
        command "disable_feature" => DisableFeature(product::DisableFeature);
        event FeatureEnabled(product::FeatureEnabled) "1.0";
        event FeatureDisabled(product::FeatureDisabled) "1.0";
    }
    Survey("surveys", "survey", SurveyCommand, SurveyEvent) {
        command "send" => Send(customers::SendSurvey);
        command "answer" => Answer(customers::AnswerSurvey);
        event SurveySent(customers::SurveySent) "1.0";
        event SurveyAnswered(customers::SurveyAnswered) "1.1";
    }
    Probe("probes", "probe", ProbeCommand, ProbeEvent) {
        command "record" => Record(engineering::RecordProbe);
        event ProbeRecorded(engineering::ProbeRecorded) "1.0";
    }
    Storage("storage", "storage", StorageCommand, StorageEvent) {
        command "measure" => Measure(engineering::MeasureStorage);
        event StorageMeasured(engineering::StorageMeasured) "1.0";
    }
    Milestone("milestones", "milestone", MilestoneCommand, MilestoneEvent) {
        command "reach" => Reach(governance::ReachMilestone);
        command "reopen" => Reopen(governance::ReopenMilestone);
        event MilestoneReached(governance::MilestoneReached) "1.0";
        event MilestoneReopened(governance::MilestoneReopened) "1.0";
    }
    Definition("definitions", "definition", DefinitionCommand, DefinitionEvent) {
        command "adopt" => Adopt(kpis::AdoptDefinition);
        event DefinitionAdopted(kpis::DefinitionAdopted) "1.0";
    }
    PlanAdoption("plans", "plan", PlanAdoptionCommand, PlanAdoptionEvent) {
        command "adopt" => Adopt(plan::AdoptPlan);
        event PlanAdopted(plan::PlanAdopted) "1.0";
    }
    Ticket("tickets", "ticket", TicketCommand, TicketEvent) {
        command "open" => Open(customers::OpenTicket);
        command "close" => Close(customers::CloseTicket);
        event TicketOpened(customers::TicketOpened) "1.0";
        event TicketClosed(customers::TicketClosed) "1.0";
    }
    Employment("people", "employment", EmploymentCommand, EmploymentEvent) {
        command "hire" => Hire(people::HirePerson);
        command "change_role" => Change(people::ChangeRole);
        command "depart" => Depart(people::DepartPerson);
        event HireMade(people::HireMade) "1.0";
        event RoleChanged(people::RoleChanged) "1.0";
        event Departed(people::Departed) "1.0";
    }
    Succession("successions", "succession", SuccessionCommand, SuccessionEvent) {
        command "name" => Name(people::NameSuccessor);
        command "withdraw" => Withdraw(people::WithdrawSuccessor);
        event SuccessorNamed(people::SuccessorNamed) "1.0";
        event SuccessorWithdrawn(people::SuccessorWithdrawn) "1.0";
    }
    Assessment("assessments", "assessment", AssessmentCommand, AssessmentEvent) {
        command "record" => Record(people::RecordAssessment);
        event ProcessAssessed(people::ProcessAssessed) "1.0";
    }
    GateItem("gate_items", "gate_item", GateItemCommand, GateItemEvent) {
        command "meet" => Meet(governance::MeetGateItem);
        command "reopen" => Reopen(governance::ReopenGateItem);
        event GateItemMet(governance::GateItemMet) "1.0";
        event GateItemReopened(governance::GateItemReopened) "1.0";
    }
    Risk("risks", "risk", RiskCommand, RiskEvent) {
        command "raise" => Raise(governance::RaiseRisk);
        command "reassess" => Reassess(governance::ReassessRisk);
        command "mitigate" => Mitigate(governance::MitigateRisk);
        command "close" => Close(governance::CloseRisk);
        event RiskRaised(governance::RiskRaised) "1.0";
        event RiskReassessed(governance::RiskReassessed) "1.0";
        event RiskMitigated(governance::RiskMitigated) "1.0";
        event RiskClosed(governance::RiskClosed) "1.0";
    }
    Objective("objectives", "objective", ObjectiveCommand, ObjectiveEvent) {
        command "set" => Set(governance::SetObjective);
        command "measure" => Measure(governance::MeasureKeyResult);
        event ObjectiveSet(governance::ObjectiveSet) "1.1";
        event KeyResultMeasured(governance::KeyResultMeasured) "1.0";
    }
    Subject("subjects", "subject", SubjectCommand, SubjectEvent) {
        event SubjectErased(privacy::SubjectErased) "1.0";
    }
    RetentionRule("retention_rules", "retention_rule", RetentionRuleCommand, RetentionRuleEvent) {
        command "set" => Set(privacy::SetRetentionRule);
        command "lift" => Lift(privacy::LiftRetentionRule);
        event RetentionRuleSet(privacy::RetentionRuleSet) "1.0";
        event RetentionRuleLifted(privacy::RetentionRuleLifted) "1.0";
    }
    // Without a command that clients could send: the program notes what it sees.
    AuditEntry("audit_entries", "audit_entry", AuditCommand, AuditEvent) {
        event KeyCreated(audit::KeyCreated) "1.0";
        event KeyRevoked(audit::KeyRevoked) "1.0";
        event KeyUsed(audit::KeyUsed) "1.0";
        event AccessDenied(audit::AccessDenied) "1.0";
        event PersonalDataRead(audit::PersonalDataRead) "1.0";
        event DataExported(audit::DataExported) "1.0";
        event GenerationCutOver(audit::GenerationCutOver) "1.0";
        event EventSkipped(audit::EventSkipped) "1.0";
        event SigningKeyRotated(audit::SigningKeyRotated) "1.0";
        event TenantRegionSet(audit::TenantRegionSet) "1.0";
    }
}

impl AggregateType {
    /// Whether its commands are for admins alone: they decide what becomes of others' data.
    pub fn is_for_admins(self) -> bool {
        matches!(self, Self::RetentionRule)
    }
}

impl Command {
    /// The capsule whose state this decision needs, and which must not have moved when the events are appended.
    pub fn capsule(&self) -> Option<&CapsuleId> {
        match self {
            Self::Interaction(InteractionCommand::Record(record)) => Some(&record.capsule_id),
            _ => None,
        }
    }

    /// Whom it is about, for the vault to replace their id and to seal what is personal.
    pub fn person(&mut self) -> Option<Person<'_>> {
        let (user, personal) = match self {
            Self::Interaction(InteractionCommand::Record(record)) => (record.user_id.as_mut(), record.personal.as_mut()),
            Self::SignUp(SignUpCommand::Record(record)) => (Some(&mut record.user_id), record.personal.as_mut()),
            Self::Lead(LeadCommand::Capture(capture)) => (capture.user_id.as_mut(), capture.personal.as_mut()),
            Self::Survey(SurveyCommand::Answer(answer)) => (answer.user_id.as_mut(), answer.personal.as_mut()),
            _ => (None, None),
        };
        user.map(|user| Person { user, personal })
    }
}

impl State {
    /// What the stream's events are spread over partitions by: the capsule for capsules and interactions, else the id.
    pub fn partition_key<'a>(&'a self, command: &'a Command, id: &'a str) -> &'a str {
        match self {
            Self::Interaction(state) => state.capsule_id().or(command.capsule()).map_or(id, CapsuleId::as_str),
            _ => id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_and_the_events_agree_on_names_and_versions() {
        for aggregate_type in AggregateType::ALL {
            assert_eq!(AggregateType::from_stored(aggregate_type.as_str()), Some(*aggregate_type));
            assert_eq!(AggregateType::from_collection(aggregate_type.collection()), Some(*aggregate_type));
        }
        let event =
            Event::decode("CapsulePublished", "1.0", br#"{"type":"CapsulePublished","occurred_at":"2026-10-31T12:00:00Z"}"#)
                .expect("an event");
        assert_eq!((event.name(), event.version()), ("CapsulePublished", "1.0"));
        assert_eq!(event.payload(), r#"{"type":"CapsulePublished","occurred_at":"2026-10-31T12:00:00Z"}"#);
    }

    #[test]
    fn an_event_of_another_build_is_an_error_not_a_guess() {
        assert!(matches!(Event::decode("MoonLanded", "1.0", b"{}"), Err(DecodeError::UnknownType(_))));
        assert!(matches!(Event::decode("CapsulePublished", "9.0", b"{}"), Err(DecodeError::Upcast(_))));
        assert!(matches!(Event::decode("CapsulePublished", "1.0", b"{}"), Err(DecodeError::Payload { .. })));
    }

    #[test]
    fn an_unknown_command_is_told_the_known_ones() {
        let error = Command::parse(AggregateType::Capsule, "explode", b"{}").expect_err("no such command");
        assert_eq!(error.code, "unknown_command");
        assert!(error.detail.contains("create, rename, publish, archive"), "{}", error.detail);
    }
}
