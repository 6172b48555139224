//! Registration, its validation, the CPI and its tag, version, bearer and provisioning context (WAP-235 7.2.5, 7.5, 7.6).

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

use crate::{
    stage::{DRM, MMS, Plan, SIA, Stage, list},
    wire::{ABSENT, Answer},
};

const APPLICATIONS: &str = "X-Wap-Push-Accept-AppID";
const NONSENSE: &str = "bm8gdGFn";

/// The CPI headers of an answer, in order.
fn cpi(answer: &Answer) -> Vec<(&str, &str)> {
    let headers = answer.headers.iter();
    let pairs = headers.map(|(name, value)| (name.as_str(), value.as_str()));
    pairs
        .filter(|(name, _)| {
            let name = name.to_ascii_lowercase();
            name.starts_with("x-wap-push-accept") || name == "x-wap-push-maxmsgsize"
        })
        .collect()
}

//= specs/ota-http.md#registration
//= type=test
//# The answer to a registration that shows no CPITag and is not refused MUST carry the terminal's CPI headers.
//= specs/ota-http.md#registration
//= type=test
//# The answer to a registration that shows no CPITag and is not refused MUST carry the terminal's CPITag.
//= specs/ota-http.md#registration
//= type=test
//# The answer to a registration that shows another CPITag than the terminal's and is not refused MUST carry the CPI headers and the CPITag.
//= specs/ota-http.md#registration
//= type=test
//# The answer to an OPTIONS request MUST carry X-Wap-Push-Status.
#[test]
fn ota_http_c_005_registration() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    let mut wire = stage.connect()?;
    let first = wire.register(&[])?;
    first.is(204, 501);
    let mut applications = list(&first, APPLICATIONS);
    applications.sort_unstable();
    assert_eq!(applications, [MMS, SIA]);
    let tag = first.tag()?;
    for stale in [NONSENSE, "", "4c078725"] {
        let other = wire.register(&[("X-Wap-CPITag", stale)])?;
        other.is(204, 501);
        assert_eq!(cpi(&other), cpi(&first), "{stale:?}");
        assert_eq!(other.tag()?, tag);
    }
    let same = wire.register(&[("X-Wap-CPITag", &tag)])?;
    same.is(204, 500);
    assert!(cpi(&same).is_empty(), "{same:?}");
    Ok(())
}

//= specs/ota-http.md#registration-validation
//= type=test
//# A push that shows the terminal's CPITag MUST be tried on the application that it is addressed to.
//= specs/ota-http.md#registration-validation
//= type=test
//# The answer to a push that shows the terminal's CPITag MUST NOT carry a CPITag.
//= specs/ota-http.md#registration-validation
//= type=test
//# The content of a push that shows another CPITag than the terminal's SHOULD be dropped without a word to the application.
//= specs/ota-http.md#registration-validation
//= type=test
//# The answer to a push that shows another CPITag than the terminal's and was dropped MUST carry the terminal's CPITag.
//= specs/ota-http.md#registration-validation
//= type=test
//# A push that shows no CPITag SHOULD be accepted.
//= specs/ota-http.md#registration-validation
//= type=test
//# The answer to a push that was accepted without a CPITag SHOULD NOT carry one.
//= specs/ota-http.md#registration-validation
//= type=test
//# The answer to a POST request MUST carry X-Wap-Push-Status.
#[test]
fn ota_http_c_006_registration_validation() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    let mut wire = stage.connect()?;
    let tag = wire.register(&[])?.tag()?;
    let right = wire.push(MMS, b"right", &[("X-Wap-CPITag", &tag)])?;
    right.is(204, 400);
    assert_eq!(right.header("X-Wap-CPITag"), None);
    let wrong = wire.push(MMS, b"wrong", &[("X-Wap-CPITag", NONSENSE)])?;
    wrong.is(204, 256);
    assert_eq!(wrong.tag()?, tag);
    assert!(cpi(&wrong).is_empty(), "{wrong:?}");
    let none = wire.push(MMS, b"none", &[])?;
    none.is(204, 400);
    assert_eq!(none.header("X-Wap-CPITag"), None);
    // What is dropped for another reason says so, with the tag where that was not shown.
    let dropped = wire.push("urn:test:nobody", b"dropped", &[])?;
    dropped.is(204, 236);
    assert_eq!(dropped.tag()?, tag);
    let dropped = wire.push("urn:test:nobody", b"dropped", &[("X-Wap-CPITag", &tag)])?;
    dropped.is(204, 236);
    assert_eq!(dropped.header("X-Wap-CPITag"), None);
    assert_eq!(stage.contents()?, [b"right".as_slice(), b"none"]);
    Ok(())
}

