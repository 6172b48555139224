//! What consumers are told of a push, and whether it is for them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use push_client::sent;
use push_message::{Origin, ReceivedPush, ServerAddress, UnixMillis};

use super::target::Consumer;

/// The port of connectionless pushes (WAP-259).
const PUSH_PORT: u16 = 2948;

impl Consumer {
    /// Whether a push came by the ports that this consumer wants. A modem that hides ports takes what came to the port of pushes;
    /// where it came from fits any.
    pub(crate) fn fits(&self, origin: &Origin) -> bool {
        let hidden = origin.short_message.as_ref().map(|_| PUSH_PORT);
        let destination = origin.destination_port.or(hidden);
        let destination_fits = self
            .destination_port
            .is_none_or(|wanted| destination == Some(wanted));
        let source_fits = match (self.source_port, origin.origin_port) {
            (Some(wanted), Some(source)) => wanted == source,
            (Some(_), None) => origin.short_message.is_some(),
            (None, _) => true,
        };
        destination_fits && source_fits
    }
}

/// A port as Sailfish has it: -1 where it is not known.
pub(super) fn port(port: Option<u16>) -> i32 {
    port.map_or(-1, i32::from)
}

/// Who sent a push: the originator of its short message, else the server.
pub(crate) fn sender(push: &ReceivedPush) -> String {
    let origin = &push.origin;
    match (origin.originator(), &origin.server) {
        (Some(originator), _) => originator.to_owned(),
        (None, ServerAddress::Unknown) => String::new(),
        (None, server) => server.to_string(),
    }
}

/// The modem that a push came by.
pub(crate) fn device(push: &ReceivedPush) -> Option<&str> {
    let short_message = push.origin.short_message.as_ref()?;
    Some(&short_message.device)
}

/// When a push was sent: by the SMS centre's time stamp, else when it came.
pub(crate) struct Times(Timestamp);

impl Times {
    /// Those of a push.
    pub(crate) fn of(push: &ReceivedPush) -> Self {
        let UnixMillis(millis) = sent(&push.origin).unwrap_or(push.received);
        let time = i64::try_from(millis).ok();
        let time = time.and_then(|millis| Timestamp::from_millisecond(millis).ok());
        Self(time.unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Seconds since 1970.
    pub(crate) fn seconds(&self) -> u32 {
        u32::try_from(self.0.as_second()).unwrap_or(u32::MAX)
    }

    /// As oFono writes the time at the sender. Its offset from UTC is not kept, so this is UTC.
    pub(crate) fn remote(&self) -> String {
        self.written(TimeZone::UTC)
    }

    /// As oFono writes the time here.
    pub(crate) fn local(&self) -> String {
        self.written(TimeZone::system())
    }

    fn written(&self, zone: TimeZone) -> String {
        let time = self.0.to_zoned(zone);
        time.strftime("%Y-%m-%dT%H:%M:%S%z").to_string()
    }
}

#[cfg(test)]
mod tests {
    use push_message::{Bearer, Protocol, ShortMessageOrigin};

    use super::super::target::{Form, Side};
    use super::*;

    fn origin(ports: Option<(u16, u16)>, is_short_message: bool) -> Origin {
        Origin {
            protocol: Protocol::OtaWsp,
            bearer: Bearer::GsmSms,
            server: ServerAddress::E164("+15550000".into()),
            proved_names: Box::default(),
            destination_port: ports.map(|(destination, _)| destination),
            origin_port: ports.map(|(_, origin)| origin),
            transaction: [1].into(),
            instance: None,
            short_message: is_short_message.then(|| {
                Box::new(ShortMessageOrigin {
                    originator: Some("+15551234".into()),
                    device: "left".into(),
                })
            }),
            answerable: false,
        }
    }

    fn consumer(destination_port: Option<u16>, source_port: Option<u16>) -> Consumer {
        Consumer {
            form: Form::Forwarder,
            side: Side::System,
            service: String::new(),
            path: String::new(),
            interface: String::new(),
            method: String::new(),
            destination_port,
            source_port,
        }
    }

    #[test]
    fn ports_are_asked_for_where_a_file_names_them() {
        let by_port = origin(Some((2948, 9200)), true);
        let hidden = origin(None, true);
        let elsewhere = origin(None, false);
        for (wanted, fits) in [
            ((None, None), [true, true, true]),
            ((Some(2948), None), [true, true, false]),
            ((Some(2948), Some(9200)), [true, true, false]),
            ((Some(49_999), None), [false, false, false]),
            ((None, Some(9201)), [false, true, false]),
        ] {
            let consumer = consumer(wanted.0, wanted.1);
            let seen = [&by_port, &hidden, &elsewhere].map(|origin| consumer.fits(origin));
            assert_eq!(seen, fits, "{wanted:?}");
        }
        assert_eq!((port(None), port(Some(9200))), (-1, 9200));
    }

    #[test]
    fn times_are_written_as_ofono_does() {
        let times = Times(Timestamp::from_second(1_767_357_296).unwrap());
        assert_eq!(times.remote(), "2026-01-02T12:34:56+0000");
        assert_eq!(times.seconds(), 1_767_357_296);
        let zone = TimeZone::fixed(jiff::tz::offset(-3));
        assert_eq!(times.written(zone), "2026-01-02T09:34:56-0300");
    }
}
