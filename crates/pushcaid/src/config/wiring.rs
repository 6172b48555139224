//! From the configuration to the settings of the parts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use push_client::modem::{ModemManagerSettings, OfonoSettings};
use push_client::short_messages::ShortMessageSettings;
use push_client::sia::SiaSettings;
use push_client::smpp::SmppSettings;
use push_client::{ClientSettings, Durability, OtaHttpSettings, OtaWspSettings, StoreSettings};
use push_core::Settings;
use push_dbus::DbusSettings;
use push_handlers::imports::OWNER;
use push_http::HttpSettings;
use push_message::{Accept, Address, DefaultWhitelistEntry, MediaType, PushApplicationId};
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::checks::{at_least_a_millisecond, at_least_one};
use super::value::Span;
use super::{
    Config, DurabilityName, HandlersWiring, LimitedEntry, PeersWiring, SipWiring, WhitelistEntry,
};

/// The settings of the parts, every value of the configuration parsed.
#[derive(Debug)]
pub struct Wiring {
    /// Of the machine.
    pub core: Settings,
    /// Of the driver.
    pub client: ClientSettings,
    /// Of the store.
    pub store: StoreSettings,
    /// What an accepted push survives.
    pub durability: Durability,
    /// The database.
    pub database: PathBuf,
    /// Of push over WSP.
    pub ota_wsp: OtaWspSettings,
    /// Of short messages.
    pub short_messages: ShortMessageSettings,
    /// Of push over HTTP.
    pub ota_http: OtaHttpSettings,
    /// Of push over SIP, where it is on.
    pub ota_sip: Option<SipWiring>,
    /// Of the Session Initiation Application, whatever protocol is asked for.
    pub session_initiation: SiaSettings,
    /// Message centres that short messages come from.
    pub message_centres: Vec<SmppSettings>,
    /// Of short messages from ModemManager, where they are taken.
    pub modem_manager: Option<ModemManagerSettings>,
    /// Of pushes from oFono, where they are taken.
    pub ofono: Option<OfonoSettings>,
    /// Of event handlers.
    pub handlers: HandlersWiring,
    /// Of what exists for other push daemons.
    pub peers: PeersWiring,
    /// Of the interface for applications on D-Bus, where it is served.
    pub dbus: Option<DbusSettings>,
    /// Of the interface for applications.
    pub http: HttpSettings,
    /// The mode of the Unix socket.
    pub socket_mode: u32,
    /// What is logged.
    pub log: Targets,
}

/// A value that is of the right type but means nothing.
#[derive(Debug)]
pub struct Wrong {
    pub(crate) section: &'static str,
    /// Which table of an array of them, counted from 0.
    pub(crate) index: Option<usize>,
    pub(crate) key: &'static str,
    pub(crate) message: String,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            section,
            index,
            key,
            message,
        } = self;
        match index {
            Some(index) => write!(f, "[[{section}]] number {}, {key}: {message}", index + 1),
            None => write!(f, "[{section}] {key}: {message}"),
        }
    }
}

impl std::error::Error for Wrong {}

/// A table of an array of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    section: &'static str,
    index: usize,
}

impl Place {
    /// The table with this number, counted from 0, of the array `section`.
    pub(super) const fn new(section: &'static str, index: usize) -> Self {
        Self { section, index }
    }

    /// Names the key at fault.
    pub(super) fn wrong(self, key: &'static str) -> impl Fn(&dyn std::fmt::Display) -> Wrong {
        move |message| Wrong {
            section: self.section,
            index: Some(self.index),
            key,
            message: message.to_string(),
        }
    }
}

/// Names the key at fault.
pub(super) fn wrong(
    section: &'static str,
    key: &'static str,
) -> impl Fn(&dyn std::fmt::Display) -> Wrong {
    move |message| Wrong {
        section,
        index: None,
        key,
        message: message.to_string(),
    }
}

