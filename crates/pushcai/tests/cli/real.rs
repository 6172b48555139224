//! Commands against a real Push Client with its HTTP interface.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::mpsc;
use std::thread::JoinHandle;

use push_client::Builder;
use push_http::{HttpSettings, Tokens};
use tempfile::TempDir;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::oneshot;

use crate::run::{Run, against, command, finished, pushcai};

/// Who may come over TCP.
const TOKENS: &str = "lab 0123456789abcdef0123\n";

/// A Push Client in a thread of its own; it ends when it is dropped.
pub(crate) struct PushClient {
    socket: PathBuf,
    udp: SocketAddr,
    tcp: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl PushClient {
    /// Starts one with its database and its socket in this directory.
    fn start(directory: &Path, listen: SocketAddr) -> Self {
        Self::start_with(directory, Builder::new().listen(listen))
    }

    /// The same with what else it speaks.
    pub(crate) fn start_with(directory: &Path, builder: Builder) -> Self {
        let (database, socket) = (directory.join("push.db"), directory.join("api.sock"));
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let tcp = std::net::TcpListener::bind(any_port()).unwrap();
        tcp.set_nonblocking(true).unwrap();
        let tcp_address = tcp.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let (sender, started) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            runtime.block_on(async move {
                let (client, engine) = builder.store(database).build().unwrap();
                let engine = tokio::spawn(engine.run());
                sender.send(client.listening()[0]).unwrap();
                let listener = UnixListener::from_std(listener).unwrap();
                let (service, settings) = (client.clone(), HttpSettings::default());
                let tcp = TcpListener::from_std(tcp).unwrap();
                let tokens = Tokens::parse(TOKENS).unwrap();
                let (other, same) = (client.clone(), settings.clone());
                let never = std::future::pending();
                let tcp = tokio::spawn(push_http::serve_tcp(tcp, tokens, other, same, never));
                let end = async { drop(stopped.await) };
                push_http::serve_unix(listener, service, settings, end)
                    .await
                    .unwrap();
                tcp.abort();
                client.shut_down().await;
                engine.await.unwrap().unwrap();
            });
        });
        let udp = started.recv().unwrap();
        Self {
            socket,
            udp,
            tcp: tcp_address,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        against(&self.socket, arguments)
    }

    /// Runs to success, and gives what was printed as JSON values.
    pub(crate) fn json(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        let run = self.run(&[arguments, &["--json"]].concat());
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{arguments:?}");
        run.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn push(&self, arguments: &[&str]) {
        let destination = self.udp.to_string();
        let run = pushcai(&[&["lab", "push", destination.as_str()], arguments].concat());
        assert_eq!(run.code, 0, "{run}");
    }

    fn follow(&self, arguments: &[&str]) -> Child {
        let arguments = [&["events", "--follow", "--json"], arguments].concat();
        command(&arguments)
            .env("PUSHCAI_SOCKET", &self.socket)
            .spawn()
            .unwrap()
    }
}

impl Drop for PushClient {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
        std::fs::remove_file(&self.socket).unwrap();
    }
}

pub(crate) fn any_port() -> SocketAddr {
    "127.83.0.1:0".parse().unwrap()
}

fn started() -> (TempDir, PushClient) {
    let directory = tempfile::tempdir().unwrap();
    let client = PushClient::start(directory.path(), any_port());
    (directory, client)
}

#[test]
fn a_push_reaches_the_application_that_registered() {
    let (_directory, client) = started();
    let run = client.run(&[
        "register",
        "4",
        "--accept",
        "application/vnd.wap.mms-message",
    ]);
    assert_eq!(run.stdout, "registered 4: registration 0000000000000001\n");
    let apps = client.json(&["apps"]);
    assert_eq!(apps[0]["pushApplicationID"], "x-wap-application:mms.ua");
    client.push(&["--id", "4", "--sample", "mms"]);
    client.push(&["--id", "4", "--sample", "si"]);
    let events = client.json(&["events", "--wait", "60", "--ack"]);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["contentType"], "application/vnd.wap.mms-message");
    let again = client.json(&["events"]);
    assert!(again.is_empty(), "{again:?}");
    let explained = client.json(&["explain", "--id", "4", "--content-type", "text/html"]);
    assert_eq!(explained[0]["explanation"]["verdict"], "contentType");
    assert_eq!(client.json(&["status"])[0]["registrations"], 1);
    assert!(client.json(&["metrics"]).len() > 10);
    assert!(client.json(&["servers"]).is_empty());
    assert_eq!(
        client
            .run(&["deregister", "x-wap-application:mms.ua"])
            .stdout,
        "deregistered x-wap-application:mms.ua\n"
    );
    assert!(client.json(&["apps"]).is_empty());
}

