//! The requests, line by line.

use super::*;

fn text(request: &Request) -> String {
    String::from_utf8(request.to_bytes().to_vec()).unwrap()
}

/// The lines of a request without those that chance makes.
fn lines(sent: &Sent) -> Vec<String> {
    let text = text(&sent.request);
    let tagless = text.lines().map(|line| match line.split_once(";tag=") {
        Some((line, _)) => line.to_owned(),
        None => line.to_owned(),
    });
    tagless
        .filter(|line| !line.is_empty() && !line.starts_with("Call-ID"))
        .collect()
}

//= specs/push-cai.md#registration-with-the-push-server
//= type=test
//# Over OTA-SIP the new Push Application ID MUST stand as a Push Resource Identifier in a REGISTER request that renews the registration with
//# the core network.
//= specs/push-cai.md#registration-with-the-push-server
//= type=test
//# Over OTA-SIP the new Push Application ID MUST stand as a Push Resource Identifier in an OPTIONS request that renews what is asked of the
//# Push Server.
//= specs/push-cai.md#registration-with-the-push-server
//= type=test
//# Over OTA-SIP the MIME types of a registration MUST stand in the OPTIONS request that renews what is asked of the Push Server.
//= specs/ota-sip.md#feature-tags
//= type=test
//# A Push Resource Identifier MUST stand in the Contact header as a value of the media feature tag `+g.oma.pusheventapp`.
//= specs/ota-sip.md#feature-tags
//= type=test
//# An application instance MUST stand in the Contact header as a value of the media feature tag `+g.3gpp.iari-ref`, its colons
//# percent-encoded, whatever the network.
//= specs/ota-sip.md#feature-tags
//= type=test
//# A media feature tag MUST stand at most once in a Contact, all its values in one quoted list.
//= specs/ota-sip.md#registration
//= type=test
//# A REGISTER MUST say that the terminal understands Path.
//= specs/ota-sip.md#registration
//= type=test
//# A REGISTER MUST say that the terminal understands GRUU where it wants to be given one.
//= specs/ota-sip.md#registration
//= type=test
//# Requests outside of dialogs MUST take the route that the registrar gave in Service-Route.
//= specs/ota-sip.md#outbound
//= type=test
//# The instance id in `+sip.instance` MUST be the same at each start of the terminal.
//= specs/ota-sip.md#capabilities
//= type=test
//# An OPTIONS request to a Push Sender Agent MUST name in Allow the methods that the terminal takes.
#[test]
fn a_registration_is_one_contact_and_then_capabilities() {
    let mut rig = Rig::new();
    let mut announced = set(&["mms.ua", "Own.ua"], &["text/*", "application/x-a"]);
    let instance = ApplicationId::parse("urn:urn-7:3gpp-application.ims.iari.a").unwrap();
    announced.instances.insert(instance);
    rig.announce_set(announced);
    assert_eq!(rig.asked, [(FlowId(1), Transport::Udp)]);
    assert!(rig.sent.is_empty());
    rig.open();
    assert_eq!(
        lines(rig.last()),
        [
            "REGISTER sip:ims.example.net SIP/2.0",
            "Route: <sip:192.0.2.9:5060;lr>",
            "Max-Forwards: 70",
            "From: <sip:carol@ims.example.net>",
            "To: <sip:carol@ims.example.net>",
            "CSeq: 1 REGISTER",
            "Contact: <sip:carol@198.51.100.4:5070>;+sip.instance=\"<urn:uuid:5f0d1a2e-0000-4000-8000-000000000001>\"\
             ;+g.oma.pusheventapp=\"mms.ua,own.ua\";+g.3gpp.iari-ref=\"urn%3Aurn-7%3A3gpp-application.ims.iari.a\"",
            "Expires: 3600",
            "Supported: path, gruu",
            "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, MESSAGE",
            "User-Agent: push-client/OMA1.0 test/one-1",
            "Content-Length: 0",
        ]
    );
    rig.answer(
        200,
        &[
            (
                "Contact",
                "<sip:carol@203.0.113.1:5060>;expires=9, <sip:carol@198.51.100.4:5070>;expires=1800\
             ;pub-gruu=\"sip:carol@ims.example.net;gr=urn:uuid:1\"",
            ),
            (
                "Service-Route",
                "<sip:192.0.2.9:5060;lr>, <sip:scscf.example.net;lr>",
            ),
            (
                "P-Associated-URI",
                "<tel:+4930>, \"Carol, C.\" <sip:carol.c@ims.example.net>",
            ),
        ],
    );
    assert_eq!(
        lines(rig.last()),
        [
            "OPTIONS sip:psa@ims.example.net SIP/2.0",
            "Route: <sip:192.0.2.9:5060;lr>",
            "Route: <sip:scscf.example.net;lr>",
            "Max-Forwards: 70",
            "From: <sip:carol.c@ims.example.net>",
            "To: <sip:psa@ims.example.net>",
            "CSeq: 1 OPTIONS",
            "Contact: <sip:carol@ims.example.net;gr=urn:uuid:1>;+sip.instance=\"<urn:uuid:5f0d1a2e-0000-4000-8000-000000000001>\"\
             ;+g.oma.pusheventapp=\"mms.ua,own.ua\";+g.3gpp.iari-ref=\"urn%3Aurn-7%3A3gpp-application.ims.iari.a\"",
            "P-Preferred-Identity: <sip:carol.c@ims.example.net>",
            "Accept: application/x-a, text/*",
            "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, MESSAGE",
            "Supported: path, gruu",
            "User-Agent: push-client/OMA1.0 test/one-1",
            "Content-Length: 0",
        ]
    );
    rig.answer(
        200,
        &[(
            "Contact",
            "<sip:psa@192.0.2.30>;+G.OMA.pusheventapp=\"OWN.UA, mms.ua\"",
        )],
    );
    assert_eq!(rig.states(1), ["Confirmed", "Confirmed"]);
    let views = rig.machine.views();
    let binding = views[0].binding.clone().unwrap();
    assert_eq!(&*binding.contact, "sip:carol@198.51.100.4:5070");
    assert_eq!(
        binding.gruu.as_deref(),
        Some("sip:carol@ims.example.net;gr=urn:uuid:1")
    );
    assert_eq!(binding.applications, ["mms.ua".into(), "own.ua".into()]);
    assert_eq!(
        binding.instances,
        ["urn:urn-7:3gpp-application.ims.iari.a".into()]
    );
    assert_eq!(binding.expires, seconds(2800));
    assert_eq!(binding.service_route.len(), 2);
    let (method, status, at) = views[0].last_exchange.clone().unwrap();
    assert_eq!(
        (method, status.as_str(), at),
        ("REGISTER", "200 OK", UnixMillis(5))
    );
    assert_eq!(views[1].last_exchange.as_ref().unwrap().0, "OPTIONS");
    assert!(views[1].binding.is_none());
}

