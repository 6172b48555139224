use push_api::{SessionOrder, SessionTasks};

use push_client::ChangeCause;
use push_message::PushApplicationId;

use super::*;
use crate::owner::Registrant;

fn caller(owner: &str) -> Caller {
    Caller {
        owner: Owner::proved(owner.to_owned()),
        administrator: false,
    }
}

fn application() -> SessionApplication {
    SessionApplication {
        name: "org.example.App".to_owned(),
        path: "/org/pushcai/Handler".to_owned(),
    }
}

fn table() -> SessionHelperTable {
    SessionHelperTable::new(SessionSettings {
        max_helpers: 2,
        max_tasks: 1,
        ..SessionSettings::default()
    })
}

async fn asked(tasks: &mut Box<dyn SessionTasks>) -> u64 {
    let task = tasks.next().await.unwrap();
    let document = std::str::from_utf8(&task.document).unwrap();
    let order = SessionOrder::read(task.kind, document).unwrap().unwrap();
    let SessionOrder::Check(check) = order else {
        panic!("{order:?}");
    };
    check.task
}

fn answer(task: u64, outcome: SessionOutcome, detail: &str) -> Vec<SessionAnswer> {
    vec![SessionAnswer {
        task,
        outcome,
        detail: detail.to_owned(),
        after: None,
    }]
}

#[tokio::test]
async fn the_helper_of_a_user_says_whether_an_application_is_there() {
    let table = table();
    let user = caller("uid:7");
    let mut helper = table.connect(&user).unwrap().tasks;
    for (outcome, expected) in [
        (SessionOutcome::Available, Ok(())),
        (
            SessionOutcome::Missing,
            Err(SessionFault::Missing("why".to_owned())),
        ),
    ] {
        let application = application();
        let check = table.check_application(7, &application);
        let answering = async {
            let task = asked(&mut helper).await;
            let given = answer(task, outcome, "why");
            // Another user's answer is none.
            let others = table.answer(&caller("uid:8"), given.clone()).unwrap();
            assert_eq!(others.taken, 0);
            assert_eq!(table.answer(&user, given.clone()).unwrap().taken, 1);
            assert_eq!(table.answer(&user, given).unwrap().taken, 0);
        };
        assert_eq!(tokio::join!(check, answering).0, expected);
    }
}

#[tokio::test]
async fn without_a_helper_the_fault_says_how_to_start_one() {
    let table = table();
    let fault = table
        .check_application(7, &application())
        .await
        .unwrap_err();
    assert_eq!(fault, SessionFault::NoHelper(7));
    assert!(fault.to_string().contains("pushcai session-helper"));
    let registration = RegistrationId(3);
    assert!(
        table
            .open_application(7, registration, application())
            .is_err()
    );
    assert!(table.connect(&caller("uid:8")).unwrap().missed.is_empty());
    let connected = table.connect(&caller("uid:7")).unwrap();
    assert_eq!(connected.missed, [registration]);
    assert!(
        table
            .open_application(7, registration, application())
            .is_ok()
    );
}

#[tokio::test]
async fn a_later_helper_takes_the_place_of_an_earlier_one() {
    let table = table();
    let user = caller("uid:7");
    let mut former = table.connect(&user).unwrap().tasks;
    let application = application();
    let unanswered = table.check_application(7, &application);
    let replacing = async {
        asked(&mut former).await;
        table.connect(&user).unwrap().tasks
    };
    let (fault, mut latter) = tokio::join!(unanswered, replacing);
    assert_eq!(fault, Err(SessionFault::Gone(7)));
    assert_eq!(former.next().await.unwrap().kind, "replaced");
    assert_eq!(former.next().await, None);
    // That the former one is gone says nothing of the latter.
    drop(former);
    let checking = async {
        let task = asked(&mut latter).await;
        let answers = answer(task, SessionOutcome::Available, "");
        table.answer(&user, answers).unwrap();
    };
    let check = table.check_application(7, &application);
    assert_eq!(tokio::join!(check, checking).0, Ok(()));
    drop(latter);
    let fault = table.check_application(7, &application).await;
    assert_eq!(fault, Err(SessionFault::NoHelper(7)));
}

#[tokio::test]
async fn helpers_and_their_tasks_are_bounded() {
    let table = table();
    let first = table.connect(&caller("uid:7")).unwrap();
    let _second = table.connect(&caller("uid:8")).unwrap();
    let third = table.connect(&caller("uid:9")).unwrap_err();
    assert_eq!(third.reason, Reason::QuotaExceeded);
    let application = application();
    let waiting = table.check_application(7, &application);
    let busy = async {
        let fault = table.check_application(7, &application).await;
        assert_eq!(fault, Err(SessionFault::Busy(7)));
        drop(first);
    };
    assert_eq!(
        tokio::join!(waiting, busy).0,
        Err(SessionFault::Gone(7)),
        "who waits hears that the helper is gone"
    );
    assert!(table.connect(&caller("uid:9")).is_ok());
}

