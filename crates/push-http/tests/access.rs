//! Who is let in: peers and their units, tokens, hosts; and how many at one time.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::{Answer, Served, request, settings};
use push_http::{HttpSettings, Identity, Tokens};

fn own_pid() -> String {
    std::process::id().to_string()
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// A directory like the kernel's on processes, in which this process belongs to `cgroup`.
fn processes(cgroup: &str, uid: u32) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let process = directory.path().join(own_pid());
    fs::create_dir_all(process.join("root")).unwrap();
    fs::write(
        process.join("status"),
        format!("Name:\tx\nUid:\t9\t{uid}\t9\t9\n"),
    )
    .unwrap();
    fs::write(process.join("cgroup"), cgroup).unwrap();
    directory
}

fn with_processes(directory: &Path) -> HttpSettings {
    HttpSettings {
        proc_path: directory.to_owned(),
        ..settings()
    }
}

/// The answer to a request of this process, and the owner and whether it administers, where it is let in.
async fn seen(settings: HttpSettings) -> (Answer, Option<(String, bool)>) {
    let served = Served::unix(settings);
    let answer = served.ask("GET", "/v1/status", "").await;
    let callers = served.fake.state().callers.clone();
    let caller = callers.first();
    (
        answer,
        caller.map(|caller| (caller.owner.as_str().to_owned(), caller.administrator)),
    )
}

#[tokio::test]
async fn a_user_alone_is_an_owner() {
    let (_, caller) = seen(HttpSettings {
        identity: Identity::User,
        proc_path: "/nowhere".into(),
        ..settings()
    })
    .await;
    assert_eq!(caller, Some((format!("uid:{}", own_uid()), true)));
}

#[tokio::test]
async fn a_session_is_its_user() {
    let proc = processes(
        "0::/user.slice/user-1000.slice/session-1.scope\n",
        own_uid(),
    );
    let (_, caller) = seen(with_processes(proc.path())).await;
    assert_eq!(caller, Some((format!("uid:{}", own_uid()), true)));
}

#[tokio::test]
async fn a_system_service_is_told_from_its_user() {
    let proc = processes("0::/system.slice/meter.service\n", own_uid());
    let (_, caller) = seen(with_processes(proc.path())).await;
    assert_eq!(
        caller,
        Some((format!("uid:{}/unit:meter.service", own_uid()), true))
    );
}

#[tokio::test]
async fn a_flatpak_application_is_told_from_its_user_and_administers_nothing() {
    let proc = processes("0::/user.slice/x.scope\n", own_uid());
    let description = "[Application]\nname=org.example.App\n";
    fs::write(
        proc.path().join(own_pid()).join("root/.flatpak-info"),
        description,
    )
    .unwrap();
    let (_, caller) = seen(with_processes(proc.path())).await;
    assert_eq!(
        caller,
        Some((format!("uid:{}/flatpak:org.example.App", own_uid()), false))
    );
}

#[tokio::test]
async fn a_sandbox_whose_description_cannot_be_read_is_refused() {
    for description in ["[Application]\n", "[Application]\nname=a/b\n"] {
        let proc = processes("0::/\n", own_uid());
        fs::write(
            proc.path().join(own_pid()).join("root/.flatpak-info"),
            description,
        )
        .unwrap();
        let (answer, caller) = seen(with_processes(proc.path())).await;
        assert_eq!((answer.status, caller), (403, None));
    }
    let proc = processes("0::/\n", own_uid());
    fs::create_dir(proc.path().join(own_pid()).join("root/.flatpak-info")).unwrap();
    let (answer, _) = seen(with_processes(proc.path())).await;
    assert_eq!(answer.status, 403);
    assert!(
        answer.detail().contains("no ordinary file"),
        "{}",
        answer.detail()
    );
}

#[tokio::test]
async fn a_process_that_is_gone_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let (answer, caller) = seen(with_processes(empty.path())).await;
    assert_eq!((answer.status, caller), (403, None));
    assert_eq!(answer.problem()["reason"], "notAuthorized");
    assert!(
        answer.detail().contains("identity = \"user\""),
        "{}",
        answer.detail()
    );
}

