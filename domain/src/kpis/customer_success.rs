//! Customer success: who stays, and how they are.

use super::{Better, Kpi, KpiFunction, MONTH_UP, Unit, WEEK_UP, Window};

pub(super) const KPIS: &[Kpi] = &[
    Kpi {
        id: "nps",
        function: KpiFunction::CustomerSuccess,
        name: "Net promoter score",
        formula: "Share of answers of 9 or 10 less the share of 0 to 6, in points from −100 to 100, over the 90 days up to the period's end. 7 and 8 are passive: they count in the number of answers alone.",
        numerator: "promoters less detractors",
        denominator: Some("answers"),
        n: "answers",
        unit: Unit::Points,
        better: Better::Higher,
        grains: MONTH_UP,
        window: Window::TrailingDays(90),
        dimensions: &[],
        has_total: true,
        definition: 1,
        facts: &["SurveyAnswered"],
    },
    Kpi {
        id: "net_revenue_retention",
        function: KpiFunction::CustomerSuccess,
        name: "Net revenue retention",
        formula: "Monthly recurring revenue of the accounts that paid 12 months ago, divided by theirs then. New accounts are in \
              neither. Gross retention beside it: each account counts for no more than it paid then. A plan is the one that \
              the account's largest subscription had then.",
        numerator: "present monthly recurring revenue of the accounts of 12 months ago",
        denominator: Some("their monthly recurring revenue then"),
        n: "accounts that paid 12 months ago",
        unit: Unit::Ratio,
        better: Better::Higher,
        grains: WEEK_UP,
        window: Window::AtEnd,
        dimensions: &["plan"],
        has_total: true,
        definition: 1,
        facts: &["SubscriptionStarted", "SubscriptionChanged", "SubscriptionEnded"],
    },
    Kpi {
        id: "customer_health_score",
        function: KpiFunction::CustomerSuccess,
        name: "Customer health score",
        formula: "Of each paying account, 0 to 100: its usage in the last 28 days against the 28 before, its open tickets, its \
                  last answer to an NPS survey within 180 days and whether it owes a payment, weighted as the definition says; \
                  what is not known leaves its weight to the others. The median account's, and how many are in each band.",
        numerator: "scores, summed; of a band, the accounts in it",
        denominator: Some("paying accounts"),
        n: "paying accounts",
        unit: Unit::Score,
        better: Better::Higher,
        grains: MONTH_UP,
        window: Window::AtEnd,
        dimensions: &["band", "account"],
        has_total: true,
        definition: 1,
        facts: &[
            "InteractionRecorded",
            "InteractionVoided",
            "UserSignedUp",
            "SubscriptionStarted",
            "SubscriptionChanged",
            "SubscriptionEnded",
            "TicketOpened",
            "TicketClosed",
            "SurveySent",
            "SurveyAnswered",
            "PaymentFailed",
            "PaymentRecovered",
        ],
    },
];