//= specs/ota-http.md#registration-validation
//= type=test
//# The answer to a push that was accepted in spite of the CPITag it shows SHOULD carry the terminal's CPITag.
//= specs/ota-http.md#registration-validation
//= type=test
//# The answer to a push that shows no CPITag and was dropped MUST carry the terminal's CPITag.
#[test]
fn a_terminal_can_be_told_to_take_stale_tags_and_to_want_one() -> anyhow::Result<()> {
    let stage = Plan::new()?
        .keys("accept_stale_tag = true\naccept_absent_tag = false")
        .known_gateway("")
        .start()?;
    stage.register(MMS)?;
    let mut wire = stage.connect()?;
    let tag = wire.register(&[])?.tag()?;
    let wrong = wire.push(MMS, b"wrong", &[("X-Wap-CPITag", NONSENSE)])?;
    wrong.is(204, 401);
    assert_eq!(wrong.tag()?, tag);
    let none = wire.push(MMS, b"none", &[])?;
    none.is(204, 256);
    assert_eq!(none.tag()?, tag);
    assert_eq!(stage.contents()?, [b"wrong"]);
    Ok(())
}

//= specs/ota-http.md#cpitag
//= type=test
//# The CPITag MUST be computed anew after a change of any CPI header, before it is told to a gateway.
//= specs/ota-http.md#cpitag
//= type=test
//# The CPITag MUST be made from a hash of at least four octets over the values of all CPI headers that are sent, one behind the other.
//= specs/ota-http.md#cpitag
//= type=test
//# The hash that the CPITag is made from SHOULD be SHA-1.
//= specs/ota-http.md#cpitag
//= type=test
//# The CPITag MUST be the base64 form of the first four octets of that hash.
//= specs/ota-http.md#cpitag
//= type=test
//# Equal CPI headers SHOULD give equal CPITags, whatever came in between.
#[test]
fn the_tag_is_that_of_the_headers_that_are_sent() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    let mut wire = stage.connect()?;
    let mut tags = Vec::new();
    let register = |id: &str| stage.register_with(id, &["--accept", "text/plain"]);
    let deregister = |id: &str| stage.daemon.pushcai_json(&["deregister", id, "--json"]);
    register(MMS)?;
    for step in 0..4 {
        match step {
            1 => drop(register(DRM)?),
            2 => drop(deregister(DRM)?),
            3 => drop(stage.register_with(MMS, &["--accept", "text/html"])?),
            _ => {}
        }
        let answer = wire.register(&[])?;
        let values: String = cpi(&answer).iter().map(|(_, value)| *value).collect();
        let hash = Sha1::digest(values.as_bytes());
        let expected = STANDARD.encode(hash.get(..4).unwrap_or_default());
        assert_eq!(answer.tag()?, expected, "{answer:?}");
        tags.push(expected);
    }
    assert_eq!(tags[0], tags[2]);
    assert!(
        tags[0] != tags[1] && tags[0] != tags[3] && tags[1] != tags[3],
        "{tags:?}"
    );
    Ok(())
}

