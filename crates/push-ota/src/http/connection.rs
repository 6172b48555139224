//! One TCP connection of OTA-HTTP, whoever opened it: its requests, one after another (WAP-235 7.2.5 to 7.6).

use std::net::SocketAddr;
use std::sync::Arc;

use ::http::request::Parts;
use ::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use push_message::UnixMillis;

use super::answer::{Introduction, Kind, Reply, header_value, secret_value};
use super::authentication::{
    Asked, Credentials, Demand, Met, Nonces, RESOURCE, Shown, Unmet, check, demand,
};
use super::context::{self, Clues, Evidence, NoContext, evidence};
use super::fields::Fields;
use super::push::{ContentPush, Judging};
use super::spellings::Spellings;
use super::version::{self, listed};
use super::{Authentication, Cpi, CpiTag, Ppg, PpgId, PushStatus, Terminal, TerminalId, client_id};

/// How a connection came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// The gateway opened it (PO-TCP).
    Accepted,
    /// The terminal opened it (TO-TCP).
    Dialled {
        /// To which gateway; absent where an SIR named a contact point that is no provisioned gateway's.
        ppg: Option<PpgId>,
        /// The CPITag that the SIR said the gateway assumes.
        assumed: Option<CpiTag>,
        /// The ProvURL of the context that the SIR named.
        prov_url: Option<Box<str>>,
    },
}

/// The other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub remote: SocketAddr,
    /// Ours.
    pub local: SocketAddr,
    /// How the connection came to be.
    pub way: Way,
    /// The provisioned name that its certificate was verified for; absent without TLS.
    pub tls_name: Option<Box<str>>,
}

/// One TCP connection.
#[derive(Debug)]
pub struct Connection {
    terminal: Arc<Terminal>,
    peer: Peer,
    nonces: Nonces,
    /// The versions spoken, as answers name them.
    versions: Option<HeaderValue>,
    /// The version agreed on.
    version: Option<(u32, u32)>,
    /// The ProvURL that the connection is bound to.
    prov_url: Option<Box<str>>,
    /// The gateway that authenticated itself last.
    authenticated: Option<usize>,
    /// The gateway that the peer is known to be.
    known: Option<usize>,
    proved_names: Vec<Box<str>>,
    pub(super) spellings: Spellings,
    /// Proofs of the gateway that failed, one after another.
    failures: u32,
    /// The gateway has said once that it does not believe the terminal.
    disbelieved: bool,
    /// The tag that the gateway was said to assume, until it was told ours.
    assumed: Option<CpiTag>,
}

/// What a request needs next.
#[derive(Debug)]
pub enum Step {
    /// An answer; what there is of a body is read and dropped first.
    Answer(Answer),
    /// A registration: whether a whitelist names the peer has to be found out.
    Register(Registering),
    /// A push: its body has to be read.
    Push(Box<ContentPush>),
}

/// The answer to one request. It has no body.
#[derive(Debug)]
pub struct Answer {
    /// Status line and headers; the driver adds nothing but framing and Date.
    pub response: Response<()>,
    /// The push status in it, if it has one.
    pub push_status: Option<PushStatus>,
    /// The connection is closed behind it.
    pub close: bool,
    /// What the registrar has to hear once the answer is on its way.
    pub notice: Option<Notice>,
    /// Why the request was not taken, as a stable word for logs and counters.
    pub reason: Option<&'static str>,
}

/// What a connection has learned of a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The gateway knows this CPI: it was told, or it showed the tag.
    Knows {
        /// The gateway.
        ppg: PpgId,
        /// The tag of the CPI.
        tag: CpiTag,
    },
    /// The gateway does not believe that the terminal is the one that it says it is.
    Unbelieved {
        /// The gateway.
        ppg: PpgId,
        /// It may be tried again.
        retry: bool,
    },
}

/// A registration under way.
#[derive(Debug)]
pub struct Registering {
    reply: Reply,
    context: Option<usize>,
    /// The gateway asked the terminal to authenticate itself, which says who it is.
    challenged: bool,
    /// The tag that came with the request.
    tag: Option<Box<str>>,
}

/// How the tag that a gateway assumes compares with ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TagState {
    Absent,
    Current,
    Stale,
}

/// A gateway's right to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    /// It has to prove who it is by one of these schemes.
    Shut {
        digest: bool,
        basic: bool,
    },
    /// It has nothing to prove it with.
    Barred,
}

