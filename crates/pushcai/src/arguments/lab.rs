//! The arguments of the lab's commands.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

mod sip;

pub(crate) use sip::{ChunkWay, LabSip, Opening};

/// Play a push server, for tests
#[derive(Debug, Subcommand)]
pub(crate) enum Lab {
    Push(Box<LabPush>),
    Ppg(Box<LabPpg>),
    Session(Box<LabSession>),
    Sip(Box<LabSip>),
    Sms(Box<LabSms>),
}

/// Be a Push Proxy Gateway that speaks OTA-HTTP, well-behaved or not
///
/// Dials a terminal (--connect), or waits for terminals to call (--listen, --tls-listen), asks for registration, and pushes
/// where a content is given. Every exchange is a line. With --listen, --tls-listen or --pap it goes on until Ctrl-C, or until the
/// pushes of --to are done.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("ppg-content").args(["sample", "body", "body_file", "body_hex"])),
    after_long_help = "\
Examples:
  pushcai lab ppg --connect 127.0.0.1:4035                          register and show what the terminal takes
  pushcai lab ppg --connect 127.0.0.1:4035 --application 4 --sample mms
  pushcai lab ppg --connect 127.0.0.1:4035 --application x-wap-application:wml.ua --type text/plain --body hello
  pushcai lab ppg --connect 127.0.0.1:4036 --tls --ca-key key.pem --ca-out ca.pem    the gateway is the TLS server
  pushcai lab ppg --listen 127.0.0.1:5035 --to 4447700900123 --sample si    push once that terminal has called
  pushcai lab ppg --listen 127.0.0.1:5035 --sir 127.0.0.1:2948      ask a terminal to call
  pushcai lab ppg --listen 127.0.0.1:5035 --pap 127.0.0.1:8080      push initiators POST to /pap
  pushcai lab ppg --connect 127.0.0.1:4035 --misbehave two-lengths
  pushcai lab ppg --connect 127.0.0.1:4035 --misbehave list         every kind there is"
)]
pub(crate) struct LabPpg {
    /// The gateway's identity
    #[arg(
        long = "id",
        value_name = "PROXY-ID",
        default_value = "ppg.example.net"
    )]
    pub(crate) ppg_id: String,
    /// The terminal to dial
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) connect: Option<SocketAddr>,
    /// Establish TLS there, as the server
    #[arg(long, requires = "connect")]
    pub(crate) tls: bool,
    /// The address to dial from
    #[arg(long, value_name = "ADDR")]
    pub(crate) source: Option<IpAddr>,
    /// Where terminals may call; port 0 is any
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Vec<SocketAddr>,
    /// Where terminals may call with TLS
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) tls_listen: Vec<SocketAddr>,
    /// The file with the private key of the gateway's own authority; made where it is missing, else another one at each start
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_key: Option<PathBuf>,
    /// Write the certificate of that authority here, for terminals that shall trust it
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_out: Option<PathBuf>,
    /// Where push initiators may POST messages of the Push Access Protocol, to the path /pap
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) pap: Option<SocketAddr>,
    /// Where to send a session initiation request that names the first address of --listen
    #[arg(long, value_name = "ADDR:PORT", requires = "listen")]
    pub(crate) sir: Option<SocketAddr>,
    /// The file with the gateway's password towards terminals
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Show that password without being asked
    #[arg(long, requires = "password_file")]
    pub(crate) unasked: bool,
    /// How terminals have to prove who they are
    #[arg(long, value_enum, default_value_t = TerminalProof::None, requires_if("basic", "terminal_password_file"), requires_if("digest", "terminal_password_file"))]
    pub(crate) authenticate: TerminalProof,
    /// The file with the password that terminals must know
    #[arg(long, value_name = "FILE")]
    pub(crate) terminal_password_file: Option<PathBuf>,
    /// Do not ask for registration
    #[arg(long)]
    pub(crate) no_register: bool,
    /// The provisioning context to name
    #[arg(long, value_name = "URL")]
    pub(crate) prov_url: Option<String>,
    /// The terminal to push to, as it registers: waits until it has called
    #[arg(long, value_name = "TERMINAL-ID")]
    pub(crate) to: Option<String>,
    /// The application to push to: an OMNA number, or a URI
    #[arg(long, value_name = "ID")]
    pub(crate) application: Option<String>,
    /// The content type
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "sample")]
    pub(crate) content_type: Option<String>,
    #[command(flatten)]
    pub(crate) content: LabContent,
    /// A push header; may be given several times
    #[arg(long, value_name = "NAME: VALUE", value_parser = pair(':'))]
    pub(crate) header: Vec<(String, String)>,
    /// A token of X-Wap-Push-Info: authenticated, trusted, last, response
    #[arg(long, value_name = "TOKEN")]
    pub(crate) info: Vec<String>,
    /// How many pushes
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) count: u32,
    /// Do this wrong, towards the terminal dialled or the next one that calls; `list` shows every kind
    #[arg(long, value_name = "KIND")]
    pub(crate) misbehave: Option<String>,
    /// How many connections or pushes a storm or flood has
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) extent: usize,
    /// What chance begins with: the same seed sends the same octets
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many seconds to wait for a terminal at most
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) patience: u64,
}

