//! customer_success.

use super::Kpi;

pub(super) const KPIS: &[Kpi] = &[];