#[tokio::test]
async fn a_user_with_many_registrations_leaves_others_theirs() {
    let table = SessionHelperTable::new(SessionSettings {
        max_missed: 3,
        ..SessionSettings::default()
    });
    for (registration, uid) in [(1, 8), (2, 8), (3, 8), (4, 8), (5, 7)] {
        let opened = table.open_application(uid, RegistrationId(registration), application());
        assert!(opened.is_err());
    }
    let connected = table.connect(&caller("uid:7")).unwrap();
    assert_eq!(connected.missed, [RegistrationId(5)]);
    let connected = table.connect(&caller("uid:8")).unwrap();
    assert_eq!(connected.missed, [3, 4].map(RegistrationId));
}

/// An event that nobody waits for the answer on.
fn event_of(opening: u64) -> (Waits, oneshot::Receiver<crate::Answer>) {
    let (answering, answer) = Answering::new();
    let waits = Waits::Event {
        registration: RegistrationId(3),
        opening,
        answering,
    };
    (waits, answer)
}

#[tokio::test]
async fn an_opening_ends_with_its_helper() {
    let table = table();
    let user = caller("uid:7");
    let former = table.connect(&user).unwrap();
    let connection = table.0.state().helpers[&7].connection;
    let (waits, mut answer) = event_of(1);
    table.0.begin(7, Some(connection), waits).unwrap();
    let _latter = table.connect(&user).unwrap();
    drop(former);
    assert!(answer.try_recv().unwrap().is_err(), "it did not get there");
    // What is behind it must not get there first.
    let (waits, _) = event_of(1);
    let begun = table.0.begin(7, Some(connection), waits);
    assert_eq!(begun.unwrap_err(), SessionFault::Gone(7));
}

#[tokio::test]
async fn a_helper_with_much_to_do_hears_of_every_opening_that_has_ended() {
    let table = SessionHelperTable::new(SessionSettings {
        max_tasks: 2,
        ..SessionSettings::default()
    });
    let mut helper = table.connect(&caller("uid:7")).unwrap().tasks;
    let connection = table.0.state().helpers[&7].connection;
    for number in 1..=4 {
        table.0.close(Opening {
            uid: 7,
            connection,
            number,
        });
    }
    for number in 1..=4 {
        let next = timeout(Duration::from_mins(1), helper.next()).await;
        assert_eq!(next, Ok(Some(SessionTask::close(number))));
    }
    assert!(table.0.state().helpers[&7].ended.is_empty());
}

#[tokio::test]
async fn what_a_closed_opening_left_unanswered_takes_no_room() {
    let table = table();
    let user = caller("uid:7");
    let mut helper = table.connect(&user).unwrap().tasks;
    let connection = table.0.state().helpers[&7].connection;
    for number in 1..4 {
        let (waits, _) = event_of(number);
        let (_, task) = table.0.begin(7, Some(connection), waits).unwrap();
        let (waits, _) = event_of(number);
        let full = table.0.begin(7, Some(connection), waits);
        assert_eq!(full.unwrap_err(), SessionFault::Busy(7));
        table.0.close(Opening {
            uid: 7,
            connection,
            number,
        });
        assert_eq!(helper.next().await.unwrap(), SessionTask::close(number));
        let late = answer(task, SessionOutcome::Accepted, "");
        assert_eq!(table.answer(&user, late).unwrap().taken, 0);
    }
}

fn loss(registration: u64, uid: u32) -> Loss {
    Loss {
        uid,
        registrant: registrant(registration, uid),
        registration: RegistrationId(registration),
        application: application(),
        cause: ChangeCause::Revoked,
    }
}

/// Whose registration of this id is, each an application of its own.
fn registrant(id: u64, uid: u32) -> Registrant {
    Registrant {
        owner: Owner::proved(format!("uid:{uid}")),
        push_application_id: PushApplicationId::parse(&format!("urn:example:{id}")).unwrap(),
        application_id: None,
    }
}

/// The application hears it now where there is a helper, else once there is.
#[tokio::test]
async fn what_an_application_is_to_hear_waits_for_the_helper() {
    let table = table();
    let user = caller("uid:7");
    let told = table.tell_application(loss(3, 7)).await;
    assert_eq!(told, Err(SessionFault::NoHelper(7)));
    table.tell_application(loss(4, 8)).await.unwrap_err();
    let mut helper = table.connect(&user).unwrap().tasks;
    let task = heard(&mut helper, 3).await;
    let given = answer(task, SessionOutcome::Available, "");
    assert_eq!(table.answer(&user, given).unwrap().taken, 1);
    let telling = table.tell_application(loss(5, 7));
    let answering = async {
        let task = heard(&mut helper, 5).await;
        table
            .answer(&user, answer(task, SessionOutcome::Available, ""))
            .unwrap();
    };
    assert_eq!(tokio::join!(telling, answering).0, Ok(()));
    // Who comes next hears none of them again.
    let mut next = table.connect(&user).unwrap().tasks;
    let _last = table.connect(&user).unwrap();
    assert_eq!(next.next().await.unwrap().kind, "replaced");
}

