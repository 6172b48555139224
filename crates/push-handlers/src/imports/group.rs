//! What one group of a file asks for.

use push_client::{ProfileRequest, RegistrationRequest};
use push_message::{Accept, Bearer, MediaType, PushApplicationId};

use super::key_file::{Group, InvalidValue};
use crate::peers::{CONSUMER_INTERFACE, CONSUMER_METHOD, Consumer, Form, Side, Target};

/// The port of connectionless pushes (WAP-259), which needs no asking for.
const PUSH_PORT: u16 = 2948;

/// Stands for any application (WAP-235 6.4.1.1).
const ANY: &str = "x-wap-application:*";

/// Whose files they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Those of Sailfish's push forwarder.
    Sailfish,
    /// Those of Sailfish's push agent.
    PushAgent,
    /// Those of mmsd.
    Mmsd,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Sailfish, Self::PushAgent, Self::Mmsd];

    /// The word for it in owners.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sailfish => "sailfish",
            Self::PushAgent => "push-agent",
            Self::Mmsd => "mmsd",
        }
    }

    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Sailfish => &[
                "ContentType",
                "DestinationPort",
                "SourcePort",
                "Interface",
                "Service",
                "Method",
                "Path",
            ],
            Self::PushAgent => &["ContentType", "Interface", "Service", "Method", "Path"],
            Self::Mmsd => &[
                "MatchContentType",
                "MatchApplicationId",
                "TargetBus",
                "TargetService",
                "TargetPath",
            ],
        }
    }
}

/// The registration that a group asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The Push Application ID; the one that stands for any where the group takes any.
    pub application: String,
    /// The content type; absent: any.
    pub content_type: Option<MediaType>,
    /// Where pushes go.
    pub consumer: Consumer,
}

impl Wanted {
    /// Reads a group. Gives notes on what it says in vain, too.
    ///
    /// # Errors
    /// What is wrong, in words for people.
    pub fn read(
        kind: Kind,
        group: &Group,
        session_bus: bool,
    ) -> Result<(Self, Vec<String>), String> {
        let unknown = |key: &&str| !kind.keys().contains(key) && !key.contains('[');
        let notes = group.keys().filter(unknown);
        let notes = notes
            .map(|key| format!("`{key}` is no key of this form, and counts for nothing"))
            .collect();
        let wanted = match kind {
            Kind::Sailfish => sailfish(group, Form::Forwarder)?,
            Kind::PushAgent => sailfish(group, Form::Agent)?,
            Kind::Mmsd => mmsd(group)?,
        };
        if let Some(fault) = wanted.consumer.fault() {
            return Err(fault.to_owned());
        }
        if wanted.consumer.side == Side::Session && !session_bus {
            return Err(
                "its service is on the bus of a user; set session_bus in [imports] to the address of that bus"
                    .to_owned(),
            );
        }
        Ok((wanted, notes))
    }

    /// The request that registers it.
    pub fn request(&self, name: &str) -> RegistrationRequest {
        let port = self.consumer.destination_port;
        let own_port = port.filter(|port| *port != PUSH_PORT);
        let profile = own_port.map(|port| ProfileRequest {
            protocol: Some("OTA-WSP".to_owned()),
            bearer_type: Some(Bearer::GsmSms.as_str().to_owned()),
            port: Some(port.to_string()),
        });
        RegistrationRequest {
            push_application_id: self.application.clone(),
            application_id: Some(name.to_owned()),
            event_handler: Some(self.handler()),
            connection_profile: profile.into_iter().collect(),
            accept: self.content_type.as_ref().map(ToString::to_string),
            observes: true,
            ..RegistrationRequest::default()
        }
    }

    /// The event handler.
    pub fn handler(&self) -> String {
        Target::Consumer(self.consumer.clone()).to_string()
    }

    /// Whether a registration with these values is the one that is asked for.
    pub(super) fn is(
        &self,
        application: &str,
        accept: Option<&str>,
        handler: Option<&str>,
    ) -> bool {
        let accepts = |text: &str| Accept::parse(text).ok().map(|accept| accept.to_string());
        let wanted = self.content_type.as_ref().map(ToString::to_string);
        self.takes_place_of(application)
            && handler == Some(self.handler().as_str())
            && accept.map(accepts) == wanted.as_deref().map(accepts)
    }