/// How a terminal has to prove who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TerminalProof {
    /// It is believed
    None,
    /// By its password
    Basic,
    /// By a digest of its password
    Digest,
}

/// Send connectionless pushes over UDP, well-formed or spoilt
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("content").args(["sample", "body", "body_file", "body_hex", "datagram"])),
    after_long_help = "\
Examples:
  pushcai lab push --id 4 --sample mms                              to 127.0.0.1:2948
  pushcai lab push 127.0.0.2:2948 --type text/plain --body hello
  pushcai lab push --id x-example.net:meter --type application/json --body '{}'
  pushcai lab push --body hello --header 'Push-Flag: 4' --parameter name=note
  pushcai lab push --sample si --count 2 --same-tid                 the second one is a duplicate
  pushcai lab push --sample si --truncate 4                         malformed
  pushcai lab push --sample mms --print                             the octets, without sending them"
)]
pub(crate) struct LabPush {
    /// Where to
    #[arg(default_value = "127.0.0.1:2948", value_name = "ADDR:PORT")]
    pub(crate) destination: SocketAddr,
    /// The application: a number is sent as a number, all else as text; without it none is named
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// The content type, with its parameters
    #[arg(long = "type", value_name = "TYPE", conflicts_with_all = ["sample", "datagram"])]
    pub(crate) content_type: Option<String>,
    #[command(flatten)]
    pub(crate) content: LabContent,
    /// The whole datagram in hexadecimal
    #[arg(long, value_name = "HEX", conflicts_with_all = ["id", "header", "parameter", "tid", "same_tid"])]
    pub(crate) datagram: Option<String>,
    /// A header; may be given several times
    #[arg(long, value_name = "NAME: VALUE", value_parser = pair(':'))]
    pub(crate) header: Vec<(String, String)>,
    /// A parameter of the content type; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair('='))]
    pub(crate) parameter: Vec<(String, String)>,
    /// The transaction identifier of the first push; it grows with each
    #[arg(long, value_name = "0-255", default_value_t = 0)]
    pub(crate) tid: u8,
    /// Keep the transaction identifier
    #[arg(long)]
    pub(crate) same_tid: bool,
    /// Where from; port 0 is any
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) source: Option<SocketAddr>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) count: u64,
    /// How many a second at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: Option<u32>,
    /// Print the octets in hexadecimal, and send nothing
    #[arg(long)]
    pub(crate) print: bool,
    #[command(flatten)]
    pub(crate) misbehaviour: Misbehaviour,
}

