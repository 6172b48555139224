//! Session descriptions of large pushes: the offer of a Push Server, and the terminal's answer (RFC 4566, RFC 3264, RFC 4975 8,
//! RFC 6135).

use std::net::IpAddr;

use super::events::Host;
use crate::msrp::{Uri, read_host};

/// The longest description that is read, in octets.
const MAX_LENGTH: usize = 16 << 10;

/// The most media in an offer.
const MAX_MEDIA: usize = 16;

/// The most URIs in a path.
const MAX_PATH: usize = 8;

/// An offer of MSRP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    /// The way to the offerer: the first is where a connection goes to, the last is the offerer's own. Never empty.
    pub(super) path: Vec<Uri>,
    /// MIME types and ranges; `*` is any. Empty where none is named.
    pub(super) accept_types: Vec<Box<str>>,
    /// Types that may stand within one of `accept_types`.
    pub(super) accept_wrapped_types: Vec<Box<str>>,
    /// Who connects.
    pub(super) setup: Option<Setup>,
    /// Whether the offerer wants to receive as well.
    pub(super) receives: bool,
    /// The longest message that the offerer takes.
    pub(super) max_size: Option<u64>,
    /// Every stream as the answer has to repeat it: the one of MSRP is `chosen`.
    media: Vec<Media>,
    chosen: usize,
    /// The line `t=`, which the answer repeats.
    time: Box<str>,
}

/// `a=setup` (RFC 6135 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setup {
    /// Either end may connect.
    ActPass,
    /// The one that says so connects.
    Active,
    /// The other one connects.
    Passive,
}

/// What the terminal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It connects.
    Active,
    /// It waits.
    Passive,
}

/// Why an offer is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OfferRefused {
    /// The status of SIP: 400 where it is no session description, else 488.
    pub(super) status: u16,
    /// The code of Warning (RFC 3261 20.43).
    pub(super) warning: u16,
    /// Why, in words for people.
    pub(super) reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Media {
    kind: Box<str>,
    protocol: Box<str>,
    formats: Box<str>,
}

/// The terminal's answer.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    /// Names the session of the description; any number.
    pub(super) id: u64,
    /// The terminal's end; its host and port stand in `c=` and `m=` as well.
    pub(super) own: &'a Uri,
    /// What the terminal does.
    pub(super) role: Role,
    /// MIME types and ranges that it takes.
    pub(super) accept_types: &'a [&'a str],
    /// The longest message that it takes.
    pub(super) max_size: usize,
}

impl Offer {
    /// Reads an offer, and chooses the stream to be answered: the first one of MSRP over TCP.
    ///
    /// # Errors
    ///
    /// Where it is no session description, or one of which the terminal takes nothing.
    pub(super) fn parse(octets: &[u8]) -> Result<Self, OfferRefused> {
        if octets.len() > MAX_LENGTH {
            return Err(broken("the session description is too long"));
        }
        let text = String::from_utf8_lossy(octets);
        let mut sections = Sections::read(&text)?;
        let streams = sections.streams.iter();
        let media = streams.map(|stream| stream.media.clone()).collect();
        let chosen = sections.choose()?;
        let stream = sections.streams.swap_remove(chosen);
        let of_session = sections.session;
        let connection = stream.connection.or(of_session.connection);
        connection.map_or(Ok(()), check_connection)?;
        if stream.path.is_empty() {
            return Err(unacceptable(306, "the stream has no a=path"));
        }
        if stream.path.first().is_some_and(Uri::is_secure) {
            return Err(unacceptable(302, "MSRP over TLS is not taken"));
        }
        let receives = match stream.direction.or(of_session.direction) {
            None | Some(Direction::SendReceive) => true,
            Some(Direction::Send) => false,
            Some(Direction::Other) => {
                return Err(unacceptable(399, "the offerer would send nothing"));
            }
        };
        Ok(Self {
            path: stream.path,
            accept_types: stream.accept_types,
            accept_wrapped_types: stream.accept_wrapped_types,
            setup: stream.setup.or(of_session.setup),
            receives,
            max_size: stream.max_size,
            media,
            chosen,
            time: sections.time.into(),
        })
    }

