//! Session initiation requests, octet by octet (WAP-235 8.4).

use sha1::{Digest as _, Sha1};

use crate::values;
use crate::{ApplicationId, Push};

/// The content type of a session initiation request.
const CONTENT_TYPE: &str = "application/vnd.wap.sia";
/// The number of the Session Initiation Application (`x-wap-application:push.sia`).
const PUSH_SIA: u32 = 1;
/// Accept-Application in the default header code page of WSP.
const ACCEPT_APPLICATION: u8 = 0x32;

/// A place to call: the `AddressType` of WSP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactPoint {
    /// The bearer, where it is given.
    pub bearer: Option<u8>,
    /// The port, where it is given.
    pub port: Option<u16>,
    /// The address: 4 octets of IPv4, 16 of IPv6, or digits of a phone number.
    pub address: Vec<u8>,
}

impl ContactPoint {
    /// An IP address, with a port where it is not 0.
    pub fn new(address: std::net::SocketAddr) -> Self {
        let octets = match address.ip() {
            std::net::IpAddr::V4(address) => address.octets().to_vec(),
            std::net::IpAddr::V6(address) => address.octets().to_vec(),
        };
        Self {
            bearer: None,
            port: Some(address.port()).filter(|port| *port != 0),
            address: octets,
        }
    }

    /// Names the bearer.
    #[must_use]
    pub const fn bearer(mut self, bearer: u8) -> Self {
        self.bearer = Some(bearer);
        self
    }

    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        let length = u8::try_from(self.address.len()).unwrap_or(u8::MAX) & 0x3f;
        let bearer = if self.bearer.is_some() { 0x80 } else { 0 };
        let port = if self.port.is_some() { 0x40 } else { 0 };
        to.push(bearer | port | length);
        to.extend(self.bearer);
        to.extend(self.port.into_iter().flat_map(u16::to_be_bytes));
        to.extend_from_slice(&self.address);
    }
}

/// How a contact point is to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtOpt {
    /// Over OTA-HTTP; the gateway knows no tag.
    OtaHttp,
    /// Over OTA-HTTP; a tag is in the request.
    OtaHttpWithTag,
    /// Another number.
    Other(u32),
}

impl ProtOpt {
    const fn number(self) -> u32 {
        match self {
            Self::OtaHttp => 0,
            Self::OtaHttpWithTag => 1,
            Self::Other(number) => number,
        }
    }
}

/// Which field is the last; those behind it are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LastField {
    /// The applications.
    Applications,
    /// The contact points of OTA-WSP: all that version 0 has.
    ContactPointsWsp,
    /// The contact points of other protocols.
    ContactPoints,
    /// How to call them.
    ProtOpts,
    /// The provisioning context.
    ProvUrl,
    /// The tags.
    CpiTags,
}

/// The provisioning context that shall be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ProvUrl {
    /// One without a URL.
    #[default]
    Empty,
    /// The one with this URL.
    Text(String),
    /// The one whose URL has a hash that begins so: 1 to 4 octets of it are sent.
    Hash {
        /// The URL.
        url: String,
        /// How many octets.
        octets: usize,
    },
}

/// What to tell a terminal: whom to call, how, and for which applications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SirBuilder {
    version: u8,
    applications: Vec<ApplicationId>,
    as_text: bool,
    contacts_wsp: Vec<ContactPoint>,
    contacts: Vec<ContactPoint>,
    options: Vec<ProtOpt>,
    prov_url: ProvUrl,
    tags: Vec<[u8; 4]>,
    last: LastField,
    tail: Vec<u8>,
    truncated: Option<usize>,
}

impl Default for SirBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl SirBuilder {
    /// A request of version 1 with every field, all of them empty.
    pub const fn new() -> Self {
        Self {
            version: 1,
            applications: Vec::new(),
            as_text: false,
            contacts_wsp: Vec::new(),
            contacts: Vec::new(),
            options: Vec::new(),
            prov_url: ProvUrl::Empty,
            tags: Vec::new(),
            last: LastField::CpiTags,
            tail: Vec::new(),
            truncated: None,
        }
    }

    /// Sets the version. Version 0 ends with the contact points of OTA-WSP.
    #[must_use]
    pub const fn version(mut self, version: u8) -> Self {
        self.version = version;
        if version == 0 {
            self.last = LastField::ContactPointsWsp;
        }
        self
    }

    /// Adds an application.
    #[must_use]
    pub fn application(mut self, application: ApplicationId) -> Self {
        self.applications.push(application);
        self
    }

