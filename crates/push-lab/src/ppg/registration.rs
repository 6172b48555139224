//! Registration with all that belongs to it (WAP-235 7.2.5, 7.2.6).

use std::sync::Arc;

use super::answer::Answer;
use super::authentication::{Challenge, Credential, Scheme};
use super::connection::{Connection, ConnectionError};
use super::cpi::Cpi;
use super::events::PpgEvent;
use super::gateway::Inner;
use super::message::{OptionsRequest, PATH};
use super::settings::{PpgSettings, Secret, TerminalAuthentication};

/// What a terminal told when it registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its Terminal-ID.
    pub terminal: String,
    /// The bearer that it named.
    pub bearer: Option<u8>,
    /// The tag of its CPI.
    pub tag: Option<String>,
    /// Its capabilities and preferences.
    pub cpi: Cpi,
    /// Whether they came with this answer (501), and not with an earlier one (500).
    pub conveyed: bool,
    /// Whether the terminal's credentials were checked and are right.
    pub authenticated: bool,
    /// The last answer.
    pub answer: Answer,
}

/// Why a registration came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The connection did not hold.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The terminal refuses.
    #[error("the terminal refuses: HTTP status {}, push status {:?}", answer.status, answer.push_code())]
    Refused {
        /// Its last answer.
        answer: Box<Answer>,
    },
    /// The terminal wants to know who the gateway is, and is not content with what it was told.
    #[error("the terminal wants other credentials, or any: {reason}")]
    NotAuthorized {
        /// What is missing.
        reason: String,
    },
    /// The terminal does not say who it is.
    #[error("the terminal's credentials are not accepted: {reason}")]
    TerminalNotAuthenticated {
        /// What is wrong with them.
        reason: String,
    },
    /// The answer breaks the protocol.
    #[error("the answer breaks the protocol: {reason}")]
    Protocol {
        /// How.
        reason: String,
    },
}

/// Asks until it is settled, and tells what came of it.
pub(super) async fn register(
    inner: &Arc<Inner>,
    connection: &Connection,
) -> Result<Registration, RegisterError> {
    let result = Dialogue::new(inner, connection).run().await;
    match &result {
        Ok(registration) => inner.log.tell(PpgEvent::Registered {
            connection: connection.id(),
            terminal: registration.terminal.clone(),
            bearer: registration.bearer,
            tag: registration.tag.clone(),
            cpi: registration.cpi.clone(),
            conveyed: registration.conveyed,
            authenticated: registration.authenticated,
        }),
        Err(error) => inner.log.tell(PpgEvent::NotRegistered {
            connection: connection.id(),
            reason: error.to_string(),
        }),
    }
    inner.changed();
    result
}

/// What a gateway must do next in an exchange in which credentials are asked for.
pub(super) enum Next {
    /// Nothing: the answer says what became of the request.
    Settled,
    /// To ask again.
    Again,
}

/// Credentials and challenges of one exchange, which may take several requests.
#[derive(Debug)]
pub(super) struct Authentication<'a> {
    settings: &'a PpgSettings,
    method: &'static str,
    /// What the terminal is asked.
    challenge: Option<Challenge>,
    retries_left: u32,
    /// What is wrong with the terminal's credentials, once `failed_noretry` was sent.
    given_up: Option<String>,
    authorization: Option<String>,
    authorizations_left: u32,
    proved: Option<String>,
}

impl<'a> Authentication<'a> {
    pub(super) fn new(settings: &'a PpgSettings, method: &'static str) -> Self {
        let scheme = match settings.authenticate {
            TerminalAuthentication::None => None,
            TerminalAuthentication::Basic => Some(Scheme::Basic),
            TerminalAuthentication::Digest => Some(Scheme::Digest),
        };
        let scheme = scheme.filter(|_| method == "OPTIONS" || settings.authenticate_pushes);
        Self {
            settings,
            method,
            challenge: scheme.map(|scheme| Challenge::new(scheme, &settings.id)),
            retries_left: settings.authentication_retries,
            given_up: None,
            authorization: None,
            // One for the challenge, and one for the case that its nonce has grown old.
            authorizations_left: 2,
            proved: None,
        }
    }

    /// The Terminal-ID that was proved.
    pub(super) fn proved(&self) -> Option<&str> {
        self.proved.as_deref()
    }

