//! The session server, against a terminal that says what a test tells it to say.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::time::Duration;

use push_lab::ppg::{ContactPoint, SirBuilder};
use push_lab::session::{
    Behaviour, Ending, Manner, Outcome, SessionEvent, SessionMisbehaviour, SessionServer,
    SessionSettings, Tids, Verification, Way, Welcome,
};
use push_lab::{ApplicationId, Push};
use tokio::net::UdpSocket;

/// Far longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(30);

struct Terminal {
    socket: UdpSocket,
}

impl Terminal {
    async fn new(server: &SessionServer) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(server.address()).await.unwrap();
        Self { socket }
    }

    async fn send(&self, octets: &[u8]) {
        self.socket.send(octets).await.unwrap();
    }

    async fn receive(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65_536];
        let received = tokio::time::timeout(PATIENCE, self.socket.recv(&mut buffer)).await;
        let length = received.expect("a datagram").unwrap();
        buffer.truncate(length);
        buffer
    }

    /// Opens a session with the transaction identifier 1: SDU sizes, options 0xc0, application 4.
    async fn connect(&self) -> Vec<u8> {
        self.send(CONNECT).await;
        self.receive().await
    }

    async fn connected(server: &SessionServer) -> (Self, u32) {
        let terminal = Self::new(server).await;
        let reply = terminal.connect().await;
        assert_eq!(reply[..4], [0x16, 0x80, 0x01, 0x02], "{reply:02x?}");
        terminal.send(&[0x18, 0, 1]).await;
        (terminal, server.connected().await)
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }
}

const CONNECT: &[u8] = b"\x0e\x00\x01\x12\x01\x10\x03\x02\x02\x82\xc0\xb2\x84";

fn settings() -> SessionSettings {
    SessionSettings {
        retry_interval: Duration::from_millis(50),
        ..SessionSettings::new("127.0.0.1:0".parse().unwrap())
    }
}

async fn server() -> SessionServer {
    SessionServer::start(settings()).await.unwrap()
}

async fn behaving(behaviour: Behaviour) -> SessionServer {
    let server = server().await;
    server.behave(behaviour);
    server
}

fn push() -> Push {
    Push::new("text/plain", *b"hello").application(ApplicationId::Number(4))
}

fn pushing(
    server: &SessionServer,
    session: u32,
    manner: Manner,
) -> tokio::task::JoinHandle<Outcome> {
    let server = server.clone();
    tokio::spawn(async move { server.push(session, &push(), &manner).await })
}

#[tokio::test]
async fn a_session_is_opened_and_pushed_to_and_ended() {
    let server = server().await;
    let (terminal, session) = Terminal::connected(&server).await;
    assert_eq!(
        server.sessions()[0].greeting.applications,
        [ApplicationId::Number(4)]
    );
    let confirmed = pushing(&server, session, Manner::confirmed());
    let pushed = terminal.receive().await;
    assert_eq!(pushed, b"\x0e\x00\x01\x11\x07\x03\x83\xaf\x84hello");
    terminal.send(&[0x18, 0x80, 1]).await;
    assert_eq!(confirmed.await.unwrap(), Outcome::Acknowledged);
    let sent = server.push(session, &push(), &Manner::unconfirmed()).await;
    assert_eq!(sent, Outcome::Sent);
    assert_eq!(terminal.receive().await[..5], [0x0e, 0, 2, 0, 6]);
    let refused = pushing(&server, session, Manner::confirmed());
    terminal.receive().await;
    terminal.send(&[0x21, 0x80, 3, 0xec]).await;
    let reason = Outcome::Aborted {
        by_user: true,
        reason: 0xec,
    };
    assert_eq!(refused.await.unwrap(), reason);
    terminal.send(&[0x0e, 0, 2, 0, 5, 1]).await;
    let ended = server.once(|event| {
        if let SessionEvent::Ended { reason, .. } = event {
            return Some(reason);
        }
        None
    });
    assert_eq!(ended.await, Some(Ending::ByTerminal));
    let outcome = server.push(session, &push(), &Manner::confirmed()).await;
    assert_eq!(outcome, Outcome::NoSession);
}

#[tokio::test]
async fn a_session_is_suspended_and_resumed() {
    let server = server().await;
    let (terminal, session) = Terminal::connected(&server).await;
    terminal.send(&[0x0e, 0, 2, 0, 8, 1]).await;
    terminal
        .send(&[0x0e, 0, 3, 0x12, 9, 1, 0, 0xb3, 0x83])
        .await;
    assert_eq!(terminal.receive().await, [0x16, 0x80, 3, 4, 0x20, 1, 0x80]);
    terminal.send(&[0x18, 0, 3]).await;
    let known = server.sessions();
    assert_eq!(
        (known[0].suspended, known[0].greeting.bearer),
        (false, Some(3))
    );
    server.suspend(session).await;
    assert_eq!(terminal.receive().await[4..], [8, 1]);
    server.disconnect(session).await;
    assert_eq!(terminal.receive().await[4..], [5, 1]);
    terminal.send(&[0x0e, 0, 4, 0x12, 9, 1, 0]).await;
    assert_eq!(terminal.receive().await[3..5], [4, 0x4a], "it is gone");
    let mut events = server.events().drain().into_iter();
    assert!(events.any(|event| event == SessionEvent::Suspended { session }));
}

