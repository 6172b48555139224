//! Program text that only the start needed.

use std::ffi::c_void;
use std::fs;
use std::io;
use std::ops::Range;
use std::ptr::with_exposed_provenance_mut;

use rustix::mm::{Advice, madvise};

/// Lets go of the program text that is mapped. What is run from here on comes back from the page cache as it is wanted; what
/// read the configuration, opened the store and the like does not, and the kernel counts it as ours no longer.
///
/// # Errors
/// The mappings cannot be listed, or the kernel refuses; nothing is lost then but the memory.
pub(crate) fn let_go() -> io::Result<()> {
    let mappings = fs::read_to_string("/proc/self/maps")?;
    for range in mappings.lines().filter_map(text) {
        let start: *mut c_void = with_exposed_provenance_mut(range.start);
        #[expect(unsafe_code, reason = "the kernel takes advice on addresses alone")]
        // SAFETY: the range is a private mapping of a file that can be read and run but not written, so each of its pages is as
        // the file has it, and is read from there again when it is touched.
        unsafe {
            madvise(start, range.len(), Advice::LinuxDontNeed)?;
        }
    }
    Ok(())
}

/// The addresses of a line of `/proc/PID/maps` that is text of a file.
fn text(mapping: &str) -> Option<Range<usize>> {
    let mut fields = mapping.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let is_text = fields.next()? == "r-xp";
    let inode = fields.nth(2)?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    (is_text && inode != "0").then_some(address(start)?..address(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_files_alone_is_let_go() {
        assert_eq!(
            text("1000-3000 r-xp 00001000 fe:01 1234   /usr/bin/pushcaid"),
            Some(0x1000..0x3000)
        );
        for other in [
            "1000-3000 r--p 00001000 fe:01 1234   /usr/bin/pushcaid",
            "1000-3000 rwxp 00001000 fe:01 1234   /usr/bin/pushcaid",
            "1000-3000 r-xp 00000000 00:00 0      [vdso]",
            "1000-3000 rw-p 00000000 00:00 0",
            "",
        ] {
            assert_eq!(text(other), None, "{other}");
        }
    }

    #[test]
    fn the_program_goes_on_without_it() {
        for _ in 0..3 {
            let_go().unwrap();
        }
        assert_eq!(format!("{:?}", [1, 2, 3]), "[1, 2, 3]");
    }
}
