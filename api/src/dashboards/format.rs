//! Numbers and periods as people read them, by their browser's language.

use axum::http::{HeaderMap, header};
use chrono::{Datelike, NaiveDate};
use domain::Grain;
use domain::kpis::Unit;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Locale {
    point: char,
    /// Between thousands.
    group: &'static str,
}

const ENGLISH: Locale = Locale { point: '.', group: "," };
const GERMAN: Locale = Locale { point: ',', group: "." };
const FRENCH: Locale = Locale { point: ',', group: "\u{202f}" };
const SWISS: Locale = Locale { point: '.', group: "’" };

/// Thin and not breaking: a number stays with its unit.
const NARROW: char = '\u{202f}';
pub(super) const MINUS: char = '−';

impl Locale {
    /// The first language of `Accept-Language` whose numbers are known; else English.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let languages =
            accepted.split(',').map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        languages
            .filter_map(|language| match language.as_str() {
                "de-ch" | "fr-ch" | "it-ch" => Some(SWISS),
                _ => match language.split('-').next().unwrap_or_default() {
                    "en" => Some(ENGLISH),
                    "de" | "es" | "it" | "nl" | "pt" | "da" | "id" | "tr" => Some(GERMAN),
                    "fr" | "cs" | "fi" | "nb" | "no" | "pl" | "ru" | "sv" | "uk" => Some(FRENCH),
                    _ => None,
                },
            })
            .next()
            .unwrap_or(ENGLISH)
    }

    /// With so many digits after the point.
    pub(super) fn number(self, number: Decimal, places: u32) -> String {
        let rounded = number.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero);
        let text = format!("{:.1$}", rounded.abs(), places as usize);
        let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
        let mut written = String::new();
        if rounded.is_sign_negative() && !rounded.is_zero() {
            written.push(MINUS);
        }
        for (place, digit) in whole.chars().enumerate() {
            if place > 0 && (whole.len() - place).is_multiple_of(3) {
                written.push_str(self.group);
            }
            written.push(digit);
        }
        if !part.is_empty() {
            written.push(self.point);
            written.push_str(part);
        }
        written
    }

    pub(super) fn count(self, count: i64) -> String {
        self.number(count.into(), 0)
    }

    /// As many digits as say something: 1,234 or 12.3 or 0.45.
    fn short(self, number: Decimal) -> String {
        let places = match number.abs().to_f64().unwrap_or(f64::MAX) {
            size if size >= 100.0 || number.is_integer() => 0,
            size if size >= 10.0 => 1,
            _ => 2,
        };
        self.number(number, places)
    }

    /// A value in its unit.
    pub(super) fn value(self, unit: Unit, currency: &str, value: Decimal) -> String {
        match unit {
            Unit::Count => self.short(value),
            Unit::Ratio => {
                let percent = value * Decimal::ONE_HUNDRED;
                let places = if percent.abs() >= Decimal::ONE_HUNDRED || percent.is_integer() { 0 } else { 1 };
                // What is nearly all is not all: 99.96 % must not read 100 %.
                let places = if percent > 99.into() && percent < Decimal::ONE_HUNDRED { 2 } else { places };
                format!("{}{NARROW}%", self.number(percent, places))
            }
            Unit::Days => plural(self.short(value), value, "day"),
            Unit::Hours => plural(self.short(value), value, "hour"),
            Unit::Months => plural(self.short(value), value, "month"),
            Unit::Money => self.money(currency, value),
            Unit::Score => self.number(value, 0),
            Unit::Points => format!("{}{}", if value.is_sign_negative() { "" } else { "+" }, self.number(value, 0)),
            Unit::Fte => format!("{}{NARROW}FTE", self.short(value)),
            Unit::Level => format!("level{NARROW}{}", self.short(value)),
            Unit::Times => format!("{}×", self.short(value)),
        }
    }

    fn money(self, currency: &str, value: Decimal) -> String {
        let sign = if value.is_sign_negative() { MINUS.to_string() } else { String::new() };
        let places = if value.abs() < Decimal::ONE_HUNDRED && !value.is_integer() { 2 } else { 0 };
        let number = self.number(value.abs(), places);
        match currency {
            "USD" => format!("{sign}${number}"),
            "EUR" => format!("{sign}€{number}"),
            "GBP" => format!("{sign}£{number}"),
            other => format!("{sign}{other}{NARROW}{number}"),
        }
    }

    /// How far one value is from another, with its sign.
    pub(super) fn difference(self, unit: Unit, currency: &str, difference: Decimal) -> String {
        let size = match unit {
            Unit::Ratio => format!("{}{NARROW}points", self.number((difference * Decimal::ONE_HUNDRED).abs(), 1)),
            Unit::Points => self.number(difference.abs(), 0),
            Unit::Level => self.short(difference.abs()),
            unit => self.value(unit, currency, difference.abs()),
        };
        let sign = match difference.is_sign_negative() {
            // Too small to be seen in these digits.
            _ if !size.contains(|digit: char| ('1'..='9').contains(&digit)) => "±",
            true => "−",
            false => "+",
        };
        format!("{sign}{size}")
    }
}

