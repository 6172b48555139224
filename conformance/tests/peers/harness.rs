//! The peers among themselves: what Kannel is given, tshark reads in what it sends.

use conformance::{
    kannel::Kannel,
    pap::{Client, Delivery, Submission},
    tshark::Tshark,
};

#[test]
fn tshark_reads_in_a_push_of_kannel_what_was_handed_in() -> anyhow::Result<()> {
    let (Some(kannel), Some(tshark)) = (Kannel::start()?, Tshark::find()?) else {
        return Ok(());
    };
    let socket = kannel.client_socket(2)?;
    let push = Submission {
        client: Client::Ip(kannel.client_address(2)),
        delivery: Delivery::Unconfirmed,
        content_type: "application/vnd.wap.mms-message",
        part_headers: &[("X-Wap-Application-Id", "x-wap-application:mms.ua")],
        http_headers: &[("X-Lab", "one")],
        content: b"\x8c\x82",
    };
    let datagram = kannel.push(&socket, &push)?;
    assert!(datagram.ends_with(push.content));
    let readings = tshark.read_pushes(&[datagram])?;
    assert_eq!(readings[0].content_type, push.content_type);
    let header = |name: &str| {
        let found = readings[0]
            .headers
            .iter()
            .find(|header| header.name == name);
        found.map(|header| header.value.as_str())
    };
    assert_eq!(
        header("X-Wap-Application-ID"),
        Some("x-wap-application:mms.ua")
    );
    assert_eq!(header("X-Lab"), Some("one"));
    assert_eq!(header("Content-Length"), Some("2"));
    Ok(())
}