//= specs/ota-http.md#cpi-headers
//= type=test
//# X-Wap-Push-Accept MUST have the form of HTTP's Accept.
//= specs/ota-http.md#cpi-headers
//= type=test
//# X-Wap-Push-Accept-Charset MUST have the form of HTTP's Accept-Charset.
//= specs/ota-http.md#cpi-headers
//= type=test
//# X-Wap-Push-Accept-Encoding MUST have the form of HTTP's Accept-Encoding.
//= specs/ota-http.md#cpi-headers
//= type=test
//# X-Wap-Push-Accept-Language MUST have the form of HTTP's Accept-Language.
//= specs/ota-http.md#cpi-headers
//= type=test
//# X-Wap-Push-Accept-AppID MUST be application ids in their URI form with a comma and a space between them, or one asterisk.
//= specs/ota-http.md#cpi-headers
//= type=test
//# X-Wap-Push-MaxMsgSize MUST be a decimal number of octets.
//= specs/ota-http.md#cpi-headers
//= type=test
//# X-Wap-Push-Accept-MaxPushReq MUST be a decimal number of pushes.
#[test]
fn every_header_of_the_cpi_has_its_form() -> anyhow::Result<()> {
    let stage = Plan::new()?
        .keys(
            "charsets = [\"UTF-8\", \"ISO-8859-1\"]\nencodings = [\"identity\"]\nlanguages = [\"en\", \"de\"]\n\
             max_message_length = 30000\nmax_push_requests = 4",
        )
        .known_gateway("")
        .start()?;
    stage.register_with(
        MMS,
        &["--accept", "text/plain, application/vnd.wap.mms-message"],
    )?;
    let answer = stage.cpi()?;
    let mut types = list(&answer, "X-Wap-Push-Accept");
    types.sort_unstable();
    assert_eq!(
        types,
        [
            "application/vnd.wap.mms-message",
            "application/vnd.wap.sia",
            "text/plain"
        ]
    );
    assert_eq!(
        list(&answer, "X-Wap-Push-Accept-Charset"),
        ["UTF-8", "ISO-8859-1"]
    );
    assert_eq!(list(&answer, "X-Wap-Push-Accept-Encoding"), ["identity"]);
    assert_eq!(list(&answer, "X-Wap-Push-Accept-Language"), ["en", "de"]);
    let applications = answer.header(APPLICATIONS).unwrap_or_default();
    let mut items: Vec<_> = applications.split(", ").collect();
    items.sort_unstable();
    assert_eq!(items, [MMS, SIA], "a comma and a space");
    assert_eq!(answer.header("X-Wap-Push-MaxMsgSize"), Some("30000"));
    assert_eq!(answer.header("X-Wap-Push-Accept-MaxPushReq"), Some("4"));
    Ok(())
}

//= specs/ota-http.md#version-control
//= type=test
//# An answer MUST carry X-Wap-Push-OTA-Version if the request did.
#[test]
fn ota_http_c_013_version_control() -> anyhow::Result<()> {
    let stage = Stage::set_up()?;
    stage.register(MMS)?;
    let mut wire = stage.connect()?;
    for offered in ["1.0", "1.*", "2.0,1.0", "3.4, 1.0 ,2.*", "1.3,1.0"] {
        let header = [("X-Wap-Push-OTA-Version", offered)];
        let answer = wire.register(&header)?;
        answer.is(204, 501);
        assert!(
            answer.header("X-Wap-Push-OTA-Version").is_some(),
            "{offered}: {answer:?}"
        );
        let answer = wire.push(MMS, b"x", &header)?;
        answer.is(204, 400);
        assert!(
            answer.header("X-Wap-Push-OTA-Version").is_some(),
            "{offered}: {answer:?}"
        );
    }
    let answer = wire.register(&[("X-Wap-Push-OTA-Version", ABSENT)])?;
    answer.is(204, 501);
    assert_eq!(answer.header("X-Wap-Push-OTA-Version"), None);
    for offered in ["2.0", "2.*,3.1", "0.9", "nonsense"] {
        let answer = wire.register(&[("X-Wap-Push-OTA-Version", offered)])?;
        assert_eq!(answer.push_status(), Some(600), "{offered}: {answer:?}");
        assert!(
            answer.header("X-Wap-Push-OTA-Version").is_some(),
            "{offered}: {answer:?}"
        );
    }
    Ok(())
}

