//! The command line, as data: parser, help, man pages and completions come from here.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, Parser, Subcommand, ValueEnum};
use push_api::ConnectionProfile;

use crate::{exit, profile};

mod lab;
mod submit;
mod watch;

pub(crate) use lab::{
    ChunkWay, Lab, LabContent, LabPpg, LabPush, LabSession, LabSip, LabSms, Opening, Sample,
    SegmentOrder, TerminalProof,
};
pub(crate) use submit::Submit;
pub(crate) use watch::{Color, Dead, DeadAction, Letters, Watch};

const CONNECTION: &str = "Connection";

/// Register applications for WAP push, and read what was pushed to them
///
/// pushcai talks to pushcaid, the Push Client daemon: it registers applications with it, shows and acknowledges the
/// push events that arrived for them, and explains why others did not. Data is written to the standard output, all
/// talk to the standard error; with --json the data is JSON, one value a line.
#[derive(Debug, Parser)]
#[command(
    name = "pushcai",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_long_help = after_help(),
    after_help = "Try `pushcai demo` to see all of it at work. `pushcai COMMAND --help` shows examples.",
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// Write results as JSON, one value a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How to reach the daemon.
#[derive(Debug, Clone, Args)]
pub(crate) struct Connection {
    /// The daemon's socket
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "PUSHCAI_SOCKET",
        hide_env_values = true,
        default_value = "/run/pushcai/api.sock",
        help_heading = CONNECTION
    )]
    pub(crate) socket: PathBuf,
    /// The daemon's address, instead of its socket
    #[arg(long, global = true, value_name = "HOST:PORT", help_heading = CONNECTION)]
    pub(crate) tcp: Option<String>,
    /// The file with the token that the daemon asks for over TCP
    #[arg(long, global = true, value_name = "FILE", help_heading = CONNECTION)]
    pub(crate) token_file: Option<PathBuf>,
}

fn after_help() -> String {
    let examples = "\
Examples:
  pushcai demo                                    the whole road on this machine, no daemon needed
  pushcai register 4 --accept '*/*'               register for MMS notifications
  pushcai events --follow --ack                   print events as they come, and acknowledge them
  pushcai explain                                 why other pushes reached nobody
  pushcai deregister 4

";
    format!("{examples}{}", exit::help())
}

impl Arguments {
    /// Checks what the parser cannot know: which of two roads was really asked for.
    pub(crate) fn checked(self, matches: &ArgMatches) -> Result<Self, clap::Error> {
        let socket_given = given(matches, "socket");
        let conflict = match (&self.connection.tcp, &self.connection.token_file) {
            (Some(_), _) if socket_given => {
                "--socket and --tcp are two roads to the daemon: give one of them"
            }
            (Some(_), None) => {
                "--tcp needs --token-file FILE: over TCP the daemon asks for a token"
            }
            (None, Some(_)) => {
                "--token-file goes with --tcp HOST:PORT: over its socket the daemon knows who calls"
            }
            (Some(_) | None, Some(_) | None) => return Ok(self),
        };
        Err(Self::command().error(ErrorKind::ArgumentConflict, conflict))
    }
}

