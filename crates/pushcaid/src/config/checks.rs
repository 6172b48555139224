//! What several sections refuse alike.

use push_client::modem::BusAddress as AnyBus;
use push_dbus::BusAddress;

use super::value::Span;
use super::wiring::{Wrong, wrong};

/// Refuses numbers of a section that are zero.
pub(super) fn at_least_one(
    section: &'static str,
    numbers: impl IntoIterator<Item = (&'static str, usize)>,
) -> Result<(), Wrong> {
    match numbers.into_iter().find(|(_, number)| *number == 0) {
        Some((key, _)) => Err(wrong(section, key)(&"at least 1 is taken")),
        None => Ok(()),
    }
}

/// Refuses times of a section that are none.
pub(super) fn at_least_a_millisecond(
    section: &'static str,
    spans: impl IntoIterator<Item = (&'static str, Span)>,
) -> Result<(), Wrong> {
    match spans.into_iter().find(|(_, span)| span.0.is_zero()) {
        Some((key, _)) => Err(wrong(section, key)(&"at least 1 ms is taken")),
        None => Ok(()),
    }
}

/// Reads the address of a bus.
pub(super) fn bus_address(
    section: &'static str,
    key: &'static str,
    text: &str,
) -> Result<BusAddress, Wrong> {
    let parsed = text
        .parse()
        .map_err(|error: String| wrong(section, key)(&error))?;
    Ok(match parsed {
        AnyBus::System => BusAddress::System,
        AnyBus::Session => BusAddress::Session,
        AnyBus::At(address) => BusAddress::At(address),
    })
}