    /// What the terminal does; `listens` says whether it can wait for a connection. Where both could connect, the terminal does.
    ///
    /// # Errors
    ///
    /// Where the terminal would have to wait, but cannot.
    pub(super) const fn role(&self, listens: bool) -> Result<Role, OfferRefused> {
        match self.setup {
            Some(Setup::ActPass | Setup::Passive) => Ok(Role::Active),
            Some(Setup::Active) | None if listens => Ok(Role::Passive),
            Some(Setup::Active) | None => Err(unacceptable(
                399,
                "the terminal takes no connections for MSRP: a=setup has to be actpass or passive",
            )),
        }
    }

    /// Whether something could be sent that one of these MIME types or ranges takes.
    pub(super) fn overlaps<'a>(&self, accepted: impl IntoIterator<Item = &'a str>) -> bool {
        let offered = &self.accept_types;
        let takes = |range: &str| offered.iter().any(|offered| overlap(offered, range));
        offered.is_empty() || accepted.into_iter().any(takes)
    }
}

impl Answer<'_> {
    /// The answer as the body of a response.
    pub(super) fn write(&self, offer: &Offer) -> String {
        let own = self.own;
        let (family, host) = match own.host() {
            Host::Ip(address @ IpAddr::V4(_)) => ("IP4", address.to_string()),
            Host::Ip(address @ IpAddr::V6(_)) => ("IP6", address.to_string()),
            Host::Name(name) => ("IP4", name.to_string()),
        };
        let (id, time) = (self.id, &offer.time);
        let mut text = format!(
            "v=0\r\no=- {id} {id} IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt={time}\r\n"
        );
        for (index, media) in offer.media.iter().enumerate() {
            let Media {
                kind,
                protocol,
                formats,
            } = media;
            let chosen = index == offer.chosen;
            let port = if chosen { own.port() } else { 0 };
            let port = port.to_string();
            text.extend(["m=", kind, " ", &port, " ", protocol, " ", formats, "\r\n"]);
            if chosen {
                self.write_attributes(offer, &mut text);
            }
        }
        text
    }

    fn write_attributes(&self, offer: &Offer, text: &mut String) {
        text.push_str("a=accept-types:");
        for (index, range) in self.accept_types.iter().enumerate() {
            let range = range.split(';').next().unwrap_or_default().trim();
            text.push_str(if index == 0 { "" } else { " " });
            text.push_str(if range == "*/*" { "*" } else { range });
        }
        let max_size = self.max_size.to_string();
        let path = self.own.as_str();
        text.extend(["\r\na=max-size:", &max_size, "\r\na=path:", path, "\r\n"]);
        match (offer.setup, self.role) {
            // Who knows nothing of it is told nothing of it.
            (None, Role::Active | Role::Passive) => {}
            (Some(_), Role::Active) => text.push_str("a=setup:active\r\n"),
            (Some(_), Role::Passive) => text.push_str("a=setup:passive\r\n"),
        }
        text.push_str("a=recvonly\r\n");
    }
}

/// A description as it stands.
#[derive(Default)]
struct Sections<'a> {
    session: Stream<'a>,
    streams: Vec<Stream<'a>>,
    time: &'a str,
}

/// One stream, or what holds for all.
#[derive(Default)]
struct Stream<'a> {
    media: Media,
    port: u16,
    connection: Option<&'a str>,
    path: Vec<Uri>,
    accept_types: Vec<Box<str>>,
    accept_wrapped_types: Vec<Box<str>>,
    setup: Option<Setup>,
    direction: Option<Direction>,
    max_size: Option<u64>,
}

#[derive(Clone, Copy)]
enum Direction {
    SendReceive,
    Send,
    /// To receive, or nothing.
    Other,
}

