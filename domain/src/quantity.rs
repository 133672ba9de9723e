//! Quantities: decimal, of whatever is measured; never a float.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Up to 15 digits before the point and 6 after it, as text: `"12.5"`, `"-3"`. Read as `"1.50"`, it is written `"1.5"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = r"^-?[0-9]{1,15}(\.[0-9]{1,6})?$"))]
pub struct Quantity(Decimal);

/// Why a text is not a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a text with up to 15 digits before the point and 6 after it, such as \"12.5\"")]
pub struct InvalidQuantity;

impl Quantity {
    pub fn decimal(self) -> Decimal {
        self.0
    }
}

impl FromStr for Quantity {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = unsigned.split_once('.').map_or((unsigned, None), |(whole, rest)| (whole, Some(rest)));
        let digits = |text: &str, max: usize| (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole, 15) || !fraction.is_none_or(|fraction| digits(fraction, 6)) {
            return Err(InvalidQuantity);
        }
        Decimal::from_str(text).map(|decimal| Self(decimal.normalize())).map_err(|_| InvalidQuantity)
    }
}

impl TryFrom<String> for Quantity {
    type Error = InvalidQuantity;
    fn try_from(text: String) -> Result<Self, InvalidQuantity> {
        text.parse()
    }
}

impl From<Quantity> for String {
    fn from(quantity: Quantity) -> String {
        quantity.to_string()
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Result<Quantity, String> {
        crate::input::from_json::<Quantity>(json.as_bytes()).map_err(|error| error.detail)
    }

    #[test]
    fn a_quantity_reads_and_writes_as_text() {
        for text in ["0", "12.5", "-3", "100", "0.000001", "999999999999999.999999", "-999999999999999.999999"] {
            let json = format!(r#""{text}""#);
            assert_eq!(serde_json::to_string(&read(&json).unwrap()).unwrap(), json);
        }
    }

    #[test]
    fn a_quantity_is_the_same_however_many_zeros_it_came_with() {
        for (given, written) in [("1.50", "1.5"), ("3.000000", "3"), ("007", "7"), ("-0.0", "0"), ("100.0", "100")] {
            let quantity: Quantity = given.parse().unwrap();
            assert_eq!(quantity, written.parse().unwrap(), "{given}");
            assert_eq!(quantity.to_string(), written, "{given}");
        }
    }

    #[test]
    fn what_is_not_exactly_a_quantity_is_refused() {
        for text in ["", "-", "+1", "1.", ".5", "-.5", "1e3", "1.2.3", "1 000", "1000000000000000", "0.0000001"] {
            assert_eq!(read(&format!(r#""{text}""#)).unwrap_err(), InvalidQuantity.to_string(), "{text}");
        }
        assert!(read("12.5").is_err(), "a float is not exact");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in r"-?[0-9]{1,15}(\.[0-9]{1,6})?") {
            let quantity: Quantity = text.parse().expect("a quantity");
            prop_assert_eq!(quantity.to_string().parse(), Ok(quantity));
        }
    }
}
