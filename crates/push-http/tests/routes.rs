//! Every route over a Unix socket, and every way to ask wrongly.

mod common;

use common::{Fake, FakeEvent, Served, request, settings};
use push_api::{Reason, Refusal};
use push_http::HttpSettings;
use serde_json::json;

const REGISTER: &str = r#"{"pushApplicationID":"x-wap-application:mms.ua"}"#;

#[tokio::test]
async fn an_application_registers_is_listed_and_deregisters() {
    let served = Served::unix(settings());
    let answer = served.ask("POST", "/v1/registrations", REGISTER).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("server").unwrap().starts_with("pushcai/"));
    assert_eq!(answer.json()["result"], "success");
    assert_eq!(answer.json()["servers"][0]["state"], "rejected");

    let list = served.ask("GET", "/v1/registrations", "").await;
    assert_eq!(list.status, 200);
    let uid = rustix::process::geteuid().as_raw();
    let owner = list.json()[0]["owner"].as_str().unwrap().to_owned();
    assert!(owner.starts_with(&format!("uid:{uid}")), "{owner}");

    let target = "/v1/registrations?pushApplicationID=x-wap-application%3Amms.ua&force=true";
    let gone = served.ask("DELETE", target, "").await;
    assert_eq!(
        (gone.status, &gone.json()["result"]),
        (200, &json!("success"))
    );
    let again = served.ask("DELETE", target, "").await;
    assert_eq!(again.status, 404);
    assert_eq!(again.problem()["reason"], "notRegistered");
    assert_eq!(again.problem()["option"], "pushApplicationID");
}

//= specs/push-cai.md#failed-registration
//= type=test
//# A registration that fails, whatever the cause, MUST be answered with a response that gives the application a fitting reason.
//= specs/push-cai.md#answer-to-a-deregistration
//= type=test
//# A deregistration that fails, whatever the cause, MUST be answered with a response that gives the application a fitting reason.
#[tokio::test]
async fn every_refusal_has_its_status_on_every_route() {
    let served = Served::unix(settings());
    for (reason, status) in Reason::ALL
        .into_iter()
        .zip([400, 409, 404, 422, 409, 403, 429, 502, 504, 507])
    {
        served.fake.state().refusal = Some(Refusal::of_option(reason, "Accept", "for a test"));
        for (method, target, body) in [
            ("POST", "/v1/registrations", REGISTER),
            ("DELETE", "/v1/registrations?pushApplicationID=4", ""),
            ("GET", "/v1/registrations", ""),
            ("GET", "/v1/events", ""),
            ("GET", "/v1/events?fetch=1", ""),
            (
                "POST",
                "/v1/events/0000000000000001/ack",
                r#"{"outcome":"later"}"#,
            ),
            ("POST", "/v1/events/ack", "[]"),
            ("GET", "/v1/dead-letters", ""),
            ("POST", "/v1/dead-letters", r#"{"fate":"drop","all":true}"#),
            ("GET", "/v1/watch", ""),
            ("GET", "/v1/status", ""),
            ("GET", "/v1/servers", ""),
            ("POST", "/v1/explain", "{}"),
            (
                "POST",
                "/v1/submit",
                r#"{"kind":"tpdu","content":["AQ=="]}"#,
            ),
        ] {
            let answer = served.ask(method, target, body).await;
            assert_eq!(answer.status, status, "{method} {target} {reason}");
            let problem = answer.problem();
            assert_eq!(problem["reason"], reason.as_str());
            assert_eq!(problem["option"], "Accept");
            assert_eq!(problem["detail"], "for a test");
        }
    }
}

#[tokio::test]
async fn events_are_acknowledged_one_by_one_and_together() {
    let served = Served::unix(settings());
    let one = r#"{"outcome":"later"}"#;
    let answer = served
        .ask("POST", "/v1/events/0000000000000001/ack", one)
        .await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"acknowledged": 1}))
    );
    let unknown = served.ask("POST", "/v1/events/nope/ack", one).await;
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.problem()["reason"], "notRegistered");

    let several =
        r#"[{"id":"0000000000000002","outcome":"accepted"},{"id":"x","outcome":"rejected"}]"#;
    let answer = served.ask("POST", "/v1/events/ack", several).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
        json!({"acknowledged": 1, "refused": [["x", "notRegistered", "`x` is no event of yours"]]})
    );
    let acknowledged = served.fake.state().acknowledged.clone();
    assert_eq!(acknowledged.len(), 2);
    assert_eq!(acknowledged[0].outcome, push_api::Outcome::Later);
}