impl<'a> Sections<'a> {
    fn read(text: &'a str) -> Result<Self, OfferRefused> {
        let mut sections = Self {
            time: "0 0",
            ..Self::default()
        };
        let mut lines = text.lines();
        if lines.next().map(str::trim_end) != Some("v=0") {
            return Err(broken("a session description begins with v=0"));
        }
        for line in lines.filter(|line| !line.is_empty()) {
            let Some((kind, value)) = line.split_once('=').filter(|(kind, _)| kind.len() == 1)
            else {
                return Err(broken("a line of the session description is no KIND=VALUE"));
            };
            sections.line(kind, value.trim_end())?;
        }
        Ok(sections)
    }

    fn line(&mut self, kind: &str, value: &'a str) -> Result<(), OfferRefused> {
        let stream = self.streams.last_mut().unwrap_or(&mut self.session);
        match kind {
            "c" => stream.connection = stream.connection.or(Some(value)),
            "a" => stream.attribute(value)?,
            "t" if value.bytes().all(is_of_time) => self.time = value,
            "m" if self.streams.len() == MAX_MEDIA => {
                return Err(broken("too many media in the session description"));
            }
            "m" => self.streams.push(Stream::read(value)?),
            _ => {}
        }
        Ok(())
    }

    /// The first stream of MSRP over TCP.
    fn choose(&self) -> Result<usize, OfferRefused> {
        let msrp = |stream: &Stream<'_>| stream.port > 0 && stream.is("message", "TCP/MSRP");
        let over_tls = |stream: &Stream<'_>| stream.is("message", "TCP/TLS/MSRP");
        let refusal = if self.streams.iter().any(over_tls) {
            unacceptable(302, "MSRP over TLS is not taken: TCP/MSRP is")
        } else {
            unacceptable(304, "no stream of MSRP over TCP: m=message PORT TCP/MSRP *")
        };
        self.streams.iter().position(msrp).ok_or(refusal)
    }
}

impl Default for Media {
    fn default() -> Self {
        let [kind, protocol, formats] = [""; 3].map(Box::from);
        Self {
            kind,
            protocol,
            formats,
        }
    }
}

impl Stream<'_> {
    /// Reads what follows `m=`.
    fn read(text: &str) -> Result<Self, OfferRefused> {
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        let mut word = || words.next();
        let (Some(kind), Some(port), Some(protocol)) = (word(), word(), word()) else {
            return Err(broken("a line m= without kind, port and protocol"));
        };
        let formats: Vec<&str> = words.collect();
        // The number of ports may follow.
        let port = port.split('/').next().and_then(|port| port.parse().ok());
        let port = port.ok_or(broken("a line m= with a port that is none"))?;
        let media = Media {
            kind: kind.into(),
            protocol: protocol.into(),
            formats: formats.join(" ").into(),
        };
        Ok(Self {
            media,
            port,
            ..Self::default()
        })
    }

    fn is(&self, kind: &str, protocol: &str) -> bool {
        self.media.kind.eq_ignore_ascii_case(kind)
            && self.media.protocol.eq_ignore_ascii_case(protocol)
    }

    /// Reads what follows `a=`. Other streams than those of MSRP may have attributes of the same names with other values.
    fn attribute(&mut self, text: &str) -> Result<(), OfferRefused> {
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        let value = value.trim();
        match name {
            "path" if self.is("message", "TCP/MSRP") => self.path = read_path(value)?,
            "accept-types" => self.accept_types = words(value),
            "accept-wrapped-types" => self.accept_wrapped_types = words(value),
            "max-size" => self.max_size = value.parse().ok(),
            "setup" if value.eq_ignore_ascii_case("actpass") => self.setup = Some(Setup::ActPass),
            "setup" if value.eq_ignore_ascii_case("active") => self.setup = Some(Setup::Active),
            "setup" if value.eq_ignore_ascii_case("passive") => self.setup = Some(Setup::Passive),
            "setup" if self.is("message", "TCP/MSRP") => {
                return Err(unacceptable(
                    399,
                    "a=setup has to be actpass, active or passive",
                ));
            }
            "sendonly" => self.direction = Some(Direction::Send),
            "sendrecv" => self.direction = Some(Direction::SendReceive),
            "recvonly" | "inactive" => self.direction = Some(Direction::Other),
            _ => {}
        }
        Ok(())
    }
}

