use super::*;
use crate::DecodeErrorCode;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

/// The document as text: enough to see what stands where.
fn shown(octets: &[u8]) -> Result<String, (DecodeErrorCode, usize)> {
    let at = |error: crate::DecodeError| (error.code, error.offset);
    let document = Document::decode(octets).map_err(at)?;
    let mut text = String::new();
    for event in document.events() {
        match event.map_err(at)? {
            Event::Element(name) => write!(text, "<{name}>"),
            Event::Attribute(name) => write!(text, "[{name}={}]", name.prefix()),
            Event::Value(piece) => write!(text, "({piece})"),
            Event::Content(piece) => write!(text, "{{{piece}}}"),
            Event::End => write!(text, "</>"),
            Event::Instruction => write!(text, "<?>"),
        }
        .unwrap();
    }
    Ok(text)
}

#[test]
fn a_service_indication_is_read() {
    let octets = b"\x02\x05\x6A\x00\x45\xC6\x0D\x03a.example\x00\x85\x03b\x00\x0A\xC3\x04\x20\x26\x01\x02\x08\x01\x03Hi \x00\x02\x81\x20\x01\x01";
    assert_eq!(
        shown(octets).unwrap(),
        "<si><indication>[href=http://www.](a.example)(.com/)(b)[created=](0x20260102)[action=signal-high]{Hi }{\u{a0}}</></>"
    );
    let document = Document::decode(octets).unwrap();
    assert_eq!((document.version, document.charset), (2, 106));
    assert_eq!(document.public_id, PublicId::Number(Some(5)));
}

#[test]
fn string_tables_pages_and_literals_are_read() {
    // A public identifier by name, strings by reference, a second page of attributes, a name of the document's own.
    let mut octets = Vec::from(b"\x03\x00\x04\x6A".as_slice());
    let table = b"own\0-//WAPFORUM//DTD PROV 1.0//EN\0";
    octets.push(u8::try_from(table.len()).unwrap());
    octets.extend(table);
    octets.extend(b"\x45\xC6\x00\x01\x55\x01\x87\x36\x00\x00\x06\x83\x00\x01\x01\x04\x00\x3E\x01");
    assert_eq!(
        shown(&octets).unwrap(),
        "<wap-provisioningdoc><characteristic>[type=APPLICATION]<parm>[name=APPID][value=](own)</></><own></><#0:3E></></>"
    );
}

#[test]
fn what_is_unknown_is_shown_by_its_number() {
    let octets =
        b"\x03\x01\x00\x00\xC5\x05\x85\xC0\x40x\x00\x81\x07\x01\x45\x00\x03\x06\x01\xC1\x01";
    assert_eq!(
        shown(octets).unwrap(),
        "<#0:05>[#0:05=](#0:85)(#ext0)(#ext0(x))(#ext1(7))<#0:05><#3:06></></>{#ext1}</>"
    );
}

#[test]
fn instructions_stand_anywhere_between_elements() {
    let octets = b"\x03\x05\x6A\x00\x43\x12\x03x\x00\x01\x45\x43\x12\x01\x06\x01\x43\x0A\x01";
    assert_eq!(
        shown(octets).unwrap(),
        "<?>[class=](x)</><si><?>[class=]</><indication></></><?>[created=]</>"
    );
}

#[test]
fn the_media_type_may_say_what_the_document_does_not() {
    let mut document = Document::decode(b"\x03\x01\x6A\x00\x05").unwrap();
    assert_eq!(
        (document.public_id, document.language),
        (PublicId::Number(None), None)
    );
    document.language = Language::of_media_type("application/vnd.wap.slc");
    let Some(Ok(Event::Element(name))) = document.events().next() else {
        panic!("an element");
    };
    assert_eq!(name.name(), Some("sl"));
}

