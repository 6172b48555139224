//! A user who takes what there is leaves their own to others.

use conformance::{
    loopback::Network,
    pushcai::Daemon,
    sandboxes::{Road, Sandboxes},
    stranger::Stranger,
};

const SETTINGS: &str =
    "[http]\nmax_connections = 12\nmax_connections_per_owner = 3\nmax_connections_per_user = 8\n";

/// What each of so many refusals says to sandboxes that have so many connections each, where others are served all the while.
fn refusals(sandboxes: usize, connections: usize, refused: usize) -> anyhow::Result<Vec<String>> {
    let network = Network::claim()?;
    let daemon = Daemon::start(network.host(2), SETTINGS)?;
    let Some(stranger) = Stranger::of(&daemon)? else {
        return Ok(Vec::new());
    };
    let road = Road::Http(&daemon.socket());
    let Some(flood) = Sandboxes::flood(road, sandboxes, connections)? else {
        return Ok(Vec::new());
    };
    let refusals = (0..refused).map(|_| flood.refusal());
    let refusals = refusals.collect::<anyhow::Result<Vec<_>>>()?;
    let served = [stranger.pushcai(&["apps"])?, daemon.pushcai(&["apps"])?];
    assert!(served.iter().all(|one| one.code == Some(0)), "{served:?}");
    Ok(refusals)
}

/// Each sandbox is another owner, and all together are one user.
#[test]
fn sandboxes_of_a_user_leave_connections_to_others() -> anyhow::Result<()> {
    for refusal in refusals(8, 3, 8 * 3 - 8)? {
        for part in [
            "HTTP/1.1 429 ",
            "8 connections of user 1,",
            "max_connections_per_user",
            "close one",
        ] {
            assert!(refusal.contains(part), "{refusal}");
        }
    }
    Ok(())
}

/// Nor do they take the places of others while it is told whose they are: 503 would say that there is no room for anybody.
#[test]
fn connections_that_come_at_once_leave_some_to_others() -> anyhow::Result<()> {
    for refusal in refusals(1, 24, 24 - 3)? {
        assert!(!refusal.contains("HTTP/1.1 503 "), "{refusal}");
    }
    Ok(())
}
