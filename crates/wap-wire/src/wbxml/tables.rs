//! The numbers of each document type: code page, number, meaning.

use super::language::{Language, Meaning};

/// What begins or ends the names of most servers, alike in four document types.
#[rustfmt::skip]
const SERVERS: &[Meaning<&str>] = &[
    (0, 0x85, ".com/"), (0, 0x86, ".edu/"), (0, 0x87, ".net/"), (0, 0x88, ".org/"),
];

/// Service Indication (WAP-167 8.3).
#[rustfmt::skip]
pub(super) const SI: Language = Language {
    root: "si",
    public_id: "-//WAPFORUM//DTD SI 1.0//EN",
    number: 0x05,
    tags: &[
        (0, 0x05, "si"), (0, 0x06, "indication"), (0, 0x07, "info"), (0, 0x08, "item"),
    ],
    attributes: &[
        (0, 0x05, ("action", "signal-none")), (0, 0x06, ("action", "signal-low")),
        (0, 0x07, ("action", "signal-medium")), (0, 0x08, ("action", "signal-high")),
        (0, 0x09, ("action", "delete")), (0, 0x0A, ("created", "")), (0, 0x0B, ("href", "")),
        (0, 0x0C, ("href", "http://")), (0, 0x0D, ("href", "http://www.")), (0, 0x0E, ("href", "https://")),
        (0, 0x0F, ("href", "https://www.")), (0, 0x10, ("si-expires", "")), (0, 0x11, ("si-id", "")),
        (0, 0x12, ("class", "")),
    ],
    values: SERVERS,
};

/// Service Loading (WAP-168 9.3).
#[rustfmt::skip]
pub(super) const SL: Language = Language {
    root: "sl",
    public_id: "-//WAPFORUM//DTD SL 1.0//EN",
    number: 0x06,
    tags: &[
        (0, 0x05, "sl"),
    ],
    attributes: &[
        (0, 0x05, ("action", "execute-low")), (0, 0x06, ("action", "execute-high")), (0, 0x07, ("action", "cache")),
        (0, 0x08, ("href", "")), (0, 0x09, ("href", "http://")), (0, 0x0A, ("href", "http://www.")),
        (0, 0x0B, ("href", "https://")), (0, 0x0C, ("href", "https://www.")),
    ],
    values: SERVERS,
};

/// Cache Operation (WAP-175 9.3).
#[rustfmt::skip]
pub(super) const CO: Language = Language {
    root: "co",
    public_id: "-//WAPFORUM//DTD CO 1.0//EN",
    number: 0x07,
    tags: &[
        (0, 0x05, "co"), (0, 0x06, "invalidate-object"), (0, 0x07, "invalidate-service"),
    ],
    attributes: &[
        (0, 0x05, ("uri", "")), (0, 0x06, ("uri", "http://")), (0, 0x07, ("uri", "http://www.")),
        (0, 0x08, ("uri", "https://")), (0, 0x09, ("uri", "https://www.")),
    ],
    values: SERVERS,
};

/// E-Mail Notification.
#[rustfmt::skip]
pub(super) const EMN: Language = Language {
    root: "emn",
    public_id: "-//WAPFORUM//DTD EMN 1.0//EN",
    number: 0x0D,
    tags: &[
        (0, 0x05, "emn"),
    ],
    attributes: &[
        (0, 0x05, ("timestamp", "")), (0, 0x06, ("mailbox", "")), (0, 0x07, ("mailbox", "mailat:")),
        (0, 0x08, ("mailbox", "pop://")), (0, 0x09, ("mailbox", "imap://")), (0, 0x0A, ("mailbox", "http://")),
        (0, 0x0B, ("mailbox", "http://www.")), (0, 0x0C, ("mailbox", "https://")),
        (0, 0x0D, ("mailbox", "https://www.")),
    ],
    values: SERVERS,
};

