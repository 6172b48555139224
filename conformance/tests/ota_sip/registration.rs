//! Applications come and go: what the core and the Push Sender Agent are told of it (Push-CAI 5.1, 5.2).

use conformance::{
    kamailio::{DOMAIN, Seen, applications},
    sip::Message,
};
use serde_json::Value;

use crate::{
    stage::{MMS, ONE, Plan, Psa, TWO, ULP, USER, instance},
    terminal::Stage,
};

/// Exit codes of refusals.
const REJECTED: Option<i32> = Some(17);
const UNREACHABLE: Option<i32> = Some(18);

const TYPES: &str = "text/plain, application/vnd.wap.mms-message";
const OTHER_TYPES: &str = "text/plain, application/vnd.omaloc-supl-init";

/// The requests to Push Sender Agents among what the core saw.
fn capabilities(seen: &[Seen]) -> usize {
    let is_told = |seen: &&Seen| matches!(seen, Seen::Request(request) if request.start.starts_with("OPTIONS sip:psa"));
    seen.iter().filter(is_told).count()
}

fn sorted(mut items: Vec<&str>) -> Vec<&str> {
    items.sort_unstable();
    items
}

/// The last REGISTER, if it ends the binding.
fn goodbye(seen: &[Seen]) -> Option<Message> {
    let requests = seen.iter().rev().filter_map(|seen| match seen {
        Seen::Request(request) => Some(request),
        Seen::Challenge(..) | Seen::Bound(..) | Seen::Astray => None,
    });
    let mut registers = requests.filter(|request| request.method() == "REGISTER");
    let last = registers.next()?;
    let expires = last.parameter("Contact", "expires");
    let expires = expires.as_deref().or_else(|| last.header("Expires"));
    (expires == Some("0")).then(|| last.clone())
}

//= specs/push-cai.md#registration-with-the-push-server
//= type=test
//# Over OTA-SIP the new Push Application ID MUST stand as a Push Resource Identifier in a REGISTER request that renews the registration with the core network.
//= specs/push-cai.md#registration-with-the-push-server
//= type=test
//# Over OTA-SIP the new Push Application ID MUST stand as a Push Resource Identifier in an OPTIONS request that renews what is asked of the Push Server.
//= specs/push-cai.md#registration-with-the-push-server
//= type=test
//# Over OTA-SIP the MIME types of a registration MUST stand in the OPTIONS request that renews what is asked of the Push Server.
//= specs/ota-sip.md#feature-tags
//= type=test
//# A Push Resource Identifier MUST stand in the Contact header as a value of the media feature tag `+g.oma.pusheventapp`.
//= specs/ota-sip.md#capabilities
//= type=test
//# An OPTIONS request to a Push Sender Agent MUST name in Allow the methods that the terminal takes.
#[test]
fn a_new_application_stands_in_register_and_options() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up()? else {
        return Ok(());
    };
    assert!(
        stage.core().requests("REGISTER")?.is_empty(),
        "nobody asked for it"
    );
    let answer = stage.register_with(MMS, &["--accept", TYPES])?;
    let states = answer["servers"].as_array().cloned().unwrap_or_default();
    assert_eq!(states.len(), 2, "the core and the agent: {answer}");
    assert!(
        states.iter().all(|server| server["state"] == "confirmed"),
        "{answer}"
    );
    assert_eq!(stage.bound()?, ["mms.ua"]);
    let told = stage.told()?;
    assert_eq!(told.applications(), ["mms.ua"], "{told:?}");
    assert_eq!(
        sorted(told.list("Accept")),
        ["application/vnd.wap.mms-message", "text/plain"]
    );
    assert_eq!(
        sorted(told.list("Allow")),
        ["ACK", "BYE", "CANCEL", "INVITE", "MESSAGE", "OPTIONS"]
    );
    assert!(told.header("User-Agent").is_some(), "{told:?}");
    // And then it is reached.
    stage.sip.sipp_pushes("mms.ua", None, 3, 202)?;
    assert_eq!(stage.contents(3)?.len(), 3);
    Ok(())
}

