//! Numbers as people read them, by their browser's language.

use axum::http::{HeaderMap, header};
use domain::kpis::{Kpi, Unit};
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
const MINUS: char = '−';

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

    /// Without its unit, which its column names.
    pub(super) fn difference(self, difference: Decimal, places: u32) -> String {
        signed(difference, &self.number(difference.abs(), places))
    }

    pub(super) fn count(self, count: i64) -> String {
        self.number(count.into(), 0)
    }

    /// A value in its unit.
    pub(super) fn value(self, unit: Unit, currency: &str, value: Decimal) -> String {
        self.together(unit, currency, [value]).value(value)
    }

    /// How values of one unit that stand together are written.
    pub(super) fn together(self, unit: Unit, currency: &str, values: impl IntoIterator<Item = Decimal>) -> Together<'_> {
        Together { locale: self, unit, currency, places: places(unit, values), is_signed: false }
    }

    /// How figures of a KPI that stand together are written.
    pub(super) fn figures<'a>(self, kpi: &Kpi, currency: &'a str, values: impl IntoIterator<Item = Decimal>) -> Together<'a> {
        Together { is_signed: kpi.is_difference(), ..self.together(kpi.unit, currency, values) }
    }

    /// How far a figure is from another one is written in its own digits, if it needs any.
    pub(super) fn against<'a>(self, kpi: &Kpi, currency: &'a str, value: Decimal, other: Decimal) -> Together<'a> {
        let own = self.figures(kpi, currency, [value]);
        if own.is_whole(value) { self.figures(kpi, currency, [value, other]) } else { own }
    }

    /// The values of an axis, with as many digits as tell them apart.
    pub(super) fn axis(self, unit: Unit, currency: &str) -> impl Fn(&[f64]) -> Vec<String> {
        move |values| {
            let values: Vec<Decimal> =
                values.iter().map(|value| Decimal::try_from(*value).unwrap_or_default().round_dp(4)).collect();
            let places = values.iter().map(|value| shown(unit, *value).normalize().scale()).max().unwrap_or(0);
            let written = Together { places, ..self.together(unit, currency, []) };
            values.iter().map(|value| written.value(*value)).collect()
        }
    }

    /// Money to the last digit.
    pub(super) fn cents(self, currency: &str, value: Decimal) -> String {
        Together { places: 2, ..self.together(Unit::Money, currency, []) }.value(value)
    }

    /// By how much something grows, of a factor: 1.05 is +5.0 %.
    pub(super) fn growth(self, factor: f64) -> String {
        let percent = Decimal::try_from((factor - 1.0) * 100.0).unwrap_or_default();
        let sign = if percent.is_sign_negative() { "" } else { "+" };
        format!("{sign}{}{NARROW}%", self.number(percent, 1))
    }

    /// What is hardly anything is not nothing: 0.03 % must not read 0.0 %.
    pub(super) fn share(self, share: Decimal) -> String {
        if share > Decimal::ZERO && share < Decimal::new(1, 3) {
            return format!("<\u{a0}{}{NARROW}%", self.number(Decimal::new(1, 1), 1));
        }
        self.value(Unit::Ratio, "", share)
    }

    /// How a script writes values of a unit: times what, with what before and after, and with which point between which groups.
    pub(super) fn pattern(self, unit: Unit, currency: &str) -> Pattern {
        let one = self.together(unit, currency, []);
        let number = |value: Decimal| one.value(value);
        let written = number(2.into());
        let digit = if unit == Unit::Ratio { "200" } else { "2" };
        let (before, after) = written.split_once(digit).unwrap_or_default();
        let before = before.trim_start_matches('+').to_owned();
        let factor = if unit == Unit::Ratio { 100 } else { 1 };
        Pattern { factor, before, after: after.to_owned(), point: self.point, group: self.group }
    }
}

/// How a script writes values.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) factor: u8,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) point: char,
    pub(super) group: &'static str,
}

/// Values of one unit that stand together: all have as many digits after the point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Together<'a> {
    locale: Locale,
    unit: Unit,
    currency: &'a str,
    places: u32,
    /// A plus stands before what is above zero.
    is_signed: bool,
}

