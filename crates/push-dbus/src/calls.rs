//! Calls that give a service one event each.
//!
//! The heads of all calls to one service differ in two numbers alone, and events are of few types. So a call is a copy of a head that
//! zbus wrote once, with the event behind it: octet for octet what zbus makes of it, which took half of the daemon's instructions.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use zbus::message::{Message, PrimaryHeader, Type as Kind};
use zbus::names::{InterfaceName, MemberName, OwnedUniqueName};
use zbus::{DynamicType, ObjectPath, Variant};

use crate::HANDLER_INTERFACE;
use crate::event_map::EventMap;
use crate::frame::{BODY_LENGTH, Lengths, SERIAL};
use crate::marshal::{Marshal, length};

const INTERFACE: InterfaceName<'static> =
    InterfaceName::from_static_str_unchecked(HANDLER_INTERFACE);
/// The longest array that D-Bus has, and an event is one.
const LONGEST_EVENT: usize = 64 * 1024 * 1024;
/// What stands in a body before the entries of a map: its length, and what aligns them.
const BEFORE_ENTRIES: usize = 8;
const PUSH_EVENT: MemberName<'static> = MemberName::from_static_str_unchecked("PushEvent");

/// The calls of `org.pushcai.Handler1.PushEvent` of one service.
#[derive(Debug)]
pub struct EventCalls {
    service: OwnedUniqueName,
    path: ObjectPath<'static>,
    head: Box<[u8]>,
}

/// One of them, ready to be sent.
#[derive(Debug)]
pub struct EventCall(Form);

#[derive(Debug)]
enum Form {
    Octets {
        serial: NonZeroU32,
        octets: Vec<u8>,
    },
    /// With a descriptor: zbus knows whether the bus takes any.
    Message(Message),
}

impl EventCalls {
    /// Those of the service of this connection, at this path.
    ///
    /// # Errors
    /// None are expected.
    pub fn new(service: OwnedUniqueName, path: ObjectPath<'static>) -> zbus::Result<Self> {
        let mut calls = Self {
            service,
            path,
            head: Box::default(),
        };
        let message = calls.message(&BTreeMap::<&str, Variant<'_>>::new())?;
        let head = Lengths::of(message.data())?.head;
        calls.head = message.data().get(..head).unwrap_or_default().into();
        Ok(calls)
    }

    /// The call with this event.
    ///
    /// # Errors
    /// It would be longer than arrays of D-Bus are: a bus ends the connection of whoever sends such a message.
    pub fn call(&self, event: &EventMap<'_>) -> zbus::Result<EventCall> {
        let form = if event.has_descriptor() {
            Form::Message(self.message(event)?)
        } else {
            self.octets(event)?
        };
        Ok(EventCall(form))
    }

    fn octets(&self, event: &EventMap<'_>) -> zbus::Result<Form> {
        let room = self.head.len() + event.round_length();
        let mut message = Marshal(Vec::with_capacity(room));
        message.0.extend_from_slice(&self.head);
        event.marshal(&mut message);
        let body = message.0.len() - self.head.len();
        if body > BEFORE_ENTRIES + LONGEST_EVENT {
            return Err(zbus::Error::ExcessData);
        }
        let body = length(body);
        // Numbered among the messages of zbus.
        let serial = PrimaryHeader::new(Kind::MethodCall, body).serial_num();
        message.set_number(BODY_LENGTH, body);
        message.set_number(SERIAL, serial.get());
        Ok(Form::Octets {
            serial,
            octets: message.0,
        })
    }

    fn message<B: serde::Serialize + DynamicType>(&self, body: &B) -> zbus::Result<Message> {
        Message::method_call(&self.path, PUSH_EVENT)
            .destination(&self.service)
            .interface(INTERFACE)
            .build(body)
    }
}

impl EventCall {
    /// The number that the reply to it names.
    pub fn serial(&self) -> NonZeroU32 {
        match &self.0 {
            Form::Octets { serial, .. } => *serial,
            Form::Message(message) => message.primary_header().serial_num(),
        }
    }

    /// What is written; `None` where zbus has to send it.
    pub(crate) fn octets(&self) -> Option<&[u8]> {
        match &self.0 {
            Form::Octets { octets, .. } => Some(octets),
            Form::Message(_) => None,
        }
    }

