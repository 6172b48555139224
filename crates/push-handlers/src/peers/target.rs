//! Where a peer's consumer is, and what it is called with: the event handlers `sailfish:`, `mmsd:` and `ofono:`.
//!
//! They are written by this program alone, for registrations of its own making, so that they say everything there is to know:
//! `sailfish:org.nemomobile.MmsEngine/?interface=org.nemomobile.MmsEngine&method=push`.

use std::fmt;

use zbus::ObjectPath;
use zbus::names::{InterfaceName, MemberName, WellKnownName};

/// What a consumer is called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As Sailfish's push forwarder does: subscriber, sender, two times, two ports, content type, content. It asks for no answer.
    Forwarder,
    /// As Sailfish's push agent does: subscriber, content type, content.
    Agent,
    /// As mmsd does: the octets before the content, and the content.
    Consumer,
}

/// The bus that a consumer is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The system's.
    System,
    /// That of a user.
    Session,
}

/// A method of a service, and which pushes it is for beside what its registration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// What it is called with.
    pub form: Form,
    /// The bus.
    pub side: Side,
    /// The name of the service.
    pub service: String,
    /// The path of its object.
    pub path: String,
    /// The interface.
    pub interface: String,
    /// The method.
    pub method: String,
    /// The port that pushes have to come to.
    pub destination_port: Option<u16>,
    /// The port that pushes have to come from.
    pub source_port: Option<u16>,
}

/// An agent on our side of oFono.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Agent {
    /// The user that it runs as.
    pub user: u32,
    /// The path of the modem that it registered with.
    pub modem: String,
    /// The path of its object.
    pub path: String,
    /// Which of several with the same user, modem and path it is, from 1.
    pub number: u32,
}

/// Where pushes go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To a method that a file names.
    Consumer(Consumer),
    /// To an agent that registered.
    Agent(Agent),
}

/// The interface of mmsd's consumers.
pub(crate) const CONSUMER_INTERFACE: &str = "org.ofono.mms.PushConsumer";
/// Its method.
pub(crate) const CONSUMER_METHOD: &str = "Notify";

impl Consumer {
    /// What is wrong with a name in it: what it is, and what would work.
    pub fn fault(&self) -> Option<&'static str> {
        if WellKnownName::try_from(self.service.as_str()).is_err() {
            Some("its service is no name of D-Bus, such as com.example.Consumer")
        } else if ObjectPath::try_from(self.path.as_str()).is_err() {
            Some("its path is no path of D-Bus, such as /com/example/consumer")
        } else if InterfaceName::try_from(self.interface.as_str()).is_err() {
            Some("its interface is no interface of D-Bus, such as com.example.Consumer")
        } else if MemberName::try_from(self.method.as_str()).is_err() {
            Some("its method is no method of D-Bus, such as HandlePush")
        } else {
            None
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Consumer(consumer) => consumer.fmt(f),
            Self::Agent(Agent {
                user,
                modem,
                path,
                number,
            }) => write!(f, "ofono:{modem}?agent={path}&user={user}&number={number}"),
        }
    }
}

impl fmt::Display for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            form,
            side,
            service,
            path,
            interface,
            method,
            destination_port,
            source_port,
        } = self;
        let scheme = match form {
            Form::Forwarder | Form::Agent => "sailfish",
            Form::Consumer => "mmsd",
        };
        write!(
            f,
            "{scheme}:{service}{path}?interface={interface}&method={method}"
        )?;
        if *form == Form::Agent {
            f.write_str("&form=agent")?;
        }
        if *side == Side::Session {
            f.write_str("&bus=session")?;
        }
        if let Some(port) = destination_port {
            write!(f, "&destination={port}")?;
        }
        source_port.map_or(Ok(()), |port| write!(f, "&source={port}"))
    }
}

impl Target {
    /// Reads an event handler of this module's schemes.
    pub fn parse(handler: &str) -> Option<Self> {
        let (scheme, rest) = handler.split_once(':')?;
        let (place, query) = rest.split_once('?')?;
        let value = |key: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(known, _)| *known == key)
                .map(|(_, value)| value)
        };
        if scheme == "ofono" {
            return Some(Self::Agent(Agent {
                user: value("user")?.parse().ok()?,
                modem: place.to_owned(),
                path: value("agent")?.to_owned(),
                number: value("number")?.parse().ok()?,
            }));
        }
        let form = match (scheme, value("form")) {
            ("sailfish", None) => Form::Forwarder,
            ("sailfish", Some("agent")) => Form::Agent,
            ("mmsd", None) => Form::Consumer,
            _ => return None,
        };
        let slash = place.find('/')?;
        let (service, path) = place.split_at_checked(slash)?;
        let port = |key| value(key).map(str::parse).transpose().ok();
        let consumer = Consumer {
            form,
            side: match value("bus") {
                None => Side::System,
                Some("session") => Side::Session,
                Some(_) => return None,
            },
            service: service.to_owned(),
            path: path.to_owned(),
            interface: value("interface")?.to_owned(),
            method: value("method")?.to_owned(),
            destination_port: port("destination")?,
            source_port: port("source")?,
        };
        consumer
            .fault()
            .is_none()
            .then_some(Self::Consumer(consumer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consumer(form: Form) -> Consumer {
        Consumer {
            form,
            side: Side::System,
            service: "org.nemomobile.MmsEngine".to_owned(),
            path: "/".to_owned(),
            interface: "org.nemomobile.MmsEngine".to_owned(),
            method: "push".to_owned(),
            destination_port: None,
            source_port: None,
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let ported = Consumer {
            side: Side::Session,
            path: "/a/b".to_owned(),
            destination_port: Some(2948),
            source_port: Some(9200),
            ..consumer(Form::Agent)
        };
        let agent = Agent {
            user: 1000,
            modem: "/pushcai".to_owned(),
            path: "/test/agent".to_owned(),
            number: 2,
        };
        for target in [
            Target::Consumer(consumer(Form::Forwarder)),
            Target::Consumer(consumer(Form::Consumer)),
            Target::Consumer(ported),
            Target::Agent(agent),
        ] {
            assert_eq!(Target::parse(&target.to_string()), Some(target));
        }
        assert_eq!(
            Target::Consumer(consumer(Form::Forwarder)).to_string(),
            "sailfish:org.nemomobile.MmsEngine/?interface=org.nemomobile.MmsEngine&method=push"
        );
    }

    #[test]
    fn what_nobody_wrote_is_not_read() {
        for text in [
            "",
            "sailfish:",
            "sailfish:a.b/?method=m",
            "sailfish:a.b/?interface=a.b&method=m&form=odd",
            "sailfish:a.b/?interface=a.b&method=m&bus=odd",
            "sailfish:a.b/?interface=a.b&method=m&source=70000",
            "sailfish:a/?interface=a.b&method=m",
            "exec:a.b/?interface=a.b&method=m",
            "ofono:/m?agent=/a&user=x&number=1",
        ] {
            assert_eq!(Target::parse(text), None, "{text}");
        }
    }
}