impl Connection {
    /// A connection just opened, after TLS. `seed` is chance that nobody else knows.
    pub fn new(terminal: Arc<Terminal>, peer: Peer, seed: [u8; 16]) -> Self {
        //= specs/ota-http.md#sia-content
        //# A provisioning context that the ProvURL field names MUST be the one that is used.
        let (assumed, prov_url) = match &peer.way {
            Way::Dialled {
                assumed, prov_url, ..
            } => (*assumed, prov_url.clone()),
            Way::Accepted => (None, None),
        };
        let versions = header_value(&listed(&terminal.versions));
        let mut connection = Self {
            terminal,
            peer,
            nonces: Nonces::new(seed),
            versions,
            version: None,
            prov_url,
            authenticated: None,
            known: None,
            proved_names: Vec::new(),
            spellings: Spellings::default(),
            failures: 0,
            disbelieved: false,
            assumed,
        };
        connection.recognize(None);
        connection
    }

    /// The other end.
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The gateway that the peer is known to be: authenticated, proved by TLS, dialled, or known by its address.
    pub fn ppg(&self) -> Option<&PpgId> {
        self.gateway(self.known).map(|ppg| &ppg.id)
    }

    /// Names that the peer has proved: its PPG identity after authentication, its TLS name.
    pub fn proved_names(&self) -> &[Box<str>] {
        &self.proved_names
    }

    /// Takes the head of a request. Requests of one connection come one after another: the one before has been answered.
    pub fn request(&mut self, head: &Parts, cpi: &Cpi, now: UnixMillis) -> Step {
        let fields = Fields::of(&head.headers);
        match self.admit(head, &fields, now) {
            Ok(admitted) => match admitted.reply.kind {
                Kind::Registration => Step::Register(Registering {
                    reply: admitted.reply,
                    context: admitted.context,
                    challenged: admitted.challenged,
                    tag: shown_tag(&fields).map(Box::from),
                }),
                Kind::Push => self.push(head, &fields, admitted, cpi),
            },
            Err(answer) => Step::Answer(*answer),
        }
    }

    /// Everything before what the request is for: resource, method, version, context, and who is who.
    //= specs/ota-http.md#terminal-authentication
    //# An answer MUST NOT carry X-Wap-Authorization unless the request carried X-Wap-Authenticate.
    fn admit(
        &mut self,
        head: &Parts,
        fields: &Fields<'_>,
        now: UnixMillis,
    ) -> Result<Admitted, Box<Answer>> {
        let mut reply = self.resource(head, fields)?;
        let challenged = fields.authenticate.is_present();
        reply.introduction = self.introduction_to_known(reply.kind, self.known, challenged);
        if !self.agree_on_version(fields) {
            return Err(done(reply, PushStatus::VersionNotSupported, "version"));
        }
        if fields.repeat_one() {
            let status = reply.kind.refused();
            let answer = reply.with(StatusCode::BAD_REQUEST, status);
            return Err(Box::new(answer.because("repeatedHeader")));
        }
        let credentials = fields.authorization.text().map(Credentials::parse);
        let demand = Demand::parse(fields.authenticate.texts());
        let context = self
            .choose_context(fields, credentials.as_ref(), demand.as_ref())
            .map_err(|NoContext| {
                let status = reply.kind.no_context();
                done(reply.clone(), status, "noContext")
            })?;
        self.recognize(context);
        reply.known = self.known.is_some();
        reply.introduction = self.introduction_to_known(reply.kind, context, challenged);
        if let Some(demand) = &demand {
            self.heed_disbelief(demand, &reply)?;
        }
        if credentials.is_none() && demand.is_none() && self.gate(context) == Gate::Open {
            return Ok(Admitted {
                reply,
                context,
                challenged: false,
            });
        }
        let terminal_id = self.terminal_id(context);
        let met = demand.as_ref().map(|demand| {
            let method = head.method.as_str();
            let ppg = self.gateway(context);
            demand.meet(ppg, &terminal_id, method, self.may_show_password(context))
        });
        let target = head.uri.to_string();
        let asked = Asked {
            method: head.method.as_str(),
            target: &target,
            realm: &terminal_id,
            now,
            lifetime: self.terminal.nonce_lifetime,
        };
        let failures = self.failures;
        if let Some(gate) = self.shut(context, credentials.as_ref(), &asked) {
            let reason = if self.failures > failures {
                "wrongCredentials"
            } else {
                "notAuthenticated"
            };
            return Err(self.turn_away(gate, reply, met, &asked, reason));
        }
        self.recognize(context);
        reply.known = self.known.is_some();
        reply.introduction = self.introduction_to_known(reply.kind, context, challenged);
        if let (Some(demand), Some(met)) = (&demand, met) {
            match met {
                Ok(met) => reply.authorization = secret_value(&met.value),
                Err(why) => return Err(refuse_demand(demand, why, reply)),
            }
        }
        Ok(Admitted {
            reply,
            context,
            challenged: demand.is_some(),
        })
    }