/// Whether an option stands on the command line, at any level of it.
fn given(matches: &ArgMatches, id: &str) -> bool {
    let here = matches.try_contains_id(id).is_ok()
        && matches.value_source(id) == Some(ValueSource::CommandLine);
    here || matches
        .subcommand()
        .is_some_and(|(_, matches)| given(matches, id))
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Register(Register),
    Deregister(Deregister),
    /// List the registered applications
    ///
    /// An administrator sees those of every owner.
    #[command(visible_alias = "registrations")]
    Apps,
    Events(Events),
    Ack(Ack),
    Dead(Dead),
    Watch(Watch),
    /// Show the state of the daemon
    Status,
    /// List the Push Servers that the daemon registers with
    Servers,
    Explain(Explain),
    Submit(Submit),
    /// Show the daemon's counters in the text format of Prometheus
    Metrics,
    Decode(Decode),
    #[command(subcommand)]
    Relay(Relay),
    SessionHelper(SessionHelper),
    #[command(subcommand)]
    Lab(Lab),
    /// Show the whole road on this machine: no daemon, no server and no privileges needed
    ///
    /// Starts a Push Client in a temporary directory, registers two applications with it, pushes to both and to nobody
    /// from a push server of the lab, shows what arrived and why the rest did not, acknowledges, deregisters, and
    /// cleans up.
    #[command(after_long_help = "Examples:\n  pushcai demo\n  pushcai demo --json")]
    Demo,
    /// Write a completion script for a shell
    #[command(
        after_long_help = "Examples:\n  pushcai completions bash > ~/.local/share/bash-completion/completions/pushcai"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual page, or all of them into a directory
    #[command(
        after_long_help = "Examples:\n  pushcai man | man -l -\n  pushcai man /usr/local/share/man/man1"
    )]
    Man {
        /// The directory; without it the page of pushcai itself goes to the standard output
        directory: Option<PathBuf>,
    },
}

/// Let applications on this session's message bus be event handlers
///
/// The daemon is not on the message buses of users. This connects to it as its user and to the bus of the user's session, says which
/// applications are there (`dbus:NAME` as event handler), starts those that are closed when events wait for them, and hands the
/// events over. An event is accepted once its application has said so. Runs until Ctrl-C, or until another takes its place; while
/// it does not run, events wait in the daemon.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  pushcai session-helper                                     in the session
  systemctl --user enable --now pushcai-session-helper       the same, as a service
  pushcai session-helper --bus unix:path=/run/user/1000/bus

docs/dbus.md shows an application.")]
pub(crate) struct SessionHelper {
    /// The address of the bus; without it the session bus
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) bus: Option<String>,
}

/// Hand events to programs that were made for other push clients
#[derive(Debug, Subcommand)]
pub(crate) enum Relay {
    Mmsd(RelayMmsd),
}

/// Hand MMS notifications to mmsd-tng, which fetches the messages
///
/// Registers for x-wap-application:mms.ua, and hands each notification to mmsd-tng on the session bus. An event is
/// accepted once mmsd-tng has taken it. While mmsd-tng is not there, notifications wait in the daemon. Runs until Ctrl-C; the
/// registration stays, so that nothing is lost in between.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  pushcai relay mmsd                                     as the user whose session mmsd-tng runs in
  systemctl --user enable --now pushcai-relay-mmsd       the same, as a service
  pushcai relay mmsd --bus unix:path=/run/user/1000/bus
  pushcai deregister 4 --application-id urn:x-pushcai:relay:mmsd     no more of it

mmsd-tng must not read short messages itself, because it deletes every push: set AutoProcessSMSWAP=false in
~/.mms/modemmanager/mms. docs/mms.md has the whole of it.")]
pub(crate) struct RelayMmsd {
    /// The address of the bus that mmsd-tng is on; without it the session bus
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) bus: Option<String>,
    /// The Push Application ID to register for
    #[arg(long, value_name = "ID", default_value = "x-wap-application:mms.ua")]
    pub(crate) id: String,
    /// The name to register by
    #[arg(long, value_name = "URI", default_value = "urn:x-pushcai:relay:mmsd")]
    pub(crate) application_id: String,
}

/// Register an application (Push-CAI 5.1)
///
/// Registering again from the same application replaces its registration.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  pushcai register 4                                         MMS notifications, by OMNA number
  pushcai register x-wap-application:mms.ua                  the same application, by URI
  pushcai register x-example.net:meter --accept 'application/json, text/*'
  pushcai register 2 --whitelist 192.0.2.7,ppg.example.net   only from these Push Servers
  pushcai register 2 --profile OTA-WSP/IP:2948
  pushcai register 2 --profile OTA-WSP/IP:5000               on a port of its own
  pushcai register 2 --profile OTA-WSP:9201                  on push sessions, which it asks for

Event handlers take the events of an application that has no connection of its own:
  --handler exec:NAME                     a command that the administrator defines
  --handler systemd:UNIT@                 a unit of systemd, one instance an event
  --handler unix:/run/app.sock            a service on a Unix socket, by HTTP
  --handler https://app.example.net/push  a webhook; its secret is shown once, in the answer
  --handler dbus:org.example.App          a name on the message bus, which is started where it is not running