fn read_path(text: &str) -> Result<Vec<Uri>, OfferRefused> {
    let mut path = Vec::new();
    for word in text.split_ascii_whitespace() {
        if path.len() == MAX_PATH {
            return Err(unacceptable(399, "a=path has too many URIs"));
        }
        let uri = Uri::parse(word)
            .map_err(|_| unacceptable(399, "a=path has what is no MSRP URI over TCP"))?;
        path.push(uri);
    }
    Ok(path)
}

fn words(text: &str) -> Vec<Box<str>> {
    text.split_ascii_whitespace().map(Box::from).collect()
}

const fn is_of_time(octet: u8) -> bool {
    octet.is_ascii_digit() || octet == b' '
}

/// The path says where to connect; a network that is none of the Internet is none of ours.
fn check_connection(text: &str) -> Result<(), OfferRefused> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [network, family, address] = words.as_slice() else {
        return Err(broken("a line c= without network, family and address"));
    };
    if !network.eq_ignore_ascii_case("IN") {
        return Err(unacceptable(300, "another network than IN"));
    }
    let host = address.split('/').next().and_then(read_host);
    match (*family, host) {
        ("IP4", Some(Host::Ip(IpAddr::V4(_)) | Host::Name(_)))
        | ("IP6", Some(Host::Ip(IpAddr::V6(_)) | Host::Name(_))) => Ok(()),
        _ => Err(unacceptable(
            301,
            "a line c= with an address that is not of its family",
        )),
    }
}

/// Whether a MIME type could be of both ranges.
fn overlap(one: &str, other: &str) -> bool {
    let part =
        |text: &str, other: &str| text == "*" || other == "*" || text.eq_ignore_ascii_case(other);
    let (one_kind, one_name) = range(one);
    let (other_kind, other_name) = range(other);
    part(one_kind, other_kind) && part(one_name, other_name)
}

/// A range without its parameters.
fn range(text: &str) -> (&str, &str) {
    let text = text.split(';').next().unwrap_or_default().trim();
    text.split_once('/').unwrap_or((text, "*"))
}

const fn broken(reason: &'static str) -> OfferRefused {
    OfferRefused {
        status: 400,
        warning: 399,
        reason,
    }
}

const fn unacceptable(warning: u16, reason: &'static str) -> OfferRefused {
    OfferRefused {
        status: 488,
        warning,
        reason,
    }
}