    /// Adds a contact point for OTA-WSP.
    #[must_use]
    pub fn contact_wsp(mut self, contact: ContactPoint) -> Self {
        self.contacts_wsp.push(contact);
        self
    }

    /// Adds a contact point for other protocols: OTA-HTTP.
    #[must_use]
    pub fn contact(mut self, contact: ContactPoint) -> Self {
        self.contacts.push(contact);
        self
    }

    /// Says how the next contact point is to be called.
    #[must_use]
    pub fn option(mut self, option: ProtOpt) -> Self {
        self.options.push(option);
        self
    }

    /// Names the provisioning context.
    #[must_use]
    pub fn prov_url(mut self, prov_url: ProvUrl) -> Self {
        self.prov_url = prov_url;
        self
    }

    /// Adds the tag that is assumed for the next contact point that has one.
    #[must_use]
    pub fn tag(mut self, tag: [u8; 4]) -> Self {
        self.tags.push(tag);
        self
    }

    /// Leaves out the fields behind this one.
    #[must_use]
    pub const fn last(mut self, last: LastField) -> Self {
        self.last = last;
        self
    }

    /// Adds octets behind the known fields, as a later version may.
    #[must_use]
    pub fn tail(mut self, octets: &[u8]) -> Self {
        self.tail.extend_from_slice(octets);
        self
    }

    /// Cuts the request off after so many octets.
    #[must_use]
    pub const fn truncated(mut self, octets: usize) -> Self {
        self.truncated = Some(octets);
        self
    }

    /// Writes the form that Kannel has: numbers of applications, ports and addresses as decimal text, one behind the other.
    ///
    /// Unless another is given it names the bearer GSM CSD, whatever the way.
    #[must_use]
    pub const fn as_kannel(mut self) -> Self {
        self.as_text = true;
        self
    }

    /// The body.
    pub fn encode(&self) -> Vec<u8> {
        let mut octets = vec![self.version];
        let fields = [
            (LastField::Applications, self.applications()),
            (LastField::ContactPointsWsp, self.contacts_wsp()),
            (LastField::ContactPoints, self.contacts()),
            (LastField::ProtOpts, self.options()),
            (LastField::ProvUrl, self.prov_url_field()),
            (LastField::CpiTags, self.tags()),
        ];
        for (field, content) in fields {
            if field <= self.last {
                octets.extend_from_slice(&content);
            }
        }
        octets.extend_from_slice(&self.tail);
        if let Some(length) = self.truncated {
            octets.truncate(length);
        }
        octets
    }

    /// The connectionless push that carries it. Kannel's names the application that it asks for, not the one that the push is for.
    pub fn push(&self) -> Push {
        let asked_for = self.applications.first().filter(|_| self.as_text);
        let application = asked_for
            .cloned()
            .unwrap_or(ApplicationId::Number(PUSH_SIA));
        Push::new(CONTENT_TYPE, self.encode()).application(application)
    }

    fn applications(&self) -> Vec<u8> {
        let mut list = Vec::new();
        for application in &self.applications {
            if self.as_text {
                list.extend_from_slice(text(application).as_bytes());
                continue;
            }
            list.push(ACCEPT_APPLICATION | 0x80);
            match application {
                ApplicationId::Number(number) => values::integer(u64::from(*number), &mut list),
                ApplicationId::Text(uri) => values::text(uri, &mut list),
            }
        }
        counted_octets(&list)
    }

    fn contacts_wsp(&self) -> Vec<u8> {
        let mut list = Vec::new();
        for contact in &self.contacts_wsp {
            if self.as_text {
                write_as_text(contact, &mut list);
            } else {
                contact.write(&mut list);
            }
        }
        counted_octets(&list)
    }

    fn contacts(&self) -> Vec<u8> {
        let mut list = Vec::new();
        for contact in &self.contacts {
            contact.write(&mut list);
        }
        counted_octets(&list)
    }

    fn options(&self) -> Vec<u8> {
        let mut octets = count(self.options.len());
        for option in &self.options {
            values::uintvar(option.number(), &mut octets);
        }
        octets
    }

    fn prov_url_field(&self) -> Vec<u8> {
        match &self.prov_url {
            ProvUrl::Empty => counted_octets(b""),
            ProvUrl::Text(url) => counted_octets(url.as_bytes()),
            ProvUrl::Hash { url, octets } => {
                let hash = Sha1::digest(url.as_bytes());
                let hash: Vec<u8> = hash.iter().copied().take(*octets).collect();
                counted_octets(&hash)
            }
        }
    }

    fn tags(&self) -> Vec<u8> {
        let mut octets = count(self.tags.len());
        octets.extend(self.tags.iter().flatten());
        octets
    }
}

