//! Wireshark's decoder on octets of ours: what tshark reads in a datagram.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

use crate::peer;

/// The decoder.
#[derive(Debug)]
pub struct Tshark {
    program: PathBuf,
}

/// What tshark reads in one connectionless push.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reading {
    /// The transaction identifier.
    pub tid: u8,
    /// The PDU type.
    pub pdu: u8,
    /// How many octets the content type and the headers take.
    pub headers_length: usize,
    /// The content type with its parameters.
    pub content_type: String,
    /// The headers in their order.
    pub headers: Vec<Header>,
    /// tshark calls something in the PDU or its headers malformed or invalid.
    pub is_doubtful: bool,
}

/// One header as tshark reads it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Header {
    /// Its name, from tshark's own table of assigned numbers or from the octets.
    pub name: String,
    /// Its value as tshark words it.
    pub value: String,
    /// How many octets name and value take.
    pub size: usize,
}

impl Tshark {
    /// Finds tshark; `None` if it is not installed and may be skipped.
    ///
    /// # Errors
    ///
    /// It is missing though nothing may be skipped.
    pub fn find() -> anyhow::Result<Option<Self>> {
        Ok(peer::find(["tshark"])?.map(|[program]| Self { program }))
    }

    /// Reads `datagrams` as connectionless pushes, all in one run; the readings come in the same order.
    ///
    /// # Errors
    ///
    /// tshark fails, or reads another number of datagrams.
    pub fn read_pushes(&self, datagrams: &[Vec<u8>]) -> anyhow::Result<Vec<Reading>> {
        self.read(datagrams, reading)
    }

    /// Reads `datagrams` as connectionless pushes; gives of each the fields with these names, with their octets in
    /// hexadecimal, and what tshark says against the octets.
    ///
    /// # Errors
    ///
    /// tshark fails, or reads another number of datagrams.
    pub fn read_fields(
        &self,
        datagrams: &[Vec<u8>],
        names: &[&str],
    ) -> anyhow::Result<Vec<Vec<(String, String)>>> {
        self.read(datagrams, |packet| fields(packet, names, "value"))
    }

    /// Reads `messages` as TPDUs of short messages, the SMS centre left out; gives of each the fields with these names as tshark shows
    /// them, and what tshark says against the octets.
    ///
    /// # Errors
    ///
    /// tshark fails, or reads another number of messages.
    pub fn read_short_messages(
        &self,
        messages: &[Vec<u8>],
        names: &[&str],
    ) -> anyhow::Result<Vec<Vec<(String, String)>>> {
        const LINKTYPE_USER0: u32 = 147;
        let dissector = "uat:user_dlts:\"User 0 (DLT=147)\",\"gsm_sms\",\"0\",\"\",\"0\",\"\"";
        let capture = pcap(LINKTYPE_USER0, messages.iter().cloned());
        let options = ["-o", dissector, "-o", "gsm_sms.reassemble:FALSE"];
        let readings =
            self.read_capture(&capture, &options, |packet| fields(packet, names, "show"))?;
        complete(readings, messages.len())
    }

    /// Reads `datagrams` as transactions (WTP); gives of each the fields with these names as tshark shows them, and what tshark says
    /// against the octets.
    ///
    /// # Errors
    ///
    /// tshark fails, or reads another number of datagrams.
    pub fn read_transactions(
        &self,
        datagrams: &[Vec<u8>],
        names: &[&str],
    ) -> anyhow::Result<Vec<Vec<(String, String)>>> {
        self.read_as("wtp", datagrams, |packet| fields(packet, names, "show"))
    }

    fn read<T>(
        &self,
        datagrams: &[Vec<u8>],
        reading: impl FnMut(&str) -> T,
    ) -> anyhow::Result<Vec<T>> {
        self.read_as("wsp", datagrams, reading)
    }

    fn read_as<T>(
        &self,
        protocol: &str,
        datagrams: &[Vec<u8>],
        reading: impl FnMut(&str) -> T,
    ) -> anyhow::Result<Vec<T>> {
        const LINKTYPE_RAW: u32 = 101;
        let packets = datagrams.iter().map(|datagram| ipv4(datagram));
        let decode_as = format!("udp.port==2948,{protocol}");
        let options = ["-d", &decode_as];
        let readings = self.read_capture(&pcap(LINKTYPE_RAW, packets), &options, reading)?;
        complete(readings, datagrams.len())
    }

