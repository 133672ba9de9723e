//! product.

use super::Kpi;

pub(super) const KPIS: &[Kpi] = &[];