impl Config {
    /// The settings of the parts.
    pub fn wiring(&self) -> Result<Wiring, Wrong> {
        if self.api.tcp.is_some() && self.api.token_file.is_none() {
            let message =
                "HTTP over TCP needs token_file: a connection over TCP has no user to be known by";
            return Err(wrong("api", "tcp")(&message));
        }
        self.refuse_nothing()?;
        Ok(Wiring {
            core: self.core_settings()?,
            client: self.client_settings(),
            store: self.store_settings()?,
            durability: self.store.durability.into(),
            database: self.general.state_dir.join("pushcai.db"),
            ota_wsp: self.ota_wsp()?,
            short_messages: self.sms.settings()?,
            ota_http: self.ota_http()?,
            ota_sip: self.ota_sip()?,
            session_initiation: self.ota_http.sia_settings()?,
            message_centres: self.sms.message_centres()?,
            modem_manager: self.modem_manager()?,
            ofono: self.ofono()?,
            handlers: self.handlers_wiring()?,
            dbus: self.dbus.settings(&self.api)?,
            peers: self.peers()?,
            http: self.http_settings(),
            socket_mode: socket_mode(&self.api.socket_mode)?,
            log: log_targets(&self.log.level)?,
        })
    }

    fn handlers_wiring(&self) -> Result<HandlersWiring, Wrong> {
        let mut wiring = self
            .handlers
            .wiring(self.delivery.acknowledgement_timeout, self.state_dir())?;
        let sessions = Arc::new(wiring.session_helpers.clone());
        wiring.schemes.push(self.dbus.scheme(sessions)?);
        Ok(wiring)
    }

    /// Where things are kept beside the store, unless nothing is written.
    fn state_dir(&self) -> Option<&Path> {
        let writes = self.store.durability != DurabilityName::None;
        writes.then_some(&*self.general.state_dir)
    }

    fn modem_manager(&self) -> Result<Option<ModemManagerSettings>, Wrong> {
        let memory = self
            .state_dir()
            .map(|directory| directory.join("modem-manager.taken"));
        Ok(self
            .sms
            .modem_manager()?
            .map(|settings| ModemManagerSettings {
                memory,
                show_personal_data: self.log.personal_data,
                ..settings
            }))
    }

    fn ofono(&self) -> Result<Option<OfonoSettings>, Wrong> {
        Ok(self.sms.ofono()?.map(|settings| OfonoSettings {
            show_personal_data: self.log.personal_data,
            ..settings
        }))
    }

    fn ota_wsp(&self) -> Result<OtaWspSettings, Wrong> {
        let settings = self.ota_wsp.settings()?;
        let patience = self.ota_wsp.announce_patience;
        if settings.sessions.is_some() {
            self.check_patience("ota_wsp", patience)?;
        }
        Ok(settings)
    }

    /// What is waited for as long as a registration may take would never be known.
    fn check_patience(&self, section: &'static str, patience: Span) -> Result<(), Wrong> {
        let all = self.applications.announce_timeout;
        if patience.0 >= all.0 {
            let message = format!(
                "{patience} is no less than [applications] announce_timeout, {all}: a registration would be given up while a \
                 server may still agree"
            );
            return Err(wrong(section, "announce_patience")(&message));
        }
        Ok(())
    }

    fn ota_sip(&self) -> Result<Option<SipWiring>, Wrong> {
        let instance = self
            .state_dir()
            .map(|directory| directory.join("sip-instance"));
        let wiring = self.ota_sip.settings(instance)?;
        if wiring.is_some() {
            self.check_patience("ota_sip", self.ota_sip.announce_patience)?;
        }
        Ok(wiring)
    }

    fn ota_http(&self) -> Result<OtaHttpSettings, Wrong> {
        let ota_http = &self.ota_http;
        let settings = ota_http.settings(self.applications.confirm)?;
        if settings.is_on() {
            self.check_patience("ota_http", ota_http.announce_patience)?;
        }
        let dial = Span(
            ota_http
                .dial_timeout
                .0
                .saturating_add(ota_http.handshake_timeout.0),
        );
        if settings.is_on() && ota_http.announce_patience.0 <= dial.0 {
            let message = format!(
                "{} is no more than dial_timeout and handshake_timeout together, {dial}: a registration would be answered \
                 before it is known why a gateway is not reached",
                ota_http.announce_patience
            );
            return Err(wrong("ota_http", "announce_patience")(&message));
        }
        Ok(settings)
    }