#[test]
fn an_event_that_is_put_off_stays() {
    let (_directory, client) = started();
    client.json(&["register", "x-example.net:a"]);
    client.push(&["--id", "x-example.net:a", "--body", "hello"]);
    let events = client.json(&["events", "--wait", "60", "--decode"]);
    assert_eq!(events[0]["decoded"]["text"], "hello");
    let id = events[0]["id"].as_str().unwrap();
    assert_eq!(client.run(&["ack", id, "later"]).code, 0);
    assert_eq!(client.json(&["apps"])[0]["waitingEvents"], 1);
    assert_eq!(client.run(&["ack", "ffffffffffffffff"]).code, 12);
}

#[test]
fn refusals_have_one_line_and_their_exit_code() {
    let (_directory, client) = started();
    client.json(&["register", "4"]);
    for (arguments, code, begin) in [
        (
            &["register", ""][..],
            10,
            "invalidRequest (pushApplicationID)",
        ),
        (
            &["register", "no id"],
            10,
            "invalidRequest (pushApplicationID)",
        ),
        (
            &["register", "5", "--accept", "text"],
            10,
            "invalidRequest (Accept)",
        ),
        (
            &["register", "5", "--whitelist", "1.2.3.4.5"],
            10,
            "invalidRequest (whitelist)",
        ),
        (
            &["register", "5", "--profile", "OTA-WSP:x"],
            10,
            "invalidRequest (connectionProfile.port)",
        ),
        (
            &["register", "4", "--application-id", "other"],
            11,
            "alreadyRegistered",
        ),
        (&["deregister", "5"], 12, "notRegistered"),
        (
            &["deregister", "4", "--owner", "uid:4242"],
            12,
            "notRegistered",
        ),
        (
            &["register", "5", "--profile", "OTA-SIP"],
            13,
            "unsupportedOption (connectionProfile.protocol): protocol OTA-SIP is not run here; what works: OTA-WSP",
        ),
        (
            &["register", "5", "--handler", "exec:x"],
            13,
            "unsupportedOption (eventHandler)",
        ),
        (
            &["register", "5", "--profile", "OTA-WSP/GSM-SMS"],
            14,
            "optionNotAvailable (connectionProfile.bearerType)",
        ),
        (
            &["explain", "--server", "nobody/x"],
            10,
            "invalidRequest (server)",
        ),
        (
            &["events", "--fetch", "100000"],
            10,
            "invalidRequest (fetch)",
        ),
    ] {
        let run = client.run(arguments);
        assert_eq!(run.code, code, "{arguments:?}: {run}");
        assert!(
            run.stderr.starts_with(&format!("pushcai: {begin}")),
            "{arguments:?}: {run}"
        );
        assert_eq!(
            (run.stdout.as_str(), run.stderr.lines().count()),
            ("", 1),
            "{run}"
        );
    }
    assert_eq!(client.json(&["register", "4"])[0]["result"], "success");
}

#[test]
fn events_are_followed_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let client = PushClient::start(directory.path(), any_port());
    let udp = client.udp;
    client.json(&["register", "x-example.net:a"]);
    let follower = client.follow(&["--ack", "--count", "4"]);
    client.push(&[
        "--id",
        "x-example.net:a",
        "--body",
        "before",
        "--count",
        "2",
    ]);
    let completed = |client: &PushClient| {
        let status = client.json(&["status"]);
        status[0]["counters"]["completed"].as_u64().unwrap()
    };
    while completed(&client) < 2 {
        std::thread::yield_now();
    }
    drop(client);
    let client = PushClient::start(directory.path(), udp);
    client.push(&[
        "--id",
        "x-example.net:a",
        "--body",
        "after",
        "--count",
        "2",
        "--tid",
        "7",
    ]);
    let run = finished(follower.wait_with_output().unwrap());
    assert_eq!((run.code, run.stdout.lines().count()), (0, 4), "{run}");
    assert!(run.stderr.contains("connecting again in 0.1 s"), "{run}");
    assert_eq!(completed(&client), 2);
    assert_eq!(client.json(&["apps"])[0]["waitingEvents"], 0);
    assert_eq!(client.json(&["apps"])[0]["unacknowledgedEvents"], 0);
}

#[test]
fn the_other_road_is_tcp_with_a_token() {
    let (directory, client) = started();
    let file = directory.path().join("tokens");
    let over_tcp = |arguments: &[&str]| {
        let road = [
            "--tcp",
            client.tcp.as_str(),
            "--token-file",
            file.to_str().unwrap(),
        ];
        pushcai(&[&road, arguments].concat())
    };
    std::fs::write(&file, TOKENS).unwrap();
    assert_eq!(over_tcp(&["register", "4"]).code, 0);
    let apps = over_tcp(&["apps", "--json"]).stdout;
    assert!(apps.contains("token:lab"), "{apps}");
    std::fs::write(&file, "another-token-of-24-octets").unwrap();
    let run = over_tcp(&["apps"]);
    assert_eq!(run.code, 15, "{run}");
    assert!(run.stderr.starts_with("pushcai: notAuthorized: "), "{run}");
    std::fs::write(&file, "# nothing").unwrap();
    assert_eq!(over_tcp(&["apps"]).code, 1);
}
