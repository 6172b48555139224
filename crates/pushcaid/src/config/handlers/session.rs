//! `[handlers.session_helpers]`

use push_handlers::SessionSettings;

use super::super::checks::{at_least_a_millisecond, at_least_one};
use super::super::section::section;
use super::super::value::Span;
use super::super::wiring::Wrong;

const SECTION: &str = "handlers.session_helpers";

section! {
    /// Session helpers (`pushcai session-helper`): processes of users that reach services (`eventHandler` `dbus:NAME`) on the message
    /// buses of their sessions. docs/dbus.md has an application by example.
    SessionHelpersTable, "handlers.session_helpers", ONCE {
        /// Users whose helpers are connected at a time.
        max_helpers: usize = SessionSettings::default().max_helpers,
        /// Tasks of one helper that are not answered, at a time.
        max_tasks: usize = SessionSettings::default().max_tasks,
        /// Registrations that are tried at once when their user's helper returns; others wait for the end of their rest.
        max_missed: usize = SessionSettings::default().max_missed,
        /// How long a helper may take to look for a service when a registration names it.
        check_timeout: Span = Span(SessionSettings::default().check_timeout),
        /// Events that a service is given before it has answered on the first.
        window: u32 = SessionSettings::default().window,
        /// How long a service that has answered on everything is held ready for the next event.
        linger: Span = Span(SessionSettings::default().linger),
    }
}

impl SessionHelpersTable {
    pub(super) fn settings(&self) -> Result<SessionSettings, Wrong> {
        let Self {
            max_helpers,
            max_tasks,
            max_missed,
            check_timeout,
            window,
            linger,
        } = self;
        let numbers = [
            ("max_helpers", *max_helpers),
            ("max_tasks", *max_tasks),
            ("window", *window as usize),
        ];
        at_least_one(SECTION, numbers)?;
        at_least_a_millisecond(SECTION, [("check_timeout", *check_timeout)])?;
        Ok(SessionSettings {
            max_helpers: *max_helpers,
            max_tasks: *max_tasks,
            max_missed: *max_missed,
            check_timeout: check_timeout.0,
            window: *window,
            linger: linger.0,
        })
    }
}
