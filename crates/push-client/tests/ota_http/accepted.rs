//! Connections that a gateway opens (PO-TCP).

use push_api::{ExplainRequest, PushService as _, Reason};
use push_client::{Builder, ProfileRequest, RegistrationRequest, StoreSettings};

use crate::bench::{
    Bench, WML, administrator, listening, message, next, options, post, post_head, post_with,
    request, stream,
};

//= specs/ota-http.md#tcp-connections
//= type=test
//# The terminal MUST take connections without TLS that a gateway opens to it.
#[tokio::test]
async fn a_gateway_registers_and_pushes() {
    let bench = Bench::start(listening());
    let application = bench.register(WML).await;
    let mut events = stream(&application).await;
    let mut gateway = bench.gateway().await;
    let registered = gateway.ask(options("")).await;
    assert_eq!(registered.statuses(), (204, "501"));
    let told = registered.header("x-wap-push-accept-appid");
    assert!(
        told.contains("wml.ua") && told.contains("push.sia"),
        "{told}"
    );
    let tag = registered.header("x-wap-cpitag").to_owned();
    let again = gateway
        .ask(options(&format!("X-Wap-CPITag: {tag}\r\n")))
        .await;
    assert_eq!(again.statuses(), (204, "500"));
    let pushed = gateway.ask(post("hello")).await;
    assert_eq!(pushed.statuses(), (204, "400"));
    let event = next(&mut events).await;
    assert_eq!(event.content(), b"hello");
    assert_eq!(event.content_type(), "text/plain");
    bench.stop().await;
}

#[tokio::test]
async fn another_application_makes_the_former_tag_a_stale_one() {
    let bench = Bench::start(listening());
    let application = bench.register(WML).await;
    let mut events = stream(&application).await;
    let mut gateway = bench.gateway().await;
    let tag = |answer: &crate::bench::Answer| {
        let tag = answer.header("x-wap-cpitag");
        format!("X-Wap-CPITag: {tag}\r\n")
    };
    let former = tag(&gateway.ask(options("")).await);
    assert_eq!(
        gateway.ask(post_with(&former, "one")).await.statuses(),
        (204, "400")
    );
    bench.register("x-wap-application:mms.ua").await;
    let refused = gateway.ask(post_with(&former, "two")).await;
    assert_eq!(refused.statuses(), (204, "256"));
    let present = tag(&refused);
    assert_ne!(present, former);
    let shown = gateway.ask(options(&present)).await;
    assert_eq!(shown.statuses(), (204, "500"));
    let accepted = gateway.ask(post_with(&present, "two")).await;
    assert_eq!(accepted.statuses(), (204, "400"));
    assert_eq!(next(&mut events).await.content(), b"one");
    assert_eq!(next(&mut events).await.content(), b"two");
    assert!(bench.refusals().await.contains(&"cpiTag".to_owned()));
    bench.stop().await;
}

/// The answer to a request that was long in coming is what holds when it goes out: what was told last elsewhere may be later.
//= specs/ota-http.md#cpitag
//= type=test
//# The CPITag MUST be computed anew after a change of any CPI header, before it is told to a gateway.
#[tokio::test]
async fn a_registration_is_answered_with_what_holds_when_it_is_answered() {
    let bench = Bench::start(listening());
    let (mut slow, mut quick) = (bench.gateway().await, bench.gateway().await);
    // Behind an answered request, so that it is known to have been read.
    slow.send(options("") + &options("Content-Length: 2\r\n") + "x")
        .await;
    assert_eq!(slow.answer().await.statuses(), (204, "501"));
    bench.register(WML).await;
    let present = quick.ask(options("")).await;
    let late = slow.ask("x").await;
    assert_eq!(late.statuses(), (204, "501"));
    for name in ["x-wap-cpitag", "x-wap-push-accept-appid"] {
        assert_eq!(late.header(name), present.header(name));
    }
    bench.stop().await;
}

