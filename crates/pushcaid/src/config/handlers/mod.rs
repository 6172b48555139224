//! `[handlers]` and the tables within: the ways to start applications when their events wait.

mod exec;
mod session;
mod systemd;
#[cfg(test)]
mod tests;
mod web;

use std::path::Path;
use std::sync::Arc;

use push_core::Settings;
use push_handlers::exec::Exec;
use push_handlers::{RunnerSettings, Scheme, SessionHelperTable};

use super::checks::{at_least_a_millisecond, at_least_one};
use super::section::section;
use super::value::{Octets, Span};
use super::wiring::{Wrong, wrong};

section! {
    /// Event handlers: applications that are reached where they live when their events wait. These bounds are common to all.
    Handlers, "handlers" {
        /// Registrations whose handlers are at work at a time; the others wait for their turn.
        max_at_work: usize = RunnerSettings::default().max_at_work,
        /// Of these, registrations of one owner: whoever names many handlers that hang keeps no other owner waiting.
        max_at_work_per_owner: usize = RunnerSettings::default().max_at_work_per_owner,
        /// Of these, registrations of one user, those of its sandboxed applications included.
        max_at_work_per_user: usize = RunnerSettings::default().max_at_work_per_user,
        /// Events that one handler is given before it makes room for those that wait.
        events_per_turn: u32 = RunnerSettings::default().events_per_turn,
        /// How long it may take to reach an application, and how long an application may take to answer on an event before the
        /// event counts as `later`. Less than `[delivery] acknowledgement_timeout`.
        event_timeout: Span = Span(RunnerSettings::default().event_timeout),
        /// For how long a handler rests that could not be reached; it doubles with each failure in a row.
        backoff_base: Span = Span(Settings::default().handler_backoff_base),
        /// The longest that a handler rests by itself; a webhook may ask for more.
        backoff_limit: Span = Span(Settings::default().handler_backoff_limit),
        /// How long it may take until an application takes its events once its handler was asked for; then the handler counts as
        /// failed.
        activation_timeout: Span = Span(Settings::default().activation_timeout),
        /// How long what is under way may take when the daemon ends.
        stop_timeout: Span = Span(RunnerSettings::default().stop_timeout),
        /// Octets of what a handler said on an event that are kept for `pushcai explain`.
        kept_output: Octets = Octets(RunnerSettings::default().kept_output),
        /// What keeps commands from the rest of the system: `systemd`, each runs in a hardened transient unit; `own`, limits of the daemon's
        /// own making; or `auto`, units where systemd runs the system and lets the daemon start them, else `own`, and systemd is asked again
        /// after `backoff_base`, which doubles up to `backoff_limit`.
        isolation: IsolationName = IsolationName::Auto,
        /// Commands, one table `[[handlers.exec]]` each.
        exec: Vec<ExecTable> = Vec::new(),
        /// Units.
        systemd: SystemdTable = SystemdTable::default(),
        /// Webhooks.
        webhooks: WebhooksTable = WebhooksTable::default(),
        /// Unix sockets.
        unix: UnixTable = UnixTable::default(),
        /// Session helpers.
        session_helpers: SessionHelpersTable = SessionHelpersTable::default(),
    }
}

pub use exec::ExecTable;
pub use session::SessionHelpersTable;
pub use systemd::{IsolationName, SystemdTable};
pub use web::{PlainHttpName, UnixTable, WebhooksTable};

/// What the handlers of the daemon are made from.
#[derive(Debug)]
pub struct HandlersWiring {
    /// The bounds that are common to all.
    pub runner: RunnerSettings,
    /// Those that are served.
    pub schemes: Vec<Arc<dyn Scheme>>,
    /// The session helpers that are connected.
    pub session_helpers: SessionHelperTable,
}

impl Handlers {
    /// The handlers, where an application may take so long to acknowledge, and where things are kept, if they are.
    pub(super) fn wiring(
        &self,
        acknowledgement_timeout: Span,
        state_dir: Option<&Path>,
    ) -> Result<HandlersWiring, Wrong> {
        let commands = exec::commands(&self.exec, acknowledgement_timeout, self.kept_output.0)?;
        let manager = systemd::manager(&self.systemd)?;
        let units = systemd::scheme(&self.systemd, Arc::clone(&manager), self.activation_timeout)?;
        let exec = Exec::new(commands, self.isolation.into(), manager);
        let mut schemes: Vec<Arc<dyn Scheme>> = vec![
            Arc::new(exec.with_backoff(self.backoff_base.0, self.backoff_limit.0)),
            Arc::new(units),
        ];
        schemes.extend(web::schemes(
            &self.webhooks,
            &self.unix,
            self.event_timeout,
            state_dir,
        )?);
        let session_helpers = SessionHelperTable::new(self.session_helpers.settings()?);
        Ok(HandlersWiring {
            runner: self.runner(acknowledgement_timeout)?,
            schemes,
            session_helpers,
        })
    }

    fn refuse_nothing(&self) -> Result<(), Wrong> {
        let spans = [
            ("event_timeout", self.event_timeout),
            ("backoff_base", self.backoff_base),
            ("backoff_limit", self.backoff_limit),
            ("activation_timeout", self.activation_timeout),
        ];
        at_least_a_millisecond("handlers", spans)?;
        let numbers = [
            ("max_at_work", self.max_at_work),
            ("max_at_work_per_owner", self.max_at_work_per_owner),
            ("max_at_work_per_user", self.max_at_work_per_user),
            ("events_per_turn", self.events_per_turn as usize),
        ];
        at_least_one("handlers", numbers)
    }

    fn runner(&self, acknowledgement_timeout: Span) -> Result<RunnerSettings, Wrong> {
        let Self {
            max_at_work,
            max_at_work_per_owner,
            max_at_work_per_user,
            events_per_turn,
            event_timeout,
            stop_timeout,
            kept_output,
            ..
        } = self;
        self.refuse_nothing()?;
        if event_timeout.0 >= acknowledgement_timeout.0 {
            let message = format!(
                "{event_timeout} is no less than [delivery] acknowledgement_timeout, {acknowledgement_timeout}: an event would be \
                 delivered again while its handler is at work on it"
            );
            return Err(wrong("handlers", "event_timeout")(&message));
        }
        Ok(RunnerSettings {
            max_at_work: *max_at_work,
            max_at_work_per_owner: *max_at_work_per_owner,
            max_at_work_per_user: *max_at_work_per_user,
            events_per_turn: *events_per_turn,
            event_timeout: event_timeout.0,
            stop_timeout: stop_timeout.0,
            kept_output: kept_output.0,
        })
    }
}
