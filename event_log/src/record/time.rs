//! RFC 3339 in UTC with exactly six digits of the second, written and read without the general machinery of chrono: there
//! are two of them in every record.

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

const LENGTH: usize = "2026-10-31T12:00:00.123456Z".len();

/// A time, written.
pub(super) struct Rfc3339([u8; LENGTH]);

impl Rfc3339 {
    /// What is finer than a microsecond is cut off, as PostgreSQL holds none of it.
    ///
    /// # Panics
    /// On a year that RFC 3339 has no form for. No command has such a time, nor a second 60: see `domain::input`.
    pub(super) fn of(time: DateTime<Utc>) -> Self {
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let year = u32::try_from(time.year()).ok().filter(|year| *year <= 9999);
        put(&mut text[0..4], year.expect("a year of four digits"));
        put(&mut text[5..7], time.month());
        put(&mut text[8..10], time.day());
        put(&mut text[11..13], time.hour());
        put(&mut text[14..16], time.minute());
        put(&mut text[17..19], time.second());
        put(&mut text[20..26], time.nanosecond() / 1_000);
        Self(text)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn put(place: &mut [u8], mut number: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).expect("a digit");
        number /= 10;
    }
}

/// Reads exactly what [`Rfc3339`] writes, and nothing else.
pub(super) fn parse(text: &str) -> Option<DateTime<Utc>> {
    let text: &[u8; LENGTH] = text.as_bytes().try_into().ok()?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (26, b'Z')];
    if marks.iter().any(|(place, mark)| text[*place] != *mark) {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(i32::try_from(get(&text[0..4])?).ok()?, get(&text[5..7])?, get(&text[8..10])?)?;
    let time = date.and_hms_micro_opt(get(&text[11..13])?, get(&text[14..16])?, get(&text[17..19])?, get(&text[20..26])?)?;
    Some(time.and_utc())
}

fn get(place: &[u8]) -> Option<u32> {
    place.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use chrono::SecondsFormat;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_what_chrono_writes_and_reads_back(micros in -62_135_596_800_000_000_i64..253_402_300_800_000_000) {
            let time = DateTime::from_timestamp_micros(micros).unwrap();
            let text = Rfc3339::of(time);
            let text = std::str::from_utf8(text.as_bytes()).unwrap();
            prop_assert_eq!(text, time.to_rfc3339_opts(SecondsFormat::Micros, true));
            prop_assert_eq!(parse(text), Some(time));
        }

        #[test]
        fn anything_else_is_no_time(text in "[0-9TZ:.+-]{20,28}") {
            if let Some(time) = parse(&text) {
                prop_assert_eq!(Rfc3339::of(time).as_bytes().to_vec(), text.into_bytes());
            }
        }
    }
}
