//! The binding at the registrar: passwords, intervals, routes, transports, and a core that goes away.

use std::net::SocketAddrV4;

use conformance::{
    kamailio::{DOMAIN, Seen, TLS_PORT},
    sip::{self, Message},
};
use push_lab::ppg::TestAuthority;

use crate::{
    stage::{MMS, Plan, Psa, ULP, USER},
    terminal::{Stage, challenges},
};

/// The REGISTER requests that brought a password, and were believed or not.
fn with_password(seen: &[Seen]) -> Vec<Message> {
    let requests = seen.iter().filter_map(|seen| match seen {
        Seen::Request(request) if request.method() == "REGISTER" => Some(request),
        Seen::Request(_) | Seen::Challenge(..) | Seen::Bound(..) | Seen::Astray => None,
    });
    let with = requests.filter(|request| request.header("Authorization").is_some());
    with.cloned().collect()
}

/// How often the core took a binding.
fn bindings(seen: &[Seen]) -> usize {
    let of_user = |seen: &&Seen| matches!(seen, Seen::Bound(user, _) if user == USER);
    seen.iter().filter(of_user).count()
}

/// A parameter of the credentials in a request.
fn credential(request: &Message, name: &str) -> Option<String> {
    let credentials = request.header("Authorization")?.strip_prefix("Digest ")?;
    let items = credentials
        .split(',')
        .filter_map(|item| item.trim().split_once('='));
    let mut found = items.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    found
        .next()
        .map(|(_, value)| value.trim_matches('"').to_owned())
}

//= specs/ota-sip.md#authentication
//= type=test
//# A challenge MUST be answered only with an algorithm that the terminal knows, others for the same realm being passed over.
#[test]
fn the_password_is_proved_by_md5_and_by_sha_256() -> anyhow::Result<()> {
    for sha256 in [false, true] {
        let Some(stage) = Plan::new()?.core(|core| core.sha256 = sha256).start()? else {
            return Ok(());
        };
        stage.register(MMS)?;
        let seen = stage.core().seen()?;
        assert_eq!(challenges(&seen, 401), 1, "{seen:?}");
        let proved = with_password(&seen);
        let algorithm = proved
            .last()
            .and_then(|request| credential(request, "algorithm"));
        if sha256 {
            assert_eq!(algorithm.as_deref(), Some("SHA-256"));
        } else {
            assert!(algorithm.is_none_or(|of| of == "MD5"));
        }
        stage.sip.sipp_pushes("mms.ua", None, 1, 202)?;
    }
    Ok(())
}

//= specs/ota-sip.md#registration
//= type=test
//# Each REGISTER for a binding MUST have the Call-ID of the one before and a CSeq that is higher by one.
//= specs/ota-sip.md#registration
//= type=test
//# A binding MUST be renewed before it lapses for as long as an application needs it.
//= specs/ota-sip.md#registration
//= type=test
//# The lifetime of a binding MUST be read from the terminal's own Contact in the answer, and from the Expires header where that Contact has none.
//= specs/ota-sip.md#authentication
//= type=test
//# The nonce count MUST grow by one with each request that uses the same nonce.
#[test]
fn a_short_binding_is_renewed_before_it_lapses() -> anyhow::Result<()> {
    let Some(stage) = Plan::new()?.core(|core| core.longest = 2).start()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    let told = stage.core().requests("OPTIONS")?.len();
    stage
        .core()
        .until(|seen| (bindings(seen) >= 4).then_some(()))?;
    stage.sip.sipp_pushes("mms.ua", None, 1, 202)?;
    assert_eq!(
        stage.core().requests("OPTIONS")?.len(),
        told,
        "nothing new to tell"
    );
    let requests = stage.core().requests("REGISTER")?;
    let sequence = |request: &Message| {
        let words = request.header("CSeq").unwrap_or_default().split(' ');
        words
            .clone()
            .next()
            .and_then(|word| word.parse::<u32>().ok())
    };
    for pair in requests.windows(2) {
        let [one, other] = pair else { continue };
        assert_eq!(one.header("Call-ID"), other.header("Call-ID"));
        assert_eq!(
            sequence(one).map(|number| number + 1),
            sequence(other),
            "{one:?} {other:?}"
        );
    }
    let seen = stage.core().seen()?;
    let proved = with_password(&seen);
    for pair in proved.windows(2) {
        let [one, other] = pair else { continue };
        if credential(one, "nonce") == credential(other, "nonce") {
            let count = |of| u32::from_str_radix(&credential(of, "nc").unwrap_or_default(), 16);
            assert_eq!(count(one)? + 1, count(other)?);
        }
    }
    Ok(())
}