/// An application as Kannel writes it: the digits of its number.
fn text(application: &ApplicationId) -> String {
    match application {
        ApplicationId::Number(number) => number.to_string(),
        ApplicationId::Text(uri) => uri.clone(),
    }
}

fn write_as_text(contact: &ContactPoint, to: &mut Vec<u8>) {
    let address = match *contact.address.as_slice() {
        [one, two, three, four] => std::net::Ipv4Addr::new(one, two, three, four).to_string(),
        _ => String::from_utf8_lossy(&contact.address).into_owned(),
    };
    let length = u8::try_from(address.len()).unwrap_or(u8::MAX) & 0x3f;
    to.push(0xc0 | length);
    // GSM CSD.
    to.push(contact.bearer.unwrap_or(0x0a));
    let port = contact.port.unwrap_or_default().to_string();
    to.extend_from_slice(port.as_bytes());
    to.extend_from_slice(address.as_bytes());
}

fn count(length: usize) -> Vec<u8> {
    let mut octets = Vec::new();
    values::uintvar(u32::try_from(length).unwrap_or(u32::MAX), &mut octets);
    octets
}

fn counted_octets(content: &[u8]) -> Vec<u8> {
    let mut octets = count(content.len());
    octets.extend_from_slice(content);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(address: &str) -> ContactPoint {
        ContactPoint::new(address.parse().unwrap())
    }

    #[test]
    fn an_empty_request_has_a_length_for_every_field() {
        assert_eq!(SirBuilder::new().encode(), [1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(SirBuilder::new().version(0).encode(), [0, 0, 0]);
    }

    #[test]
    fn every_field_is_where_it_belongs() {
        let request = SirBuilder::new()
            .application(ApplicationId::Number(4))
            .application(ApplicationId::Text("x:a".to_owned()))
            .contact_wsp(point("192.0.2.7:9201").bearer(0x0b))
            .contact(point("192.0.2.8:4035"))
            .contact(point("192.0.2.9:0"))
            .option(ProtOpt::OtaHttpWithTag)
            .option(ProtOpt::Other(300))
            .prov_url(ProvUrl::Text("http://p".to_owned()))
            .tag([0xde, 0xad, 0xbe, 0xef]);
        let expected = b"\x01\
            \x07\xb2\x84\xb2x:a\0\
            \x08\xc4\x0b\x23\xf1\xc0\x00\x02\x07\
            \x0c\x44\x0f\xc3\xc0\x00\x02\x08\x04\xc0\x00\x02\x09\
            \x02\x01\x82\x2c\
            \x08http://p\
            \x01\xde\xad\xbe\xef";
        assert_eq!(request.encode(), expected);
        let early = request.clone().last(LastField::ContactPoints).tail(b"zz");
        assert_eq!(early.encode(), [&expected[..31], b"zz"].concat());
        assert_eq!(request.truncated(5).encode(), expected[..5]);
    }

    #[test]
    fn addresses_of_version_6_have_16_octets() {
        let request = SirBuilder::new().contact(point("[2001:db8::1]:4036"));
        let expected =
            b"\x01\x00\x00\x13\x50\x0f\xc4\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0";
        assert_eq!(request.encode(), expected);
    }

    // The hash was computed with another program: `printf http://p | sha1sum`.
    #[test]
    fn a_provisioning_context_may_be_named_by_its_hash() {
        let url = "http://p".to_owned();
        let request = SirBuilder::new()
            .version(2)
            .prov_url(ProvUrl::Hash { url, octets: 3 });
        assert_eq!(request.encode(), HASHED);
    }

    const HASHED: &[u8] = &[2, 0, 0, 0, 0, 3, 0xc1, 0xf9, 0x40, 0];

    // What stands behind the headers of a datagram that Kannel 1.4.5 sent.
    #[test]
    fn kannel_s_form_is_text_one_behind_the_other() {
        let request = SirBuilder::new()
            .version(0)
            .application(ApplicationId::Number(4))
            .contact_wsp(point("127.0.0.1:9201"))
            .as_kannel();
        assert_eq!(request.encode(), b"\x00\x014\x0f\xc9\x0a9201127.0.0.1");
        let datagram = request.push().encode().unwrap();
        assert_eq!(datagram[..6], *b"\x00\x06\x03\xb4\xaf\x84");
    }

    #[test]
    fn it_travels_as_a_push_to_its_application() {
        let datagram = SirBuilder::new().push().tid(9).encode().unwrap();
        assert_eq!(datagram, b"\x09\x06\x03\xb4\xaf\x81\x01\0\0\0\0\0\0");
    }
}