/// Be a push server that speaks OTA-WSP over sessions, well-behaved or not
///
/// Waits for terminals to open sessions, asks one to do so where --sia says (WAP-235 section 8), and pushes in the first session
/// where a content is given: confirmed, so that the terminal acknowledges it or says why not. Every step is a line. Without a
/// content it goes on until Ctrl-C.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("session-content").args(["sample", "body", "body_file", "body_hex"])),
    after_long_help = "\
Examples:
  pushcai lab session --sia 127.0.0.1:2948                          ask a terminal to open a session, and show what it asks for
  pushcai lab session --sia 127.0.0.1:2948 --application 4 --sample mms
  pushcai lab session --application 4 --body hello --unconfirmed    to the first terminal that calls
  pushcai lab session --sia 127.0.0.1:2948 --kannel --tid-zero --early --grant 0 --body hello    as Kannel does
  pushcai lab session --body-file big.bin --segment 1000            in packets of 1000 octets
  pushcai lab session --redirect 127.0.0.2:50000                    send terminals elsewhere
  pushcai lab session --sample si --lose 3 --retry 500              every third datagram is lost; again after half a second
  pushcai lab session --sia 127.0.0.1:2948 --misbehave flood-pushes
  pushcai lab session --misbehave list                              every kind there is"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct LabSession {
    /// Where terminals open sessions; port 0 is any
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9201")]
    pub(crate) listen: SocketAddr,
    /// Where to send a session initiation request
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) sia: Option<SocketAddr>,
    /// The version of that request
    #[arg(long, value_name = "0-255", default_value_t = 0, requires = "sia")]
    pub(crate) sia_version: u8,
    /// Write that request as Kannel does: all of it as text
    #[arg(long, requires = "sia", conflicts_with = "sia_version")]
    pub(crate) kannel: bool,
    /// The contact point in that request, instead of --listen
    #[arg(long, value_name = "ADDR:PORT", requires = "sia")]
    pub(crate) contact: Option<SocketAddr>,
    /// The application to ask for and to push to: an OMNA number, or a URI
    #[arg(long, value_name = "ID")]
    pub(crate) application: Option<String>,
    /// The content type
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "sample")]
    pub(crate) content_type: Option<String>,
    #[command(flatten)]
    pub(crate) content: LabContent,
    /// A push header; may be given several times
    #[arg(long, value_name = "NAME: VALUE", value_parser = pair(':'))]
    pub(crate) header: Vec<(String, String)>,
    /// How many pushes
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) count: u32,
    /// Push without asking for an acknowledgement
    #[arg(long)]
    pub(crate) unconfirmed: bool,
    /// Leave the session open at the end
    #[arg(long)]
    pub(crate) leave: bool,
    /// How many octets go into one packet; what is longer is segmented
    #[arg(long, value_name = "OCTETS", default_value_t = 1400, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) segment: u16,
    /// How many milliseconds to wait before what is not answered is sent again
    #[arg(long, value_name = "MS", default_value_t = 3000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) retry: u64,
    /// How many seconds to wait for a session at most
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) patience: u64,
    /// Show every datagram in hexadecimal
    #[arg(long)]
    pub(crate) trace: bool,
    #[command(flatten)]
    pub(crate) oddities: Oddities,
}