//= specs/ota-sip.md#authentication
//= type=test
//# A challenge that calls the nonce stale MUST be answered with the new nonce and the same password.
#[test]
fn a_stale_nonce_is_replaced() -> anyhow::Result<()> {
    let plan = Plan::new()?.core(|core| {
        core.nonce = 1;
        core.longest = 4;
    });
    let Some(stage) = plan.start()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    // Renewed after two seconds, when the nonce is older than one.
    stage
        .core()
        .until(|seen| (bindings(seen) >= 2).then_some(()))?;
    let seen = stage.core().seen()?;
    assert_eq!(challenges(&seen, 401), 2, "{seen:?}");
    assert_eq!(
        with_password(&seen).len(),
        3,
        "an old nonce is tried once: {seen:?}"
    );
    stage.sip.sipp_pushes("mms.ua", None, 1, 202)?;
    Ok(())
}

#[test]
fn a_proxy_asks_for_the_password_as_well() -> anyhow::Result<()> {
    let Some(stage) = Plan::new()?.core(|core| core.asks_proxy = true).start()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    stage.register(ULP)?;
    assert!(challenges(&stage.core().seen()?, 407) >= 1);
    assert_eq!(stage.told()?.applications(), ["mms.ua", "ulp.ua"]);
    Ok(())
}

//= specs/ota-sip.md#registration
//= type=test
//# A terminal that was told that its interval is too brief MUST NOT ask again for less than Min-Expires.
#[test]
fn an_interval_that_is_too_brief_is_made_longer() -> anyhow::Result<()> {
    let plan = Plan::new()?
        .core(|core| core.brief = Some(600))
        .keys("expires = \"60s\"");
    let Some(stage) = plan.start()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    stage.register(ULP)?;
    let asked: Vec<_> = stage
        .core()
        .requests("REGISTER")?
        .iter()
        .filter_map(expires)
        .collect();
    assert_eq!(asked.first().copied(), Some(60), "{asked:?}");
    let briefest = asked.iter().skip_while(|expires| **expires == 60).min();
    assert!(briefest.is_some_and(|least| *least >= 600), "{asked:?}");
    assert_eq!(
        asked.last().copied(),
        Some(600),
        "it is remembered: {asked:?}"
    );
    Ok(())
}

fn expires(request: &Message) -> Option<u32> {
    let own = request.parameter("Contact", "expires");
    own.as_deref()
        .or_else(|| request.header("Expires"))?
        .parse()
        .ok()
}

//= specs/ota-sip.md#registration
//= type=test
//# Requests outside of dialogs MUST take the route that the registrar gave in Service-Route.
//= specs/ota-sip.md#registration
//= type=test
//# A REGISTER MUST say that the terminal understands Path.
//= specs/ota-sip.md#registration
//= type=test
//# A REGISTER MUST say that the terminal understands GRUU where it wants to be given one.
//= specs/ota-sip.md#outbound
//= type=test
//# The instance id in `+sip.instance` MUST be the same at each start of the terminal.
#[test]
fn the_service_route_is_taken_and_the_instance_stays_the_same() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    let told = stage.told()?;
    assert!(
        told.header("Route")
            .is_some_and(|route| route.contains("sip:served@")),
        "{told:?}"
    );
    assert!(!stage.core().seen()?.contains(&Seen::Astray));
    let request = stage
        .core()
        .requests("REGISTER")?
        .pop()
        .unwrap_or_else(|| told.clone());
    for option in ["path", "gruu"] {
        assert!(request.list("Supported").contains(&option), "{request:?}");
    }
    let instance = |contact: Option<String>| sip::parameter(&contact?, "+sip.instance");
    let before = instance(stage.core().contact(USER)?);
    assert!(
        before
            .as_deref()
            .is_some_and(|id| id.starts_with("<urn:uuid:")),
        "{before:?}"
    );
    let bound = bindings(&stage.core().seen()?);
    let stage = stage.kill_and_restart()?;
    stage
        .core()
        .until(|seen| (bindings(seen) > bound).then_some(()))?;
    assert_eq!(instance(stage.core().contact(USER)?), before);
    stage.sip.sipp_pushes("mms.ua", None, 1, 202)?;
    Ok(())
}

#[test]
fn a_core_that_dies_and_returns_is_registered_with_anew() -> anyhow::Result<()> {
    let plan = Plan::new()?.core(|core| core.longest = 4);
    let Some(mut stage) = plan.start()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    stage.sip.sipp_pushes("mms.ua", None, 1, 202)?;
    let bound = bindings(&stage.core().seen()?);
    stage.sip.core.kill()?;
    stage.sip.core.return_()?;
    stage
        .core()
        .until(|seen| (bindings(seen) > bound).then_some(()))?;
    stage.until_servers(|servers| {
        servers
            .iter()
            .all(|server| server["state"] == "confirmed")
            .then_some(())
    })?;
    stage.sip.sipp_pushes("mms.ua", None, 1, 202)?;
    assert_eq!(stage.contents(2)?.len(), 2);
    Ok(())
}

