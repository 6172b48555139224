//! Files in memory that hold one content for good.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

/// A file without a name that holds this content, to be read from its beginning: nobody can change it any more, and nobody has to
/// write it while it is read.
///
/// # Errors
/// The kernel gives no file in memory.
pub fn sealed_file(content: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 do not know the flag; later ones may insist on it.
    let file = memfd_create("push-event", flags | MemfdFlags::NOEXEC_SEAL)
        .or_else(|_| memfd_create("push-event", flags))?;
    let mut file = File::from(file);
    file.write_all(content)?;
    file.rewind()?;
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}