#[tokio::test]
async fn each_refusal_of_a_push_has_its_status() {
    let bench = Bench::start(listening());
    let application = bench.client.application("app");
    let choosy = RegistrationRequest {
        accept: Some("text/vnd.wap.si".to_owned()),
        ..request(WML)
    };
    application.register(choosy).await.unwrap();
    let shy = RegistrationRequest {
        whitelist: vec!["192.0.2.1".to_owned()],
        ..request("x-wap-application:mms.ua")
    };
    application.register(shy).await.unwrap();
    let mut gateway = bench.gateway().await;
    let to = |id: &str| {
        let body = message(id, "text");
        post_head(&format!("Content-Length: {}\r\n", body.len())) + &body
    };
    for (id, status) in [
        ("x-wap-application:loc.ua", "236"),
        (WML, "238"),
        ("x-wap-application:mms.ua", "235"),
    ] {
        assert_eq!(gateway.ask(to(id)).await.statuses(), (204, status), "{id}");
    }
    let counters = bench.status().await.counters;
    assert_eq!(counters.get("httpRequests.POST.236"), Some(&1));
    assert_eq!(
        bench.refusals().await,
        ["serverNotListed", "contentType", "noSuchApplication"]
    );
    bench.stop().await;
}

#[tokio::test]
async fn a_push_by_http_can_be_explained() {
    let bench = Bench::start(listening());
    let http = ProfileRequest {
        protocol: Some("OTA-HTTP".to_owned()),
        bearer_type: None,
        port: None,
    };
    let registration = RegistrationRequest {
        connection_profile: vec![http],
        ..request(WML)
    };
    let application = bench.client.application("app");
    application.register(registration).await.unwrap();
    let explained = async |protocol: Option<&str>, port| {
        let request = ExplainRequest {
            push_application_id: Some(WML.to_owned()),
            protocol: protocol.map(str::to_owned),
            port,
            ..ExplainRequest::default()
        };
        bench.client.explain(administrator(), request).await
    };
    let verdict = async |protocol, port| {
        let answer = explained(protocol, port).await.unwrap();
        answer.explanation.unwrap().verdict
    };
    // By OTA-WSP, on which it is not registered.
    assert_eq!(verdict(None, None).await, "held");
    for protocol in ["OTA-HTTP", "ota-http"] {
        assert_eq!(verdict(Some(protocol), None).await, "accepted");
    }
    let port = bench.address().port();
    assert_eq!(verdict(Some("OTA-HTTP"), Some(port)).await, "accepted");
    let wrong = explained(Some("OTA-FTP"), None).await.unwrap_err();
    assert_eq!(wrong.option, Some("protocol"));
    bench.stop().await;
}

#[tokio::test]
async fn the_client_answers_for_session_initiation_itself() {
    let bench = Bench::start(listening());
    let application = bench.client.application("app");
    let refusal = application
        .register(request("x-wap-application:push.sia"))
        .await
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::AlreadyRegistered);
    bench.stop().await;
}

#[tokio::test]
async fn an_application_may_ask_for_the_port_of_one_listener() {
    let bench = Bench::start(listening());
    let profile = |port: u16| ProfileRequest {
        protocol: Some("OTA-HTTP".to_owned()),
        bearer_type: None,
        port: Some(port.to_string()),
    };
    let registration = |port| RegistrationRequest {
        connection_profile: vec![profile(port)],
        ..request(WML)
    };
    let application = bench.client.application("app");
    let port = bench.address().port();
    let refusal = application
        .register(registration(port ^ 1))
        .await
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::OptionNotAvailable);
    application.register(registration(port)).await.unwrap();
    let mut gateway = bench.gateway().await;
    assert_eq!(gateway.ask(post("here")).await.statuses(), (204, "400"));
    bench.stop().await;
}

#[tokio::test]
async fn requests_in_one_piece_are_answered_in_order() {
    let bench = Bench::start(listening());
    bench.register(WML).await;
    let mut gateway = bench.gateway().await;
    let elsewhere = "GET /elsewhere HTTP/1.1\r\nHost:\r\n\r\n";
    let all = [
        &post("one"),
        elsewhere,
        &options(""),
        &post("two"),
        elsewhere,
        &post("three"),
    ]
    .concat();
    gateway.send(all).await;
    for expected in [
        (204, "400"),
        (404, "none"),
        (204, "501"),
        (204, "400"),
        (404, "none"),
        (204, "400"),
    ] {
        assert_eq!(gateway.answer().await.statuses(), expected);
    }
    bench.stop().await;
}

