//! Names, periods and days as people read them. What belongs together is not parted at a line's end.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use domain::Grain;

const NO_BREAK: char = '\u{a0}';
/// From one day to another: a line may end after a dash, but for the word joiner.
const TO: &str = "–\u{2060}";

/// Written in capitals wherever they stand.
const INITIALS: [&str; 14] = ["ai", "api", "arr", "crm", "csat", "mql", "mrr", "nps", "okr", "slo", "smb", "sql", "ui", "vp"];

/// `ask_ai` as a name: `Ask AI`.
pub(super) fn label(name: &str) -> String {
    let word = |word: &str| match INITIALS.contains(&word) {
        true => word.to_uppercase(),
        false => word.to_owned(),
    };
    sentence(&name.split(['_', ' ']).map(word).collect::<Vec<_>>().join(" "))
}

/// With its first letter a capital.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// `AccessDenied`, the type of an event, as people say it: `Access denied`.
pub(super) fn event_type(name: &str) -> String {
    let apart = name.chars().fold(String::new(), |mut apart, letter| {
        if letter.is_uppercase() {
            apart.push(' ');
        }
        apart.extend(letter.to_lowercase());
        apart
    });
    label(apart.trim_start())
}

/// `team:smb` as a name: `SMB`; what clients name themselves stays as it is.
pub(super) fn segment_label(segment: &str) -> String {
    match segment.split_once(':') {
        Some(("account" | "objective", id)) => id.to_owned(),
        Some((_, name)) => label(name),
        None => label(segment),
    }
}

/// Within a sentence: `customer success`.
pub(super) fn words(name: &str) -> String {
    name.replace('_', " ")
}

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// `October 2026`, `Q4 2026`, `Week 44, 26 Oct – 1 Nov 2026`, `31 Oct 2026`.
pub(super) fn period(grain: Grain, start: NaiveDate) -> String {
    match grain {
        Grain::Day => day(start),
        Grain::Week => {
            let end = start + Days::new(6);
            let from = match (start.year() == end.year(), start.month() == end.month()) {
                (true, true) => format!("{}{TO}", start.day()),
                (true, false) => format!("{}{NO_BREAK}{TO}{NO_BREAK}", unbroken(start.format("%-d %b").to_string())),
                // As long as two lines may be.
                (false, _) => format!("{}{NO_BREAK}– ", day(start)),
            };
            format!("Week{NO_BREAK}{}, {from}{}", start.iso_week().week(), day(end))
        }
        Grain::Month => format!("{}{NO_BREAK}{}", MONTHS[start.month0() as usize], start.year()),
        Grain::Quarter => format!("Q{}{NO_BREAK}{}", start.month0() / 3 + 1, start.year()),
    }
}

/// On an axis.
pub(super) fn tick(grain: Grain, start: NaiveDate) -> String {
    let text = match grain {
        Grain::Day => start.format("%-d %b").to_string(),
        Grain::Week => start.format("W%V").to_string(),
        Grain::Month => start.format("%b %y").to_string(),
        Grain::Quarter => period(grain, start),
    };
    unbroken(text)
}

/// `31 Oct 2026`.
pub(super) fn day(day: NaiveDate) -> String {
    unbroken(day.format("%-d %b %Y").to_string())
}

pub(super) fn day_of(moment: DateTime<Utc>) -> String {
    day(moment.date_naive())
}

/// `31 Oct 2026 12:00:00 UTC`, of which day and time may stand in two lines.
pub(super) fn moment(moment: DateTime<Utc>) -> String {
    format!("{} {}", day_of(moment), unbroken(moment.format("%H:%M:%S UTC").to_string()))
}

pub(super) fn unbroken(text: impl AsRef<str>) -> String {
    text.as_ref().replace(' ', "\u{a0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_an_id_has_a_name() {
        assert_eq!([label("ask_ai"), label("smb"), label("customer success")], ["Ask AI", "SMB", "Customer success"]);
        assert_eq!([segment_label("team:mid_market"), segment_label("account:acme_ai")], ["Mid market", "acme_ai"]);
        assert_eq!(label(""), "");
        assert_eq!([event_type("AccessDenied"), event_type("Departed")], ["Access denied", "Departed"]);
    }

    #[test]
    fn periods_have_names() {
        let named = |grain, text: &str| period(grain, text.parse().expect("a day")).replace(NO_BREAK, " ").replace(TO, "–");
        assert_eq!(named(Grain::Month, "2026-10-01"), "October 2026");
        assert_eq!(named(Grain::Quarter, "2026-10-01"), "Q4 2026");
        assert_eq!(named(Grain::Week, "2026-11-16"), "Week 47, 16–22 Nov 2026");
        assert_eq!(named(Grain::Week, "2026-10-26"), "Week 44, 26 Oct – 1 Nov 2026");
        assert_eq!(named(Grain::Week, "2026-12-28"), "Week 53, 28 Dec 2026 – 3 Jan 2027");
        assert_eq!(named(Grain::Day, "2026-10-31"), "31 Oct 2026");
    }
}
