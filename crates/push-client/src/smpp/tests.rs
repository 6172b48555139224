//! The receiver against the lab's message centre.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use push_core::{PushRefusal, Verdict};
use push_lab::ppg::TestAuthority;
use push_lab::smsc::{
    Account, Mode, ShortMessage, Smsc, SmscEvent, SmscEvents, SmscFault, SmscSettings,
};
use push_ota::http::{Host, Secret};
use rusmpp::Pdu;
use rusmpp::pdus::BindReceiverResp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

use super::*;
use crate::short_messages::{Content, Delivery, Intake, Settled, Source as _, Submission, Taken};

const OK: u32 = 0x00;
const TEMPORARY: u32 = 0x64;
const PERMANENT: u32 = 0x65;
const HEADER: [u8; 7] = [6, 5, 4, 0x0B, 0x84, 0x23, 0xF0];

/// A centre, a receiver that is connected to it, and what the receiver hands over.
struct Stage {
    smsc: Smsc,
    events: SmscEvents,
    taken: Taken,
    receiver: JoinHandle<()>,
}

impl Stage {
    async fn new(
        change_centre: impl FnOnce(&mut SmscSettings),
        change_receiver: impl FnOnce(&mut SmppSettings),
    ) -> Self {
        let mut settings = SmscSettings::new("127.0.0.1:0".parse().expect("an address"));
        change_centre(&mut settings);
        let smsc = Smsc::start(settings).await.expect("it starts");
        let address = smsc.address();
        let mut settings = SmppSettings::new("link-1", Host::Ip(address.ip()), address.port());
        settings.system_id = "terminal".into();
        settings.password = Secret("secret".into());
        settings.backoff_base = Duration::from_millis(5);
        settings.backoff_limit = Duration::from_millis(20);
        change_receiver(&mut settings);
        let source = Arc::new(Smpp::new(settings).expect("the settings serve"));
        let (intake, taken) = Intake::new(16);
        let receiver = tokio::spawn(source.run(intake));
        Self {
            events: smsc.events(),
            smsc,
            taken,
            receiver,
        }
    }

    async fn plain() -> Self {
        Self::new(|_| {}, |_| {}).await
    }

    async fn submission(&mut self) -> Submission {
        *self
            .taken
            .submissions
            .recv()
            .await
            .expect("the receiver runs")
    }

    async fn until(&mut self, wanted: impl Fn(&SmscEvent) -> bool) {
        let found = |event| wanted(&event).then_some(());
        self.events.until(found).await.expect("the centre runs");
    }

    async fn until_answered(&mut self, wanted: u32) {
        self.until(
            |event| matches!(event, SmscEvent::Answered { status, .. } if *status == wanted),
        )
        .await;
    }

    async fn until_bound(&mut self) {
        self.until(|event| matches!(event, SmscEvent::Bound { .. }))
            .await;
    }

    /// Stops the receiver, which takes its leave.
    async fn stop(mut self) {
        self.taken.stop.send_replace(true);
        self.until(|event| matches!(event, SmscEvent::Unbound { .. }))
            .await;
        self.receiver.await.expect("the receiver ends by itself");
    }
}

fn message(content: &[u8]) -> ShortMessage {
    let octets = [&HEADER[..], content].concat();
    ShortMessage::binary("15551234", "15559876", octets).with_header()
}

fn delivery(content: &[u8], smsc: Option<&str>) -> Delivery {
    Delivery {
        device: "link-1".into(),
        content: Content::UserData {
            smsc: smsc.map(Box::from),
            originator: Some("+15551234".into()),
            sent: None,
            header: true,
            octets: [&HEADER[..], content].concat().into(),
        },
    }
}