#[test]
fn a_lost_connection_to_the_core_is_made_anew() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let outbound = format!("sip:{};transport=tcp", plan.core_address());
    let Some(mut stage) = plan.outbound(outbound).start()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    stage.sip.sipp_pushes("mms.ua", None, 1, 202)?;
    let bound = bindings(&stage.core().seen()?);
    stage.sip.core.kill()?;
    stage.sip.core.return_()?;
    // Nothing is due: the end of the connection tells it.
    stage
        .core()
        .until(|seen| (bindings(seen) > bound).then_some(()))?;
    stage.sip.sipp_pushes("mms.ua", None, 1, 202)?;
    assert_eq!(stage.contents(2)?.len(), 2);
    Ok(())
}

//= specs/ota-sip.md#requests
//= type=test
//# A response over a connection MUST go over the connection that the request came on.
#[test]
fn pushes_come_over_the_connection_that_the_terminal_opened() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let outbound = format!("sip:{};transport=tcp", plan.core_address());
    let Some(stage) = plan.outbound(outbound).start()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    stage.sip.sipp_pushes("mms.ua", None, 50, 202)?;
    assert_eq!(stage.contents(50)?.len(), 50);
    // Datagrams larger than any that goes by UDP come as well.
    let server = stage.sip.server(5092)?;
    let large = vec![b'x'; 40_000];
    let push = server.push("mms.ua", &large);
    server.expect(&push, 202)?;
    assert_eq!(stage.contents(1)?, [large]);
    let flows = connections(&stage)?;
    assert_eq!(flows.len(), 1, "one flow: {flows:?}");
    Ok(())
}

/// The TCP connections between the terminal and the core that are open, the terminal's end first.
fn connections(stage: &Stage) -> anyhow::Result<Vec<(SocketAddrV4, SocketAddrV4)>> {
    let table = std::fs::read_to_string("/proc/net/tcp")?;
    let end = |word: &str| {
        let (address, port) = word.split_once(':')?;
        let address = u32::from_str_radix(address, 16).ok()?.to_ne_bytes();
        Some(SocketAddrV4::new(
            address.into(),
            u16::from_str_radix(port, 16).ok()?,
        ))
    };
    let lines = table.lines().skip(1).filter_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, own, peer, "01", ..] = words.as_slice() else {
            return None;
        };
        Some((end(own)?, end(peer)?))
    });
    let core = stage.plan().core_address();
    Ok(lines
        .filter(|(own, peer)| peer.ip() == core.ip() && own.ip() != core.ip())
        .collect())
}

#[test]
fn the_core_is_reached_over_tls_with_a_private_authority() -> anyhow::Result<()> {
    let authority = TestAuthority::new("ours")?;
    let plan = Plan::new()?;
    let names = [DOMAIN.to_owned(), plan.core_address().ip().to_string()];
    let own = authority.certificate(&names)?;
    let file = plan.secret("ca.pem", authority.pem())?;
    let outbound = format!("sips:{}:{TLS_PORT}", plan.core_address().ip());
    let plan = plan
        .core(|core| core.tls = Some((own.certificate_pem.clone(), own.key_pem.clone())))
        .keys(&format!("ca_file = {file:?}"))
        .outbound(outbound);
    let Some(stage) = plan.start()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    stage.sip.sipp_pushes("mms.ua", None, 5, 202)?;
    assert_eq!(stage.contents(5)?.len(), 5);
    stage.until_servers(|servers| {
        servers
            .iter()
            .any(|server| server["secure"] == true)
            .then_some(())
    })?;
    Ok(())
}

#[test]
fn a_core_with_a_strange_certificate_is_told_nothing() -> anyhow::Result<()> {
    let (authority, other) = (TestAuthority::new("ours")?, TestAuthority::new("theirs")?);
    let plan = Plan::new()?;
    let own = other.certificate(&[plan.core_address().ip().to_string()])?;
    let file = plan.secret("ca.pem", authority.pem())?;
    let outbound = format!("sips:{}:{TLS_PORT}", plan.core_address().ip());
    let plan = plan
        .core(|core| core.tls = Some((own.certificate_pem.clone(), own.key_pem.clone())))
        .keys(&format!(
            "ca_file = {file:?}\nannounce_patience = \"1500ms\""
        ))
        .outbound(outbound)
        .psa(Psa::Absent);
    let Some(stage) = plan.start()? else {
        return Ok(());
    };
    let outcome = stage.try_register(MMS, &[])?;
    assert_eq!(outcome.code, Some(18), "{outcome:?}");
    assert!(stage.core().requests("REGISTER")?.is_empty());
    Ok(())
}
