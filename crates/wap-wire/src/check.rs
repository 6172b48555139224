//! Properties that hold for any octets: what fuzz targets and tests call.
//!
//! Each function walks everything that decoding gives, shows it, writes it again and decodes what was written. It panics
//! where a property does not hold.

use crate::mms::Notification;
use crate::sms::{Deliver, ServiceCentre, UserDataHeader};
use crate::wbxml::{DateTime, Document, Event, Language, MAX_DEPTH, MAX_REFERENCED, Piece};
use crate::wsp::{
    Address, Addresses, Capabilities, ContentType, EncodeOptions, Encoder, Header, HeaderForm,
    HeaderValue, Headers, Multipart, Pdu, Push, Sia, SiaContent, UnitPush,
};
use crate::wtp::{self, Pdus, concatenate, encode_items};
use crate::{DecodeError, uintvar};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::hint::black_box;

/// A connectionless push.
pub fn check_unit_push(data: &[u8]) {
    match UnitPush::decode(data) {
        Ok(unit) => walk_push(&unit.push, data.len()),
        Err(error) => within(error, data.len()),
    }
}

/// A PDU of a session.
pub fn check_pdu(data: &[u8]) {
    match Pdu::decode(data) {
        Ok(Pdu::Connect(connect)) => {
            walk_session(connect.capabilities, connect.headers, data.len());
        }
        Ok(Pdu::ConnectReply(reply)) => walk_session(reply.capabilities, reply.headers, data.len()),
        Ok(Pdu::Resume(resume)) => walk_session(resume.capabilities, resume.headers, data.len()),
        Ok(Pdu::Push(push)) => walk_push(&push, data.len()),
        Ok(Pdu::Reply(reply)) => {
            walk_headers(reply.headers, data.len());
            reply
                .content_type
                .iter()
                .for_each(|content_type| walk_content_type(content_type, data.len()));
        }
        Ok(Pdu::Redirect(redirect)) => {
            redirect
                .addresses
                .into_iter()
                .filter_map(Result::err)
                .for_each(|error| within(error, data.len()));
        }
        Ok(Pdu::Disconnect(_) | Pdu::Suspend(_) | Pdu::Other { .. }) => {}
        Err(error) => within(error, data.len()),
    }
}

/// A datagram of WTP: one PDU or several.
pub fn check_wtp(data: &[u8]) {
    let mut whole = Vec::new();
    for pdu in Pdus::new(data) {
        let pdu = match pdu {
            Ok(pdu) => pdu,
            Err(error) => return within(error, data.len()),
        };
        let end = pdu.offset.checked_add(pdu.octets.len());
        assert!(
            end.is_some_and(|end| end <= data.len()),
            "a PDU ends behind its datagram"
        );
        match wtp::Pdu::decode(pdu.octets) {
            Ok(pdu) => walk_wtp(&pdu),
            Err(error) => within(error, pdu.octets.len()),
        }
        whole.push(pdu.octets);
    }
    if whole.len() > 1 {
        let again = concatenate(whole.iter().copied())
            .unwrap_or_else(|error| panic!("separated PDUs cannot be put together: {error}"));
        let separated: Vec<_> = Pdus::new(&again)
            .map(|pdu| pdu.map(|pdu| pdu.octets))
            .collect();
        assert!(separated.into_iter().eq(whole.into_iter().map(Ok)));
    }
}

/// What was understood is written, and understood again; its items as well.
fn walk_wtp(pdu: &wtp::Pdu<'_>) {
    let octets = pdu
        .encode()
        .unwrap_or_else(|error| panic!("{pdu:?}: {error}"));
    assert_eq!(wtp::Pdu::decode(&octets).as_ref(), Ok(pdu));
    let values: Vec<_> = pdu.items().into_iter().map(wtp::Item::value).collect();
    let items =
        encode_items(values.iter().copied()).unwrap_or_else(|error| panic!("{values:?}: {error}"));
    let again: Vec<_> = wtp::Items::decode(&items)
        .unwrap_or_else(|error| panic!("{values:?}: {error}"))
        .into_iter()
        .map(wtp::Item::value)
        .collect();
    assert_eq!(again, values);
}