#[tokio::test]
async fn a_short_message_is_answered_as_it_is_settled() {
    let mut stage = Stage::plain().await;
    stage
        .until(|event| {
            matches!(event, SmscEvent::Bound { mode: Mode::Receiver, system_id, .. } if system_id == "terminal")
        })
        .await;
    let refused = |word| Settled::Refused {
        word,
        detail: String::new(),
    };
    let no_push = Settled::NotAPush {
        detail: String::new(),
    };
    for (settled, status) in [
        (Settled::Durable(Verdict::Duplicate), OK),
        (
            Settled::Durable(Verdict::Refused(PushRefusal::ContentType)),
            OK,
        ),
        (Settled::Kept, OK),
        (refused("malformed"), OK),
        (no_push, PERMANENT),
        (Settled::NotNow, TEMPORARY),
    ] {
        stage.smsc.submit(message(b"one"));
        let submission = stage.submission().await;
        assert_eq!(submission.delivery, delivery(b"one", None));
        let again = status == TEMPORARY;
        submission.answer.send(settled).expect("the receiver waits");
        stage.until_answered(status).await;
        if again {
            let submission = stage.submission().await;
            submission
                .answer
                .send(Settled::Kept)
                .expect("the receiver waits");
            stage.until_answered(OK).await;
        }
    }
    stage.stop().await;
}

#[tokio::test]
async fn nothing_is_answered_before_it_is_settled() {
    let mut stage = Stage::plain().await;
    stage.smsc.submit(message(b"one"));
    stage.smsc.submit(message(b"two"));
    let first = stage.submission().await;
    let second = stage.submission().await;
    second
        .answer
        .send(Settled::Kept)
        .expect("the receiver waits");
    stage.until_answered(OK).await;
    let answered = stage.smsc.events().drain().into_iter();
    let answered = answered.filter_map(|event| {
        if let SmscEvent::Answered { message, .. } = event {
            Some(message)
        } else {
            None
        }
    });
    assert_eq!(answered.collect::<Vec<_>>(), [2]);
    first
        .answer
        .send(Settled::Kept)
        .expect("the receiver waits");
    stage.until_answered(OK).await;
    stage.stop().await;
}

#[tokio::test]
async fn what_was_not_answered_comes_again_on_the_next_connection() {
    let mut stage = Stage::plain().await;
    stage.smsc.submit(message(b"one"));
    let lost = stage.submission().await;
    stage.smsc.end_connections();
    let again = stage.submission().await;
    assert_eq!(again.delivery, lost.delivery);
    again
        .answer
        .send(Settled::Kept)
        .expect("the receiver waits");
    stage.until_answered(OK).await;
    stage.stop().await;
}

#[tokio::test]
async fn the_message_centres_number_is_the_one_of_the_settings() {
    let number = "+4917099999";
    let mut stage = Stage::new(|_| {}, |settings| settings.smsc = Some(number.into())).await;
    stage.smsc.submit(message(b"one"));
    let submission = stage.submission().await;
    assert_eq!(submission.delivery, delivery(b"one", Some(number)));
    submission
        .answer
        .send(Settled::Kept)
        .expect("the receiver waits");
    stage.stop().await;
}

#[tokio::test]
async fn payloads_come_whole_in_whatever_pieces_the_stream_comes() {
    let content = [7; 1000];
    let mut stage = Stage::new(
        |settings| settings.faults = vec![SmscFault::Trickle],
        |_| {},
    )
    .await;
    stage.smsc.submit(message(&content).as_payload());
    let submission = stage.submission().await;
    assert_eq!(submission.delivery, delivery(&content, None));
    submission
        .answer
        .send(Settled::Kept)
        .expect("the receiver waits");
    stage.until_answered(OK).await;
    stage.stop().await;
}

#[tokio::test]
async fn receipts_are_taken_and_dropped() {
    let mut stage = Stage::plain().await;
    let mut receipt = message(b"id:1 stat:DELIVRD");
    receipt.esm_class = 0x04;
    stage.smsc.submit(receipt);
    stage.until_answered(OK).await;
    stage.smsc.submit(message(b"one"));
    assert_eq!(stage.submission().await.delivery, delivery(b"one", None));
}

#[tokio::test]
async fn a_refused_bind_is_tried_again() {
    let refuse = |settings: &mut SmscSettings| {
        settings.faults = vec![SmscFault::RefuseBinds {
            count: 2,
            status: 0x0D,
        }];
    };
    let mut stage = Stage::new(refuse, |_| {}).await;
    for _ in 0..2 {
        stage
            .until(|event| matches!(event, SmscEvent::BindRefused { .. }))
            .await;
    }
    stage.until_bound().await;
    stage.stop().await;
}

