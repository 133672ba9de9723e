//! The dashboard in a real browser, through its WebDriver.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{Directory, eventually, up};

struct Browser {
    driver: Child,
    http: reqwest::Client,
    session: String,
    _profile: Directory,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver leads a group of its own: killed alone, it would leave the browser behind.
        let group = format!("-{}", self.driver.id());
        Command::new("kill").args(["-KILL", "--", &group]).status().expect("kill runs");
        self.driver.wait().ok();
    }
}

impl Browser {
    async fn open() -> Option<Self> {
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        let driver = match driver {
            Ok(driver) => driver,
            Err(error) => {
                assert!(std::env::var("REQUIRE_ALL_TESTS").is_err(), "chromedriver does not start: {error}");
                eprintln!("LEFT OUT: chromedriver does not start: {error}");
                return None;
            }
        };
        let http = reqwest::Client::new();
        let profile = Directory::new();
        let base = format!("http://127.0.0.1:{port}");
        eventually("chromedriver answers", Duration::from_secs(20), async || {
            http.get(format!("{base}/status")).send().await.ok()
        })
        .await;
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,1600",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let capabilities = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}});
        let answer: Value = http
            .post(format!("{base}/session"))
            .json(&capabilities)
            .send()
            .await
            .expect("a session")
            .json()
            .await
            .expect("JSON");
        let id = answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        Some(Self { driver, http, session: format!("{base}/session/{id}"), _profile: profile })
    }

    async fn go(&self, url: &str) {
        let answer =
            self.http.post(format!("{}/url", self.session)).json(&json!({"url": url})).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
    }

    async fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        let answer = self.http.post(format!("{}/execute/sync", self.session)).json(&body).send().await.expect("an answer");
        answer.json::<Value>().await.expect("JSON")["value"].clone()
    }

    async fn text(&self, id: &str) -> String {
        self.run(&format!("return document.getElementById('{id}')?.innerText ?? ''"))
            .await
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dashboard_shows_the_figure_and_follows_it_without_reload() {
    let Some(browser) = Browser::open().await else { return };
    let (program, client, _place, _directory) = up().await;
    client.open_capsule("c1").await;
    let line = |id: &str| json!({"id": id, "capsule_id": "c1", "kind": "interaction", "user_id": "u1"});
    client.post_interactions(&[line("i1"), line("i2")]).await;

    browser.go(&format!("{}/dashboards/north-star#key={}", client.api, client.key("analyst"))).await;
    eventually("the figure is shown", Duration::from_secs(20), async || {
        (browser.text("active-now").await.trim() == "2").then_some(())
    })
    .await;
    browser.run("window.notReloaded = true").await;
    client.post_interactions(&[line("i3")]).await;
    eventually("the figure follows", Duration::from_secs(20), async || {
        (browser.text("active-now").await.trim() == "3").then_some(())
    })
    .await;
    assert_eq!(browser.run("return window.notReloaded").await, json!(true), "the page was not reloaded");
    assert!(browser.text("stages").await.contains("Foundation"), "the stages are shown");
    assert!(!browser.text("freshness").await.is_empty(), "how fresh it is, is shown");
    assert_eq!(browser.run("return document.querySelectorAll('#chart svg').length").await, json!(1));
    let key = client.key("analyst").to_owned();
    let address = browser.run("return performance.getEntriesByType('resource').map(r => r.name).join(' ')").await;
    assert!(!address.as_str().unwrap_or_default().contains(&key), "the key is in no address that a server sees");

    browser.go(&format!("{}/dashboards/north-star?fresh=1#key=wrong", client.api)).await;
    eventually("a wrong key is said to be wrong", Duration::from_secs(20), async || {
        let page = browser.run("return document.body.innerText").await;
        page.as_str().unwrap_or_default().to_lowercase().contains("key").then_some(())
    })
    .await;
    assert!(program.stop().await, "it stops well");
}
