//! Who is registered, with what, and for how long.

use push_lab::sip::{SipAlgorithm, SipCore, SipCoreBehaviour, SipCoreSettings, SipEvent};

use crate::terminal::{DOMAIN, PASSWORD, TIMERS, Terminal, core, proof};

const MMS: &str = ";+g.oma.pusheventapp=\"mms.ua\"";

#[tokio::test]
async fn a_terminal_registers_with_its_password() {
    let core = core().await;
    let mut terminal = Terminal::new(core.address(), "alice").await;
    let instance = ";+sip.instance=\"<urn:uuid:1>\";+g.oma.pusheventapp=\"mms.ua,ulp.ua\";+g.3gpp.iari-ref=\"urn%3Aa\";expires=90";
    let answer = terminal.registered(instance).await;
    assert_eq!(answer.status(), 200);
    let contact = answer.address("Contact").unwrap();
    assert_eq!(contact.uri, terminal.contact());
    assert_eq!(contact.param("expires"), Some("90"));
    assert_eq!(contact.param("+g.oma.pusheventapp"), None);
    let gruu = contact.param("pub-gruu");
    assert_eq!(gruu, Some("sip:alice@lab.example;gr=urn:uuid:1"));
    let route = answer.get("Service-Route").unwrap();
    assert_eq!(route, format!("<sip:{};lr>", core.address()));
    let (user, capabilities) = core.registered("ulp.ua").await.unwrap();
    assert_eq!(user, "sip:alice@lab.example");
    assert_eq!(capabilities.applications, ["mms.ua", "ulp.ua"]);
    assert_eq!(capabilities.instances, ["urn:a"]);
    let answer = terminal.registered(";expires=0").await;
    assert_eq!((answer.status(), answer.get("Contact")), (200, None));
    assert!(core.bindings().is_empty());
    let gone = core.once(|event| matches!(event, SipEvent::Deregistered { .. }).then_some(()));
    gone.await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_a_stale_nonce_is_told() {
    let core = SipCore::start(SipCoreSettings {
        timers: TIMERS,
        algorithms: vec![SipAlgorithm::Sha256, SipAlgorithm::Md5],
        behaviour: SipCoreBehaviour {
            nonce_uses: Some(1),
            ..SipCoreBehaviour::default()
        },
        ..SipCoreSettings::new(DOMAIN, PASSWORD)
    })
    .await
    .unwrap();
    let mut terminal = Terminal::new(core.address(), "bob").await;
    let request = terminal.register(MMS);
    terminal.send(&request).await;
    let answer = terminal.next("REGISTER").await;
    let offered: Vec<_> = answer.all("WWW-Authenticate").map(str::to_owned).collect();
    assert_eq!(offered.len(), 2);
    let uri = "sip:lab.example";
    let cases = [
        (0, "wrong", 1, 401),
        (0, PASSWORD, 1, 200),
        (0, PASSWORD, 2, 401),
    ];
    for (index, password, count, status) in cases {
        let shown = proof(&offered[index], ("bob", password), ("REGISTER", uri), count);
        let request = terminal.register(MMS).with("Authorization", shown);
        terminal.send(&request).await;
        let answer = terminal.next("REGISTER").await;
        assert_eq!(answer.status(), status, "{password} {count}");
        let stale = answer
            .get("WWW-Authenticate")
            .is_some_and(|challenge| challenge.contains("stale=true"));
        assert_eq!(stale, count == 2);
    }
    let mut challenges = Vec::new();
    for event in core.events().drain() {
        if let SipEvent::Challenged { stale, wrong, .. } = event {
            challenges.push((stale, wrong));
        }
    }
    assert_eq!(challenges, [(false, false), (false, true), (true, false)]);
    // MD5 as well.
    terminal.user = "carol".to_owned();
    let request = terminal.register(MMS);
    terminal.send(&request).await;
    let answer = terminal.next("REGISTER").await;
    let challenge = answer.all("WWW-Authenticate").nth(1).unwrap().to_owned();
    let shown = proof(&challenge, ("carol", PASSWORD), ("REGISTER", uri), 1);
    let request = terminal.register(MMS).with("Authorization", shown);
    terminal.send(&request).await;
    assert_eq!(terminal.next("REGISTER").await.status(), 200);
}

#[tokio::test]
async fn lifetimes_have_bounds_and_requests_an_order() {
    let core = core().await;
    core.behave(SipCoreBehaviour {
        challenge_register: false,
        shortest: 60,
        longest: 300,
        tags_in_answer: true,
        service_route: false,
        ..SipCoreBehaviour::default()
    });
    let mut terminal = Terminal::new(core.address(), "alice").await;
    let answer = terminal.registered(";expires=30").await;
    assert_eq!(answer.status(), 423);
    assert_eq!(answer.get("Min-Expires"), Some("60"));
    let answer = terminal.registered(&format!("{MMS};expires=9999")).await;
    let contact = answer.address("Contact").unwrap();
    assert_eq!(contact.param("expires"), Some("300"));
    assert_eq!(contact.param("+g.oma.pusheventapp"), Some("mms.ua"));
    assert_eq!(answer.get("Service-Route"), None);
    let mut old = terminal.register(MMS);
    old.set("CSeq", "1 REGISTER");
    terminal.send(&old).await;
    assert_eq!(terminal.next("REGISTER").await.status(), 500);
    core.behave(SipCoreBehaviour {
        refuse: Some((503, vec![("Retry-After".to_owned(), "7".to_owned())])),
        ..SipCoreBehaviour::default()
    });
    let answer = terminal.registered(MMS).await;
    assert_eq!(
        (answer.status(), answer.get("Retry-After")),
        (503, Some("7"))
    );
    core.forget();
    assert!(core.bindings().is_empty());
}

#[tokio::test]
async fn a_user_has_several_contacts_and_can_drop_them_all() {
    let core = core().await;
    let mut one = Terminal::new(core.address(), "alice").await;
    let mut other = Terminal::new(core.address(), "alice").await;
    one.registered(MMS).await;
    let request = other
        .register(MMS)
        .with("Path", "<sip:192.0.2.1;lr>")
        .with("Expires", "60");
    other.send(&request).await;
    let challenge = other.next("REGISTER").await;
    let challenge = challenge.get("WWW-Authenticate").unwrap();
    let shown = proof(
        challenge,
        ("alice", PASSWORD),
        ("REGISTER", "sip:lab.example"),
        1,
    );
    let mut again = other
        .register(MMS)
        .with("Path", "<sip:192.0.2.1;lr>")
        .with("Authorization", shown);
    again.set("Call-ID", "another");
    other.send(&again).await;
    let answer = other.next("REGISTER").await;
    assert_eq!(answer.all("Contact").count(), 2);
    assert_eq!(answer.get("Path"), Some("<sip:192.0.2.1;lr>"));
    let bindings = core.bindings();
    assert_eq!(bindings.len(), 2);
    assert_eq!(bindings[1].path, ["<sip:192.0.2.1;lr>"]);
    core.behave(SipCoreBehaviour {
        challenge_register: false,
        ..SipCoreBehaviour::default()
    });
    let mut all = other.register("").with("Expires", "0");
    all.set("Contact", "*");
    all.set("CSeq", "900 REGISTER");
    other.send(&all).await;
    assert_eq!(other.next("REGISTER").await.status(), 200);
    assert!(core.bindings().is_empty());
}