//= specs/push-cai.md#deregistration-with-the-push-server
//= type=test
//# Over OTA-SIP the Push Application ID of a deregistered application MUST be gone from a REGISTER request that renews the registration with
//# the core network.
//= specs/push-cai.md#deregistration-with-the-push-server
//= type=test
//# Over OTA-SIP the Push Application ID of a deregistered application MUST be gone from an OPTIONS request that renews what is asked of the
//# Push Server.
//= specs/push-cai.md#deregistration-with-the-push-server
//= type=test
//# Over OTA-SIP the MIME types that a deregistered application alone had named MUST be gone from an OPTIONS request that renews what is asked
//# of the Push Server.
//= specs/ota-sip.md#registration
//= type=test
//# Each REGISTER for a binding MUST have the Call-ID of the one before and a CSeq that is higher by one.
//= specs/ota-sip.md#capabilities
//= type=test
//# An OPTIONS request to a Push Sender Agent MUST carry the complete set of Push Resource Identifiers in its Contact, also when one of them
//# has gone.
//= specs/ota-sip.md#registration
//= type=test
//# A terminal MUST NOT remove the bindings of other devices.
#[test]
fn an_application_leaves_and_then_the_last_one() {
    let mut rig = Rig::new();
    rig.announce_set(set(&["a.ua", "b.ua"], &["text/plain", "image/png"]));
    rig.open();
    rig.grant(600);
    rig.echo();
    rig.announce_set(set(&["b.ua"], &["image/png"]));
    let contact = rig.last().header("Contact");
    assert!(
        contact.ends_with(";+g.oma.pusheventapp=\"b.ua\""),
        "{contact}"
    );
    rig.grant(600);
    assert!(
        rig.last()
            .header("Contact")
            .ends_with(";+g.oma.pusheventapp=\"b.ua\"")
    );
    assert_eq!(rig.last().header("Accept"), "image/png");
    rig.echo();
    assert_eq!(rig.states(2), ["Confirmed", "Confirmed"]);

    rig.announce_set(set(&[], &[]));
    assert!(!rig.last().header("Contact").contains("pusheventapp"));
    rig.grant(600);
    assert!(rig.last().is("OPTIONS"));
    assert!(!rig.last().header("Contact").contains("pusheventapp"));
    assert_eq!(rig.last().header("Accept"), "");
    rig.echo();
    assert_eq!(rig.states(3), ["Confirmed", "Confirmed"]);
    assert_eq!(rig.views(), ["Confirmed", "Confirmed"]);

    // The grace.
    let before = rig.sent.len();
    rig.pass(seconds(29));
    assert_eq!(rig.sent.len(), before);
    rig.pass(seconds(1));
    let last = rig.last();
    assert_eq!(last.header("Expires"), "0");
    assert!(
        last.header("Contact")
            .starts_with("<sip:carol@198.51.100.4:5070>")
    );
    assert_eq!(rig.closed, []);
    rig.answer(200, &[]);
    assert_eq!(rig.views(), ["Idle", "Idle"]);
    assert_eq!(rig.closed, [FlowId(1)]);
    assert_eq!(rig.machine.poll_timeout(), None);
    assert!(rig.notes.contains(&SipNote::Deregistered));

    let registers: Vec<_> = rig.sent.iter().filter(|sent| sent.is("REGISTER")).collect();
    for (number, register) in registers.iter().enumerate() {
        assert_eq!(register.header("CSeq"), format!("{} REGISTER", number + 1));
        assert_eq!(register.header("Call-ID"), registers[0].header("Call-ID"));
        assert!(!register.header("Contact").contains('*'));
    }
    assert_eq!(registers.len(), 4);
}

