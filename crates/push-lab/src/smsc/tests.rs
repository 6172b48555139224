//! A centre against a peer made of octets.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::pdu::{self, Pdu};
use super::*;

const MOST: usize = 4096;

struct Peer(TcpStream);

impl Peer {
    async fn bound(smsc: &Smsc, command: u32) -> Self {
        let mut peer = Self::connected(smsc).await;
        let answer = peer.ask(command, b"peer\0secret\0\0\x34\0\0\0").await;
        assert_eq!(answer.status, pdu::OK);
        assert_eq!(answer.body, b"smsc\0");
        peer
    }

    async fn connected(smsc: &Smsc) -> Self {
        Self(
            TcpStream::connect(smsc.address())
                .await
                .expect("a connection"),
        )
    }

    async fn send(&mut self, pdu: &Pdu) {
        self.0.write_all(&pdu.encode()).await.expect("it is sent");
    }

    async fn ask(&mut self, command: u32, body: &[u8]) -> Pdu {
        self.send(&Pdu::request(command, 7, body.to_vec())).await;
        let answer = self.read().await;
        assert_eq!(
            (answer.command, answer.sequence),
            (command | pdu::ANSWER, 7)
        );
        answer
    }

    async fn read(&mut self) -> Pdu {
        Pdu::read(&mut self.0, MOST)
            .await
            .expect("a PDU can be read")
            .expect("the centre sends something")
    }

    async fn take_message(&mut self, status: u32) -> ShortMessage {
        let request = self.read().await;
        assert_eq!(request.command, pdu::DELIVER_SM);
        self.send(&request.answer(status, b"\0")).await;
        pdu::read_message(&request.body).expect("a short message")
    }
}

async fn started(change: impl FnOnce(&mut SmscSettings)) -> Smsc {
    let mut settings = SmscSettings::new("127.0.0.1:0".parse().expect("an address"));
    change(&mut settings);
    Smsc::start(settings).await.expect("it starts")
}

fn message(octets: &[u8]) -> ShortMessage {
    ShortMessage::binary("15551234", "15559876", octets).with_header()
}

#[test]
fn a_message_is_written_as_the_protocol_says() {
    let short = message(b"\x01\x02");
    let octets = b"\0\x01\x0115551234\0\x01\x0115559876\0\x40\0\0\0\0\0\0\x04\0\x02\x01\x02";
    assert_eq!(pdu::write_message(&short), octets);
    let payload = short.as_payload().parameter(0x0204, *b"\0\x01");
    let octets = b"\0\x01\x0115551234\0\x01\x0115559876\0\x40\0\0\0\0\0\0\x04\0\0\x04\x24\0\x02\x01\x02\x02\x04\0\x02\0\x01";
    assert_eq!(pdu::write_message(&payload), octets);
    assert_eq!(pdu::read_message(octets), Some(payload));
}

#[tokio::test]
async fn what_a_transmitter_submits_reaches_a_receiver() {
    let smsc = started(|_| {}).await;
    let mut transmitter = Peer::bound(&smsc, pdu::BIND_TRANSMITTER).await;
    let submitted = transmitter
        .ask(pdu::SUBMIT_SM, &pdu::write_message(&message(b"one")))
        .await;
    assert_eq!(
        (submitted.status, &submitted.body[..]),
        (pdu::OK, &b"1\0"[..])
    );
    let mut receiver = Peer::bound(&smsc, pdu::BIND_RECEIVER).await;
    assert_eq!(receiver.take_message(pdu::OK).await, message(b"one"));
    let answered = SmscEvent::Answered {
        message: 1,
        link: 2,
        status: 0,
    };
    assert!(
        smsc.events()
            .until(|event| (event == answered).then_some(()))
            .await
            .is_some()
    );
    assert_eq!(smsc.waiting(), 0);
}

#[tokio::test]
async fn what_is_not_answered_with_success_is_sent_again() {
    let smsc = started(|_| {}).await;
    smsc.submit(message(b"one"));
    let mut first = Peer::bound(&smsc, pdu::BIND_TRANSCEIVER).await;
    assert_eq!(first.take_message(8).await, message(b"one"));
    assert_eq!(first.read().await.command, pdu::DELIVER_SM);
    drop(first);
    let mut second = Peer::bound(&smsc, pdu::BIND_RECEIVER).await;
    assert_eq!(second.take_message(pdu::OK).await, message(b"one"));
}

#[tokio::test]
async fn a_peer_has_to_give_the_password() {
    let smsc = started(|settings| {
        settings.account = Some(Account {
            system_id: "peer".to_owned(),
            password: "other".to_owned(),
        });
    })
    .await;
    let mut peer = Peer::connected(&smsc).await;
    let answer = peer
        .ask(pdu::BIND_RECEIVER, b"peer\0secret\0\0\x34\0\0\0")
        .await;
    assert_eq!(answer.status, pdu::BIND_FAILED);
    let answer = peer
        .ask(pdu::BIND_RECEIVER, b"peer\0other\0\0\x34\0\0\0")
        .await;
    assert_eq!(answer.status, pdu::OK);
}

#[tokio::test]
async fn who_is_no_transmitter_cannot_submit() {
    let smsc = started(|_| {}).await;
    let mut peer = Peer::bound(&smsc, pdu::BIND_RECEIVER).await;
    let body = pdu::write_message(&message(b"one"));
    assert_eq!(
        peer.ask(pdu::SUBMIT_SM, &body).await.status,
        pdu::WRONG_STATE
    );
}

#[tokio::test]
async fn links_are_asked_for_life_both_ways_and_left_with_a_word() {
    let smsc = started(|_| {}).await;
    let mut peer = Peer::bound(&smsc, pdu::BIND_RECEIVER).await;
    assert_eq!(peer.ask(pdu::ENQUIRE_LINK, b"").await.status, pdu::OK);
    smsc.enquire();
    let request = peer.read().await;
    assert_eq!(request.command, pdu::ENQUIRE_LINK);
    peer.send(&request.answer(pdu::OK, &[])).await;
    smsc.unbind();
    let request = peer.read().await;
    assert_eq!(request.command, pdu::UNBIND);
    peer.send(&request.answer(pdu::OK, &[])).await;
    let mut rest = Vec::new();
    peer.0.read_to_end(&mut rest).await.expect("an end");
    assert!(rest.is_empty());
}

#[tokio::test]
async fn faults_are_done_on_request() {
    let smsc = started(|settings| {
        settings.faults = vec![
            SmscFault::Repeat,
            SmscFault::Trickle,
            SmscFault::RefuseBinds {
                count: 1,
                status: pdu::BIND_FAILED,
            },
            SmscFault::EndAfter {
                connections: 2,
                messages: 1,
            },
        ];
    })
    .await;
    smsc.submit(message(b"one"));
    let mut refused = Peer::connected(&smsc).await;
    let bind = b"peer\0secret\0\0\x34\0\0\0";
    assert_eq!(
        refused.ask(pdu::BIND_RECEIVER, bind).await.status,
        pdu::BIND_FAILED
    );
    let mut ended = Peer::bound(&smsc, pdu::BIND_RECEIVER).await;
    assert_eq!(ended.read().await.command, pdu::DELIVER_SM);
    assert!(
        Pdu::read(&mut ended.0, MOST)
            .await
            .expect("an end")
            .is_none()
    );
    let mut peer = Peer::bound(&smsc, pdu::BIND_RECEIVER).await;
    assert_eq!(peer.take_message(pdu::OK).await, message(b"one"));
    assert_eq!(peer.take_message(pdu::OK).await, message(b"one"));
}