    fn read_capture<T>(
        &self,
        capture: &[u8],
        options: &[&str],
        reading: impl FnMut(&str) -> T,
    ) -> anyhow::Result<Vec<T>> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("packets.pcap");
        fs::write(&file, capture)?;
        let text = self.details(&file, options)?;
        let readings = text.split("<packet>").skip(1).map(reading).collect();
        Ok(readings)
    }

    /// The packet details of a capture file, one XML element a line.
    fn details(&self, file: &Path, options: &[&str]) -> anyhow::Result<String> {
        let output = Command::new(&self.program)
            .arg("-r")
            .arg(file)
            .args(options)
            .args(["-T", "pdml"])
            .output()
            .context("cannot start tshark")?;
        if !output.status.success() {
            bail!("tshark: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The readings, if there is one for each packet.
fn complete<T>(readings: Vec<T>, packets: usize) -> anyhow::Result<Vec<T>> {
    if readings.len() != packets {
        bail!("tshark read {} of {packets} packets", readings.len());
    }
    Ok(readings)
}

/// The fields of a packet with these names, each with one of its attributes, and what tshark says against the octets.
fn fields(packet: &str, names: &[&str], kind: &str) -> Vec<(String, String)> {
    let fields = packet.lines().map(|line| {
        let name = attribute(line, "name");
        (name, attribute(line, kind))
    });
    let is_wanted = |name: &str| names.contains(&name) || name.starts_with("_ws.");
    fields.filter(|(name, _)| is_wanted(name)).collect()
}

/// Reads the WSP layer of one packet.
fn reading(packet: &str) -> Reading {
    let mut reading = Reading::default();
    let layer = packet
        .lines()
        .skip_while(|line| !line.contains("<proto name=\"wsp\""));
    let mut name = String::new();
    for line in layer.take_while(|line| !line.contains("</proto>")) {
        let shown = attribute(line, "showname");
        let value = || {
            shown
                .split_once(": ")
                .map_or("", |(_, value)| value)
                .to_owned()
        };
        match attribute(line, "name").as_str() {
            "wsp.TID" => reading.tid = number(&attribute(line, "show")),
            "wsp.pdu_type" => reading.pdu = number(&attribute(line, "show")),
            "wsp.headers_length" => reading.headers_length = number(&attribute(line, "show")),
            "wsp.header.name_value" => name = assigned_name(&shown),
            "wsp.header.content_type" => reading.content_type = value(),
            "wsp.header.name_string" => {}
            field if field == "wsp.header_text_value" || field.starts_with("wsp.header.") => {
                if field == "wsp.header_text_value" {
                    shown
                        .split(": ")
                        .next()
                        .unwrap_or_default()
                        .clone_into(&mut name);
                }
                reading.headers.push(Header {
                    name: name.clone(),
                    value: value(),
                    size: number(&attribute(line, "size")),
                });
            }
            field => reading.is_doubtful |= field.starts_with("_ws."),
        }
    }
    reading
}

/// `Expires` of `.001 0100 = Header name: Expires (20)`.
fn assigned_name(shown: &str) -> String {
    let (_, rest) = shown.split_once("Header name: ").unwrap_or_default();
    rest.rsplit_once(" (").unwrap_or_default().0.to_owned()
}

/// The value of an attribute of the XML element on `line`; empty if there is none.
fn attribute(line: &str, name: &str) -> String {
    let start = format!(" {name}=\"");
    let value = line.split_once(&start).map_or("", |(_, rest)| rest);
    let value = value.split('"').next().unwrap_or_default();
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ];
    entities
        .iter()
        .fold(value.to_owned(), |text, (entity, character)| {
            text.replace(entity, character)
        })
}

/// A number in decimal, or in hexadecimal after `0x`; 0 if it is none or out of range.
fn number<N: TryFrom<u64> + Default>(text: &str) -> N {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number
        .ok()
        .and_then(|number| N::try_from(number).ok())
        .unwrap_or_default()
}

/// A capture file of these packets.
fn pcap(link_type: u32, packets: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xA1B2_C3D4_u32, 0x0002_0004, 0, 0, 0x0004_0000, link_type] {
        file.extend_from_slice(&word.to_be_bytes());
    }
    for packet in packets {
        let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        for word in [0, 0, length, length] {
            file.extend_from_slice(&word.to_be_bytes());
        }
        file.extend_from_slice(&packet);
    }
    file
}

/// An IPv4 packet with one UDP datagram to port 2948.
fn ipv4(payload: &[u8]) -> Vec<u8> {
    let source = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9200);
    let destination = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 2), 2948);
    let udp_length = u16::try_from(payload.len() + 8).unwrap_or(u16::MAX);
    let mut packet = vec![0x45, 0];
    packet.extend_from_slice(&udp_length.saturating_add(20).to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend_from_slice(&source.ip().octets());
    packet.extend_from_slice(&destination.ip().octets());
    for half in [source.port(), destination.port(), udp_length, 0] {
        packet.extend_from_slice(&half.to_be_bytes());
    }
    packet.extend_from_slice(payload);
    packet
}