#[test]
fn settings_and_surroundings_change_the_requests() {
    let mut own = settings();
    own.account.outbound = None;
    own.account.transport = Transport::Tls;
    own.sessions.enabled = false;
    own.registration.preferred_identity = false;
    let mut rig = Rig::with(&own);
    rig.announce(&["a.ua"]);
    assert_eq!(rig.asked, [(FlowId(1), Transport::Tls)]);
    rig.open_at(FlowId(1), "[2001:db8::4]:5070");
    let register = rig.last();
    assert_eq!(register.request.header("Route"), None);
    let contact = register.header("Contact");
    assert!(
        contact.starts_with("<sip:carol@[2001:db8::4]:5070;transport=tls>;"),
        "{contact}"
    );
    assert_eq!(register.header("Allow"), "OPTIONS, MESSAGE");
    rig.grant(600);
    let options = rig.last();
    assert_eq!(options.request.header("Route"), None);
    assert_eq!(options.request.header("P-Preferred-Identity"), None);
    assert_eq!(
        options.header("From").split(';').next(),
        Some("<sip:carol@ims.example.net>")
    );
    assert!(rig.machine.views().iter().all(|view| view.secure));
}

#[test]
fn the_first_hop_stands_once_in_the_route() {
    for (service_route, routes) in [
        (&[][..], &["<sip:192.0.2.9:5060;lr>"][..]),
        (
            &["<sip:192.0.2.9:5060;transport=udp;lr>"],
            &["<sip:192.0.2.9:5060;transport=udp;lr>"],
        ),
        (
            &["<sip:orig@scscf.example.net;lr>"],
            &["<sip:192.0.2.9:5060;lr>", "<sip:orig@scscf.example.net;lr>"],
        ),
    ] {
        let mut rig = Rig::new();
        rig.announce(&["a.ua"]);
        rig.open();
        let headers: Vec<_> = service_route
            .iter()
            .map(|it| ("Service-Route", *it))
            .collect();
        rig.answer(200, &headers);
        let sent: Vec<_> = rig
            .last()
            .request
            .headers("Route")
            .map(std::borrow::Cow::into_owned)
            .collect();
        assert_eq!(sent, routes);
    }
}

#[test]
fn a_binding_for_ages_is_renewed_as_if_for_what_was_wanted() {
    for granted in [3_600, 7_200, u64::from(u32::MAX), u64::MAX] {
        let mut rig = Rig::new();
        rig.announce(&["a.ua"]);
        rig.open();
        rig.grant(granted);
        rig.echo();
        assert_eq!(rig.wait(), seconds(3_000), "{granted}");
        rig.pass(seconds(3_000));
        assert_eq!(rig.count("REGISTER"), 2);
    }
}

#[test]
fn a_registrar_that_calls_for_ages_hears_of_the_terminal_before_they_are_over() {
    let mut rig = Rig::new();
    rig.announce(&["a.ua"]);
    rig.open();
    rig.answer(423, &[("Min-Expires", "4294967295")]);
    assert_eq!(rig.last().header("Expires"), "4294967295");
    rig.grant(u64::from(u32::MAX));
    rig.echo();
    assert_eq!(rig.wait(), seconds(3_000));
}
