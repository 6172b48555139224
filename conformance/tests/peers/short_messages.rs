//! What tshark reads in short messages, and what wap-wire reads in them.

use conformance::tshark::Tshark;
use wap_wire::sms::{Deliver, ServiceCentre, UserDataHeader};

/// Fields of tshark that say what we say.
const FIELDS: &[&str] = &[
    "gsm_sms.tp-rp",
    "gsm_sms.tp-udhi",
    "gsm_sms.tp-sri",
    "gsm_sms.tp-lp",
    "gsm_sms.tp-mms",
    "gsm_sms.tp-oa",
    "gsm_sms.tp-pid",
    "gsm_sms.tp-dcs",
    "gsm_sms.scts.year",
    "gsm_sms.scts.month",
    "gsm_sms.scts.day",
    "gsm_sms.scts.hour",
    "gsm_sms.scts.minutes",
    "gsm_sms.scts.seconds",
    "gsm_sms.scts.timezone",
    "gsm_sms.tp.user_data_length",
    "gsm_sms.ie_identifier",
    "gsm_sms.destination_port",
    "gsm_sms.originator_port",
    "gsm_sms.udh.mm.msg_id",
    "gsm_sms.udh.mm.msg_parts",
    "gsm_sms.udh.mm.msg_part",
    "gsm_sms.sms_body",
    "gsm_sms.sms_text",
];

const ADDRESSES: &[&[u8]] = &[
    &[0x0B, 0x91, 0x51, 0x55, 0x21, 0x43, 0x65, 0xF7],
    &[0x04, 0x81, 0x21, 0x43],
    &[0x05, 0xA1, 0x01, 0x80, 0xF6],
    &[0x0E, 0xD0, 0x4F, 0x78, 0x59, 0x1E, 0xA6, 0xBF, 0xE5],
    &[0x0D, 0xD0, 0x49, 0xB7, 0xF9, 0x0D, 0x1A, 0xBE, 0x01],
];

const STAMPS: &[[u8; 7]] = &[
    [0x62, 0x10, 0x20, 0x21, 0x43, 0x65, 0x00],
    [0x62, 0x21, 0x13, 0x32, 0x95, 0x95, 0x80],
    [0x62, 0x90, 0x92, 0x00, 0x00, 0x00, 0x2A],
];

const HEADERS: &[&[u8]] = &[
    &[],
    &[0x06, 0x05, 0x04, 0x0B, 0x84, 0x23, 0xF0],
    &[
        0x0B, 0x05, 0x04, 0x0B, 0x84, 0x23, 0xF0, 0x00, 0x03, 0x96, 0x03, 0x02,
    ],
    &[
        0x0C, 0x08, 0x04, 0x9F, 0x8E, 0x02, 0x01, 0x05, 0x04, 0x0B, 0x84, 0xC0, 0x02,
    ],
    &[0x04, 0x04, 0x02, 0xF0, 0xF5],
    &[0x09, 0x70, 0x01, 0xAA, 0x05, 0x04, 0x0B, 0x84, 0x23, 0xF0],
];

/// Coding, and user data behind the header as its octets are.
const CONTENTS: &[(u8, &[u8])] = &[
    (0x04, &[0x00, 0x06, 0x01, 0xAE]),
    (0xF5, &[0xFF, 0x80]),
    (0x15, &[0x2A]),
    (0x08, &[0x00, 0x68, 0x00, 0x69]),
];

/// Every mixture of the above, with every flag of the first octet in turn.
fn messages() -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    for address in ADDRESSES {
        for stamp in STAMPS {
            for header in HEADERS {
                for (coding, content) in CONTENTS {
                    let flags = [0x00, 0x04, 0x08, 0x20, 0x80, 0xAC][messages.len() % 6];
                    let first = if header.is_empty() {
                        flags
                    } else {
                        flags | 0x40
                    };
                    let length = u8::try_from(header.len() + content.len()).unwrap_or_default();
                    let front = [&[first], *address, &[0x00, *coding], stamp, &[length]].concat();
                    messages.push([&front[..], header, content].concat());
                }
            }
        }
    }
    messages
}