/// What a session server shall do otherwise than it should.
#[derive(Debug, Args)]
#[command(next_help_heading = "Misbehaviour")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct Oddities {
    /// Grant these protocol options, whatever is asked for: 0xc0 is both kinds of push
    #[arg(long, value_name = "OCTET", value_parser = octet)]
    pub(crate) grant: Option<u8>,
    /// Answer with a redirect to there
    #[arg(long, value_name = "ADDR:PORT", conflicts_with_all = ["grant", "refuse"])]
    pub(crate) redirect: Option<SocketAddr>,
    /// Answer with this status instead of a session: 0x43 is forbidden, 0x63 not available
    #[arg(long, value_name = "OCTET", conflicts_with = "grant", value_parser = octet)]
    pub(crate) refuse: Option<u8>,
    /// Do not answer at all
    #[arg(long, conflicts_with_all = ["grant", "refuse", "redirect"])]
    pub(crate) silent: bool,
    /// Push with the transaction identifier 0 always, declared new each time
    #[arg(long)]
    pub(crate) tid_zero: bool,
    /// Push before the terminal has acknowledged that the session stands
    #[arg(long)]
    pub(crate) early: bool,
    /// Ask terminals to verify their transaction identifiers
    #[arg(long)]
    pub(crate) verify: bool,
    /// Lose every Nth datagram in either direction
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) lose: u32,
    /// Send every Nth datagram twice
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) repeat: u32,
    /// Send every Nth datagram behind the next one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) reorder: u32,
    /// Do this wrong in the first session; `list` shows every kind
    #[arg(long, value_name = "KIND")]
    pub(crate) misbehave: Option<String>,
    /// How many datagrams a flood has, and how many times 1024 octets what is oversized
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) extent: usize,
    /// What chance begins with: the same seed sends the same octets
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Print a push as short messages: SMS-DELIVER TPDUs in hexadecimal, one a line
///
/// They are what a modem hands over. `pushcai submit` takes them, and so does `pushcai decode --kind sms-tpdu`.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("sms-content").args(["sample", "body", "body_file", "body_hex", "datagram"])),
    after_long_help = "\
Examples:
  pushcai lab sms --id 4 --sample mms
  pushcai lab sms --id 4 --sample mms --segment-size 60 --order backward      several segments, the last one first
  pushcai lab sms --body-file page.wml --type text/vnd.wap.wml --wide --order shuffled --seed 7
  pushcai lab sms --sample si --sender Example --smsc +4917000000
  pushcai lab sms --sample si --segment-size 60 --lose 2                      the second segment never comes
  pushcai decode --kind sms-tpdu \"$(pushcai lab sms --sample si --segment-size 60 | tr '\\n' ' ')\"
  pushcai lab sms --id 4 --sample mms --segment-size 60 | pushcai submit --kind tpdu"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct LabSms {
    /// The application: a number is sent as a number, all else as text; without it none is named
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// The content type, with its parameters
    #[arg(long = "type", value_name = "TYPE", conflicts_with_all = ["sample", "datagram"])]
    pub(crate) content_type: Option<String>,
    #[command(flatten)]
    pub(crate) content: LabContent,
    /// What a push server would send over UDP, in hexadecimal
    #[arg(long, value_name = "HEX", conflicts_with_all = ["id", "header", "parameter", "tid"])]
    pub(crate) datagram: Option<String>,
    /// A header; may be given several times
    #[arg(long, value_name = "NAME: VALUE", value_parser = pair(':'))]
    pub(crate) header: Vec<(String, String)>,
    /// A parameter of the content type; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair('='))]
    pub(crate) parameter: Vec<(String, String)>,
    /// The transaction identifier of the push
    #[arg(long, value_name = "0-255", default_value_t = 0)]
    pub(crate) tid: u8,
    /// The originator: digits, with a plus sign for an international number; else up to 11 letters and digits
    #[arg(long, value_name = "ADDRESS", default_value = "+4917099999")]
    pub(crate) sender: String,
    /// The number of the service centre, which is put in front of each TPDU
    #[arg(long, value_name = "NUMBER")]
    pub(crate) smsc: Option<String>,
    /// The destination's and the origin's port
    #[arg(long, value_name = "DESTINATION:ORIGIN", default_value = "2948:9200", value_parser = ports)]
    pub(crate) ports: (u16, u16),
    /// Name no ports
    #[arg(long, conflicts_with_all = ["ports", "short_ports"])]
    pub(crate) no_ports: bool,
    /// Write ports with 8 bits
    #[arg(long)]
    pub(crate) short_ports: bool,
    /// The number that the segments share
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) reference: u16,
    /// Write that number with 16 bits
    #[arg(long)]
    pub(crate) wide: bool,
    /// Put the concatenation in front of the ports
    #[arg(long)]
    pub(crate) concatenation_first: bool,
    /// How many octets of user data a segment has at most, its header included
    #[arg(long, value_name = "OCTETS", default_value_t = 140, value_parser = clap::value_parser!(u8).range(20..=140))]
    pub(crate) segment_size: u8,
    /// The data coding scheme: 4 is 8-bit data
    #[arg(long, value_name = "OCTET", default_value = "4", value_parser = octet)]
    pub(crate) dcs: u8,
    /// The order of the segments
    #[arg(long, value_enum, default_value_t = SegmentOrder::Forward)]
    pub(crate) order: SegmentOrder,
    /// What chance begins with
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Print the Nth segment twice; may be given several times
    #[arg(long, value_name = "N")]
    pub(crate) repeat: Vec<u8>,
    /// Leave the Nth segment out; may be given several times
    #[arg(long, value_name = "N")]
    pub(crate) lose: Vec<u8>,
}

