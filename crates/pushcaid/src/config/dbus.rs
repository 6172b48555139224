//! `[dbus]`: the interface for applications on D-Bus, and services of D-Bus as event handlers.

use std::path::PathBuf;
use std::sync::Arc;

use push_dbus::DbusSettings;
use push_handlers::Scheme;
use push_handlers::dbus::{Bus, DbusScheme, DeliverySettings, SystemBus, SystemBusSettings};
use serde::{Deserialize, Serialize};

use super::Api;
use super::checks::{at_least_a_millisecond, at_least_one, bus_address};
use super::section::section;
use super::value::{Octets, Span};
use super::wiring::Wrong;

section! {
    /// D-Bus: the interface for applications (`org.pushcai.Client1`), and services of the system bus as event handlers (`dbus:NAME`).
    /// docs/dbus.md has both by example. What makes two connections the same owner is said by `[api] identity`.
    Dbus, "dbus" {
        /// Whether D-Bus is served: `auto`, where the bus is there and gives the name at the start; `always`, as soon as it does; or
        /// `never`. Once it is served, it is connected to again whenever it goes away.
        enabled: DbusEnabledName = DbusEnabledName::Auto,
        /// The bus: `system`, `session`, or an address of D-Bus such as `unix:path=/run/dbus/system_bus_socket`.
        address: String = "system".to_owned(),
        /// Octets of one message from the bus; a call that is larger is refused without being read.
        max_message: Octets = Octets(DbusSettings::default().max_message),
        /// Calls under way at a time.
        max_calls: usize = DbusSettings::default().max_calls,
        /// Calls of one connection under way at a time; a quarter of these before it is told whose it is.
        max_calls_per_connection: usize = DbusSettings::default().max_calls_per_connection,
        /// Calls of one owner under way at a time.
        max_calls_per_owner: usize = DbusSettings::default().max_calls_per_owner,
        /// Calls of one user under way at a time, those of its sandboxed applications included.
        max_calls_per_user: usize = DbusSettings::default().max_calls_per_user,
        /// Connections that are known at a time, a quarter of these before it is told whose they are. Of whoever has the most,
        /// the one that has been idle for longest gives way. Each takes a match rule at the bus, which has a bound on those as well.
        max_connections: usize = DbusSettings::default().max_connections,
        /// Connections of one owner that are known at a time.
        max_connections_per_owner: usize = DbusSettings::default().max_connections_per_owner,
        /// Connections of one user that are known at a time, those of its sandboxed applications included.
        max_connections_per_user: usize = DbusSettings::default().max_connections_per_user,
        /// Registrations of which it is remembered what one connection has heard of them. Of others it may hear twice that they are not
        /// what they were, and after a time with much to tell not that they are whole again.
        max_heard: usize = DbusSettings::default().max_heard,
        /// Events that one fetch may ask for.
        max_fetch: u32 = DbusSettings::default().max_fetch,
        /// How long one fetch may wait.
        max_wait: Span = Span(DbusSettings::default().max_wait),
        /// Octets in one answer to a fetch: content, headers, and what the content says (`decoded`). One event goes through whatever
        /// its size.
        max_answer: Octets = Octets(DbusSettings::default().max_answer_octets),
        /// Octets of content up to which it stands in the event itself; more goes by file descriptor.
        inline_content: Octets = Octets(DbusSettings::default().inline_content),
        /// How long polkit may take to say whether somebody may do what is an administrator's (docs/dbus.md), a password included that
        /// it asks for; `0s`: polkit is not asked, and root and the daemon's own user alone may.
        authorization_timeout: Span = Span(DbusSettings::default().authorization_timeout),
        /// How long the bus may take to answer, and a service to start.
        call_timeout: Span = Span(DbusSettings::default().call_timeout),
        /// The first pause before the bus is connected to again; it doubles.
        backoff_base: Span = Span(DbusSettings::default().backoff_base),
        /// The greatest pause.
        backoff_limit: Span = Span(DbusSettings::default().backoff_limit),
        /// How long what is under way may take when the daemon ends.
        shutdown_timeout: Span = Span(DbusSettings::default().shutdown_timeout),
        /// Events that an event handler is given before it has answered on the first.
        window: u32 = DeliverySettings::default().window,
        /// How long an event handler that has answered on everything is held ready for the next event.
        linger: Span = Span(DeliverySettings::default().linger),
        /// Where the files of services are that the bus may start; they say as which user.
        service_directories: Vec<PathBuf> = SystemBusSettings::default().service_directories,
        /// The bus is not told to look for new files more often than this.
        reload_interval: Span = Span(SystemBusSettings::default().reload_interval),
    }
}