#[tokio::test]
async fn a_refused_bind_says_what_to_look_at() {
    let account = |settings: &mut SmscSettings| {
        settings.account = Some(Account {
            system_id: "terminal".to_owned(),
            password: "other".to_owned(),
        });
    };
    let stage = Stage::new(account, |_| {}).await;
    let address = stage.smsc.address();
    let mut settings = SmppSettings::new("link-1", Host::Ip(address.ip()), address.port());
    settings.system_id = "terminal".into();
    let (intake, _taken) = Intake::new(1);
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("a connection");
    let refused = link::Link::bind(&settings, &intake, stream).await.err();
    let told = refused.map(|error| error.to_string()).unwrap_or_default();
    assert!(
        told.contains("EsmeRbindfail") && told.contains("password_file"),
        "{told}"
    );
}

/// How many connections count as failed in a row, of three before this one, after a centre that says these requests behind
/// its yes to the bind and ends the connection.
async fn failures_after(requests: Vec<Pdu>) -> u32 {
    let mut settings = SmppSettings::new("link-1", Host::Name("centre.example".into()), 2775);
    settings.system_id = "terminal".into();
    let source = Smpp::new(settings).expect("the settings serve");
    let (intake, _taken) = Intake::new(1);
    let (stream, mut centre) = tokio::io::duplex(1024);
    let playing = async move {
        let mut header = [0; 16];
        centre.read_exact(&mut header).await.expect("a bind");
        let answer = Pdu::BindReceiverResp(BindReceiverResp::default());
        for (sequence, pdu) in (1..).zip([answer].into_iter().chain(requests)) {
            let octets = commands::encode(&commands::request(sequence, pdu));
            centre.write_all(&octets).await.expect("the link reads");
        }
        centre.shutdown().await.expect("the link reads");
        let mut rest = Vec::new();
        centre.read_to_end(&mut rest).await.expect("the link ends");
    };
    let mut failures = 3;
    let (ended, ()) = tokio::join!(source.serve(stream, &intake, &mut failures), playing);
    ended.expect_err("the centre ended the connection");
    failures
}

#[tokio::test]
async fn a_centre_that_takes_each_bind_and_ends_the_connection_is_left_alone_ever_longer() {
    assert_eq!(failures_after(Vec::new()).await, 3);
    assert_eq!(failures_after(vec![Pdu::Unbind]).await, 3);
    assert_eq!(failures_after(vec![Pdu::EnquireLink]).await, 0);
}

#[tokio::test]
async fn silence_is_broken_and_a_dead_link_given_up() {
    let impatient = |settings: &mut SmppSettings| {
        settings.enquire_interval = Duration::from_millis(5);
        settings.response_timeout = Duration::from_millis(200);
    };
    let mut stage = Stage::new(|_| {}, impatient).await;
    stage
        .until(|event| matches!(event, SmscEvent::Enquired { .. }))
        .await;
    stage
        .until(|event| matches!(event, SmscEvent::Enquired { .. }))
        .await;
    let mute = |settings: &mut SmscSettings| settings.faults = vec![SmscFault::Mute];
    let mut stage = Stage::new(mute, impatient).await;
    stage.until_bound().await;
    stage
        .until(|event| matches!(event, SmscEvent::Ended { .. }))
        .await;
    stage.until_bound().await;
}

#[tokio::test]
async fn enquiries_and_leave_of_the_centre_are_answered() {
    let mut stage = Stage::plain().await;
    stage.until_bound().await;
    stage.smsc.enquire();
    stage
        .until(|event| matches!(event, SmscEvent::Alive { .. }))
        .await;
    stage.smsc.unbind();
    stage
        .until(|event| matches!(event, SmscEvent::Unbound { .. }))
        .await;
    stage.until_bound().await;
    stage.stop().await;
}