/// What wap-wire reads, in tshark's names and words.
fn ours(octets: &[u8]) -> anyhow::Result<Vec<(String, String)>> {
    let message = Deliver::decode_with(octets, ServiceCentre::Absent)
        .map_err(|error| anyhow::anyhow!("{error} in {octets:02x?}"))?;
    let detected = Deliver::decode(octets);
    assert_eq!(
        detected,
        Ok(message),
        "an SMS centre was seen in {octets:02x?}"
    );
    let data = message.user_data;
    let flag = |is_set: bool| u8::from(is_set).to_string();
    let mut fields = vec![
        ("tp-rp", flag(message.reply_path)),
        ("tp-udhi", flag(data.has_header)),
        ("tp-sri", flag(message.status_report)),
        ("tp-lp", flag(message.loop_prevention)),
        ("tp-mms", flag(!message.more_messages)),
        (
            "tp-oa",
            message
                .originating_address
                .to_string()
                .trim_start_matches('+')
                .to_owned(),
        ),
        ("tp-pid", message.protocol_identifier.to_string()),
        ("tp-dcs", data.data_coding.0.to_string()),
    ];
    let shown = message.time_stamp.to_string();
    let digits: Vec<&str> = shown.split(['-', ' ', ':', '+']).collect();
    let names = [
        "scts.year",
        "scts.month",
        "scts.day",
        "scts.hour",
        "scts.minutes",
        "scts.seconds",
    ];
    for (name, digits) in names.into_iter().zip(digits) {
        let number: u8 = digits.parse()?;
        fields.push((name, number.to_string()));
    }
    let quarters = message.time_stamp.time_zone_quarters().unwrap_or_default();
    // tshark shows the sign in words only.
    fields.push(("scts.timezone", quarters.unsigned_abs().to_string()));
    fields.push(("tp.user_data_length", data.length.to_string()));
    let header = data
        .header()
        .transpose()
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    for element in header.iter().flat_map(UserDataHeader::elements) {
        fields.push(("ie_identifier", format!("0x{:02x}", element.identifier)));
        if let Some(ports) = element.ports() {
            fields.push(("destination_port", ports.destination.to_string()));
            fields.push(("originator_port", ports.originator.to_string()));
        }
        if let Some(concatenation) = element.concatenation() {
            fields.push(("udh.mm.msg_id", concatenation.reference.to_string()));
            fields.push(("udh.mm.msg_parts", concatenation.total.to_string()));
            fields.push(("udh.mm.msg_part", concatenation.sequence.to_string()));
        }
    }
    if let Some(text) = data.characters() {
        fields.push(("sms_text", text.collect()));
    } else {
        let octets = data.body().iter().map(|octet| format!("{octet:02x}"));
        fields.push(("sms_body", octets.collect::<Vec<_>>().join(":")));
    }
    let named = fields
        .into_iter()
        .map(|(name, value)| (format!("gsm_sms.{name}"), value));
    Ok(named.collect())
}

#[test]
fn tshark_reads_in_short_messages_what_we_read() -> anyhow::Result<()> {
    let Some(tshark) = Tshark::find()? else {
        return Ok(());
    };
    let messages = messages();
    let readings = tshark.read_short_messages(&messages, FIELDS)?;
    let is_content =
        |(name, _): &(String, String)| name == "gsm_sms.sms_body" || name == "gsm_sms.sms_text";
    let mut contents = 0;
    for (octets, mut theirs) in messages.iter().zip(readings) {
        let mut ours = ours(octets)?;
        // What is for a port of WAP in one piece, tshark takes for WSP, shows as that, and has its own opinion on.
        if theirs.iter().any(is_content) {
            contents += 1;
        } else {
            ours.retain(|field| !is_content(field));
            theirs.retain(|(name, _)| !name.starts_with("_ws."));
        }
        assert_eq!(ours, theirs, "{octets:02x?}");
    }
    assert!(
        contents > messages.len() / 2,
        "{contents} of {}",
        messages.len()
    );
    Ok(())
}
