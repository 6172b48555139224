//! What holds after a restart and after a failure of the store, whatever the wall clock did.

use std::time::Duration;

use push_core::{Selector, Settings, Verdict};
use push_message::UnixMillis;
use push_testkit::{PushBuilder, StoreAnswer, Terminal};

use crate::common::{Expectations, MMS, SECOND, request, wsp};

const DAY: Duration = Duration::from_hours(24);

fn set_wall_clock(terminal: &mut Terminal, change: impl FnOnce(u64) -> u64) {
    let unix = UnixMillis(change(terminal.clock.now().unix.0));
    terminal.clock.set_wall_clock(unix);
}

#[test]
fn a_held_push_is_given_at_the_start_to_whoever_registered_before_the_end() {
    let mut terminal = Terminal::new(wsp());
    let Verdict::Held { event } = terminal.judged(PushBuilder::to(MMS)) else {
        panic!("held");
    };
    terminal.store.answer = StoreAnswer::Late;
    let registering = terminal.register("uid:1", request(MMS));
    let written = terminal.store.write_next().unwrap();
    terminal.persisted(written);
    terminal.registration(registering);
    // The registration is written, the gift of the push is not.
    terminal.store.answer = StoreAnswer::AtOnce;
    terminal.crash();
    terminal.subscribe("uid:1", Selector::default(), 8);
    assert_eq!(terminal.delivered(), [(event, 1)]);
}

#[test]
fn a_held_push_that_outlived_its_time_while_nothing_ran_is_given_to_nobody() {
    let mut terminal = Terminal::new(wsp());
    terminal.judged(PushBuilder::to(MMS));
    terminal.store.answer = StoreAnswer::Late;
    terminal.register("uid:1", request(MMS));
    let written = terminal.store.write_next().unwrap();
    terminal.persisted(written);
    terminal.store.answer = StoreAnswer::AtOnce;
    terminal.clock.advance(DAY);
    terminal.crash();
    terminal.subscribe("uid:1", Selector::default(), 8);
    assert_eq!(terminal.delivered(), []);
    assert_eq!(terminal.store.events().count(), 0);
}

#[test]
fn a_held_push_lives_as_long_as_others_though_the_wall_clock_leaps() {
    let mut terminal = Terminal::new(wsp());
    let Verdict::Held { event } = terminal.judged(PushBuilder::to(MMS)) else {
        panic!("held");
    };
    // A clock that started in the past is set right.
    set_wall_clock(&mut terminal, |unix| unix + 30 * 86_400_000);
    terminal.registered("uid:1", request(MMS));
    terminal.advance(SECOND);
    terminal.subscribe("uid:1", Selector::default(), 8);
    assert_eq!(terminal.delivered(), [(event, 1)]);
    let lifetime = Settings::default().event_lifetime;
    terminal.advance(lifetime.saturating_sub(2 * SECOND));
    assert_eq!(terminal.store.events().count(), 1);
    terminal.advance(2 * SECOND);
    assert_eq!(terminal.store.events().count(), 0);
}

#[test]
fn transmissions_are_remembered_for_their_window_though_the_wall_clock_falls_back() {
    let mut terminal = Terminal::new(wsp());
    terminal.registered("uid:1", request(MMS));
    terminal.accepted(PushBuilder::to(MMS));
    set_wall_clock(&mut terminal, |unix| unix - 30 * 86_400_000);
    terminal.crash();
    assert_eq!(terminal.judged(PushBuilder::to(MMS)), Verdict::Duplicate);
    terminal.advance(Settings::default().duplicate_window);
    terminal.accepted(PushBuilder::to(MMS));
}

#[test]
fn content_is_remembered_for_its_own_window_over_a_restart() {
    let mut terminal = Terminal::new(wsp());
    let mut registration = request(MMS);
    registration.suppress_equal_content = Some(DAY);
    terminal.registered("uid:1", registration);
    terminal.accepted(PushBuilder::to(MMS).transaction(1));
    terminal.crash();
    terminal.advance(DAY.saturating_sub(SECOND));
    let again = terminal.judged(PushBuilder::to(MMS).transaction(2));
    assert_eq!(again, Verdict::Duplicate);
    terminal.advance(SECOND);
    terminal.accepted(PushBuilder::to(MMS).transaction(3));
}

#[test]
fn a_held_push_that_could_not_be_given_is_given_when_the_store_writes_again() {
    let mut terminal = Terminal::new(wsp());
    let Verdict::Held { event } = terminal.judged(PushBuilder::to(MMS)) else {
        panic!("held");
    };
    terminal.subscribe("uid:1", Selector::default(), 8);
    terminal.store.answer = StoreAnswer::Late;
    terminal.register("uid:1", request(MMS));
    let written = terminal.store.write_next().unwrap();
    terminal.persisted(written);
    let failed = terminal.store.fail_next().unwrap();
    terminal.persisted(failed);
    assert_eq!(terminal.delivered(), []);
    terminal.store.answer = StoreAnswer::AtOnce;
    let next = terminal.accepted(PushBuilder::to(MMS).transaction(1));
    let delivered: Vec<_> = terminal.delivered().into_iter().map(|(id, _)| id).collect();
    assert_eq!(delivered, [next, event]);
}
