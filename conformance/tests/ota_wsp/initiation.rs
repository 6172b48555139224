//! Session initiation requests for OTA-WSP (WAP-235 section 8): who is believed, what is followed, how often.

use std::net::SocketAddr;

use push_lab::{
    ApplicationId,
    ppg::{ContactPoint, LastField, SirBuilder},
    session::SessionSettings,
};

use crate::stage::{
    DRM, DRM_NUMBER, Lab, MMS, MMS_NUMBER, Plan, SESSION_PORT, Stage, WML, eventually, request,
    settings,
};

const INITIATIONS: &str = "pushcai_session_initiations_total";

impl Stage {
    /// How many session initiation requests were counted, whatever became of them.
    fn initiations(&self) -> anyhow::Result<usize> {
        let samples = self.daemon.pushcai_json(&["metrics", "--json"])?;
        let counted = samples
            .iter()
            .filter(|sample| sample["name"] == INITIATIONS);
        let counts = counted.filter_map(|sample| sample["value"].as_u64());
        Ok(usize::try_from(counts.sum::<u64>())?)
    }
}

/// A gateway that asks, and a daemon in which MMS is registered.
fn asking() -> anyhow::Result<(Lab, Stage)> {
    asking_with(Plan::new()?.without_lockout())
}

fn asking_with(plan: Plan) -> anyhow::Result<(Lab, Stage)> {
    let (lab, stage) = Stage::with_gateway_and(plan, "request")?;
    stage.register(MMS)?;
    Ok((lab, stage))
}

fn follows(lab: &Lab, stage: &Stage, request: &SirBuilder) -> anyhow::Result<u32> {
    let before = lab.server.sessions().last().map_or(0, |session| session.id);
    lab.invite(stage, request)?;
    let session = lab.session_for(vec![MMS_NUMBER], before)?;
    lab.confirm(session, MMS_NUMBER, b"followed")?;
    assert_eq!(stage.contents()?, [b"followed"]);
    Ok(session)
}

#[test]
fn every_form_of_a_request_is_followed() -> anyhow::Result<()> {
    let (lab, stage) = asking()?;
    let place = ContactPoint::new(lab.address());
    let mms = SirBuilder::new().application(MMS_NUMBER);
    let version_1 = mms.clone().contact_wsp(place.clone());
    let forms = [
        request(&[MMS_NUMBER], lab.address()),
        version_1.clone(),
        version_1.clone().last(LastField::ContactPointsWsp),
        // A later version, with what it may have more.
        version_1.version(9).tail(b"later"),
        // With the bearer, and without the port: it is the registered one.
        mms.contact_wsp(ContactPoint {
            port: None,
            ..place.clone().bearer(0x0b)
        }),
        // No applications: all that there are.
        SirBuilder::new().version(0).contact_wsp(place),
        // As Kannel writes it.
        request(&[MMS_NUMBER], lab.address()).as_kannel(),
    ];
    for form in &forms {
        let session = follows(&lab, &stage, form)?;
        lab.wait(lab.server.disconnect(session))?;
        eventually("the end of the session", || {
            let servers = stage.servers()?;
            let stands = |server: &serde_json::Value| server["session"]["state"] == "connected";
            Ok((!servers.iter().any(stands)).then_some(()))
        })?;
    }
    Ok(())
}

/// Kannel names the address of its own box whatever the terminal can reach: then the sender's counts.
#[test]
fn a_contact_point_that_cannot_be_read_is_the_sender() -> anyhow::Result<()> {
    let (lab, stage) = asking()?;
    let elsewhere: SocketAddr = "192.0.2.77:9201".parse()?;
    follows(&lab, &stage, &request(&[MMS_NUMBER], elsewhere).as_kannel())?;
    Ok(())
}

#[test]
fn a_session_is_for_the_applications_that_the_request_names() -> anyhow::Result<()> {
    let (lab, stage) = asking()?;
    stage.register(DRM)?;
    stage.register(WML)?;
    let unknown = ApplicationId::Number(0x9000);
    lab.invite(&stage, &request(&[DRM_NUMBER, unknown], lab.address()))?;
    let session = lab.session_for(vec![DRM_NUMBER], 0)?;
    lab.confirm(session, DRM_NUMBER, b"x")?;
    Ok(())
}

#[test]
fn a_request_for_applications_that_are_not_here_is_not_followed() -> anyhow::Result<()> {
    let (lab, stage) = asking()?;
    lab.invite(&stage, &request(&[DRM_NUMBER], lab.address()))?;
    // What comes behind it is followed.
    let session = follows(&lab, &stage, &request(&[MMS_NUMBER], lab.address()))?;
    assert_eq!(lab.asked(), 1);
    assert_eq!(lab.server.sessions().len(), 1);
    assert_eq!(lab.server.sessions()[0].id, session);
    Ok(())
}

