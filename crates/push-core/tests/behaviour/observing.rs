//! Observers: registrations that take copies of pushes beside the application that each is for.

use crate::common::{
    Expectations, MMS, PRIVATE, cause, named, request, with_profile, wsp, wsp_and_sip,
};
use push_core::{PushRefusal, RegistrationRequest, ServerState};
use push_message::{PushApplicationId, Reason};
use push_testkit::{PushBuilder, ServersAnswer, Terminal};

fn observer(id: &str, application_id: &str) -> RegistrationRequest {
    RegistrationRequest {
        observes: true,
        ..named(id, application_id)
    }
}

#[test]
fn any_id_is_for_observers_alone() {
    let mut terminal = Terminal::new(wsp());
    for any in ["*", "x-wap-application:*", "0"] {
        let refusal = terminal.refused("uid:1", request(any));
        assert_eq!(
            cause(&refusal),
            (Reason::UnsupportedOption, Some("pushApplicationID")),
            "{any}"
        );
    }
    let nameless = RegistrationRequest {
        observes: true,
        ..request("*")
    };
    let id = terminal.registered("uid:1", nameless);
    let views: Vec<_> = terminal.client.registrations().collect();
    assert_eq!(views[0].record.id, id);
    assert!(views[0].record.observes);
    assert_eq!(views[0].record.push_application_id, PushApplicationId::ANY);
    terminal.crash();
    assert!(
        terminal
            .client
            .registrations()
            .next()
            .unwrap()
            .record
            .observes
    );
    terminal.deregistered("uid:1", "*");
    assert_eq!(terminal.client.counts().registrations, 0);
}

#[test]
fn observers_stand_in_nobodys_way() {
    let own_port = |request| with_profile(request, Some("OTA-WSP"), Some("IP"), Some("3000"));
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    terminal.registered("uid:1", own_port(observer(MMS, "a")));
    terminal.registered("uid:2", own_port(observer(MMS, "b")));
    terminal.registered("uid:3", own_port(request(MMS)));
    terminal.registered("uid:4", request(PRIVATE));
    terminal.registered("uid:5", own_port(observer(PRIVATE, "c")));
    terminal.registered("uid:5", observer(PRIVATE, "d"));
    assert_eq!(terminal.client.counts().registrations, 6);
    let refusal = terminal.refused("uid:6", request(PRIVATE));
    assert_eq!(refusal.reason, Reason::AlreadyRegistered);
}

#[test]
fn ids_and_types_of_observers_are_announced_but_not_any() {
    let mut terminal = Terminal::new(wsp_and_sip());
    terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
    let typed = |request, accept: &str| RegistrationRequest {
        accept: Some(accept.to_owned()),
        ..request
    };
    terminal.registered("uid:1", typed(observer("*", "a"), "text/plain"));
    terminal.registered("uid:1", typed(observer(MMS, "b"), "text/html"));
    let told = terminal.servers.told.last().unwrap();
    let ids: Vec<_> = told[0]
        .applications
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(ids, [MMS]);
    let types: Vec<_> = told[0].accept.iter().map(|range| &**range).collect();
    assert_eq!(
        types,
        ["application/vnd.wap.sic", "text/html", "text/plain"]
    );
}

#[test]
fn a_push_to_any_application_is_for_nobody() {
    let mut terminal = Terminal::new(wsp());
    let refusal = terminal.push_refused(PushBuilder::to("x-wap-application:*").answerable(true));
    assert_eq!(refusal, PushRefusal::NoSuchApplication);
}
