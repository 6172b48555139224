//! What applications on buses of sessions hear of their registrations, beside a real Push Client, with a helper that takes its tasks when
//! the test does.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use push_api::{
    Caller, DeregistrationQuery, PushService as _, RegistrationRequest, SessionAnswer,
    SessionOrder, SessionOutcome, SessionTasks,
};
use push_client::{
    Boxed, Builder, ChangeCause, Client, RegistrationRecord, SessionHelpers as _, handlers,
};
use push_handlers::dbus::{Bus, DbusScheme, ServiceName};
use push_handlers::{
    Handler, Handlers, Runner, RunnerSettings, SessionHelperTable, SessionSettings, Unreachable,
};
use push_message::{Owner, Refusal};
use tokio::sync::mpsc;
use tokio::time::timeout;

const HANDLER: &str = "dbus:org.example.App";

/// What is done on the bus of a session.
#[derive(Debug, PartialEq, Eq)]
enum Act {
    /// A helper has it in its queue to tell an application of a loss.
    Lost,
    Outdated,
}

/// The bus of a session that says what is done on it.
#[derive(Debug)]
struct Shown {
    table: SessionHelperTable,
    acts: mpsc::Sender<Act>,
}

impl Bus for Shown {
    fn check<'a>(
        &'a self,
        caller: &'a Caller,
        service: &'a ServiceName,
    ) -> Boxed<'a, Result<(), Refusal>> {
        self.table.check(caller, service)
    }

    fn open<'a>(
        &'a self,
        record: &'a RegistrationRecord,
        service: &'a ServiceName,
    ) -> Boxed<'a, Result<Box<dyn Handler>, Unreachable>> {
        Bus::open(&self.table, record, service)
    }

    fn lost<'a>(
        &'a self,
        record: &'a RegistrationRecord,
        service: &'a ServiceName,
        cause: ChangeCause,
    ) -> Boxed<'a, Result<(), Unreachable>> {
        Box::pin(async move {
            let shown = async {
                self.acts.try_send(Act::Lost).ok();
                pending::<()>().await;
            };
            tokio::select! {
                biased;
                told = self.table.lost(record, service, cause) => told,
                () = shown => Ok(()),
            }
        })
    }

    fn outdated(&self, record: &RegistrationRecord) {
        self.table.outdated(record);
        self.acts.try_send(Act::Outdated).ok();
    }
}

struct Bench {
    client: Client,
    table: SessionHelperTable,
    helper: Box<dyn SessionTasks>,
    acts: mpsc::Receiver<Act>,
}

impl Bench {
    fn start() -> Self {
        // Nobody gives up on the helper before the test does.
        let table = SessionHelperTable::new(SessionSettings {
            check_timeout: Duration::from_hours(1),
            ..SessionSettings::default()
        });
        let (shown, acts) = mpsc::channel(64);
        let bus = Shown {
            table: table.clone(),
            acts: shown,
        };
        let scheme = DbusScheme::new(vec![Arc::new(bus)]);
        let host = Arc::new(Handlers::new(vec![Arc::new(scheme)]));
        let (seam, wanted) = handlers(Arc::clone(&host) as _);
        let (client, engine) = Builder::new().handlers(seam).build().unwrap();
        tokio::spawn(engine.run());
        let runner = Runner::new(host, wanted, client.clone(), RunnerSettings::default());
        tokio::spawn(runner.run(pending()));
        let helper = table.connect(&user()).unwrap().tasks;
        Self {
            client,
            table,
            helper,
            acts,
        }
    }

    async fn order(&mut self) -> SessionOrder {
        let task = soon(self.helper.next()).await.unwrap();
        let document = std::str::from_utf8(&task.document).unwrap();
        SessionOrder::read(task.kind, document).unwrap().unwrap()
    }

    /// Registers an application, whose handler the helper finds.
    async fn register_with_handler(&mut self, number: u8) {
        let client = self.client.clone();
        let registering = tokio::spawn(register(client, number, Some(HANDLER)));
        let order = self.order().await;
        let SessionOrder::Check(check) = order else {
            panic!("{order:?}");
        };
        let answer = SessionAnswer {
            task: check.task,
            outcome: SessionOutcome::Available,
            detail: String::new(),
            after: None,
        };
        self.table.answer(&user(), vec![answer]).unwrap();
        soon(registering).await.unwrap();
        self.done(&Act::Outdated).await;
    }

    /// An administrator takes the registration of an application away.
    async fn revoke(&self, number: u8) {
        let administrator = Caller {
            owner: Owner::proved("uid:0"),
            administrator: true,
        };
        let query = DeregistrationQuery {
            push_application_id: number.to_string(),
            owner: Some(user().owner.to_string()),
            ..DeregistrationQuery::default()
        };
        soon(self.client.deregister(administrator, query))
            .await
            .unwrap();
    }

    async fn done(&mut self, expected: &Act) {
        assert_eq!(soon(self.acts.recv()).await.as_ref(), Some(expected));
    }
}

fn user() -> Caller {
    Caller {
        owner: Owner::proved("uid:7"),
        administrator: false,
    }
}

async fn register(client: Client, number: u8, handler: Option<&str>) {
    let request = RegistrationRequest {
        push_application_id: number.to_string(),
        event_handler: handler.map(str::to_owned),
        ..RegistrationRequest::default()
    };
    soon(client.register(user(), request)).await.unwrap();
}

/// What is waited for comes; a bound for where it does not.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), what).await.unwrap()
}

#[tokio::test]
async fn an_application_that_registers_again_hears_no_more_of_what_was() {
    let mut bench = Bench::start();
    bench.register_with_handler(4).await;
    bench.revoke(4).await;
    bench.done(&Act::Outdated).await;
    bench.done(&Act::Lost).await;
    register(bench.client.clone(), 4, None).await;
    bench.done(&Act::Outdated).await;
    // The next that the helper has to do is to look for this one: it tells nobody of a loss.
    bench.register_with_handler(5).await;
}

#[tokio::test]
async fn a_helper_that_comes_late_tells_what_holds_still() {
    let mut bench = Bench::start();
    for number in [4, 5] {
        bench.register_with_handler(number).await;
    }
    for number in [4, 5] {
        bench.revoke(number).await;
        bench.done(&Act::Outdated).await;
        bench.done(&Act::Lost).await;
    }
    register(bench.client.clone(), 4, None).await;
    bench.done(&Act::Outdated).await;
    bench.helper = bench.table.connect(&user()).unwrap().tasks;
    let order = bench.order().await;
    let SessionOrder::Lost(loss) = order else {
        panic!("{order:?}");
    };
    assert_eq!(loss.cause, "revoked");
    // That was the one of 5: there is no other.
    bench.register_with_handler(6).await;
}
