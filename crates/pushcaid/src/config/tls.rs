//! Files that TLS needs.

use std::path::Path;

use super::secret;
use super::wiring::{Wrong, wrong};

/// Whether the files that a section names belong together, and can be read.
pub(super) fn check_files(
    section: &'static str,
    ca: Option<&Path>,
    certificate: Option<&Path>,
    key: Option<&Path>,
) -> Result<(), Wrong> {
    let at = |key| wrong(section, key);
    if certificate.is_some() && key.is_none() {
        return Err(at("certificate_file")(
            &"a certificate needs key_file, its key",
        ));
    }
    if key.is_some() && certificate.is_none() {
        return Err(at("key_file")(
            &"a key needs certificate_file, its certificate",
        ));
    }
    for (name, path) in [("ca_file", ca), ("certificate_file", certificate)] {
        let opened = path.map(secret::open).transpose();
        opened.map_err(|message| at(name)(&message))?;
    }
    let opened = key.map(secret::open_closed).transpose();
    opened.map_err(|message| at("key_file")(&message))?;
    Ok(())
}