impl Together<'_> {
    fn is_whole(self, value: Decimal) -> bool {
        shown(self.unit, value).is_integer()
    }

    pub(super) fn value(self, value: Decimal) -> String {
        let sign = if self.is_signed && value > Decimal::ZERO { "+" } else { "" };
        format!("{sign}{}", self.written(value))
    }

    fn written(self, value: Decimal) -> String {
        let Self { locale, unit, places, .. } = self;
        let number = |value: Decimal| locale.number(value, places);
        let counted = |word: &str| {
            let s = if value == Decimal::ONE && places == 0 { "" } else { "s" };
            format!("{}{NARROW}{word}{s}", number(value))
        };
        match unit {
            Unit::Count | Unit::Score => number(value),
            Unit::Ratio => format!("{}{NARROW}%", number(value * Decimal::ONE_HUNDRED)),
            Unit::Days => counted("day"),
            Unit::Hours => counted("hour"),
            Unit::Months => counted("month"),
            Unit::Money => self.money(value),
            Unit::Points => format!("{}{}", if value.is_sign_negative() { "" } else { "+" }, number(value)),
            Unit::Fte => format!("{}{NARROW}FTE", number(value)),
            Unit::Level => format!("{}{NARROW}of{NARROW}3", number(value)),
            Unit::Times => format!("{}×", number(value)),
        }
    }

    fn money(self, value: Decimal) -> String {
        let sign = if value.is_sign_negative() { MINUS.to_string() } else { String::new() };
        let number = self.locale.number(value.abs(), self.places);
        match self.currency {
            "USD" => format!("{sign}${number}"),
            "EUR" => format!("{sign}€{number}"),
            "GBP" => format!("{sign}£{number}"),
            other => format!("{sign}{other}{NARROW}{number}"),
        }
    }

    /// How far one value is from another, with its sign.
    pub(super) fn difference(self, difference: Decimal) -> String {
        let number = |size: Decimal| self.locale.number(size, self.places);
        let size = match self.unit {
            Unit::Ratio => format!("{}{NARROW}points", number((difference * Decimal::ONE_HUNDRED).abs())),
            Unit::Points | Unit::Level => number(difference.abs()),
            _ => self.written(difference.abs()),
        };
        signed(difference, &size)
    }
}

/// How large a difference is, with its sign.
fn signed(difference: Decimal, size: &str) -> String {
    let sign = match difference.is_sign_negative() {
        // Too small to be seen in these digits.
        _ if !size.contains(|digit: char| ('1'..='9').contains(&digit)) => "±",
        true => "−",
        false => "+",
    };
    format!("{sign}{size}")
}

/// The number that is written: a share in percent.
fn shown(unit: Unit, value: Decimal) -> Decimal {
    if unit == Unit::Ratio { value * Decimal::ONE_HUNDRED } else { value }
}