#[tokio::test]
async fn a_process_with_the_same_number_but_another_user_is_refused() {
    let proc = processes("0::/system.slice/meter.service\n", own_uid() + 1);
    let (answer, caller) = seen(with_processes(proc.path())).await;
    assert_eq!((answer.status, caller), (403, None));
    assert!(
        answer.detail().contains("has changed its user"),
        "{}",
        answer.detail()
    );
}

/// Needs root, because only root may run a process as another user.
#[tokio::test]
async fn another_user_is_another_owner() {
    if own_uid() != 0 {
        println!("skipped: only root can connect as another user");
        return;
    }
    let served = Served::unix(settings());
    for path in served.socket.ancestors().take(2) {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let script = "use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die $!; \
        print $s \"GET /v1/status HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n\"; print while <$s>;";
    let mut child = Command::new("perl");
    child.args(["-e", script]).arg(&served.socket).uid(12345);
    let output = tokio::task::spawn_blocking(move || child.output())
        .await
        .unwrap();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: perl cannot be run ({error})");
            return;
        }
    };
    assert!(output.stdout.starts_with(b"HTTP/1.1 200"), "{output:?}");
    let caller = served.fake.state().callers[0].clone();
    assert!(caller.owner.as_str().starts_with("uid:12345"), "{caller:?}");
    assert!(!caller.administrator);
}

async fn ask_tcp(served: &Served, headers: &str) -> Answer {
    let mut client = served.connect_tcp().await;
    client
        .send(format!("GET /v1/status HTTP/1.1\r\n{headers}\r\n"))
        .await;
    client.answer().await
}

#[tokio::test]
async fn a_token_names_the_owner() {
    let served = Served::tcp(settings()).await;
    for (token, owner, administrator) in [
        ("0123456789abcdef", "token:lab", false),
        ("fedcba9876543210", "token:root", true),
    ] {
        let answer = ask_tcp(
            &served,
            &format!("Host: localhost\r\nAuthorization: bearer {token}\r\n"),
        )
        .await;
        assert_eq!(answer.status, 200);
        let caller = served.fake.state().callers.pop().unwrap();
        assert_eq!(
            (caller.owner.as_str(), caller.administrator),
            (owner, administrator)
        );
    }
}

#[tokio::test]
async fn without_a_known_token_nothing_is_answered() {
    let served = Served::tcp(settings()).await;
    for (header, detail) in [
        (
            "",
            "a token is needed: send the one header `Authorization: Bearer TOKEN`",
        ),
        (
            "Authorization: Bearer 0123456789abcdeX\r\n",
            "this token is not known",
        ),
        (
            "Authorization: Bearer \r\n",
            "the header `Authorization` is not understood; `Authorization: Bearer TOKEN` is",
        ),
        (
            "Authorization: Basic bGFiOmxhYg==\r\n",
            "the header `Authorization` is not understood; `Authorization: Bearer TOKEN` is",
        ),
        (
            "Authorization: Bearer 0123456789abcdef\r\nAuthorization: Bearer fedcba9876543210\r\n",
            "a token is needed: send the one header `Authorization: Bearer TOKEN`",
        ),
    ] {
        let answer = ask_tcp(&served, &format!("Host: localhost\r\n{header}")).await;
        assert_eq!((answer.status, answer.detail()), (401, detail.to_owned()));
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert_eq!(answer.problem()["reason"], "notAuthorized");
    }
    assert!(served.fake.state().callers.is_empty());
}

#[tokio::test]
async fn a_request_to_another_host_is_refused() {
    let served = Served::tcp(HttpSettings {
        hosts: vec!["push.example".to_owned()],
        ..settings()
    })
    .await;
    let token = "Authorization: Bearer 0123456789abcdef\r\n";
    for (host, status) in [
        ("Host: push.example:8035\r\n", 200),
        ("Host: 127.0.0.1\r\n", 200),
        ("Host: [::1]:1\r\n", 200),
        ("Host: evil.example\r\n", 421),
        ("Host: \r\n", 421),
        ("", 400),
        ("Host: localhost\r\nHost: localhost\r\n", 400),
    ] {
        let answer = ask_tcp(&served, &format!("{host}{token}")).await;
        assert_eq!(answer.status, status, "{host}");
        assert!(answer.header("access-control-allow-origin").is_none());
    }
    let mut client = served.connect_tcp().await;
    client
        .send(format!(
            "GET http://evil.example/v1/status HTTP/1.1\r\nHost: localhost\r\n{token}\r\n"
        ))
        .await;
    assert_eq!(client.answer().await.status, 421);
}

