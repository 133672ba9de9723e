//! How much of a core a verification may take.

use std::time::{Duration, Instant};

/// A pause is no longer than this, so that who waits for the end of one is not kept long.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Pauses after each piece of work, in proportion to how long it took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pause: f64,
}

impl Pace {
    /// As fast as it goes.
    pub(crate) const FULL: Self = Self { pause: 0.0 };

    /// At most this share of the time, above 0 and up to 1.
    pub(crate) fn share(share: f64) -> Self {
        assert!(share > 0.0 && share <= 1.0, "a share is above 0, and 1 at most");
        Self { pause: 1.0 / share - 1.0 }
    }

    /// After a piece of work that began then.
    pub(super) async fn rest(self, began: Instant) {
        let pause = began.elapsed().mul_f64(self.pause).min(PAUSE_MAX);
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
}