#[test]
fn what_is_broken_is_refused_with_its_place() {
    use DecodeErrorCode as Code;
    let cases: &[(&[u8], Code, usize)] = &[
        (b"", Code::Truncated, 0),
        (b"\x00\x05\x6A\x00\x05", Code::UnsupportedVersion, 0),
        (b"\x04\x05\x6A\x00\x05", Code::UnsupportedVersion, 0),
        (b"\x03\x05\x87\x68\x00\x05", Code::UnsupportedCharset, 2),
        (b"\x03\x05\x6A\x05abcd", Code::StringTableOverrun, 4),
        (
            b"\x03\x00\x04\x6A\x04abc\0\x05",
            Code::StringIndexOverrun,
            1,
        ),
        (b"\x03\x00\x00\x6A\x03abc\x05", Code::UnterminatedText, 1),
        (b"\x03\x05\x6A\x00", Code::Truncated, 4),
        (b"\x03\x05\x6A\x00\x45", Code::Truncated, 5),
        (b"\x03\x05\x6A\x00\x05\x05", Code::UnexpectedToken, 5),
        (b"\x03\x05\x6A\x00\x01", Code::UnexpectedToken, 4),
        (b"\x03\x05\x6A\x00\x85\x01", Code::UnexpectedToken, 5),
        (b"\x03\x05\x6A\x00\x85\x85\x01", Code::UnexpectedToken, 5),
        (b"\x03\x05\x6A\x00\x45\x02\x00\x01", Code::InvalidEntity, 5),
        (
            b"\x03\x05\x6A\x00\x45\x02\x83\xB0\x00\x01",
            Code::InvalidEntity,
            5,
        ),
        (
            b"\x03\x05\x6A\x00\x45\xC3\x04abc",
            Code::ValueLengthOverrun,
            7,
        ),
        (
            b"\x03\x05\x6A\x00\x45\x83\x00\x01",
            Code::StringIndexOverrun,
            5,
        ),
        (b"\x03\x05\x6A\x00\x45\x03abc", Code::UnterminatedText, 6),
        (
            b"\x03\x05\x6A\x00\x45\x02\x90\x80\x80\x80\x80\x00",
            Code::UintvarTooLong,
            6,
        ),
    ];
    for (octets, code, offset) in cases {
        assert_eq!(shown(octets), Err((*code, *offset)), "{octets:02X?}");
    }
}

#[test]
fn depth_and_references_and_length_are_bounded() {
    let nested = |depth: usize| {
        let mut octets = Vec::from(b"\x03\x05\x6A\x00".as_slice());
        octets.extend(core::iter::repeat_n(0x45, depth));
        octets.extend(core::iter::repeat_n(0x01, depth));
        shown(&octets).map(drop)
    };
    assert_eq!(nested(MAX_DEPTH), Ok(()));
    let place = MAX_DEPTH + 4;
    assert_eq!(
        nested(MAX_DEPTH + 1),
        Err((DecodeErrorCode::DocumentTooDeep, place))
    );

    // A table of 128 octets, referred to as often as there is room, and once more.
    let mut octets = Vec::from(b"\x03\x05\x6A\x81\x00".as_slice());
    octets.extend([b'a'; 127]);
    octets.extend(b"\0\x45");
    let times = MAX_REFERENCED / 128;
    octets.extend([0x83, 0x00].repeat(times));
    let end = octets.len();
    octets.extend(b"\x83\x00\x01");
    assert_eq!(
        shown(&octets),
        Err((DecodeErrorCode::ReferencesTooLong, end))
    );
    octets.drain(end..end + 2);
    assert_eq!(shown(&octets).unwrap().len(), "<si></>".len() + times * 129);

    let long = [0x03].repeat(MAX_OCTETS + 1);
    assert_eq!(shown(&long), Err((DecodeErrorCode::DocumentTooLong, 0)));
}

#[test]
fn dates_are_read_from_their_digits() {
    let shown = |octets| DateTime::decode(octets).map(|date| date.to_string());
    assert_eq!(
        shown(b"\x19\x99\x04\x30\x06\x40").as_deref(),
        Some("1999-04-30T06:40:00Z")
    );
    assert_eq!(
        shown(b"\x20\x26\x12\x31").as_deref(),
        Some("2026-12-31T00:00:00Z")
    );
    assert_eq!(shown(b"\x20\x26\x13\x01"), None);
    assert_eq!(shown(b"\x20\x2A\x01\x01"), None);
    assert_eq!(shown(b"\x20\x26"), None);
    assert_eq!(shown(&[0x11; 8]), None);
}