#[tokio::test]
async fn garbage_ends_the_connection_and_not_the_source() {
    for garbage in [vec![0xFF; 64], vec![0; 16]] {
        let spoil =
            |settings: &mut SmscSettings| settings.faults = vec![SmscFault::Garbage(garbage)];
        let mut stage = Stage::new(spoil, |_| {}).await;
        stage.until_bound().await;
        stage
            .until(|event| matches!(event, SmscEvent::Ended { .. }))
            .await;
        stage.until_bound().await;
    }
}

#[tokio::test]
async fn requests_that_are_not_known_are_rejected_and_the_link_lives() {
    let unknown = b"\0\0\0\x10\0\0\0\x77\0\0\0\0\0\0\0\x09".to_vec();
    let broken = b"\0\0\0\x12\0\0\0\x05\0\0\0\0\0\0\0\x0A\xFF\xFF".to_vec();
    let odd = |settings: &mut SmscSettings| {
        settings.faults = vec![SmscFault::Garbage(unknown), SmscFault::Garbage(broken)];
    };
    let mut stage = Stage::new(odd, |_| {}).await;
    stage
        .until(|event| matches!(event, SmscEvent::Rejected { status: 3, .. }))
        .await;
    stage.smsc.submit(message(b"one"));
    let submission = stage.submission().await;
    submission
        .answer
        .send(Settled::Kept)
        .expect("the receiver waits");
    stage.until_answered(OK).await;
    stage.stop().await;
}

#[tokio::test]
async fn tls_comes_first_where_it_is_wanted() {
    let directory = tempfile::tempdir().expect("a directory");
    let ca = directory.path().join("ca.pem");
    let authority = TestAuthority::new("lab").expect("an authority");
    authority.write_pem(&ca).expect("it is written");
    let secure = |settings: &mut SmscSettings| {
        settings.tls = Some((authority, vec!["smsc.example.net".to_owned()]));
    };
    let trusting = |settings: &mut SmppSettings| {
        settings.tls = Some(SmppTls {
            ca: ca.clone(),
            name: Some("smsc.example.net".into()),
        });
    };
    let mut stage = Stage::new(secure, trusting).await;
    stage.smsc.submit(message(b"one"));
    let submission = stage.submission().await;
    submission
        .answer
        .send(Settled::Kept)
        .expect("the receiver waits");
    stage.until_answered(OK).await;
    stage.stop().await;
}

#[tokio::test]
async fn a_centre_with_another_name_is_not_bound_to() {
    let directory = tempfile::tempdir().expect("a directory");
    let ca = directory.path().join("ca.pem");
    let authority = TestAuthority::new("lab").expect("an authority");
    authority.write_pem(&ca).expect("it is written");
    let secure = |settings: &mut SmscSettings| {
        settings.tls = Some((authority, vec!["other.example.net".to_owned()]));
    };
    let trusting = |settings: &mut SmppSettings| {
        settings.tls = Some(SmppTls {
            ca: ca.clone(),
            name: Some("smsc.example.net".into()),
        });
    };
    let mut stage = Stage::new(secure, trusting).await;
    stage
        .until(|event| matches!(event, SmscEvent::TlsFailed { .. }))
        .await;
}

#[test]
fn settings_that_do_not_fit_are_named() {
    let host = Host::Ip(IpAddr::from([192, 0, 2, 1]));
    let refused = |change: fn(&mut SmppSettings)| {
        let mut settings = SmppSettings::new("link-1", host.clone(), SmppSettings::PORT);
        change(&mut settings);
        Smpp::new(settings).err().map(|error| error.to_string())
    };
    assert_eq!(refused(|_| {}), None);
    for (name, change) in [
        (
            "system_id",
            (|settings| settings.system_id = "sixteen-octets-!".into()) as fn(&mut SmppSettings),
        ),
        ("password", |settings| {
            settings.password = Secret("nine-long".into());
        }),
        ("system_type", |settings| {
            settings.system_type = "thirteen-long".into();
        }),
    ] {
        let told = refused(change).unwrap_or_default();
        assert!(
            told.starts_with(name) && !told.contains("nine-long"),
            "{told}"
        );
    }
}