//= specs/ota-sip.md#feature-tags
//= type=test
//# A media feature tag MUST stand at most once in a Contact, all its values in one quoted list.
//= specs/ota-sip.md#capabilities
//= type=test
//# An OPTIONS request to a Push Sender Agent MUST carry the complete set of Push Resource Identifiers in its Contact, also when one of them has gone.
//= specs/push-cai.md#deregistration-with-the-push-server
//= type=test
//# Over OTA-SIP the Push Application ID of a deregistered application MUST be gone from a REGISTER request that renews the registration with the core network.
//= specs/push-cai.md#deregistration-with-the-push-server
//= type=test
//# Over OTA-SIP the Push Application ID of a deregistered application MUST be gone from an OPTIONS request that renews what is asked of the Push Server.
//= specs/push-cai.md#deregistration-with-the-push-server
//= type=test
//# Over OTA-SIP the MIME types that a deregistered application alone had named MUST be gone from an OPTIONS request that renews what is asked of the Push Server.
#[test]
fn one_of_two_applications_leaves_and_the_other_stays() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up()? else {
        return Ok(());
    };
    let one = ["--application-id", ONE, "--accept", TYPES];
    stage.register_with(MMS, &one)?;
    let two = ["--application-id", TWO, "--accept", OTHER_TYPES];
    stage.register_with(ULP, &two)?;
    assert_eq!(stage.bound()?, ["mms.ua", "ulp.ua"]);
    let contact = stage.core().contact(USER)?.unwrap_or_default();
    assert_eq!(
        contact.matches("+g.oma.pusheventapp").count(),
        1,
        "{contact}"
    );
    let told = stage.told()?;
    assert_eq!(told.applications(), ["mms.ua", "ulp.ua"]);
    assert_eq!(told.instances(), [instance(ONE), instance(TWO)]);
    assert_eq!(told.list("Accept").len(), 3, "{told:?}");
    stage.sip.sipp_pushes("ulp.ua", None, 1, 202)?;
    stage.waiting()?;

    stage.deregister(ULP, &["--application-id", TWO])?;
    assert_eq!(stage.bound()?, ["mms.ua"]);
    let told = stage.told()?;
    assert_eq!(told.applications(), ["mms.ua"]);
    assert_eq!(told.instances(), [instance(ONE)]);
    assert_eq!(
        sorted(told.list("Accept")),
        ["application/vnd.wap.mms-message", "text/plain"],
        "the type of both stays, the one that it alone had is gone"
    );
    stage.sip.sipp_pushes("ulp.ua", None, 1, 480)?;
    stage.sip.sipp_pushes("mms.ua", None, 1, 202)?;
    assert_eq!(stage.contents(1)?.len(), 1);
    Ok(())
}

//= specs/push-cai.md#uniqueness
//= type=test
//# A Push Application ID in use MUST NOT be refused for being taken when the newcomer is reached by OTA-SIP alone and is told apart by a feature tag of its own.
//= specs/push-cai.md#uniqueness
//= type=test
//# Applications that share a Push Application ID MUST each be given only the pushes that are meant for them.
//= specs/ota-sip.md#feature-tags
//= type=test
//# An application instance MUST stand in the Contact header as a value of the media feature tag `+g.3gpp.iari-ref`, its colons percent-encoded, whatever the network.
#[test]
fn two_applications_of_one_id_are_told_apart_by_instance() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up()? else {
        return Ok(());
    };
    stage.register_with(ULP, &["--application-id", ONE])?;
    stage.register_with(ULP, &["--application-id", TWO])?;
    assert_eq!(stage.bound()?, ["ulp.ua"]);
    assert_eq!(stage.told()?.instances(), [instance(ONE), instance(TWO)]);
    stage.sip.sipp_pushes("ulp.ua", Some(ONE), 2, 202)?;
    stage.sip.sipp_pushes("ulp.ua", Some(TWO), 3, 202)?;
    let events = stage.daemon.events(5)?;
    let of = |application: &str| {
        let owned = events
            .iter()
            .filter(|event| event["applicationID"] == application);
        owned.count()
    };
    assert_eq!((of(ONE), of(TWO)), (2, 3), "{events:?}");
    // One for both is for neither.
    stage.sip.sipp_pushes("ulp.ua", None, 1, 480)?;
    assert!(stage.waiting()?.is_empty());

    stage.deregister(ULP, &["--application-id", ONE])?;
    assert_eq!(stage.bound()?, ["ulp.ua"], "the other one still has it");
    assert_eq!(stage.told()?.instances(), [instance(TWO)]);
    stage.sip.sipp_pushes("ulp.ua", Some(ONE), 1, 480)?;
    stage.sip.sipp_pushes("ulp.ua", Some(TWO), 1, 202)?;
    stage.sip.sipp_pushes("ulp.ua", None, 1, 202)?;
    assert_eq!(stage.contents(2)?.len(), 2);
    Ok(())
}

