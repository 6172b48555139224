//! The Push Client beside the reference model, and beside itself after a restart, over random histories.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod handlers;
mod pair;
mod steps;
mod unsettled;

use proptest::prelude::*;

use pair::Pair;
use steps::{SERVERS, settled_step, unsettled_step};
use unsettled::Unsettled;

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_push_client_does_what_the_model_says(
        listed in any::<bool>(),
        first in any::<bool>(),
        steps in prop::collection::vec(settled_step(), 1..80),
    ) {
        let mut pair = Pair::new(if listed { &SERVERS[..1] } else { &[] }, first);
        for step in steps {
            pair.step(step);
        }
        pair.finish();
    }

    #[test]
    fn nothing_acknowledged_is_lost_whatever_the_store_does(
        steps in prop::collection::vec(unsettled_step(), 1..120),
    ) {
        let mut client = Unsettled::new();
        for step in steps {
            client.step(step);
        }
        client.finish();
    }
}