#[tokio::test]
async fn a_connection_ends_where_the_gateway_says_so() {
    let bench = Bench::start(listening());
    bench.register(WML).await;
    let mut gateway = bench.gateway().await;
    let closing = gateway
        .ask(post_with("Connection: close\r\n", "last"))
        .await;
    assert_eq!(closing.statuses(), (204, "400"));
    gateway.ended().await;
    let mut gateway = bench.gateway().await;
    let old = post("old").replace("HTTP/1.1\r\nHost:", "HTTP/1.0\r\nHost:");
    assert_eq!(gateway.ask(old).await.statuses(), (204, "400"));
    gateway.ended().await;
    bench.stop().await;
}

#[tokio::test]
async fn there_is_one_resource_with_two_methods() {
    let bench = Bench::start(listening());
    let mut gateway = bench.gateway().await;
    let other = gateway
        .ask("DELETE /wappush HTTP/1.1\r\nHost:\r\n\r\n")
        .await;
    assert_eq!(other.http, 405);
    assert_eq!(other.header("allow"), "OPTIONS, POST");
    let get = gateway.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(get.http, 404);
    let all = gateway
        .ask("OPTIONS * HTTP/1.1\r\nHost:\r\nX-Wap-Push-OTA-Version: 1.0\r\n\r\n")
        .await;
    assert_eq!(all.statuses(), (204, "501"));
    bench.stop().await;
}

#[tokio::test]
async fn who_waits_for_a_word_before_the_body_gets_it() {
    let bench = Bench::start(listening());
    bench.register(WML).await;
    let mut gateway = bench.gateway().await;
    let body = message(WML, "patient");
    let waiting = format!("Expect: 100-continue\r\nContent-Length: {}\r\n", body.len());
    assert_eq!(gateway.ask(post_head(&waiting)).await.http, 100);
    assert_eq!(gateway.ask(body).await.statuses(), (204, "400"));
    // Who is refused does not have to send its body.
    let long = "Expect: 100-continue\r\nContent-Length: 1073741824\r\n";
    let refused = gateway.ask(post_head(long)).await;
    assert_eq!(refused.statuses(), (413, "235"));
    gateway.ended().await;
    let mut gateway = bench.gateway().await;
    let elsewhere = post_head(&waiting).replace("/wappush", "/elsewhere");
    assert_eq!(gateway.ask(elsewhere).await.http, 404);
    gateway.ended().await;
    bench.stop().await;
}

#[tokio::test]
async fn bodies_come_in_chunks_too_and_have_a_limit() {
    let bench = Bench::start(listening());
    let application = bench.register(WML).await;
    let mut events = stream(&application).await;
    let mut gateway = bench.gateway().await;
    gateway
        .send(post_head("Transfer-Encoding: chunked\r\n"))
        .await;
    for piece in message(WML, "in pieces").as_bytes().chunks(7) {
        let size = format!("{:x}\r\n", piece.len());
        gateway
            .send([size.as_bytes(), piece, b"\r\n"].concat())
            .await;
    }
    assert_eq!(gateway.ask("0\r\n\r\n").await.statuses(), (204, "400"));
    assert_eq!(next(&mut events).await.content(), b"in pieces");
    gateway
        .send(post_head("Transfer-Encoding: chunked\r\n"))
        .await;
    let long = "a".repeat(70_000);
    let too_long = gateway
        .ask(format!("{:x}\r\n{long}\r\n0\r\n\r\n", long.len()))
        .await;
    assert_eq!(too_long.statuses(), (413, "235"));
    gateway.ended().await;
    let mut gateway = bench.gateway().await;
    let announced = gateway
        .ask(post_head("Content-Length: 1073741824\r\n"))
        .await;
    assert_eq!(announced.statuses(), (413, "235"));
    gateway.ended().await;
    assert_eq!(bench.refusals().await, ["messageTooLong"; 2]);
    bench.stop().await;
}