    /// Whether a registration for this Push Application ID is replaced by the one that is asked for.
    pub(super) fn takes_place_of(&self, application: &str) -> bool {
        let id = |text| PushApplicationId::parse(text).ok();
        application == self.application
            || (id(application).is_some() && id(application) == id(&self.application))
    }
}

fn sailfish(group: &Group, form: Form) -> Result<Wanted, String> {
    let port = |key| match form {
        Form::Forwarder => port(group, key),
        Form::Agent | Form::Consumer => Ok(None),
    };
    Ok(Wanted {
        application: ANY.to_owned(),
        content_type: media_type(group, "ContentType")?,
        consumer: Consumer {
            form,
            side: Side::System,
            service: needed(group, "Service")?,
            path: needed(group, "Path")?,
            interface: needed(group, "Interface")?,
            method: needed(group, "Method")?,
            destination_port: port("DestinationPort")?,
            source_port: port("SourcePort")?,
        },
    })
}

fn mmsd(group: &Group) -> Result<Wanted, String> {
    let side = match text(group, "TargetBus")?.as_deref() {
        None | Some("session") => Side::Session,
        Some("system") => Side::System,
        Some(other) => {
            return Err(format!(
                "TargetBus `{other}` is no bus; session and system are"
            ));
        }
    };
    let application = text(group, "MatchApplicationId")?;
    if let Some(id) = &application {
        PushApplicationId::parse(id).map_err(|error| format!("MatchApplicationId: {error}"))?;
    }
    let content_type = media_type(group, "MatchContentType")?;
    Ok(Wanted {
        application: application.unwrap_or_else(|| ANY.to_owned()),
        content_type: Some(content_type.ok_or_else(|| missing("MatchContentType"))?),
        consumer: Consumer {
            form: Form::Consumer,
            side,
            service: needed(group, "TargetService")?,
            path: needed(group, "TargetPath")?,
            interface: CONSUMER_INTERFACE.to_owned(),
            method: CONSUMER_METHOD.to_owned(),
            destination_port: None,
            source_port: None,
        },
    })
}

fn missing(key: &str) -> String {
    format!("{key} is missing, which it cannot do without")
}

fn needed(group: &Group, key: &str) -> Result<String, String> {
    text(group, key)?.ok_or_else(|| missing(key))
}

fn text(group: &Group, key: &str) -> Result<Option<String>, String> {
    let value = group.text(key).map_err(|error| wrong(key, &error))?;
    // No name ends with a space, however it got there.
    Ok(value.map(|value| value.trim_end().to_owned()))
}

fn media_type(group: &Group, key: &str) -> Result<Option<MediaType>, String> {
    let value = text(group, key)?;
    let parsed = value.map(|value| MediaType::parse(&value)).transpose();
    parsed.map_err(|error| format!("{key}: {error}"))
}

/// A port; a negative one means any, as no key does.
fn port(group: &Group, key: &str) -> Result<Option<u16>, String> {
    match group.number(key).map_err(|error| wrong(key, &error))? {
        None | Some(..0) => Ok(None),
        Some(number) => match u16::try_from(number) {
            Ok(port) => Ok(Some(port)),
            Err(_) => Err(format!("{key}: {number} is no port; those are 0 to 65535")),
        },
    }
}

fn wrong(key: &str, error: &InvalidValue) -> String {
    format!("{key}: {error}")
}

#[cfg(test)]
mod tests {
    use super::super::key_file::KeyFile;
    use super::*;

    fn read(kind: Kind, text: &str) -> Result<(Wanted, Vec<String>), String> {
        let file = KeyFile::parse(text).unwrap();
        Wanted::read(kind, &file.groups[0], true)
    }

    const FORWARDER: &str = "[MMS]\nContentType = application/vnd.wap.mms-message\nInterface=org.nemomobile.MmsEngine\n\
        Service=org.nemomobile.MmsEngine\nMethod=push\nPath=/\n";

