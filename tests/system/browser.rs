//! A real browser, through its WebDriver, and the north star's page in it.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{Directory, eventually, up};
use crate::servers::leave_out;

pub struct Browser {
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
    pub async fn open() -> Option<Self> {
        Self::open_with(json!({})).await
    }

    /// With preferences of the browser.
    pub async fn open_with(preferences: Value) -> Option<Self> {
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
                leave_out(&format!("chromedriver does not start: {error}"));
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
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments, "prefs": preferences},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
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

    pub async fn go(&self, url: &str) {
        let answer =
            self.http.post(format!("{}/url", self.session)).json(&json!({"url": url})).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
        self.made().await;
    }

    /// A page that is being worked out comes by itself.
    pub async fn made(&self) {
        let asked = json!({"using": "css selector", "value": "[data-making]"});
        eventually("the page is made", Duration::from_secs(60), async || {
            let answer = self.http.post(format!("{}/elements", self.session)).json(&asked).send().await.expect("an answer");
            (answer.json::<Value>().await.expect("JSON")["value"] == json!([])).then_some(())
        })
        .await;
    }

    pub async fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        let answer = self.http.post(format!("{}/execute/sync", self.session)).json(&body).send().await.expect("an answer");
        answer.json::<Value>().await.expect("JSON")["value"].clone()
    }

    /// A script that calls back: its last argument is what takes the answer.
    pub async fn run_until_answered(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        let answer = self.http.post(format!("{}/execute/async", self.session)).json(&body).send().await.expect("an answer");
        answer.json::<Value>().await.expect("JSON")["value"].clone()
    }

    /// One command of the WebDriver, POST where it has a body.
    pub async fn command(&self, path: &str, body: Option<Value>) -> Value {
        let address = format!("{}/{path}", self.session);
        let request = match body {
            Some(body) => self.http.post(address).json(&body),
            None => self.http.get(address),
        };
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let value = answer.json::<Value>().await.expect("JSON")["value"].clone();
        assert!(status.is_success(), "{path}: {value}");
        value
    }

    async fn element(&self, selector: &str) -> String {
        let found = self.command("element", Some(json!({"using": "css selector", "value": selector}))).await;
        let id = found.as_object().and_then(|found| found.values().next()).and_then(Value::as_str);
        id.unwrap_or_else(|| panic!("{selector} is there")).to_owned()
    }

    pub async fn click(&self, selector: &str) {
        let id = self.element(selector).await;
        self.command(&format!("element/{id}/click"), Some(json!({}))).await;
    }

    pub async fn write(&self, selector: &str, text: &str) {
        let id = self.element(selector).await;
        self.command(&format!("element/{id}/value"), Some(json!({"text": text}))).await;
    }

    /// Keys, wherever the focus is.
    pub async fn press(&self, keys: &[&str]) {
        let actions: Vec<Value> =
            keys.iter().flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key}))).collect();
        self.command("actions", Some(json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}))).await;
    }

    /// How large the window is, and which colours are asked for.
    pub async fn look(&self, width: u32, scheme: &str) {
        let tell = async |cmd: &str, params: Value| {
            self.command("goog/cdp/execute", Some(json!({"cmd": cmd, "params": params}))).await;
        };
        let size = json!({"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": false});
        tell("Emulation.setDeviceMetricsOverride", size).await;
        tell("Emulation.setEmulatedMedia", json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]})).await;
    }

    /// The whole page as a PNG.
    pub async fn screenshot(&self) -> Vec<u8> {
        let whole = json!({"cmd": "Page.captureScreenshot", "params": {"captureBeyondViewport": true}});
        let taken = self.command("goog/cdp/execute", Some(whole)).await;
        let text = taken["data"].as_str().expect("an image");
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).expect("base64")
    }

    pub async fn address(&self) -> String {
        self.command("url", None).await.as_str().unwrap_or_default().to_owned()
    }

    /// What pages have said on the console since this was last asked.
    pub async fn said(&self) -> Vec<String> {
        let said = self.command("se/log", Some(json!({"type": "browser"}))).await;
        let said = said.as_array().expect("entries").iter();
        // Advice about forms is for authors, not a fault of the page.
        said.filter(|entry| entry["level"] != "DEBUG").map(|entry| entry["message"].to_string()).collect()
    }

    pub async fn text(&self, id: &str) -> String {
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

    browser.go(&format!("{}/dashboards#key={}", client.api, client.key("analyst"))).await;
    eventually("the figure is shown", Duration::from_secs(20), async || {
        (browser.text("north-star-now").await.trim() == "2").then_some(())
    })
    .await;
    browser.run("window.notReloaded = true").await;
    client.post_interactions(&[line("i3")]).await;
    eventually("the figure follows", Duration::from_secs(20), async || {
        (browser.text("north-star-now").await.trim() == "3").then_some(())
    })
    .await;
    assert_eq!(browser.run("return window.notReloaded").await, json!(true), "the page was not reloaded");
    let shown = browser.run("return document.getElementById('main').innerText").await;
    let shown = shown.as_str().expect("a text");
    assert!(shown.contains("Foundation") && shown.contains("Live: events up to"), "the stages, and how fresh it is: {shown}");
    assert_eq!(browser.run("return document.querySelectorAll('.hero svg').length").await, json!(2));
    let key = client.key("analyst").to_owned();
    let address = browser.run("return performance.getEntriesByType('resource').map(r => r.name).join(' ')").await;
    assert!(!address.as_str().unwrap_or_default().contains(&key), "the key is in no address that a server sees");

    // What is counted after the page was made and before its stream is open is shown too.
    let late_stream = r#"const Stream = window.EventSource;
        window.EventSource = function (url) {
            const heard = new EventTarget();
            window.openStream = () => new Stream(url).addEventListener("north-star", (event) =>
                heard.dispatchEvent(new MessageEvent("north-star", { lastEventId: event.lastEventId })));
            return heard;
        };"#;
    let before = json!({"cmd": "Page.addScriptToEvaluateOnNewDocument", "params": {"source": late_stream}});
    browser.command("goog/cdp/execute", Some(before)).await;
    browser.go(&format!("{}/dashboards", client.api)).await;
    assert_eq!(browser.text("north-star-now").await.trim(), "3");
    let (_, answer) = client.post_interactions(&[line("i4")]).await;
    assert_eq!(client.total(answer["token"].as_str()).await, 4);
    browser.run("window.openStream()").await;
    eventually("the page has caught up", Duration::from_secs(20), async || {
        (browser.text("north-star-now").await.trim() == "4").then_some(())
    })
    .await;

    // However many pages somebody has been on, or keeps open beside one another, the next one comes.
    for page in ["", "/product", "/sales", "/finance"].iter().cycle().take(12) {
        let address = format!("{}/dashboards{page}", client.api);
        tokio::time::timeout(Duration::from_secs(20), browser.go(&address)).await.expect("it comes");
    }
    for _ in 0..8 {
        let tab = browser.command("window/new", Some(json!({"type": "tab"}))).await;
        browser.command("window", Some(json!({"handle": tab["handle"]}))).await;
        let address = format!("{}/dashboards", client.api);
        tokio::time::timeout(Duration::from_secs(20), browser.go(&address)).await.expect("it comes");
    }

    let other = Browser::open().await.expect("it opened before");
    other.go(&format!("{}/dashboards#key=wrong", client.api)).await;
    eventually("a wrong key is said to be wrong", Duration::from_secs(20), async || {
        let page = other.run("return document.body.innerText").await;
        page.as_str().unwrap_or_default().contains("This key is not known.").then_some(())
    })
    .await;
    assert!(program.stop().await, "it stops well");
}