#[tokio::test]
async fn what_a_helper_has_not_answered_is_told_by_the_next() {
    let table = table();
    let user = caller("uid:7");
    table.tell_application(loss(3, 7)).await.unwrap_err();
    table.tell_application(loss(4, 7)).await.unwrap_err();
    let mut first = table.connect(&user).unwrap().tasks;
    heard(&mut first, 3).await;
    drop(first);
    let mut second = table.connect(&user).unwrap().tasks;
    let mut task = heard(&mut second, 3).await;
    // It has as much to do as it may have, until it answers.
    let busy = table.tell_application(loss(5, 7)).await;
    assert_eq!(busy, Err(SessionFault::Busy(7)));
    for next in [4, 5] {
        let given = answer(task, SessionOutcome::Available, "");
        assert_eq!(table.answer(&user, given).unwrap().taken, 1);
        task = heard(&mut second, next).await;
    }
}

#[tokio::test]
async fn what_a_silent_helper_was_to_tell_is_told_by_the_next() {
    let table = SessionHelperTable::new(SessionSettings {
        check_timeout: Duration::ZERO,
        ..SessionSettings::default()
    });
    let user = caller("uid:7");
    let _silent = table.connect(&user).unwrap();
    let told = table.tell_application(loss(3, 7)).await;
    assert_eq!(told, Err(SessionFault::Silent(7)));
    let mut next = table.connect(&user).unwrap().tasks;
    heard(&mut next, 3).await;
}

#[tokio::test]
async fn what_waits_for_one_user_takes_no_room_from_others() {
    let table = SessionHelperTable::new(SessionSettings {
        max_missed: 3,
        ..SessionSettings::default()
    });
    for (registration, uid) in [(1, 8), (2, 8), (3, 8), (4, 7), (5, 8), (6, 7)] {
        let told = table.tell_application(loss(registration, uid)).await;
        assert_eq!(told, Err(SessionFault::NoHelper(uid)));
    }
    for (uid, expected) in [(7, vec![4, 6]), (8, vec![5])] {
        let connected = table.connect(&caller(&format!("uid:{uid}"))).unwrap();
        let mut tasks = connected.tasks;
        for registration in expected {
            heard(&mut tasks, registration).await;
        }
        assert_eq!(
            table.0.state().unanswered(uid),
            if uid == 7 { 2 } else { 1 }
        );
    }
}

/// Neither before a helper has come, nor once one is given it, as long as it has not taken it.
#[tokio::test]
async fn what_holds_no_longer_is_not_told() {
    let table = table();
    let user = caller("uid:7");
    let withdraw = |id| table.0.state().losses.forget(&registrant(id, 7));
    for id in 3..7 {
        table.tell_application(loss(id, 7)).await.unwrap_err();
    }
    withdraw(3);
    let mut helper = table.connect(&user).unwrap().tasks;
    withdraw(4);
    // The one that it was given leaves its place to the next.
    let task = heard(&mut helper, 5).await;
    withdraw(5);
    let given = answer(task, SessionOutcome::Available, "");
    assert_eq!(table.answer(&user, given).unwrap().taken, 1);
    heard(&mut helper, 6).await;
}

/// One that a helper has not taken is not told beside the one after it.
#[tokio::test]
async fn the_last_loss_takes_the_place_of_the_one_before() {
    let table = SessionHelperTable::new(SessionSettings::default());
    let user = caller("uid:7");
    table.tell_application(loss(3, 7)).await.unwrap_err();
    let mut helper = table.connect(&user).unwrap().tasks;
    let mut last = loss(3, 7);
    last.registration = RegistrationId(9);
    let telling = table.tell_application(last);
    let hearing = async {
        let task = heard(&mut helper, 9).await;
        let given = answer(task, SessionOutcome::Available, "");
        assert_eq!(table.answer(&user, given).unwrap().taken, 1);
        assert_eq!(table.0.state().unanswered(7), 0);
    };
    assert_eq!(tokio::join!(telling, hearing).0, Ok(()));
}

async fn heard(tasks: &mut Box<dyn SessionTasks>, registration: u64) -> u64 {
    let task = tasks.next().await.unwrap();
    let document = std::str::from_utf8(&task.document).unwrap();
    let order = SessionOrder::read(task.kind, document).unwrap().unwrap();
    let SessionOrder::Lost(loss) = order else {
        panic!("{order:?}");
    };
    assert_eq!(
        loss.registration_id,
        RegistrationId(registration).to_string()
    );
    assert_eq!(
        (loss.cause.as_str(), loss.application),
        ("revoked", application())
    );
    loss.task
}

#[test]
fn only_a_user_outside_of_a_sandbox_has_a_helper() {
    let table = table();
    for owner in [
        "token:lab",
        "uid:7/flatpak:org.example.App",
        "uid:7/snap:meter",
    ] {
        let refused = table.connect(&caller(owner)).unwrap_err();
        assert_eq!(refused.reason, Reason::NotAuthorized, "{owner}");
        let refused = table.answer(&caller(owner), Vec::new()).unwrap_err();
        assert_eq!(refused.reason, Reason::NotAuthorized, "{owner}");
    }
    assert!(table.connect(&caller("uid:7/unit:a.service")).is_ok());
}