#[tokio::test]
async fn the_client_tells_of_itself() {
    let served = Served::unix(settings());
    assert_eq!(
        served.ask("GET", "/v1/status", "").await.json()["counters"]["pushes"],
        3
    );
    let servers = served.ask("GET", "/v1/servers", "").await.json();
    assert_eq!(servers[0]["state"], "confirmed");
    assert_eq!(servers[0]["cpiTag"], "AQIDBA==");
    assert_eq!(
        servers[0]["lastExchange"]["time"],
        "2023-11-14T22:13:20.123Z"
    );
    let explained = served
        .ask(
            "POST",
            "/v1/explain",
            r#"{"pushApplicationID":"4","port":2948}"#,
        )
        .await;
    assert_eq!(
        explained.json()["explanation"]["verdict"],
        "noSuchApplication"
    );
    let metrics = served.ask("GET", "/metrics", "").await;
    assert!(metrics.text().ends_with("# EOF\n"));
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    let openapi = served.ask("GET", "/v1/openapi.yaml", "").await;
    assert_eq!(openapi.header("content-type"), Some("application/yaml"));
    assert_eq!(openapi.text(), push_api::OPENAPI);
}

#[tokio::test]
async fn head_is_get_without_a_body_and_takes_no_events() {
    let served = Served::unix(settings());
    served.fake.push([FakeEvent::new(1, b"a")]);
    let mut client = served.connect().await;
    for target in ["/v1/status", "/v1/events", "/v1/events?fetch=5", "/metrics"] {
        let answer = client.ask("HEAD", target, "").await;
        assert_eq!(answer.status, 200, "{target}");
    }
    let state = served.fake.state();
    assert_eq!(
        (
            state.waiting.len(),
            state.subscriptions.len(),
            state.fetches.len()
        ),
        (1, 0, 0)
    );
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_say_what_would_work() {
    let served = Served::unix(settings());
    let missing = served.ask("GET", "/v1/registration", "").await;
    assert_eq!(missing.status, 404);
    assert_eq!(
        missing.detail(),
        "there is nothing at /v1/registration; did you mean /v1/registrations?"
    );
    let wrong = served.ask("PUT", "/v1/registrations", "{}").await;
    assert_eq!(wrong.status, 405);
    assert_eq!(wrong.header("allow"), Some("GET, POST, DELETE, HEAD"));
    assert_eq!(
        wrong.detail(),
        "/v1/registrations does not take PUT; it takes GET, POST, DELETE, HEAD"
    );
    let wrong = served.ask("GET", "/v1/events/1/ack", "").await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")));
}

#[tokio::test]
async fn parameters_are_read_strictly() {
    let served = Served::unix(settings());
    for (method, target, detail) in [
        (
            "GET",
            "/v1/status?verbose=1",
            "unknown parameter `verbose`; none is taken here",
        ),
        (
            "GET",
            "/v1/events?fetsh=1",
            "unknown parameter `fetsh`; did you mean `fetch`?",
        ),
        (
            "GET",
            "/v1/events?fetch=0",
            "`fetch=0`: a whole number from 1 to 1000 is taken",
        ),
        (
            "GET",
            "/v1/events?fetch=1001",
            "`fetch=1001`: a whole number from 1 to 1000 is taken",
        ),
        (
            "GET",
            "/v1/events?fetch=1&wait=-1",
            "`wait=-1`: a whole number from 0 to 300 is taken",
        ),
        (
            "GET",
            "/v1/events?fetch=1&fetch=2",
            "the parameter `fetch` is given twice",
        ),
        (
            "GET",
            "/v1/events?window=0",
            "`window=0`: a whole number from 1 to 4294967295 is taken",
        ),
        (
            "GET",
            "/v1/events?wait=1",
            "`wait` goes with `fetch`; a stream waits for as long as it is open",
        ),
        (
            "GET",
            "/v1/events?fetch=1&window=1",
            "`window` is for streams; with `fetch`, the number fetched bounds what is under way",
        ),
        (
            "GET",
            "/v1/events?pushApplicationID=",
            "the parameter `pushApplicationID` has no value",
        ),
        (
            "GET",
            "/v1/events?pushApplicationID=%f",
            "`%f` in the query is no percent-encoded UTF-8 text",
        ),
        (
            "DELETE",
            "/v1/registrations",
            "the parameter `pushApplicationID` is missing; for example `?pushApplicationID=x-wap-application:mms.ua`",
        ),
        (
            "DELETE",
            "/v1/registrations?pushApplicationID=4&force=yes",
            "`force=yes`: `true` or `false` is taken",
        ),
        (
            "DELETE",
            "/v1/registrations?pushApplicationId=4",
            "unknown parameter `pushApplicationId`; did you mean `pushApplicationID`?",
        ),
    ] {
        let answer = served.ask(method, target, "").await;
        assert_eq!(
            (answer.status, answer.detail()),
            (400, detail.to_owned()),
            "{target}"
        );
    }
    assert!(
        served.fake.state().callers.is_empty(),
        "nothing of it reached the Push Client"
    );
}

//= specs/push-cai.md#deregistration-request
//= type=test
//# A deregistration that names no pushApplicationID MUST be refused as an invalid request.
#[tokio::test]
async fn a_deregistration_without_its_id_is_refused() {
    let served = Served::unix(settings());
    let answer = served
        .ask("DELETE", "/v1/registrations?force=true", "")
        .await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.problem()["reason"], "invalidRequest");
    assert_eq!(answer.problem()["option"], "pushApplicationID");
}