#[test]
fn a_token_file_that_others_may_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens");
    fs::write(&path, common::TOKENS).unwrap();
    for (mode, taken) in [
        (0o600, true),
        (0o400, true),
        (0o640, true),
        (0o644, false),
        (0o660, false),
        (0o601, false),
    ] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let read = Tokens::read(&path);
        assert_eq!(read.is_ok(), taken, "{mode:o}");
        if let Err(error) = read {
            let text = error.to_string();
            assert!(
                text.contains(&format!("is open to others (mode {mode:03o}); make it 600")),
                "{text}"
            );
        }
    }
    let missing = Tokens::read(&directory.path().join("none"))
        .unwrap_err()
        .to_string();
    assert!(missing.contains("cannot be read"), "{missing}");
}

#[tokio::test]
async fn connections_beyond_the_bound_are_told_so() {
    let served = Served::unix(HttpSettings {
        max_connections: 2,
        ..settings()
    });
    let mut first = served.connect().await;
    assert_eq!(first.ask("GET", "/v1/status", "").await.status, 200);
    let mut second = served.connect().await;
    assert_eq!(second.ask("GET", "/v1/status", "").await.status, 200);
    let refused = served.ask("GET", "/v1/status", "").await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("1"))
    );
    assert_eq!(refused.problem()["reason"], "quotaExceeded");
    // Those that were there go on, and a place that is given back is had by the next.
    assert_eq!(first.ask("GET", "/v1/status", "").await.status, 200);
    first
        .send(request("GET", "/v1/status", "Connection: close\r\n", ""))
        .await;
    assert_eq!(first.answer().await.status, 200);
    assert!(first.ended().await);
    while served.ask("GET", "/v1/status", "").await.status != 200 {}
}

#[tokio::test]
async fn connections_of_one_owner_are_bounded() {
    let served = Served::unix(HttpSettings {
        max_connections_per_owner: 1,
        ..settings()
    });
    let mut first = served.connect().await;
    assert_eq!(first.ask("GET", "/v1/status", "").await.status, 200);
    let refused = served.ask("GET", "/v1/status", "").await;
    assert_eq!(refused.status, 429);
    assert!(
        refused.detail().contains("1 connections of uid:"),
        "{}",
        refused.detail()
    );
}

#[tokio::test]
async fn a_user_has_no_more_connections_by_having_sandboxes() {
    let proc = processes("0::/user.slice/x.scope\n", own_uid());
    let description = proc.path().join(own_pid()).join("root/.flatpak-info");
    let enter = |sandbox: &str| {
        let text = format!("[Application]\nname=org.example.{sandbox}\n");
        fs::write(&description, text).unwrap();
    };
    let served = Served::unix(HttpSettings {
        max_connections: 6,
        max_connections_per_owner: 2,
        max_connections_per_user: 3,
        ..with_processes(proc.path())
    });
    let mut open = Vec::new();
    for sandbox in ["A", "B", "C"] {
        enter(sandbox);
        let mut next = served.connect().await;
        assert_eq!(next.ask("GET", "/v1/status", "").await.status, 200);
        open.push(next);
    }
    enter("D");
    let refused = served.ask("GET", "/v1/status", "").await;
    assert_eq!(refused.status, 429);
    for part in [
        "3 connections of user",
        "max_connections_per_user",
        "close one",
    ] {
        assert!(refused.detail().contains(part), "{}", refused.detail());
    }
    // A service of the system is none of the user's, though it runs as the same.
    fs::remove_file(&description).unwrap();
    let cgroup = proc.path().join(own_pid()).join("cgroup");
    fs::write(cgroup, "0::/system.slice/meter.service\n").unwrap();
    assert_eq!(served.ask("GET", "/v1/status", "").await.status, 200);
}

#[tokio::test]
async fn connections_over_an_owners_bound_take_no_place_from_others() {
    let served = Served::unix(HttpSettings {
        max_connections: 2,
        max_connections_per_owner: 1,
        ..settings()
    });
    let mut first = served.connect().await;
    assert_eq!(first.ask("GET", "/v1/status", "").await.status, 200);
    let mut refused = Vec::new();
    for _ in 0..4 {
        let mut next = served.connect().await;
        let answer = next.ask("GET", "/v1/status", "").await;
        // 503 would say that there is no room for anybody.
        assert_eq!(answer.status, 429, "{}", answer.detail());
        refused.push(next);
    }
}

