//! What `apps`, `metrics` and `watch` say of event handlers, those that can be reached and those that cannot.

use std::fs;

use conformance::process::eventually;
use serde_json::Value;

use crate::stage::{Stage, command};

const GOOD: &str = "x-wap-application:good";
const FRAGILE: &str = "x-wap-application:fragile";

fn app(stage: &Stage, id: &str) -> anyhow::Result<Option<Value>> {
    let apps = stage.daemon.pushcai_json(&["apps", "--json"])?;
    let mut apps = apps.into_iter();
    Ok(apps.find(|app| app["pushApplicationID"] == id))
}

#[test]
fn how_it_stands_with_each_handler_is_told() -> anyhow::Result<()> {
    let fragile = "[[handlers.exec]]\nname = \"fragile\"\ncommand = [\"@TRACES@/program\"]\n";
    let good = command("good", "exit 0", "");
    let stage = Stage::start(&format!("{fragile}{good}"))?;
    let program = stage.trace("program");
    fs::copy("/bin/true", &program)?;
    stage.registered(GOOD, "exec:good")?;
    stage.registered(FRAGILE, "exec:fragile")?;
    fs::remove_file(&program)?;
    let watching = ["watch", "--kind", "handlerFailed"];
    let watching = stage.daemon.follow(&watching)?;
    watching.wait_for_error_line("watching")?;
    stage.push(GOOD, "event")?;
    stage.push(FRAGILE, "event")?;

    let line = watching.next_line()?;
    assert!(line.contains(FRAGILE), "{line}");
    assert!(line.contains("No such file"), "{line}");
    let resting = eventually("a handler at rest after another failure", || {
        let app = app(&stage, FRAGILE)?;
        let state = app.map(|app| app["handlerState"].clone());
        let failed_again = |state: &Value| state["failures"].as_u64() >= Some(2);
        Ok(state.filter(|state| state["state"] == "resting" && failed_again(state)))
    })?;
    assert!(resting["until"].is_u64(), "{resting}");
    let reason = resting["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("No such file"), "{resting}");
    eventually("an idle handler", || {
        let app = app(&stage, GOOD)?;
        let idle =
            |app: &Value| app["handlerState"]["state"] == "idle" && app["waitingEvents"] == 0;
        Ok(app.filter(idle))
    })?;

    let apps = stage.daemon.pushcai(&["apps"])?;
    for expected in [
        format!("{GOOD} is handled by exec:good: idle"),
        format!("{FRAGILE} is handled by exec:fragile: "),
    ] {
        assert!(apps.output.contains(&expected), "{expected}: {apps:?}");
    }
    let metrics = stage.daemon.pushcai(&["metrics"])?.output;
    let value = |name: &str| {
        let mut lines = metrics.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        value.unwrap_or_default()
    };
    assert_eq!(
        value("pushcai_handled_total{scheme=\"exec\",outcome=\"exit status 0\"}"),
        1,
        "{metrics}"
    );
    assert!(
        value("pushcai_handlers_failed_total{scheme=\"exec\"}") >= 2,
        "{metrics}"
    );
    assert!(
        value("pushcai_handlers_activated_total{scheme=\"exec\"}") >= 3,
        "{metrics}"
    );
    assert_eq!(value("pushcai_watchers"), 1, "{metrics}");
    Ok(())
}