/// A set of headers.
pub fn check_headers(data: &[u8]) {
    walk_headers(Headers::new(data), data.len());
}

/// A content type.
pub fn check_content_type(data: &[u8]) {
    match ContentType::decode(data) {
        Ok((content_type, consumed)) => {
            assert!(
                consumed <= data.len(),
                "a content type took more octets than there are"
            );
            walk_content_type(&content_type, data.len());
        }
        Err(error) => within(error, data.len()),
    }
}

/// Multipart content.
pub fn check_multipart(data: &[u8]) {
    let Ok(multipart) = Multipart::decode(data) else {
        return;
    };
    for part in multipart.parts() {
        match part {
            Ok(part) => {
                walk_content_type(&part.content_type, data.len());
                walk_headers(part.headers, data.len());
            }
            Err(error) => within(error, data.len()),
        }
    }
}

/// A session initiation request.
pub fn check_sia(data: &[u8]) {
    let sia = match Sia::decode(data) {
        Ok(sia) => sia,
        Err(error) => return within(error, data.len()),
    };
    let whole = |list: Addresses<'_>| list.into_iter().all(|address| address.is_ok());
    let applications: Vec<_> = sia.applications.into_iter().collect();
    let errors = applications
        .iter()
        .filter_map(|application| application.err());
    errors.for_each(|error| within(error, data.len()));
    let addresses = sia.wsp_contact_points.into_iter().chain(sia.contact_points);
    let errors = addresses.filter_map(Result::err);
    errors.for_each(|error| within(error, data.len()));
    let counts = [
        applications.len(),
        sia.contact_points.into_iter().count(),
        sia.protocols.iter().count(),
        sia.cpi_tags.len(),
    ];
    assert!(
        counts.iter().all(|&count| count <= data.len()),
        "a list has more entries than there are octets"
    );
    if whole(sia.wsp_contact_points) && whole(sia.contact_points) {
        walk_sia(&sia);
    }
}

/// What was understood is written, and understood again.
fn walk_sia(sia: &Sia<'_>) {
    let applications: Vec<_> = sia.applications.into_iter().flatten().collect();
    let (wsp, other) = (listed(sia.wsp_contact_points), listed(sia.contact_points));
    let protocols: Vec<_> = sia.protocols.iter().collect();
    let content = SiaContent {
        version: sia.version,
        applications: &applications,
        wsp_contact_points: &wsp,
        contact_points: &other,
        protocols: &protocols,
        prov_url: sia.prov_url.as_bytes(),
        cpi_tags: sia.cpi_tags,
    };
    let octets = EncodeOptions::default()
        .sia(&content)
        .unwrap_or_else(|error| panic!("{sia:?}: {error}"));
    let again = Sia::decode(&octets).unwrap_or_else(|error| panic!("{sia:?}: {error}"));
    let same = again.version == sia.version
        && again.applications.into_iter().flatten().eq(applications)
        && listed(again.wsp_contact_points) == wsp
        && listed(again.contact_points) == other
        && again.protocols.iter().eq(protocols)
        && again.prov_url == sia.prov_url
        && again.cpi_tags == sia.cpi_tags;
    assert!(same, "{sia:?} became {again:?}");
}

