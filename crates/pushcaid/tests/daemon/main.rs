//! The daemon as its users meet it: the real program, a directory of its own, loopback.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may panic, and says what it skips"
)]

mod bench;
mod kill;
mod room;

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::process::Command;

use rustix::process::Signal;
use serde_json::json;

use bench::{Bench, program};

fn gateway() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

#[test]
fn a_push_over_udp_reaches_a_reader_of_the_unix_socket() {
    let bench = Bench::new("");
    let daemon = bench.start();
    let (status, answer) = daemon.register("x-wap-application:mms.ua");
    assert_eq!(
        (status, &answer["result"]),
        (201, &json!("success")),
        "{answer}"
    );
    let mut events = daemon.events();
    daemon.push(&gateway(), 7, b"hello");
    let event = events.next().unwrap();
    assert_eq!(event["content"], "aGVsbG8=");
    assert_eq!(event["contentType"], "text/plain");
    assert_eq!(event["pushApplicationID"], "x-wap-application:mms.ua");
    let id = event["id"].as_str().unwrap();
    let (status, answer) = daemon.request(
        "POST",
        &format!("/v1/events/{id}/ack"),
        Some(&json!({ "outcome": "accepted" })),
    );
    assert_eq!(status, 200, "{answer}");
    let (status, metrics) = daemon.text("GET", "/metrics", None);
    assert_eq!(status, 200);
    assert!(
        metrics.contains("\npushcai_events_completed_total 1\n"),
        "{metrics}"
    );
    assert!(daemon.terminate().success());
    let log = fs::read_to_string(bench.log()).unwrap();
    assert!(log.contains(" ready "), "{log}");
    assert!(
        !log.contains("hello") && !log.contains("aGVsbG8"),
        "content is never logged"
    );
}

#[test]
fn whoever_sends_datagrams_writes_no_log() {
    let bench = Bench::new("[queue]\nmax_held_events = 1\n");
    let daemon = bench.start();
    let gateway = gateway();
    for transaction in 0..20 {
        daemon.push(&gateway, transaction, b"for nobody");
        gateway
            .send_to(&[transaction, 0x06, 0x7F], daemon.listening())
            .unwrap();
    }
    let counted = |status: &serde_json::Value, name: &str| status["counters"][name] == 20;
    daemon.status_until(|status| {
        counted(status, "pushes.held") && counted(status, "datagramsRefused.malformed")
    });
    assert!(daemon.terminate().success());
    let log = fs::read_to_string(bench.log()).unwrap();
    assert!(log.lines().count() < 10, "{log}");
}

#[test]
fn sigterm_ends_it_well_and_a_restart_finds_everything() {
    let bench = Bench::new("");
    let daemon = bench.start();
    assert_eq!(daemon.register("4").0, 201);
    let mut events = daemon.events();
    daemon.push(&gateway(), 1, b"kept");
    let before = events.next().unwrap();
    daemon.signal(Signal::HUP);
    daemon.signal(Signal::TERM);
    daemon.wait_for("STOPPING=1");
    assert_eq!(events.next(), None);
    assert_eq!(daemon.terminate().code(), Some(0));
    assert!(!bench.socket().exists(), "the socket goes with the daemon");

    let daemon = bench.start();
    assert_eq!(daemon.status()["registrations"], 1);
    let after = daemon.events().next().unwrap();
    assert_eq!(
        (&after["id"], &after["content"]),
        (&before["id"], &before["content"])
    );
    daemon.signal(Signal::INT);
    daemon.wait_for("STOPPING=1");
}

#[test]
fn files_are_made_for_those_who_need_them() {
    let bench = Bench::new("");
    let daemon = bench.start();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&bench.state), 0o700);
    assert_eq!(mode(&bench.state.join("pushcai.db")), 0o600);
    assert_eq!(mode(&bench.socket()), 0o666);
    assert!(
        fs::metadata(bench.socket())
            .unwrap()
            .file_type()
            .is_socket()
    );
    drop(daemon);
}

#[test]
fn a_state_directory_that_others_may_write_to_is_refused() {
    let bench = Bench::new("");
    fs::create_dir(&bench.state).unwrap();
    fs::set_permissions(&bench.state, fs::Permissions::from_mode(0o777)).unwrap();
    let failed = bench.fail();
    assert_eq!(failed.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&failed.stderr);
    assert!(stderr.contains("has mode 777: others could"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert_eq!(fs::read_dir(&bench.state).unwrap().count(), 0);
    fs::set_permissions(&bench.state, fs::Permissions::from_mode(0o755)).unwrap();
    bench.start().terminate();
}

#[test]
fn a_socket_left_behind_is_replaced_and_a_file_is_not() {
    let bench = Bench::new("");
    bench.start().kill();
    assert!(bench.socket().exists());
    assert!(bench.start().terminate().success());
    fs::write(bench.socket(), "mine").unwrap();
    let failed = bench.fail();
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&failed.stderr).contains("something that is no socket is there")
    );
    assert_eq!(fs::read_to_string(bench.socket()).unwrap(), "mine");
}

