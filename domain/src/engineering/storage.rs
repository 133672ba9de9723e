//! How much is stored.

use crate::facts::once;

once! {
    /// Says how much is stored.
    Storage "storage"
    StorageCommand Measure(MeasureStorage)
    StorageEvent StorageMeasured "1.0" {
        bytes: u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rejection::Rejection;
    use crate::testing::{given, noon, parsed};

    #[test]
    fn a_measurement_is_taken_once() {
        let measure = |bytes: u64| parsed!(Storage, "measure", format!(r#"{{"bytes":{bytes}}}"#));
        let measured = || -> StorageEvent { StorageMeasured { bytes: 1_000, occurred_at: noon() }.into() };
        given::<Storage>(vec![]).when(measure(1_000)).then_expect_events(vec![measured()]);
        given::<Storage>(vec![measured()]).when(measure(1_000)).then_expect_events(vec![]);
        given::<Storage>(vec![measured()]).when(measure(2_000)).then_expect_error(Rejection::Exists { what: "storage" });
    }
}
