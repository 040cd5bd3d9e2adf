//! libFuzzer around one of utoo's targets, which `UTOO_FUZZ_TARGET` names.

#![no_main]

use std::sync::LazyLock;

static TARGET: LazyLock<&utoo_fuzz::Target> = LazyLock::new(|| {
    let name = std::env::var("UTOO_FUZZ_TARGET").unwrap_or_default();
    utoo_fuzz::find(&name).unwrap_or_else(|| panic!("UTOO_FUZZ_TARGET={name} names no target"))
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