#[test]
fn a_stranger_s_request_is_ignored_and_counted() -> anyhow::Result<()> {
    let (lab, stage) = asking()?;
    let stranger = Lab::start_with(settings((stage.plan.network.host(9), SESSION_PORT).into()))?;
    // Neither to itself nor to the gateway.
    for place in [stranger.address(), lab.address()] {
        stranger.invite(&stage, &request(&[MMS_NUMBER], place))?;
    }
    stage.counted(INITIATIONS, ("outcome", "source"), 2.0)?;
    follows(&lab, &stage, &request(&[MMS_NUMBER], lab.address()))?;
    assert_eq!((stranger.asked(), lab.asked()), (0, 1));
    Ok(())
}

#[test]
fn a_gateway_cannot_send_the_terminal_to_a_stranger() -> anyhow::Result<()> {
    let (lab, stage) = asking()?;
    let stranger = Lab::start_with(settings((stage.plan.network.host(9), SESSION_PORT).into()))?;
    lab.invite(&stage, &request(&[MMS_NUMBER], stranger.address()))?;
    follows(&lab, &stage, &request(&[MMS_NUMBER], lab.address()))?;
    assert_eq!((stranger.asked(), lab.asked()), (0, 1));
    Ok(())
}

#[test]
fn requests_that_come_too_often_wait() -> anyhow::Result<()> {
    let (lab, stage) = asking_with(Plan::new()?.section("[ota_http]\nsir_lockout = \"1h\""))?;
    lab.behave(push_lab::session::Behaviour {
        connect: push_lab::session::Welcome::Silence,
        ..push_lab::session::Behaviour::default()
    });
    for _ in 0..20 {
        lab.invite(&stage, &request(&[MMS_NUMBER], lab.address()))?;
    }
    stage.counted(INITIATIONS, ("outcome", "locked"), 19.0)?;
    // Others are not held up, nor are pushes.
    stage.register(DRM)?;
    Ok(())
}

/// A server that asks does not know of a session that stands, or would not ask: Kannel asks before each push.
#[test]
fn a_request_while_a_session_stands_brings_another_in_its_place() -> anyhow::Result<()> {
    let (lab, stage) = asking()?;
    let mut session = follows(&lab, &stage, &request(&[MMS_NUMBER], lab.address()))?;
    for _ in 0..3 {
        let former = session;
        session = follows(&lab, &stage, &request(&[MMS_NUMBER], lab.address()))?;
        lab.ended(former)?;
    }
    Ok(())
}

#[test]
fn a_request_may_come_in_a_session_too() -> anyhow::Result<()> {
    let plan = Plan::new()?.without_lockout();
    let other = Lab::start_with(settings((plan.network.host(3), SESSION_PORT).into()))?;
    let plan = plan.ppg("other.example.net", other.address(), "start = \"request\"");
    let (lab, stage) = Stage::with_gateway_and(plan, "always")?;
    stage.register(MMS)?;
    let session = lab.session()?;
    let sia = request(&[MMS_NUMBER], other.address()).push();
    let outcome = lab.push(session, &sia, &push_lab::session::Manner::confirmed())?;
    assert_eq!(outcome, push_lab::session::Outcome::Acknowledged);
    let session = other.session()?;
    other.confirm(session, MMS_NUMBER, b"there")?;
    assert_eq!(stage.contents()?, [b"there"]);
    Ok(())
}

#[test]
fn broken_requests_do_no_harm() -> anyhow::Result<()> {
    let (lab, stage) = asking()?;
    let whole = SirBuilder::new()
        .application(MMS_NUMBER)
        .contact_wsp(ContactPoint::new(lab.address()));
    let length = whole.encode().len();
    for octets in 0..length {
        // Cut where a field ends, it is a shorter request, which may be followed.
        lab.invite(&stage, &whole.clone().truncated(octets))?;
    }
    // Sessions that were asked for meanwhile may replace one another; the last request has the last one.
    lab.session()?;
    eventually("an end of all requests", || {
        let judged = stage.initiations()?;
        let mut sessions = lab.server.sessions().into_iter();
        let stand = sessions.all(|session| session.acknowledged);
        Ok((judged >= length && stand).then_some(()))
    })?;
    follows(&lab, &stage, &whole)?;
    Ok(())
}

/// Where no gateway is provisioned, requests are believed as the settings say; unless they say more, they are not.
#[test]
fn without_a_provisioned_gateway_no_request_is_followed() -> anyhow::Result<()> {
    let plan = Plan::new()?.without_lockout().keys("sessions = true");
    let lab = Lab::start_with(SessionSettings::new((plan.gateway(), SESSION_PORT).into()))?;
    let stage = plan.start()?;
    stage.register(MMS)?;
    lab.invite(&stage, &request(&[MMS_NUMBER], lab.address()))?;
    stage.counted(INITIATIONS, ("outcome", "source"), 1.0)?;
    assert_eq!(lab.asked(), 0);
    Ok(())
}
