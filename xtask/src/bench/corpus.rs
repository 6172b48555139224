//! Varied pushes of about 200 octets that carry their own number.

use wap_wire::wsp::encode_unit_push;

/// The applications that the pushes are for.
pub(crate) const APPLICATIONS: [&str; 4] = ["4", "2", "0x10", "x-bench:meter.reading"];

/// The datagram with this number: its content begins with the number as eight hexadecimal digits.
pub(crate) fn datagram(number: u32) -> anyhow::Result<Vec<u8>> {
    const TYPES: [&str; 4] = [
        "application/vnd.wap.mms-message",
        "application/vnd.wap.sic",
        "application/vnd.omaloc-supl-init",
        "text/plain; charset=utf-8",
    ];
    let kind = usize::try_from(number % 4)?;
    let length = 60 + usize::try_from(number.wrapping_mul(2_654_435_761) >> 25)?;
    let mut body = format!("{number:08x}").into_bytes();
    body.extend((0..length).map(|index| (index.wrapping_mul(31) ^ kind).to_le_bytes()[0]));
    let mut headers = vec![
        ("X-Wap-Application-Id", application(kind)),
        ("Push-Flag", "1"),
    ];
    if number.is_multiple_of(3) {
        headers.push(("X-Wap-Initiator-URI", "http://pi.example.net/service/7"));
    }
    if number.is_multiple_of(5) {
        headers.push(("Expires", "Sun, 22 Nov 2026 12:00:00 GMT"));
    }
    let tid = number.to_le_bytes()[0];
    encode_unit_push(tid, TYPES[kind], &headers, &body).map_err(|error| anyhow::anyhow!("{error}"))
}

const fn application(kind: usize) -> &'static str {
    match kind {
        0 => "x-wap-application:mms.ua",
        1 => "x-wap-application:wml.ua",
        2 => "x-oma-application:ulp.ua",
        _ => "x-bench:meter.reading",
    }
}
