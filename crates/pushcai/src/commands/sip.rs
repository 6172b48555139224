//! `lab sip`: a SIP core and a push server, for tests.

mod told;

use std::time::Duration;

use push_lab::sip::{
    ChunkOrder, MsrpManner, Serves, Setup, SipAlgorithm, SipBinding, SipCore, SipCoreBehaviour,
    SipCoreSettings, SipError, SipExtent, SipManner, SipMisbehaviour, SipPush, SipPushResult,
    SipPushServer, SipPushServerBehaviour, SipPushServerSettings, SipTimers, SipWay, SipWish,
    Spoil, push_resource_identifier,
};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::arguments::{ChunkWay, LabSip, Opening};
use crate::commands::interrupted;
use crate::commands::lab::given;
use crate::commands::line::Line;
use crate::commands::ppg::authority;
use crate::failure::Failure;
use crate::output::Output;

/// How long it is quiet before a terminal has said all that it has to say, at first and to a misbehaviour.
const QUIET: Duration = Duration::from_millis(500);

/// Plays the core and the server until all is done, or somebody wants it to end.
pub(crate) async fn run(arguments: &LabSip, output: &mut Output) -> Result<(), Failure> {
    let odd = &arguments.oddities;
    if odd.misbehave.as_deref() == Some("list") {
        return list(SipMisbehaviour::ALL.iter().map(|(word, _)| *word), output);
    }
    if odd.spoil.iter().any(|word| word == "list") {
        return list(Spoil::ALL.iter().map(|(word, _)| *word), output);
    }
    let job = Job::new(arguments)?;
    let stage = Stage::start(arguments, &job).await?;
    stage.say_where(output)?;
    let mut of_server = stage.server.events();
    let mut of_core = stage.core.as_ref().map(SipCore::events);
    let working = job.work(&stage);
    let stopped = interrupted();
    tokio::pin!(working, stopped);
    let result = loop {
        let next_of_core = async {
            match &mut of_core {
                Some(events) => events.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            event = next_of_core => told::write_all("core", event, output)?,
            event = of_server.next() => told::write_all("server", event, output)?,
            result = &mut working => break result,
            asked = &mut stopped => {
                asked?;
                return Ok(());
            }
        }
    };
    if let Some(events) = &mut of_core {
        told::write_all("core", events.drain(), output)?;
    }
    told::write_all("server", of_server.drain(), output)?;
    for line in result? {
        line.write(output)?;
    }
    Ok(())
}

fn list(words: impl Iterator<Item = &'static str>, output: &mut Output) -> Result<(), Failure> {
    for word in words {
        if output.is_json() {
            output.json(&json!({ "kind": word }))?;
        } else {
            output.line(word)?;
        }
    }
    Ok(())
}

fn usage(message: String) -> Failure {
    Failure::Usage {
        message,
        hint: "pushcai lab sip --help shows examples".to_owned(),
    }
}

/// What runs.
struct Stage {
    core: Option<SipCore>,
    server: SipPushServer,
}

impl Stage {
    async fn start(arguments: &LabSip, job: &Job<'_>) -> Result<Self, Failure> {
        let failed = |error: SipError| Failure::Other(error.to_string());
        let core = match arguments.core {
            Some(_) => None,
            None => Some(
                SipCore::start(core_settings(arguments, job)?)
                    .await
                    .map_err(failed)?,
            ),
        };
        if let (Some(file), Some(core)) = (&arguments.ca_out, &core) {
            let written = core.authority().write_pem(file);
            written.map_err(|error| Failure::file(file, &error))?;
        }
        let uri = arguments.server.clone();
        let uri = uri.unwrap_or_else(|| format!("sip:push@{}", arguments.domain));
        let behind = arguments
            .core
            .or_else(|| core.as_ref().map(SipCore::address));
        let server = SipPushServer::start(SipPushServerSettings {
            listen: arguments.server_listen,
            timers: timers(arguments),
            trace: arguments.trace,
            behaviour: server_behaviour(arguments),
            ..SipPushServerSettings::new(&uri, behind)
        });
        let server = server.await.map_err(failed)?;
        if let Some(core) = &core {
            core.trust(&uri, server.address());
        }
        Ok(Self { core, server })
    }

    fn say_where(&self, output: &mut Output) -> Result<(), Failure> {
        let mut places = Vec::new();
        if let Some(core) = &self.core {
            places.push(("core", core.address().to_string(), "UDP and TCP"));
            if let Some(address) = core.tls_address() {
                places.push(("core", address.to_string(), "TLS"));
            }
        }
        let server = format!("{} at {}", self.server.uri(), self.server.address());
        places.push(("server", server, "UDP and TCP"));
        for (who, address, transport) in places {
            Line {
                text: format!("the {who} is reached over {transport}: {address}"),
                json: json!({ "event": "listening", "who": who, "address": address, "transport": transport }),
            }
            .write(output)?;
        }
        Ok(())
    }
}

fn timers(arguments: &LabSip) -> SipTimers {
    let t1 = Duration::from_millis(arguments.retry);
    SipTimers {
        t1,
        t2: t1 * 8,
        patience: Duration::from_secs(arguments.patience),
    }
}

fn way(arguments: &LabSip) -> SipWay {
    let odd = &arguments.oddities;
    SipWay {
        lose_sent: odd.lose,
        lose_received: odd.lose,
        repeat: odd.repeat,
    }
}

fn core_settings(arguments: &LabSip, job: &Job<'_>) -> Result<SipCoreSettings, Failure> {
    let odd = &arguments.oddities;
    let algorithm = if odd.sha256 {
        SipAlgorithm::Sha256
    } else {
        SipAlgorithm::Md5
    };
    Ok(SipCoreSettings {
        listen: arguments.listen,
        tls_listen: arguments.tls_listen,
        authority: arguments
            .ca_key
            .as_deref()
            .map(|file| authority(file, "Test authority of a SIP core"))
            .transpose()?,
        algorithms: vec![algorithm],
        timers: timers(arguments),
        trace: arguments.trace,
        behaviour: SipCoreBehaviour {
            challenge_register: !odd.open,
            challenge_requests: odd.challenge_requests,
            nonce_uses: odd.nonce_uses,
            never_satisfied: odd.never_satisfied,
            shortest: odd.shortest,
            longest: odd.longest,
            refuse: odd.refuse.map(|status| (status, Vec::new())),
            asserts: !odd.anonymous,
            tcp_above: odd.tcp_above,
            spoilt: job.spoilt.clone(),
            way: way(arguments),
            ..SipCoreBehaviour::default()
        },
        ..SipCoreSettings::new(&arguments.domain, &arguments.password)
    })
}

fn server_behaviour(arguments: &LabSip) -> SipPushServerBehaviour {
    let odd = &arguments.oddities;
    SipPushServerBehaviour {
        serves: if odd.serve.is_empty() {
            Serves::All
        } else {
            Serves::Only(odd.serve.clone())
        },
        status: odd.status,
        ..SipPushServerBehaviour::default()
    }
}

/// What there is to do.
struct Job<'a> {
    arguments: &'a LabSip,
    push: SipPush,
    manner: SipManner,
    /// Whether a content was given.
    pushes: bool,
    misbehaviour: Option<SipMisbehaviour>,
    spoilt: Vec<(String, Spoil)>,
}

