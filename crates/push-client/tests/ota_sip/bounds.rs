//! What others do to the terminal stays within bounds.

use std::net::SocketAddr;
use std::time::Duration;

use push_client::sip::Transport;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::bench::{Bench, MMS, next, settings, stream, within};
use crate::core::{Core, push_headers};

async fn from(source: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    within(socket.connect(to)).await.unwrap()
}

async fn ended(stream: &mut TcpStream) {
    let mut octets = Vec::new();
    // A connection that is cut off may be reset.
    within(stream.read_to_end(&mut octets)).await.ok();
}

#[tokio::test]
async fn the_connection_that_is_silent_for_longest_gives_way_and_the_cores_to_no_stranger() {
    let mut core = Core::udp().await;
    let mut settings = settings(core.address(), Transport::Udp);
    settings.agent.serving.core_addresses = vec![core.address().ip()];
    settings.connections.max_connections = 4;
    settings.connections.max_connections_per_address = 2;
    let bench = Bench::start(settings);
    bench.register(&mut core, MMS).await;
    let address = bench.address("OTA-SIP-TCP");
    let mut of_core = Core::dialling(address).await;
    assert_eq!(
        of_core.push("mms.ua", "text/plain", b"1").await.status(),
        202
    );
    // Of one address: the oldest gives way.
    let mut strangers = Vec::new();
    for _ in 0..3 {
        strangers.push(from([127, 0, 0, 2], address).await);
    }
    ended(&mut strangers[0]).await;
    // Of all: likewise, but for the core's.
    for last in 3..8 {
        strangers.push(from([127, 0, 0, last], address).await);
    }
    for stranger in &mut strangers[1..5] {
        ended(stranger).await;
    }
    assert_eq!(
        of_core.push("mms.ua", "text/plain", b"2").await.status(),
        202
    );
    drop(strangers);
    tokio::join!(bench.stop_bound(&mut core), of_core.hang_up());
}

#[tokio::test]
async fn a_connection_that_is_silent_for_too_long_ends() {
    let core = Core::udp().await;
    let mut settings = settings(core.address(), Transport::Udp);
    settings.connections.idle_timeout = Duration::from_millis(20);
    let bench = Bench::start(settings);
    let address = bench.address("OTA-SIP-TCP");
    let mut silent = TcpStream::connect(address).await.unwrap();
    ended(&mut silent).await;
    bench.stop().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_cut_off() {
    let mut core = Core::udp().await;
    let mut settings = settings(core.address(), Transport::Udp);
    settings.agent.serving.core_addresses = vec![core.address().ip()];
    settings.connections.max_unsent = 64 << 10;
    let bench = Bench::start(settings);
    bench.register(&mut core, MMS).await;
    let mut deaf = Core::dialling(bench.address("OTA-SIP-TCP")).await;
    let mut stream = TcpStream::connect(bench.address("OTA-SIP-TCP"))
        .await
        .unwrap();
    let sending = async {
        loop {
            let request = deaf.compose("OPTIONS", "", b"");
            if stream.write_all(&request).await.is_err() {
                break;
            }
        }
    };
    within(sending).await;
    assert_eq!(bench.counter("sipOverrun").await, 1);
    assert_eq!(core.push("mms.ua", "text/plain", b"x").await.status(), 202);
    bench.stop_bound(&mut core).await;
}

#[tokio::test]
async fn what_is_no_sip_ends_its_connection_and_nothing_else() {
    let mut core = Core::udp().await;
    let bench = Bench::start(settings(core.address(), Transport::Udp));
    bench.register(&mut core, MMS).await;
    let endless = vec![0xFF; 200_000];
    for garbage in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &endless] {
        let mut stranger = TcpStream::connect(bench.address("OTA-SIP-TCP"))
            .await
            .unwrap();
        // It may be cut off within.
        stranger.write_all(garbage).await.ok();
        ended(&mut stranger).await;
    }
    for garbage in [&b"\0\x01\x02"[..], b"MESSAGE", b"\r\n\r\n"] {
        core.send(garbage).await;
    }
    assert_eq!(core.push("mms.ua", "text/plain", b"x").await.status(), 202);
    bench.stop_bound(&mut core).await;
}

#[tokio::test]
async fn a_flood_is_answered_or_put_off_and_what_comes_behind_it_is_taken() {
    const FLOOD: usize = 20_000;
    let mut core = Core::udp().await;
    let mut settings = settings(core.address(), Transport::Udp);
    settings.agent.transactions.max_unanswered = 16;
    let bench = Bench::start(settings);
    let application = bench.register(&mut core, MMS).await;
    let mut events = stream(&application).await;
    for _ in 0..FLOOD {
        let push = core.compose("MESSAGE", &push_headers("none.ua", "text/plain"), b"x");
        core.send(push).await;
    }
    let push = core.compose("MESSAGE", &push_headers("mms.ua", "text/plain"), b"behind");
    let call = format!("{}-{}", FLOOD + 1, core.address());
    core.send(&push).await;
    loop {
        // Datagrams that find no room in the kernel are lost, as they may be: then it comes again.
        let answer = tokio::time::timeout(Duration::from_millis(500), core.next()).await;
        match answer {
            Ok(answer) => {
                let answer = answer.unwrap();
                if answer.header("call-id") == call && answer.status() == 200 {
                    break;
                }
                assert!([200, 480, 503].contains(&answer.status()), "{answer:?}");
            }
            Err(_) => core.send(&push).await,
        }
    }
    assert_eq!(next(&mut events).await.content(), b"behind");
    bench.stop_bound(&mut core).await;
}
