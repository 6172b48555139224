//! What content says.

use serde::Serialize;

use crate::element::Element;
use crate::mms::MmsNotification;
use crate::provisioning::Provisioning;
use crate::{MAX_VALUE, cut};

/// What content says, by its kind. The names are those of the specifications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Decoded {
    /// A service indication (WAP-167).
    Si(ServiceIndication),
    /// Service loading (WAP-168).
    Sl(ServiceLoading),
    /// A cache operation (WAP-175).
    Co {
        /// What is to be forgotten, in order.
        invalidate: Vec<Invalidate>,
    },
    /// An e-mail notification.
    Emn(EmailNotification),
    /// A provisioning document (WAP-183).
    Provisioning(Provisioning),
    /// A notification of MMS.
    Mms(MmsNotification),
    /// Plain text.
    Text(PlainText),
}

/// A service indication: something waits for the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServiceIndication {
    /// Where the service is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub href: Option<String>,
    /// What is to be done; `signal-medium` where nothing is said.
    pub action: String,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Until when it is of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub si_expires: Option<String>,
    /// Its identity; where nothing is said it is that of `href`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub si_id: Option<String>,
    /// What the user is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What else is said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub info: Vec<Item>,
}

/// Something else that a service indication says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What it is about.
    pub class: String,
    /// What it says.
    pub text: String,
}

/// Service loading: a service is to be loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceLoading {
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub href: Option<String>,
    /// What is to be done; `execute-low` where nothing is said.
    pub action: String,
}

/// Something that a cache is to forget, by its URI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Invalidate {
    /// One object.
    Object(String),
    /// All objects of a service.
    Service(String),
}

/// An e-mail notification: there is new mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EmailNotification {
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
}

/// Plain text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlainText {
    /// Its beginning.
    pub text: String,
    /// Whether there is more of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

impl Decoded {
    pub(crate) fn plain(text: &str) -> Self {
        Self::Text(PlainText {
            text: cut(text),
            truncated: text.chars().nth(MAX_VALUE).is_some(),
        })
    }

    /// What the document says, by the name of its outermost element.
    pub fn of_element(root: &Element) -> Option<Self> {
        match &*root.name {
            "si" => service_indication(root).map(Self::Si),
            "sl" => Some(Self::Sl(ServiceLoading {
                href: root.attribute("href"),
                action: action(root, "execute-low"),
            })),
            "co" => Some(Self::Co {
                invalidate: root.children.iter().filter_map(invalidate).collect(),
            }),
            "emn" => Some(Self::Emn(EmailNotification {
                mailbox: root.attribute("mailbox"),
                timestamp: root.attribute("timestamp"),
            })),
            "wap-provisioningdoc" => Some(Self::Provisioning(Provisioning::of(root))),
            _ => None,
        }
    }

    /// The same for people: a heading, and lines below it. Nothing is done about characters that a terminal would obey.
    pub fn lines(&self) -> Vec<String> {
        let (heading, lines) = match self {
            Self::Si(si) => ("Service Indication", si.lines()),
            Self::Sl(sl) => {
                let action = Some(sl.action.clone());
                let all = [("href", &sl.href), ("action", &action)];
                ("Service Loading", fields(&all))
            }
            Self::Co { invalidate } => {
                let lines = invalidate.iter().map(|one| match one {
                    Invalidate::Object(uri) => format!("  invalidate object: {uri}"),
                    Invalidate::Service(uri) => format!("  invalidate service: {uri}"),
                });
                ("Cache Operation", lines.collect())
            }
            Self::Emn(emn) => {
                let all = [("mailbox", &emn.mailbox), ("timestamp", &emn.timestamp)];
                ("E-Mail Notification", fields(&all))
            }
            Self::Provisioning(provisioning) => ("Provisioning", provisioning.lines()),
            Self::Mms(notification) => ("MMS Notification", notification.lines()),
            Self::Text(plain) => {
                let lines = plain.text.lines().map(|line| format!("  {line}"));
                ("Text", lines.collect())
            }
        };
        std::iter::once(heading.to_owned()).chain(lines).collect()
    }
}

impl ServiceIndication {
    fn lines(&self) -> Vec<String> {
        let action = Some(self.action.clone());
        let mut lines = fields(&[
            ("text", &self.text),
            ("href", &self.href),
            ("action", &action),
            ("created", &self.created),
            ("si-expires", &self.si_expires),
            ("si-id", &self.si_id),
        ]);
        let info = self.info.iter();
        lines.extend(info.map(|Item { class, text }| format!("  {class}: {text}")));
        lines
    }
}

/// A line for each field that is there.
pub(crate) fn fields(all: &[(&str, &Option<String>)]) -> Vec<String> {
    let present = all
        .iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("  {name}: {value}")));
    present.collect()
}

fn service_indication(root: &Element) -> Option<ServiceIndication> {
    let indication = root.named("indication").next()?;
    let items = root.named("info").flat_map(|info| info.named("item"));
    Some(ServiceIndication {
        href: indication.attribute("href"),
        action: action(indication, "signal-medium"),
        created: indication.attribute("created"),
        si_expires: indication.attribute("si-expires"),
        si_id: indication.attribute("si-id"),
        text: indication.trimmed(),
        info: items
            .map(|item| Item {
                class: item.attribute("class").unwrap_or_default(),
                text: item.trimmed().unwrap_or_default(),
            })
            .collect(),
    })
}

fn action(element: &Element, default: &str) -> String {
    element
        .attribute("action")
        .unwrap_or_else(|| default.to_owned())
}

fn invalidate(element: &Element) -> Option<Invalidate> {
    let uri = element.attribute("uri").unwrap_or_default();
    match &*element.name {
        "invalidate-object" => Some(Invalidate::Object(uri)),
        "invalidate-service" => Some(Invalidate::Service(uri)),
        _ => None,
    }
}
