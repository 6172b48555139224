//! Short messages that a caller of the interface hands over.

use std::sync::Arc;

use push_api::{Caller, SubmitAnswer, SubmitKind, SubmitPorts, SubmitRequest, Submitted};
use push_core::Verdict;
use push_message::{Address, Bearer, Reason, Refusal, UnixMillis};

use crate::client::Client;
use crate::counters::verdict_word;
use crate::short_messages::{Content, Delivery, Ports, Settled};

/// The device of what names none.
const DEVICE: &str = "submit";
/// The most octets of the name of a device, a sender or an SMS centre.
const MAX_NAME_LENGTH: usize = 64;

impl Client {
    /// Hands over what a caller submits, one piece after another.
    pub(crate) async fn submit_for(
        &self,
        caller: &Caller,
        request: &SubmitRequest,
    ) -> Result<SubmitAnswer, Refusal> {
        self.authorize_submission(caller)?;
        let intake = self.intake();
        let mut results = Vec::new();
        for delivery in deliveries(request)? {
            results.push(submitted(intake.deliver(delivery).await)?);
        }
        Ok(SubmitAnswer {
            result: "success".to_owned(),
            results,
        })
    }

    fn authorize_submission(&self, caller: &Caller) -> Result<(), Refusal> {
        let mut submitters = self.submitters().iter();
        if caller.administrator || submitters.any(|owner| owner == caller.owner.as_str()) {
            return Ok(());
        }
        Err(Refusal::new(
            Reason::NotAuthorized,
            format!(
                "owner {} may not submit short messages; root and the daemon's own user may, and whoever the administrator \
                 lists among the submitters",
                caller.owner
            ),
        ))
    }
}

fn deliveries(request: &SubmitRequest) -> Result<Vec<Delivery>, Refusal> {
    check_bearer(request)?;
    check_ports(request)?;
    let device: Arc<str> = name("device", request.device.as_deref())?
        .unwrap_or(DEVICE)
        .into();
    let originator = originator(request.sender.as_deref())?;
    let smsc = centre(request.smsc.as_deref())?;
    let sent = request.sent_at.map(UnixMillis);
    let octets = request.octets()?;
    let contents: Vec<_> = match request.kind {
        SubmitKind::Tpdu => octets
            .into_iter()
            .map(|octets| Content::Tpdu(octets.into()))
            .collect(),
        SubmitKind::UserData => octets
            .into_iter()
            .map(|octets| Content::UserData {
                smsc: smsc.clone(),
                originator: originator.clone(),
                sent,
                header: true,
                octets: octets.into(),
            })
            .collect(),
        SubmitKind::Push => vec![Content::Assembled {
            smsc,
            originator,
            sent,
            ports: request.ports.map(ports),
            octets: octets.concat().into(),
        }],
    };
    let deliveries = contents.into_iter().map(|content| Delivery {
        device: Arc::clone(&device),
        content,
    });
    Ok(deliveries.collect())
}

const fn ports(ports: SubmitPorts) -> Ports {
    let SubmitPorts { dest, orig } = ports;
    Ports {
        destination: dest,
        originator: orig,
    }
}

fn check_bearer(request: &SubmitRequest) -> Result<(), Refusal> {
    match request.bearer.as_deref() {
        None => Ok(()),
        Some(name) if Bearer::from_name(name) == Some(Bearer::GsmSms) => Ok(()),
        Some(name) => Err(Refusal::of_option(
            Reason::UnsupportedOption,
            "bearer",
            format!(
                "nothing is submitted over `{name}`; leave it out, or give {}",
                Bearer::GsmSms
            ),
        )),
    }
}

/// A header or a whole TPDU says its ports itself, and what says nothing twice cannot contradict itself.
fn check_ports(request: &SubmitRequest) -> Result<(), Refusal> {
    let told_twice = |option| {
        Refusal::of_option(
            Reason::InvalidRequest,
            option,
            "what is submitted says this itself; leave it out",
        )
    };
    match request.kind {
        SubmitKind::Push => Ok(()),
        SubmitKind::UserData if request.ports.is_none() => Ok(()),
        SubmitKind::UserData => Err(told_twice("ports")),
        SubmitKind::Tpdu => {
            let given = [
                ("sender", request.sender.is_some()),
                ("smsc", request.smsc.is_some()),
                ("sentAt", request.sent_at.is_some()),
                ("ports", request.ports.is_some()),
            ];
            match given.into_iter().find(|(_, is_given)| *is_given) {
                Some((option, _)) => Err(told_twice(option)),
                None => Ok(()),
            }
        }
    }
}

fn name<'a>(option: &'static str, text: Option<&'a str>) -> Result<Option<&'a str>, Refusal> {
    let Some(text) = text else {
        return Ok(None);
    };
    if (1..=MAX_NAME_LENGTH).contains(&text.len()) && !text.chars().any(char::is_control) {
        return Ok(Some(text));
    }
    Err(Refusal::of_option(
        Reason::InvalidRequest,
        option,
        format!("give 1 to {MAX_NAME_LENGTH} octets of printable text, or leave it out"),
    ))
}

/// A number with a `+` in its canonical form, so that whitelists name it; anything else as it is.
fn originator(text: Option<&str>) -> Result<Option<Box<str>>, Refusal> {
    match name("sender", text)? {
        Some(text) if text.starts_with('+') => number("sender", text).map(Some),
        other => Ok(other.map(Into::into)),
    }
}

fn centre(text: Option<&str>) -> Result<Option<Box<str>>, Refusal> {
    name("smsc", text)?
        .map(|text| number("smsc", text))
        .transpose()
}

fn number(option: &'static str, text: &str) -> Result<Box<str>, Refusal> {
    match Address::parse(text) {
        Ok(Address::E164(number)) => Ok(number),
        Ok(
            Address::Ip(_)
            | Address::Network(_)
            | Address::Host(_)
            | Address::SipUri(_)
            | Address::SipDomain(_),
        )
        | Err(_) => Err(Refusal::of_option(
            Reason::InvalidRequest,
            option,
            format!("`{text}` is no number in E.164; give one such as +4917099999"),
        )),
    }
}

fn submitted(settled: Settled) -> Result<Submitted, Refusal> {
    let of = |verdict: &str, detail: Option<String>| Submitted {
        verdict: verdict.to_owned(),
        event_id: None,
        detail,
    };
    match settled {
        Settled::Durable(verdict) => Ok(Submitted {
            event_id: event_of(&verdict),
            ..of(verdict_word(&verdict), None)
        }),
        Settled::Kept => Ok(of(
            "kept",
            Some("a segment; others of its message are missing".to_owned()),
        )),
        Settled::Followed => Ok(of(
            "followed",
            Some("a session initiation request, which the client itself follows".to_owned()),
        )),
        Settled::NotAPush { detail } => Ok(of("notAPush", Some(detail))),
        Settled::Refused { word, detail } => Ok(of(word, Some(detail))),
        Settled::NotNow => Err(Refusal::new(
            Reason::StoreFailed,
            "there is no room, or the store cannot write, at present; submit the whole of it again later",
        )),
    }
}

fn event_of(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Accepted { event, .. } | Verdict::Held { event } => Some(event.to_string()),
        Verdict::Duplicate | Verdict::Refused(_) => None,
    }
}
