//! Pushes by MESSAGE, and which terminal they go to.

use push_lab::sip::{
    Serves, SipCoreBehaviour, SipEvent, SipManner, SipPush, SipPushServerBehaviour, SipWay,
};

use crate::terminal::{SERVER, Terminal, core, server};

const ALICE: &str = "sip:alice@lab.example";

fn push() -> SipPush {
    SipPush::new("text/plain", *b"hello").application("x-wap-application:ulp.ua")
}

#[tokio::test]
async fn a_push_goes_to_the_terminal_that_takes_it_and_its_answer_comes_back() {
    let core = core().await;
    let server = server(&core).await;
    let mut terminal = Terminal::new(core.address(), "alice").await;
    terminal
        .registered(";+g.oma.pusheventapp=\"mms.ua,ulp.ua\"")
        .await;
    for status in [200, 202, 403, 415, 480, 486] {
        let answering = async {
            let request = terminal.next("MESSAGE").await;
            terminal.answer(&request, status).await;
            request
        };
        let manner = SipManner::default();
        let push = push().header("X-Wap-Application-Id", "ulp.ua");
        let (result, request) = tokio::join!(server.push(ALICE, &push, &manner), answering);
        assert_eq!(result.status, status);
        assert_eq!(result.is_accepted(), status < 300);
        assert_eq!(request.uri(), terminal.contact());
        assert_eq!(request.body, b"hello");
        let asserted = request.get("P-Asserted-Identity");
        assert_eq!(asserted, Some("<sip:push@lab.example>"));
        let row = "*;+g.oma.pusheventapp=\"ulp.ua\";require;explicit";
        assert_eq!(request.get("Accept-Contact"), Some(row));
        assert_eq!(request.get("Max-Forwards"), Some("69"));
        assert_eq!(request.all("Via").count(), 2);
    }
    let nobody = SipPush::new("text/plain", *b"x").application("other.ua");
    let result = server.push(ALICE, &nobody, &SipManner::default()).await;
    assert_eq!(result.status, 480);
    let result = server
        .push("sip:bob@lab.example", &push(), &SipManner::default())
        .await;
    assert_eq!(result.status, 480);
}

#[tokio::test]
async fn an_instance_chooses_between_terminals_and_without_one_all_ring() {
    let core = core().await;
    let server = server(&core).await;
    let mut one = Terminal::new(core.address(), "alice").await;
    let mut other = Terminal::new(core.address(), "alice").await;
    let tags =
        |name: &str| format!(";+g.oma.pusheventapp=\"ulp.ua\";+g.3gpp.iari-ref=\"urn%3A{name}\"");
    one.registered(&tags("one")).await;
    other.registered(&tags("other")).await;
    let wanted = push().instance("urn:other");
    let manner = SipManner::default();
    let answering = async {
        let request = other.next("MESSAGE").await;
        other.answer(&request, 200).await;
    };
    let (result, ()) = tokio::join!(server.push(ALICE, &wanted, &manner), answering);
    assert_eq!(result.status, 200);
    // Both get it, and the best answer counts.
    let answering = async {
        let request = one.next("MESSAGE").await;
        one.answer(&request, 480).await;
        let request = other.next("MESSAGE").await;
        other.answer(&request, 200).await;
    };
    let both = push();
    let (result, ()) = tokio::join!(server.push(ALICE, &both, &manner), answering);
    assert_eq!(result.status, 200);
}

#[tokio::test]
async fn only_push_servers_are_asserted_and_strangers_reach_terminals_without() {
    let core = core().await;
    let server = server(&core).await;
    let mut terminal = Terminal::new(core.address(), "alice").await;
    terminal.registered(";+g.oma.pusheventapp=\"ulp.ua\"").await;
    let mut stranger = Terminal::new(core.address(), "mallory").await;
    let forged = stranger
        .request("MESSAGE", ALICE)
        .with("P-Asserted-Identity", format!("<{SERVER}>"))
        .with_body("text/plain", *b"x");
    stranger.send(&forged).await;
    let request = terminal.next("MESSAGE").await;
    assert_eq!(request.get("P-Asserted-Identity"), None);
    terminal.answer(&request, 403).await;
    assert_eq!(stranger.next("MESSAGE").await.status(), 403);
    // Past the core.
    let manner = SipManner {
        straight: Some(terminal.address()),
        asserted: Some("<sip:other@lab.example>".to_owned()),
        ..SipManner::default()
    };
    let answering = async {
        let request = terminal.next("MESSAGE").await;
        let answer = request.reply(403, "x").encode();
        let to = server.address();
        terminal.socket.send_to(&answer, to).await.unwrap();
        request
    };
    let push = push();
    let (result, request) = tokio::join!(server.push(ALICE, &push, &manner), answering);
    assert_eq!(result.status, 403);
    let asserted = request.get("P-Asserted-Identity");
    assert_eq!(asserted, Some("<sip:other@lab.example>"));
}

