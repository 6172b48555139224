//! How a section of the configuration is written down: once, for the parser, its defaults and its documentation.

/// A section: a table of the configuration, or its top level.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Section {
    /// The table's name; empty for the top level.
    pub(crate) name: &'static str,
    /// What it is about.
    pub(crate) documentation: &'static [&'static str],
    /// Its keys, in the order in which they are documented.
    pub(crate) keys: &'static [Key],
    /// Where it is a table within another: whether there is one of it, rather than a list.
    pub(crate) once: bool,
}

impl Section {
    /// Whether it is a list of tables: `[[ota_http.ppg]]`.
    pub(crate) fn is_list(&self) -> bool {
        self.is_within() && !self.once
    }

    /// Whether it stands within another section.
    pub(crate) fn is_within(&self) -> bool {
        self.name.contains('.')
    }

    /// As it is written in a document; the top has no title.
    pub(crate) fn title(&self) -> String {
        if self.is_list() {
            format!("[[{}]]", self.name)
        } else {
            format!("[{}]", self.name)
        }
    }
}

/// A key of a section.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// The key.
    pub(crate) name: &'static str,
    /// What it sets, its unit and range.
    pub(crate) documentation: &'static [&'static str],
}

/// In a definition, behind the name: there is one table of it.
pub(crate) const ONCE: bool = true;

/// A section as a struct: its fields are the keys, their comments the documentation.
macro_rules! section {
    (
        $(#[doc = $section_doc:literal])+
        $name:ident, $table:literal $(, $once:ident)? {
            $( $(#[doc = $doc:literal])+ $key:ident : $type:ty = $default:expr, )*
        }
    ) => {
        $(#[doc = $section_doc])+
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $( $(#[doc = $doc])+ pub $key: $type, )* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }

        impl $name {
            pub(crate) const SECTION: crate::config::section::Section = crate::config::section::Section {
                name: $table,
                documentation: &[$($section_doc),+],
                keys: &[$(crate::config::section::Key {
                    name: stringify!($key),
                    documentation: &[$($doc),+],
                },)*],
                once: false $(|| crate::config::section::$once)?,
            };
        }
    };
}

pub(crate) use section;