    /// The reply to a request of one of the two methods for the one resource.
    //= specs/ota-http.md#http-server
    //# The terminal's HTTP server MUST know the methods GET, HEAD, POST and OPTIONS, and answer each as HTTP lays down.
    fn resource(&self, head: &Parts, fields: &Fields<'_>) -> Result<Reply, Box<Answer>> {
        let named = fields.ota_version.is_present();
        let mut reply = Reply {
            kind: Kind::Push,
            versions: self.versions.clone().filter(|_| named),
            authorization: None,
            known: false,
            introduction: None,
            room: HeaderMap::new(),
        };
        let (path, query) = (head.uri.path(), head.uri.query());
        let everything = path == "*" && head.method == Method::OPTIONS;
        if (path != RESOURCE || query.is_some()) && !everything {
            let answer = reply.bare(StatusCode::NOT_FOUND);
            return Err(Box::new(answer.because("path")));
        }
        if head.method == Method::OPTIONS {
            reply.kind = Kind::Registration;
        } else if head.method != Method::POST {
            let answer = reply.bare(StatusCode::METHOD_NOT_ALLOWED);
            return Err(Box::new(answer.allowing("OPTIONS, POST").because("method")));
        }
        Ok(reply)
    }

    //= specs/ota-http.md#version-control
    //# A request that offers no version that the terminal speaks MUST be answered with X-Wap-Push-Status 600 and a phrase.
    fn agree_on_version(&mut self, fields: &Fields<'_>) -> bool {
        let spoken = &self.terminal.versions;
        let chosen = if fields.ota_version.is_present() {
            match fields.ota_version.sole_text() {
                Some(list) => {
                    let choose = |list: &str| Some(version::choose([list], spoken));
                    self.spellings.version.read(list, choose).flatten()
                }
                None => version::choose(fields.ota_version.texts().flatten(), spoken),
            }
        } else if self.version.is_some() {
            self.version
        } else if self.terminal.version_required {
            None
        } else {
            version::unnamed(spoken)
        };
        // What was agreed on before stays, for requests that name nothing.
        self.version = chosen.or(self.version);
        chosen.is_some()
    }

    //= specs/ota-http.md#provurl
    //# A request without X-Wap-Push-ProvURL MUST NOT be taken for one that names a context with an empty ProvURL.
    fn choose_context(
        &mut self,
        fields: &Fields<'_>,
        credentials: Option<&Credentials<'_>>,
        demand: Option<&Demand>,
    ) -> Result<Option<usize>, NoContext> {
        let named = fields.prov_url.octets();
        // A value that is no text is the ProvURL of nobody.
        let named = named
            .map(|value| str::from_utf8(value).map(str::trim))
            .transpose()
            .map_err(|_| NoContext)?;
        let context = context::choose(
            &self.terminal.ppgs,
            &Clues {
                peer: &self.peer,
                prov_url: named.or(self.prov_url.as_deref()),
                authenticated: self.authenticated,
                credentials,
                demand,
            },
        )?;
        if let Some(named) = named {
            self.prov_url = Some(named.into());
        }
        Ok(context)
    }

    /// Settles who the peer is known to be, where `context` is what the request chose.
    fn recognize(&mut self, context: Option<usize>) {
        let ppgs = &self.terminal.ppgs;
        let evident = |index: usize| ppgs.get(index).and_then(|ppg| evidence(&self.peer, ppg));
        let chosen = context.filter(|&index| evident(index).is_some());
        let any = || (0..ppgs.len()).find(|&index| evident(index).is_some());
        self.known = self.authenticated.or(chosen).or_else(any);
        let id = self.gateway(self.authenticated).map(|ppg| &*ppg.id.0);
        let names = self.peer.tls_name.as_deref().into_iter().chain(id);
        if !names
            .clone()
            .eq(self.proved_names.iter().map(|name| &**name))
        {
            self.proved_names = names.map(Box::from).collect();
        }
    }