#[tokio::test]
async fn malformed_json_is_refused_with_its_place() {
    let served = Served::unix(settings());
    let mut client = served.connect().await;
    for (body, option, detail) in [
        (
            "{\n  \"pushApplicationID\": nope}",
            None,
            "the body is no JSON document: expected ident at line 2 column 25",
        ),
        (
            r#"{"pushApplicationID":"4","aplicationID":"a"}"#,
            Some("aplicationID"),
            "unknown field `aplicationID` at line 1 column 39; did you mean `applicationID`?",
        ),
        (
            "{}",
            Some("pushApplicationID"),
            "missing field `pushApplicationID` at line 1 column 2",
        ),
        (
            r#"{"pushApplicationID":"4","connectionProfile":[{"port":[]}]}"#,
            Some("connectionProfile[0].port"),
            "a port is a string or a number at line 1 column 57",
        ),
        (
            "[]",
            None,
            "the body is a list; one JSON object is expected",
        ),
    ] {
        let answer = client.ask("POST", "/v1/registrations", body).await;
        assert_eq!(
            (answer.status, answer.detail()),
            (400, detail.to_owned()),
            "{body}"
        );
        assert_eq!(answer.problem()["option"].as_str(), option);
    }
    client
        .send("POST /v1/explain HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\r\n")
        .await;
    assert_eq!(
        client.answer().await.detail(),
        "the body is empty; a JSON document is expected"
    );
}

#[tokio::test]
async fn a_body_that_is_not_json_by_its_type_is_refused() {
    let served = Served::unix(settings());
    for (headers, given) in [
        ("", "absent"),
        ("Content-Type: text/plain\r\n", "`text/plain`"),
        (
            "Content-Type: application/x-www-form-urlencoded\r\n",
            "`application/x-www-form-urlencoded`",
        ),
    ] {
        let mut client = served.connect().await;
        let head = format!(
            "POST /v1/explain HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: 2\r\n\r\n{{}}"
        );
        client.send(head).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 415);
        assert_eq!(
            answer.detail(),
            format!("Content-Type is {given}; `application/json` is taken (with curl: --json)")
        );
    }
    let mut client = served.connect().await;
    let encoded =
        "Content-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: 2\r\n";
    client
        .send(format!(
            "POST /v1/explain HTTP/1.1\r\nHost: a\r\n{encoded}\r\n{{}}"
        ))
        .await;
    assert_eq!(client.answer().await.status, 415);
    let charset = "Content-Type: Application/JSON; charset=utf-8\r\nContent-Length: 2\r\n";
    let mut client = served.connect().await;
    client
        .send(format!(
            "POST /v1/explain HTTP/1.1\r\nHost: a\r\n{charset}\r\n{{}}"
        ))
        .await;
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_though_the_client_first_writes_it_all() {
    let served = Served::unix(HttpSettings {
        max_body_octets: 1000,
        ..settings()
    });
    let fits = format!("{:1000}", "{}");
    assert_eq!(served.ask("POST", "/v1/explain", &fits).await.status, 200);
    let long = format!("{:1001}", "{}");
    let answer = served.ask("POST", "/v1/explain", &long).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.detail(), "the body is over the limit of 1000 octets");
    // The same in chunks, without a length at the front.
    let mut client = served.connect().await;
    client
        .send("POST /v1/explain HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n")
        .await;
    client.send("Transfer-Encoding: chunked\r\n\r\n").await;
    for _ in 0..10 {
        client
            .send(format!("{:x}\r\n{}\r\n", 200, " ".repeat(200)))
            .await;
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 413);
    // Far beyond: the rest is not waited for.
    let mut client = served.connect().await;
    client
        .send("POST /v1/explain HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n")
        .await;
    client
        .send(format!(
            "Content-Length: 16000\r\n\r\n{}",
            " ".repeat(16_000)
        ))
        .await;
    assert_eq!(client.answer().await.status, 413);
    let mut client = served.connect().await;
    client
        .send("POST /v1/explain HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n")
        .await;
    client.send("Content-Length: 16001\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 413);
}

