//! docs/clients.md, run: every request in it, and the answers that it promises.

use std::process::Command;

use serde_json::Value;

use crate::program::{eventually, up};

/// The guide's `sh` blocks, each with the `json` block that follows it.
fn steps(guide: &str) -> Vec<(String, Value)> {
    let mut steps: Vec<(String, Value)> = Vec::new();
    let mut blocks = guide.split("```").skip(1).step_by(2).peekable();
    while let Some(block) = blocks.next() {
        let Some(script) = block.strip_prefix("sh\n") else { continue };
        let json =
            blocks.next().and_then(|block| block.strip_prefix("json\n")).expect("each request is followed by its answer");
        steps.push((script.to_owned(), serde_json::from_str(json).unwrap_or_else(|error| panic!("{error} in {json}"))));
    }
    steps
}

/// What the guide shows is there; `…` stands for anything, and an object may hold more.
fn holds(shown: &Value, real: &Value) -> bool {
    match (shown, real) {
        (Value::String(text), _) if text == "…" => !real.is_null(),
        (Value::Object(shown), Value::Object(real)) => {
            shown.iter().all(|(name, value)| real.get(name).is_some_and(|found| holds(value, found)))
        }
        (Value::Array(shown), Value::Array(real)) => {
            shown.len() == real.len() && shown.iter().zip(real).all(|(shown, real)| holds(shown, real))
        }
        _ => shown == real,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_of_the_clients_guide_is_answered_as_it_says() {
    let (program, client, _place, _directory) = up().await;
    let guide = include_str!("../../docs/clients.md");
    let steps = steps(guide);
    assert!(steps.len() >= 9, "the guide has its requests");
    for (script, shown) in steps {
        // A read without a token may be a moment behind the write before it: that is what the guide says.
        let read_only = !script.contains("POST");
        let mut last = String::new();
        let mut run = || {
            let output = Command::new("bash")
                .args(["-euo", "pipefail", "-c", &script])
                .env("LEDGER", &client.api)
                .env("WRITER_KEY", client.key("writer"))
                .env("ANALYST_KEY", client.key("analyst"))
                .output()
                .expect("bash runs");
            last = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            serde_json::from_slice::<Value>(&output.stdout).is_ok_and(|real| holds(&shown, &real))
        };
        let right = if read_only {
            tokio::time::timeout(
                crate::program::SOON,
                eventually("the read is up to date", crate::program::SOON, async || run().then_some(())),
            )
            .await
            .is_ok()
        } else {
            run()
        };
        assert!(right, "the guide says\n{script}\nis answered with\n{shown}\nand it was\n{last}");
    }
    assert!(program.stop().await, "it stops well");
}