    fn gateway(&self, index: Option<usize>) -> Option<&Ppg> {
        self.terminal.ppgs.get(index?)
    }

    //= specs/ota-http.md#identification
    //# The Terminal-ID MUST be the one that the provisioning context gives.
    //= specs/ota-http.md#identification
    //# The Terminal-ID MUST be a ClientID where no provisioning context gives one.
    fn terminal_id(&self, context: Option<usize>) -> String {
        let given = self
            .gateway(context)
            .and_then(|ppg| ppg.terminal_id.as_ref());
        match given.unwrap_or(&self.terminal.terminal_id) {
            TerminalId::Given(id) => id.as_ref().to_owned(),
            TerminalId::OfAddress => client_id::of_address(self.peer.local.ip()),
        }
    }

    fn introduction(&self, context: Option<usize>, challenged: bool) -> Introduction {
        let bearer = self.gateway(context).and_then(|ppg| ppg.bearer);
        Introduction {
            terminal_id: (!challenged).then(|| self.terminal_id(context)),
            bearer: bearer.unwrap_or(self.terminal.bearer),
        }
    }

    /// What a registration is told even if it is refused: only a gateway that is known, and has nothing more to prove, is told
    /// anything then.
    fn introduction_to_known(
        &self,
        kind: Kind,
        context: Option<usize>,
        challenged: bool,
    ) -> Option<Introduction> {
        if kind != Kind::Registration || self.known.is_none() {
            return None;
        }
        let context = context.or(self.known);
        (self.gate(context) == Gate::Open).then(|| self.introduction(context, challenged))
    }

    /// A gateway that does not believe the terminal is answered once more, or not at all.
    //= specs/ota-http.md#terminal-authentication
    //# On a challenge with failed_retry the terminal MUST authenticate itself once more or end the connection.
    //= specs/ota-http.md#terminal-authentication
    //# On a challenge with failed_noretry the terminal MUST end the connection.
    fn heed_disbelief(&mut self, demand: &Demand, reply: &Reply) -> Result<(), Box<Answer>> {
        let Some(retry) = demand.failed else {
            return Ok(());
        };
        if retry && !std::mem::replace(&mut self.disbelieved, true) {
            return Ok(());
        }
        let notice = self.speaker().map(|ppg| Notice::Unbelieved {
            ppg: ppg.id.clone(),
            retry,
        });
        let answer = refuse_demand(demand, Unmet::NoRetry, reply.clone());
        Err(Box::new(
            answer.with_notice(notice).closing().because("disbelieved"),
        ))
    }

    /// The gateway that the peer speaks for: the one that it is known to be, unless that has to prove itself and nothing but its
    /// address is known.
    fn speaker(&self) -> Option<&Ppg> {
        let asked = |ppg: &Ppg| ppg.authentication != Authentication::None;
        let silent = |ppg: &Ppg| asked(ppg) && evidence(&self.peer, ppg) == Some(Evidence::Address);
        let gateway = self.gateway(self.known)?;
        (self.authenticated == self.known || !silent(gateway)).then_some(gateway)
    }

    /// Whether the terminal's password may go over this connection as it is, to this gateway.
    fn may_show_password(&self, context: Option<usize>) -> bool {
        self.gateway(context).is_some_and(|ppg| {
            let known = self.authenticated == context || evidence(&self.peer, ppg).is_some();
            known && (self.peer.tls_name.is_some() || ppg.basic_in_clear)
        })
    }

    /// What the gateway of the context has to show before it gets any further.
    fn gate(&self, context: Option<usize>) -> Gate {
        let only = self.terminal.identified_only;
        let Some(ppg) = self.gateway(context) else {
            return if only {
                self.gate_of_strangers()
            } else {
                Gate::Open
            };
        };
        let certified = evidence(&self.peer, ppg) == Some(Evidence::Tls);
        let needed = ppg.authentication != Authentication::None || (only && !certified);
        if !needed || self.authenticated == context {
            Gate::Open
        } else if ppg.ppg_secret.is_some() {
            shut_for(ppg.authentication)
        } else {
            Gate::Barred
        }
    }

    /// Who is not known may be any of the gateways that have a password.
    fn gate_of_strangers(&self) -> Gate {
        let mut gateways = self
            .terminal
            .ppgs
            .iter()
            .filter(|ppg| ppg.ppg_secret.is_some());
        if gateways.clone().next().is_none() {
            return Gate::Barred;
        }
        Gate::Shut {
            digest: true,
            basic: gateways.any(|ppg| ppg.authentication != Authentication::Digest),
        }
    }

