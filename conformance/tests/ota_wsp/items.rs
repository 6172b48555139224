//! The items of the conformance requirements for terminals that are about OTA-WSP (WAP-235 appendix A.1), one test each.

use std::net::UdpSocket;

use conformance::kannel::CONNECTIONLESS_PUSH;
use push_lab::{
    ApplicationId, Push,
    ppg::{ContactPoint, SirBuilder},
    session::{Manner, Outcome},
};

use crate::stage::{
    DRM, DRM_NUMBER, Lab, MMS, MMS_NUMBER, Plan, SESSION_PORT, Stage, USERPND, WML, WML_NUMBER,
    aborted, content, eventually, request, settings, text,
};

fn datagram(stage: &Stage, push: &Push) -> anyhow::Result<()> {
    let socket = UdpSocket::bind((stage.plan.gateway(), 0))?;
    socket.send_to(&push.encode()?, stage.address())?;
    Ok(())
}

#[test]
fn ota_cl_c_001_connectionless_push() -> anyhow::Result<()> {
    let stage = Plan::new()?.start()?;
    stage.register(MMS)?;
    datagram(&stage, &text(b"connectionless").application(MMS_NUMBER))?;
    assert_eq!(content(&stage.events(1)?[0])?, b"connectionless");
    Ok(())
}

#[test]
fn ota_cl_c_002_non_secure_port_for_connectionless_push() -> anyhow::Result<()> {
    let stage = Plan::new()?.start()?;
    stage.register(MMS)?;
    datagram(&stage, &text(b"x").application(MMS_NUMBER))?;
    let event = &stage.events(1)?[0];
    assert_eq!(CONNECTIONLESS_PUSH, 2948);
    assert_eq!(event["ports"]["dest"], 2948, "{event}");
    Ok(())
}

/// Confirmed and unconfirmed push, without WTLS, in a session that a session initiation request brings about.
#[test]
fn ota_co_c_002_connection_oriented_push_using_ota_wsp() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("request")?;
    stage.register(MMS)?;
    lab.invite(&stage, &request(&[MMS_NUMBER], lab.address()))?;
    let session = lab.session()?;
    lab.confirm(session, MMS_NUMBER, b"confirmed")?;
    let push = text(b"unconfirmed").application(MMS_NUMBER);
    lab.push(session, &push, &Manner::unconfirmed())?;
    let mut arrived = Vec::new();
    for event in stage.events(2)? {
        arrived.push(content(&event)?);
    }
    assert_eq!(arrived, [b"confirmed".as_slice(), b"unconfirmed"]);
    Ok(())
}

#[test]
fn ota_wsp_c_001_confirmed_push() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("always")?;
    stage.register(MMS)?;
    let session = lab.session()?;
    let options = lab.greeting(session)?.capabilities.options;
    assert_eq!(options.map(|options| options & 0x80), Some(0x80));
    lab.confirm(session, MMS_NUMBER, b"taken")?;
    let refused = text(b"refused").application(DRM_NUMBER);
    let outcome = lab.push(session, &refused, &Manner::confirmed())?;
    assert_eq!(outcome, aborted(USERPND));
    assert_eq!(stage.contents()?, [b"taken"]);
    Ok(())
}

#[test]
fn ota_wsp_c_002_unconfirmed_push() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("always")?;
    stage.register(MMS)?;
    let session = lab.session()?;
    let options = lab.greeting(session)?.capabilities.options;
    assert_eq!(options.map(|options| options & 0x40), Some(0x40));
    let push = text(b"unconfirmed").application(MMS_NUMBER);
    lab.push(session, &push, &Manner::unconfirmed())?;
    assert_eq!(content(&stage.events(1)?[0])?, b"unconfirmed");
    Ok(())
}

#[test]
fn ota_wsp_c_003_non_secure_transport_service() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("request")?;
    stage.register(MMS)?;
    // Without a port the registered one for sessions without WTLS counts.
    let contact = ContactPoint {
        port: None,
        ..ContactPoint::new(lab.address())
    };
    lab.invite(&stage, &SirBuilder::new().version(0).contact_wsp(contact))?;
    let session = lab.session()?;
    assert_eq!(lab.address().port(), SESSION_PORT);
    lab.confirm(session, MMS_NUMBER, b"in the clear")
}

/// WTLS is not built: what asks for it is refused, and never answered in the clear.
#[test]
fn ota_wsp_c_004_secure_transport_service_is_not_offered() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("request")?;
    stage.register(MMS)?;
    let outcome = stage
        .daemon
        .pushcai(&["register", DRM, "--profile", "OTA-WSP:9203"])?;
    assert!(outcome.errors.contains("WTLS"), "{outcome:?}");
    let secure = Lab::start_with(settings((stage.plan.gateway(), 9203).into()))?;
    lab.invite(&stage, &request(&[MMS_NUMBER], secure.address()))?;
    lab.invite(&stage, &request(&[MMS_NUMBER], lab.address()))?;
    lab.confirm(lab.session()?, MMS_NUMBER, b"x")?;
    assert_eq!(secure.asked(), 0);
    Ok(())
}

