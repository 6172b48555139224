//! The arguments of `lab sip`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use super::{LabContent, pair};

/// Be a SIP core with a push server that speaks OTA-SIP, well-behaved or not
///
/// The core is registrar and proxy: terminals register with it, and pushes go to those whose feature tags fit. The push server
/// behind it is told by OPTIONS what terminals take. Where a content is given, it waits for a terminal that has registered the
/// application and is done with that, and pushes: by MESSAGE, or by INVITE and MSRP where the content is long; again, where the
/// terminal says that it is too early (480 with Retry-After). Every step is a line. Without a content it goes on until Ctrl-C.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("sip-content").args(["sample", "body", "body_file", "body_hex"])),
    after_long_help = "\
Examples:
  pushcai lab sip                                                   a core on 127.0.0.1:5060; show who registers what
  pushcai lab sip --application x-wap-application:mms.ua --sample mms
  pushcai lab sip --application x-wap-application:mms.ua --instance urn:urn-7:example.app2 --body hello
  pushcai lab sip --application x-example.net:news --body-file big.bin --success-report      by INVITE and MSRP, as it is long
  pushcai lab sip --body hello --session --setup passive --chunk 2  by MSRP nevertheless, in small chunks
  pushcai lab sip --tls-listen 127.0.0.1:5061 --ca-key key.pem --ca-out ca.pem
  pushcai lab sip --sha256 --challenge-requests --nonce-uses 3 --shortest 60    a core that asks for more
  pushcai lab sip --serve mms.ua                                    the push server serves nothing else
  pushcai lab sip --core 192.0.2.9:5060 --server-listen 192.0.2.7:5090 --to sip:alice@ims.example.net --body hello
  pushcai lab sip --lose 3 --retry 200 --sample si                  every third datagram is lost
  pushcai lab sip --spoil REGISTER=wrong-cseq                       spoilt answers; --spoil list shows every kind
  pushcai lab sip --misbehave flood-invites                         towards the first terminal; list shows every kind"
)]
pub(crate) struct LabSip {
    /// The domain that the core serves
    #[arg(long, value_name = "DOMAIN", default_value = "lab.example")]
    pub(crate) domain: String,
    /// Where the core is reached over UDP and TCP; port 0 is any
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:5060")]
    pub(crate) listen: SocketAddr,
    /// Where the core is reached over TLS
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) tls_listen: Option<SocketAddr>,
    /// The file with the private key of the core's own authority; made where it is missing, else another one at each start
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_key: Option<PathBuf>,
    /// Write the certificate of that authority here, for terminals that shall trust it
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_out: Option<PathBuf>,
    /// The password of every user
    #[arg(long, value_name = "PASSWORD", default_value = "secret")]
    pub(crate) password: String,
    /// Be no core, but a push server behind this one
    #[arg(long, value_name = "ADDR:PORT", conflicts_with_all = ["listen", "tls_listen", "misbehave"], requires = "to")]
    pub(crate) core: Option<SocketAddr>,
    /// Where the push server is reached; port 0 is any
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    pub(crate) server_listen: SocketAddr,
    /// The push server's SIP URI; else sip:push@DOMAIN
    #[arg(long, value_name = "URI")]
    pub(crate) server: Option<String>,
    /// The user to push to, as a SIP URI; else the first one that has registered the application
    #[arg(long, value_name = "URI")]
    pub(crate) to: Option<String>,
    /// The application to push to, as its Push Application ID; may be given several times
    #[arg(long, value_name = "ID")]
    pub(crate) application: Vec<String>,
    /// The application instance (IARI) to push to; may be given several times
    #[arg(long, value_name = "URN")]
    pub(crate) instance: Vec<String>,
    /// The content type
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "sample")]
    pub(crate) content_type: Option<String>,
    #[command(flatten)]
    pub(crate) content: LabContent,
    /// A header of the content; may be given several times
    #[arg(long, value_name = "NAME: VALUE", value_parser = pair(':'))]
    pub(crate) header: Vec<(String, String)>,
    /// How many pushes
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) count: u32,
    /// Ask the terminal by OPTIONS what it takes
    #[arg(long)]
    pub(crate) ask: bool,
    /// How many milliseconds to wait before what is not answered is sent again
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) retry: u64,
    /// How many seconds to wait for a terminal and for answers at most
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) patience: u64,
    /// Show every message
    #[arg(long)]
    pub(crate) trace: bool,
    #[command(flatten)]
    pub(crate) session: SipSession,
    #[command(flatten)]
    pub(crate) oddities: SipOddities,
}

