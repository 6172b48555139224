//! What the demo's push servers send.

use std::net::{Ipv4Addr, SocketAddr};

use push_lab::{ApplicationId, Misbehaviour, Push, Sender, bodies};

use crate::commands::demo::step::Step;
use crate::failure::Failure;
use crate::output::Output;

/// The application that registers by its OMNA number.
pub(super) const MMS: &str = "4";
/// The application that registers by a URI of its own.
pub(super) const METER: &str = "x-example.net:meter";
/// The push server that the second application takes pushes from.
pub(super) const SERVER_ON_LIST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
/// Any other push server.
const SERVER: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// One push of the story.
pub(super) struct Scene {
    /// What is sent, in words.
    what: &'static str,
    from: Ipv4Addr,
    application: &'static str,
    tid: u8,
    content: Content,
    /// Whether an application gets it.
    pub(super) arrives: bool,
}

enum Content {
    Mms,
    Reading,
    Page,
    Note,
    Broken,
}

/// Every push, in order.
pub(super) const PUSHES: &[Scene] = &[
    Scene {
        what: "an MMS notification to 4, from a gateway that calls the application by its number",
        from: SERVER,
        application: MMS,
        tid: 1,
        content: Content::Mms,
        arrives: true,
    },
    Scene {
        what: "a reading to x-example.net:meter, from the server on its whitelist",
        from: SERVER_ON_LIST,
        application: METER,
        tid: 2,
        content: Content::Reading,
        arrives: true,
    },
    Scene {
        what: "the same transmission again, as networks do",
        from: SERVER_ON_LIST,
        application: METER,
        tid: 2,
        content: Content::Reading,
        arrives: false,
    },
    Scene {
        what: "a web page to 4, which wants MMS notifications alone",
        from: SERVER,
        application: MMS,
        tid: 3,
        content: Content::Page,
        arrives: false,
    },
    Scene {
        what: "a note to x-example.net:meter, from a server that is not on its whitelist",
        from: SERVER,
        application: METER,
        tid: 4,
        content: Content::Note,
        arrives: false,
    },
    Scene {
        what: "a note to x-example.net:nobody, which nobody registered",
        from: SERVER,
        application: "x-example.net:nobody",
        tid: 5,
        content: Content::Note,
        arrives: false,
    },
    Scene {
        what: "a push that was cut off on its way",
        from: SERVER,
        application: MMS,
        tid: 6,
        content: Content::Broken,
        arrives: false,
    },
];

impl Scene {
    /// Sends it, each from a socket of its own.
    pub(super) async fn send(&self, to: SocketAddr, output: &mut Output) -> Result<(), Failure> {
        let datagram = self.datagram()?;
        let failed =
            |error: std::io::Error| Failure::Other(format!("{} to {to}: {error}", self.from));
        let sender = Sender::bind((self.from, 0).into()).await.map_err(failed)?;
        sender.send(to, &datagram).await.map_err(failed)?;
        Step::Pushed {
            what: self.what,
            server: self.from.to_string(),
            octets: datagram.len(),
        }
        .show(output)
    }

    fn datagram(&self) -> Result<Vec<u8>, Failure> {
        let push = match self.content {
            Content::Mms => {
                let location = "http://mmsc.example.net/m1";
                let body =
                    bodies::mms_notification("T1", "+4917099999/TYPE=PLMN", 30_720, location);
                Push::new(bodies::MMS_NOTIFICATION, body)
            }
            Content::Reading => Push::new("application/json", *br#"{"reading":42}"#),
            Content::Page => Push::new("text/html", *b"<p>Hello</p>"),
            Content::Note | Content::Broken => Push::new("text/plain; charset=utf-8", *b"A note"),
        };
        let push = push
            .tid(self.tid)
            .application(ApplicationId::parse(self.application));
        let mut datagram = push
            .encode()
            .map_err(|error| Failure::Other(error.to_string()))?;
        if matches!(self.content, Content::Broken) {
            Misbehaviour::Truncate { octets: 4 }.apply(&mut datagram);
        }
        Ok(datagram)
    }
}
