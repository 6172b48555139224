//! `[handlers.webhooks]` and `[handlers.unix]`: events by HTTP.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use push_handlers::Scheme;
use push_handlers::web::{
    Networks, PlainHttp, PostSettings, Secrets, UnixSocketSettings, UnixSockets, WebhookSettings,
    Webhooks,
};
use push_message::Owner;
use serde::{Deserialize, Serialize};

use crate::config::checks::{at_least_a_millisecond, at_least_one};
use crate::config::secret;
use crate::config::section::section;
use crate::config::value::{Octets, Span};
use crate::config::wiring::{Wrong, wrong};

const WEBHOOKS: &str = "handlers.webhooks";
const UNIX: &str = "handlers.unix";

section! {
    /// Webhooks (`eventHandler` `https://…` and `http://…`): events as signed POST requests. docs/webhooks.md has them by example.
    /// What is said of connections and answers holds for `[handlers.unix]` as well.
    WebhooksTable, "handlers.webhooks", ONCE {
        /// Networks that webhooks may lead to beside the internet: `["127.0.0.1", "192.168.7.0/24"]`. Every address is judged when
        /// a webhook is registered, and again each time before it is connected to.
        allow_networks: Vec<String> = Vec::new(),
        /// Whether webhooks may lead to networks of private use: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and `fc00::/7`. Loopback,
        /// link-local and other special addresses have to be named in `allow_networks`.
        allow_private: bool = false,
        /// Where webhooks may go without TLS, which shows pushes to everybody on the way: `never`; `private`, to addresses in
        /// `allow_networks` and those that `allow_private` allows; or `anywhere`.
        allow_http: PlainHttpName = PlainHttpName::Private,
        /// Ports that webhooks may go to, and ranges of them.
        ports: Vec<String> = vec!["80".to_owned(), "443".to_owned(), "1024-65535".to_owned()],
        /// Owners that may name webhooks (`uid:1000`, `token:NAME`); absent: everyone.
        owners: Option<Vec<String>> = None,
        /// The file of the key that the secrets of webhooks and sockets are made from; absent: `webhook.key` in `state_dir`. It is
        /// made at first need, with mode 0600. Without it, or with another one, applications need new secrets.
        key_file: Option<PathBuf> = None,
        /// Certificates, in PEM, of the authorities whose word for a receiver's certificate is taken. Read at first need.
        ca_file: PathBuf = WebhookSettings::default().ca_file,
        /// Certificates, in PEM, of further authorities, such as a company's own.
        extra_ca_file: Option<PathBuf> = None,
        /// This terminal's own certificate, in PEM, for receivers that ask for one. Needs `certificate_key_file`.
        certificate_file: Option<PathBuf> = None,
        /// The key of that certificate, in PEM. The file must be closed to other users.
        certificate_key_file: Option<PathBuf> = None,
        /// How long it may take to connect, names resolved and TLS set up.
        connect_timeout: Span = Span(PostSettings::default().connect_timeout),
        /// From the first octet of a request to the end of the answer's head. `[handlers] event_timeout` holds beside it.
        answer_timeout: Span = Span(PostSettings::default().answer_timeout),
        /// From the end of the answer's head to the end of its body, as far as `[handlers] event_timeout` leaves time; what the head
        /// said holds even where the body is cut short.
        body_timeout: Span = Span(PostSettings::default().body_timeout),
        /// How long a connection is kept open for the next event, while nobody waits for its place.
        idle_timeout: Span = Span(PostSettings::default().idle_timeout),
        /// Octets of an answer's head; a longer one is no answer. 8 KiB at least.
        max_answer_head: Octets = Octets(PostSettings::default().max_head_octets),
        /// Header lines of an answer; one with more is no answer.
        max_answer_headers: usize = PostSettings::default().max_headers,
        /// Octets of an answer's body that are read; the connection is closed on a longer one.
        max_answer: Octets = Octets(PostSettings::default().max_body_octets),
        /// The most that a receiver can ask for by `Retry-After`.
        max_retry_after: Span = Span(PostSettings::default().max_retry_after),
        /// How long a receiver rests that answered 410.
        gone_rest: Span = Span(PostSettings::default().gone_rest),
        /// What requests say who sends them.
        user_agent: String = PostSettings::default().user_agent,
        /// Host names of webhooks resolved at a time.
        max_lookups: usize = WebhookSettings::default().max_lookups,
        /// Of these, for one owner.
        max_lookups_per_owner: usize = WebhookSettings::default().max_lookups_per_owner,
        /// Of these, for one user, its sandboxed applications included.
        max_lookups_per_user: usize = WebhookSettings::default().max_lookups_per_user,
    }
}