/// Any octets: refused with a status, or answered with as many media as were offered.
#[cfg(any(test, feature = "check"))]
pub(crate) fn check_offer(data: &[u8], own: &Uri) {
    match Offer::parse(data) {
        Ok(offer) => {
            let answer = Answer {
                id: 1,
                own,
                role: offer.role(true).unwrap_or(Role::Active),
                accept_types: &["*/*"],
                max_size: 1_000,
            };
            let text = answer.write(&offer);
            assert_eq!(text.matches("\nm=").count(), offer.media.len());
            // What the terminal takes it does not send.
            assert!(Offer::parse(text.as_bytes()).is_err());
            let _ = (&offer.accept_wrapped_types, offer.max_size, offer.receives);
            assert!(offer.overlaps(["*"]));
        }
        Err(refused) => assert!(matches!(refused.status, 400 | 488)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SESSION: &str = "v=0\r\no=push 7 7 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\n";
    const STREAM: &str = "m=message 2856 TCP/MSRP *\r\n";
    const PATH: &str = "a=path:msrp://192.0.2.9:2856/s1;tcp\r\n";

    fn offer(lines: &str) -> Result<Offer, OfferRefused> {
        Offer::parse(format!("{SESSION}{lines}").as_bytes())
    }

    fn stream(lines: &str) -> Offer {
        offer(&format!("t=0 0\r\n{STREAM}{PATH}{lines}")).unwrap()
    }

    fn answer(offer: &Offer, own: &str, role: Role) -> String {
        let answer = Answer {
            id: 77,
            own: &Uri::parse(own).unwrap(),
            role,
            accept_types: &["text/plain; charset=utf-8", "*/*"],
            max_size: 1_000,
        };
        answer.write(offer)
    }

    #[test]
    fn an_offer_is_read_and_answered() {
        let offer = offer(
            "t=1 2\r\nm=audio 4000 RTP/AVP 0 8\r\na=setup:holdconn\r\na=path:elsewhere\r\n\
             m=message 2856 TCP/MSRP *\r\na=accept-types:text/plain message/cpim\r\n\
             a=accept-wrapped-types:*\r\na=max-size:5000\r\na=setup:actpass\r\na=sendonly\r\na=unknown\r\n\
             a=path:msrp://relay.example.net:2855/r;tcp msrp://192.0.2.9:2856/s1;tcp\r\n\
             m=message 2857 TCP/MSRP *\r\na=path:msrp://192.0.2.9:2857/s2;tcp\r\n",
        )
        .unwrap();
        assert_eq!(offer.path.len(), 2);
        assert_eq!(offer.path[0].port(), 2855);
        assert_eq!(
            offer.accept_types,
            ["text/plain".into(), "message/cpim".into()]
        );
        assert_eq!(offer.accept_wrapped_types, ["*".into()]);
        assert_eq!(offer.max_size, Some(5_000));
        assert!(!offer.receives);
        assert_eq!(offer.role(false), Ok(Role::Active));
        assert_eq!(
            answer(&offer, "msrp://192.0.2.7:9/q;tcp", Role::Active),
            "v=0\r\no=- 77 77 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=1 2\r\n\
             m=audio 0 RTP/AVP 0 8\r\nm=message 9 TCP/MSRP *\r\na=accept-types:text/plain *\r\na=max-size:1000\r\n\
             a=path:msrp://192.0.2.7:9/q;tcp\r\na=setup:active\r\na=recvonly\r\nm=message 0 TCP/MSRP *\r\n"
        );
    }

    #[test]
    fn who_connects_follows_from_setup() {
        let none =
            "the terminal takes no connections for MSRP: a=setup has to be actpass or passive";
        for (line, listening, not_listening, written) in [
            (
                "a=setup:actpass\r\n",
                Role::Active,
                Some(Role::Active),
                "a=setup:active\r\n",
            ),
            (
                "a=setup:PASSIVE\r\n",
                Role::Active,
                Some(Role::Active),
                "a=setup:active\r\n",
            ),
            (
                "a=setup:active\r\n",
                Role::Passive,
                None,
                "a=setup:passive\r\n",
            ),
            ("", Role::Passive, None, "tcp\r\n"),
        ] {
            let offer = stream(line);
            assert_eq!(offer.role(true), Ok(listening), "{line}");
            assert_eq!(
                offer.role(false),
                not_listening.ok_or_else(|| unacceptable(399, none))
            );
            let text = answer(&offer, "msrp://[2001:db8::7]:2855/q;tcp", listening);
            assert!(
                text.ends_with(&format!("{written}a=recvonly\r\n")),
                "{text}"
            );
            assert!(text.contains("c=IN IP6 2001:db8::7\r\n"));
        }
        let of_session = offer(&format!("a=setup:passive\r\n{STREAM}{PATH}")).unwrap();
        assert_eq!(of_session.setup, Some(Setup::Passive));
    }

    #[test]
    fn directions_are_read_of_the_stream_and_of_the_session() {
        for (line, receives) in [
            ("", true),
            ("a=sendrecv\r\n", true),
            ("a=sendonly\r\n", false),
        ] {
            assert_eq!(stream(line).receives, receives, "{line}");
        }
        let of_session = offer(&format!("a=inactive\r\n{STREAM}{PATH}a=sendonly\r\n"));
        assert!(!of_session.unwrap().receives);
        for line in ["a=recvonly\r\n", "a=inactive\r\n"] {
            let refused = offer(&format!("{line}{STREAM}{PATH}"));
            let reason = "the offerer would send nothing";
            assert_eq!(refused, Err(unacceptable(399, reason)));
        }
    }

    #[test]
    fn hosts_of_the_connection_line_are_of_their_family() {
        let with = |line: &str| offer(&format!("{STREAM}c={line}\r\n{PATH}"));
        for line in [
            "IN IP4 192.0.2.9",
            "IN IP4 push.example.net",
            "IN IP6 2001:db8::9",
            "IN IP6 push.example.net",
            "IN IP4 233.252.0.1/127",
        ] {
            assert!(with(line).is_ok(), "{line}");
        }
        for (line, status, warning) in [
            ("IN IP4 2001:db8::9", 488, 301),
            ("IN IP6 192.0.2.9", 488, 301),
            ("IN IP5 192.0.2.9", 488, 301),
            ("IN IP4 a,b", 488, 301),
            ("ATM NSAP 47", 488, 300),
            ("IN IP4", 400, 399),
        ] {
            let refused = with(line).unwrap_err();
            assert_eq!(
                (refused.status, refused.warning),
                (status, warning),
                "{line}"
            );
        }
    }

    #[test]
    fn what_is_not_taken_is_refused_with_a_reason() {
        let many = STREAM.repeat(MAX_MEDIA + 1);
        let uris = format!("{STREAM}a=path:{}\r\n", "msrp://h.test/s;tcp ".repeat(9));
        for (lines, status, warning) in [
            ("", 488, 304),
            ("m=audio 4000 RTP/AVP 0\r\n", 488, 304),
            ("m=message 0 TCP/MSRP *\r\n", 488, 304),
            (
                "m=message 2856 TCP/TLS/MSRP *\r\na=path:msrps://h.test/s;tcp\r\n",
                488,
                302,
            ),
            (
                "m=message 2856 TCP/MSRP *\r\na=path:msrps://h.test/s;tcp\r\n",
                488,
                302,
            ),
            (STREAM, 488, 306),
            (
                "m=message 2856 TCP/MSRP *\r\na=path:sip:h.test\r\n",
                488,
                399,
            ),
            (
                "m=message 2856 TCP/MSRP *\r\na=setup:holdconn\r\n",
                488,
                399,
            ),
            (&uris, 488, 399),
            (&many, 400, 399),
            ("m=message TCP/MSRP\r\n", 400, 399),
            ("m=message x TCP/MSRP *\r\n", 400, 399),
            ("m=message 65536 TCP/MSRP *\r\n", 400, 399),
            ("message\r\n", 400, 399),
            ("mm=message\r\n", 400, 399),
        ] {
            let refused = offer(lines).unwrap_err();
            assert_eq!(
                (refused.status, refused.warning),
                (status, warning),
                "{lines} {}",
                refused.reason
            );
        }
        let long = format!("{SESSION}a={}\r\n", "x".repeat(MAX_LENGTH));
        for octets in [b"".as_slice(), b"v=1\r\n", b"\xFF\xFE", long.as_bytes()] {
            assert_eq!(Offer::parse(octets).unwrap_err().status, 400);
        }
    }

    #[test]
    fn types_overlap_without_case_and_parameters() {
        let offer = stream("a=accept-types:text/plain application/*\r\n");
        for (range, overlaps) in [
            ("TEXT/Plain;charset=utf-8", true),
            ("text/*", true),
            ("*/*", true),
            ("*", true),
            ("application/vnd.example", true),
            ("text/html", false),
            ("image/*", false),
        ] {
            assert_eq!(offer.overlaps([range]), overlaps, "{range}");
        }
        assert!(stream("").overlaps(["image/png"]));
        assert!(stream("a=accept-types:*\r\n").overlaps(["image/png"]));
        assert!(!stream("a=accept-types:*\r\n").overlaps([]));
    }

    proptest! {
        #[test]
        fn any_offer_is_answered_or_refused(
            lines in prop::collection::vec("([vmactos]=(message|audio|IN|IP4|path:|setup:|active|msrp://h.test:9/s;tcp|TCP/MSRP|[ */:0-9]|0 ){0,5})\r?\n", 0..12),
        ) {
            let text = format!("v=0\r\n{STREAM}{PATH}{}", lines.concat());
            check_offer(text.as_bytes(), &Uri::parse("msrp://192.0.2.7:9/q;tcp").unwrap());
        }
    }
}
