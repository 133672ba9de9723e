//! What is personal in a command: sealed with the person's own key before anything is decided, so no event holds it in clear.

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::ids::UserRef;
use crate::rejection::Rejection;

/// An object of a person's own data: as the client sent it, until the vault has sealed it.
///
/// Reads only as [`Personal::Open`], so no client can pass something off as sealed.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[schemars(with = "Map<String, Value>")]
pub enum Personal {
    Open(Map<String, Value>),
    Sealed(Sealed),
}

/// Personal data that only the person's own key opens: base64. When the person is erased, nothing opens it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Sealed(pub String);

/// Somebody whom a command is about.
#[derive(Debug)]
pub struct Person<'a> {
    pub user: &'a mut UserRef,
    pub personal: Option<&'a mut Personal>,
}

impl<'de> Deserialize<'de> for Personal {
    /// The error does not repeat what was sent: it may be what nobody else should read.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Object(fields) => Ok(Self::Open(fields)),
            _ => Err(D::Error::custom("is not an object")),
        }
    }
}

impl Personal {
    /// The same bytes for the same content, in whatever order it was written.
    pub fn canonical(fields: &Map<String, Value>) -> String {
        let mut text = String::new();
        write_object(&mut text, fields);
        text
    }

    /// What a command's event holds of it. Commands reach `decide` only through the vault, which seals what is about a user.
    pub fn sealed(personal: Option<Self>, user: Option<&UserRef>) -> Result<Option<Sealed>, Rejection> {
        match (personal, user) {
            (None, _) => Ok(None),
            (Some(_), None) => Err(Rejection::Invalid { field: "/personal", detail: "needs a user_id: whose it is" }),
            (Some(Self::Sealed(sealed)), Some(_)) => Ok(Some(sealed)),
            (Some(Self::Open(_)), Some(_)) => {
                unreachable!("the vault seals what is personal before a decision is made")
            }
        }
    }
}

fn write_object(text: &mut String, fields: &Map<String, Value>) {
    let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    text.push('{');
    for (place, (name, value)) in fields.into_iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(&Value::from(name.as_str()).to_string());
        text.push(':');
        write(text, value);
    }
    text.push('}');
}

fn write(text: &mut String, value: &Value) {
    match value {
        Value::Object(fields) => write_object(text, fields),
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write(text, item);
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn object(json: &str) -> Map<String, Value> {
        match crate::input::from_json(json.as_bytes()).expect("an object") {
            Personal::Open(fields) => fields,
            Personal::Sealed(_) => unreachable!("a client cannot send it"),
        }
    }

    #[test]
    fn the_order_of_fields_makes_no_other_content() {
        let one = object(r#"{"b": {"y": 1, "x": [1, 2]}, "a": "é\n"}"#);
        let other = object(r#"{ "a":"\u00e9\u000a", "b":{"x":[1,2],"y":1} }"#);
        assert_eq!(Personal::canonical(&one), Personal::canonical(&other));
        assert_eq!(Personal::canonical(&one), r#"{"a":"é\n","b":{"x":[1,2],"y":1}}"#);
        assert_ne!(Personal::canonical(&one), Personal::canonical(&object(r#"{"b":{"y":1,"x":[2,1]},"a":"é\n"}"#)));
    }

    #[test]
    fn what_is_no_object_is_refused_without_being_repeated() {
        for wrong in [r#""Jane Doe""#, "[\"Jane Doe\"]", "7", "true"] {
            let error = crate::input::from_json::<Personal>(wrong.as_bytes()).expect_err("no object");
            assert_eq!((error.code, error.detail.as_str()), ("invalid_field", "is not an object"), "{wrong}");
        }
    }

    #[test]
    fn personal_data_are_somebodys() {
        let personal = || Some(Personal::Open(Map::new()));
        assert_eq!(
            Personal::sealed(personal(), None),
            Err(Rejection::Invalid { field: "/personal", detail: "needs a user_id: whose it is" })
        );
        assert_eq!(Personal::sealed(None, None), Ok(None));
    }

    proptest! {
        #[test]
        fn what_is_canonical_says_the_same(text in any::<String>(), number in any::<i64>(), names in prop::collection::vec(any::<String>(), 0..5)) {
            let mut fields = Map::new();
            for name in names {
                fields.insert(name, json!({"text": text, "list": [number, null, true, {"text": text}]}));
            }
            let read: Value = serde_json::from_str(&Personal::canonical(&fields)).expect("JSON");
            prop_assert_eq!(read, Value::Object(fields));
        }
    }
}