#[tokio::test]
async fn an_answer_comes_after_the_judgement_and_a_broken_one_makes_the_next_push_a_duplicate() {
    let bench = Bench::start(listening());
    let application = bench.register(WML).await;
    let mut events = stream(&application).await;
    let mut first = bench.gateway().await;
    let mut second = bench.gateway().await;
    // Both connections are served before nothing is judged any more.
    assert_eq!(first.ask(options("")).await.http, 204);
    assert_eq!(second.ask(options("")).await.http, 204);
    bench.hold(true);
    first.send(post("once")).await;
    // By the time that later requests are answered, which nobody has to judge, this one is with the engine.
    for _ in 0..3 {
        let elsewhere = second.ask("GET / HTTP/1.1\r\nHost:\r\n\r\n").await;
        assert_eq!(elsewhere.http, 404);
    }
    drop(first);
    // The same for the end of the connection.
    for _ in 0..3 {
        let elsewhere = second.ask("GET / HTTP/1.1\r\nHost:\r\n\r\n").await;
        assert_eq!(elsewhere.http, 404);
    }
    second.send(post("once")).await;
    bench.hold(false);
    assert_eq!(second.answer().await.statuses(), (204, "400"));
    assert_eq!(next(&mut events).await.content(), b"once");
    let counters = bench.status().await.counters;
    assert_eq!(counters.get("pushes.accepted"), Some(&1));
    assert_eq!(counters.get("pushes.duplicate"), Some(&1));
    // Equal content after an answer is a push of its own.
    assert_eq!(second.ask(post("once")).await.statuses(), (204, "400"));
    assert_eq!(next(&mut events).await.content(), b"once");
    bench.stop().await;
}

#[tokio::test]
async fn no_more_pushes_are_under_way_than_was_said() {
    let mut settings = listening();
    settings.cpi.max_push_requests = 1;
    let bench = Bench::start(settings);
    bench.register(WML).await;
    let (mut slow, mut quick) = (bench.gateway().await, bench.gateway().await);
    let whole = post("slow");
    let (most, rest) = whole.split_at(whole.len() - 1);
    // Behind an answered request, so that it is known to have been read.
    slow.send([&options(""), most].concat()).await;
    assert_eq!(slow.answer().await.http, 204);
    assert_eq!(quick.ask(post("quick")).await.statuses(), (204, "237"));
    assert_eq!(slow.ask(rest).await.statuses(), (204, "400"));
    assert_eq!(quick.ask(post("again")).await.statuses(), (204, "400"));
    assert_eq!(bench.refusals().await, ["maxPushRequests"]);
    bench.stop().await;
}

#[tokio::test]
async fn a_store_that_cannot_write_has_no_room() {
    let directory = tempfile::tempdir().unwrap();
    let store = StoreSettings {
        max_pages: Some(96),
        ..StoreSettings::default()
    };
    let builder = Builder::new()
        .store(directory.path().join("push.db"))
        .store_settings(store);
    let bench = Bench::start_with(builder, listening());
    bench.register(WML).await;
    let mut gateway = bench.gateway().await;
    let text = "r".repeat(8_000);
    let mut accepted = 0;
    let refused = loop {
        let answer = gateway.ask(post(&text)).await;
        if answer.push_status() != "400" {
            break answer;
        }
        accepted += 1;
        assert!(accepted < 200, "the store never gets full");
    };
    assert_eq!(refused.statuses(), (204, "237"));
    assert_eq!(bench.status().await.waiting_events, accepted);
    bench.stop().await;
}

#[tokio::test]
async fn what_is_under_way_at_the_end_is_answered() {
    let directory = tempfile::tempdir().unwrap();
    let builder = Builder::new().store(directory.path().join("push.db"));
    let bench = Bench::start_with(builder, listening());
    bench.register(WML).await;
    let (mut busy, mut idle) = (bench.gateway().await, bench.gateway().await);
    assert_eq!(idle.ask(options("")).await.http, 204);
    let whole = post("in time");
    let (most, rest) = whole.split_at(whole.len() - 1);
    busy.send([&options(""), most].concat()).await;
    assert_eq!(busy.answer().await.http, 204);
    bench.client.shut_down().await;
    idle.ended().await;
    let answer = busy.ask(rest).await;
    assert_eq!(answer.statuses(), (204, "400"));
    assert_eq!(answer.header("connection"), "close");
    busy.ended().await;
    bench.stop().await;
}