Which of them are served is a setting of the daemon.")]
pub(crate) struct Register {
    /// The Push Application ID: a URI, or an OMNA number in decimal or after 0x
    pub(crate) id: String,
    /// The application's own name, a URI by preference
    #[arg(long, value_name = "URI")]
    pub(crate) application_id: Option<String>,
    /// The content types wanted, as in HTTP; without it all
    #[arg(long, value_name = "TYPES")]
    pub(crate) accept: Option<String>,
    /// Push Servers to take pushes from, beside the default whitelist
    #[arg(long, value_name = "ADDR,...", value_delimiter = ',')]
    pub(crate) whitelist: Vec<String>,
    /// How pushes shall travel; may be given several times
    #[arg(long = "profile", value_name = "PROTOCOL[/BEARER][:PORT]", value_parser = profile::parse)]
    pub(crate) profiles: Vec<ConnectionProfile>,
    /// Where events go; without it to the application's own connection
    #[arg(long, value_name = "URI")]
    pub(crate) handler: Option<String>,
    /// For this long, equal content from any server is one push
    #[arg(long, value_name = "SECONDS")]
    pub(crate) suppress_equal_content: Option<u32>,
}

/// Deregister an application (Push-CAI 5.2)
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  pushcai deregister 4\n  pushcai deregister x-example.net:meter --force\n  pushcai deregister 4 --owner uid:1000"
)]
pub(crate) struct Deregister {
    /// The Push Application ID, in any of its spellings
    pub(crate) id: String,
    /// The application's own name, if it registered with one
    #[arg(long, value_name = "URI")]
    pub(crate) application_id: Option<String>,
    /// Whose it is, as `pushcai apps` shows it, if not yours: for administrators, and its application hears that it is revoked
    #[arg(long, value_name = "OWNER")]
    pub(crate) owner: Option<String>,
    /// Remove it even if a Push Server cannot be told
    #[arg(long)]
    pub(crate) force: bool,
}

/// Show the push events that wait, or follow them as they come
///
/// An event stays until it is acknowledged: without --ack it is delivered again later.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  pushcai events                              what waits at present
  pushcai events --wait 30 --fetch 1 --ack    the next event, if one comes within 30 seconds
  pushcai events --follow --ack --json        all events, for as long as it runs
  pushcai events --follow --id 4 --decode     only those to id 4, with headers and content

With --follow, a lost connection is opened again with pauses of 0.1 to 5 seconds; Ctrl-C ends it.")]
pub(crate) struct Events {
    /// Go on with events as they come
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Acknowledge each event as accepted once it is written
    #[arg(long)]
    pub(crate) ack: bool,
    /// Only events to this Push Application ID
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Only events of the application with this name
    #[arg(long, value_name = "URI")]
    pub(crate) application_id: Option<String>,
    /// How many events to take at most
    #[arg(long, value_name = "N", default_value_t = 100, conflicts_with = "follow", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) fetch: u32,
    /// How many seconds to wait for the first event
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        conflicts_with = "follow"
    )]
    pub(crate) wait: u32,
    /// With --follow: end after this many events
    #[arg(long, value_name = "N", requires = "follow", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Show headers and content as well
    #[arg(long)]
    pub(crate) decode: bool,
}

/// Acknowledge one event
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  pushcai ack 0000000000000007\n  pushcai ack 0000000000000007 later"
)]
pub(crate) struct Ack {
    /// The event's id
    pub(crate) event: String,
    /// What became of it
    #[arg(value_enum, default_value_t = Outcome::Accepted)]
    pub(crate) outcome: Outcome,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Outcome {
    /// It is done with
    Accepted,
    /// Deliver it again after a while
    Later,
    /// It cannot be used; keep it as a dead letter
    Rejected,
}

impl From<Outcome> for push_api::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Accepted => Self::Accepted,
            Outcome::Later => Self::Later,
            Outcome::Rejected => Self::Rejected,
        }
    }
}