#[tokio::test]
async fn terminals_tell_what_they_take_and_are_told_what_is_served() {
    let core = core().await;
    let server = server(&core).await;
    server.behave(SipPushServerBehaviour {
        serves: Serves::AllBut(vec!["MMS.ua".to_owned()]),
        ..SipPushServerBehaviour::default()
    });
    let mut terminal = Terminal::new(core.address(), "alice").await;
    let tags = ";+g.oma.pusheventapp=\"mms.ua,ulp.ua\"";
    terminal.registered(tags).await;
    core.behave(SipCoreBehaviour {
        challenge_requests: true,
        ..SipCoreBehaviour::default()
    });
    let contact = format!("<{}>{tags}", terminal.contact());
    let options = |terminal: &mut Terminal| {
        terminal
            .request("OPTIONS", SERVER)
            .with("Route", format!("<sip:{};lr>", terminal.core))
            .with("P-Preferred-Identity", "<sip:alice@lab.example>")
            .with("Contact", contact.clone())
            .with("Accept", "text/plain, image/*")
            .with("Allow", "MESSAGE, OPTIONS")
            .with("User-Agent", "push-client/OMA1.0 a/b")
    };
    let request = options(&mut terminal);
    terminal.send(&request).await;
    let answer = terminal.next("OPTIONS").await;
    assert_eq!(answer.status(), 407);
    let challenge = answer.get("Proxy-Authenticate").unwrap();
    let who = ("alice", crate::terminal::PASSWORD);
    let shown = crate::terminal::proof(challenge, who, ("OPTIONS", SERVER), 1);
    let request = options(&mut terminal).with("Proxy-Authorization", shown);
    terminal.send(&request).await;
    let answer = terminal.next("OPTIONS").await;
    assert_eq!(answer.status(), 200);
    let contact = answer.address("Contact").unwrap();
    assert_eq!(contact.param("+g.oma.pusheventapp"), Some("ulp.ua"));
    assert_eq!(server.told("mms.ua").await.unwrap(), ALICE);
    let known = server.terminals();
    assert_eq!(known[0].accept, ["text/plain", "image/*"]);
    assert_eq!(known[0].allow, ["MESSAGE", "OPTIONS"]);
    assert_eq!(known[0].user_agent, "push-client/OMA1.0 a/b");
    // The other way round.
    let answering = async {
        let request = terminal.next("OPTIONS").await;
        let answer = request
            .reply(200, "own")
            .with("Contact", format!("<{}>{tags}", terminal.contact()))
            .with("Accept", "text/plain");
        terminal.send(&answer).await;
    };
    let ((status, told), ()) = tokio::join!(server.ask(ALICE), answering);
    assert_eq!(status, 200);
    assert_eq!(
        told.unwrap().capabilities.applications,
        ["mms.ua", "ulp.ua"]
    );
}

#[tokio::test]
async fn what_is_lost_is_sent_again_and_what_came_twice_is_answered_alike() {
    let core = core().await;
    let server = server(&core).await;
    let mut terminal = Terminal::new(core.address(), "alice").await;
    terminal.registered(";+g.oma.pusheventapp=\"ulp.ua\"").await;
    core.behave(SipCoreBehaviour {
        way: SipWay {
            lose_sent: 2,
            ..SipWay::default()
        },
        ..SipCoreBehaviour::default()
    });
    let answering = async {
        loop {
            let request = terminal.next("MESSAGE").await;
            terminal.answer(&request, 200).await;
        }
    };
    let manner = SipManner {
        copies: 3,
        ..SipManner::default()
    };
    let push = push();
    tokio::select! {
        result = server.push(ALICE, &push, &manner) => assert_eq!(result.status, 200),
        () = answering => {}
    }
    let again = core.once(|event| matches!(event, SipEvent::Repeated { .. }).then_some(()));
    again.await.unwrap();
}