#[tokio::test]
async fn connections_of_one_token_are_bounded() {
    let served = Served::tcp(HttpSettings {
        max_connections_per_owner: 1,
        ..settings()
    })
    .await;
    let lab = "Host: localhost\r\nAuthorization: Bearer 0123456789abcdef\r\n";
    let mut first = served.connect_tcp().await;
    for _ in 0..2 {
        first
            .send(format!("GET /v1/status HTTP/1.1\r\n{lab}\r\n"))
            .await;
        assert_eq!(first.answer().await.status, 200);
    }
    assert_eq!(ask_tcp(&served, lab).await.status, 429);
    let root = "Host: localhost\r\nAuthorization: Bearer fedcba9876543210\r\n";
    assert_eq!(ask_tcp(&served, root).await.status, 200);
}

#[tokio::test]
async fn streams_and_waits_are_bounded() {
    let served = Served::unix(HttpSettings {
        max_waits: 1,
        ..settings()
    });
    let mut stream = served.connect().await;
    stream.send(request("GET", "/v1/events", "", "")).await;
    assert_eq!(stream.head().await.status, 200);
    for target in ["/v1/events", "/v1/events?fetch=1&wait=1"] {
        let refused = served.ask("GET", target, "").await;
        assert_eq!(refused.status, 503, "{target}");
        assert_eq!(refused.problem()["reason"], "quotaExceeded");
    }
    // What does not wait takes no place.
    assert_eq!(
        served.ask("GET", "/v1/events?fetch=1", "").await.status,
        200
    );
    drop(stream);
    served.fake.until(|state| state.open_streams == 0).await;
    while served.fake.state().open_streams == 0 {
        let mut next = served.connect().await;
        next.send(request("GET", "/v1/events", "", "")).await;
        next.head().await;
    }
}

#[tokio::test]
async fn a_head_that_comes_too_slowly_ends_its_connection_and_holds_nobody_up() {
    let served = Served::unix(HttpSettings {
        header_timeout: Duration::from_millis(300),
        ..settings()
    });
    let mut silent = served.connect().await;
    let mut slow = served.connect().await;
    slow.send("GET /v1/status HTTP/1.1\r\nHost: a\r\n").await;
    assert_eq!(served.ask("GET", "/v1/status", "").await.status, 200);
    assert!(slow.ended().await);
    assert!(silent.ended().await);
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_slow_second_head_as_well() {
    let served = Served::unix(HttpSettings {
        idle_timeout: Duration::from_millis(30),
        ..settings()
    });
    let mut idle = served.connect().await;
    assert_eq!(idle.ask("GET", "/v1/status", "").await.status, 200);
    assert!(idle.ended().await);

    let served = Served::unix(HttpSettings {
        header_timeout: Duration::from_millis(300),
        ..settings()
    });
    let mut slow = served.connect().await;
    assert_eq!(slow.ask("GET", "/v1/status", "").await.status, 200);
    slow.send("GET /v1/st").await;
    assert!(slow.ended().await);
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_refused() {
    let served = Served::unix(HttpSettings {
        body_timeout: Duration::from_millis(30),
        ..settings()
    });
    let mut slow = served.connect().await;
    slow.send("POST /v1/explain HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n")
        .await;
    slow.send("Content-Length: 100\r\n\r\n{").await;
    let answer = slow.answer().await;
    assert_eq!(answer.status, 408);
    assert_eq!(answer.detail(), "the body did not arrive within 0.03 s");
}

#[tokio::test]
async fn an_open_stream_is_neither_idle_nor_slow() {
    let served = Served::unix(HttpSettings {
        idle_timeout: Duration::from_millis(1),
        header_timeout: Duration::from_millis(1500),
        heartbeat: Duration::from_millis(20),
        ..settings()
    });
    let mut client = served.connect().await;
    client.send(request("GET", "/v1/events", "", "")).await;
    assert_eq!(client.head().await.status, 200);
    for _ in 0..4 {
        assert!(client.chunk().await.is_some());
    }
}
