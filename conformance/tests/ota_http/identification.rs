//! Who is who, unproved (WAP-235 7.2.6, 7.2.6.1).

use crate::stage::{MMS, PPG_ID, Plan, TERMINAL_ID};

const HEADER: &str = "X-Wap-Terminal-Id";

//= specs/ota-http.md#identification
//= type=test
//# The Terminal-ID MUST be the one that the provisioning context gives.
//= specs/ota-http.md#identification
//= type=test
//# The answer to a registration MUST carry X-Wap-Terminal-Id, unless the request asks the terminal to authenticate itself or the answer asks the gateway to.
#[test]
fn ota_http_c_007_terminal_identification() -> anyhow::Result<()> {
    let stage = Plan::new()?
        .known_gateway("terminal_id = \"4447700900007\"")
        .start()?;
    let mut wire = stage.connect()?;
    let first = wire.register(&[])?;
    assert_eq!(first.header(HEADER), Some("4447700900007"));
    let again = wire.register(&[("X-Wap-CPITag", &first.tag()?)])?;
    again.is(204, 500);
    assert_eq!(again.header(HEADER), Some("4447700900007"));
    // A gateway that no context knows is told the terminal's own.
    let answer = stage.connect_from(3)?.register(&[])?;
    assert_eq!(answer.header(HEADER), Some(TERMINAL_ID));
    // Not where the answer has credentials, or refuses to give them.
    let challenge = format!("Basic realm=\"{PPG_ID}\"");
    let answer = wire.register(&[("X-Wap-Authenticate", &challenge)])?;
    assert_eq!(answer.header(HEADER), None, "{answer:?}");
    Ok(())
}

#[test]
fn a_gateway_that_is_known_is_told_who_refuses_it_and_nobody_else_is() -> anyhow::Result<()> {
    let stage = Plan::new()?
        .known_gateway("terminal_id = \"4447700900007\"")
        .start()?;
    for (header, value, code) in [
        ("X-Wap-Push-OTA-Version", "2.0", 600),
        ("X-Wap-Push-ProvURL", "http://nowhere.example.net", 302),
    ] {
        let known = stage.connect()?.register(&[(header, value)])?;
        known.is(204, code);
        assert_eq!(known.header(HEADER), Some("4447700900007"));
        assert!(known.header("X-Wap-Bearer-Indication").is_some());
        let unknown = stage.connect_from(3)?.register(&[(header, value)])?;
        unknown.is(204, code);
        assert_eq!(unknown.header(HEADER), None, "{unknown:?}");
        assert_eq!(unknown.header("X-Wap-Bearer-Indication"), None);
    }
    Ok(())
}

//= specs/ota-http.md#identification
//= type=test
//# The Terminal-ID MUST be a ClientID where no provisioning context gives one.
#[test]
fn a_terminal_without_a_name_is_called_by_its_address() -> anyhow::Result<()> {
    let plan = Plan::new()?.known_gateway("").keys("# no terminal_id");
    let octets = plan.terminal().octets();
    let stage = plan.start()?;
    let answer = stage.cpi()?;
    let [a, b, c, d] = octets;
    let digits = format!("{a:03}{b:03}{c:03}{d:03}");
    assert_eq!(answer.header(HEADER), Some(format!("6{digits}").as_str()));
    Ok(())
}

//= specs/ota-http.md#identification
//= type=test
//# The terminal SHOULD identify the gateway, so that pushes from unwanted ones can be refused.
#[test]
fn ota_http_c_008_gateway_identification() -> anyhow::Result<()> {
    let plan = Plan::new()?;
    let listed = plan.gateway();
    let stage = plan
        .known_gateway("")
        .section(&format!("[whitelist]\ndefault = [\"{listed}\"]"))
        .start()?;
    stage.register(MMS)?;
    let mut wire = stage.connect()?;
    wire.register(&[])?.is(204, 501);
    wire.push(MMS, b"from the one", &[])?.is(204, 400);
    let mut stranger = stage.connect_from(3)?;
    let answer = stranger.register(&[])?;
    answer.is(204, 301);
    assert_eq!(
        answer.header("X-Wap-CPITag"),
        None,
        "a stranger learns nothing"
    );
    assert_eq!(answer.header("X-Wap-Push-Accept-AppID"), None);
    stranger.push(MMS, b"from the other", &[])?.is(204, 235);
    assert_eq!(stage.contents()?, [b"from the one"]);
    let servers = stage.servers()?;
    let gateway = servers.iter().find(|server| server["id"] == PPG_ID);
    let last = gateway.map(|server| &server["lastExchange"]["method"]);
    assert_eq!(last, Some(&"POST".into()), "{servers:?}");
    Ok(())
}

#[test]
fn a_terminal_can_want_proof_of_every_gateway() -> anyhow::Result<()> {
    let plan = Plan::new()?.keys("identified_only = true");
    let password = plan.secret("ppg", "ppg-secret\n")?;
    let stage = plan
        .known_gateway(&format!(
            "authentication = \"basic\"\nppg_password_file = \"{password}\""
        ))
        .start()?;
    stage.register(MMS)?;
    let mut stranger = stage.connect_from(3)?;
    let answer = stranger.register(&[])?;
    assert!(
        matches!(answer.push_status(), Some(300 | 301)),
        "{answer:?}"
    );
    assert_eq!(answer.header("X-Wap-CPITag"), None);
    let answer = stranger.push(MMS, b"unproved", &[])?;
    assert!(
        matches!(answer.push_status(), Some(234 | 235)),
        "{answer:?}"
    );
    assert!(stage.contents()?.is_empty());
    Ok(())
}
