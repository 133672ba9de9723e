//! How much is stored.

use crate::facts::once;
use crate::rejection::Rejection;

once! {
    /// Says how much is stored.
    Storage "storage"
    StorageCommand Measure(MeasureStorage)
    StorageEvent StorageMeasured "1.0" {
        bytes: u64,
    }
    check check
}

/// An exabyte: far more than there is, and far less than what a read model can hold.
const BYTES_MAX: u64 = 1_000_000_000_000_000_000;

fn check(measured: &StorageMeasured) -> Result<(), Rejection> {
    if measured.bytes <= BYTES_MAX {
        return Ok(());
    }
    Err(Rejection::Invalid { field: "/bytes", detail: "must be an exabyte at most" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{given, noon, parsed};

    #[test]
    fn a_measurement_is_taken_once() {
        let measure = |bytes: u64| parsed!(Storage, "measure", format!(r#"{{"bytes":{bytes}}}"#));
        let measured = || -> StorageEvent { StorageMeasured { bytes: 1_000, occurred_at: noon() }.into() };
        given::<Storage>(vec![]).when(measure(1_000)).then_expect_events(vec![measured()]);
        given::<Storage>(vec![measured()]).when(measure(1_000)).then_expect_events(vec![]);
        given::<Storage>(vec![measured()]).when(measure(2_000)).then_expect_error(Rejection::Exists { what: "storage" });
    }

    #[test]
    fn an_exabyte_is_the_most() {
        let measure = |bytes: u64| parsed!(Storage, "measure", format!(r#"{{"bytes":{bytes}}}"#));
        let most = StorageMeasured { bytes: 1_000_000_000_000_000_000, occurred_at: noon() };
        given::<Storage>(vec![]).when(measure(most.bytes)).then_expect_events(vec![most.clone().into()]);
        let detail = "must be an exabyte at most";
        given::<Storage>(vec![])
            .when(measure(most.bytes + 1))
            .then_expect_error(Rejection::Invalid { field: "/bytes", detail });
    }
}
