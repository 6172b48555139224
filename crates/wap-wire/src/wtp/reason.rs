//! Reasons of aborts by the WTP provider (WTP 8.3.4, table 18).

use core::fmt;

/// Why a WTP provider aborted a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderAbortReason(pub u8);

macro_rules! reasons {
    ($($constant:ident $number:literal $message:literal,)+) => {
        impl ProviderAbortReason {
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
    UNKNOWN 0x00 "an error that has no reason of its own",
    PROTOERR 0x01 "the PDU received is broken",
    INVALIDTID 0x02 "the peer did not begin the transaction that it was asked about",
    NOTIMPLEMENTEDCL2 0x03 "the peer does not answer transactions of class 2",
    NOTIMPLEMENTEDSAR 0x04 "the peer does not reassemble segmented messages",
    NOTIMPLEMENTEDUACK 0x05 "the peer does not support user acknowledgements",
    WTPVERSIONONE 0x06 "the peer speaks another version of the protocol",
    CAPTEMPEXCEEDED 0x07 "the peer has no room at the moment",
    NORESPONSE 0x08 "no answer came in time",
    MESSAGETOOLARGE 0x09 "the message is larger than the peer takes",
    NOTIMPLEMENTEDESAR 0x0A "the peer does not support extended segmentation and reassembly",
}

/// Shows the name, or `0x` and two hexadecimal digits where none is assigned.
impl fmt::Display for ProviderAbortReason {
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
    fn eleven_reasons_are_assigned() {
        let named = (0..=u8::MAX).filter(|&number| ProviderAbortReason(number).name().is_some());
        assert!(named.eq(0x00..=0x0A));
        assert_eq!(ProviderAbortReason::NORESPONSE.to_string(), "NORESPONSE");
        assert_eq!(ProviderAbortReason(0x0B).to_string(), "0x0B");
    }
}
