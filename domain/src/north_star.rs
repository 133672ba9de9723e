//! Active capsule interactions per month, by versioned definitions.

use crate::interaction::{Actor, Kind};

/// Which recorded, not voided interactions are active ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    pub version: u16,
    pub kinds: &'static [Kind],
    pub actors: &'static [Actor],
    pub in_words: &'static str,
}

/// Definition 1: something was done with a capsule, by a human.
pub const DEFINITION_1: Definition = Definition {
    version: 1,
    kinds: &[Kind::Interaction, Kind::ContentAccess, Kind::Conversion],
    actors: &[Actor::Human],
    in_words: "Recorded, not voided interactions of kind interaction, content_access or conversion (not view) by a human \
               (not bot, preview or test), in the calendar month (UTC) in which they occurred.",
};

pub const DEFINITIONS: &[Definition] = &[DEFINITION_1];

impl Definition {
    pub fn version(version: u16) -> Option<&'static Self> {
        DEFINITIONS.iter().find(|definition| definition.version == version)
    }

    pub fn is_active(&self, kind: Kind, actor: Actor) -> bool {
        self.kinds.contains(&kind) && self.actors.contains(&actor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definition_1_counts_what_a_human_did_and_not_what_they_saw() {
        for kind in Kind::ALL {
            for actor in Actor::ALL {
                let expected = kind != Kind::View && actor == Actor::Human;
                assert_eq!(DEFINITION_1.is_active(kind, actor), expected, "{kind:?} by {actor:?}");
            }
        }
    }
}