#[tokio::test]
async fn a_terminal_is_sent_elsewhere_or_away() {
    let elsewhere = ContactPoint::new("192.0.2.1:50000".parse().unwrap());
    for (welcome, expected) in [
        (
            Welcome::Redirect {
                permanent: false,
                to: vec![elsewhere],
            },
            &b"\x16\x80\x01\x03\x00\x44\xc3\x50\xc0\x00\x02\x01"[..],
        ),
        (Welcome::Reply(0x43), b"\x16\x80\x01\x04\x43\x01\x80"),
        (
            Welcome::Abort {
                by_user: true,
                reason: 0xe4,
            },
            b"\x21\x80\x01\xe4",
        ),
        (Welcome::Octets(b"?".to_vec()), b"\x16\x80\x01?"),
    ] {
        let server = behaving(Behaviour {
            connect: welcome,
            ..Behaviour::default()
        })
        .await;
        let terminal = Terminal::new(&server).await;
        assert_eq!(terminal.connect().await, expected);
        assert_eq!(server.sessions(), []);
    }
}

#[tokio::test]
async fn what_is_not_answered_is_sent_again_until_patience_ends() {
    let server = SessionServer::start(SessionSettings {
        retries: 2,
        ..settings()
    })
    .await
    .unwrap();
    let terminal = Terminal::new(&server).await;
    terminal.connect().await;
    let again = terminal.receive().await;
    assert_eq!(again[0], 0x17, "{again:02x?}");
    terminal.send(&[0x18, 0, 1]).await;
    let session = server.connected().await;
    let outcome = pushing(&server, session, Manner::confirmed());
    let flags = [
        terminal.receive().await[0],
        terminal.receive().await[0],
        terminal.receive().await[0],
    ];
    assert_eq!(flags, [0x0e, 0x0f, 0x0f]);
    assert_eq!(outcome.await.unwrap(), Outcome::NoAnswer);
}

#[tokio::test]
async fn transaction_identifiers_are_verified() {
    for (verification, answer, expected) in [
        (
            Verification::Confirmed,
            &[0x1c, 0, 1][..],
            Outcome::Acknowledged,
        ),
        (Verification::Denied, &[0x20, 0, 1, 2], Outcome::NoAnswer),
    ] {
        let server = behaving(Behaviour {
            verification,
            ..Behaviour::default()
        })
        .await;
        let (terminal, session) = Terminal::connected(&server).await;
        let outcome = pushing(&server, session, Manner::confirmed());
        terminal.receive().await;
        terminal.send(&[0x1c, 0x80, 1]).await;
        assert_eq!(terminal.receive().await, answer);
        terminal.send(&[0x18, 0x80, 1]).await;
        assert_eq!(outcome.await.unwrap(), expected);
    }
    // And the other way round.
    let server = behaving(Behaviour {
        verify: true,
        ..Behaviour::default()
    })
    .await;
    let terminal = Terminal::new(&server).await;
    assert_eq!(terminal.connect().await, [0x1c, 0x80, 1]);
    terminal.send(&[0x1c, 0, 1]).await;
    assert_eq!(terminal.receive().await[..4], [0x16, 0x80, 1, 2]);
}

#[tokio::test]
async fn a_long_push_goes_in_groups_of_packets() {
    let settings = SessionSettings {
        segment_size: 4,
        group: 2,
        ..settings()
    };
    let server = SessionServer::start(settings).await.unwrap();
    let (terminal, session) = Terminal::connected(&server).await;
    // 10 octets: 3 packets in 2 groups; the second packet is not sent before it is asked for.
    let manner = Manner {
        missing: vec![1],
        ..Manner::confirmed()
    };
    let outcome = pushing(&server, session, manner);
    assert_eq!(
        terminal.receive().await,
        b"\x08\x00\x01\x11\x07\x03\x83\xaf"
    );
    terminal.send(&[0x38, 0x80, 1, 1, 1]).await;
    assert_eq!(terminal.receive().await, b"\x2d\x00\x01\x01\x84hel");
    terminal.send(&[0x98, 0x80, 1, 0x19, 1]).await;
    assert_eq!(terminal.receive().await, b"\x2a\x00\x01\x02lo");
    terminal.send(&[0x18, 0x80, 1]).await;
    assert_eq!(outcome.await.unwrap(), Outcome::Acknowledged);
}