    /// The headers that the next request carries for it.
    pub(super) fn headers(&self) -> Vec<(String, String)> {
        let challenge = self.challenge.as_ref().filter(|_| self.proved.is_none());
        let challenge =
            challenge.map(|challenge| ("X-Wap-Authenticate".to_owned(), challenge.value()));
        let authorization = self.authorization.clone();
        let authorization = authorization.map(|value| ("Authorization".to_owned(), value));
        challenge.into_iter().chain(authorization).collect()
    }

    /// Looks at an answer.
    pub(super) fn judge(
        &mut self,
        connection: &Connection,
        answer: &Answer,
    ) -> Result<Next, RegisterError> {
        let credential = answer.header("X-Wap-Authorization");
        if let Some(reason) = self.given_up.take() {
            return Err(RegisterError::TerminalNotAuthenticated { reason });
        }
        if answer.status == 412 {
            return self.refused(credential);
        }
        if let Some(challenge) = self.challenge.clone().filter(|_| self.proved.is_none()) {
            match self.check(&challenge, credential) {
                Ok(user) => {
                    self.proved = Some(user);
                    connection.state().authenticated = true;
                }
                // A terminal that first wants to know who asks may keep its own credentials until then.
                Err(_) if answer.status == 401 && credential.is_none() => {}
                Err(reason) => return Ok(self.again(reason)),
            }
        }
        if answer.status == 401 {
            return self.authorize(connection, answer);
        }
        Ok(Next::Settled)
    }

    fn check(&self, challenge: &Challenge, credential: Option<&str>) -> Result<String, String> {
        let value = credential.ok_or("there are none")?;
        let credential = Credential::parse(value).ok_or_else(|| format!("{value:?} is none"))?;
        let user = credential
            .user()
            .ok_or("they are only a status")?
            .to_owned();
        let password = self
            .settings
            .password_of(&user)
            .ok_or_else(|| format!("{user:?} is not known"))?;
        challenge.check(&credential, password, self.method, PATH)?;
        Ok(user)
    }

    /// The terminal's credentials are wrong: the request goes out anew, and says whether another try is allowed.
    fn again(&mut self, reason: String) -> Next {
        let status = if self.retries_left > 0 {
            self.retries_left -= 1;
            "failed_retry"
        } else {
            self.given_up = Some(reason);
            "failed_noretry"
        };
        if let Some(challenge) = &mut self.challenge {
            let mut fresh = Challenge::new(challenge.scheme, &challenge.realm);
            fresh.status = Some(status.to_owned());
            *challenge = fresh;
        }
        Next::Again
    }

    /// The terminal does not accept the challenge.
    fn refused(&mut self, credential: Option<&str>) -> Result<Next, RegisterError> {
        let status = match credential.and_then(Credential::parse) {
            Some(Credential::Status(status)) => status,
            Some(Credential::Basic { .. } | Credential::Digest { .. }) | None => String::new(),
        };
        if status == "failed_retry" && self.retries_left > 0 {
            self.retries_left -= 1;
            if let Some(challenge) = &mut self.challenge {
                *challenge = Challenge::new(challenge.scheme, &challenge.realm);
            }
            return Ok(Next::Again);
        }
        Err(RegisterError::TerminalNotAuthenticated {
            reason: format!("it refuses the challenge, x-wap-auth-status {status:?}"),
        })
    }

    /// The terminal wants to know who the gateway is.
    fn authorize(
        &mut self,
        connection: &Connection,
        answer: &Answer,
    ) -> Result<Next, RegisterError> {
        let not_authorized = |reason: &str| RegisterError::NotAuthorized {
            reason: reason.to_owned(),
        };
        let challenges: Vec<_> = answer
            .all("WWW-Authenticate")
            .flat_map(Challenge::parse)
            .collect();
        let wanted = if self.settings.prefer_digest {
            Scheme::Digest
        } else {
            Scheme::Basic
        };
        let challenge = challenges
            .iter()
            .find(|challenge| challenge.scheme == wanted)
            .or_else(|| challenges.first())
            .ok_or_else(|| not_authorized("its answer names no scheme that is known here"))?;
        let password = self.settings.password.as_ref().map(Secret::reveal);
        let password = password.ok_or_else(|| not_authorized("the gateway has no password"))?;
        if self.authorizations_left == 0 {
            return Err(not_authorized("it does not accept the gateway's password"));
        }
        self.authorizations_left -= 1;
        // The same basic credentials twice would be refused twice.
        if challenge.scheme == Scheme::Basic {
            self.authorizations_left = 0;
        }
        self.authorization = Some(challenge.answer(&self.settings.id, password, self.method, PATH));
        connection.state().challenge = Some(challenge.clone());
        Ok(Next::Again)
    }
}

