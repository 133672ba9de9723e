//! The pages for people, in a real browser, on the demo's data: what they show, how they are used, whether everybody can.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Executor;

use crate::browser::Browser;
use crate::program::{Client, Directory, Program, answer_of, eventually, start_up};
use crate::servers::Place;
use crate::signed::connect;

const AXE: &str = include_str!("vendor/axe-core-4.14.1/axe.min.js");

const PAGES: [&str; 20] = [
    "/dashboards",
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
    "/dashboards/kpis/feature_adoption_rate?period=week",
];

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// A program with a small demo company, its figures made.
pub async fn with_demo(scale: &str) -> (Program, Client, Place, Directory) {
    let place = crate::servers::fresh_place().await;
    let directory = Directory::new();
    let program = start_up(&directory, Some(&place), &["--demo", "--demo-scale", scale]);
    let client = Client::of(directory.path()).await;
    let minutes = Duration::from_secs(240);
    eventually("the demo is there", minutes, async || {
        let answer = client.request("admin", Method::GET, "/v1/capsules/demo-complete").send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
    let loaded = chrono::Utc::now();
    let register = client.get("/v1/kpis").await;
    for kpi in register["data"].as_array().expect("the register") {
        let address = format!("/v1/kpis/{}", kpi["id"].as_str().expect("an id"));
        eventually(&format!("{address} is made"), minutes, async || {
            let series = client.get(&address).await;
            let made: chrono::DateTime<chrono::Utc> = series["computed_at"].as_str()?.parse().ok()?;
            (made > loaded || series["due"] == false).then_some(())
        })
        .await;
    }
    (program, client, place, directory)
}

async fn sign_in(browser: &Browser, client: &Client, next: &str) {
    browser.go(&format!("{}{next}", client.api)).await;
    sign_in_as(browser, client, "analyst", next).await;
}

pub async fn sign_in_as(browser: &Browser, client: &Client, role: &str, next: &str) {
    eventually("the page asks for a key", Duration::from_secs(20), async || {
        browser.address().await.contains("/dashboards/sign-in").then_some(())
    })
    .await;
    browser.write("#key", client.key(role)).await;
    browser.click("#sign-in button").await;
    eventually("the page that was asked for", Duration::from_secs(20), async || {
        browser.address().await.ends_with(next).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_show_the_demos_figures_to_everybody() {
    let Some(browser) = Browser::open().await else { return };
    let (program, client, place, _directory) = with_demo("0.005").await;
    sign_in(&browser, &client, "/dashboards").await;

    for page in PAGES {
        is_for_everybody(&browser, &client, page).await;
    }
    figures_are_the_apis(&browser, &client).await;
    a_review_is_the_apis_too(&browser, &client).await;
    links_keep_the_state(&browser, &client).await;
    a_chart_is_zoomed_and_the_address_keeps_it(&browser, &client).await;
    a_past_day_is_made_once(&browser, &client).await;
    what_changed_since_is_the_apis(&browser, &client).await;
    goes_by_keyboard(&browser, &client).await;
    follows_without_reload(&browser, &client).await;
    a_figure_leads_to_its_events(&browser, &client).await;
    the_ledger_is_searched_by_auditors(&browser, &client).await;
    assert_eq!(browser.said().await, Vec::<String>::new(), "nothing on the console");

    reads_without_scripts(&client).await;
    wrong_keys_and_other_sites(&client).await;
    what_cannot_be_made_is_said(&client, &place).await;
    assert!(program.stop().await, "it stops well");
}

/// No serious finding of axe, nothing cut off however narrow, nothing on the console; what it looked like is kept.
pub async fn is_for_everybody(browser: &Browser, client: &Client, page: &str) {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
    std::fs::create_dir_all(&directory).expect("a directory");
    let name = page.trim_start_matches("/dashboards").replace(['/', '?', '=', '&'], "-");
    for (width, scheme) in [(1280, "light"), (1280, "dark"), (360, "light"), (768, "light"), (1920, "light")] {
        browser.look(width, scheme).await;
        browser.go(&format!("{}{page}", client.api)).await;
        let too_wide = browser.run("return document.documentElement.scrollWidth - innerWidth").await;
        assert!(too_wide.as_i64().expect("pixels") <= 0, "{page} is {too_wide} pixels wider than {width}");
        // A map of cohorts is wider than a narrow screen, and scrolled there.
        let may_be_cut = if width < 1280 { ":has(.cohorts)" } else { ":not(*)" };
        let cut = browser
            .run(&format!(
                "return [...document.querySelectorAll('.scroll:not({may_be_cut})')]
                     .filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.getAttribute('aria-label'))"
            ))
            .await;
        assert_eq!(cut, json!([]), "{page}: nothing is cut off at {width}");
        std::fs::write(directory.join(format!("overview{name}-{width}-{scheme}.png")), browser.screenshot().await)
            .expect("kept");
        if matches!(width, 1280 | 360) {
            browser.run(AXE).await;
            let found = browser
                .run_until_answered(
                    "const done = arguments[arguments.length - 1];
                     axe.run(document).then(found => done(found.violations
                         .filter(one => ['serious', 'critical'].includes(one.impact))
                         .map(one => one.id + ': ' + one.nodes.slice(0, 3).map(node => node.html + ' ' + node.failureSummary).join(' | '))))",
                )
                .await;
            assert_eq!(found, json!([]), "{page} at {width} {scheme}");
        }
        assert_eq!(browser.said().await, Vec::<String>::new(), "{page}: nothing on the console");
    }
    browser.look(1280, "light").await;
}

/// Every value on the overview is the API's, digit for digit.
async fn figures_are_the_apis(browser: &Browser, client: &Client) {
    browser.go(&format!("{}/dashboards", client.api)).await;
    let cards = browser
        .run(
            "return [...document.querySelectorAll('.cards .card')].map(card => [card.dataset.kpi, card.dataset.period,
                 card.querySelector('.value data')?.value ?? null])",
        )
        .await;
    assert!(cards.as_array().expect("cards").len() >= 39, "a card a KPI: {cards}");
    let compared = are_the_apis(client, &cards).await;
    assert!(compared >= 12, "{compared} figures were compared");
}

/// Of lists of KPI, month and value, how many are over and what the API says.
async fn are_the_apis(client: &Client, shown: &Value) -> usize {
    let mut compared = 0;
    for one in shown.as_array().expect("figures") {
        let (id, period) = (one[0].as_str().expect("a KPI"), one[1].as_str().expect("a period"));
        let Some(shown) = one[2].as_str() else { continue };
        let day = if period.len() == 7 && !period.contains('Q') { format!("{period}-01") } else { continue };
        let series = client.get(&format!("/v1/kpis/{id}?grain=month&from={day}&to={day}")).await;
        // What goes on while it is looked at has another value a moment later.
        if series["data"][0]["partial"] == true {
            continue;
        }
        let value = series["data"][0]["value"].to_string();
        assert_eq!(shown.parse::<f64>().ok(), value.parse::<f64>().ok(), "{id} in {period}: {shown} on the page, {value}");
        compared += 1;
    }
    compared
}

/// A monthly review is all about the last month that is over.
async fn a_review_is_the_apis_too(browser: &Browser, client: &Client) {
    browser.go(&format!("{}/dashboards/reviews/monthly", client.api)).await;
    let rows = browser
        .run(
            "return [...document.querySelectorAll('[data-kpi]')].map(row => [row.dataset.kpi, row.dataset.period,
                 row.querySelector('data')?.value ?? null])",
        )
        .await;
    let compared = are_the_apis(client, &rows).await;
    assert!(compared >= 30, "{compared} figures were compared");
    assert!(browser.run("return document.body.innerText").await.as_str().expect("a text").contains("Not frozen"));
}