/// How a large push goes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Large pushes")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct SipSession {
    /// Push by INVITE and MSRP, however short the content is
    #[arg(long = "session", conflicts_with = "message")]
    pub(crate) always: bool,
    /// Push by MESSAGE, however long the content is
    #[arg(long)]
    pub(crate) message: bool,
    /// Who opens the connection, as the offer says
    #[arg(long, value_enum, default_value_t = Opening::Actpass)]
    pub(crate) setup: Opening,
    /// Octets of a chunk
    #[arg(long, value_name = "OCTETS", default_value_t = 2048, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) chunk: u32,
    /// The order of the chunks
    #[arg(long, value_enum, default_value_t = ChunkWay::Forward)]
    pub(crate) order: ChunkWay,
    /// Ask the terminal to say that the whole push has come
    #[arg(long)]
    pub(crate) success_report: bool,
    /// How many pushes go in one session
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) messages: u32,
    /// Give the push up after N chunks
    #[arg(long, value_name = "N")]
    pub(crate) interrupt_after: Option<usize>,
    /// Send nothing more after N chunks
    #[arg(long, value_name = "N")]
    pub(crate) silent_after: Option<usize>,
    /// End the session after N chunks
    #[arg(long, value_name = "N")]
    pub(crate) bye_after: Option<usize>,
    /// Close the connection after N chunks
    #[arg(long, value_name = "N")]
    pub(crate) hang_up_after: Option<usize>,
    /// Take the invitation back at once
    #[arg(long)]
    pub(crate) cancel: bool,
}

/// Who opens the connection of a large push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Opening {
    /// Whoever the terminal says
    Actpass,
    /// The push server
    Active,
    /// The terminal
    Passive,
    /// Nothing is said: the push server
    None,
}

/// In which order chunks go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChunkWay {
    /// As they are
    Forward,
    /// The last one first
    Backward,
    /// Any, from the seed
    Shuffled,
}

/// What core and push server shall do otherwise than they should.
#[derive(Debug, Args)]
#[command(next_help_heading = "Demands and misbehaviour")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct SipOddities {
    /// Terminals register without a password
    #[arg(long, conflicts_with_all = ["sha256", "nonce_uses", "never_satisfied"])]
    pub(crate) open: bool,
    /// Passwords are proved by SHA-256
    #[arg(long)]
    pub(crate) sha256: bool,
    /// Requests other than REGISTER need the password as well (407)
    #[arg(long)]
    pub(crate) challenge_requests: bool,
    /// A nonce is good for N requests, and stale then
    #[arg(long, value_name = "N")]
    pub(crate) nonce_uses: Option<u32>,
    /// No proof is ever good enough
    #[arg(long)]
    pub(crate) never_satisfied: bool,
    /// The shortest lifetime of a binding in seconds: less is answered with 423
    #[arg(long, value_name = "SECONDS", default_value_t = 1)]
    pub(crate) shortest: u32,
    /// The longest lifetime of a binding in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub(crate) longest: u32,
    /// Answer REGISTER with this status
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(300..700))]
    pub(crate) refuse: Option<u16>,
    /// Do not say who sent a push (P-Asserted-Identity)
    #[arg(long)]
    pub(crate) anonymous: bool,
    /// Messages longer than this go to terminals over TCP
    #[arg(long, value_name = "OCTETS")]
    pub(crate) tcp_above: Option<usize>,
    /// The push server serves this application alone (as in the feature tag); may be given several times
    #[arg(long, value_name = "ID")]
    pub(crate) serve: Vec<String>,
    /// The push server answers OPTIONS with this status
    #[arg(long, value_name = "STATUS", default_value_t = 200, value_parser = clap::value_parser!(u16).range(200..700))]
    pub(crate) status: u16,
    /// Lose every Nth datagram in either direction
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) lose: u32,
    /// Send every Nth datagram twice
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) repeat: u32,
    /// Spoil the core's answers to this method so; `list` shows every kind
    #[arg(long, value_name = "METHOD=KIND")]
    pub(crate) spoil: Vec<String>,
    /// Do this wrong towards the first terminal; `list` shows every kind
    #[arg(long, value_name = "KIND")]
    pub(crate) misbehave: Option<String>,
    /// How many messages a flood has, and how many times 1024 octets what is oversized
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) extent: usize,
    /// What chance begins with: the same seed sends the same octets
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}