#[tokio::test]
async fn a_terminal_may_say_much_in_packets() {
    let server = server().await;
    let terminal = Terminal::new(&server).await;
    let body = &CONNECT[4..];
    terminal
        .send(&[&[0x0c, 0, 1, 0x12][..], &body[..3]].concat())
        .await;
    assert_eq!(terminal.receive().await, [0x98, 0x80, 1, 0x19, 0]);
    terminal
        .send(&[&[0x2a, 0, 1, 2][..], &body[5..]].concat())
        .await;
    assert_eq!(terminal.receive().await, [0x38, 0x80, 1, 1, 1]);
    terminal
        .send(&[&[0x29, 0, 1, 1][..], &body[3..5]].concat())
        .await;
    assert_eq!(terminal.receive().await[..4], [0x16, 0x80, 1, 2]);
    assert_eq!(
        server.sessions()[0].greeting.applications,
        [ApplicationId::Number(4)]
    );
}

#[tokio::test]
async fn datagrams_are_lost_and_repeated_and_come_in_another_order() {
    let server = server().await;
    let (terminal, session) = Terminal::connected(&server).await;
    let numbered = |tid: u16| Manner {
        tid: Some(tid),
        ..Manner::unconfirmed()
    };
    let way = |way: Way| {
        server.behave(Behaviour {
            way,
            ..Behaviour::default()
        });
    };
    // The ConnectReply was the first datagram.
    way(Way {
        repeat: 2,
        reorder: 3,
        ..Way::default()
    });
    for tid in 2..=4 {
        server.push(session, &push(), &numbered(tid)).await;
    }
    let mut arrived = Vec::new();
    for _ in 0..5 {
        arrived.push(terminal.receive().await[2]);
    }
    assert_eq!(arrived, [2, 2, 4, 4, 3]);
    way(Way {
        lose_sent: 5,
        ..Way::default()
    });
    for tid in 5..=6 {
        server.push(session, &push(), &numbered(tid)).await;
    }
    assert_eq!(terminal.receive().await[2], 6);
}

#[tokio::test]
async fn it_counts_as_kannel_does_where_it_shall() {
    let early = Behaviour {
        tids: Tids::AlwaysZero,
        early: true,
        ..Behaviour::default()
    };
    let server = behaving(early).await;
    let terminal = Terminal::new(&server).await;
    terminal.connect().await;
    let session = server.connected().await;
    for _ in 0..2 {
        let outcome = pushing(&server, session, Manner::confirmed());
        let mut pushed = terminal.receive().await;
        while pushed[1] != 0 {
            // The reply, which is not acknowledged here, again.
            pushed = terminal.receive().await;
        }
        assert_eq!(pushed[..4], [0x0e, 0, 0, 0x31]);
        terminal.send(&[0x18, 0x80, 0]).await;
        assert_eq!(outcome.await.unwrap(), Outcome::Acknowledged);
    }
}

#[tokio::test]
async fn a_terminal_is_invited_from_the_server_s_own_port() {
    let server = server().await;
    let terminal = Terminal::new(&server).await;
    let request = SirBuilder::new()
        .version(0)
        .application(ApplicationId::Number(4));
    server.invite(terminal.address(), &request).await.unwrap();
    assert_eq!(
        terminal.receive().await,
        b"\x00\x06\x03\xb4\xaf\x81\x00\x02\xb2\x84\x00"
    );
}

#[tokio::test]
async fn misbehaviour_is_done_as_asked_and_counted() {
    let server = server().await;
    let (terminal, session) = Terminal::connected(&server).await;
    let misbehaving = {
        let server = server.clone();
        tokio::spawn(async move {
            let mut all = Vec::new();
            for (_, kind) in SessionMisbehaviour::ALL {
                let extent = (3, 7, Duration::from_millis(300));
                all.push((
                    *kind,
                    server.misbehave(session, *kind, &push(), extent).await,
                ));
            }
            all
        })
    };
    let answering = async {
        loop {
            let datagram = terminal.receive().await;
            // Each first packet is refused.
            if datagram.len() > 4 && datagram[0] >> 3 == 1 {
                terminal
                    .send(&[0x20, datagram[1] | 0x80, datagram[2], 6])
                    .await;
            }
        }
    };
    let all = tokio::select! {
        all = misbehaving => all.unwrap(),
        () = answering => unreachable!(),
    };
    assert_eq!(all.len(), SessionMisbehaviour::ALL.len());
    for (kind, provocation) in all {
        assert_eq!(SessionMisbehaviour::parse(kind.word()), Some(kind));
        let one = [
            SessionMisbehaviour::WrongVersion,
            SessionMisbehaviour::ClassTwo,
            SessionMisbehaviour::ClassThree,
        ];
        if one.contains(&kind) {
            assert_eq!(
                (provocation.sent, provocation.aborted),
                (1, vec!["WTPVERSIONONE".to_owned()])
            );
        } else if kind == SessionMisbehaviour::FloodPushes {
            assert_eq!((provocation.sent, provocation.aborted.len()), (3, 3));
        }
    }
}
