//! Session helpers, as far as the driver knows them: whoever carries out handlers takes them in, and says whose events may go on.

use std::fmt::Debug;

use push_api::{Caller, SessionAnswer, SessionAnswered, SessionTasks};
use push_core::{Input, RegistrationId};
use push_message::{Reason, Refusal};

use crate::client::Client;
use crate::engine::Request;
use crate::handlers::HandlerHost;

/// What takes session helpers in.
pub trait SessionHelpers: Debug + Send + Sync + 'static {
    /// Takes the caller as the helper of its user.
    ///
    /// # Errors
    /// See [`PushService::session_tasks`](push_api::PushService::session_tasks).
    fn connect(&self, caller: &Caller) -> Result<ConnectedHelper, Refusal>;

    /// Takes the answers of the helper of the caller's user.
    ///
    /// # Errors
    /// See [`PushService::session_answers`](push_api::PushService::session_answers).
    fn answer(
        &self,
        caller: &Caller,
        answers: Vec<SessionAnswer>,
    ) -> Result<SessionAnswered, Refusal>;
}

/// A session helper that has connected.
#[derive(Debug)]
pub struct ConnectedHelper {
    /// What it is to do.
    pub tasks: Box<dyn SessionTasks>,
    /// Registrations whose handlers could not be reached for want of it.
    pub missed: Vec<RegistrationId>,
}

impl Client {
    pub(crate) fn session_helpers(&self) -> Result<&dyn SessionHelpers, Refusal> {
        let host = self.handler_host();
        host.and_then(HandlerHost::session_helpers).ok_or_else(|| {
            let detail = "session helpers are not taken here: `dbus:` is not served";
            Refusal::new(Reason::UnsupportedOption, detail)
        })
    }

    /// Takes a session helper in; handlers that failed for want of it are tried at once.
    pub(crate) async fn connect_session_helper(
        &self,
        helpers: &dyn SessionHelpers,
        caller: &Caller,
    ) -> Result<Box<dyn SessionTasks>, Refusal> {
        let ConnectedHelper { tasks, missed } = helpers.connect(caller)?;
        for registration in missed {
            self.handler_returned(registration).await;
        }
        Ok(tasks)
    }

    /// Says that a handler that could not be reached may be reachable again: it rests no longer.
    pub async fn handler_returned(&self, registration: RegistrationId) {
        let input = Input::HandlerReturned { registration };
        // An engine that has ended wants no handler.
        self.send(Request::Tell(input)).await.ok();
    }
}
