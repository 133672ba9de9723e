//! Money: decimal, with its currency; never a float.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rejection::Rejection;

/// An amount in a currency: `{"amount": "1234.50", "currency": "USD"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    pub amount: Amount,
    pub currency: Currency,
}

/// Two decimals, up to 999,999,999,999.99 either way, written as text: `"1234.50"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = r"^-?[0-9]{1,12}\.[0-9]{2}$"))]
pub struct Amount(Decimal);

/// Three capital letters, as in ISO 4217.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[A-Z]{3}$"))]
pub struct Currency([u8; 3]);

/// Why a text is not money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMoney {
    #[error("must be a text with two decimals, such as \"1234.50\"")]
    Amount,
    #[error("must be three capital letters, such as \"USD\"")]
    Currency,
}

impl Money {
    /// The same, if it is more than nothing; `field` is where it stands in the command.
    pub(crate) fn positive(self, field: &'static str) -> Result<Self, Rejection> {
        if self.amount.is_positive() { Ok(self) } else { Err(Rejection::Invalid { field, detail: "must be more than zero" }) }
    }
}

impl Amount {
    pub const ZERO: Self = Self(Decimal::ZERO);

    pub fn decimal(self) -> Decimal {
        self.0
    }

    pub fn is_negative(self) -> bool {
        self.0 < Decimal::ZERO
    }

    pub fn is_positive(self) -> bool {
        self.0 > Decimal::ZERO
    }
}

impl FromStr for Amount {
    type Err = InvalidMoney;

    fn from_str(text: &str) -> Result<Self, InvalidMoney> {
        let (whole, cents) = text.strip_prefix('-').unwrap_or(text).split_once('.').ok_or(InvalidMoney::Amount)?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !(1..=12).contains(&whole.len()) || cents.len() != 2 || !digits(whole) || !digits(cents) {
            return Err(InvalidMoney::Amount);
        }
        Decimal::from_str(text).map(Self).map_err(|_| InvalidMoney::Amount)
    }
}

impl TryFrom<String> for Amount {
    type Error = InvalidMoney;
    fn try_from(text: String) -> Result<Self, InvalidMoney> {
        text.parse()
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> String {
        amount.to_string()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.2}", self.0)
    }
}

impl Currency {
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("capital letters")
    }
}

impl TryFrom<String> for Currency {
    type Error = InvalidMoney;
    fn try_from(text: String) -> Result<Self, InvalidMoney> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(letters) if letters.iter().all(u8::is_ascii_uppercase) => Ok(Self(letters)),
            _ => Err(InvalidMoney::Currency),
        }
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Money, String> {
        crate::input::from_json::<Money>(json.as_bytes()).map_err(|error| format!("{} {}", error.field, error.detail))
    }

    #[test]
    fn money_reads_and_writes_as_text() {
        for text in ["0.00", "1234.50", "-7.01", "999999999999.99"] {
            let json = format!(r#"{{"amount":"{text}","currency":"USD"}}"#);
            assert_eq!(serde_json::to_string(&read(&json).unwrap()).unwrap(), json);
        }
    }

    #[test]
    fn what_is_not_exact_money_is_refused_with_its_place() {
        for amount in
            [r#""1234.5""#, r#""1234""#, "12.5", r#""1e3""#, r#""+1.00""#, r#""1000000000000.00""#, r#"".50""#, r#""-.50""#]
        {
            let json = format!(r#"{{"amount":{amount},"currency":"USD"}}"#);
            assert!(read(&json).unwrap_err().starts_with("/amount "), "{amount}");
        }
        for currency in ["usd", "US", "USDT", "U$D", "ÄÖÜ"] {
            let json = format!(r#"{{"amount":"1.00","currency":"{currency}"}}"#);
            assert!(read(&json).unwrap_err().starts_with("/currency "), "{currency}");
        }
    }
}