#[tokio::test]
async fn a_body_may_come_in_chunks() {
    let served = Served::unix(settings());
    let mut client = served.connect().await;
    client
        .send("POST /v1/registrations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n")
        .await;
    client.send("Transfer-Encoding: chunked\r\n\r\n").await;
    for part in [r#"{"pushAppl"#, r#"icationID":"#, r#""4"}"#] {
        client.send(format!("{:x}\r\n{part}\r\n", part.len())).await;
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 201);
    assert!(served.fake.state().registrations.contains_key("4"));
}

#[tokio::test]
async fn requests_sent_at_once_are_answered_in_order() {
    let served = Served::unix(settings());
    let mut client = served.connect().await;
    let asked = ["/v1/status", "/v1/nothing", "/v1/servers", "/metrics"];
    let mut requests: String = asked
        .iter()
        .map(|target| request("GET", target, "", ""))
        .collect();
    requests.push_str(&request("POST", "/v1/registrations", "", REGISTER));
    client.send(requests).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(client.answer().await.status);
    }
    assert_eq!(statuses, [200, 404, 200, 200, 201]);
}

#[tokio::test]
async fn a_client_may_ask_leave_before_it_sends_its_body() {
    let served = Served::unix(settings());
    let mut client = served.connect().await;
    client
        .send("POST /v1/explain HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n")
        .await;
    client
        .send("Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(client.head().await.status, 100);
    client.send("{}").await;
    assert_eq!(client.answer().await.status, 200);
}

/// The octets that `curl --unix-socket PATH http://localhost/v1/registrations --json …` sends.
#[tokio::test]
async fn what_curl_sends_is_served() {
    let served = Served::unix(settings());
    let mut client = served.connect().await;
    client
        .send(
            "POST /v1/registrations HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.14.1\r\nContent-Type: \
             application/json\r\nAccept: application/json\r\nContent-Length: 25\r\n\r\n{\"pushApplicationID\":\"4\"}",
        )
        .await;
    assert_eq!(client.answer().await.status, 201);
    client.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
}

#[tokio::test]
async fn what_is_no_http_ends_the_connection() {
    let served = Served::unix(settings());
    for octets in [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "HELLO WORLD\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut client = served.connect().await;
        client.send(octets).await;
        if let Some(head) = client.up_to(b"\r\n\r\n").await {
            assert!(
                head.starts_with(b"HTTP/1.1 4") || head.starts_with(b"HTTP/1.1 5"),
                "{head:?}"
            );
        }
        assert!(client.ended().await);
    }
    assert_eq!(served.ask("GET", "/v1/status", "").await.status, 200);
}

#[tokio::test]
async fn a_head_over_the_limit_is_refused() {
    let served = Served::unix(HttpSettings {
        max_header_octets: 8192,
        ..settings()
    });
    let mut client = served.connect().await;
    let long = format!("X-Long: {}\r\n", "a".repeat(9000));
    client.send(request("GET", "/v1/status", &long, "")).await;
    assert_eq!(client.head().await.status, 431);
}

#[tokio::test]
async fn the_fake_is_asked_as_its_caller() {
    let served = Served::unix(settings());
    served.ask("GET", "/v1/status", "").await;
    let fake: &Fake = &served.fake;
    let caller = fake.state().callers[0].clone();
    assert!(
        caller.administrator,
        "the tests run as the server's own user"
    );
}
