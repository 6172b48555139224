//! The whole user agent: on a quiet network, and on a bad one.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whoever reads outputs looks for single ones"
)]

mod large;
mod quiet;
mod rough;

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use push_message::{PushApplicationId, UnixMillis};

use super::super::events::{
    AgentInput, AgentOutput, AnnounceTicket, FlowId, Host, PushOutcome, SipNote, SipPushTicket,
    SipServerState, Transport,
};
use super::super::settings::{
    Account, AgentSettings, LargePushSettings, RegistrationSettings, ServingSettings,
    TransactionSettings,
};
use super::UserAgent;

const CORE: &str = "192.0.2.9:5060";
const LOCAL: &str = "198.51.100.4:5070";

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn settings() -> AgentSettings {
    AgentSettings {
        account: Account {
            user: "sip:carol@ims.example.net".into(),
            auth_user: "carol".into(),
            password: "secret".into(),
            registrar: "sip:ims.example.net".into(),
            outbound: Some("sip:192.0.2.9:5060;lr".into()),
            transport: Transport::Udp,
            host: Host::Ip("192.0.2.9".parse().unwrap()),
            port: 5060,
            instance: "urn:uuid:5f0d1a2e-0000-4000-8000-000000000001".into(),
            user_agent: "push-client/OMA1.0 test/one-1".into(),
        },
        push_sender_agents: vec!["sip:psa@ims.example.net".into()],
        registration: RegistrationSettings {
            expires: seconds(120),
            grace: seconds(10),
            backoff_base: seconds(4),
            backoff_limit: seconds(60),
            ..RegistrationSettings::default()
        },
        serving: ServingSettings::default(),
        transactions: TransactionSettings::default(),
        sessions: LargePushSettings::default(),
    }
}

fn ids(names: &[&str]) -> BTreeSet<PushApplicationId> {
    let id = |name: &&str| PushApplicationId::parse(&format!("x-wap-application:{name}")).unwrap();
    names.iter().map(id).collect()
}

/// A message as text: its first line and its headers.
#[derive(Debug, Clone)]
struct Text {
    first: String,
    headers: Vec<(String, String)>,
}

impl Text {
    fn read(octets: &[u8]) -> Self {
        let text = String::from_utf8(octets.to_vec()).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap().to_owned();
        let headers = lines.map(|line| {
            let (name, value) = line
                .split_once(": ")
                .unwrap_or_else(|| (line.trim_end_matches(':'), ""));
            (name.to_owned(), value.to_owned())
        });
        Self {
            first,
            headers: headers.collect(),
        }
    }

    fn header(&self, name: &str) -> &str {
        let named = |(other, _): &&(String, String)| other == name;
        self.headers
            .iter()
            .find(named)
            .map_or("", |(_, value)| value)
    }

    fn cseq(&self) -> u32 {
        let number = self.header("CSeq").split(' ').next();
        number.unwrap().parse().unwrap()
    }

    /// The ids in its Contact.
    fn ids(&self) -> BTreeSet<String> {
        let contact = self.header("Contact");
        let list = contact.split_once("+g.oma.pusheventapp=\"");
        let list = list.and_then(|(_, rest)| rest.split('"').next());
        let ids = list
            .unwrap_or_default()
            .split(',')
            .filter(|id| !id.is_empty());
        ids.map(str::to_owned).collect()
    }

    /// The answer to it, with these headers.
    fn answer(&self, status: &str, headers: &[String]) -> Bytes {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for (name, value) in &self.headers {
            let tag = if name == "To" { ";tag=core" } else { "" };
            if ["Via", "From", "To", "Call-ID", "CSeq"].contains(&name.as_str()) {
                text.extend([name, ": ", value, tag, "\r\n"]);
            }
        }
        for header in headers {
            text.extend([header, "\r\n"]);
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        text.into()
    }
}

/// A push for `mms.ua`; its number makes its transaction, its Call-ID and its content.
fn message(number: u32, transport: &str) -> Bytes {
    let content = format!("{number:05}");
    format!(
        "MESSAGE sip:carol@198.51.100.4:5070 SIP/2.0\r\n\
         Via: SIP/2.0/{transport} 192.0.2.9:5060;branch=z9hG4bKm{number};rport\r\n\
         Max-Forwards: 68\r\n\
         From: <sip:psa@ims.example.net>;tag=p{number}\r\n\
         To: <sip:carol@ims.example.net>\r\n\
         Call-ID: m{number}@192.0.2.30\r\n\
         CSeq: 1 MESSAGE\r\n\
         Accept-Contact: *;+g.oma.pusheventapp=\"mms.ua\";require;explicit\r\n\
         P-Asserted-Identity: <sip:psa@ims.example.net>\r\n\
         Content-Type: text/plain\r\n\
         Content-Length: 5\r\n\r\n{content}"
    )
    .into()
}
