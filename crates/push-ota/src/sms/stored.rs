//! A segment as it lies in the store: a version, fields, and the user data up to the end.

use push_message::UnixMillis;

use super::{Concatenation, Originator, Ports, Segment, Width};

const VERSION: u8 = 1;

/// The segment as octets. What has no concatenation is never stored.
pub(super) fn encode(segment: &Segment, concatenation: Concatenation) -> Box<[u8]> {
    let mut octets = Vec::with_capacity(segment.octets.len() + 80);
    octets.push(VERSION);
    put_text(&mut octets, Some(&segment.device));
    put_text(&mut octets, segment.service_centre.as_deref());
    let (kind, text) = match &segment.originator {
        None => (0, None),
        Some(Originator::Number(text)) => (1, Some(&**text)),
        Some(Originator::Name(text)) => (2, Some(&**text)),
    };
    octets.push(kind);
    put_text(&mut octets, text);
    octets.push(u8::from(segment.sent.is_some()));
    octets.extend(segment.sent.unwrap_or_default().0.to_be_bytes());
    octets.push(u8::from(segment.ports.is_some()));
    let ports = segment
        .ports
        .map_or([0; 2], |ports| [ports.destination, ports.originator]);
    octets.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
    octets.extend(concatenation.reference.to_be_bytes());
    octets.extend([
        concatenation.width.bits(),
        concatenation.total,
        concatenation.sequence,
    ]);
    octets.extend(segment.received.0.to_be_bytes());
    octets.extend(&segment.octets);
    octets.into()
}

/// A length of 32 bits that is one more than that of the text, or zero where there is none.
fn put_text(octets: &mut Vec<u8>, text: Option<&str>) {
    let length = text.map_or(0, |text| text.len().saturating_add(1));
    octets.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    octets.extend(text.unwrap_or_default().as_bytes());
}

/// The segment that these octets are, with its concatenation.
pub(super) fn decode(octets: &[u8]) -> Option<(Segment, Concatenation)> {
    let mut rest = Rest(octets);
    let [VERSION] = rest.array()? else {
        return None;
    };
    let device = rest.text().ok()??;
    let service_centre = rest.text().ok()?;
    let originator = match (rest.array()?, rest.text().ok()?) {
        ([0], None) => None,
        ([1], Some(text)) => Some(Originator::Number(text)),
        ([2], Some(text)) => Some(Originator::Name(text)),
        _ => return None,
    };
    let has_sent = rest.flag()?;
    let sent = UnixMillis(u64::from_be_bytes(rest.array()?));
    let has_ports = rest.flag()?;
    let ports = Ports {
        destination: u16::from_be_bytes(rest.array()?),
        originator: u16::from_be_bytes(rest.array()?),
    };
    let reference = u16::from_be_bytes(rest.array()?);
    let [width, total, sequence] = rest.array()?;
    let width = match width {
        8 => Width::Eight,
        16 => Width::Sixteen,
        _ => return None,
    };
    let concatenation = Concatenation {
        reference,
        width,
        total,
        sequence,
    };
    let received = UnixMillis(u64::from_be_bytes(rest.array()?));
    let segment = Segment {
        device,
        service_centre,
        originator,
        sent: has_sent.then_some(sent),
        ports: has_ports.then_some(ports),
        concatenation: Some(concatenation),
        octets: rest.0.into(),
        received,
    };
    concatenation
        .is_possible()
        .then_some((segment, concatenation))
}

/// The octets are no segment.
struct Broken;

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.array()? {
            [0] => Some(false),
            [1] => Some(true),
            [_] => None,
        }
    }

    fn text(&mut self) -> Result<Option<Box<str>>, Broken> {
        let length = u32::from_be_bytes(self.array().ok_or(Broken)?);
        let Some(length) = length.checked_sub(1) else {
            return Ok(None);
        };
        let length = usize::try_from(length).map_err(|_| Broken)?;
        let (text, rest) = self.0.split_at_checked(length).ok_or(Broken)?;
        self.0 = rest;
        let text = std::str::from_utf8(text).map_err(|_| Broken)?;
        Ok(Some(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment() -> Segment {
        Segment {
            device: "modem 0".into(),
            service_centre: Some("+4917099999".into()),
            originator: Some(Originator::Name("Operator".into())),
            sent: Some(UnixMillis(1_767_357_296_000)),
            ports: Some(Ports {
                destination: 2948,
                originator: 9200,
            }),
            concatenation: Some(Concatenation {
                reference: 0x1234,
                width: Width::Sixteen,
                total: 3,
                sequence: 2,
            }),
            octets: Box::from(*b"user data"),
            received: UnixMillis(1_767_357_299_000),
        }
    }

    fn written(segment: &Segment) -> Box<[u8]> {
        encode(segment, segment.concatenation.unwrap())
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let mut bare = segment();
        bare.service_centre = None;
        bare.originator = None;
        bare.sent = None;
        bare.ports = None;
        bare.octets = Box::default();
        let mut number = segment();
        number.originator = Some(Originator::Number("+15551234567".into()));
        for segment in [segment(), bare, number] {
            let concatenation = segment.concatenation.unwrap();
            assert_eq!(decode(&written(&segment)), Some((segment, concatenation)));
        }
    }

    #[test]
    fn what_is_cut_or_of_another_version_is_no_segment() {
        let octets = written(&segment());
        let data = segment().octets.len();
        for length in 0..octets.len() - data {
            assert_eq!(decode(&octets[..length]), None, "{length}");
        }
        let mut newer = octets;
        newer[0] = 2;
        assert_eq!(decode(&newer), None);
        let mut impossible = segment();
        impossible.concatenation.as_mut().unwrap().sequence = 4;
        assert_eq!(decode(&written(&impossible)), None);
    }
}
