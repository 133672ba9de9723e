//! What is recorded of forgetting: who was erased, by their pseudonym, and after how long people are.

mod retention_rule;
mod subject;

pub use retention_rule::{
    LiftRetentionRule, RetentionRule, RetentionRuleCommand, RetentionRuleEvent, RetentionRuleLifted, RetentionRuleSet,
    SetRetentionRule,
};
pub use subject::{EraseSubject, ErasureReason, Subject, SubjectCommand, SubjectErased, SubjectEvent};
