//! Provisioning documents (WAP-183), their secrets masked.

use serde::Serialize;

use crate::element::Element;

/// What stands in the place of a secret.
pub const MASKED: &str = "(masked)";

/// What the names of parameters with secrets contain: AUTHSECRET, AAUTHSECRET, PXAUTH-PW, BASAUTH-PW, AAUTHDATA, and what vendors add.
const SECRETS: [&str; 7] = ["SECRET", "-PW", "PASS", "AUTHDATA", "PIN", "KEY", "TOKEN"];

/// A provisioning document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Provisioning {
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its characteristics.
    pub characteristics: Vec<Characteristic>,
}

/// A characteristic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Characteristic {
    /// Its type: NAPDEF, PXLOGICAL and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// Names and values of its parameters, in order; secrets are [`MASKED`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parms: Vec<(String, String)>,
    /// The characteristics in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub characteristics: Vec<Self>,
}

impl Provisioning {
    pub(crate) fn of(root: &Element) -> Self {
        Self {
            version: root.attribute("version"),
            characteristics: characteristics(root),
        }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        each_line(&self.characteristics, 1, &mut lines);
        lines
    }
}

fn characteristics(element: &Element) -> Vec<Characteristic> {
    let inner = element.named("characteristic");
    inner
        .map(|element| Characteristic {
            kind: element.attribute("type").unwrap_or_default(),
            parms: element.named("parm").map(parm).collect(),
            characteristics: characteristics(element),
        })
        .collect()
}

fn parm(element: &Element) -> (String, String) {
    let name = element.attribute("name").unwrap_or_default();
    let value = element.attribute("value").unwrap_or_default();
    // A parameter that has two names is as secret as either; one whose name is a number that is not known may be anything.
    let mut names = element.attributes.iter().filter(|(of, _)| of != "value");
    if names.any(|(of, name)| is_secret(of, name)) {
        return (name, MASKED.to_owned());
    }
    (name, value)
}

fn is_secret(attribute: &str, name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    attribute != "name" || SECRETS.iter().any(|secret| name.contains(secret))
}

/// Recursion is as deep as documents may be.
fn each_line(all: &[Characteristic], depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    for one in all {
        lines.push(format!("{indent}{}", one.kind));
        let parms = one.parms.iter();
        lines.extend(parms.map(|(name, value)| format!("{indent}  {name}: {value}")));
        each_line(&one.characteristics, depth.saturating_add(1), lines);
    }
}
