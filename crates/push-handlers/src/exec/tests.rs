use push_dbus::BusAddress;

use super::*;

/// Where systemd runs the system, but its bus is gone.
fn runs(rest: Duration) -> Runs {
    let address = BusAddress::At("unix:path=/nonexistent/bus".to_owned());
    Runs {
        isolation: Isolation::Auto,
        manager: Arc::new(Manager::new(address, Duration::from_secs(5))),
        has_systemd: true,
        rest: Rest::new(rest, rest),
        program: PathBuf::from("/nonexistent"),
    }
}

#[tokio::test]
async fn a_manager_that_was_not_there_is_asked_again_after_a_rest() {
    let command = ExecCommand::new("meter", "/nonexistent");
    for (rest, is_asked_again) in [(Duration::from_hours(1), false), (Duration::ZERO, true)] {
        let runs = runs(rest);
        assert!(runs.in_units());
        // Nor is the program there by which it is run with limits of our own.
        let ended = runs.run(&command, &Vec::new(), b"").await;
        assert!(ended.is_err());
        assert_eq!(runs.in_units(), is_asked_again, "{rest:?}");
    }
}