async fn a_chart_is_zoomed_and_the_address_keeps_it(browser: &Browser, client: &Client) {
    browser.go(&format!("{}/dashboards/kpis/win_rate?compare=year", client.api)).await;
    eventually("the chart can be zoomed", Duration::from_secs(20), async || {
        (browser.run("return document.querySelectorAll('.zoom canvas').length").await.as_i64()? == 1).then_some(())
    })
    .await;
    let before = browser.run("return document.querySelector('#from').value").await;
    browser.click("[data-how=in]").await;
    eventually("the address says what is shown", Duration::from_secs(10), async || {
        let address = browser.address().await;
        (address.contains("from=") && address.contains("to=") && address.contains("compare=year")).then_some(())
    })
    .await;
    browser.go(&browser.address().await).await;
    let after = browser.run("return document.querySelector('#from').value").await;
    let (before, after) = (before.as_str().expect("a day"), after.as_str().expect("a day"));
    assert!(before < after, "asked for again, the page begins later: {before}, {after}");
}

/// Nothing of the demo was recorded before it was loaded, so nothing was known then: no data, which is not zero.
async fn a_past_day_is_made_once(browser: &Browser, client: &Client) {
    let day = chrono::Utc::now().date_naive() - chrono::Days::new(3);
    for page in ["/dashboards", "/dashboards/reviews/monthly"] {
        browser.go(&format!("{}{page}?as_of={day}", client.api)).await;
        let text = browser.run("return document.getElementById('main').innerText").await;
        let text = text.as_str().expect("a text");
        assert!(text.contains(&format!("end of {}", day.format("%-d %b %Y"))) && text.contains("No data"), "{page}: {text}");
        assert_eq!(browser.run("return document.querySelectorAll('.value data').length").await, 0);
    }
}