fn listed(list: Addresses<'_>) -> Vec<Address<'_>> {
    list.into_iter().flatten().collect()
}

/// A header given as text: a name, a line feed and a value.
pub fn check_text_header(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (name, value) = text.split_once('\n').unwrap_or((&text, ""));
    for header_form in [HeaderForm::Compact, HeaderForm::Text] {
        let options = EncodeOptions {
            header_form,
            ..EncodeOptions::default()
        };
        let Ok(octets) = options.headers(&[(name, value)]) else {
            continue;
        };
        for header in Headers::new(&octets) {
            let header = header.unwrap_or_else(|error| {
                panic!("{name}: {value} was encoded as {octets:?}: {error}")
            });
            assert!(
                !matches!(header.value, HeaderValue::Malformed(_)),
                "{name}: {value} was encoded as {header:?}"
            );
            assert!(
                header.name.to_string().eq_ignore_ascii_case(name),
                "{name} was encoded as {}",
                header.name
            );
        }
        check_headers(&octets);
    }
    if let Ok(octets) = crate::wsp::encode_unit_push(0, &text, &[], &[]) {
        check_unit_push(&octets);
    }
}

/// A document in WBXML: what stands before its content, and each event of that.
pub fn check_wbxml(data: &[u8]) {
    let mut document = match Document::decode(data) {
        Ok(document) => document,
        Err(error) => return within(error, data.len()),
    };
    let (mut open, mut shown) = (0_usize, String::new());
    for language in Language::ALL.map(Some).into_iter().chain([None]) {
        document.language = language;
        (open, shown) = (0, String::new());
        for event in document.events() {
            let event = match event {
                Ok(event) => event,
                Err(error) => return within(error, data.len()),
            };
            match event {
                Event::Element(name) => {
                    open = open.saturating_add(1);
                    shown.push_str(&name.to_string());
                }
                Event::Instruction => open = open.saturating_add(1),
                Event::End => {
                    let outer = open.checked_sub(1);
                    open = outer.unwrap_or_else(|| panic!("something ends that did not begin"));
                }
                Event::Attribute(name) => shown.push_str(&name.to_string()),
                Event::Value(piece) | Event::Content(piece) => {
                    // Dates are read where there are opaque octets.
                    if let Piece::Opaque(octets) = piece {
                        black_box(DateTime::decode(octets).map(|date| date.to_string()));
                    }
                    shown.push_str(&piece.to_string());
                }
            }
            assert!(
                open <= MAX_DEPTH.saturating_add(2),
                "{open} elements are open"
            );
        }
    }
    assert_eq!(open, 0, "an element has no end");
    // A name of the document's own or a character of ISO-8859-1 may take more room than on the wire.
    let bound = data
        .len()
        .saturating_mul(12)
        .saturating_add(MAX_REFERENCED.saturating_mul(2));
    assert!(
        shown.len() <= bound,
        "{} octets of {}",
        shown.len(),
        data.len()
    );
}

/// A notification of MMS.
pub fn check_mms(data: &[u8]) {
    match Notification::decode(data) {
        Ok(notification) => {
            let texts = [notification.transaction_id, notification.content_location];
            let encoded = [notification.from, notification.subject];
            let encoded = encoded.into_iter().flatten().map(|encoded| encoded.text);
            let lengths = texts.into_iter().flatten().chain(encoded);
            let length: usize = lengths.map(|text| text.as_bytes().len()).sum();
            assert!(length <= data.len(), "{notification:?}");
        }
        Err(error) => within(error, data.len()),
    }
}

/// A uintvar.
pub fn check_uintvar(data: &[u8]) {
    let Ok((number, used)) = uintvar::decode(data) else {
        return;
    };
    let mut octets = Vec::new();
    uintvar::encode(number, &mut octets);
    assert!(
        octets.len() <= used,
        "{number} was not encoded in the fewest octets"
    );
    assert_eq!(
        uintvar::decode(&octets),
        Ok((number, octets.len())),
        "{number} did not survive"
    );
}

/// A short message: whether an SMS centre is in front is found out as it would be stated.
pub fn check_sms_deliver(data: &[u8]) {
    let found_out = Deliver::decode(data);
    let stated = [ServiceCentre::InFront, ServiceCentre::Absent]
        .map(|stated| Deliver::decode_with(data, stated));
    assert!(stated.contains(&found_out), "neither gives {found_out:?}");
    for message in stated {
        match message {
            Ok(message) => walk_sms_deliver(&message, data.len()),
            Err(error) => within(error, data.len()),
        }
    }
}

fn walk_sms_deliver(message: &Deliver<'_>, length: usize) {
    black_box(message.originating_address.to_string());
    black_box(message.service_centre.map(|address| address.to_string()));
    black_box(message.time_stamp.to_string());
    let user_data = message.user_data;
    assert!(user_data.octets.len() <= 140, "{user_data:?}");
    assert!(
        user_data.octets.ends_with(user_data.body()),
        "{user_data:?}"
    );
    let characters = user_data.characters().map_or(0, Iterator::count);
    assert!(characters <= 160, "{user_data:?}");
    if let Some(Err(error)) = user_data.header() {
        within(error, length);
    }
}

/// A user data header: its elements fill it, and what was understood counts.
pub fn check_user_data_header(data: &[u8]) {
    let (header, consumed) = match UserDataHeader::decode(data) {
        Ok(decoded) => decoded,
        Err(error) => return within(error, data.len()),
    };
    let written: Vec<u8> = header
        .elements()
        .flat_map(|element| {
            let length = u8::try_from(element.data.len()).unwrap_or_default();
            [&[element.identifier, length], element.data].concat()
        })
        .collect();
    assert_eq!(data.get(1..consumed), Some(&written[..]));
    if let Some(concatenation) = header.concatenation() {
        assert!(concatenation.is_possible(), "{concatenation:?}");
    }
    let has_ports = header.elements().any(|element| element.ports().is_some());
    assert_eq!(header.ports().is_some(), has_ports);
}

fn within(error: DecodeError, length: usize) {
    assert!(error.offset <= length, "{error} of {length}");
    assert!(!error.to_string().is_empty(), "an error says nothing");
}

fn walk_push(push: &Push<'_>, length: usize) {
    assert!(push.body.len() <= length, "a body is longer than its PDU");
    walk_content_type(&push.content_type, length);
    walk_headers(push.headers, length);
    black_box((
        push.application_id().map(|id| (id.number(), id.uri())),
        push.push_flag(),
    ));
}

fn walk_session(capabilities: Capabilities<'_>, headers: Headers<'_>, length: usize) {
    for capability in capabilities {
        let capability = match capability {
            Ok(capability) => capability,
            Err(error) => return within(error, length),
        };
        let mut encoder = Encoder::default();
        encoder
            .capability(&capability)
            .unwrap_or_else(|error| panic!("{capability:?}: {error}"));
        let again = Capabilities::new(encoder.as_bytes()).into_iter().next();
        let same =
            again.is_some_and(|again| again.is_ok_and(|again| again.name() == capability.name()));
        assert!(same, "{capability:?} became {again:?}");
    }
    walk_headers(headers, length);
}

fn walk_content_type(content_type: &ContentType<'_>, length: usize) {
    let header = Header {
        name: crate::wsp::HeaderName::WellKnown(crate::wsp::WellKnownHeader::ContentType),
        value: HeaderValue::ContentType(*content_type),
    };
    walk_header(&header, length);
    black_box(content_type.media_type());
}

fn walk_headers(headers: Headers<'_>, length: usize) {
    let mut count = 0_usize;
    for header in headers {
        match header {
            Ok(header) => walk_header(&header, length),
            Err(error) => within(error, length),
        }
        count = count.saturating_add(1);
    }
    assert!(count <= length, "there are more headers than octets");
}

fn walk_header(header: &Header<'_>, length: usize) {
    let shown = header.to_string();
    if let (Some(name), Some(value)) = (header.name.as_str(), header.value.as_str()) {
        assert!(
            shown.split_at_checked(name.len()).is_some_and(
                |(start, rest)| start == name && rest.strip_prefix(": ") == Some(value)
            ),
            "{header:?} is {name} and {value}, and shown as {shown}"
        );
    }
    if let HeaderValue::Malformed(malformed) = header.value {
        within(malformed.error, length);
    }
    let octets = encoded(header);
    let again = decoded(&octets).unwrap_or_else(|| panic!("{header:?} was encoded as {octets:?}"));
    assert_eq!(again.name, header.name, "a name did not survive");
    assert_eq!(again.to_string(), shown, "{header:?} became {again:?}");
    assert_eq!(
        encoded(&again),
        octets,
        "{again:?} is not written the same twice"
    );
}

fn encoded(header: &Header<'_>) -> Vec<u8> {
    let mut encoder = Encoder::default();
    encoder
        .header_value(header)
        .unwrap_or_else(|error| panic!("{header:?}: {error}"));
    encoder.into_octets()
}

fn decoded(octets: &[u8]) -> Option<Header<'_>> {
    let mut headers = Headers::new(octets).into_iter();
    let header = headers.next()?.ok()?;
    headers.next().is_none().then_some(header)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::wsp::steps;
    use proptest::prelude::*;
    use std::fs;
    use std::path::PathBuf;

    type Check = fn(&[u8]);

    const CHECKS: [(&str, Check); 13] = [
        ("unit_push", check_unit_push),
        ("pdu", check_pdu),
        ("headers", check_headers),
        ("content_type", check_content_type),
        ("multipart", check_multipart),
        ("sia", check_sia),
        ("sms_deliver", check_sms_deliver),
        ("user_data_header", check_user_data_header),
        ("text_header", check_text_header),
        ("uintvar", check_uintvar),
        ("wtp", check_wtp),
        ("wbxml", check_wbxml),
        ("mms", check_mms),
    ];

    fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../../fuzz/corpus")
            .join(target);
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
            .into_iter()
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect()
    }

    #[test]
    fn the_corpus_of_every_fuzz_target_passes() {
        for (target, check) in CHECKS {
            let files = corpus(target);
            assert!(!files.is_empty(), "{target} has no corpus");
            for (_, octets) in files {
                check(&octets);
            }
        }
    }

    #[test]
    fn every_truncation_and_every_changed_octet_of_the_corpus_passes() {
        for (target, check) in CHECKS {
            for (_, octets) in corpus(target) {
                (0..octets.len()).for_each(|length| check(&octets[..length]));
                for position in 0..octets.len().min(64) {
                    for octet in [0x00, 0x01, 0x1E, 0x1F, 0x20, 0x22, 0x7F, 0x80, 0x81, 0xFF] {
                        let mut changed = octets.clone();
                        changed[position] = octet;
                        check(&changed);
                    }
                }
            }
        }
    }

    /// Octets that begin names, lengths and texts come more often than others.
    fn likely_octets() -> impl Strategy<Value = Vec<u8>> {
        let octet = prop_oneof![
            4 => 0x80..=0xD0_u8,
            3 => 0x00..=0x08_u8,
            2 => 0x61..=0x66_u8,
            1 => prop_oneof![Just(0x1F), Just(0x22), Just(0x7F), Just(0x20), Just(b'=')],
            1 => any::<u8>(),
        ];
        prop::collection::vec(octet, 0..80)
    }

    /// A document of a known type, and behind its beginning tokens that mean something.
    fn likely_content() -> impl Strategy<Value = Vec<u8>> {
        let token = prop_oneof![
            4 => 0x00..=0x08_u8,
            2 => prop_oneof![Just(0x45), Just(0xC6), Just(0x87), Just(0x40), Just(0x43), Just(0x44)],
            2 => 0x80..=0x88_u8,
            1 => prop_oneof![Just(0xC0), Just(0xC3), Just(0xC4)],
            1 => any::<u8>(),
        ];
        let content = prop::collection::vec(token, 0..120);
        let language = prop::sample::select(&[5_u8, 6, 7, 0xB, 0xD][..]);
        (language, content).prop_map(|(language, content)| {
            let mut octets = Vec::from([3, language, 0x6A, 4, b'a', b'b', b'c', 0, 0xC5]);
            octets.extend(content);
            octets
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_octets_pass(octets: Vec<u8>) {
            for (_, check) in CHECKS {
                check(&octets);
            }
        }

        #[test]
        fn octets_that_look_like_headers_pass(octets in likely_octets()) {
            for (_, check) in CHECKS {
                check(&octets);
            }
        }

        #[test]
        fn octets_that_look_like_documents_pass(octets in likely_content()) {
            check_wbxml(&octets);
        }

        #[test]
        fn any_text_of_any_header_is_encoded(
            header in prop::sample::select(crate::wsp::WellKnownHeader::ALL),
            value in "[ -~]{0,40}|([a-z]{1,4}[=;, /\"-]{1,2}){0,6}|[0-9]{0,20}",
        ) {
            let mut text = header.name().to_string();
            text.push('\n');
            text.push_str(&value);
            check_text_header(text.as_bytes());
        }
    }

    /// Octets that a decoder might go over again and again: many empty values, nested lengths, open texts.
    fn tedious(kind: usize, length: usize) -> Vec<u8> {
        let pattern: &[u8] = match kind {
            0 => &[0xBD, 0x00],
            1 => b"a\0b\0",
            2 => &[0x01],
            3 => &[0x81],
            4 => b";a=b",
            5 => &[0x00],
            6 => &[0x1F, 0x04, 0x83, 0x81, 0xEA, 0x80],
            7 => b"\xC2\x08\x80\x03a\0b\0x\0",
            8 => &[0xC4, 0x06, 0x90, b'h', 0, 0x01, 0x05, 0x80],
            _ => b"text",
        };
        pattern.iter().copied().cycle().take(length).collect()
    }

    #[test]
    fn steps_grow_with_the_length_and_no_faster() {
        let walks: [fn(&[u8]); 4] = [
            |octets| {
                if let Ok(unit) = UnitPush::decode(octets) {
                    black_box(unit.push.content_type.parameters().count());
                    black_box(unit.push.headers.into_iter().count());
                }
            },
            |octets| {
                if let Ok(sia) = Sia::decode(octets) {
                    black_box(sia.applications.into_iter().count());
                    black_box(sia.wsp_contact_points.into_iter().count());
                    black_box(sia.contact_points.into_iter().count());
                    black_box(sia.protocols.iter().count());
                }
            },
            |octets| {
                for header in Headers::new(octets).into_iter().flatten() {
                    black_box(header.to_string());
                }
            },
            |octets| {
                if let Ok((content_type, _)) = ContentType::decode(octets) {
                    black_box(content_type.to_string());
                }
            },
        ];
        for (walk, kind) in walks
            .iter()
            .flat_map(|walk| (0..10).map(move |kind| (walk, kind)))
        {
            for length in [100, 1_000, 10_000] {
                let body = tedious(kind, length);
                let mut push = Vec::from([0, 6]);
                uintvar::encode(u32::try_from(length).unwrap(), &mut push);
                push.extend(&body);
                // The body as each list of a session initiation request, at last as as many numbers.
                let field = |before: &[u8], count: usize| {
                    let mut sia = Vec::from(before);
                    uintvar::encode(u32::try_from(count).unwrap(), &mut sia);
                    sia.extend(&body);
                    sia
                };
                let lists = [
                    field(&[1], length),
                    field(&[1, 0], length),
                    field(&[1, 0, 0], length),
                    field(&[1, 0, 0, 0], length),
                    field(&[1, 0, 0, 0], length / 2),
                    field(&[1, 0, 0, 0, 0, 0], length / 4),
                ];
                for octets in [&body, &push].into_iter().chain(&lists) {
                    let steps = steps::counted(|| walk(octets));
                    assert!(
                        steps <= 12 * octets.len() + 100,
                        "{steps} steps for {length} octets of kind {kind}"
                    );
                }
            }
        }
    }
}
