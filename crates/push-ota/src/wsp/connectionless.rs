//! Connectionless push: one unconfirmed Push PDU in a datagram (WAP-235 6.1.1, WSP 8.2.4.1).

use std::net::SocketAddr;

use push_message::{
    Bearer, ContentType, Headers, InitiatorTrust, MediaType, Origin, Protocol, PushApplicationId,
    PushMessage, ReceivedPush, ServerAddress, UnixMillis,
};
use wap_wire::wsp::{self, PduType, Push, UnitPush, WellKnownHeader};
use wap_wire::{DecodeError, DecodeErrorCode};

/// By how many octets the usual headers get longer when numbers become text.
const NAMES_LENGTH: usize = 80;

/// How much one datagram may hold. Checked before anything is made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of the datagram.
    pub datagram_length: usize,
    /// Octets before the content: transaction, type, content type and headers.
    pub headers_length: usize,
    /// Headers beside the content type.
    pub headers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            datagram_length: 65_535,
            headers_length: 32_768,
            headers: 256,
        }
    }
}

/// A datagram of UDP, as the bearer delivered it.
//= specs/wdp.md#datagrams
//# On a bearer that carries IP, WDP MUST be UDP.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// Its octets.
    pub octets: &'a [u8],
    /// The sender.
    pub source: SocketAddr,
    /// The terminal's port that it came to.
    pub destination_port: u16,
    /// When it came.
    pub received: UnixMillis,
}

/// Why a datagram gives no push. Nothing is answered: the connectionless service has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More octets than the limit.
    #[error("the datagram has {length} octets; at most {most} are taken")]
    DatagramTooLong {
        /// Octets that came.
        length: usize,
        /// Octets taken at most.
        most: usize,
    },
    /// More octets of headers than the limit.
    #[error("the headers take {length} octets; at most {most} are taken")]
    HeadersTooLong {
        /// Octets before the content.
        length: usize,
        /// Octets taken at most.
        most: usize,
    },
    /// More headers than the limit.
    #[error("there are more than {most} headers")]
    TooManyHeaders {
        /// Headers taken at most.
        most: usize,
    },
    /// A confirmed push, which belongs to a session (WSP 8.2.4.1).
    #[error(
        "a ConfirmedPush came without a session; a gateway that wants an answer opens one first"
    )]
    ConfirmedPush,
    /// The application id is neither a URI nor a number.
    #[error("X-Wap-Application-Id is neither a URI nor a number")]
    ApplicationId,
    /// The octets are no Push PDU.
    #[error("the datagram is no Push PDU of WSP: {0}")]
    Malformed(DecodeError),
}

impl Refusal {
    /// A stable word for metrics and explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DatagramTooLong { .. } => "datagramTooLong",
            Self::HeadersTooLong { .. } => "headersTooLong",
            Self::TooManyHeaders { .. } => "tooManyHeaders",
            Self::ConfirmedPush => "confirmedPush",
            Self::ApplicationId => "applicationId",
            Self::Malformed(_) => "malformed",
        }
    }
}

/// Makes a push of a datagram.
//= specs/ota-wsp.md#connectionless-push
//# A terminal MUST take connectionless pushes at the registered port without WTLS.
pub fn receive(datagram: &Datagram<'_>, limits: &Limits) -> Result<ReceivedPush, Refusal> {
    let (transaction, message) = unit_push(datagram.octets, limits)?;
    Ok(ReceivedPush {
        message,
        origin: origin(datagram, transaction),
        received: datagram.received,
    })
}

/// The transaction and the message of a Push PDU that came without a session, whatever bearer brought it.
pub(crate) fn unit_push(octets: &[u8], limits: &Limits) -> Result<(u8, PushMessage), Refusal> {
    if octets.len() > limits.datagram_length {
        return Err(Refusal::DatagramTooLong {
            length: octets.len(),
            most: limits.datagram_length,
        });
    }
    let unit = UnitPush::decode(octets).map_err(|error| refuse(octets, error))?;
    let headers_length = octets.len().saturating_sub(unit.push.body.len());
    if headers_length > limits.headers_length {
        return Err(Refusal::HeadersTooLong {
            length: headers_length,
            most: limits.headers_length,
        });
    }
    Ok((unit.tid, message(&unit.push, limits)?))
}