section! {
    /// Unix sockets (`eventHandler` `unix:/path`): events as POST requests to a program of the owner's own user.
    UnixTable, "handlers.unix", ONCE {
        /// Directories below which the sockets may lie; absent: anywhere.
        directories: Option<Vec<PathBuf>> = None,
        /// Users, by number, whose sockets every owner may name beside its own. For a service whose socket systemd listens on,
        /// that is 0; but then every owner may have requests sent to every socket of root.
        users: Vec<u32> = UnixSocketSettings::default().users,
        /// Sockets looked up at a time.
        max_lookups: usize = UnixSocketSettings::default().max_lookups,
        /// Of these, for one owner.
        max_lookups_per_owner: usize = UnixSocketSettings::default().max_lookups_per_owner,
        /// Of these, for one user, its sandboxed applications included.
        max_lookups_per_user: usize = UnixSocketSettings::default().max_lookups_per_user,
    }
}

/// The name of a [`PlainHttp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlainHttpName {
    /// Nowhere.
    Never,
    /// To addresses that are not of the internet.
    Private,
    /// Everywhere.
    Anywhere,
}

impl From<PlainHttpName> for PlainHttp {
    fn from(name: PlainHttpName) -> Self {
        match name {
            PlainHttpName::Never => Self::Never,
            PlainHttpName::Private => Self::Private,
            PlainHttpName::Anywhere => Self::Anywhere,
        }
    }
}

/// What events are sent with by HTTP; the key of their secrets is kept in `state_dir`, or in memory where nothing is written.
pub(super) fn schemes(
    webhooks: &WebhooksTable,
    unix: &UnixTable,
    event_timeout: Span,
    state_dir: Option<&Path>,
) -> Result<Vec<Arc<dyn Scheme>>, Wrong> {
    let kept = || state_dir.map(|directory| directory.join("webhook.key"));
    let key_file = webhooks.key_file.clone().or_else(kept);
    let secrets = Secrets::open(key_file).map_err(|error| wrong(WEBHOOKS, "key_file")(&error))?;
    let secrets = Arc::new(secrets);
    let post = webhooks.post(event_timeout)?;
    let sockets = UnixSockets::new(unix.settings(post.clone())?, Arc::clone(&secrets));
    let webhooks = Webhooks::new(webhooks.settings(post)?, secrets);
    Ok(vec![Arc::new(webhooks), Arc::new(sockets)])
}

impl WebhooksTable {
    fn settings(&self, post: PostSettings) -> Result<WebhookSettings, Wrong> {
        at_least_one(
            WEBHOOKS,
            [
                ("max_lookups", self.max_lookups),
                ("max_lookups_per_owner", self.max_lookups_per_owner),
                ("max_lookups_per_user", self.max_lookups_per_user),
            ],
        )?;
        Ok(WebhookSettings {
            post,
            networks: self.networks()?,
            ports: self.port_ranges()?,
            owners: self.owners.as_ref().map(|owners| {
                owners
                    .iter()
                    .map(|owner| Owner::proved(owner.as_str()))
                    .collect()
            }),
            ca_file: self.ca_file.clone(),
            extra_ca_file: self.extra_ca()?,
            certificate: self.certificate()?,
            max_lookups: self.max_lookups,
            max_lookups_per_owner: self.max_lookups_per_owner,
            max_lookups_per_user: self.max_lookups_per_user,
        })
    }

    fn networks(&self) -> Result<Networks, Wrong> {
        let network = |text: &String| {
            let address = text.parse().map(Networks::one_address);
            address.or_else(|_| text.parse()).map_err(|_| {
                let message = format!(
                    "`{text}` is no network; write 192.0.2.0/24, 192.0.2.7 or 2001:db8::/32"
                );
                wrong(WEBHOOKS, "allow_networks")(&message)
            })
        };
        Ok(Networks {
            allowed: self
                .allow_networks
                .iter()
                .map(network)
                .collect::<Result<_, _>>()?,
            private: self.allow_private,
            plain_http: self.allow_http.into(),
        })
    }

    fn port_ranges(&self) -> Result<Vec<(u16, u16)>, Wrong> {
        let range = |text: &String| {
            port_range(text).ok_or_else(|| {
                let message = format!("`{text}` is no port; write 443, or 1024-65535 for a range");
                wrong(WEBHOOKS, "ports")(&message)
            })
        };
        self.ports.iter().map(range).collect()
    }

    fn extra_ca(&self) -> Result<Option<PathBuf>, Wrong> {
        // The platform's own is looked at when it is needed: most systems without webhooks have none.
        let opened = self.extra_ca_file.as_deref().map(secret::open).transpose();
        opened.map_err(|message| wrong(WEBHOOKS, "extra_ca_file")(&message))?;
        Ok(self.extra_ca_file.clone())
    }

