//! Contents of pushes, each written octet by octet.

use crate::values;

/// The charset UTF-8 as WBXML states it (`MIBenum` 106).
const UTF_8: u8 = 0x6a;
/// WBXML: a string follows, ended by a zero.
const STRING: u8 = 0x03;
/// WBXML: the element, or the list of attributes, ends.
const END: u8 = 0x01;

/// The media type of [`service_indication`].
pub const SERVICE_INDICATION: &str = "application/vnd.wap.sic";
/// The media type of [`service_loading`].
pub const SERVICE_LOADING: &str = "application/vnd.wap.slc";
/// The media type of [`mms_notification`].
pub const MMS_NOTIFICATION: &str = "application/vnd.wap.mms-message";
/// The media type of [`provisioning`].
pub const PROVISIONING: &str = "application/vnd.wap.connectivity-wbxml";

/// A Service Indication in WBXML (WAP-167 8): the address is `http://` and `address`; `message` is shown to the user.
pub fn service_indication(address: &str, message: &str) -> Vec<u8> {
    let (si, indication) = (0x45, 0xc6);
    let (href_http, action_signal_medium) = (0x0c, 0x07);
    let mut octets = vec![0x02, 0x05, UTF_8, 0x00, si, indication, href_http];
    string(address, &mut octets);
    octets.extend([action_signal_medium, END]);
    string(message, &mut octets);
    octets.extend([END, END]);
    octets
}

/// A Service Loading in WBXML (WAP-168 9): the address is `http://` and `address`.
pub fn service_loading(address: &str) -> Vec<u8> {
    let (sl, href_http, action_execute_low) = (0x85, 0x09, 0x05);
    let mut octets = vec![0x02, 0x06, UTF_8, 0x00, sl, href_http];
    string(address, &mut octets);
    octets.extend([action_execute_low, END]);
    octets
}

/// An M-Notification.ind of MMS 1.0: a message of `size` octets waits for a day at `location`.
pub fn mms_notification(transaction: &str, from: &str, size: u32, location: &str) -> Vec<u8> {
    const DAY: u64 = 86_400;
    let (message_type, transaction_id, version, from_field) = (0x8c, 0x98, 0x8d, 0x89);
    let (class, message_size, expiry, content_location) = (0x8a, 0x8e, 0x88, 0x83);
    let mut octets = vec![message_type, 0x82, transaction_id];
    values::text(transaction, &mut octets);
    octets.extend([version, 0x90, from_field]);
    let mut sender = vec![0x80];
    values::text(from, &mut sender);
    values::with_length(&sender, &mut octets);
    octets.extend([class, 0x80, message_size]);
    values::long_integer(u64::from(size), &mut octets);
    octets.push(expiry);
    let mut relative = vec![0x81];
    values::long_integer(DAY, &mut relative);
    values::with_length(&relative, &mut octets);
    octets.push(content_location);
    values::text(location, &mut octets);
    octets
}

/// A provisioning document in WBXML (WAP-183 8) with one BOOTSTRAP characteristic of this name.
pub fn provisioning(name: &str) -> Vec<u8> {
    let (document, version_1_0) = (0xc5, 0x46);
    let (characteristic, type_bootstrap) = (0xc6, 0x56);
    let (parm, name_is_name, value) = (0x87, 0x07, 0x06);
    let mut octets = vec![0x03, 0x0b, UTF_8, 0x00, document, version_1_0, END];
    octets.extend([
        characteristic,
        type_bootstrap,
        END,
        parm,
        name_is_name,
        value,
    ]);
    string(name, &mut octets);
    octets.extend([END, END, END]);
    octets
}

fn string(text: &str, to: &mut Vec<u8>) {
    to.push(STRING);
    to.extend(text.bytes().filter(|octet| *octet != 0));
    to.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_written_as_their_specifications_say() {
        assert_eq!(
            service_indication("push.example.net/news", "News"),
            b"\x02\x05\x6a\x00\x45\xc6\x0c\x03push.example.net/news\0\x07\x01\x03News\0\x01\x01"
        );
        assert_eq!(
            service_loading("push.example.net/go"),
            b"\x02\x06\x6a\x00\x85\x09\x03push.example.net/go\0\x05\x01"
        );
        assert_eq!(
            mms_notification("T1", "+4917012345", 2048, "http://mmsc.example.net/1"),
            b"\x8c\x82\x98T1\0\x8d\x90\x89\x0d\x80+4917012345\0\x8a\x80\x8e\x02\x08\x00\x88\x05\x81\x03\x01\x51\x80\
              \x83http://mmsc.example.net/1\0"
        );
        assert_eq!(
            provisioning("Home"),
            b"\x03\x0b\x6a\x00\xc5\x46\x01\xc6\x56\x01\x87\x07\x06\x03Home\0\x01\x01\x01"
        );
    }
}
