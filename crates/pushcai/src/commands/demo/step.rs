//! What the demo tells, step by step.

use push_api::{PushEvent, Refused, RegistrationRequest, Server, ServerAnswer};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{Output, visible};

/// One step.
#[derive(Debug, Serialize)]
#[serde(
    tag = "step",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub(super) enum Step<'a> {
    Started {
        udp: String,
        http: String,
        socket: String,
    },
    Registered {
        #[serde(flatten)]
        request: Box<RegistrationRequest>,
        #[serde(rename = "registrationID")]
        registration_id: String,
        servers: Vec<ServerAnswer>,
    },
    Known {
        server: Box<Server>,
    },
    Pushed {
        what: &'static str,
        server: String,
        octets: usize,
    },
    Posted {
        what: &'static str,
        /// `PO-TCP` or `TO-TCP`: who opened the connection.
        way: &'static str,
        octets: usize,
        status: u16,
        push_status: String,
    },
    Invited {
        contact: String,
        octets: usize,
    },
    Called {
        from: String,
    },
    ShortMessages {
        what: &'static str,
        segments: usize,
        device: &'static str,
    },
    SessionAsked {
        contact: String,
        octets: usize,
    },
    SessionOpened {
        from: String,
        session: u32,
        applications: Vec<String>,
    },
    Confirmed {
        what: &'static str,
        octets: usize,
    },
    /// The registrar's view of the Push Client.
    Bound {
        user: String,
        contact: String,
        applications: Vec<String>,
        seconds: u64,
    },
    Sent {
        what: &'static str,
        /// `MESSAGE`, or `INVITE and MSRP`.
        way: &'static str,
        octets: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        chunks: Option<usize>,
        status: u16,
    },
    /// An application has left the registrar's view.
    Unbound {
        application: String,
    },
    Event {
        event: &'a PushEvent,
    },
    Refused {
        #[serde(flatten)]
        refused: Refused,
    },
    Duplicates {
        count: u64,
    },
    Acknowledged {
        ids: Vec<String>,
    },
    Deregistered {
        #[serde(rename = "pushApplicationID")]
        push_application_id: String,
    },
    Ended,
}

impl Step<'_> {
    /// Writes it, and hands it to the system: who watches shall see it at once.
    pub(super) fn show(&self, output: &mut Output) -> Result<(), Failure> {
        if output.is_json() {
            output.json(self)?;
        } else {
            output.line(&visible(&self.to_string()))?;
        }
        output.flush()
    }
}

impl std::fmt::Display for Step<'_> {
    #[expect(clippy::too_many_lines, reason = "it is a sentence for each step")]
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Started { udp, http, socket } => {
                write!(
                    f,
                    "started       a Push Client takes WAP pushes on UDP {udp} and by HTTP on {http}; applications reach it at {socket}"
                )
            }
            Self::Registered {
                request,
                registration_id,
                servers,
            } => registered(f, request, registration_id, servers),
            Self::Known { server } => known(f, server),
            Self::Pushed {
                what,
                server,
                octets,
            } => {
                write!(f, "pushed        {what} ({octets} octets from {server})")
            }
            Self::Posted {
                what,
                way,
                octets,
                status,
                push_status,
            } => {
                write!(
                    f,
                    "posted        {what} ({octets} octets, {way}): HTTP {status}, push status {push_status}"
                )
            }
            Self::Invited { contact, octets } => {
                write!(
                    f,
                    "invited       the gateway hangs up and asks by a datagram ({octets} octets) to be called at {contact}"
                )
            }
            Self::Called { from } => {
                write!(
                    f,
                    "called        the Push Client calls the gateway from {from}"
                )
            }
            Self::ShortMessages {
                what,
                segments,
                device,
            } => {
                write!(
                    f,
                    "delivered     {what} ({segments} segments by {device}); each is written down before the network forgets it"
                )
            }
            Self::SessionAsked { contact, octets } => {
                write!(
                    f,
                    "invited       a push server asks by a datagram ({octets} octets) for a session at {contact}"
                )
            }
            Self::SessionOpened {
                from,
                session,
                applications,
            } => {
                write!(
                    f,
                    "opened        the Push Client opens session {session} from {from}, for {}",
                    applications.join(", ")
                )
            }
            Self::Confirmed { what, octets } => {
                write!(
                    f,
                    "pushed        {what} ({octets} octets): acknowledged once it was written down"
                )
            }
            Self::Bound {
                user,
                contact,
                applications,
                seconds,
            } => {
                write!(
                    f,
                    "bound         {user} is at {contact} for {seconds} s, with {}",
                    applications.join(", ")
                )
            }
            Self::Sent {
                what,
                way,
                octets,
                chunks,
                status,
            } => {
                write!(f, "sent          {what} ({octets} octets by {way}")?;
                if let Some(chunks) = chunks {
                    write!(f, " in {chunks} chunks")?;
                }
                write!(f, "): {status}, and it is written down")
            }
            Self::Unbound { application } => {
                write!(f, "unbound       {application} has left the binding")
            }
            Self::Event { event } => {
                let PushEvent {
                    id,
                    push_application_id,
                    content_type,
                    protocol,
                    server,
                    attempt,
                    ..
                } = event;
                write!(
                    f,
                    "arrived       event {id} for {push_application_id}: {content_type} from {server} by {protocol}, attempt {attempt}"
                )
            }
            Self::Refused { refused } => {
                let Refused {
                    verdict, detail, ..
                } = refused;
                write!(f, "not arrived   {verdict}: {detail}")
            }
            Self::Duplicates { count } => {
                write!(
                    f,
                    "not arrived   duplicate: {count} transmission came again and was delivered once"
                )
            }
            Self::Acknowledged { ids } => write!(f, "acknowledged  {}", ids.join(", ")),
            Self::Deregistered {
                push_application_id,
            } => write!(f, "deregistered  {push_application_id}"),
            Self::Ended => {
                f.write_str("ended         the Push Client has stopped, and its directory is gone")
            }
        }
    }
}

fn registered(
    f: &mut std::fmt::Formatter<'_>,
    request: &RegistrationRequest,
    registration_id: &str,
    servers: &[ServerAnswer],
) -> std::fmt::Result {
    let accept = request.accept.as_deref().unwrap_or("*/*");
    let id = &request.push_application_id;
    write!(f, "registered    {id}, which accepts {accept}")?;
    if !request.whitelist.is_empty() {
        write!(f, ", from {}", request.whitelist.join(", "))?;
    }
    write!(f, ": registration {registration_id}")?;
    for server in servers {
        write!(f, ", {} {}", server.uri, server.state)?;
    }
    Ok(())
}

fn known(f: &mut std::fmt::Formatter<'_>, server: &Server) -> std::fmt::Result {
    let absent = "-";
    write!(
        f,
        "known         to {} at {}: {}, CPITag {}",
        server.id.as_deref().unwrap_or(absent),
        server.uri,
        server.state,
        server.cpi_tag.as_deref().unwrap_or(absent)
    )
}