/// Whether D-Bus is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DbusEnabledName {
    /// Where it can be at the start.
    Auto,
    /// As soon as it can be.
    Always,
    /// Never.
    Never,
}

impl Dbus {
    /// The settings of the interface, where it is served.
    pub(super) fn settings(&self, api: &Api) -> Result<Option<DbusSettings>, Wrong> {
        self.refuse_nothing()?;
        if self.enabled == DbusEnabledName::Never {
            return Ok(None);
        }
        Ok(Some(DbusSettings {
            address: bus_address("dbus", "address", &self.address)?,
            insist: self.enabled == DbusEnabledName::Always,
            identity: api.identity.into(),
            proc_path: DbusSettings::default().proc_path,
            max_sandbox_lookups: api.max_sandbox_lookups,
            max_sandbox_lookups_per_user: api.max_sandbox_lookups_per_user,
            max_message: self.max_message.0,
            max_calls: self.max_calls,
            max_calls_per_connection: self.max_calls_per_connection,
            max_calls_per_owner: self.max_calls_per_owner,
            max_calls_per_user: self.max_calls_per_user,
            max_connections: self.max_connections,
            max_connections_per_owner: self.max_connections_per_owner,
            max_connections_per_user: self.max_connections_per_user,
            max_heard: self.max_heard,
            max_fetch: self.max_fetch,
            max_wait: self.max_wait.0,
            max_answer_octets: self.max_answer.0,
            inline_content: self.inline_content.0,
            authorization_timeout: self.authorization_timeout.0,
            call_timeout: self.call_timeout.0,
            backoff_base: self.backoff_base.0,
            backoff_limit: self.backoff_limit.0,
            shutdown_timeout: self.shutdown_timeout.0,
        }))
    }

    /// Services of the bus as event handlers, where it is served, and behind them those on the buses of sessions.
    pub(super) fn scheme(&self, sessions: Arc<dyn Bus>) -> Result<Arc<dyn Scheme>, Wrong> {
        if self.enabled == DbusEnabledName::Never {
            return Ok(Arc::new(DbusScheme::new(vec![sessions])));
        }
        let settings = SystemBusSettings {
            address: bus_address("dbus", "address", &self.address)?,
            service_directories: self.service_directories.clone(),
            delivery: DeliverySettings {
                window: self.window,
                inline_content: self.inline_content.0,
                linger: self.linger.0,
            },
            call_timeout: self.call_timeout.0,
            max_message: self.max_message.0,
            reload_interval: self.reload_interval.0,
            ..SystemBusSettings::default()
        };
        let system: Arc<dyn Bus> = SystemBus::new(settings);
        Ok(Arc::new(DbusScheme::new(vec![system, sessions])))
    }

    fn refuse_nothing(&self) -> Result<(), Wrong> {
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let numbers = [
            ("max_calls", self.max_calls),
            ("max_calls_per_connection", self.max_calls_per_connection),
            ("max_calls_per_owner", self.max_calls_per_owner),
            ("max_calls_per_user", self.max_calls_per_user),
            ("max_connections", self.max_connections),
            ("max_connections_per_owner", self.max_connections_per_owner),
            ("max_connections_per_user", self.max_connections_per_user),
            ("max_fetch", count(self.max_fetch)),
            ("max_answer", self.max_answer.0),
            ("window", count(self.window)),
        ];
        at_least_one("dbus", numbers)?;
        let spans = [
            ("call_timeout", self.call_timeout),
            ("backoff_base", self.backoff_base),
            ("backoff_limit", self.backoff_limit),
        ];
        at_least_a_millisecond("dbus", spans)
    }
}