#[test]
fn an_ambiguous_push_goes_to_the_first_where_that_is_set() -> anyhow::Result<()> {
    let Some(stage) = Plan::new()?.keys("ambiguous = \"first\"").start()? else {
        return Ok(());
    };
    stage.register_with(ULP, &["--application-id", ONE])?;
    stage.register_with(ULP, &["--application-id", TWO])?;
    stage.sip.sipp_pushes("ulp.ua", None, 2, 202)?;
    let events = stage.daemon.events(2)?;
    assert!(
        events.iter().all(|event| event["applicationID"] == ONE),
        "{events:?}"
    );
    Ok(())
}

//= specs/push-cai.md#failed-registration
//= type=test
//# A registration that fails, whatever the cause, MUST be answered with a response that gives the application a fitting reason.
#[test]
fn a_registrar_that_refuses_undoes_the_registration() -> anyhow::Result<()> {
    let Some(stage) = Plan::new()?
        .user("banned", conformance::kamailio::PASSWORD)
        .start()?
    else {
        return Ok(());
    };
    let outcome = stage.try_register(MMS, &[])?;
    assert_eq!(outcome.code, REJECTED, "{outcome:?}");
    assert!(outcome.errors.contains("403"), "{outcome:?}");
    assert!(stage.applications()?.is_empty());
    assert_eq!(
        capabilities(&stage.core().seen()?),
        0,
        "nobody told the agent"
    );
    Ok(())
}

//= specs/ota-sip.md#authentication
//= type=test
//# Credentials that were rejected MUST NOT be sent again for the same request.
#[test]
fn a_wrong_password_is_not_tried_for_ever() -> anyhow::Result<()> {
    let Some(stage) = Plan::new()?.user(USER, "sesame-open").start()? else {
        return Ok(());
    };
    let outcome = stage.try_register(MMS, &[])?;
    assert_eq!(outcome.code, REJECTED, "{outcome:?}");
    assert!(stage.applications()?.is_empty());
    let attempts = stage.core().requests("REGISTER")?;
    let proved = attempts
        .iter()
        .filter(|request| request.header("Authorization").is_some());
    assert_eq!((attempts.len(), proved.count()), (2, 1), "{attempts:?}");
    assert_eq!(stage.core().contact(USER)?, None);
    Ok(())
}

#[test]
fn an_agent_that_refuses_undoes_the_registration() -> anyhow::Result<()> {
    let Some(mut stage) = Stage::set_up()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    stage.sip.become_psa(Psa::Refuses("403 Forbidden"))?;
    let outcome = stage.try_register(ULP, &[])?;
    assert_eq!(outcome.code, REJECTED, "{outcome:?}");
    let apps = stage.applications()?;
    assert_eq!(apps.len(), 1, "{apps:?}");
    // What held before holds again, with the core as well.
    stage.until_bound(&["mms.ua"])?;
    stage.sip.sipp_pushes("mms.ua", None, 1, 202)?;
    stage.sip.sipp_pushes("ulp.ua", None, 1, 480)?;
    // And once the agent has come to its senses, all is well.
    stage.sip.become_psa(Psa::Serves)?;
    stage.register(ULP)?;
    assert_eq!(stage.bound()?, ["mms.ua", "ulp.ua"]);
    Ok(())
}

#[test]
fn an_agent_that_serves_one_application_refuses_the_other_alone() -> anyhow::Result<()> {
    let Some(stage) = Plan::new()?.psa(Psa::ServesOnly("mms.ua")).start()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    let outcome = stage.try_register(ULP, &[])?;
    assert_eq!(outcome.code, REJECTED, "{outcome:?}");
    assert!(outcome.errors.contains("ulp.ua"), "{outcome:?}");
    stage.until_bound(&["mms.ua"])?;
    stage.sip.sipp_pushes("mms.ua", None, 1, 202)?;
    Ok(())
}

