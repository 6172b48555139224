//! Names of the things that the machine keeps.

use std::fmt;
use std::str::FromStr;

macro_rules! textual_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                u64::from_str_radix(text, 16).map(Self)
            }
        }
    };
}

textual_id! {
    /// A registration, for its whole life. Written as 16 hexadecimal digits.
    RegistrationId
}

textual_id! {
    /// A push event. Ids grow in order of arrival, across restarts too. Written as 16 hexadecimal digits.
    EventId
}

textual_id! {
    /// A segment of a push that has not arrived whole. The driver chooses it; none that is stored is used twice. Written as
    /// 16 hexadecimal digits.
    SegmentId
}

/// Names a request of the driver, so that its answer finds the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestTicket(pub u64);

/// Names a [`Persist`](crate::Output::Persist) until the driver answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersistTicket(pub u64);

/// Names a connection over which an application takes events. The driver chooses it; none is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriberId(pub u64);