    fn core_settings(&self) -> Result<Settings, Wrong> {
        let Self {
            applications,
            delivery,
            handlers,
            queue,
            duplicates,
            engine,
            whitelist,
            ..
        } = self;
        let default_whitelist = whitelist
            .default
            .iter()
            .map(default_entry)
            .collect::<Result<_, _>>()?;
        Ok(Settings {
            default_whitelist,
            resolve_interval: whitelist.resolve_interval.0,
            own_content_types: self.own_content_types()?,
            default_applications: self.default_applications()?,
            omna_only: applications.omna_only,
            allowed_owners: applications.allowed_owners.clone(),
            own_owners: vec![OWNER.to_owned()],
            confirm: applications.confirm,
            announce_timeout: applications.announce_timeout.0,
            max_registrations: applications.max_registrations,
            max_registrations_per_owner: applications.max_registrations_per_owner,
            max_registrations_per_user: applications.max_registrations_per_user,
            max_whitelist: applications.max_whitelist,
            max_profiles: applications.max_profiles,
            event_lifetime: delivery.event_lifetime.0,
            acknowledgement_timeout: delivery.acknowledgement_timeout.0,
            max_attempts: delivery.max_attempts,
            backoff_base: delivery.backoff_base.0,
            backoff_limit: delivery.backoff_limit.0,
            handler_backoff_base: handlers.backoff_base.0,
            handler_backoff_limit: handlers.backoff_limit.0,
            activation_timeout: handlers.activation_timeout.0,
            max_window: delivery.max_window,
            max_completed: delivery.max_completed,
            max_subscribers_per_owner: delivery.max_subscribers_per_owner,
            max_subscribers_per_user: delivery.max_subscribers_per_user,
            max_queue_events: queue.max_queue_events,
            max_queue_octets: queue.max_queue_octets.0,
            max_total_octets: queue.max_total_octets.0,
            max_octets_per_user: queue.max_octets_per_user.0,
            hold_unmatched: queue.hold_unmatched.0,
            max_held_events: queue.max_held_events,
            max_dead_letters: queue.max_dead_letters,
            max_dead_letters_per_user: queue.max_dead_letters_per_user,
            duplicate_window: duplicates.window.0,
            max_remembered: duplicates.max_remembered,
            max_waiting_requests: engine.max_waiting_requests,
            ..Settings::default()
        })
    }

    /// Refuses zero where it would give no event, or no request, a chance to arrive.
    fn refuse_nothing(&self) -> Result<(), Wrong> {
        let Self {
            api,
            delivery,
            http,
            ..
        } = self;
        at_least_one(
            "api",
            [
                ("max_sandbox_lookups", api.max_sandbox_lookups),
                (
                    "max_sandbox_lookups_per_user",
                    api.max_sandbox_lookups_per_user,
                ),
            ],
        )?;
        at_least_a_millisecond(
            "delivery",
            [
                ("event_lifetime", delivery.event_lifetime),
                ("acknowledgement_timeout", delivery.acknowledgement_timeout),
                ("backoff_base", delivery.backoff_base),
                ("backoff_limit", delivery.backoff_limit),
            ],
        )?;
        at_least_a_millisecond(
            "http",
            [
                ("header_timeout", http.header_timeout),
                ("body_timeout", http.body_timeout),
                ("idle_timeout", http.idle_timeout),
                ("write_timeout", http.write_timeout),
            ],
        )?;
        at_least_one(
            "delivery",
            [
                ("max_attempts", delivery.max_attempts as usize),
                ("max_window", delivery.max_window as usize),
            ],
        )?;
        at_least_one(
            "http",
            [
                ("max_connections", http.max_connections),
                ("max_connections_per_owner", http.max_connections_per_owner),
                ("max_connections_per_user", http.max_connections_per_user),
                ("max_waits", http.max_waits),
                ("max_body_octets", http.max_body_octets.0),
                ("max_fetch", http.max_fetch as usize),
                ("events_per_write", http.events_per_write),
            ],
        )
    }

    fn own_content_types(&self) -> Result<Vec<MediaType>, Wrong> {
        let wrong = wrong("applications", "content_types");
        let types = self.applications.content_types.iter();
        types
            .map(|text| MediaType::parse(text).map_err(|error| wrong(&error)))
            .collect()
    }

    fn default_applications(&self) -> Result<Vec<(MediaType, PushApplicationId)>, Wrong> {
        let wrong = wrong("applications", "default_applications");
        let parse = |entry: &super::DefaultApplication| {
            let media_type =
                MediaType::parse(&entry.content_type).map_err(|error| wrong(&error))?;
            let application =
                PushApplicationId::parse(&entry.application).map_err(|error| wrong(&error))?;
            Ok((media_type, application))
        };
        self.applications
            .default_applications
            .iter()
            .map(parse)
            .collect()
    }