#[test]
fn an_agent_that_is_not_there_is_unreachable() -> anyhow::Result<()> {
    let plan = Plan::new()?
        .psa(Psa::Absent)
        .keys("announce_patience = \"2s\"");
    let Some(stage) = plan.start()? else {
        return Ok(());
    };
    let outcome = stage.try_register(MMS, &[])?;
    assert_eq!(outcome.code, UNREACHABLE, "{outcome:?}");
    assert!(stage.applications()?.is_empty());
    // What was bound for it is taken back.
    stage.until_bound(&[])?;
    Ok(())
}

#[test]
fn a_core_that_is_not_there_is_unreachable() -> anyhow::Result<()> {
    let Some(mut network) = Plan::new()?
        .keys("announce_patience = \"2s\"")
        .start_network()?
    else {
        return Ok(());
    };
    network.core.kill()?;
    let mut stage = network.start_daemon()?;
    let outcome = stage.try_register(MMS, &[])?;
    assert_eq!(outcome.code, UNREACHABLE, "{outcome:?}");
    assert!(stage.applications()?.is_empty());
    stage.sip.core.return_()?;
    stage.register(MMS)?;
    stage.sip.sipp_pushes("mms.ua", None, 1, 202)?;
    Ok(())
}

//= specs/push-cai.md#deregistration-with-the-push-server
//= type=test
//# An accepted deregistration MUST be followed by a deregistration with the Push Server wherever the push protocol has one.
//= specs/push-cai.md#registration-with-the-push-server
//= type=test
//# The Push Client MUST register with the Push Server over the bearer that the application's registration is for.
//= specs/push-cai.md#deregistration-with-the-push-server
//= type=test
//# The Push Client MUST deregister with the Push Server over the bearer that the application's registration was for.
//= specs/ota-sip.md#registration
//= type=test
//# A terminal MUST NOT remove the bindings of other devices.
#[test]
fn the_last_application_ends_the_binding_after_a_grace() -> anyhow::Result<()> {
    let Some(stage) = Plan::new()?.keys("grace = \"300ms\"").start()? else {
        return Ok(());
    };
    // Another device of the same user.
    let other = format!("{}:5080", stage.plan().network.host(4));
    stage
        .sip
        .bind(4, &other, ";+g.oma.pusheventapp=\"wml.ua\"", 120)?;
    stage.register(MMS)?;
    stage.deregister(MMS, &[])?;
    assert_eq!(stage.told()?.applications(), [""; 0]);
    let last = stage.core().until(goodbye)?;
    assert!(
        !last.header("Contact").unwrap_or("*").contains('*'),
        "{last:?}"
    );
    // The other device is not harmed: the core still tries it, in vain.
    let server = stage.sip.server(5092)?;
    let push = server.push("wml.ua", b"x");
    let there = crate::server::Server::new(other.parse()?, stage.plan().core_address())?;
    server.send(&push)?;
    there.requested("MESSAGE")?;
    // And the terminal comes back as if nothing had been.
    stage.register(MMS)?;
    stage.sip.sipp_pushes("mms.ua", None, 1, 202)?;
    Ok(())
}

#[test]
fn a_daemon_that_ends_says_goodbye_and_is_back_when_it_starts() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up()? else {
        return Ok(());
    };
    stage.register(MMS)?;
    let Stage { daemon, sip } = stage;
    let (status, state) = daemon.terminate()?;
    assert!(status.success(), "{status}");
    assert!(goodbye(&sip.core.seen()?).is_some());
    sip.sipp_pushes("mms.ua", None, 1, 480)?;
    let before = sip.core.seen()?.len();
    let stage = sip.start_daemon_in(state)?;
    stage.core().until(|seen| {
        let since = seen.get(before..)?;
        (applications(since, USER) == ["mms.ua"]).then_some(())
    })?;
    stage.sip.sipp_pushes("mms.ua", None, 1, 202)?;
    assert_eq!(stage.contents(1)?.len(), 1);
    Ok(())
}