    fn certificate(&self) -> Result<Option<(PathBuf, PathBuf)>, Wrong> {
        let at = |key| wrong(WEBHOOKS, key);
        match (&self.certificate_file, &self.certificate_key_file) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => {
                secret::open(certificate).map_err(|message| at("certificate_file")(&message))?;
                secret::open_closed(key).map_err(|message| at("certificate_key_file")(&message))?;
                Ok(Some((certificate.clone(), key.clone())))
            }
            (Some(_), None) => Err(at("certificate_file")(
                &"a certificate needs certificate_key_file, its key",
            )),
            (None, Some(_)) => Err(at("certificate_key_file")(
                &"a key needs certificate_file, its certificate",
            )),
        }
    }

    fn post(&self, event_timeout: Span) -> Result<PostSettings, Wrong> {
        let spans = [
            ("connect_timeout", self.connect_timeout),
            ("answer_timeout", self.answer_timeout),
            ("body_timeout", self.body_timeout),
        ];
        at_least_a_millisecond(WEBHOOKS, spans)?;
        at_least_one(WEBHOOKS, [("max_answer_headers", self.max_answer_headers)])?;
        let visible = |octet: u8| octet.is_ascii_graphic() || octet == b' ';
        if self.user_agent.is_empty() || !self.user_agent.bytes().all(visible) {
            return Err(wrong(WEBHOOKS, "user_agent")(&"printable ASCII is taken"));
        }
        Ok(PostSettings {
            connect_timeout: self.connect_timeout.0,
            answer_timeout: self.answer_timeout.0,
            body_timeout: self.body_timeout.0,
            event_timeout: event_timeout.0,
            idle_timeout: self.idle_timeout.0,
            max_head_octets: self.max_answer_head.0,
            max_headers: self.max_answer_headers,
            max_body_octets: self.max_answer.0,
            max_retry_after: self.max_retry_after.0,
            gone_rest: self.gone_rest.0,
            user_agent: self.user_agent.clone(),
        })
    }
}

impl UnixTable {
    fn settings(&self, post: PostSettings) -> Result<UnixSocketSettings, Wrong> {
        at_least_one(
            UNIX,
            [
                ("max_lookups", self.max_lookups),
                ("max_lookups_per_owner", self.max_lookups_per_owner),
                ("max_lookups_per_user", self.max_lookups_per_user),
            ],
        )?;
        let directories = self.directories.iter().flatten();
        if let Some(path) = directories.into_iter().find(|path| !path.is_absolute()) {
            let message = format!("{} is no absolute path", path.display());
            return Err(wrong(UNIX, "directories")(&message));
        }
        Ok(UnixSocketSettings {
            post,
            directories: self.directories.clone(),
            users: self.users.clone(),
            max_lookups: self.max_lookups,
            max_lookups_per_owner: self.max_lookups_per_owner,
            max_lookups_per_user: self.max_lookups_per_user,
        })
    }
}

fn port_range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (1 <= first && first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn refused(text: &str) -> String {
        Config::parse("f", text).unwrap_err().to_string()
    }

    #[test]
    fn what_means_nothing_is_refused_at_its_key() {
        for (key, expected) in [
            (
                "allow_networks = [\"localhost\"]",
                "`localhost` is no network",
            ),
            ("allow_http = \"always\"", "unknown variant `always`"),
            ("alow_http = \"never\"", "did you mean `allow_http`?"),
            ("ports = [\"0\"]", "`0` is no port"),
            ("ports = [\"90-80\"]", "`90-80` is no port"),
            ("answer_timeout = 0", "at least 1 ms is taken"),
            ("max_lookups = 0", "at least 1 is taken"),
            ("user_agent = \"a\\nb\"", "printable ASCII"),
            (
                "certificate_file = \"/nowhere\"",
                "needs certificate_key_file",
            ),
            (
                "certificate_key_file = \"/nowhere\"",
                "needs certificate_file",
            ),
            ("extra_ca_file = \"/nowhere\"", "/nowhere cannot be read"),
            ("key_file = \"/proc/self\"", "/proc/self holds no key"),
        ] {
            let error = refused(&format!("[handlers.webhooks]\n{key}\n"));
            assert!(
                error.starts_with("f:2:") && error.contains(expected),
                "{error}"
            );
        }
        let error = refused("[handlers.unix]\ndirectories = [\"run\"]\n");
        assert!(error.contains("run is no absolute path"), "{error}");
    }

    #[test]
    fn networks_and_ports_are_read() {
        let table = WebhooksTable {
            allow_networks: ["127.0.0.1", "10.0.0.0/8", "::1"]
                .map(str::to_owned)
                .to_vec(),
            ports: vec!["443".to_owned(), "8000 - 8999".to_owned()],
            ..WebhooksTable::default()
        };
        let settings = table
            .settings(
                table
                    .post(Span(PostSettings::default().event_timeout))
                    .unwrap(),
            )
            .unwrap();
        let networks: Vec<String> = settings
            .networks
            .allowed
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(networks, ["127.0.0.1/32", "10.0.0.0/8", "::1/128"]);
        assert_eq!(settings.ports, [(443, 443), (8000, 8999)]);
        let default = WebhooksTable::default();
        let settings = default
            .settings(
                default
                    .post(Span(PostSettings::default().event_timeout))
                    .unwrap(),
            )
            .unwrap();
        assert_eq!(settings, WebhookSettings::default());
    }
}
