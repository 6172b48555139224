//! The lab's gateway, which was written from the specification and shares no code with the terminal: whole roads.

use std::{future::Future, net::SocketAddr, thread};

use anyhow::Context;
use conformance::background::Background;
use push_lab::ppg::{
    HttpPush, Outcome, Ppg, PpgEvent, PpgSettings, Secret, TerminalAuthentication,
};

use crate::stage::{DRM, MMS, PPG_ID, Plan, SECURE_PUSH_PORT, Stage, TERMINAL_ID, write};

/// The gateway, beside what a test does.
struct Lab {
    // Dropped before the runtime that it is on.
    ppg: Option<Ppg>,
    background: Background,
}

impl Lab {
    fn start(settings: PpgSettings) -> anyhow::Result<Self> {
        let background = Background::start()?;
        let ppg = Some(background.run(Ppg::start(settings))?);
        Ok(Self { ppg, background })
    }

    fn ppg(&self) -> anyhow::Result<&Ppg> {
        self.ppg.as_ref().context("it runs")
    }

    fn wait<T>(&self, what: impl Future<Output = T>) -> anyhow::Result<T> {
        self.background.wait(what)
    }

    /// Pushes, as the gateway does for a push initiator, and expects that the terminal takes it.
    fn push(&self, application: &str, content: &[u8]) -> anyhow::Result<()> {
        let push = HttpPush::new("text/plain", content.to_vec()).application(application);
        let result = self.wait(self.ppg()?.push(TERMINAL_ID, push))?;
        anyhow::ensure!(result.outcome == Outcome::Accepted, "{result:?}");
        Ok(())
    }

    /// Waits until the terminal has registered with this tag.
    fn registered(&self, wanted: &str) -> anyhow::Result<()> {
        let found = self.ppg()?.once(|event| {
            if let PpgEvent::Registered { tag, .. } = event {
                return (tag.as_deref() == Some(wanted)).then_some(());
            }
            None
        });
        self.wait(found)?.context("the gateway has ended")
    }
}

fn settings(plan: &Plan) -> PpgSettings {
    PpgSettings {
        listen: vec![SocketAddr::from((plan.gateway(), 0))],
        source: Some(plan.gateway().into()),
        ..PpgSettings::new(PPG_ID)
    }
}

fn dialling(plan: Plan, lab: &Lab, keys: &str) -> anyhow::Result<Stage> {
    let address = lab.ppg()?.listening()[0];
    plan.ppg(PPG_ID, &format!("address = \"{address}\"\n{keys}"))
        .start()
}

#[test]
fn a_gateway_is_dialled_registers_and_pushes_while_applications_come_and_go() -> anyhow::Result<()>
{
    let plan = Plan::new()?;
    let lab = Lab::start(settings(&plan))?;
    let stage = dialling(plan, &lab, "")?;
    stage.register(MMS)?;
    let first = stage.cpi()?.tag()?;
    lab.registered(&first)?;
    lab.push(MMS, b"1")?;
    stage.register(DRM)?;
    lab.push(MMS, b"2")?;
    lab.push(DRM, b"3")?;
    stage.daemon.pushcai_json(&["deregister", DRM, "--json"])?;
    lab.push(MMS, b"4")?;
    let mut arrived = stage.contents()?;
    arrived.sort();
    // What the one who left had not fetched is nobody's.
    assert_eq!(arrived, [b"1", b"2", b"4"]);
    Ok(())
}

#[test]
fn both_sides_prove_themselves_by_digest() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let lab = Lab::start(PpgSettings {
        password: Some(Secret::from("gateway's")),
        authenticate: TerminalAuthentication::Digest,
        authenticate_pushes: true,
        terminal_password: Some(Secret::from("terminal's")),
        ..settings(&plan)
    })?;
    let theirs = plan.secret("theirs", "gateway's")?;
    let ours = plan.secret("ours", "terminal's")?;
    let stage = dialling(
        plan,
        &lab,
        &format!(
            "authentication = \"digest\"\nppg_password_file = \"{theirs}\"\npassword_file = \"{ours}\""
        ),
    )?;
    stage.register(MMS)?;
    for number in 0..5_u8 {
        lab.push(MMS, &[number])?;
    }
    assert_eq!(stage.contents()?.len(), 5);
    Ok(())
}

#[test]
fn both_sides_prove_themselves_by_basic_over_tls() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let lab = Lab::start(PpgSettings {
        listen: Vec::new(),
        tls_listen: vec![SocketAddr::from((plan.gateway(), 0))],
        certificate_names: vec![PPG_ID.to_owned()],
        password: Some(Secret::from("gateway's")),
        authenticate: TerminalAuthentication::Basic,
        terminal_password: Some(Secret::from("terminal's")),
        ..settings(&plan)
    })?;
    let theirs = plan.secret("theirs", "gateway's")?;
    let ours = plan.secret("ours", "terminal's")?;
    let authority = lab.ppg()?.authority().pem().to_owned();
    let ca = write(plan.directory.path(), "ca.pem", authority.as_bytes())?;
    let address = lab.ppg()?.tls_listening()[0];
    let listen = SocketAddr::from((plan.terminal(), SECURE_PUSH_PORT));
    let stage = plan
        .keys(&format!("ca_file = \"{ca}\"\ntls_listen = [\"{listen}\"]"))
        .ppg(
            PPG_ID,
            &format!(
                "address = \"{address}\"\ntls = true\ntls_name = \"{PPG_ID}\"\nauthentication = \"basic\"\n\
                 ppg_password_file = \"{theirs}\"\npassword_file = \"{ours}\"\nbasic_in_clear = false"
            ),
        )
        .start()?;
    stage.register(MMS)?;
    lab.push(MMS, b"dialled")?;
    // And the other way round.
    let connection = lab.wait(lab.ppg()?.connect(listen, true))??;
    let push = HttpPush::new("text/plain", *b"accepted").application(MMS);
    let answer = lab.wait(connection.post(&push))??;
    assert_eq!(answer.push_code(), Some(400), "{answer:?}");
    assert_eq!(stage.contents()?, [b"dialled".as_slice(), b"accepted"]);
    Ok(())
}

#[test]
fn no_more_pushes_are_under_way_than_announced_and_none_is_refused() -> anyhow::Result<()> {
    let plan = Plan::new()?.keys("max_push_requests = 2");
    let lab = Lab::start(settings(&plan))?;
    let stage = dialling(plan, &lab, "")?;
    stage.register(MMS)?;
    lab.registered(&stage.cpi()?.tag()?)?;
    let (ppg, background) = (lab.ppg()?, &lab.background);
    let results = thread::scope(|scope| {
        let pushers: Vec<_> = (0..8_u8)
            .map(|pusher| {
                scope.spawn(move || {
                    let pushes = (0..5).map(|number| {
                        let push = HttpPush::new("text/plain", vec![pusher, number]);
                        background.run(ppg.push(TERMINAL_ID, push.application(MMS)))
                    });
                    pushes.collect::<Vec<_>>()
                })
            })
            .collect();
        let results = pushers.into_iter().map(thread::ScopedJoinHandle::join);
        results.collect::<Result<Vec<_>, _>>()
    });
    let results = results.map_err(|_| anyhow::anyhow!("a pusher failed"))?;
    for result in results.iter().flatten() {
        assert_eq!(result.outcome, Outcome::Accepted, "{result:?}");
        assert_eq!(result.answers.len(), 1, "{result:?}");
    }
    assert_eq!(stage.contents()?.len(), 40);
    Ok(())
}
