//! An application on the bus.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;

use push_dbus::HANDLER_PATH;
use tokio::sync::mpsc;
use zbus::{Connection, OwnedVariant, Variant, fdo, interface};

/// What an application was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) content: String,
    pub(crate) attempt: u32,
}

/// What an application does with an event.
pub(crate) type Answer = fn(&Taken) -> fdo::Result<HashMap<&'static str, Variant<'static>>>;

/// An application that tells the test of each event.
pub(crate) struct Application {
    pub(crate) taken: mpsc::Sender<Taken>,
    pub(crate) answer: Answer,
    /// The registrations of which it heard that they are lost, and why.
    pub(crate) lost: mpsc::Sender<(String, String)>,
}

#[interface(name = "org.pushcai.Handler1", spawn = false)]
impl Application {
    #[expect(clippy::needless_pass_by_value, reason = "a method of D-Bus")]
    #[zbus(out_args("result"))]
    fn push_event(
        &self,
        event: HashMap<String, OwnedVariant>,
    ) -> fdo::Result<HashMap<&'static str, Variant<'static>>> {
        let taken = taken(&event);
        let answer = (self.answer)(&taken);
        self.taken.try_send(taken).ok();
        answer
    }

    fn registration_lost(&self, registration_id: String, cause: String) {
        self.lost.try_send((registration_id, cause)).ok();
    }
}

pub(crate) fn taken(event: &HashMap<String, OwnedVariant>) -> Taken {
    let content = match event.get("contentFd").map(|file| &**file) {
        Some(Variant::Fd(file)) => {
            let mut content = Vec::new();
            let file = file.as_fd().try_clone_to_owned().unwrap();
            File::from(file).read_to_end(&mut content).unwrap();
            content
        }
        _ => event["content"].try_clone().unwrap().try_into().unwrap(),
    };
    Taken {
        content: String::from_utf8(content).unwrap(),
        attempt: event["attempt"].try_clone().unwrap().try_into().unwrap(),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "an answer may be an error")]
pub(crate) fn outcome(word: &'static str) -> fdo::Result<HashMap<&'static str, Variant<'static>>> {
    Ok(HashMap::from([("outcome", Variant::new(word))]))
}

/// Serves an application on a connection; gives what it is given.
pub(crate) async fn serve(
    connection: &Connection,
    name: &str,
    answer: Answer,
) -> mpsc::Receiver<Taken> {
    serve_all(connection, name, answer).await.0
}

/// Serves an application on a connection; gives the events that it is given, and what it hears of its registrations.
pub(crate) async fn serve_all(
    connection: &Connection,
    name: &str,
    answer: Answer,
) -> (mpsc::Receiver<Taken>, mpsc::Receiver<(String, String)>) {
    let (sender, receiver) = mpsc::channel(1000);
    let (lost, losses) = mpsc::channel(1000);
    let application = Application {
        taken: sender,
        answer,
        lost,
    };
    let server = connection.object_server();
    server.at(HANDLER_PATH, application).await.unwrap();
    connection.request_name(name).await.unwrap();
    (receiver, losses)
}

/// The program that the bus starts: it writes down what it is given, with its process id, and ends with the bus.
#[tokio::test]
#[ignore = "the bus starts it, as the application"]
async fn started_by_the_bus() {
    let Ok(record) = std::env::var("PUSHCAI_TEST_RECORD") else {
        return;
    };
    let address = std::env::var("DBUS_STARTER_ADDRESS").unwrap();
    let connection = zbus::connection::Builder::address(address.as_str())
        .build()
        .await
        .unwrap();
    let mut taken = serve(&connection, "org.example.Closed", |_| outcome("accepted")).await;
    loop {
        let event = tokio::select! {
            Some(event) = taken.recv() => event,
            () = connection.closed() => return,
        };
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&record)
            .unwrap();
        writeln!(file, "{} {}", std::process::id(), event.content).unwrap();
    }
}