    const CONSUMER: &str = "[DM]\nMatchContentType=application/vnd.syncml.notification\nMatchApplicationId=x-wap-application:syncml.dm\n\
        TargetBus=session\nTargetService=com.example.Dm\nTargetPath=/com/example/dm\n";

    #[test]
    fn a_forwarder_asks_for_a_type_and_ports() {
        let (wanted, notes) = read(Kind::Sailfish, FORWARDER).unwrap();
        assert_eq!(notes, [""; 0]);
        assert_eq!(wanted.application, ANY);
        let request = wanted.request("MMS");
        assert_eq!(
            request.accept.as_deref(),
            Some("application/vnd.wap.mms-message")
        );
        assert!(request.observes && request.connection_profile.is_empty());
        assert_eq!(
            request.event_handler.as_deref(),
            Some(
                "sailfish:org.nemomobile.MmsEngine/?interface=org.nemomobile.MmsEngine&method=push"
            )
        );
        let ported = format!("{FORWARDER}DestinationPort=49999\nSourcePort=-1\nOdd=1\n");
        let (wanted, notes) = read(Kind::Sailfish, &ported).unwrap();
        assert_eq!(wanted.consumer.destination_port, Some(49_999));
        assert_eq!(wanted.consumer.source_port, None);
        assert_eq!(wanted.request("MMS").connection_profile.len(), 1);
        assert!(notes[0].contains("`Odd`"), "{notes:?}");
        let (wanted, notes) = read(Kind::PushAgent, &ported).unwrap();
        assert_eq!(wanted.consumer.destination_port, None);
        assert_eq!(wanted.consumer.form, Form::Agent);
        assert_eq!(notes.len(), 3);
    }

    #[test]
    fn a_consumer_asks_for_a_type_and_an_application() {
        let (wanted, _) = read(Kind::Mmsd, CONSUMER).unwrap();
        assert_eq!(wanted.application, "x-wap-application:syncml.dm");
        assert_eq!(
            wanted.handler(),
            "mmsd:com.example.Dm/com/example/dm?interface=org.ofono.mms.PushConsumer&method=Notify&bus=session"
        );
        let accept = Some("application/vnd.syncml.notification");
        assert!(wanted.is(
            "X-Wap-Application:syncml.dm",
            accept,
            Some(&wanted.handler())
        ));
        assert!(!wanted.is("x-wap-application:syncml.dm", None, Some(&wanted.handler())));
        assert!(!wanted.is(ANY, accept, Some(&wanted.handler())));
    }

    #[test]
    fn what_is_wrong_with_a_group_is_said() {
        for (kind, text, said) in [
            (
                Kind::Sailfish,
                "[a]\nService=a.b\nPath=/\nMethod=m\n",
                "Interface is missing",
            ),
            (
                Kind::Sailfish,
                &*format!("{FORWARDER}Service=a\n"),
                "no name of D-Bus",
            ),
            (
                Kind::Sailfish,
                &*format!("{FORWARDER}SourcePort=70000\n"),
                "no port",
            ),
            (
                Kind::Sailfish,
                &*format!("{FORWARDER}SourcePort=x\n"),
                "no decimal number",
            ),
            (
                Kind::Sailfish,
                &*format!("{FORWARDER}ContentType=text\n"),
                "no media type",
            ),
            (Kind::Mmsd, &*format!("{CONSUMER}TargetBus=odd\n"), "no bus"),
            (
                Kind::Mmsd,
                &*format!("{CONSUMER}MatchApplicationId=odd id\n"),
                "MatchApplicationId",
            ),
            (
                Kind::Mmsd,
                "[a]\nTargetService=a.b\nTargetPath=/\n",
                "MatchContentType is missing",
            ),
        ] {
            let error = read(kind, text).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
        let file = KeyFile::parse(CONSUMER).unwrap();
        let error = Wanted::read(Kind::Mmsd, &file.groups[0], false).unwrap_err();
        assert!(error.contains("session_bus"), "{error}");
    }
}
