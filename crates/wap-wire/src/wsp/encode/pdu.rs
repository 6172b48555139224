//! Protocol data units.

use super::encoder::length_field;
use super::{EncodeOptions, Encoder};
use crate::wsp::address::Address;
use crate::wsp::application_id::AcceptApplication;
use crate::wsp::capability::{Capability, CapabilityName};
use crate::wsp::header::{Header, HeaderName, HeaderValue, WellKnownHeader};
use crate::wsp::pdu::PduType;
use crate::wsp::session::Connect;
use crate::wsp::sia::SiaContent;
use crate::wsp::status::Status;
use crate::{EncodeError, uintvar};
use alloc::vec::Vec;

/// Headers as names and values in text.
pub(crate) type TextHeaders<'a> = &'a [(&'a str, &'a str)];

/// A part of multipart content, to be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartContent<'a> {
    /// The content type, `type/subtype; name=value`.
    pub content_type: &'a str,
    /// The other headers: names and values in text.
    pub headers: &'a [(&'a str, &'a str)],
    /// The content.
    pub body: &'a [u8],
}

/// Encodes a connectionless push with the default options: see [`EncodeOptions::unit_push`].
///
/// # Errors
/// Those of [`EncodeOptions::unit_push`].
pub fn encode_unit_push(
    tid: u8,
    content_type: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Vec<u8>, EncodeError> {
    EncodeOptions::default().unit_push(tid, content_type, headers, body)
}

impl EncodeOptions {
    /// Encodes a push of the connectionless service: transaction identifier, then a Push (WSP 8.2.4.1).
    ///
    /// The content type is text, `type/subtype; name=value`; headers are names and values in text.
    ///
    /// # Errors
    /// Those of [`Encoder::content_type`] and [`Encoder::header`].
    pub fn unit_push(
        self,
        tid: u8,
        content_type: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Vec<u8>, EncodeError> {
        let mut octets = Vec::from([tid]);
        self.append_push(&mut octets, PduType::PUSH, content_type, headers, body)?;
        Ok(octets)
    }

    /// Encodes a push as a session carries it, confirmed or not (WSP 8.2.4.1).
    ///
    /// # Errors
    /// Those of [`Encoder::content_type`] and [`Encoder::header`].
    pub fn push(
        self,
        confirmed: bool,
        content_type: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Vec<u8>, EncodeError> {
        let pdu_type = if confirmed {
            PduType::CONFIRMED_PUSH
        } else {
            PduType::PUSH
        };
        let mut octets = Vec::new();
        self.append_push(&mut octets, pdu_type, content_type, headers, body)?;
        Ok(octets)
    }

    fn append_push(
        self,
        octets: &mut Vec<u8>,
        pdu_type: PduType,
        content_type: &str,
        headers: TextHeaders<'_>,
        body: &[u8],
    ) -> Result<(), EncodeError> {
        octets.push(pdu_type.0);
        append_with_length(octets, &self.typed_headers(content_type, headers)?)?;
        octets.extend_from_slice(body);
        Ok(())
    }

    /// Encodes a set of headers.
    ///
    /// # Errors
    /// Those of [`Encoder::header`].
    pub fn headers(self, headers: &[(&str, &str)]) -> Result<Vec<u8>, EncodeError> {
        let mut encoder = Encoder::new(self);
        headers
            .iter()
            .try_for_each(|(name, value)| encoder.header(name, value))?;
        Ok(encoder.into_octets())
    }

    /// A content type and the headers after it.
    fn typed_headers(
        self,
        content_type: &str,
        headers: TextHeaders<'_>,
    ) -> Result<Vec<u8>, EncodeError> {
        let mut encoder = Encoder::new(self);
        encoder.content_type(content_type)?;
        headers
            .iter()
            .try_for_each(|(name, value)| encoder.header(name, value))?;
        Ok(encoder.into_octets())
    }

    /// Encodes a Connect (WSP 8.2.2.1).
    ///
    /// # Errors
    /// Those of [`Encoder::header`] and [`Encoder::capability`].
    pub fn connect(
        self,
        capabilities: &[Capability<'_>],
        headers: &[(&str, &str)],
    ) -> Result<Vec<u8>, EncodeError> {
        let mut octets = Vec::from([PduType::CONNECT.0, Connect::VERSION]);
        self.append_capabilities_and_headers(&mut octets, capabilities, headers)?;
        Ok(octets)
    }

    /// Encodes a `ConnectReply` (WSP 8.2.2.2).
    ///
    /// # Errors
    /// Those of [`Encoder::header`] and [`Encoder::capability`].
    pub fn connect_reply(
        self,
        session_id: u32,
        capabilities: &[Capability<'_>],
        headers: &[(&str, &str)],
    ) -> Result<Vec<u8>, EncodeError> {
        let mut octets = with_session_id(PduType::CONNECT_REPLY, session_id);
        self.append_capabilities_and_headers(&mut octets, capabilities, headers)?;
        Ok(octets)
    }

    fn append_capabilities_and_headers(
        self,
        octets: &mut Vec<u8>,
        capabilities: &[Capability<'_>],
        headers: TextHeaders<'_>,
    ) -> Result<(), EncodeError> {
        let mut encoder = Encoder::new(self);
        capabilities
            .iter()
            .try_for_each(|capability| encoder.capability(capability))?;
        let capabilities = encoder.into_octets();
        let headers = self.headers(headers)?;
        uintvar::encode(length_field(capabilities.len())?, octets);
        uintvar::encode(length_field(headers.len())?, octets);
        octets.extend(capabilities);
        octets.extend(headers);
        Ok(())
    }

    /// Encodes a Redirect (WSP 8.2.2.3).
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] for an address of more than 63 octets.
    pub fn redirect(self, flags: u8, addresses: &[Address<'_>]) -> Result<Vec<u8>, EncodeError> {
        let mut encoder = Encoder::new(self);
        encoder.octets(&[PduType::REDIRECT.0, flags]);
        addresses
            .iter()
            .try_for_each(|address| encoder.address(address))?;
        Ok(encoder.into_octets())
    }

    /// Encodes a session initiation request (WAP-235 8.4), without empty fields at its end.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] for an address of more than 63 octets, [`EncodeError::ZeroInText`] in a URI.
    pub fn sia(self, content: &SiaContent<'_>) -> Result<Vec<u8>, EncodeError> {
        let mut encoder = Encoder::new(self);
        encoder.octets(&[content.version]);
        let mut end = encoder.octets.len();
        let mut field = |count: usize, write: &dyn Fn(&mut Encoder) -> Result<(), EncodeError>| {
            write(&mut encoder)?;
            if count > 0 {
                end = encoder.octets.len();
            }
            Ok(())
        };
        let applications = content.applications;
        field(applications.len(), &|encoder| {
            encoder.list(applications, Encoder::accept_application)
        })?;
        let addresses = content.wsp_contact_points;
        field(addresses.len(), &|encoder| {
            encoder.list(addresses, Encoder::address)
        })?;
        if content.version > 0 {
            let addresses = content.contact_points;
            field(addresses.len(), &|encoder| {
                encoder.list(addresses, Encoder::address)
            })?;
            let protocols = content.protocols;
            field(protocols.len(), &|encoder| {
                encoder.uintvar(length_field(protocols.len())?);
                for &protocol in protocols {
                    encoder.uintvar(protocol);
                }
                Ok(())
            })?;
            let prov_url = content.prov_url;
            field(prov_url.len(), &|encoder| {
                append_with_length(&mut encoder.octets, prov_url)
            })?;
            let tags = content.cpi_tags;
            field(tags.len(), &|encoder| {
                encoder.uintvar(length_field(tags.len())?);
                encoder.octets(tags.as_flattened());
                Ok(())
            })?;
        }
        let mut octets = encoder.into_octets();
        octets.truncate(end);
        Ok(octets)
    }

    /// Encodes a Reply (WSP 8.2.3.3).
    ///
    /// # Errors
    /// Those of [`Encoder::content_type`] and [`Encoder::header`].
    pub fn reply(
        self,
        status: Status,
        content_type: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Vec<u8>, EncodeError> {
        let mut octets = Vec::from([PduType::REPLY.0, status.0]);
        append_with_length(&mut octets, &self.typed_headers(content_type, headers)?)?;
        octets.extend_from_slice(body);
        Ok(octets)
    }

    /// Encodes a Disconnect (WSP 8.2.2.4).
    #[must_use]
    pub fn disconnect(self, session_id: u32) -> Vec<u8> {
        with_session_id(PduType::DISCONNECT, session_id)
    }

    /// Encodes a Suspend (WSP 8.2.5.1).
    #[must_use]
    pub fn suspend(self, session_id: u32) -> Vec<u8> {
        with_session_id(PduType::SUSPEND, session_id)
    }

    /// Encodes a Resume, without capabilities, which are reserved (WSP 8.2.5.2).
    ///
    /// # Errors
    /// Those of [`Encoder::header`].
    pub fn resume(self, session_id: u32, headers: &[(&str, &str)]) -> Result<Vec<u8>, EncodeError> {
        let mut octets = with_session_id(PduType::RESUME, session_id);
        octets.push(0);
        octets.extend(self.headers(headers)?);
        Ok(octets)
    }

    /// Encodes multipart content: each part has a content type, headers and a body (WSP 8.5).
    ///
    /// # Errors
    /// Those of [`Encoder::content_type`] and [`Encoder::header`].
    pub fn multipart(self, parts: &[PartContent<'_>]) -> Result<Vec<u8>, EncodeError> {
        let mut octets = Vec::new();
        uintvar::encode(length_field(parts.len())?, &mut octets);
        for &PartContent {
            content_type,
            headers,
            body,
        } in parts
        {
            let headers = self.typed_headers(content_type, headers)?;
            uintvar::encode(length_field(headers.len())?, &mut octets);
            uintvar::encode(length_field(body.len())?, &mut octets);
            octets.extend(headers);
            octets.extend_from_slice(body);
        }
        Ok(octets)
    }
}

impl Encoder {
    /// Writes a capability with its length (WSP 8.3.1).
    ///
    /// # Errors
    /// [`EncodeError::ZeroInText`] in a name, [`EncodeError::TooLong`].
    pub fn capability(&mut self, capability: &Capability<'_>) -> Result<(), EncodeError> {
        self.uintvar_length(|encoder| {
            match capability.name() {
                CapabilityName::Number(number) => encoder.short_integer(number),
                CapabilityName::Text(name) => encoder.text(name)?,
            }
            match *capability {
                Capability::ClientSduSize(size)
                | Capability::ServerSduSize(size)
                | Capability::ClientMessageSize(size)
                | Capability::ServerMessageSize(size) => encoder.uintvar(size),
                Capability::ProtocolOptions(options) => encoder.octets(&[options.0]),
                Capability::MethodMor(most) | Capability::PushMor(most) => encoder.octets(&[most]),
                Capability::ExtendedMethods(octets) | Capability::HeaderCodePages(octets) => {
                    encoder.octets(octets);
                }
                Capability::Aliases(addresses) => encoder.octets(addresses.as_bytes()),
                Capability::NotRecognised(_) => {}
                Capability::Unknown { parameters, .. } => encoder.octets(parameters),
            }
            Ok(())
        })
    }

    /// Writes the entries of a list, behind the number of their octets.
    fn list<T>(
        &mut self,
        entries: &[T],
        write: impl Fn(&mut Self, &T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.uintvar_length(|encoder| entries.iter().try_for_each(|entry| write(encoder, entry)))
    }

    fn accept_application(
        &mut self,
        application: &AcceptApplication<'_>,
    ) -> Result<(), EncodeError> {
        self.header_value(&Header {
            name: HeaderName::WellKnown(WellKnownHeader::AcceptApplication),
            value: HeaderValue::AcceptApplication(*application),
        })
    }

    /// Writes an address of a redirect or an alias (WSP table 16).
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] for more than 63 octets.
    pub fn address(&mut self, address: &Address<'_>) -> Result<(), EncodeError> {
        let flags = address
            .flags()
            .ok_or(EncodeError::TooLong(address.address.len()))?;
        self.octets(&[flags]);
        address
            .bearer_type
            .into_iter()
            .for_each(|bearer_type| self.octets(&[bearer_type]));
        address
            .port
            .into_iter()
            .for_each(|port| self.octets(&port.to_be_bytes()));
        self.octets(address.address);
        Ok(())
    }
}

fn with_session_id(pdu_type: PduType, session_id: u32) -> Vec<u8> {
    let mut octets = Vec::from([pdu_type.0]);
    uintvar::encode(session_id, &mut octets);
    octets
}

fn append_with_length(octets: &mut Vec<u8>, part: &[u8]) -> Result<(), EncodeError> {
    uintvar::encode(length_field(part.len())?, octets);
    octets.extend_from_slice(part);
    Ok(())
}
