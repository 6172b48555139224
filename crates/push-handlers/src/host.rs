//! Which schemes there are, and what they say of a handler before it is taken.

use std::sync::Arc;

use push_api::Caller;
use push_client::{
    Boxed, HandlerHost, RegistrationId, RegistrationRecord, SessionHelpers, handler_scheme,
};
use push_message::{Reason, Refusal};

use crate::{Scheme, SessionHelperTable};

/// The option of Push-CAI that names an event handler.
pub(crate) const OPTION: &str = "eventHandler";

/// The schemes of event handlers that are served (Push-CAI 5.1, `eventHandler`).
#[derive(Debug, Default)]
pub struct Handlers {
    schemes: Vec<Arc<dyn Scheme>>,
    session_helpers: Option<SessionHelperTable>,
}

impl Handlers {
    /// These. Where two know the same name, the first is asked.
    pub fn new(schemes: Vec<Arc<dyn Scheme>>) -> Self {
        Self {
            schemes,
            session_helpers: None,
        }
    }

    /// Takes session helpers in.
    #[must_use]
    pub fn with_session_helpers(mut self, helpers: SessionHelperTable) -> Self {
        self.session_helpers = Some(helpers);
        self
    }

    /// Who serves a handler.
    pub fn scheme_of(&self, handler: &str) -> Option<&Arc<dyn Scheme>> {
        let name = handler_scheme(handler)?;
        self.schemes
            .iter()
            .find(|scheme| scheme.names().contains(&name.as_str()))
    }

    /// What the application of a registration was to hear of it holds no longer. Who was to tell it may have been any scheme: an
    /// application may register with another.
    pub(crate) fn outdated(&self, record: &RegistrationRecord) {
        for scheme in &self.schemes {
            scheme.outdated(record);
        }
    }

    fn names(&self, public: bool) -> Vec<String> {
        let fitting = self
            .schemes
            .iter()
            .filter(|scheme| scheme.is_public() == public);
        fitting
            .flat_map(|scheme| scheme.names().iter().map(|name| (*name).to_owned()))
            .collect()
    }

    fn unknown(&self, handler: &str) -> Refusal {
        let Some(name) = handler_scheme(handler) else {
            let detail = format!("`{handler}` has no scheme; write it as `exec:NAME`");
            return refusal(Reason::InvalidRequest, detail);
        };
        let served = self.names(true);
        let detail = if served.is_empty() {
            format!(
                "event handlers `{name}:` are not served here, nor are others; take events over a connection"
            )
        } else {
            format!(
                "event handlers `{name}:` are not served here; those that are: {}:",
                served.join(":, ")
            )
        };
        refusal(Reason::UnsupportedOption, detail)
    }
}

impl HandlerHost for Handlers {
    fn schemes(&self) -> Vec<String> {
        self.names(true)
    }

    fn own_schemes(&self) -> Vec<String> {
        self.names(false)
    }

    fn check<'a>(&'a self, caller: &'a Caller, handler: &'a str) -> Boxed<'a, Result<(), Refusal>> {
        match self.scheme_of(handler) {
            Some(scheme) if scheme.is_public() => scheme.check(caller, handler),
            Some(_) | None => {
                let refusal = self.unknown(handler);
                Box::pin(async move { Err(refusal) })
            }
        }
    }

    fn secret(&self, registration: RegistrationId, handler: &str) -> Option<String> {
        self.scheme_of(handler)?.secret(registration, handler)
    }

    fn session_helpers(&self) -> Option<&dyn SessionHelpers> {
        let helpers = self.session_helpers.as_ref()?;
        Some(helpers)
    }
}

/// An event handler is not taken, for this reason.
pub(crate) fn refusal(reason: Reason, detail: impl Into<String>) -> Refusal {
    Refusal::of_option(reason, OPTION, detail)
}

/// Whoever asks may not name an event handler.
pub(crate) fn not_allowed(detail: impl Into<String>) -> Refusal {
    refusal(Reason::NotAuthorized, detail)
}

/// What an event handler names is not there.
pub(crate) fn not_available(detail: impl Into<String>) -> Refusal {
    refusal(Reason::OptionNotAvailable, detail)
}

/// A handler names nothing (`what` it would be) that this owner may name. Whether there is none or it is another owner's is not told.
/// `open` is what the owner may name, and `listed` where the administrator says so.
pub(crate) fn not_nameable(
    handler: &str,
    owner: &str,
    what: &str,
    open: &[String],
    listed: &str,
) -> Refusal {
    let rest = if open.is_empty() {
        format!(", nor is there another; {listed}")
    } else {
        format!("; those that it may: {}", open.join(", "))
    };
    not_available(format!(
        "`{handler}` names no {what} that {owner} may name{rest}"
    ))
}