/// As many digits after the point as say something of the values: 1,234 or 12.3 or 0.45.
fn places(unit: Unit, values: impl IntoIterator<Item = Decimal>) -> u32 {
    let values: Vec<Decimal> = values.into_iter().map(|value| shown(unit, value).abs()).collect();
    let size = |value: &Decimal| match *value {
        size if size >= Decimal::ONE_HUNDRED => 0,
        size if size >= Decimal::TEN => 1,
        _ => 2,
    };
    match unit {
        Unit::Score | Unit::Points => 0,
        _ if values.iter().all(Decimal::is_integer) => 0,
        // A few cents do not count beside thousands.
        Unit::Money => values.iter().max().map_or(0, |most| if *most < Decimal::ONE_HUNDRED { 2 } else { 0 }),
        // What is nearly all is not all: 99.96 % must not read 100 %.
        Unit::Ratio if values.iter().any(|percent| *percent > 99.into() && *percent < Decimal::ONE_HUNDRED) => 2,
        Unit::Ratio => u32::from(values.iter().any(|percent| *percent < Decimal::ONE_HUNDRED)),
        // Off target by a tenth must not read as on it.
        Unit::Fte => {
            if values.iter().all(|size| (size * Decimal::TEN).is_integer()) {
                1
            } else {
                2
            }
        }
        _ => values.iter().map(size).max().unwrap_or(0),
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
        assert_eq!(value(Unit::Level, "1.75"), "1.75 of 3");
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
        let difference = |unit, one: &str, other: &str| {
            let [one, other] = [one, other].map(|text| text.parse::<Decimal>().expect("a decimal"));
            ENGLISH.together(unit, "USD", [one, other]).difference(one - other).replace(NARROW, " ")
        };
        assert_eq!(difference(Unit::Ratio, "0.201", "0.251"), "−5.0 points");
        assert_eq!(difference(Unit::Ratio, "0.9973", "0.999"), "−0.17 points");
        assert_eq!(difference(Unit::Money, "667.2", "754.97"), "−$88");
        assert_eq!(difference(Unit::Money, "120", "0"), "+$120");
        assert_eq!(difference(Unit::Count, "1", "1"), "±0");
        assert_eq!(difference(Unit::Score, "0.6", "0.8"), "±0");
    }

    #[test]
    fn values_that_stand_together_have_as_many_digits() {
        let together = |unit, texts: [&str; 2]| {
            let values = texts.map(|text| text.parse::<Decimal>().expect("a decimal"));
            let written = ENGLISH.together(unit, "USD", values);
            values.map(|value| written.value(value).replace(NARROW, " "))
        };
        assert_eq!(together(Unit::Ratio, ["0.2", "0.268"]), ["20.0 %", "26.8 %"]);
        assert_eq!(together(Unit::Days, ["1", "0.953"]), ["1.00 days", "0.95 days"]);
        assert_eq!(together(Unit::Days, ["1", "2"]), ["1 day", "2 days"]);
        assert_eq!(together(Unit::Fte, ["33", "1.39"]), ["33.00 FTE", "1.39 FTE"]);
    }

    #[test]
    fn the_values_of_an_axis_have_as_many_digits_as_tell_them_apart() {
        let axis = |unit, values: &[f64]| ENGLISH.axis(unit, "USD")(values).join(" ").replace(NARROW, "");
        assert_eq!(axis(Unit::Count, &[0.0, 2.5, 5.0]), "0.0 2.5 5.0");
        assert_eq!(axis(Unit::Count, &[0.0, 2_000.0]), "0 2,000");
        assert_eq!(axis(Unit::Ratio, &[0.995, 0.9975, 1.0]), "99.50% 99.75% 100.00%");
        assert_eq!(axis(Unit::Money, &[0.0, 0.5, 0.5 + 0.5]), "$0.0 $0.5 $1.0");
        assert_eq!(axis(Unit::Ratio, &[0.1 + 0.2]), "30%");
    }

    #[test]
    fn a_difference_that_is_a_figure_has_its_sign() {
        let kpi = domain::kpis::find("budget_variance").expect("a KPI");
        let value = |value: i64| ENGLISH.figures(kpi, "USD", [value.into()]).value(value.into());
        assert_eq!([value(63_985), value(-5), value(0)], ["+$63,985", "−$5", "$0"]);
    }

    #[test]
    fn what_is_hardly_used_is_used() {
        let share = |text: &str| ENGLISH.share(text.parse().expect("a decimal")).replace([NARROW, '\u{a0}'], " ");
        assert_eq!([share("0"), share("0.0004"), share("0.023")], ["0 %", "< 0.1 %", "2.3 %"]);
    }

    #[test]
    fn a_script_writes_as_the_server_does() {
        let of = |unit| {
            let Pattern { factor, before, after, .. } = ENGLISH.pattern(unit, "USD");
            (factor, before, after.replace(NARROW, " "))
        };
        assert_eq!(of(Unit::Ratio), (100, String::new(), " %".to_owned()));
        assert_eq!(of(Unit::Money), (1, "$".to_owned(), String::new()));
        assert_eq!(of(Unit::Days), (1, String::new(), " days".to_owned()));
        assert_eq!(of(Unit::Points), (1, String::new(), String::new()));
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
}
