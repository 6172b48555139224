//! Who owns a name on a bus, and whether the bus would start somebody who does.

use zbus::fdo::{self, DBusProxy};
use zbus::names::{BusName, OwnedUniqueName};

use super::ServiceName;

/// Who has a service's name; nobody where it does not run.
pub(super) async fn owner_of(
    bus: &DBusProxy<'_>,
    name: &BusName<'_>,
) -> fdo::Result<Option<OwnedUniqueName>> {
    match bus.get_name_owner(name.clone()).await {
        Ok(owner) => Ok(Some(owner)),
        Err(fdo::Error::NameHasNoOwner(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Who has a service's name, once the bus has started it where it did not run.
pub(super) async fn started(
    bus: &DBusProxy<'_>,
    service: &ServiceName,
) -> fdo::Result<OwnedUniqueName> {
    let name = BusName::from(service.name.clone());
    if let Some(present) = owner_of(bus, &name).await? {
        return Ok(present);
    }
    bus.start_service_by_name(service.name.clone(), 0).await?;
    bus.get_name_owner(name).await
}

/// Whether the bus can start a service, by the files that it knows.
pub(super) async fn lists(bus: &DBusProxy<'_>, name: &BusName<'_>) -> fdo::Result<bool> {
    let names = bus.list_activatable_names().await?;
    Ok(names.iter().any(|known| known.as_str() == name.as_str()))
}

/// Whether it can once it was told to read its files again: one that was installed a moment ago may not be known to it.
pub(super) async fn lists_anew(bus: &DBusProxy<'_>, name: &BusName<'_>) -> fdo::Result<bool> {
    if let Err(error) = bus.reload_config().await {
        tracing::debug!(%error, "the bus does not read its files again");
    }
    lists(bus, name).await
}