    /// Checks what the gateway shows of itself; absent: it may go on.
    fn shut(
        &mut self,
        context: Option<usize>,
        credentials: Option<&Credentials<'_>>,
        asked: &Asked<'_>,
    ) -> Option<Gate> {
        let gate = self.gate(context);
        let Some(credentials) = credentials else {
            return (gate != Gate::Open).then_some(gate);
        };
        let ppg = self.gateway(context);
        let checkable = ppg.and_then(|ppg| Some((ppg, ppg.ppg_secret.as_ref()?)));
        let Some((ppg, password)) = checkable else {
            // Credentials that nobody asked for and nobody can check count for nothing.
            self.failures += u32::from(gate != Gate::Open);
            return (gate != Gate::Open).then_some(gate);
        };
        let weak = matches!(credentials, Credentials::Basic(_))
            && ppg.authentication == Authentication::Digest;
        let shown = if weak {
            Shown::Nothing
        } else {
            check(credentials, ppg, password, &self.nonces, asked)
        };
        let again = shut_for(ppg.authentication);
        match shown {
            Shown::Proved => {
                self.authenticated = context;
                self.failures = 0;
                return None;
            }
            Shown::Stale => {}
            Shown::Nothing => self.failures += 1,
        }
        if self.authenticated == context {
            self.authenticated = None;
            self.recognize(context);
        }
        Some(again)
    }

    fn turn_away(
        &mut self,
        gate: Gate,
        mut reply: Reply,
        met: Option<Result<Met, Unmet>>,
        asked: &Asked<'_>,
        reason: &'static str,
    ) -> Box<Answer> {
        let (digest, basic) = match gate {
            Gate::Shut { digest, basic } => (digest, basic),
            Gate::Open | Gate::Barred => {
                let status = reply.kind.refused();
                return done(reply.saying_nothing(), status, "notIdentified");
            }
        };
        // Before the gateway has proved who it is, it learns no more of the terminal than the challenge says.
        reply.introduction = None;
        // A digest gives nothing away; the password itself goes only to who has proved to be the gateway.
        let met = met.and_then(Result::ok);
        let met = met.filter(|met| !met.basic || self.peer.tls_name.is_some());
        reply.authorization = met.and_then(|met| secret_value(&met.value));
        let status = reply.kind.try_again();
        let demands = demand(asked.realm, digest, basic, &mut self.nonces, asked.now);
        let answer = reply.with(StatusCode::UNAUTHORIZED, status);
        let answer = answer.with_demands(&demands).because(reason);
        let enough =
            self.failures > 0 && self.failures >= self.terminal.max_authentication_failures;
        Box::new(if enough { answer.closing() } else { answer })
    }

    fn tag_state(&self, shown: Option<&str>, cpi: &Cpi) -> TagState {
        let current = match (shown, self.assumed) {
            (Some(text), _) => cpi.tag().is(text),
            (None, Some(assumed)) => assumed == cpi.tag(),
            (None, None) => return TagState::Absent,
        };
        if current {
            TagState::Current
        } else {
            TagState::Stale
        }
    }

    //= specs/ota-http.md#registration-validation
    //# A push that shows the terminal's CPITag MUST be tried on the application that it is addressed to.
    //= specs/ota-http.md#registration-validation
    //# The content of a push that shows another CPITag than the terminal's SHOULD be dropped without a word to the application.
    //= specs/ota-http.md#registration-validation
    //# The answer to a push that shows another CPITag than the terminal's and was dropped MUST carry the terminal's CPITag.
    //= specs/ota-http.md#registration-validation
    //# A push that shows no CPITag SHOULD be accepted.
    //= specs/ota-http.md#registration-validation
    //# The answer to a push that shows no CPITag and was dropped MUST carry the terminal's CPITag.
    fn push(&mut self, head: &Parts, fields: &Fields<'_>, admitted: Admitted, cpi: &Cpi) -> Step {
        let state = self.tag_state(shown_tag(fields), cpi);
        let taken = match state {
            TagState::Absent => self.terminal.accept_absent_tag,
            TagState::Current => true,
            TagState::Stale => self.terminal.accept_stale_tag,
        };
        let reply = admitted.reply;
        if state == TagState::Stale {
            // The answer tells it: from here on the gateway knows better than what was said of it.
            self.assumed = None;
        }
        if !taken {
            let answer = reply.done(PushStatus::CpiTagMismatch).with_tag(cpi.tag());
            return Step::Answer(answer.because("cpiTag"));
        }
        let knows = (state == TagState::Current).then(|| self.knows(cpi.tag()));
        let judging = Judging {
            reply,
            stale: state == TagState::Stale,
            tag: (state != TagState::Current).then(|| cpi.tag()),
            notice: knows.flatten(),
        };
        ContentPush::step(head, fields, judging, &self.terminal, &mut self.spellings)
    }