/// In which order segments come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SegmentOrder {
    /// As they were made
    Forward,
    /// The last one first
    Backward,
    /// Any, from the seed
    Shuffled,
}

/// The content of a push.
#[derive(Debug, Args)]
pub(crate) struct LabContent {
    /// A content of the lab's own, with its content type
    #[arg(long, value_enum)]
    pub(crate) sample: Option<Sample>,
    /// The content as text
    #[arg(long, value_name = "TEXT")]
    pub(crate) body: Option<String>,
    /// The content from a file
    #[arg(long, value_name = "FILE")]
    pub(crate) body_file: Option<PathBuf>,
    /// The content in hexadecimal
    #[arg(long, value_name = "HEX")]
    pub(crate) body_hex: Option<String>,
}

impl LabContent {
    /// Whether any content is given.
    pub(crate) const fn is_given(&self) -> bool {
        self.sample.is_some()
            || self.body.is_some()
            || self.body_file.is_some()
            || self.body_hex.is_some()
    }
}

/// What the push server shall do wrong.
#[derive(Debug, Args)]
#[command(next_help_heading = "Misbehaviour")]
pub(crate) struct Misbehaviour {
    /// Send a confirmed push, which no terminal can answer without a session
    #[arg(long)]
    pub(crate) confirmed: bool,
    /// Send another type of PDU
    #[arg(long, value_name = "0-255", conflicts_with = "confirmed")]
    pub(crate) pdu_type: Option<u8>,
    /// State this length of the headers instead of the true one
    #[arg(long, value_name = "N")]
    pub(crate) headers_length: Option<u32>,
    /// Octets to put behind the headers, in hexadecimal
    #[arg(long, value_name = "HEX")]
    pub(crate) raw_headers: Option<String>,
    /// Send only the first N octets
    #[arg(long, value_name = "N")]
    pub(crate) truncate: Option<usize>,
    /// Overwrite N octets
    #[arg(long, value_name = "N")]
    pub(crate) mutate: Option<usize>,
    /// Send random octets instead, as many
    #[arg(long)]
    pub(crate) noise: bool,
    /// What chance begins with: the same seed sends the same octets
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// A content of the lab's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sample {
    /// A Service Indication in WBXML
    Si,
    /// A Service Loading in WBXML
    Sl,
    /// An MMS notification
    Mms,
    /// A provisioning document in WBXML
    Provisioning,
    /// A line of text
    Text,
    /// Another one for each push, from the seed
    Varied,
}

/// Parses two texts with a separator between them.
pub(super) fn pair(separator: char) -> impl Fn(&str) -> Result<(String, String), String> + Clone {
    move |text| {
        let (name, value) = text
            .split_once(separator)
            .ok_or_else(|| format!("give name and value with `{separator}` between them"))?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    }
}

/// Parses an octet, decimal or hexadecimal behind `0x`.
fn octet(text: &str) -> Result<u8, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "give a number from 0 to 255, or 0x00 to 0xff".to_owned())
}

/// Parses two ports with a colon between them.
fn ports(text: &str) -> Result<(u16, u16), String> {
    let parsed = text
        .split_once(':')
        .and_then(|(destination, origin)| Some((destination.parse().ok()?, origin.parse().ok()?)));
    parsed.ok_or_else(|| "give two ports with a colon between them, such as 2948:9200".to_owned())
}
