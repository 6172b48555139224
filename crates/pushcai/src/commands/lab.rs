//! `lab push`: a push server for tests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use push_lab::{ApplicationId, Misbehaviour, Push, Sender, bodies, varied};
use serde::Serialize;

use crate::arguments::{LabContent, LabPush, Sample};
use crate::commands::decode;
use crate::failure::Failure;
use crate::output::{Output, hexadecimal};

/// What was sent.
#[derive(Debug, Serialize)]
struct Sent {
    source: String,
    destination: String,
    #[serde(rename = "sent")]
    count: u64,
}

/// Sends pushes, or prints them.
pub(crate) async fn push(arguments: &LabPush, output: &mut Output) -> Result<(), Failure> {
    let content = Content::new(arguments)?;
    // Errors in what was asked are found before anything is sent.
    content.datagram(arguments, 0)?;
    let datagrams =
        (0..arguments.count).filter_map(|index| content.datagram(arguments, index).ok());
    if arguments.print {
        return print(datagrams, output);
    }
    let network =
        |error: std::io::Error| Failure::Other(format!("{}: {error}", arguments.destination));
    let source = arguments
        .source
        .unwrap_or_else(|| any_port(arguments.destination.ip()));
    let sender = Sender::bind(source)
        .await
        .map_err(|error| Failure::Other(format!("cannot send from {source}: {error}")))?;
    let count = sender
        .send_all(arguments.destination, datagrams, arguments.rate)
        .await
        .map_err(network)?;
    let source = sender.source().map_err(network)?.to_string();
    let destination = arguments.destination.to_string();
    if output.is_json() {
        return output.json(&Sent {
            source,
            destination,
            count,
        });
    }
    let pushes = if count == 1 { "push" } else { "pushes" };
    output.line(&format!(
        "sent {count} {pushes} from {source} to {destination}"
    ))
}

fn print(datagrams: impl Iterator<Item = Vec<u8>>, output: &mut Output) -> Result<(), Failure> {
    for datagram in datagrams {
        let octets = hexadecimal(&datagram);
        if output.is_json() {
            output.json(&serde_json::json!({ "datagram": octets }))?;
        } else {
            output.line(&octets)?;
        }
    }
    Ok(())
}