/// Show how pushes were judged, or how one would be
///
/// Without a description of a push, the last pushes are shown that reached nobody.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  pushcai explain
  pushcai explain --id 4 --content-type application/vnd.wap.mms-message --server 192.0.2.7
  pushcai explain --id 4 --protocol OTA-HTTP
  pushcai explain --id x-wap-application:ulp.ua --protocol OTA-SIP --server sip:psa@ims.example.net
  pushcai explain --instance urn:example:app1 --content-type text/plain        over OTA-SIP
  pushcai explain --id 4 --bearer GSM-SMS --server +491710760000 --originator +4917099999
  pushcai explain --event 0000000000000007     where an event stands, and what its handler made of it")]
pub(crate) struct Explain {
    /// The event to tell of, instead of a push
    #[arg(long, value_name = "EVENT", conflicts_with_all = ["id", "content_type", "server", "bearer", "originator", "port", "protocol", "instance"])]
    pub(crate) event: Option<String>,
    /// The Push Application ID that the push would name
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Its content type
    #[arg(long, value_name = "TYPE")]
    pub(crate) content_type: Option<String>,
    /// The address of its server; of a short message, the SMS centre; over OTA-SIP, the SIP URI that the core asserts
    #[arg(long, value_name = "ADDR")]
    pub(crate) server: Option<String>,
    /// The bearer that it would come by: IP unless given, or GSM-SMS
    #[arg(long)]
    pub(crate) bearer: Option<String>,
    /// Who would send it, where it is a short message
    #[arg(long, value_name = "NUMBER")]
    pub(crate) originator: Option<String>,
    /// The port that it would come to
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// The protocol that it would come by: OTA-WSP unless given, OTA-HTTP, or OTA-SIP
    #[arg(long)]
    pub(crate) protocol: Option<String>,
    /// The application instance (IARI) that it would name, over OTA-SIP
    #[arg(long, value_name = "URI")]
    pub(crate) instance: Option<String>,
}

/// Decode octets in hexadecimal into JSON, one value a line
///
/// Each argument, or each line of the standard input, is one item; spaces, colons and 0x are skipped. Every item is
/// answered with one line: an object with "ok":true and what was decoded, or with "ok":false and an "error" of "code",
/// "offset" and "message". The exit code is 4 if any could not be decoded.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  pushcai decode --kind wsp-push 000603adaf8478
  pushcai decode --kind content-type 'be' '03 ae 81 ea'
  pushcai decode --kind sia '01 02b284 00 07 440fc3c0000207'
  pushcai decode --kind sms-tpdu SEGMENT SEGMENT SEGMENT     of one message, in any order
  pushcai decode --kind wsp-headers < captures.txt")]
pub(crate) struct Decode {
    /// What the octets are
    #[arg(long, value_enum)]
    pub(crate) kind: Kind,
    /// Items in hexadecimal; without any they are read from the standard input
    pub(crate) items: Vec<String>,
}

/// A kind of octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A connectionless push: transaction identifier, PDU type, headers, body
    WspPush,
    /// WSP headers, without a content type in front
    WspHeaders,
    /// The value of a WSP content type
    ContentType,
    /// A WTP datagram: one PDU or several, with the WSP PDUs in them
    Wtp,
    /// SMS-DELIVER TPDUs: all arguments, or all words of a line, are the segments of one message in any order
    SmsTpdu,
    /// An SMS user data header, from its length on
    SmsUdh,
    /// A session initiation request, the content of application/vnd.wap.sia
    Sia,
    /// A WBXML document: SI, SL, CO, e-mail notification, provisioning, or any other
    Wbxml,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_and_option_is_documented() {
        let documentation = include_str!("../../../docs/cli.md");
        let mut commands = vec![Arguments::command()];
        while let Some(command) = commands.pop() {
            let name = command.get_name();
            assert!(documentation.contains(name), "{name}");
            for option in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(
                    documentation.contains(&format!("--{option}")),
                    "{name} --{option}"
                );
            }
            commands.extend(command.get_subcommands().cloned());
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }
}
