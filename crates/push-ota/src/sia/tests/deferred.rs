//! Requests that come during the lockout.

use super::*;

fn sia(max_deferred: usize) -> Sia {
    let settings = SiaSettings {
        max_deferred,
        ..anyone()
    };
    Sia::new(by_http(gateways()), settings)
}

fn request(server: [u8; 4], to: [u8; 4]) -> ReceivedPush {
    let point = at(&to, Some(5035));
    from(ServerAddress::Ip(ip(server)), &naming(&[point]))
}

/// Where the request leads that is followed at this time.
#[track_caller]
fn next(sia: &mut Sia, seconds: u64) -> Option<IpAddr> {
    let (_, outcome) = sia.next_deferred(resolves, Duration::from_secs(seconds))?;
    let Outcome::Follow(follow) = outcome else {
        panic!("{outcome:?}");
    };
    match &follow.contacts[..] {
        [
            (
                Contact {
                    host: Host::Ip(host),
                    ..
                },
                _,
            ),
        ] => Some(*host),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn follow(sia: &mut Sia, push: &ReceivedPush, seconds: u64) {
    let outcome = sia.receive(push, resolves, Duration::from_secs(seconds));
    assert!(matches!(outcome, Outcome::Follow(_)), "{outcome:?}");
}

#[track_caller]
fn defer(sia: &mut Sia, push: &ReceivedPush, seconds: u64) {
    let outcome = sia.receive(push, resolves, Duration::from_secs(seconds));
    assert_eq!(outcome, Outcome::Deferred);
}

#[test]
//= specs/ota-wsp.md#sir-security
//= type=test
//# The terminal SHOULD have a lockout timer, during which further session initiation requests are put off or dropped.
fn what_is_put_off_is_followed_when_the_lockout_ends_and_locks_anew() {
    let mut sia = sia(4);
    assert_eq!(sia.poll_timeout(), None);
    follow(&mut sia, &request(GATEWAY, [10, 0, 0, 1]), 10);
    assert_eq!(sia.poll_timeout(), None, "nobody waits");
    for second in 11..20 {
        defer(&mut sia, &request(GATEWAY, [10, 0, 0, 2]), second);
    }
    defer(&mut sia, &request(SECURE_GATEWAY, [10, 0, 0, 3]), 20);
    assert_eq!(
        sia.deferred(),
        2,
        "the same one of the same source waits once"
    );
    assert_eq!(sia.poll_timeout(), Some(SECOND * 70));
    assert_eq!(next(&mut sia, 69), None);
    assert_eq!(next(&mut sia, 70), Some(ip([10, 0, 0, 2])));
    assert_eq!(next(&mut sia, 70), None, "it holds up the one behind it");
    assert_eq!(sia.poll_timeout(), Some(SECOND * 130));
    // Or as soon as what was asked for is open.
    sia.established(&contact([10, 0, 0, 2], 5035, false));
    assert!(sia.poll_timeout() <= Some(SECOND * 71));
    assert_eq!(next(&mut sia, 71), Some(ip([10, 0, 0, 3])));
    assert_eq!(next(&mut sia, 200), None);
    assert_eq!(sia.poll_timeout(), None);
}

#[test]
fn whoever_is_told_to_ask_again_is_not_waited_for() {
    let mut sia = sia(4);
    let mut push = request(GATEWAY, GATEWAY);
    push.origin.answerable = true;
    follow(&mut sia, &push, 10);
    let outcome = sia.receive(&push, resolves, SECOND * 11);
    assert_eq!(outcome, Outcome::Ignored(Ignored::Locked));
    assert_eq!((sia.deferred(), sia.poll_timeout()), (0, None));
}

#[test]
fn what_would_not_be_followed_is_not_put_off() {
    let mut sia = sia(4);
    follow(&mut sia, &request(GATEWAY, GATEWAY), 10);
    let stranger = request([203, 0, 113, 1], GATEWAY);
    let outcome = sia.receive(&stranger, resolves, SECOND * 11);
    assert_eq!(outcome, Outcome::Ignored(Ignored::Source));
    let outcome = sia.receive(&from_gateway(b"\x01"), resolves, SECOND * 11);
    assert!(matches!(outcome, Outcome::Ignored(_)), "{outcome:?}");
    assert_eq!(sia.deferred(), 0);
}

#[test]
fn a_source_that_asks_for_much_does_not_keep_the_others_out() {
    let mut sia = sia(3);
    follow(&mut sia, &request(GATEWAY, [10, 0, 0, 1]), 1);
    for last in 2..200 {
        defer(&mut sia, &request(GATEWAY, [10, 0, 0, last]), 2);
        assert!(sia.deferred() <= 3);
    }
    defer(&mut sia, &request(SECURE_GATEWAY, [10, 0, 1, 1]), 3);
    defer(&mut sia, &request(NAMED_GATEWAY, [10, 0, 1, 2]), 3);
    // Each has one: a fourth does not displace any, nor does one of the three displace another's.
    let fourth = sia.receive(&request(STRANGER, GATEWAY), resolves, SECOND * 3);
    assert_eq!(fourth, Outcome::Ignored(Ignored::Source));
    defer(&mut sia, &request(NAMED_GATEWAY, [10, 0, 1, 3]), 3);
    let followed: Vec<_> = [100, 200, 300]
        .map(|seconds| next(&mut sia, seconds).unwrap())
        .into();
    let expected = [[10, 0, 0, 199], [10, 0, 1, 1], [10, 0, 1, 3]].map(ip);
    assert_eq!(followed, expected);
    assert_eq!(sia.deferred(), 0);
}

#[test]
fn there_may_be_no_room_to_wait() {
    let mut none = sia(0);
    let mut one = sia(1);
    for sia in [&mut none, &mut one] {
        follow(sia, &request(GATEWAY, GATEWAY), 1);
    }
    let outcome = none.receive(&request(GATEWAY, GATEWAY), resolves, SECOND);
    assert_eq!(outcome, Outcome::Ignored(Ignored::Locked));
    defer(&mut one, &request(GATEWAY, GATEWAY), 1);
    let other = one.receive(&request(SECURE_GATEWAY, GATEWAY), resolves, SECOND);
    assert_eq!(other, Outcome::Ignored(Ignored::Locked));
    assert_eq!(none.deferred() + one.deferred(), 1);
}