//= specs/push-cai.md#answer-to-a-deregistration
//= type=test
//# A deregistration that fails, whatever the cause, MUST be answered with a response that gives the application a fitting reason.
#[test]
fn a_deregistration_that_nobody_can_be_told_fails_unless_forced() -> anyhow::Result<()> {
    let Some(mut stage) = Plan::new()?
        .keys("announce_patience = \"1500ms\"")
        .start()?
    else {
        return Ok(());
    };
    stage.register(MMS)?;
    stage.sip.core.kill()?;
    let outcome = stage.daemon.pushcai(&["deregister", MMS, "--json"])?;
    assert_eq!(outcome.code, UNREACHABLE, "{outcome:?}");
    assert_eq!(stage.applications()?.len(), 1, "it stands");
    stage.deregister(MMS, &["--force"])?;
    assert!(stage.applications()?.is_empty());
    Ok(())
}

//= specs/ota-sip.md#outbound
//= type=test
//# A request of more than 1,300 octets MUST be sent over a transport with congestion control where the next hop takes it.
#[test]
fn many_applications_are_too_many_for_a_datagram() -> anyhow::Result<()> {
    for datagrams_alone in [false, true] {
        let plan = Plan::new()?.core(|core| core.datagrams_alone = datagrams_alone);
        let Some(stage) = plan.start()? else {
            return Ok(());
        };
        let id = |number: u8| format!("net.example.an-application-with-a-long-name-{number}.ua");
        for number in 0..16 {
            stage.register(&format!("x-wap-application:{}", id(number)))?;
        }
        for method in ["REGISTER", "OPTIONS"] {
            let requests = stage.core().requests(method)?;
            let used = (transport(requests.first()), transport(requests.last()));
            let last = if datagrams_alone { "UDP" } else { "TCP" };
            assert_eq!(used, ("UDP", last), "{method}");
        }
        assert_eq!(stage.bound()?.len(), 16);
        // The terminal is reached as before.
        stage.sip.sipp_pushes(&id(7), None, 1, 202)?;
    }
    Ok(())
}

/// By what a request came.
fn transport(request: Option<&Message>) -> &str {
    let via = request.and_then(|request| request.header("Via"));
    let mut words = via.unwrap_or_default().split([' ', '/']);
    words.nth(2).unwrap_or_default()
}

#[test]
fn servers_show_the_binding_its_tags_and_each_agent() -> anyhow::Result<()> {
    let Some(stage) = Stage::set_up()? else {
        return Ok(());
    };
    stage.until_servers(|servers| {
        servers
            .iter()
            .all(|one| one["state"] == "idle")
            .then_some(())
    })?;
    stage.register_with(ULP, &["--application-id", ONE])?;
    let servers = stage.servers()?;
    let of = |uri: String| -> Value {
        let found = servers.iter().find(|server| server["uri"] == *uri);
        found.cloned().unwrap_or_default()
    };
    let core = of(format!("sip:{DOMAIN}"));
    assert_eq!(
        (&core["protocol"], &core["state"]),
        (&"OTA-SIP".into(), &"confirmed".into()),
        "{core}"
    );
    let binding = &core["binding"];
    let contact = binding["contact"].as_str().unwrap_or_default();
    assert!(contact.contains(&stage.terminal().to_string()), "{core}");
    assert_eq!(
        binding["applications"],
        serde_json::json!(["ulp.ua"]),
        "{core}"
    );
    assert_eq!(binding["instances"], serde_json::json!([ONE]), "{core}");
    let gruu = binding["gruu"].as_str().unwrap_or_default();
    assert!(gruu.contains(";gr=urn:uuid:"), "{core}");
    assert!(
        binding["serviceRoute"][0]
            .as_str()
            .is_some_and(|route| route.contains("served@")),
        "{core}"
    );
    let left = binding["expiresIn"].as_u64();
    assert!(
        left.is_some_and(|left| (1..=3_600).contains(&left)),
        "{core}"
    );
    assert_eq!(core["lastExchange"]["method"], "REGISTER", "{core}");
    let agent = of(format!("sip:psa@{DOMAIN}"));
    assert_eq!(agent["state"], "confirmed", "{agent}");
    assert_eq!(agent["lastExchange"]["method"], "OPTIONS", "{agent}");
    assert!(agent["binding"].is_null(), "{agent}");
    Ok(())
}