#[test]
fn a_second_daemon_is_refused() {
    let bench = Bench::new("");
    let daemon = bench.start();
    let on_socket = Bench::new("");
    let text = fs::read_to_string(on_socket.config()).unwrap();
    let shared = text.replace(
        &format!("{:?}", on_socket.socket()),
        &format!("{:?}", bench.socket()),
    );
    fs::write(on_socket.config(), shared).unwrap();
    for (second, complaint) in [
        (&bench, "is in use by another process"),
        (&on_socket, "is pushcaid running already?"),
    ] {
        let failed = second.fail();
        let stderr = String::from_utf8_lossy(&failed.stderr);
        assert_eq!(failed.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.starts_with("pushcaid: ") && stderr.contains(complaint),
            "{stderr}"
        );
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    assert_eq!(daemon.register("4").0, 201, "the first one is untroubled");
}

#[test]
fn a_damaged_database_is_left_as_it_is() {
    let bench = Bench::new("");
    bench.start().terminate();
    let database = bench.state.join("pushcai.db");
    let damaged = vec![0x5A; 20_480];
    fs::write(&database, &damaged).unwrap();
    let failed = bench.fail();
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&failed.stderr).contains("it was left as it is"),
        "{failed:?}"
    );
    assert_eq!(fs::read(&database).unwrap(), damaged);
}

#[test]
fn what_is_wrong_with_a_configuration_is_said_in_one_line() {
    let bench = Bench::new("[delivery]\nmax_atempts = 3\n");
    for arguments in [&["--check"][..], &["--print-config"], &[]] {
        let output = program()
            .arg("--config")
            .arg(bench.config())
            .args(arguments)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{stderr}");
        let place = format!(
            "{}:7:1: unknown key `max_atempts` in [delivery]",
            bench.config().display()
        );
        assert!(
            stderr.contains(&place) && stderr.contains("did you mean `max_attempts`?"),
            "{stderr}"
        );
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    assert!(
        !bench.state.exists(),
        "nothing is made before the configuration is good"
    );
}

#[test]
fn certificates_are_looked_at_before_the_configuration_is_called_good() {
    let bench = Bench::new("");
    let file = bench.path().join("none.pem");
    fs::write(&file, "no certificate\n").unwrap();
    let text = fs::read_to_string(bench.config()).unwrap();
    let section = format!(
        "[ota_http]\ntls_listen = [\"127.0.0.1:0\"]\nca_file = \"{}\"\n",
        file.display()
    );
    fs::write(bench.config(), format!("{text}\n{section}")).unwrap();
    let output = program()
        .arg("--config")
        .arg(bench.config())
        .arg("--check")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{stderr}");
    let wanted = format!("{}: there is no certificate in it", file.display());
    assert!(stderr.contains(&wanted), "{stderr}");
}

#[test]
fn the_command_line_explains_itself() {
    let run = |arguments: &[&str]| program().args(arguments).output().unwrap();
    let help = run(&["--help"]);
    assert!(help.status.success());
    assert!(String::from_utf8_lossy(&help.stdout).contains("Exit status:"));
    assert_eq!(
        String::from_utf8_lossy(&run(&["--version"]).stdout),
        concat!("pushcaid ", env!("CARGO_PKG_VERSION"), "\n")
    );
    let printed = run(&["--print-config"]);
    assert!(String::from_utf8_lossy(&printed.stdout).contains("max_attempts = 16"));
    let unknown = run(&["--daemonize"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("unknown argument `--daemonize`"));
}

#[test]
fn the_example_configuration_is_a_good_one() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/pushcaid.toml");
    let output = program()
        .args(["--check", "--config", example])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_socket_from_the_service_manager_takes_the_place_of_our_own() {
    let bench = Bench::new("");
    fs::create_dir(bench.path().join("run")).unwrap();
    let listener = UnixListener::bind(bench.socket()).unwrap();
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=api exec \"$0\" --config \"$1\""])
        .arg(env!("CARGO_BIN_EXE_pushcaid"))
        .arg(bench.config())
        .stdin(std::os::fd::OwnedFd::from(listener));
    let daemon = bench.start_as(command);
    assert_eq!(daemon.register("4").0, 201);
    assert!(daemon.terminate().success());
    assert!(
        bench.socket().exists(),
        "the socket is the service manager's to remove"
    );
}

#[test]
fn tokens_let_owners_in_over_tcp() {
    let bench = Bench::new("");
    let tokens = bench.path().join("tokens");
    fs::write(&tokens, "lab 0123456789abcdef\n").unwrap();
    let extra = |text: String| {
        fs::read_to_string(bench.config())
            .unwrap()
            .replace("[ota_wsp]", &format!("{text}[ota_wsp]"))
    };
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    fs::write(
        bench.config(),
        extra(format!(
            "tcp = \"127.0.0.1:{port}\"\ntoken_file = {tokens:?}\n"
        )),
    )
    .unwrap();
    fs::set_permissions(&tokens, fs::Permissions::from_mode(0o644)).unwrap();
    let failed = bench.fail();
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&failed.stderr).contains("is open to others"),
        "{failed:?}"
    );
    fs::set_permissions(&tokens, fs::Permissions::from_mode(0o600)).unwrap();
    let daemon = bench.start();
    let ask = |head: &str| {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let request = format!(
            "GET /v1/registrations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{head}\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(ask("").starts_with("HTTP/1.1 401 "));
    assert!(ask("Authorization: Bearer 0123456789abcdef\r\n").starts_with("HTTP/1.1 200 "));
    assert!(daemon.terminate().success());
}