fn refuse(octets: &[u8], error: DecodeError) -> Refusal {
    let confirmed = octets
        .get(1)
        .is_some_and(|&octet| PduType(octet) == PduType::CONFIRMED_PUSH);
    if error.code == DecodeErrorCode::UnexpectedPdu && confirmed {
        Refusal::ConfirmedPush
    } else {
        Refusal::Malformed(error)
    }
}

fn origin(datagram: &Datagram<'_>, transaction: u8) -> Origin {
    Origin {
        protocol: Protocol::OtaWsp,
        bearer: Bearer::Ip,
        server: ServerAddress::Ip(datagram.source.ip().to_canonical()),
        destination_port: Some(datagram.destination_port),
        origin_port: Some(datagram.source.port()),
        transaction: [transaction].into(),
        proved_names: Box::default(),
        instance: None,
        short_message: None,
        answerable: false,
    }
}

/// The message that a Push PDU carries, of whatever service.
pub(crate) fn message(push: &Push<'_>, limits: &Limits) -> Result<PushMessage, Refusal> {
    let (mut application_id, mut flag) = (None, None);
    let mut headers = Headers::with_capacity(push.headers.as_bytes().len() + NAMES_LENGTH);
    let content_type = content_type(&push.content_type, &mut headers);
    for (index, header) in push.headers.into_iter().enumerate() {
        if index >= limits.headers {
            return Err(Refusal::TooManyHeaders {
                most: limits.headers,
            });
        }
        let header = header.map_err(Refusal::Malformed)?;
        // Of each the first counts.
        if application_id.is_none() && header.name.is(WellKnownHeader::XWapApplicationId) {
            application_id = Some(header.value);
        } else if flag.is_none() && header.name.is(WellKnownHeader::PushFlag) {
            flag = Some(header.value);
        }
        match (header.name.as_str(), header.value.as_str()) {
            // What is text as it came needs no formatter.
            (Some(name), Some(value)) => headers.push_text(name, value),
            _ => headers.push(header.name, header.value),
        }
    }
    let application_id = application_id.and_then(|value| value.as_application_id());
    let flag = flag.and_then(|value| value.as_push_flag());
    let flag = flag.unwrap_or_default();
    Ok(PushMessage {
        application: application_id.map(application).transpose()?,
        content_type,
        headers,
        content: push.body.into(),
        trust: InitiatorTrust {
            authenticated: flag.is_authenticated(),
            trusted: flag.is_trusted(),
            last: flag.is_last(),
        },
    })
}

fn application(id: wsp::ApplicationId<'_>) -> Result<PushApplicationId, Refusal> {
    if let Some(number) = id.number() {
        return Ok(PushApplicationId::from_number(number));
    }
    id.uri()
        .and_then(|uri| PushApplicationId::parse(uri).ok())
        .ok_or(Refusal::ApplicationId)
}

