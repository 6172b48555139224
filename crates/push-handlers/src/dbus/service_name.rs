//! Names of services in event handlers.

use std::fmt;

use push_dbus::HANDLER_PATH;
use zbus::ObjectPath;
use zbus::names::WellKnownName;

/// A service of D-Bus and its object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceName {
    /// Its well-known name.
    pub name: WellKnownName<'static>,
    /// The path of its object.
    pub path: ObjectPath<'static>,
}

impl ServiceName {
    /// Reads `dbus:NAME` or `dbus:NAME/PATH`; where there is no path, it is [`HANDLER_PATH`].
    ///
    /// # Errors
    /// What is wrong, and what would work.
    pub fn parse(handler: &str) -> Result<Self, String> {
        let shown: String = handler.chars().take(200).collect();
        let wrong = |what: &str| {
            format!(
                "`{shown}` {what}; write it as `dbus:org.example.App` or `dbus:org.example.App/org/example/App`"
            )
        };
        let (_, rest) = handler
            .split_once(':')
            .ok_or_else(|| wrong("has no scheme"))?;
        let slash = rest.find('/').unwrap_or(rest.len());
        let (name, path) = rest.split_at(slash);
        let path = if path.is_empty() { HANDLER_PATH } else { path };
        if name == "org.freedesktop.DBus" {
            return Err(wrong("names the bus itself"));
        }
        Ok(Self {
            name: WellKnownName::try_from(name.to_owned())
                .map_err(|_| wrong("has no well-known name of D-Bus"))?,
            path: ObjectPath::try_from(path.to_owned())
                .map_err(|_| wrong("has no path of an object of D-Bus"))?,
        })
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_path_or_the_usual_one() {
        let service = ServiceName::parse("dbus:org.example.App").unwrap();
        assert_eq!(service.name.as_str(), "org.example.App");
        assert_eq!(service.path.as_str(), HANDLER_PATH);
        let service = ServiceName::parse("DBUS:org.example.App/a/b").unwrap();
        assert_eq!(service.path.as_str(), "/a/b");
    }

    #[test]
    fn what_is_no_name_or_path_is_refused() {
        for handler in [
            "dbus:",
            "dbus:App",
            "dbus::1.5",
            "dbus:org..App",
            "dbus:org.example.App/",
            "dbus:org.example.App//a",
            "dbus:org.example.App/a b",
            "dbus:org.freedesktop.DBus",
            "dbus:org.example.App\0",
        ] {
            let accepted = ServiceName::parse(handler);
            // The root is a path.
            assert!(accepted.is_err() || handler.ends_with("App/"), "{handler}");
        }
    }
}