    fn client_settings(&self) -> ClientSettings {
        let Self {
            ota_wsp, engine, ..
        } = self;
        ClientSettings {
            receive_buffer: ota_wsp.receive_buffer.0,
            datagram_limits: ota_wsp.limits(),
            datagram_batch: engine.datagram_batch.max(1),
            max_unwritten: self.store.max_unwritten.max(1),
            group_changes: self.store.group_changes.max(1),
            request_queue: engine.request_queue,
            max_resolving: engine.max_resolving,
            recent_refusals: engine.recent_refusals,
            handler_reports: engine.handler_reports,
            handler_report_octets: engine.handler_report_octets.0,
            max_watchers: engine.max_watchers,
            max_watchers_per_owner: engine.max_watchers_per_owner,
            max_watchers_per_user: engine.max_watchers_per_user,
            watch_queue: engine.watch_queue.max(1),
            watch_octets: engine.watch_octets.0,
            registration_changes: engine.registration_changes,
            show_personal_data: self.log.personal_data,
        }
    }

    fn store_settings(&self) -> Result<StoreSettings, Wrong> {
        let page_cache = u32::try_from(self.store.page_cache.0);
        let max_remembered = u32::try_from(self.duplicates.max_remembered);
        Ok(StoreSettings {
            page_cache_octets: page_cache
                .map_err(|_| wrong("store", "page_cache")(&"at most 4 GiB"))?,
            checkpoint_frames: self.store.checkpoint_pages,
            shared_rows_from: self.store.shared_rows_from,
            max_remembered: max_remembered
                .map_err(|_| wrong("duplicates", "max_remembered")(&"at most 4294967295"))?,
            max_pages: self.store.max_pages,
            ..StoreSettings::default()
        })
    }

    fn http_settings(&self) -> HttpSettings {
        let Self { api, http, .. } = self;
        HttpSettings {
            identity: api.identity.into(),
            max_sandbox_lookups: api.max_sandbox_lookups,
            max_sandbox_lookups_per_user: api.max_sandbox_lookups_per_user,
            hosts: api.hosts.clone(),
            max_connections: http.max_connections,
            max_connections_per_owner: http.max_connections_per_owner,
            max_connections_per_user: http.max_connections_per_user,
            max_waits: http.max_waits,
            max_header_octets: http.max_header_octets.0,
            max_body_octets: http.max_body_octets.0,
            max_fetch: http.max_fetch,
            max_wait: http.max_wait.0,
            events_per_write: http.events_per_write,
            header_timeout: http.header_timeout.0,
            body_timeout: http.body_timeout.0,
            idle_timeout: http.idle_timeout.0,
            write_timeout: http.write_timeout.0,
            heartbeat: http.heartbeat.0,
            retry: http.retry.0,
            shutdown_timeout: http.shutdown_timeout.0,
            ..HttpSettings::default()
        }
    }
}

/// A word without `=` is a level, though the library would take any other for a target with everything of it.
fn log_targets(text: &str) -> Result<Targets, Wrong> {
    let wrong = wrong("log", "level");
    let words = text.split(',').map(str::trim);
    let mut levels = words.filter(|word| !word.contains('='));
    if let Some(word) = levels.find(|word| word.parse::<LevelFilter>().is_err()) {
        return Err(wrong(&format!(
            "`{word}` is no level; write `error`, `warn`, `info`, `debug`, `trace` or `off`, and a target as \
             `push_client=trace`"
        )));
    }
    text.parse().map_err(|error| wrong(&error))
}

fn default_entry(entry: &WhitelistEntry) -> Result<DefaultWhitelistEntry, Wrong> {
    let wrong = wrong("whitelist", "default");
    let address = |text: &str| Address::parse(text).map_err(|error| wrong(&error));
    let LimitedEntry {
        address: text,
        applications,
        accept,
    } = match entry {
        WhitelistEntry::Address(text) => {
            return address(text).map(DefaultWhitelistEntry::unlimited);
        }
        WhitelistEntry::Limited(limited) => limited,
    };
    let applications = applications
        .iter()
        .map(|id| PushApplicationId::parse(id).map_err(|error| wrong(&error)));
    Ok(DefaultWhitelistEntry {
        address: address(text)?,
        applications: applications.collect::<Result<_, _>>()?,
        content_types: accept
            .as_deref()
            .map(Accept::parse)
            .transpose()
            .map_err(|error| wrong(&error))?,
    })
}

fn socket_mode(text: &str) -> Result<u32, Wrong> {
    let mode = u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| {
        wrong("api", "socket_mode")(&format!(
            "`{text}` is no file mode; write octal digits, such as \"0660\""
        ))
    })
}
