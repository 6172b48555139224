//! Short messages as a terminal gets them: SMS-DELIVER (3GPP TS 23.040) with its user data header, which carries WDP's ports and
//! segments (WAP-259 6.3).
//!
//! ```
//! use wap_wire::sms::Deliver;
//!
//! // From +15551234567, 8 bit data, to port 2948 from port 9200: three octets.
//! let octets = [
//!     0x44, 0x0B, 0x91, 0x51, 0x55, 0x21, 0x43, 0x65, 0xF7, 0x00, 0x04, 0x62, 0x10, 0x20, 0x21, 0x43, 0x65, 0x00, 0x0A, 0x06,
//!     0x05, 0x04, 0x0B, 0x84, 0x23, 0xF0, 0x01, 0x02, 0x03,
//! ];
//! let message = Deliver::decode(&octets)?;
//! assert_eq!(message.originating_address.to_string(), "+15551234567");
//! let header = message.user_data.header().ok_or("no header")??;
//! assert_eq!(header.ports().map(|ports| ports.destination), Some(2948));
//! assert_eq!(message.user_data.body(), [1, 2, 3]);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod address;
mod alphabet;
mod data_coding;
mod deliver;
mod header;
mod time_stamp;
mod user_data;

pub use address::{Address, TypeOfNumber};
pub use alphabet::{Characters, Septets};
pub use data_coding::{Alphabet, DataCoding, MessageWaiting};
pub use deliver::{Deliver, ServiceCentre};
pub use header::{
    Concatenation, InformationElement, InformationElements, Ports, UserDataHeader, Width,
};
pub use time_stamp::ServiceCentreTimeStamp;
pub use user_data::UserData;
