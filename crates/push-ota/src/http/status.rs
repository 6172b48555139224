//! X-Wap-Push-Status (WAP-235 7.4.2.1).

use std::fmt;

/// The outcome of a registration or a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PushStatus {
    /// 234: refused, may be tried again (USERREQ).
    RequestRefused,
    /// 235: refused for good (USERRFS).
    Refused,
    /// 236: no such application (USERPND).
    NoSuchApplication,
    /// 237: no room at present (USERDCR).
    NoRoom,
    /// 238: the application does not take the content type (USERDCU).
    ContentType,
    /// 256: the push was dropped because the CPITag is absent or stale.
    CpiTagMismatch,
    /// 257: no provisioning context matches the push's ProvURL.
    NoContextForPush,
    /// 300: registration refused, may be tried again.
    RegistrationRefusedRetry,
    /// 301: registration refused for good.
    RegistrationRefused,
    /// 302: no provisioning context matches the registration's ProvURL.
    NoContextForRegistration,
    /// 400: push accepted, CPITag absent or right.
    Accepted,
    /// 401: push accepted, CPITag stale.
    AcceptedCpiTagMismatch,
    /// 500: registered, CPITag right.
    Registered,
    /// 501: registered, CPITag absent or stale.
    RegisteredCpiTagMismatch,
    /// 600: none of the versions offered is spoken.
    VersionNotSupported,
}

impl PushStatus {
    /// Every status.
    pub const ALL: [Self; 15] = [
        Self::RequestRefused,
        Self::Refused,
        Self::NoSuchApplication,
        Self::NoRoom,
        Self::ContentType,
        Self::CpiTagMismatch,
        Self::NoContextForPush,
        Self::RegistrationRefusedRetry,
        Self::RegistrationRefused,
        Self::NoContextForRegistration,
        Self::Accepted,
        Self::AcceptedCpiTagMismatch,
        Self::Registered,
        Self::RegisteredCpiTagMismatch,
        Self::VersionNotSupported,
    ];

    /// The value of X-Wap-Push-Status: three digits, a space and a phrase.
    //= specs/ota-http.md#push-status
    //# X-Wap-Push-Status MUST be one of the codes defined for the method, which may be followed by a space and a phrase.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequestRefused => "234 Try Again",
            Self::Refused => "235 Refused",
            Self::NoSuchApplication => "236 No Such Application",
            Self::NoRoom => "237 No Room At Present",
            Self::ContentType => "238 Content Type Not Accepted",
            Self::CpiTagMismatch => "256 CPITag Absent Or Stale",
            Self::NoContextForPush => "257 No Such Provisioning Context",
            Self::RegistrationRefusedRetry => "300 Registration Refused",
            Self::RegistrationRefused => "301 Registration Refused",
            Self::NoContextForRegistration => "302 No Such Provisioning Context",
            Self::Accepted => "400 Accepted",
            Self::AcceptedCpiTagMismatch => "401 Accepted, CPITag Stale",
            Self::Registered => "500 Registered",
            Self::RegisteredCpiTagMismatch => "501 Registered, CPITag Absent Or Stale",
            Self::VersionNotSupported => "600 Version Not Supported",
        }
    }

    /// The three digits.
    pub fn code(self) -> &'static str {
        self.as_str().get(..3).unwrap_or_default()
    }
}

impl fmt::Display for PushStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
