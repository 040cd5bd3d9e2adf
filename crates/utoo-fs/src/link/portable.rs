//! Hardlink and copy, where there are no directory descriptors.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::{Attempt, LinkMethod};

pub(super) fn attempt(source: &Path, target: &Path, method: LinkMethod) -> io::Result<Attempt> {
    match method {
        LinkMethod::Reflink => Ok(Attempt::NotBetweenThese),
        LinkMethod::Hardlink => hardlink(source, target),
        LinkMethod::Copy => copy(source, target),
    }
}

fn hardlink(source: &Path, target: &Path) -> io::Result<Attempt> {
    match fs::hard_link(source, target) {
        Ok(()) => Ok(Attempt::Done),
        Err(error) => match error.kind() {
            ErrorKind::CrossesDevices | ErrorKind::Unsupported => Ok(Attempt::NotBetweenThese),
            ErrorKind::TooManyLinks | ErrorKind::PermissionDenied => Ok(Attempt::NotForThis),
            _ => Err(error),
        },
    }
}

fn copy(source: &Path, target: &Path) -> io::Result<Attempt> {
    let mut from = fs::File::open(source)?;
    let mut to = fs::File::create_new(target)?;
    match io::copy(&mut from, &mut to) {
        Ok(_) => Ok(Attempt::Done),
        Err(error) => {
            let _ = fs::remove_file(target);
            Err(error)
        }
    }
}