impl<'a> Job<'a> {
    fn new(arguments: &'a LabSip) -> Result<Self, Failure> {
        let word = arguments.oddities.misbehave.as_deref();
        let misbehaviour = word.map(|word| {
            SipMisbehaviour::parse(word).ok_or_else(|| {
                usage(format!(
                    "`{word}` is no kind of misbehaviour; `--misbehave list` shows all"
                ))
            })
        });
        let spoilt = arguments.oddities.spoil.iter().map(|text| {
            let pair = text.split_once('=');
            let found =
                pair.and_then(|(method, kind)| Some((method.to_owned(), Spoil::parse(kind)?)));
            found.ok_or_else(|| {
                usage(format!(
                    "`{text}` is no METHOD=KIND; `--spoil list` shows every kind"
                ))
            })
        });
        let push = given(&arguments.content, arguments.content_type.as_deref())?;
        let mut push = SipPush::from(&push);
        for id in &arguments.application {
            push = push.application(id);
        }
        for id in &arguments.instance {
            push = push.instance(id);
        }
        for (name, value) in &arguments.header {
            push = push.header(name, value);
        }
        Ok(Self {
            arguments,
            push,
            manner: manner(arguments),
            pushes: arguments.content.is_given() || arguments.content_type.is_some(),
            misbehaviour: misbehaviour.transpose()?,
            spoilt: spoilt.collect::<Result<_, _>>()?,
        })
    }