fn plural(number: String, value: Decimal, unit: &str) -> String {
    let s = if value == Decimal::ONE { "" } else { "s" };
    format!("{number}{NARROW}{unit}{s}")
}

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// `October 2026`, `Q4 2026`, `week 44, 2026`, `31 October 2026`.
pub(super) fn period(grain: Grain, start: NaiveDate) -> String {
    let month = MONTHS[start.month0() as usize];
    match grain {
        Grain::Day => format!("{} {month} {}", start.day(), start.year()),
        Grain::Week => format!("week {}, {}", start.iso_week().week(), start.iso_week().year()),
        Grain::Month => format!("{month} {}", start.year()),
        Grain::Quarter => format!("Q{} {}", start.month0() / 3 + 1, start.year()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(unit: Unit, text: &str) -> String {
        ENGLISH.value(unit, "USD", text.parse().expect("a decimal")).replace(NARROW, " ")
    }

    #[test]
    fn a_value_is_written_in_its_unit() {
        assert_eq!(value(Unit::Count, "1234567"), "1,234,567");
        assert_eq!(value(Unit::Ratio, "0.256"), "25.6 %");
        assert_eq!(value(Unit::Ratio, "0.9996"), "99.96 %");
        assert_eq!(value(Unit::Ratio, "1"), "100 %");
        assert_eq!(value(Unit::Ratio, "1.304"), "130 %");
        assert_eq!(value(Unit::Days, "1"), "1 day");
        assert_eq!(value(Unit::Hours, "3.456"), "3.46 hours");
        assert_eq!(value(Unit::Money, "-12345.67"), "−$12,346");
        assert_eq!(value(Unit::Money, "1.5"), "$1.50");
        assert_eq!(value(Unit::Points, "34"), "+34");
        assert_eq!(value(Unit::Points, "-4"), "−4");
        assert_eq!(value(Unit::Times, "3.21"), "3.21×");
        assert_eq!(ENGLISH.value(Unit::Money, "CHF", 5.into()).replace(NARROW, " "), "CHF 5");
    }

    #[test]
    fn a_difference_has_its_sign() {
        let difference =
            |unit, text: &str| ENGLISH.difference(unit, "USD", text.parse().expect("a decimal")).replace(NARROW, " ");
        assert_eq!(difference(Unit::Ratio, "-0.05"), "−5.0 points");
        assert_eq!(difference(Unit::Money, "120"), "+$120");
        assert_eq!(difference(Unit::Count, "0"), "±0");
        assert_eq!(difference(Unit::Score, "-0.2"), "±0");
    }

    #[test]
    fn numbers_are_written_by_language() {
        let locale = |accepted: &'static str| {
            Locale::of(&HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, accepted.parse().expect("a header"))]))
        };
        let number: Decimal = "-1234.5".parse().expect("a decimal");
        assert_eq!(locale("de-AT,en;q=0.5").number(number, 1), "−1.234,5");
        assert_eq!(locale("xx, en").number(number, 1), "−1,234.5");
        assert_eq!(locale("fr").number(number, 1), "−1\u{202f}234,5");
        assert_eq!(Locale::of(&HeaderMap::new()), ENGLISH);
    }

    #[test]
    fn periods_have_names() {
        let day = |text: &str| text.parse().expect("a day");
        assert_eq!(period(Grain::Month, day("2026-10-01")), "October 2026");
        assert_eq!(period(Grain::Quarter, day("2026-10-01")), "Q4 2026");
        assert_eq!(period(Grain::Week, day("2026-12-28")), "week 53, 2026");
        assert_eq!(period(Grain::Day, day("2026-10-31")), "31 October 2026");
    }
}
