//! How many active capsule interactions were there, by month or by day, as known now or on any day?
//!
//! Its rows are kept by `counts` (how many) and `members` (by how many); there is nothing of its own to fold.

mod query;

pub use query::{Period, SeriesQuery, Since, add_since, first_month, series};
pub(crate) use query::{first_month_in, series_in};