/// Provisioning (WAP-183 8); the second code page is that of version 1.1.
#[rustfmt::skip]
pub(super) const PROVISIONING: Language = Language {
    root: "wap-provisioningdoc",
    public_id: "-//WAPFORUM//DTD PROV 1.0//EN",
    number: 0x0B,
    tags: &[
        (0, 0x05, "wap-provisioningdoc"), (0, 0x06, "characteristic"), (0, 0x07, "parm"),
        (1, 0x06, "characteristic"), (1, 0x07, "parm"),
    ],
    attributes: &[
        (0, 0x05, ("name", "")), (0, 0x06, ("value", "")), (0, 0x07, ("name", "NAME")),
        (0, 0x08, ("name", "NAP-ADDRESS")), (0, 0x09, ("name", "NAP-ADDRTYPE")), (0, 0x0A, ("name", "CALLTYPE")),
        (0, 0x0B, ("name", "VALIDUNTIL")), (0, 0x0C, ("name", "AUTHTYPE")), (0, 0x0D, ("name", "AUTHNAME")),
        (0, 0x0E, ("name", "AUTHSECRET")), (0, 0x0F, ("name", "LINGER")), (0, 0x10, ("name", "BEARER")),
        (0, 0x11, ("name", "NAPID")), (0, 0x12, ("name", "COUNTRY")), (0, 0x13, ("name", "NETWORK")),
        (0, 0x14, ("name", "INTERNET")), (0, 0x15, ("name", "PROXY-ID")), (0, 0x16, ("name", "PROXY-PROVIDER-ID")),
        (0, 0x17, ("name", "DOMAIN")), (0, 0x18, ("name", "PROVURL")), (0, 0x19, ("name", "PXAUTH-TYPE")),
        (0, 0x1A, ("name", "PXAUTH-ID")), (0, 0x1B, ("name", "PXAUTH-PW")), (0, 0x1C, ("name", "STARTPAGE")),
        (0, 0x1D, ("name", "BASAUTH-ID")), (0, 0x1E, ("name", "BASAUTH-PW")), (0, 0x1F, ("name", "PUSHENABLED")),
        (0, 0x20, ("name", "PXADDR")), (0, 0x21, ("name", "PXADDRTYPE")), (0, 0x22, ("name", "TO-NAPID")),
        (0, 0x23, ("name", "PORTNBR")), (0, 0x24, ("name", "SERVICE")), (0, 0x25, ("name", "LINKSPEED")),
        (0, 0x26, ("name", "DNLINKSPEED")), (0, 0x27, ("name", "LOCAL-ADDR")), (0, 0x28, ("name", "LOCAL-ADDRTYPE")),
        (0, 0x29, ("name", "CONTEXT-ALLOW")), (0, 0x2A, ("name", "TRUST")), (0, 0x2B, ("name", "MASTER")),
        (0, 0x2C, ("name", "SID")), (0, 0x2D, ("name", "SOC")), (0, 0x2E, ("name", "WSP-VERSION")),
        (0, 0x2F, ("name", "PHYSICAL-PROXY-ID")), (0, 0x30, ("name", "CLIENT-ID")),
        (0, 0x31, ("name", "DELIVERY-ERR-SDU")), (0, 0x32, ("name", "DELIVERY-ORDER")),
        (0, 0x33, ("name", "TRAFFIC-CLASS")), (0, 0x34, ("name", "MAX-SDU-SIZE")),
        (0, 0x35, ("name", "MAX-BITRATE-UPLINK")), (0, 0x36, ("name", "MAX-BITRATE-DNLINK")),
        (0, 0x37, ("name", "RESIDUAL-BER")), (0, 0x38, ("name", "SDU-ERROR-RATIO")),
        (0, 0x39, ("name", "TRAFFIC-HANDL-PRIO")), (0, 0x3A, ("name", "TRANSFER-DELAY")),
        (0, 0x3B, ("name", "GUARANTEED-BITRATE-UPLINK")), (0, 0x3C, ("name", "GUARANTEED-BITRATE-DNLINK")),
        (0, 0x45, ("version", "")), (0, 0x46, ("version", "1.0")), (0, 0x50, ("type", "")),
        (0, 0x51, ("type", "PXLOGICAL")), (0, 0x52, ("type", "PXPHYSICAL")), (0, 0x53, ("type", "PORT")),
        (0, 0x54, ("type", "VALIDITY")), (0, 0x55, ("type", "NAPDEF")), (0, 0x56, ("type", "BOOTSTRAP")),
        (0, 0x57, ("type", "VENDORCONFIG")), (0, 0x58, ("type", "CLIENTIDENTITY")),
        (0, 0x59, ("type", "PXAUTHINFO")), (0, 0x5A, ("type", "NAPAUTHINFO")), (1, 0x05, ("name", "")),
        (1, 0x06, ("value", "")), (1, 0x07, ("name", "NAME")), (1, 0x14, ("name", "INTERNET")),
        (1, 0x1C, ("name", "STARTPAGE")), (1, 0x22, ("name", "TO-NAPID")), (1, 0x23, ("name", "PORTNBR")),
        (1, 0x24, ("name", "SERVICE")), (1, 0x2E, ("name", "AACCEPT")), (1, 0x2F, ("name", "AAUTHDATA")),
        (1, 0x30, ("name", "AAUTHLEVEL")), (1, 0x31, ("name", "AAUTHNAME")), (1, 0x32, ("name", "AAUTHSECRET")),
        (1, 0x33, ("name", "AAUTHTYPE")), (1, 0x34, ("name", "ADDR")), (1, 0x35, ("name", "ADDRTYPE")),
        (1, 0x36, ("name", "APPID")), (1, 0x37, ("name", "APROTOCOL")), (1, 0x38, ("name", "PROVIDER-ID")),
        (1, 0x39, ("name", "TO-PROXY")), (1, 0x3A, ("name", "URI")), (1, 0x3B, ("name", "RULE")),
        (1, 0x50, ("type", "")), (1, 0x53, ("type", "PORT")), (1, 0x55, ("type", "APPLICATION")),
        (1, 0x56, ("type", "APPADDR")), (1, 0x57, ("type", "APPAUTH")), (1, 0x58, ("type", "CLIENTIDENTITY")),
        (1, 0x59, ("type", "RESOURCE")),
    ],
    values: &[
        (0, 0x85, "IPV4"), (0, 0x86, "IPV6"), (0, 0x87, "E164"), (0, 0x88, "ALPHA"), (0, 0x89, "APN"),
        (0, 0x8A, "SCODE"), (0, 0x8B, "TETRA-ITSI"), (0, 0x8C, "MAN"), (0, 0x90, "ANALOG-MODEM"), (0, 0x91, "V.120"),
        (0, 0x92, "V.110"), (0, 0x93, "X.31"), (0, 0x94, "BIT-TRANSPARENT"),
        (0, 0x95, "DIRECT-ASYNCHRONOUS-DATA-SERVICE"), (0, 0x9A, "PAP"), (0, 0x9B, "CHAP"), (0, 0x9C, "HTTP-BASIC"),
        (0, 0x9D, "HTTP-DIGEST"), (0, 0x9E, "WTLS-SS"), (0, 0xA2, "GSM-USSD"), (0, 0xA3, "GSM-SMS"),
        (0, 0xA4, "ANSI-136-GUTS"), (0, 0xA5, "IS-95-CDMA-SMS"), (0, 0xA6, "IS-95-CDMA-CSD"),
        (0, 0xA7, "IS-95-CDMA-PACKET"), (0, 0xA8, "ANSI-136-CSD"), (0, 0xA9, "ANSI-136-GPRS"), (0, 0xAA, "GSM-CSD"),
        (0, 0xAB, "GSM-GPRS"), (0, 0xAC, "AMPS-CDPD"), (0, 0xAD, "PDC-CSD"), (0, 0xAE, "PDC-PACKET"),
        (0, 0xAF, "IDEN-SMS"), (0, 0xB0, "IDEN-CSD"), (0, 0xB1, "IDEN-PACKET"), (0, 0xB2, "FLEX/REFLEX"),
        (0, 0xB3, "PHS-SMS"), (0, 0xB4, "PHS-CSD"), (0, 0xB5, "TETRA-SDS"), (0, 0xB6, "TETRA-PACKET"),
        (0, 0xB7, "ANSI-136-GHOST"), (0, 0xB8, "MOBITEX-MPAK"), (0, 0xC5, "AUTOBAUDING"), (0, 0xCA, "CL-WSP"),
        (0, 0xCB, "CO-WSP"), (0, 0xCC, "CL-SEC-WSP"), (0, 0xCD, "CO-SEC-WSP"), (0, 0xCE, "CL-SEC-WTA"),
        (0, 0xCF, "CO-SEC-WTA"), (1, 0x86, "IPV6"), (1, 0x87, "E164"), (1, 0x88, "ALPHA"), (1, 0x8D, "APPSRV"),
        (1, 0x8E, "OBEX"), (1, 0x90, ","), (1, 0x91, "HTTP-"), (1, 0x92, "BASIC"), (1, 0x93, "DIGEST"),
    ],
};
