//! The pages for people on the demo's data: how soon the server has one ready, and what goes over the wire with all that the
//! browser asks for with it. Bounded by a page's queries to PostgreSQL, a dozen at most, and by writing it.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::http::Program;
use crate::kpis::with_demo;
use crate::report::{Report, percentile};
use crate::servers::Servers;

/// The demo as `make demo` loads it.
const SCALE: &str = "0.1";
const READS: usize = 50;
const WARM_UP: usize = 5;
const TIME_MAX: f64 = 200.0;
const BYTES_MAX: usize = 100_000;

const PAGES: &[&str] = &[
    "/dashboards",
    "/dashboards?period=week",
    "/dashboards/product",
    "/dashboards/engineering",
    "/dashboards/sales",
    "/dashboards/marketing",
    "/dashboards/customer-success",
    "/dashboards/finance",
    "/dashboards/people",
    "/dashboards/operations",
    "/dashboards/unit-economics",
    "/dashboards/stages",
    "/dashboards/reliability",
    "/dashboards/risks",
    "/dashboards/okrs",
    "/dashboards/reviews/weekly",
    "/dashboards/reviews/monthly",
    "/dashboards/reviews/quarterly",
    "/dashboards/kpis/win_rate",
    "/dashboards/kpis/active_capsule_interactions?period=day",
    "/dashboards/kpis/customer_health_score",
    "/dashboards/kpis/win_rate/explain",
    "/dashboards/ledger",
];

pub(crate) async fn pages(servers: &Servers, report: &mut Report) -> anyhow::Result<()> {
    let program = with_demo(servers, "pages", SCALE).await?;
    let mut slowest = Vec::new();
    let mut heaviest = (0, "");
    for page in PAGES {
        let mut times = Vec::with_capacity(READS);
        let mut bytes = 0;
        for number in 0..READS + WARM_UP {
            let asked = Instant::now();
            bytes = program.weigh(page).await?;
            if number >= WARM_UP {
                times.push(asked.elapsed());
            }
        }
        // A browser that was never here asks for these too.
        for asset in assets(&String::from_utf8_lossy(&program.get(page).await?)) {
            bytes += program.weigh(&asset).await?;
        }
        if bytes > heaviest.0 {
            heaviest = (bytes, page);
        }
        slowest.push((percentile(&mut times, 95), percentile(&mut times, 50), bytes, *page));
    }
    slowest.sort_by(|one, other| other.0.total_cmp(&one.0));
    for (p95, p50, bytes, page) in &slowest {
        println!("   {page}: p50 {p50:.1} ms, p95 {p95:.1} ms, {} KB", bytes / 1_000);
    }
    let within = slowest.iter().filter(|(p95, ..)| *p95 < TIME_MAX).count();
    let (p95, _, _, page) = slowest.first().context("a page")?;
    report.add(
        &format!("each of {} pages from the server", PAGES.len()),
        format!("{within} with p95 < {TIME_MAX:.0} ms; the slowest p95 {p95:.1} ms ({page})"),
        "p95 < 200 ms",
    );
    report.add(
        "a page and all its assets, as transferred to a new browser",
        format!("at most {} KB ({})", heaviest.0 / 1_000, heaviest.1),
        &format!("< {} KB", BYTES_MAX / 1_000),
    );
    explained(&program, report).await?;
    of_a_past_day(&program, report).await
}

/// All parts of a figure are read for each page of them, and kept for a minute where that takes long. A page says soon that they are
/// being read; the figure's events are behind the one after it.
async fn explained(program: &Program, report: &mut Report) -> anyhow::Result<()> {
    let month = (chrono::Utc::now().date_naive() - chrono::Months::new(1)).format("%Y-%m");
    let kpis = program.get_json("/v1/kpis").await?;
    let kpis = kpis["data"].as_array().context("KPIs")?.iter().filter(|kpi| kpi["has_total"] == true);
    let kpis: Vec<&str> = kpis.filter_map(|kpi| kpi["id"].as_str()).collect();
    let (mut first, mut whole) = (Vec::new(), Vec::new());
    let mut longest = (Duration::ZERO, "");
    for kpi in &kpis {
        let made = made(program, &format!("/dashboards/kpis/{kpi}/explain?of={month}")).await?;
        first.push(made.first);
        whole.push(made.whole);
        longest = longest.max((made.whole, kpi));
    }
    report.add(
        &format!(
            "the page that explains the last month's figure, for who asks first, each of {} KPIs with a total",
            kpis.len()
        ),
        format!(
            "p50 {:.0} ms, p95 {:.0} ms; whole after p50 {:.0} ms, p95 {:.0} ms, {} after {:.0} ms",
            percentile(&mut first, 50),
            percentile(&mut first, 95),
            percentile(&mut whole, 50),
            percentile(&mut whole, 95),
            longest.1,
            longest.0.as_secs_f64() * 1_000.0
        ),
        "p95 < 200 ms",
    );
    Ok(())
}

struct Made {
    /// Until there is a page, and be it one that says that more is being made.
    first: Duration,
    whole: Duration,
}

/// As a browser asks for a page, and again where the page says so.
async fn made(program: &Program, page: &str) -> anyhow::Result<Made> {
    let asked = Instant::now();
    let is_whole = async || anyhow::Ok(!String::from_utf8_lossy(&program.get(page).await?).contains("data-making"));
    let mut is_there = is_whole().await?;
    let first = asked.elapsed();
    while !is_there {
        is_there = is_whole().await?;
    }
    Ok(Made { first, whole: asked.elapsed() })
}

/// How long a page takes, asked for again and again.
async fn times(program: &Program, page: &str) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(READS);
    for _ in 0..READS {
        let asked = Instant::now();
        program.weigh(page).await?;
        times.push(asked.elapsed());
    }
    Ok(times)
}

/// A board as of a past day is made once, and says meanwhile how far it is: how long that takes, and what it costs afterwards.
async fn of_a_past_day(program: &Program, report: &mut Report) -> anyhow::Result<()> {
    let yesterday = chrono::Utc::now().date_naive() - chrono::Days::new(1);
    let page = format!("/dashboards?as_of={yesterday}");
    let made = made(program, &page).await?;
    let mut times = times(program, &page).await?;
    report.add(
        "the overview as of a past day",
        format!(
            "{:.0} ms for who asks first, whole after {:.1} s, once; p95 {:.1} ms from then on",
            made.first.as_secs_f64() * 1_000.0,
            made.whole.as_secs_f64(),
            percentile(&mut times, 95)
        ),
        "p95 < 200 ms",
    );
    Ok(())
}

fn assets(html: &str) -> Vec<String> {
    let of = |part: &str| part.split('"').next().map(|name| format!("/assets/{name}"));
    html.split("\"/assets/").skip(1).filter_map(of).collect()
}