    fn knows(&self, tag: CpiTag) -> Option<Notice> {
        self.ppg().map(|ppg| Notice::Knows {
            ppg: ppg.clone(),
            tag,
        })
    }
}

impl Registering {
    /// Whether [`answer`](Self::answer) wants to know if a whitelist names the peer: it does not where the peer is a provisioned
    /// gateway that is identified.
    pub const fn needs_listing(&self) -> bool {
        !self.reply.known
    }

    /// The answer. `listed` is whether a whitelist that counts anywhere names the peer, where that is
    /// [needed](Self::needs_listing).
    ///
    /// An answer that refuses who is not known says nothing of the terminal: neither its CPI nor its Terminal-ID, in credentials or
    /// without, nor its bearer.
    //= specs/ota-http.md#registration
    //# The answer to a registration that shows no CPITag and is not refused MUST carry the terminal's CPI headers.
    //= specs/ota-http.md#registration
    //# The answer to a registration that shows no CPITag and is not refused MUST carry the terminal's CPITag.
    //= specs/ota-http.md#registration
    //# The answer to a registration that shows another CPITag than the terminal's and is not refused MUST carry the CPI headers and the CPITag.
    //= specs/ota-http.md#identification
    //# The answer to a registration MUST carry X-Wap-Terminal-Id, unless the request asks the terminal to authenticate itself or the answer asks the gateway to.
    //= specs/ota-http.md#bearer-indication
    //# The answer to a registration MUST carry X-Wap-Bearer-Indication.
    pub fn answer(self, connection: &mut Connection, listed: bool, cpi: &Cpi) -> Answer {
        if !listed && self.needs_listing() {
            let reply = self.reply.saying_nothing();
            let answer = reply.done(PushStatus::RegistrationRefused);
            return answer.because("notListed");
        }
        let knows = connection.knows(cpi.tag());
        let current = connection.tag_state(self.tag.as_deref(), cpi) == TagState::Current;
        let mut reply = self.reply;
        reply.introduction = None;
        let answer = if current {
            reply.done(PushStatus::Registered)
        } else {
            connection.assumed = None;
            let answer = reply.done(PushStatus::RegisteredCpiTagMismatch);
            let mut answer = answer.with_tag(cpi.tag());
            for (name, value) in cpi.headers() {
                answer.add_named(name, value);
            }
            answer
        };
        let introduction = connection.introduction(self.context, self.challenged);
        answer.introducing(&introduction).with_notice(knows)
    }
}

/// A request of a peer that may make it.
struct Admitted {
    reply: Reply,
    context: Option<usize>,
    challenged: bool,
}

/// The CPITag that the request shows; an empty one is none. One that is no text is not ours, whatever it is.
fn shown_tag<'a>(fields: &Fields<'a>) -> Option<&'a str> {
    let value = fields.cpi_tag.octets()?.trim_ascii();
    (!value.is_empty()).then(|| str::from_utf8(value).unwrap_or_default())
}

const fn shut_for(authentication: Authentication) -> Gate {
    let (digest, basic) = match authentication {
        Authentication::Basic => (false, true),
        Authentication::Digest => (true, false),
        Authentication::None | Authentication::Any => (true, true),
    };
    Gate::Shut { digest, basic }
}

fn done(reply: Reply, status: PushStatus, reason: &'static str) -> Box<Answer> {
    Box::new(reply.done(status).because(reason))
}

//= specs/ota-http.md#terminal-authentication
//# A challenge that the terminal does not accept MUST be answered with HTTP status 412.
fn refuse_demand(demand: &Demand, why: Unmet, mut reply: Reply) -> Box<Answer> {
    reply.authorization = header_value(&demand.refusal(why));
    let status = match why {
        Unmet::Retry => reply.kind.try_again(),
        Unmet::NoRetry => reply.kind.refused(),
    };
    let answer = reply.with(StatusCode::PRECONDITION_FAILED, status);
    Box::new(answer.because("challenge"))
}

#[cfg(test)]
mod tests;
