//! What was measured: a line each while it runs, a table at the end.

use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    what: String,
    reached: String,
    wanted: String,
}

impl Report {
    pub(crate) fn new() -> Self {
        println!(
            "Each comparison's two sides take turns in this run; medians. Servers, program and client share this machine.\n"
        );
        Self::default()
    }

    pub(crate) fn add(&mut self, what: &str, reached: String, wanted: &str) {
        println!("→ {what}: {reached} (wanted: {wanted})\n");
        self.rows.push(Row { what: what.to_owned(), reached, wanted: wanted.to_owned() });
    }

    pub(crate) fn print(&self) {
        let width = |of: fn(&Row) -> &String| self.rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
        let (what, reached) = (width(|row| &row.what), width(|row| &row.reached));
        println!("\n{:what$}  {:reached$}  wanted", "what", "reached");
        for row in &self.rows {
            println!("{:what$}  {:reached$}  {}", row.what, row.reached, row.wanted);
        }
    }
}

/// The middle one.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// In milliseconds.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1_000.0
}

/// `12,345/s`.
pub(crate) fn rate(per_second: f64) -> String {
    let digits = format!("{per_second:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped}/s")
}
