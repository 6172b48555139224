//! The arguments of `submit`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Hand the daemon a short message that was received elsewhere
///
/// Each word of hexadecimal digits, each file, or each line of the standard input is one short message: a whole push, or a
/// segment of one. Segments may come in any order, at once or one by one; they are kept until their message is whole. The
/// command returns once what became of them is durable: whoever keeps them may then delete them. It is for root, for the
/// daemon's own user, and for those whom the daemon's configuration names as submitters.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  pushcai submit 0791947101670000440a9194710790990000f5...  a TPDU, as AT+CMGR of a modem shows it
  pushcai submit FIRST SECOND THIRD       the segments of one message, in any order
  pushcai submit < tpdus.txt              one TPDU in hexadecimal a line
  pushcai submit --kind user-data --sender +4917099999 0605040b8423f0000603be...
  pushcai submit --kind push --sender +4917099999 --ports 2948:9200 --file push.bin

As RunOnReceive of gammu-smsd, with its files in their standard format (it closes the standard
streams, hands 8-bit messages over without their header, and names the files in the arguments):
  #!/bin/sh
  exec < /dev/null > /dev/null 2>&1
  cd /var/spool/gammu/inbox || exit 1
  case $1 in *.bin) ;; *) exit 0 ;; esac
  for part; do set -- \"$@\" --file \"$part\"; shift; done
  exec pushcai submit --kind push --device gammu --sender \"$SMS_1_NUMBER\" \"$@\"

The exit code is 0 if everything was taken (accepted, held, duplicate, kept, or followed: a session
initiation request, which the daemon follows), 1 if something was refused or is no push, and that of
storeFailed if it is to be submitted again later.")]
pub(crate) struct Submit {
    /// What the octets are
    #[arg(long, value_enum, default_value_t = SubmitKind::Tpdu)]
    pub(crate) kind: SubmitKind,
    /// Octets in hexadecimal; without any, and without --file, they are read from the standard input, one item a line
    #[arg(value_name = "HEX")]
    pub(crate) items: Vec<String>,
    /// A file with the octets as they are; may be given several times
    #[arg(long = "file", value_name = "FILE", conflicts_with = "items")]
    pub(crate) files: Vec<PathBuf>,
    /// Who sent it: a number in E.164 with its +, other digits, or a name
    #[arg(long, value_name = "NUMBER")]
    pub(crate) sender: Option<String>,
    /// The SMS centre, in E.164 with its +
    #[arg(long, value_name = "NUMBER")]
    pub(crate) smsc: Option<String>,
    /// When the SMS centre took it, in seconds since 1970; the same again at the same time is a duplicate
    #[arg(long, value_name = "SECONDS")]
    pub(crate) sent: Option<u64>,
    /// The bearer; GSM-SMS unless given
    #[arg(long)]
    pub(crate) bearer: Option<String>,
    /// With --kind push, the ports of the header that was taken off: the terminal's and the sender's
    #[arg(long, value_name = "DEST[:ORIG]", value_parser = ports)]
    pub(crate) ports: Option<push_api::SubmitPorts>,
    /// A name for where it comes from, shown with the event
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
}

/// What submitted octets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SubmitKind {
    /// SMS-DELIVER TPDUs, with the address of the SMS centre in front or without it
    Tpdu,
    /// User data with its header
    UserData,
    /// The push itself, whose header was taken off; several items are its parts, in order
    Push,
}

impl From<SubmitKind> for push_api::SubmitKind {
    fn from(kind: SubmitKind) -> Self {
        match kind {
            SubmitKind::Tpdu => Self::Tpdu,
            SubmitKind::UserData => Self::UserData,
            SubmitKind::Push => Self::Push,
        }
    }
}

fn ports(text: &str) -> Result<push_api::SubmitPorts, String> {
    let (dest, orig) = text.split_once(':').unwrap_or((text, "0"));
    let port = |text: &str| {
        text.parse()
            .map_err(|_| format!("`{text}` is no port; give DEST or DEST:ORIG, such as 2948:9200"))
    };
    Ok(push_api::SubmitPorts {
        dest: port(dest)?,
        orig: port(orig)?,
    })
}
