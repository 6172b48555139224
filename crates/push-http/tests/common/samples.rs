//! One document of each kind, with every member that it may have.

use push_api::{
    EventStory, HandlerAttempt, Happening, ServerAnswer, SessionApplication, SessionCheck,
    SessionLoss, Watched, WatchedEvent, WatchedPush, WatchedRegistration,
};

fn registration() -> WatchedRegistration {
    WatchedRegistration {
        registration_id: "0000000000000007".to_owned(),
        owner: "uid:1000".to_owned(),
        push_application_id: "x-wap-application:mms.ua".to_owned(),
        application_id: Some("urn:example:app".to_owned()),
    }
}

fn watched_push() -> Box<WatchedPush> {
    Box::new(WatchedPush {
        verdict: "accepted".to_owned(),
        detail: Some("accepted".to_owned()),
        id: Some("0000000000000001".to_owned()),
        registration_id: Some("0000000000000007".to_owned()),
        owner: Some("uid:1000".to_owned()),
        push_application_id: Some("x-wap-application:mms.ua".to_owned()),
        application_id: Some("urn:example:app".to_owned()),
        content_type: "text/plain".to_owned(),
        content_length: 1,
        protocol: "OTA-WSP".to_owned(),
        bearer: "GSM-SMS".to_owned(),
        server: "+491710760000".to_owned(),
        originator: Some("+4917099999".to_owned()),
        port: Some(2948),
        parameters: vec![("charset".to_owned(), "utf-8".to_owned())],
        headers: vec![("Date".to_owned(), "today".to_owned())],
        content: Some("eA==".to_owned()),
    })
}

/// One thing of every kind, with every member that it may have.
pub(crate) fn everything_watched() -> Vec<Watched> {
    let event = || WatchedEvent {
        id: "0000000000000001".to_owned(),
        registration: Some(registration()),
    };
    let some = |text: &str| Some(text.to_owned());
    let happenings = vec![
        Happening::Judged(watched_push()),
        Happening::Registered(registration()),
        Happening::Deregistered(registration()),
        Happening::RegistrationRefused {
            owner: "uid:1000".to_owned(),
            reason: "invalidRequest".to_owned(),
            option: some("Accept"),
            detail: "no media type".to_owned(),
        },
        Happening::RegistrationChanged {
            registration: registration(),
            cause: "lost".to_owned(),
            detail: "nobody is there".to_owned(),
        },
        Happening::Delivered {
            event: event(),
            attempt: 1,
        },
        Happening::Accepted(event()),
        Happening::Delayed {
            event: event(),
            until: 9,
        },
        Happening::Died(event()),
        Happening::Replayed(event()),
        Happening::Dropped(event()),
        Happening::Expired(event()),
        Happening::HandlerFailed {
            registration: registration(),
            until: 9,
            reason: "nobody is there".to_owned(),
        },
        Happening::Handled {
            event: event(),
            attempt: 2,
            scheme: "exec".to_owned(),
            outcome: "exit status 3".to_owned(),
            output: "no".to_owned(),
            took: 5,
        },
        Happening::ServerChanged {
            uri: "sip:ims.example.net".to_owned(),
            protocol: "OTA-SIP".to_owned(),
            state: "unreachable".to_owned(),
            reason: some("no answer"),
        },
        Happening::Malformed {
            protocol: "OTA-WSP".to_owned(),
            server: "192.0.2.7".to_owned(),
            verdict: "truncated".to_owned(),
            length: 3,
            detail: "ends early".to_owned(),
        },
        Happening::Missed { count: 3 },
    ];
    let watched = happenings.into_iter();
    watched.map(|what| Watched { time: 5, what }).collect()
}

pub(crate) fn servers() -> Vec<ServerAnswer> {
    vec![ServerAnswer {
        uri: "sip:psa@ims.example.net".to_owned(),
        protocol: "OTA-SIP".to_owned(),
        state: "rejected".to_owned(),
        reason: Some("403".to_owned()),
    }]
}

/// The story of an event, with every member that it may have.
pub(crate) fn story(id: String) -> EventStory {
    EventStory {
        id,
        state: "waiting".to_owned(),
        detail: "it waits".to_owned(),
        registration_id: Some("0000000000000007".to_owned()),
        owner: Some("uid:1000".to_owned()),
        push_application_id: Some("x-wap-application:mms.ua".to_owned()),
        application_id: Some("urn:example:app".to_owned()),
        content_type: Some("text/plain".to_owned()),
        content_length: Some(1),
        server: Some("192.0.2.7".to_owned()),
        received_at: Some(1_700_000_000_000),
        attempts: Some(2),
        failures: Some(1),
        not_before: Some(1_700_000_005_000),
        expires_at: Some(1_700_000_009_000),
        handler_attempts: vec![HandlerAttempt {
            time: 1_700_000_000_001,
            attempt: 1,
            scheme: "exec".to_owned(),
            outcome: "exit status 75".to_owned(),
            output: "no network".to_owned(),
            took: 12,
        }],
    }
}

/// What a session helper is to tell.
pub(crate) fn session_loss() -> SessionLoss {
    SessionLoss {
        task: 4,
        application: session_check().application,
        registration_id: "0000000000000007".to_owned(),
        cause: "revoked".to_owned(),
    }
}

/// What a session helper is asked.
pub(crate) fn session_check() -> SessionCheck {
    SessionCheck {
        task: 3,
        application: SessionApplication {
            name: "org.example.App".to_owned(),
            path: "/org/pushcai/Handler".to_owned(),
        },
    }
}
