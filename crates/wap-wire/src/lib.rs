//! Octets and values of the WAP protocols: WSP for push terminals, OMNA assigned numbers.

#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;
