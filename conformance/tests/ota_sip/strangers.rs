//! The network without the daemon: what the core and SIPp do among themselves, so that it need not be doubted elsewhere.

use conformance::{kamailio, sip, sipp::Sipp};

use crate::{
    scenarios,
    stage::{ONE, Plan, STRANGER_PORT, Sip, TWO, USER, instance},
};

fn network() -> anyhow::Result<Option<Sip>> {
    Plan::new()?.start_network()
}

impl Sip {
    /// Another terminal of the same user registers from port 5081 of `host`, and takes pushes at 5080.
    fn terminal(&self, host: u8, features: &str, status: &str) -> anyhow::Result<Sipp> {
        let address = self.plan.network.host(host);
        let contact = std::net::SocketAddrV4::new(address, 5080);
        let answers = Sipp::start(&scenarios::answers(status), contact, None, 0, &[])?;
        self.bind(host, &contact.to_string(), features, 120)?;
        Ok(answers)
    }

    /// Somebody at port 5081 of `host` registers `contact` for the daemon's user.
    pub(crate) fn bind(
        &self,
        host: u8,
        contact: &str,
        features: &str,
        expires: u32,
    ) -> anyhow::Result<()> {
        let own = std::net::SocketAddrV4::new(self.plan.network.host(host), 5081);
        let scenario = scenarios::registers(contact, features, expires);
        let core = self.plan.core_address();
        Sipp::start(
            &scenario,
            own,
            Some(core),
            1,
            &["-s", USER, "-au", USER, "-ap", kamailio::PASSWORD],
        )?
        .finish()
    }
}

#[test]
fn the_core_registers_and_routes_by_features() -> anyhow::Result<()> {
    let Some(sip) = network()? else { return Ok(()) };
    sip.sipp_pushes("mms.ua", None, 1, 480)?;
    let features = format!(
        ";+g.oma.pusheventapp=\"mms.ua,ulp.ua\";+g.3gpp.iari-ref=\"{}\"",
        instance(ONE)
    );
    let terminal = sip.terminal(4, &features, "200 OK")?;
    let contact = sip.core.contact(USER)?.unwrap_or_default();
    assert_eq!(
        sip::feature(&contact, "+g.oma.pusheventapp"),
        Some(vec!["mms.ua".to_owned(), "ulp.ua".to_owned()])
    );
    sip.sipp_pushes("mms.ua", None, 20, 200)?;
    sip.sipp_pushes("ulp.ua", Some(ONE), 1, 200)?;
    sip.sipp_pushes("ulp.ua", Some(TWO), 1, 480)?;
    sip.sipp_pushes("wml.ua", None, 1, 480)?;
    // The set changes, and the binding ends.
    sip.bind(
        4,
        &format!("{}:5080", sip.plan.network.host(4)),
        ";+g.oma.pusheventapp=\"mms.ua\"",
        120,
    )?;
    assert_eq!(kamailio::applications(&sip.core.seen()?, USER), ["mms.ua"]);
    sip.sipp_pushes("ulp.ua", None, 1, 480)?;
    sip.sipp_pushes("mms.ua", None, 1, 200)?;
    sip.bind(4, &format!("{}:5080", sip.plan.network.host(4)), "", 0)?;
    sip.sipp_pushes("mms.ua", None, 1, 480)?;
    terminal.end()
}

#[test]
fn the_core_forks_and_passes_answers_on() -> anyhow::Result<()> {
    let Some(sip) = network()? else { return Ok(()) };
    let features = |urn| {
        let urn = instance(urn);
        format!(";+g.oma.pusheventapp=\"ulp.ua\";+g.3gpp.iari-ref=\"{urn}\"")
    };
    let one = sip.terminal(4, &features(ONE), "202 Accepted")?;
    let two = sip.terminal(5, &features(TWO), "415 Unsupported Media Type")?;
    sip.sipp_pushes("ulp.ua", Some(ONE), 1, 202)?;
    sip.sipp_pushes("ulp.ua", Some(TWO), 1, 415)?;
    let either = scenarios::message_or("ulp.ua", 202, 480);
    sip.sipp(&either, 5095, 10, &["-r", "200"])?;
    let either = scenarios::message_or("ulp.ua", 480, 202);
    sip.sipp(&either, 5095, 10, &["-r", "200"])?;
    // Both are tried, and success wins.
    sip.sipp_pushes("ulp.ua", None, 1, 202)?;
    one.end()?;
    two.end()
}

#[test]
fn the_core_believes_push_servers_alone() -> anyhow::Result<()> {
    let Some(sip) = network()? else { return Ok(()) };
    let host = sip.plan.network.host(6);
    let here = crate::server::Server::new(
        std::net::SocketAddrV4::new(host, 5080),
        sip.plan.core_address(),
    )?;
    sip.bind(
        6,
        &here.own().to_string(),
        ";+g.oma.pusheventapp=\"mms.ua\"",
        120,
    )?;
    for (port, is_believed) in [(5091, true), (STRANGER_PORT, false)] {
        let server = sip.server(port)?;
        let push = server.push("mms.ua", b"x");
        server.send(&push)?;
        let came = here.requested("MESSAGE")?;
        assert_eq!(
            came.header("P-Asserted-Identity").is_some(),
            is_believed,
            "{came:?}"
        );
        let answer = came.answer("486 Busy Here", "");
        here.send_octets(answer.as_bytes())?;
        assert_eq!(server.answer(&push)?.status(), 486);
    }
    Ok(())
}

#[test]
fn the_core_dies_and_comes_back_without_its_bindings() -> anyhow::Result<()> {
    let Some(mut sip) = network()? else {
        return Ok(());
    };
    let terminal = sip.terminal(4, ";+g.oma.pusheventapp=\"mms.ua\"", "200 OK")?;
    sip.sipp_pushes("mms.ua", None, 1, 200)?;
    sip.core.kill()?;
    sip.core.return_()?;
    sip.sipp_pushes("mms.ua", None, 1, 480)?;
    terminal.end()
}