/// An address of the same machine for a destination on it, so that whitelists see a stable one.
const fn any_port(destination: IpAddr) -> SocketAddr {
    let address = match destination {
        IpAddr::V4(address) if address.is_loopback() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    SocketAddr::new(address, 0)
}

/// What to send: octets as they are, or a push to be encoded.
enum Content {
    Datagram(Vec<u8>),
    Pushes(Vec<Push>),
}

/// How many different pushes are made ready.
const MAX_VARIED: usize = 10_000;

impl Content {
    fn new(arguments: &LabPush) -> Result<Self, Failure> {
        if let Some(text) = &arguments.datagram {
            return Ok(Self::Datagram(octets("--datagram", text)?));
        }
        let pushes = if arguments.content.sample == Some(Sample::Varied) {
            let count = usize::try_from(arguments.count)
                .unwrap_or(MAX_VARIED)
                .clamp(1, MAX_VARIED);
            varied(arguments.misbehaviour.seed).take(count).collect()
        } else {
            vec![given(
                &arguments.content,
                arguments.content_type.as_deref(),
            )?]
        };
        let raw = arguments.misbehaviour.raw_headers.as_ref();
        let raw = raw.map_or(Ok(Vec::new()), |text| octets("--raw-headers", text))?;
        let addressed = pushes
            .into_iter()
            .map(|push| addressed(push.raw_headers(&raw), arguments));
        Ok(Self::Pushes(addressed.collect()))
    }

    /// The datagram with this index, spoilt as asked.
    fn datagram(&self, arguments: &LabPush, index: u64) -> Result<Vec<u8>, Failure> {
        let mut datagram = match self {
            Self::Datagram(octets) => octets.clone(),
            Self::Pushes(pushes) => {
                let step = if arguments.same_tid { 0 } else { index };
                let tid = u64::from(arguments.tid).wrapping_add(step).to_be_bytes();
                let at = usize::try_from(index).unwrap_or_default() % pushes.len().max(1);
                let push = pushes
                    .get(at)
                    .cloned()
                    .unwrap_or_else(|| Push::new("text/plain", Vec::new()));
                let [.., tid] = tid;
                push.tid(tid)
                    .encode()
                    .map_err(|error| usage(&error.to_string()))?
            }
        };
        for misbehaviour in misbehaviours(arguments, index) {
            misbehaviour.apply(&mut datagram);
        }
        Ok(datagram)
    }
}

/// Adds what the command line says beside the content.
fn addressed(push: Push, arguments: &LabPush) -> Push {
    let misbehaviour = &arguments.misbehaviour;
    let LabPush {
        id,
        parameter,
        header,
        ..
    } = arguments;
    let mut push = described(push, id.as_deref(), parameter, header);
    if misbehaviour.confirmed {
        push = push.confirmed();
    }
    if let Some(pdu_type) = misbehaviour.pdu_type {
        push = push.pdu_type(pdu_type);
    }
    match misbehaviour.headers_length {
        Some(length) => push.headers_length(length),
        None => push,
    }
}

/// Names the application, and adds parameters and headers.
pub(crate) fn described(
    push: Push,
    application: Option<&str>,
    parameters: &[(String, String)],
    headers: &[(String, String)],
) -> Push {
    let push = parameters
        .iter()
        .fold(push, |push, (name, value)| push.parameter(name, value));
    let push = match application {
        Some(id) => push.application(ApplicationId::parse(id)),
        None => push,
    };
    headers
        .iter()
        .fold(push, |push, (name, value)| push.header(name, value))
}

fn misbehaviours(arguments: &LabPush, index: u64) -> impl Iterator<Item = Misbehaviour> {
    let asked = &arguments.misbehaviour;
    let seed = asked.seed.wrapping_add(index);
    let mutate = asked
        .mutate
        .map(|octets| Misbehaviour::Mutate { octets, seed });
    let truncate = asked
        .truncate
        .map(|octets| Misbehaviour::Truncate { octets });
    let noise = asked.noise.then_some(Misbehaviour::Noise { seed });
    [mutate, noise, truncate].into_iter().flatten()
}

/// The push with this content, addressed to nobody yet.
pub(crate) fn given(content: &LabContent, content_type: Option<&str>) -> Result<Push, Failure> {
    if let Some(sample) = content.sample {
        return Ok(sample_push(sample));
    }
    let (default_type, body) = match (&content.body, &content.body_file, &content.body_hex) {
        (Some(text), ..) => ("text/plain; charset=utf-8", text.as_bytes().to_vec()),
        (None, Some(file), _) => (
            "application/octet-stream",
            std::fs::read(file).map_err(|error| Failure::file(file, &error))?,
        ),
        (None, None, Some(text)) => ("application/octet-stream", octets("--body-hex", text)?),
        (None, None, None) => {
            return Ok(match content_type {
                Some(content_type) => Push::new(content_type, Vec::new()),
                None => sample_push(Sample::Text),
            });
        }
    };
    Ok(Push::new(content_type.unwrap_or(default_type), body))
}

fn sample_push(sample: Sample) -> Push {
    match sample {
        Sample::Si => Push::new(
            bodies::SERVICE_INDICATION,
            bodies::service_indication("push.example.net/news", "There is news"),
        ),
        Sample::Sl => Push::new(
            bodies::SERVICE_LOADING,
            bodies::service_loading("push.example.net/page"),
        ),
        Sample::Mms => Push::new(
            bodies::MMS_NOTIFICATION,
            bodies::mms_notification(
                "T1",
                "+4917099999/TYPE=PLMN",
                30_720,
                "http://mmsc.example.net/m1",
            ),
        ),
        Sample::Provisioning => Push::new(bodies::PROVISIONING, bodies::provisioning("Example")),
        Sample::Text | Sample::Varied => {
            Push::new("text/plain; charset=utf-8", *b"A push from the lab")
        }
    }
}

pub(crate) fn octets(option: &str, text: &str) -> Result<Vec<u8>, Failure> {
    decode::octets(text).map_err(|error| usage(&format!("{option}: {error}")))
}

fn usage(message: &str) -> Failure {
    Failure::Usage {
        message: message.to_owned(),
        hint: "--help shows examples".to_owned(),
    }
}