#[test]
fn ota_wsp_c_005_session_initiation() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("request")?;
    stage.register(MMS)?;
    stage.register(DRM)?;
    lab.invite(&stage, &request(&[DRM_NUMBER], lab.address()))?;
    let session = lab.session_for(vec![DRM_NUMBER], 0)?;
    lab.confirm(session, DRM_NUMBER, b"asked for")?;
    assert_eq!(stage.contents()?, [b"asked for"]);
    Ok(())
}

#[test]
fn ota_wsp_c_006_application_addressing() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("always")?;
    stage.register(MMS)?;
    stage.register("x-example.net:meter")?;
    let session = lab.session()?;
    let addresses = [
        (Some(MMS_NUMBER), MMS),
        (Some(ApplicationId::Text(MMS.to_owned())), MMS),
        (
            Some(ApplicationId::Text("x-example.net:meter".to_owned())),
            "x-example.net:meter",
        ),
    ];
    let session = lab.session_for(
        vec![
            MMS_NUMBER,
            ApplicationId::Text("x-example.net:meter".to_owned()),
        ],
        session.saturating_sub(1),
    )?;
    for (application, expected) in addresses {
        let push = application.into_iter().fold(text(b"x"), Push::application);
        assert_eq!(
            lab.push(session, &push, &Manner::confirmed())?,
            Outcome::Acknowledged
        );
        assert_eq!(stage.events(1)?[0]["pushApplicationID"], expected);
    }
    // Without a session a push that names nobody is the WML user agent's.
    stage.register(WML)?;
    datagram(&stage, &text(b"unnamed"))?;
    assert_eq!(stage.events(1)?[0]["pushApplicationID"], WML);
    Ok(())
}

#[test]
fn ota_wsp_c_007_application_dispatching() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("always")?;
    stage.register(MMS)?;
    stage.register(WML)?;
    let session = lab.session_for(vec![MMS_NUMBER, WML_NUMBER], 0)?;
    lab.confirm(session, WML_NUMBER, b"in a session")?;
    assert_eq!(stage.events(1)?[0]["pushApplicationID"], WML);
    datagram(&stage, &text(b"without one").application(MMS_NUMBER))?;
    assert_eq!(stage.events(1)?[0]["pushApplicationID"], MMS);
    Ok(())
}

#[test]
fn ota_wsp_c_008_initiator_authentication() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("always")?;
    stage.register(MMS)?;
    let session = lab.session()?;
    for (flags, authenticated, trusted) in
        [("0", false, false), ("1", true, false), ("3", true, true)]
    {
        let push = text(b"x")
            .application(MMS_NUMBER)
            .header("X-Wap-Initiator-URI", "http://initiator.example.net/")
            .header("Push-Flag", flags);
        assert_eq!(
            lab.push(session, &push, &Manner::confirmed())?,
            Outcome::Acknowledged
        );
        let event = &stage.events(1)?[0];
        assert_eq!(event["authenticated"], authenticated, "{event}");
        assert_eq!(event["trusted"], trusted, "{event}");
        assert!(
            event["headers"]
                .to_string()
                .contains("initiator.example.net"),
            "{event}"
        );
    }
    Ok(())
}

/// The bearer that a session uses is said when it is opened.
#[test]
fn ota_wsp_c_009_bearer_selection() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let lab = Lab::start(plan.gateway())?;
    // GSM-GPRS.
    let keys = "start = \"always\"\nbearer = \"GSM-GPRS\"";
    let stage = plan
        .ppg(crate::stage::PPG_ID, lab.address(), keys)
        .start()?;
    stage.register(MMS)?;
    let session = lab.session()?;
    assert_eq!(lab.greeting(session)?.bearer, Some(0x0b));
    Ok(())
}

/// A push that says it is the last one ends a session that was opened for it.
#[test]
fn ota_wsp_c_010_bearer_control() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("request")?;
    stage.register(MMS)?;
    lab.invite(&stage, &request(&[MMS_NUMBER], lab.address()))?;
    let session = lab.session()?;
    lab.confirm(session, MMS_NUMBER, b"not the last")?;
    let last = text(b"last")
        .application(MMS_NUMBER)
        .header("Push-Flag", "4");
    assert_eq!(
        lab.push(session, &last, &Manner::confirmed())?,
        Outcome::Acknowledged
    );
    lab.ended(session)?;
    assert_eq!(stage.contents()?, [b"not the last".as_slice(), b"last"]);
    eventually("no session", || {
        Ok(lab.server.sessions().is_empty().then_some(()))
    })
}

/// A request of a server that is not provisioned is ignored.
#[test]
fn ota_wsp_c_011_security_considerations() -> anyhow::Result<()> {
    let (lab, stage) = Stage::with_gateway("request")?;
    stage.register(MMS)?;
    let stranger = Lab::start_with(settings((stage.plan.network.host(9), SESSION_PORT).into()))?;
    stranger.invite(&stage, &request(&[MMS_NUMBER], stranger.address()))?;
    let outcome = ("outcome", "source");
    stage.counted("pushcai_session_initiations_total", outcome, 1.0)?;
    lab.invite(&stage, &request(&[MMS_NUMBER], lab.address()))?;
    lab.confirm(lab.session()?, MMS_NUMBER, b"x")?;
    assert_eq!(stranger.asked(), 0);
    Ok(())
}