    async fn work(&self, stage: &Stage) -> Result<Vec<Line>, Failure> {
        let asks = self.arguments.ask;
        if !self.pushes && !asks && self.misbehaviour.is_none() {
            return std::future::pending().await;
        }
        let binding = self.terminal(stage).await?;
        let to = match (&self.arguments.to, &binding) {
            (Some(to), _) => to.clone(),
            (None, Some(binding)) => binding.user.clone(),
            (None, None) => return Err(usage("name a user with --to".to_owned())),
        };
        let mut lines = Vec::new();
        if let (Some(kind), Some(binding), Some(core)) = (self.misbehaviour, &binding, &stage.core)
        {
            let odd = &self.arguments.oddities;
            let extent = SipExtent {
                count: odd.extent,
                seed: odd.seed,
                quiet: QUIET,
            };
            let provocation = core.misbehave(binding, kind, &self.push, extent).await;
            lines.push(told::provoked(kind, &provocation));
        }
        if asks {
            let (status, terminal) = stage.server.ask(&to).await;
            lines.push(told::asked(&to, status, terminal.as_ref()));
        }
        if self.pushes {
            self.push(stage, &to).await?;
        }
        Ok(lines)
    }

    async fn push(&self, stage: &Stage, to: &str) -> Result<(), Failure> {
        let mut failed = None;
        for _ in 0..self.arguments.count {
            let result = self.push_in_time(stage, to).await;
            if !result.is_accepted() {
                failed = Some(told::describe(&result));
            }
        }
        failed.map_or(Ok(()), |how| {
            Err(Failure::Other(format!("the push was not taken: {how}")))
        })
    }

    /// Pushes, and again as often as the terminal says that it is too early and when it is not, while there is patience.
    async fn push_in_time(&self, stage: &Stage, to: &str) -> SipPushResult {
        let mut patience = Duration::from_secs(self.arguments.patience);
        loop {
            let result = stage.server.push(to, &self.push, &self.manner).await;
            let later = result.header("Retry-After").and_then(|text| {
                let digits = text.split(|c: char| !c.is_ascii_digit()).next()?;
                digits.parse().ok().map(Duration::from_secs)
            });
            match later.and_then(|later| Some((later, patience.checked_sub(later)?))) {
                Some((later, left)) if result.status == 480 && !later.is_zero() => {
                    patience = left;
                    sleep(later).await;
                }
                _ => return result,
            }
        }
    }

    /// The contact to push to, once it is registered and the terminal has told what it had to tell; another's core knows by
    /// itself.
    async fn terminal(&self, stage: &Stage) -> Result<Option<SipBinding>, Failure> {
        let Some(core) = &stage.core else {
            return Ok(None);
        };
        let wanted: Vec<_> = self
            .arguments
            .application
            .iter()
            .map(|id| push_resource_identifier(id))
            .collect();
        let fits = |binding: &SipBinding| {
            let known = &binding.capabilities.applications;
            let has = |id: &String| known.iter().any(|own| own.eq_ignore_ascii_case(id));
            let is_meant = self
                .arguments
                .to
                .as_ref()
                .is_none_or(|to| binding.user == *to);
            is_meant && (wanted.is_empty() || wanted.iter().any(has))
        };
        let patience = Duration::from_secs(self.arguments.patience);
        let mut events = core.events();
        let waiting = async {
            let binding = loop {
                if let Some(binding) = core.bindings().into_iter().find(fits) {
                    break binding;
                }
                events.next().await?;
            };
            // It agrees with its Push Sender Agents next, and takes no push before.
            while let Ok(Some(_)) = timeout(QUIET, events.next()).await {}
            Some(binding)
        };
        timeout(patience, waiting).await.map_err(|_| {
            let what = if wanted.is_empty() {
                "no terminal registered".to_owned()
            } else {
                format!("no terminal registered {}", wanted.join(" or "))
            };
            Failure::Other(format!("{what} within {patience:?}"))
        })
    }
}

fn manner(arguments: &LabSip) -> SipManner {
    let chosen = &arguments.session;
    let wish = match (chosen.always, chosen.message) {
        (true, _) => SipWish::Session,
        (false, true) => SipWish::Message,
        (false, false) => SipWish::ByLength,
    };
    SipManner {
        wish,
        session: MsrpManner {
            setup: match chosen.setup {
                Opening::Actpass => Setup::ActPass,
                Opening::Active => Setup::Active,
                Opening::Passive => Setup::Passive,
                Opening::None => Setup::Absent,
            },
            chunk: usize::try_from(chosen.chunk).unwrap_or(usize::MAX),
            order: match chosen.order {
                ChunkWay::Forward => ChunkOrder::Forward,
                ChunkWay::Backward => ChunkOrder::Backward,
                ChunkWay::Shuffled => ChunkOrder::Shuffled(arguments.oddities.seed),
            },
            success_report: chosen.success_report,
            messages: chosen.messages,
            interrupt_after: chosen.interrupt_after,
            silent_after: chosen.silent_after,
            bye_after: chosen.bye_after,
            hang_up_after: chosen.hang_up_after,
            cancel: chosen.cancel,
            patience: Duration::from_secs(arguments.patience),
            ..MsrpManner::default()
        },
        ..SipManner::default()
    }
}