    /// What zbus has to send.
    pub(crate) const fn message(&self) -> Option<&Message> {
        match &self.0 {
            Form::Octets { .. } => None,
            Form::Message(message) => Some(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use push_api::{EventPorts, PushEventView};
    use push_message::{Headers, ServerAddress};

    use super::*;
    use crate::event_map::event_map;
    use crate::event_map::tests::view;

    const INLINE: usize = 64;

    fn calls() -> EventCalls {
        let service = OwnedUniqueName::try_from(":1.42").unwrap();
        EventCalls::new(service, ObjectPath::try_from("/a/service").unwrap()).unwrap()
    }

    /// What zbus makes of an event, with this number.
    fn model(event: &EventMap<'_>, serial: NonZeroU32) -> Vec<u8> {
        let builder = Message::method_call("/a/service", "PushEvent").serial(serial);
        let builder = builder.destination(":1.42").interface(HANDLER_INTERFACE);
        builder.build(event).unwrap().data().to_vec()
    }

    fn headers() -> impl Strategy<Value = Headers> {
        // Names stand twice, and may be empty.
        vec(("[a-c\0]{0,2}", "\\PC{0,12}\0?"), 0..5).prop_map(|pairs| pairs.into_iter().collect())
    }

    fn servers() -> impl Strategy<Value = ServerAddress> {
        prop_oneof![
            any::<std::net::IpAddr>().prop_map(ServerAddress::Ip),
            "\\PC{0,9}\0?".prop_map(|text| ServerAddress::Alphanumeric(text.into())),
            Just(ServerAddress::Unknown),
        ]
    }

    fn names() -> impl Strategy<Value = Vec<Box<str>>> {
        vec("[a-z.\0é]{0,9}".prop_map(String::into_boxed_str), 0..3)
    }

    fn texts() -> impl Strategy<Value = [Option<String>; 4]> {
        let text = || option::of("\\PC{0,9}\0?");
        [text(), text(), text(), text()]
    }

    proptest! {
        #[test]
        fn an_event_is_written_as_zbus_writes_it(
            (headers, parameters, server, names) in (headers(), headers(), servers(), names()),
            [id, application, originator, device] in texts(),
            content in vec(any::<u8>(), 0..=2 * INLINE),
            (dest, orig) in any::<(Option<u16>, Option<u16>)>(),
            (number, received_at, attempt) in any::<(u64, u64, u32)>(),
            (authenticated, trusted) in any::<(bool, bool)>(),
        ) {
            let event = PushEventView {
                id: number,
                registration_id: !number,
                push_application_id: Cow::Owned(id.unwrap_or_default()),
                application_id: application.as_deref(),
                parameters: &parameters,
                content: &content,
                server: &server,
                server_names: &names,
                originator: originator.as_deref(),
                device: device.as_deref(),
                ports: EventPorts { dest, orig },
                received_at,
                attempt,
                authenticated,
                trusted,
                ..view(&headers)
            };
            let event = event_map(event, INLINE).unwrap();
            let call = calls().call(&event).unwrap();
            let model = model(&event, call.serial());
            prop_assert_eq!(call.octets().is_none(), content.len() > INLINE);
            let mut body = Marshal(Vec::new());
            event.marshal(&mut body);
            prop_assert!(model.ends_with(&body.0));
            let octets = call.octets().or_else(|| Some(call.message()?.data()));
            prop_assert_eq!(octets.unwrap(), model);
        }
    }

    #[test]
    fn what_content_says_is_written_as_zbus_writes_it() {
        let headers = Headers::new();
        let event = PushEventView {
            content_type: "text/vnd.wap.sl",
            content: br#"<sl href="http://a.example/"/>"#,
            ..view(&headers)
        };
        let event = event_map(event, INLINE).unwrap();
        let call = calls().call(&event).unwrap();
        assert_eq!(call.octets().unwrap(), model(&event, call.serial()));
    }

    #[test]
    fn an_event_is_no_longer_than_an_array_may_be() {
        let headers = Headers::new();
        let content = vec![0; LONGEST_EVENT];
        let call = |octets| {
            let content = &content[..octets];
            let event = PushEventView {
                content,
                ..view(&headers)
            };
            calls().call(&event_map(event, LONGEST_EVENT).unwrap())
        };
        let beside = call(0).unwrap().octets().unwrap().len() - calls().head.len() - BEFORE_ENTRIES;
        // The entries are aligned to eight octets, and those behind the content with it.
        let most = (LONGEST_EVENT - beside) / 8 * 8;
        let longest = call(most).unwrap();
        let octets = longest.octets().unwrap();
        assert!(Lengths::of(octets).unwrap().whole == octets.len());
        assert!(matches!(call(most + 8), Err(zbus::Error::ExcessData)));
    }

    #[test]
    fn calls_are_numbered_among_the_messages_of_zbus() {
        let headers = Headers::new();
        let event = event_map(view(&headers), INLINE).unwrap();
        let call = || calls().call(&event).unwrap().serial();
        let between = || Message::method_call("/a", "M").build(&()).unwrap();
        let serials = [call(), between().primary_header().serial_num(), call()];
        assert!(serials.is_sorted_by(|one, next| one < next), "{serials:?}");
    }
}