struct Dialogue<'a> {
    inner: &'a Arc<Inner>,
    connection: &'a Connection,
    /// The tag that the terminal is asked to compare.
    assumed: Option<String>,
}

impl<'a> Dialogue<'a> {
    fn new(inner: &'a Arc<Inner>, connection: &'a Connection) -> Self {
        Self {
            inner,
            connection,
            assumed: None,
        }
    }

    async fn run(mut self) -> Result<Registration, RegisterError> {
        self.assumed = self.assumed();
        let mut authentication = Authentication::new(&self.inner.settings, "OPTIONS");
        let mut retries_left = self.inner.settings.policy.retries;
        loop {
            let answer = self.ask(&authentication).await?;
            match authentication.judge(self.connection, &answer)? {
                Next::Again => {}
                Next::Settled if answer.push_code() == Some(300) && retries_left > 0 => {
                    retries_left -= 1;
                    tokio::time::sleep(self.inner.settings.policy.retry_delay).await;
                }
                Next::Settled => return self.settled(&authentication, answer),
            }
        }
    }

    /// The tag of a CPI that is still known here, of the terminal at the other end.
    fn assumed(&self) -> Option<String> {
        let (terminal, bearer) = self.connection.terminal()?;
        let store = self.inner.store();
        let context = store.context(&terminal, bearer)?;
        context.cpi()?;
        context.tag.clone()
    }

    async fn ask(&self, authentication: &Authentication<'_>) -> Result<Answer, ConnectionError> {
        let mut request = OptionsRequest::new();
        request.tag = match &self.assumed {
            Some(tag) => super::message::Tag::Exactly(tag.clone()),
            None => super::message::Tag::Absent,
        };
        request.headers = authentication.headers();
        self.connection.options(&request).await
    }

    fn settled(
        &self,
        authentication: &Authentication<'_>,
        answer: Answer,
    ) -> Result<Registration, RegisterError> {
        let protocol = |reason: &str| RegisterError::Protocol {
            reason: reason.to_owned(),
        };
        let conveyed = match answer.push_code() {
            Some(500) => false,
            Some(501) => true,
            _ => {
                return Err(RegisterError::Refused {
                    answer: Box::new(answer),
                });
            }
        };
        let terminal = authentication
            .proved()
            .or_else(|| answer.terminal_id())
            .map(str::to_owned)
            .or_else(|| self.connection.terminal().map(|(terminal, _)| terminal))
            .ok_or_else(|| protocol("it names no Terminal-ID"))?;
        let bearer = answer.bearer();
        let tag = answer.tag().map_or_else(
            || self.assumed.clone().filter(|_| !conveyed),
            |tag| Some(tag.to_owned()),
        );
        let cpi = self.cpi(&terminal, bearer, tag.as_deref(), conveyed, &answer)?;
        {
            let mut state = self.connection.state();
            state.terminal = Some((terminal.clone(), bearer));
            state.tag.clone_from(&tag);
        }
        Ok(Registration {
            terminal,
            bearer,
            tag,
            cpi,
            conveyed,
            authenticated: authentication.proved().is_some(),
            answer,
        })
    }

    /// The CPI that counts now: conveyed by this answer, or known from an earlier one.
    fn cpi(
        &self,
        terminal: &str,
        bearer: Option<u8>,
        tag: Option<&str>,
        conveyed: bool,
        answer: &Answer,
    ) -> Result<Cpi, RegisterError> {
        let mut store = self.inner.store();
        if conveyed {
            // Without room the context is not kept: each push then begins with a registration.
            store.convey(terminal, bearer, tag, answer.cpi());
            return Ok(answer.cpi());
        }
        let context = store.context(terminal, bearer);
        let known = context.and_then(|context| context.find(tag)).cloned();
        if let Some(tag) = tag {
            store.assume(terminal, bearer, tag);
        }
        known.ok_or_else(|| RegisterError::Protocol {
            reason: "it says that the tag matches, and no CPI is known under it".to_owned(),
        })
    }
}