/// What has changed since the last day before the demo was loaded: everything.
fn late_page() -> String {
    let day = chrono::Utc::now().date_naive() - chrono::Days::new(3);
    format!("/dashboards/kpis/win_rate/late?as_of={day}&of=2026-09")
}

async fn what_changed_since_is_the_apis(browser: &Browser, client: &Client) {
    let page = late_page();
    is_for_everybody(browser, client, &page).await;
    browser.go(&format!("{}{page}", client.api)).await;
    let shown = browser
        .run(
            "return [document.querySelector('[data-part=then]').innerText, document.querySelector('[data-part=now] data').value,
                 document.querySelectorAll('.explained tbody tr').length, document.querySelector('.events a').innerText]",
        )
        .await;
    let asked = page.replace("/dashboards/", "/v1/").replace("&of=", "&limit=50&period=");
    let asked = client.get(&asked).await;
    let parts = asked["data"].as_array().expect("parts");
    assert_eq!((&shown[0], shown[2].as_u64()), (&json!("No data"), Some(parts.len() as u64)), "{shown}");
    assert_eq!(shown[1].as_str().expect("a value").parse::<f64>().ok(), asked["now"]["value"].as_f64(), "{shown}");
    assert_eq!(shown[3], parts[0]["events"][0], "{shown}");
}

async fn links_keep_the_state(browser: &Browser, client: &Client) {
    browser.go(&format!("{}/dashboards/sales?period=quarter&as_of=2026-10-31", client.api)).await;
    let links =
        browser.run("return [...document.querySelectorAll('.pages a, .card a')].map(link => link.getAttribute('href'))").await;
    let links = links.as_array().expect("links");
    assert!(links.len() > 10);
    for link in links {
        let link = link.as_str().expect("an address");
        // A review's path says the rhythm; the ledger and its audit log are always looked at as they are.
        let others = ["/dashboards/reviews/quarterly?as_of=2026-10-31", "/dashboards/ledger", "/dashboards/audit"];
        let keeps = link.ends_with("?period=quarter&as_of=2026-10-31") || others.contains(&link);
        assert!(keeps, "{link} keeps what is looked at");
    }
    browser.click(".switch li:first-child a").await;
    eventually("the week is shown", Duration::from_secs(10), async || {
        browser.address().await.contains("period=week&as_of=2026-10-31").then_some(())
    })
    .await;
    browser.click(".past a").await;
    eventually("back in the present", Duration::from_secs(10), async || {
        browser.address().await.ends_with("/dashboards/sales?period=week").then_some(())
    })
    .await;
}

/// From the top of a page to another one without a mouse; the first stop skips to the content.
async fn goes_by_keyboard(browser: &Browser, client: &Client) {
    browser.go(&format!("{}/dashboards", client.api)).await;
    browser.press(&[TAB]).await;
    assert_eq!(browser.run("return document.activeElement.className").await, "skip");
    for _ in 0..40 {
        browser.press(&[TAB]).await;
        if browser.run("return document.activeElement.innerText").await == "Sales" {
            let outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle").await;
            assert_eq!(outline, "solid", "where one is, is to be seen");
            browser.press(&[ENTER]).await;
            return eventually("the page of sales", Duration::from_secs(10), async || {
                browser.address().await.ends_with("/dashboards/sales").then_some(())
            })
            .await;
        }
    }
    panic!("the link to sales is not reached by the keyboard");
}

