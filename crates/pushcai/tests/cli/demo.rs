//! `pushcai demo`, with a real Push Client.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::run::pushcai;

fn steps<'a>(all: &'a [Value], step: &str) -> Vec<&'a Value> {
    all.iter().filter(|value| value["step"] == step).collect()
}

#[test]
fn the_demo_shows_the_whole_road() {
    let run = pushcai(&["demo", "--json"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let all: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let registered = steps(&all, "registered");
    assert_eq!(registered.len(), 4);
    for step in registered {
        for server in step["servers"].as_array().unwrap() {
            let state = server["state"].as_str().unwrap();
            match server["protocol"].as_str().unwrap() {
                "OTA-HTTP" => assert!(["announced", "confirmed"].contains(&state), "{state}"),
                protocol => assert_eq!((protocol, state), ("OTA-SIP", "confirmed")),
            }
        }
    }
    assert_eq!(steps(&all, "pushed").len(), 7);
    let events = steps(&all, "event");
    let types: Vec<_> = events
        .iter()
        .map(|event| &event["event"]["contentType"])
        .collect();
    assert_eq!(
        types,
        [
            "application/vnd.wap.mms-message",
            "application/json",
            "text/plain",
            "application/json",
            "application/vnd.wap.mms-message",
            "text/plain",
            "image/jpeg"
        ]
    );
    let protocols: BTreeSet<_> = events
        .iter()
        .map(|event| event["event"]["protocol"].as_str().unwrap())
        .collect();
    assert_eq!(
        protocols,
        BTreeSet::from(["OTA-HTTP", "OTA-SIP", "OTA-WSP"])
    );
    assert_eq!(
        events[2]["event"]["pushApplicationID"],
        "x-example.net:news"
    );
    assert_eq!(
        events[0]["event"]["pushApplicationID"],
        "x-wap-application:mms.ua"
    );
    assert_eq!(events[1]["event"]["content"], "eyJyZWFkaW5nIjo0Mn0=");
    // What has to be written down first is judged a little later than the rest.
    let refused = steps(&all, "refused").into_iter();
    let verdicts: BTreeSet<_> = refused
        .map(|step| step["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(
        verdicts,
        BTreeSet::from(["contentType", "held", "malformed", "serverNotListed"])
    );
    assert_eq!(steps(&all, "duplicates")[0]["count"], 1);
    assert_eq!(
        steps(&all, "acknowledged")[0]["ids"]
            .as_array()
            .unwrap()
            .len(),
        7
    );
    assert_eq!(steps(&all, "deregistered").len(), 4);
    assert_eq!(all.last().unwrap()["step"], "ended");
    let socket = all[0]["socket"].as_str().unwrap();
    assert!(!std::path::Path::new(socket).parent().unwrap().exists());
}

#[test]
fn the_demo_has_a_gateway_that_pushes_by_http() {
    let run = pushcai(&["demo", "--json"]);
    let all: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let server = &steps(&all, "known")[0]["server"];
    assert_eq!(server["id"], "ppg.example.net");
    assert_eq!(server["state"], "confirmed");
    assert_eq!(server["cpiTag"].as_str().unwrap().len(), 8);
    assert_eq!(server["lastExchange"]["method"], "OPTIONS");
    let posted: Vec<_> = steps(&all, "posted")
        .into_iter()
        .map(|step| {
            let status = step["pushStatus"].as_str().unwrap();
            (step["way"].as_str().unwrap(), &status[..3])
        })
        .collect();
    assert_eq!(posted, [("PO-TCP", "400"), ("TO-TCP", "238")]);
    assert_eq!(steps(&all, "invited").len(), 1);
    assert_eq!(steps(&all, "called").len(), 1);
    assert!(
        steps(&all, "posted")
            .iter()
            .all(|step| step["status"] == 204)
    );
}

#[test]
fn the_demo_has_a_push_by_sms_and_one_in_a_session() {
    let run = pushcai(&["demo", "--json"]);
    let all: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let delivered = steps(&all, "shortMessages")[0];
    assert!(delivered["segments"].as_u64().unwrap() > 1);
    assert_eq!(steps(&all, "sessionAsked").len(), 1);
    let opened = steps(&all, "sessionOpened")[0];
    assert_eq!(opened["applications"][0], "x-example.net:meter");
    assert_eq!(steps(&all, "confirmed").len(), 1);
    let roads: Vec<_> = steps(&all, "event")
        .into_iter()
        .map(|step| {
            let event = &step["event"];
            (
                event["protocol"].as_str().unwrap(),
                event["bearer"].as_str().unwrap(),
            )
        })
        .collect();
    let by_sms = roads.iter().filter(|(_, bearer)| *bearer == "GSM-SMS");
    assert_eq!(by_sms.count(), 1, "{roads:?}");
    let in_session = steps(&all, "event").into_iter().any(|step| {
        let event = &step["event"];
        event["ports"]["dest"].is_null() && event["content"] == "eyJyZWFkaW5nIjo0M30="
    });
    assert!(in_session);
}

#[test]
fn the_demo_has_a_small_and_a_large_push_by_sip() {
    const PHOTOS: &str = "x-example.net%3Aphotos";
    let run = pushcai(&["demo", "--json"]);
    let all: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let registered = steps(&all, "registered");
    let servers = registered[3]["servers"].as_array().unwrap();
    let uris: Vec<_> = servers.iter().map(|server| &server["uri"]).collect();
    assert_eq!(uris, ["sip:ims.example.net", "sip:push@ims.example.net"]);
    let bound = steps(&all, "bound")[0];
    assert_eq!(bound["user"], "sip:alice@ims.example.net");
    let applications = bound["applications"].as_array().unwrap();
    assert!(applications.iter().any(|id| id == PHOTOS));
    assert!(bound["seconds"].as_u64().unwrap() > 3_000);
    let sent: Vec<_> = steps(&all, "sent")
        .into_iter()
        .map(|step| (step["way"].as_str().unwrap(), &step["status"]))
        .collect();
    assert_eq!(
        sent,
        [("MESSAGE", &200.into()), ("INVITE and MSRP", &200.into())]
    );
    assert!(steps(&all, "sent")[1]["chunks"].as_u64().unwrap() > 1);
    let by_sip: Vec<_> = steps(&all, "event")
        .into_iter()
        .map(|step| &step["event"])
        .filter(|event| event["protocol"] == "OTA-SIP")
        .collect();
    assert_eq!(by_sip.len(), 2);
    for event in by_sip {
        assert_eq!(event["server"], "sip:push@ims.example.net");
        assert_eq!(event["pushApplicationID"], "x-example.net:photos");
    }
    assert_eq!(steps(&all, "unbound")[0]["application"], PHOTOS);
}

#[test]
fn the_demo_is_told_in_lines_that_teach() {
    let run = pushcai(&["demo"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let words: Vec<_> = run
        .stdout
        .lines()
        .filter_map(|line| line.split("  ").next())
        .collect();
    assert_eq!(
        words,
        [
            "started",
            "registered",
            "registered",
            "registered",
            "registered",
            "known",
            "bound",
            "pushed",
            "pushed",
            "pushed",
            "pushed",
            "pushed",
            "pushed",
            "pushed",
            "posted",
            "invited",
            "called",
            "posted",
            "invited",
            "opened",
            "pushed",
            "delivered",
            "sent",
            "sent",
            "arrived",
            "arrived",
            "arrived",
            "arrived",
            "arrived",
            "arrived",
            "arrived",
            "not arrived",
            "not arrived",
            "not arrived",
            "not arrived",
            "not arrived",
            "not arrived",
            "acknowledged",
            "deregistered",
            "unbound",
            "deregistered",
            "deregistered",
            "deregistered",
            "ended"
        ]
    );
}