//= specs/ota-http.md#bearer-indication
//= type=test
//# The answer to a registration MUST carry X-Wap-Bearer-Indication.
//= specs/ota-http.md#bearer-indication
//= type=test
//# X-Wap-Bearer-Indication MUST be the number that WDP gives the bearer, as two hexadecimal digits.
#[test]
fn ota_http_c_015_bearer_indication() -> anyhow::Result<()> {
    let stage = Plan::new()?.keys("bearer = 11").known_gateway("").start()?;
    let mut wire = stage.connect()?;
    let answer = wire.register(&[])?;
    assert_eq!(answer.header("X-Wap-Bearer-Indication"), Some("0B"));
    let answer = wire.register(&[("X-Wap-CPITag", &answer.tag()?)])?;
    answer.is(204, 500);
    assert_eq!(answer.header("X-Wap-Bearer-Indication"), Some("0B"));
    Ok(())
}

//= specs/ota-http.md#provurl
//= type=test
//# A request without X-Wap-Push-ProvURL MUST NOT be taken for one that names a context with an empty ProvURL.
//= specs/ota-http.md#provurl
//= type=test
//# The provisioning context whose ProvURL equals that of the request MUST be the one that is used.
//= specs/ota-http.md#provurl
//= type=test
//# A request whose ProvURL is that of no provisioning context MUST be refused, with status 257 if it is a push and 302 if it is a registration.
//= specs/ota-http.md#provurl
//= type=test
//# A request with an empty ProvURL MUST be refused, with status 257 if it is a push and 302 if it is a registration, when no provisioning context has an empty one.
#[test]
fn ota_http_c_017_prov_url() -> anyhow::Result<()> {
    const HEADER: &str = "X-Wap-Push-ProvURL";
    let stage = Plan::new()?
        .known_gateway("prov_url = \"http://prov.example.net/1\"\nterminal_id = \"4447700900001\"")
        .ppg(
            "other.example.net",
            "addresses = [\"192.0.2.2\"]\nprov_url = \"http://prov.example.net/2\"\nterminal_id = \"4447700900002\"",
        )
        .start()?;
    stage.register(MMS)?;
    let mut wire = stage.connect()?;
    let answer = wire.register(&[(HEADER, "http://prov.example.net/2")])?;
    answer.is(204, 501);
    assert_eq!(answer.header("X-Wap-Terminal-Id"), Some("4447700900002"));
    // It holds until the connection ends.
    let answer = wire.register(&[])?;
    assert_eq!(answer.header("X-Wap-Terminal-Id"), Some("4447700900002"));
    for unknown in ["http://prov.example.net/3", "HTTP://prov.example.net/1", ""] {
        let mut wire = stage.connect()?;
        let answer = wire.register(&[(HEADER, unknown)])?;
        answer.is(204, 302);
        assert!(
            cpi(&answer).is_empty() && answer.header("X-Wap-CPITag").is_none(),
            "{answer:?}"
        );
        let mut wire = stage.connect()?;
        wire.push(MMS, b"lost", &[(HEADER, unknown)])?.is(204, 257);
    }
    // Absent is not empty.
    let answer = stage.connect()?.register(&[])?;
    answer.is(204, 501);
    assert_eq!(answer.header("X-Wap-Terminal-Id"), Some("4447700900001"));
    assert!(stage.contents()?.is_empty());
    Ok(())
}

#[test]
fn an_empty_prov_url_names_a_context_with_an_empty_one() -> anyhow::Result<()> {
    let stage = Plan::new()?
        .known_gateway("prov_url = \"http://prov.example.net/1\"\nterminal_id = \"4447700900001\"")
        .ppg(
            "empty.example.net",
            "addresses = [\"192.0.2.2\"]\nprov_url = \"\"\nterminal_id = \"4447700900002\"",
        )
        .start()?;
    let answer = stage.connect()?.register(&[("X-Wap-Push-ProvURL", "")])?;
    answer.is(204, 501);
    assert_eq!(answer.header("X-Wap-Terminal-Id"), Some("4447700900002"));
    Ok(())
}