async fn follows_without_reload(browser: &Browser, client: &Client) {
    browser.go(&format!("{}/dashboards", client.api)).await;
    // The live connection has to stand first, as it does a moment after a page is there.
    eventually("the page listens", Duration::from_secs(20), async || {
        (browser.run("return performance.getEntriesByType('resource').length").await.as_i64()? >= 2).then_some(())
    })
    .await;
    browser.run("window.notReloaded = true").await;
    client.open_capsule("watched").await;
    let number = async || {
        let text = browser.text("north-star-now").await;
        text.chars().filter(char::is_ascii_digit).collect::<String>().parse::<u64>().ok()
    };
    let before = number().await.expect("a number");
    let lines: Vec<Value> = (0..500)
        .map(|n| json!({"id": format!("watched-{n}"), "capsule_id": "watched", "kind": "interaction", "user_id": "u"}))
        .collect();
    let sent = Instant::now();
    client.post_interactions(&lines).await;
    eventually("the new ones are shown", Duration::from_secs(10), async || (number().await? >= before + 500).then_some(()))
        .await;
    let took = sent.elapsed();
    assert_eq!(browser.run("return window.notReloaded").await, json!(true), "the page was not reloaded");
    eprintln!("new interactions were on the page after {took:.1?}");
}

/// From a figure on a KPI's page to the parts that add up to it, and to an event's id.
async fn a_figure_leads_to_its_events(browser: &Browser, client: &Client) {
    is_for_everybody(browser, client, "/dashboards/kpis/win_rate/explain?of=2026-09").await;
    browser.go(&format!("{}/dashboards/kpis/win_rate?from=2026-09-01&to=2026-09-30", client.api)).await;
    browser.click("tbody a[aria-label^=Explain]").await;
    eventually("the parts of it", Duration::from_secs(20), async || {
        browser.address().await.ends_with("/dashboards/kpis/win_rate/explain?of=2026-09").then_some(())
    })
    .await;
    browser.made().await;
    let shown = browser
        .run(
            "return [document.querySelector('.big-name data').value, document.querySelectorAll('.explained')[0].rows.length - 1,
                 [...document.querySelectorAll('.status.reached')].filter(one => one.innerText.includes('Same')).length,
                 document.querySelector('.events a').innerText]",
        )
        .await;
    let asked = client.get("/v1/kpis/win_rate/explain?period=2026-09&limit=50").await;
    let parts = asked["data"].as_array().expect("parts").len();
    assert_eq!(shown[0].as_str().expect("a value").parse::<f64>().ok(), asked["figure"]["value"].as_f64(), "{shown}");
    assert_eq!((shown[1].as_u64(), shown[2].as_u64() >= Some(2)), (Some(parts as u64), true), "{shown}");
    assert_eq!(shown[3], asked["data"][0]["events"][0], "{shown}");
}

/// A client's own id may have the form of a pseudonym.
const PERSON: &str = "5f0c2f0e-6d43-4a53-9c1e-0d7c5f7a1b11";

async fn the_ledger_is_searched_by_auditors(browser: &Browser, client: &Client) {
    let text =
        async || browser.run("return document.getElementById('main').innerText").await.as_str().unwrap_or_default().to_owned();
    browser.go(&format!("{}/dashboards/ledger", client.api)).await;
    assert!(text().await.contains("may read figures, and not events"), "an analyst reads no events");
    browser.go(&format!("{}/dashboards/sign-in?next=/dashboards/ledger", client.api)).await;
    sign_in_as(browser, client, "auditor", "/dashboards/ledger").await;

    client.open_capsule("searched").await;
    let line = json!({"id": "searched-1", "capsule_id": "searched", "kind": "interaction", "user_id": PERSON});
    client.post_interactions(&[line]).await;
    // Named like the capsule, and nothing of it.
    client.command("tickets", "searched", "open", json!({"account_id": "acme"})).await;
    let rows = async |search: &str| {
        browser.go(&format!("{}/dashboards/ledger?{search}", client.api)).await;
        let rows = browser
            .run("return [...document.querySelectorAll('#main section:first-of-type tbody tr')].map(row => row.cells[1].innerText)")
            .await;
        rows.as_array().expect("rows").iter().map(|row| row.as_str().expect("a type").to_owned()).collect::<Vec<_>>()
    };
    let all = ["InteractionRecorded", "CapsulePublished", "CapsuleCreated"];
    assert_eq!(rows("capsule=searched").await, all, "the newest first");
    // That a person is looked up is itself noted, before anything is shown.
    assert_eq!(rows(&format!("subject={PERSON}")).await, ["PersonalDataRead", all[0]]);
    assert_eq!(rows("capsule=searched&type=CapsulePublished").await, all[1..2]);
    assert_eq!(rows("collection=capsules&id=searched").await, all[1..]);
    assert_eq!(rows("capsule=searched&to=2020-01-01").await, [""; 0]);
    assert!(
        rows("subject=nobody-at-all").await.is_empty() && text().await.contains("Nothing was ever recorded of this person")
    );

    rows("capsule=searched").await;
    let id = browser.run("return document.querySelector('tbody th a').innerText").await;
    let page = format!("/dashboards/ledger/events/{}", id.as_str().expect("an id"));
    eventually("the event is projected", Duration::from_secs(60), async || {
        browser.go(&format!("{}{page}", client.api)).await;
        let text = text().await;
        (text.contains("\"capsule_id\": \"searched\"")
            && text.contains("In the read models")
            && text.contains("Feature adoption rate"))
        .then_some(())
    })
    .await;
    is_for_everybody(browser, client, "/dashboards/ledger").await;
    is_for_everybody(browser, client, &page).await;

    browser.go(&format!("{}/dashboards/ledger", client.api)).await;
    let heads = browser
        .run("return [...document.querySelectorAll('[data-part=health] tbody tr')].map(row => Number(row.cells[1].innerText.replace(/[^0-9]/g, '')))")
        .await;
    let now = client.get("/readyz").await;
    let heads = heads.as_array().expect("heads");
    assert_eq!(heads.len(), now["partitions"].as_array().expect("partitions").len());
    // The demo goes on living meanwhile.
    for (head, partition) in heads.iter().zip(now["partitions"].as_array().expect("partitions")) {
        let (shown, now) = (head.as_u64().expect("a count"), partition["head"].as_u64().expect("a count"));
        assert!(shown > 0 && shown <= now && now <= shown + 1_000, "{shown} on the page, {now} a moment later");
    }
}