/// The content type as text. One that is no media type counts as octets that nobody described (RFC 2046 4.5.1), and is kept
/// among the headers as it came.
fn content_type(content_type: &wsp::ContentType<'_>, headers: &mut Headers) -> ContentType {
    let named = content_type
        .media_type()
        .and_then(|text| MediaType::parse(text).ok());
    let media_type = named.unwrap_or_else(|| {
        headers.push("Content-Type", content_type.media());
        MediaType::octet_stream()
    });
    let parameters = content_type
        .parameters()
        .map(|parameter| (parameter.name, parameter.value))
        .collect();
    ContentType {
        media_type,
        parameters,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(octets: &[u8]) -> Datagram<'_> {
        Datagram {
            octets,
            source: SocketAddr::from(([192, 0, 2, 7], 9200)),
            destination_port: 2948,
            received: UnixMillis(1_700_000_000_000),
        }
    }

    fn receive(octets: &[u8]) -> Result<ReceivedPush, Refusal> {
        super::receive(&datagram(octets), &Limits::default())
    }

    /// A Push PDU with these headers behind the content type.
    fn push(content_type: &[u8], headers: &[u8], body: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content_type.len() + headers.len()).unwrap();
        assert!(length < 0x80, "the length has to fit into one octet");
        [&[0x2A, 0x06, length], content_type, headers, body].concat()
    }

    //= specs/wdp.md#datagrams
    //= type=test
    //# On a bearer that carries IP, WDP MUST be UDP.
    #[test]
    //= specs/ota-wsp.md#connectionless-push
    //= type=test
    //# A terminal MUST take connectionless pushes at the registered port without WTLS.
    fn a_push_gives_message_and_origin() {
        // text/vnd.wap.si; X-Wap-Application-Id: 4 (mms.ua); Push-Flag: authenticated, trusted; Encoding-Version: 1.3
        let octets = push(
            &[0xAE],
            &[0xAF, 0x84, 0xB4, 0x83, 0xC3, 0x93],
            b"\x01\x02\x00",
        );
        let received = receive(&octets).unwrap();
        let ReceivedPush {
            message,
            origin,
            received,
        } = received;
        assert_eq!(received, UnixMillis(1_700_000_000_000));
        assert_eq!(
            message.application,
            Some(PushApplicationId::parse("x-wap-application:mms.ua").unwrap())
        );
        assert_eq!(
            message.content_type.media_type.as_str(),
            "application/vnd.wap.sic"
        );
        assert_eq!(*message.content, *b"\x01\x02\x00");
        assert_eq!(
            message.trust,
            InitiatorTrust {
                authenticated: true,
                trusted: true,
                last: false
            }
        );
        let names: Vec<&str> = message.headers.iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            ["X-Wap-Application-Id", "Push-Flag", "Encoding-Version"]
        );
        assert_eq!(origin.protocol, Protocol::OtaWsp);
        assert_eq!(origin.server, ServerAddress::Ip([192, 0, 2, 7].into()));
        assert_eq!(
            (origin.destination_port, origin.origin_port),
            (Some(2948), Some(9200))
        );
        assert_eq!(*origin.transaction, [0x2A]);
        assert!(!origin.answerable);
    }

    #[test]
    fn a_sender_seen_as_mapped_ipv6_is_its_ipv4_address() {
        let octets = push(&[0x83], &[], b"x");
        let source = SocketAddr::new("::ffff:192.0.2.7".parse().unwrap(), 9200);
        let received = super::receive(
            &Datagram {
                source,
                ..datagram(&octets)
            },
            &Limits::default(),
        )
        .unwrap();
        assert_eq!(
            received.origin.server,
            ServerAddress::Ip([192, 0, 2, 7].into())
        );
    }

    #[test]
    fn the_application_is_known_by_number_by_uri_and_by_textual_code() {
        let mms = PushApplicationId::parse("4").unwrap();
        let with_text = |text: &[u8]| [&[0xAF], text, &[0]].concat();
        let cases: [(Vec<u8>, PushApplicationId); 6] = [
            (vec![0xAF, 0x84], mms.clone()),
            (vec![0xAF, 0x01, 0x04], mms.clone()),
            (with_text(b"x-wap-application:mms.ua"), mms.clone()),
            (with_text(b"04"), mms),
            (
                vec![0xAF, 0x02, 0x90, 0x00],
                PushApplicationId::from_number(0x9000),
            ),
            (
                with_text(b"x-acme:meter"),
                PushApplicationId::parse("x-acme:meter").unwrap(),
            ),
        ];
        for (headers, expected) in cases {
            let received = receive(&push(&[0x83], &headers, b"x")).unwrap();
            assert_eq!(
                received.message.application,
                Some(expected),
                "{headers:02x?}"
            );
        }
        let textual_name = b"X-Wap-Application-Id\0x-wap-application:mms.ua\0";
        let received = receive(&push(&[0x83], textual_name, b"x")).unwrap();
        assert_eq!(
            received.message.application,
            Some(PushApplicationId::from_number(4))
        );
        assert_eq!(
            receive(&push(&[0x83], &[], b"x"))
                .unwrap()
                .message
                .application,
            None
        );
    }

    #[test]
    fn an_application_id_that_is_none_is_refused() {
        let octets = push(&[0x83], b"\xAFnot an id\0", b"x");
        assert_eq!(receive(&octets), Err(Refusal::ApplicationId));
    }

    #[test]
    fn parameters_of_the_content_type_are_text() {
        // text/plain with charset utf-8 (MIBenum 106) and name (untyped) "a.txt".
        let octets = push(b"\x0A\x83\x81\xEA\x85a.txt\0", &[], b"x");
        let content_type = receive(&octets).unwrap().message.content_type;
        assert_eq!(content_type.media_type.as_str(), "text/plain");
        let charset = content_type.parameters.get("charset").unwrap();
        assert!(charset.eq_ignore_ascii_case("utf-8"), "{charset}");
        assert_eq!(content_type.parameters.get("name"), Some("a.txt"));
    }

    #[test]
    fn a_content_type_that_is_no_media_type_counts_as_octets() {
        let message = receive(&push(b"gibberish\0", &[], b"x")).unwrap().message;
        assert_eq!(message.content_type.media_type, MediaType::octet_stream());
        assert_eq!(message.headers.get("Content-Type"), Some("gibberish"));
    }

    #[test]
    fn headers_keep_their_order_and_their_repetitions() {
        let headers = b"X-B\0one\0X-A\0two\0X-B\0three\0";
        let message = receive(&push(&[0x83], headers, b"")).unwrap().message;
        let all: Vec<_> = message.headers.iter().collect();
        assert_eq!(all, [("X-B", "one"), ("X-A", "two"), ("X-B", "three")]);
    }

    #[test]
    fn odd_values_of_real_gateways_give_a_push() {
        let cases: [&[u8]; 9] = [
            // Expires in 4, 5 and 8 octets.
            &[0x94, 0x04, 0x65, 0x53, 0xF1, 0x00],
            &[0x94, 0x05, 0x01, 0x07, 0x4F, 0x1B, 0x00],
            &[0x94, 0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFC, 0x3C, 0x47, 0x80],
            // An empty text behind a quote, and one that starts above 0x7F.
            b"X-Empty\0\x7F\0",
            b"X-Latin\0\x7F\xE9t\xE9\0",
            // A quoted string without an end, and a directive of Cache-Control that nobody knows.
            b"X-Quoted\0\"open\0",
            b"\x88\x08\x7F\0name\0\x81\0",
            // A shift to another code page.
            &[0x7F, 0x02, 0x85, 0x81, 0x7F, 0x01],
            // Any application.
            &[0xAF, 0x80],
        ];
        for headers in cases {
            let received = receive(&push(&[0x83], headers, b"body"));
            assert_eq!(
                *received.expect("a push").message.content,
                *b"body",
                "{headers:02x?}"
            );
        }
    }

    #[test]
    fn what_is_no_push_is_refused_with_its_place() {
        let cases: [(&[u8], Refusal); 5] = [
            (
                &[],
                Refusal::Malformed(DecodeError::new(DecodeErrorCode::Truncated, 0)),
            ),
            (&[0x01, 0x07, 0x01, 0x83], Refusal::ConfirmedPush),
            (
                &[0x01, 0x40, 0x00],
                Refusal::Malformed(DecodeError::new(DecodeErrorCode::UnexpectedPdu, 1)),
            ),
            (
                &[0x01, 0x06, 0x05, 0x83],
                Refusal::Malformed(DecodeError::new(DecodeErrorCode::HeadersLengthOverrun, 2)),
            ),
            (
                &[0x01, 0x06, 0x00],
                Refusal::Malformed(DecodeError::new(DecodeErrorCode::Truncated, 3)),
            ),
        ];
        for (octets, expected) in cases {
            assert_eq!(receive(octets), Err(expected), "{octets:02x?}");
        }
    }

    #[test]
    fn limits_hold() {
        let octets = push(&[0x83], b"X-A\0a\0X-B\0b\0", b"body");
        let with = |limits: Limits| super::receive(&datagram(&octets), &limits);
        let limits = Limits {
            datagram_length: octets.len(),
            headers_length: octets.len() - 4,
            headers: 2,
        };
        assert!(with(limits).is_ok());
        assert_eq!(
            with(Limits {
                datagram_length: octets.len() - 1,
                ..limits
            }),
            Err(Refusal::DatagramTooLong {
                length: octets.len(),
                most: octets.len() - 1
            })
        );
        assert_eq!(
            with(Limits {
                headers_length: octets.len() - 5,
                ..limits
            }),
            Err(Refusal::HeadersTooLong {
                length: octets.len() - 4,
                most: octets.len() - 5
            })
        );
        assert_eq!(
            with(Limits {
                headers: 1,
                ..limits
            }),
            Err(Refusal::TooManyHeaders { most: 1 })
        );
    }
}
