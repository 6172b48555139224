//! Reasons of aborts and disconnects (WSP table 35).

use core::fmt;

/// Why a transaction was aborted or a session ended; also the reason of a WTP user abort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AbortReason(pub u8);

macro_rules! reasons {
    ($($constant:ident $number:literal $message:literal,)+) => {
        impl AbortReason {
            $(#[doc = concat!("`", stringify!($constant), "`: ", $message, ".")] pub const $constant: Self = Self($number);)+

            /// The name, where one is assigned.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 { $($number => Some(stringify!($constant)),)+ _ => None }
            }

            /// What it means, in words.
            #[must_use]
            pub const fn message(self) -> Option<&'static str> {
                match self.0 { $($number => Some($message),)+ _ => None }
            }
        }
    };
}

reasons! {
    PROTOERR 0xE0 "the PDU is illegal in the present state",
    DISCONNECT 0xE1 "the session has ended",
    SUSPEND 0xE2 "the session is suspended",
    RESUME 0xE3 "the session is being resumed",
    CONGESTION 0xE4 "the peer is too busy",
    CONNECTERR 0xE5 "the session could not be set up",
    MRUEXCEEDED 0xE6 "the message is larger than the peer receives",
    MOREXCEEDED 0xE7 "too many requests are outstanding",
    PEERREQ 0xE8 "the peer asked for it",
    NETERR 0xE9 "the network failed",
    USERREQ 0xEA "the user asked for it",
    USERRFS 0xEB "the push is refused and should not be sent again",
    USERPND 0xEC "the push cannot be delivered to its application",
    USERDCR 0xED "there is no room for the push",
    USERDCU 0xEE "the content type of the push cannot be processed",
}

/// Shows the name, or `0x` and two hexadecimal digits where none is assigned.
impl fmt::Display for AbortReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:02X}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn fifteen_reasons_are_assigned() {
        let named = (0..=u8::MAX).filter(|&number| AbortReason(number).name().is_some());
        assert!(named.eq(0xE0..=0xEE));
        assert_eq!(AbortReason::USERPND.to_string(), "USERPND");
        assert_eq!(AbortReason(0xEF).to_string(), "0xEF");
        assert!(
            AbortReason(0xEB)
                .message()
                .is_some_and(|message| message.contains("refused"))
        );
    }
}