/// The same pages in a browser that runs no scripts.
async fn reads_without_scripts(client: &Client) {
    let off = json!({"profile.managed_default_content_settings.javascript": 2});
    let Some(browser) = Browser::open_with(off).await else { return };
    sign_in(&browser, client, "/dashboards/sales").await;
    let source = browser.command("source", None).await;
    let source = source.as_str().expect("a page");
    assert!(source.contains("Win rate") && source.contains("class=\"spark\"") && source.contains("against"), "{source}");
    for page in PAGES.into_iter().map(str::to_owned).chain([late_page()]) {
        browser.go(&format!("{}{page}", client.api)).await;
        let source = browser.command("source", None).await;
        let source = source.as_str().expect("a page");
        assert!(
            source.contains("<h1>")
                && source.contains("Live: events up to")
                && source.contains("</table>") | source.contains("<svg"),
            "{page}"
        );
        assert!(!source.contains("<noscript"), "{page} is whole as it comes");
    }
}

/// A page that comes by itself is not waited for where it never comes.
async fn what_cannot_be_made_is_said(client: &Client, place: &Place) {
    let mut postgres = connect(&place.database_url).await;
    postgres.execute("ALTER VIEW read.storage_facts RENAME TO hidden").await.expect("renamed");
    let day = chrono::Utc::now().date_naive() - chrono::Days::new(5);
    for page in [
        format!("/dashboards/operations?as_of={day}"),
        format!("/dashboards/kpis/stage_capacity?as_of={day}"),
        "/dashboards/kpis/stage_capacity/explain?of=2026-09".to_owned(),
    ] {
        let status = eventually(&format!("{page} is said to fail"), Duration::from_secs(60), async || {
            let status = client.request("analyst", Method::GET, &page).send().await.ok()?.status();
            (!status.is_success()).then_some(status)
        })
        .await;
        assert!(status.is_server_error(), "{page}: {status}");
    }
    postgres.execute("ALTER VIEW read.hidden RENAME TO storage_facts").await.expect("renamed");
}

async fn wrong_keys_and_other_sites(client: &Client) {
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let address = format!("{}/dashboards/sign-in", client.api);
    let answer = http.post(&address).form(&[("key", "cl_wrong")]).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.headers().get("set-cookie")), (401, None));
    assert!(answer.text().await.expect("a page").contains("This key is not known."));
    let forged = http.post(&address).header("sec-fetch-site", "cross-site").form(&[("key", client.key("analyst"))]);
    let (status, body) = answer_of(forged).await;
    assert_eq!(status.as_u16(), 403, "{body}");
    let answer = http.post(&address).form(&[("key", client.key("analyst"))]).send().await.expect("an answer");
    let cookie = answer.headers()["set-cookie"].to_str().expect("text").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    // A cookie reads, and changes nothing.
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let read = http.get(format!("{}/v1/kpis", client.api)).header("cookie", &cookie);
    assert_eq!(answer_of(read).await.0.as_u16(), 200);
    let write =
        http.post(format!("{}/v1/capsules/c/create", client.api)).header("cookie", &cookie).json(&json!({"title": "t"}));
    assert_eq!(answer_of(write).await.0.as_u16(), 401);
}
