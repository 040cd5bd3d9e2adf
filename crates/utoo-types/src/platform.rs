//! Which packages may be installed on which machine: `os`, `cpu`, `libc` and `engines`.
//!
//! The rules are those of npm's install checks, learnt by asking them; see the tests.

use smallvec::SmallVec;

use crate::{Range, Version};

/// The machine that packages are installed for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Platform {
    /// node's `process.platform`: `linux`, `darwin`, `win32`, …
    pub os: String,
    /// node's `process.arch`: `x64`, `arm64`, …
    pub cpu: String,
    /// `glibc` or `musl` on Linux, else `None`.
    pub libc: Option<String>,
}

/// What packages are held to. npm's `--os`, `--cpu` and `--libc` choose among optional packages; a plain dependency has to
/// run on the machine itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platforms {
    /// The machine itself.
    pub machine: Platform,
    /// What optional packages are chosen for.
    pub chosen: Platform,
}

impl Platforms {
    /// Both are this one.
    pub fn both(platform: Platform) -> Self {
        Self { machine: platform.clone(), chosen: platform }
    }

    /// The one that counts for a package.
    pub fn of(&self, optional: bool) -> &Platform {
        if optional { &self.chosen } else { &self.machine }
    }
}

/// A package that is not made for this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Unsupported platform: wanted {wanted} (current: {current})")]
pub struct PlatformMismatch {
    /// What the package asks for, as JSON.
    pub wanted: String,
    /// What the machine is, as JSON.
    pub current: String,
}

impl PlatformMismatch {
    /// npm's code for it.
    pub fn code(&self) -> &'static str {
        "EBADPLATFORM"
    }
}

impl Platform {
    /// The machine that this program was built for, in node's words.
    ///
    /// `libc` is what the program itself is linked to; whoever installs for another node (a static musl
    /// build of this program on a glibc system) sets the field, see [`libc_of_ldd`].
    pub fn current() -> Self {
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            "windows" => "win32",
            "solaris" | "illumos" => "sunos",
            other => other,
        };
        let cpu = match std::env::consts::ARCH {
            "x86_64" => "x64",
            "x86" => "ia32",
            "aarch64" => "arm64",
            "powerpc64" => "ppc64",
            "powerpc" => "ppc",
            "loongarch64" => "loong64",
            "mips" if cfg!(target_endian = "little") => "mipsel",
            other => other,
        };
        let libc = match () {
            () if !cfg!(target_os = "linux") => None,
            () if cfg!(target_env = "musl") => Some("musl"),
            () if cfg!(target_env = "gnu") => Some("glibc"),
            () => None,
        };
        Self { os: os.into(), cpu: cpu.into(), libc: libc.map(Into::into) }
    }

    /// Whether a package with these lists may be installed here. An empty list allows everything.
    ///
    /// # Errors
    /// [`PlatformMismatch`] when it may not.
    pub fn check(&self, wanted: &PlatformLists<'_>) -> Result<(), PlatformMismatch> {
        let libc_fits = match (&self.libc, &wanted.libc) {
            (_, None) => true,
            // A package that names a libc at all is not for a system that has none.
            (None, Some(_)) => false,
            (Some(libc), Some(list)) => list_allows(libc, list),
        };
        let fits = wanted.os.as_ref().is_none_or(|list| list_allows(&self.os, list))
            && wanted.cpu.as_ref().is_none_or(|list| list_allows(&self.cpu, list))
            && libc_fits;
        if fits { Ok(()) } else { Err(self.mismatch(wanted)) }
    }

    fn mismatch(&self, wanted: &PlatformLists<'_>) -> PlatformMismatch {
        let mut asked = serde_json::Map::new();
        for (key, list) in [("os", &wanted.os), ("cpu", &wanted.cpu), ("libc", &wanted.libc)] {
            if let Some(list) = list {
                asked.insert(key.into(), list.iter().copied().collect());
            }
        }
        let mut current = serde_json::Map::new();
        current.insert("os".into(), self.os.as_str().into());
        current.insert("cpu".into(), self.cpu.as_str().into());
        if let Some(libc) = &self.libc {
            current.insert("libc".into(), libc.as_str().into());
        }
        PlatformMismatch {
            wanted: serde_json::Value::Object(asked).to_string(),
            current: serde_json::Value::Object(current).to_string(),
        }
    }
}

/// The platform lists of one package. `None` is an absent list, which differs from an empty one only for
/// `libc`: npm refuses a package with `"libc": []` where the system has no libc.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlatformLists<'a> {
    /// Entries of `os`; a string counts as a list of one.
    pub os: Option<PlatformList<'a>>,
    /// Entries of `cpu`.
    pub cpu: Option<PlatformList<'a>>,
    /// Entries of `libc`.
    pub libc: Option<PlatformList<'a>>,
}

/// The entries of one list: `linux`, `!win32`, `any`.
pub type PlatformList<'a> = SmallVec<[&'a str; 4]>;

/// npm's list rule: `["any"]` allows all; a negation that names the value forbids; otherwise the value must
/// be named, unless the list holds nothing but negations.
fn list_allows(value: &str, list: &[&str]) -> bool {
    if let [only] = list
        && *only == "any"
    {
        return true;
    }
    let mut named = false;
    let mut positives = 0_usize;
    for entry in list {
        match entry.strip_prefix('!') {
            Some(forbidden) if forbidden == value => return false,
            Some(_) => {}
            None => {
                positives += 1;
                named |= *entry == value;
            }
        }
    }
    named || positives == 0
}

/// What the text of `/usr/bin/ldd` says about the system's C library, as npm reads it: the one text that
/// tells glibc from musl without running anything.
pub fn libc_of_ldd(text: &str) -> Option<&'static str> {
    if text.contains("musl") {
        Some("musl")
    } else if text.contains("GNU C Library") {
        Some("glibc")
    } else {
        None
    }
}

/// What decides `engines`: the versions that packages will run under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Engines {
    /// node's version; `None` checks nothing (npm with `--force`).
    pub node: Option<Version>,
    /// npm's version; `None` checks nothing.
    pub npm: Option<Version>,
}

/// A package that asks for another node or npm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Unsupported engine: {engine} {wanted} required (current: {current})")]
pub struct EngineMismatch {
    /// `node` or `npm`.
    pub engine: &'static str,
    /// The range that the package asks for.
    pub wanted: String,
    /// The version there is.
    pub current: Version,
}

impl EngineMismatch {
    /// npm's code for it.
    pub fn code(&self) -> &'static str {
        "EBADENGINE"
    }
}

impl Engines {
    /// [`Engines::check`] for `engines` as a document has it.
    ///
    /// # Errors
    /// As [`Engines::check`].
    pub fn check_value(&self, engines: Option<&serde_json::Value>) -> Result<(), EngineMismatch> {
        let text = |name: &str| crate::manifest::engine_text(engines?.get(name)?);
        self.check(text("node"), text("npm"))
    }

    /// Checks the `node` and `npm` ranges of a package's `engines`.
    ///
    /// A prerelease of node counts as within a range that its number lies in; a text that is no range fits
    /// nothing; an empty text asks for nothing.
    ///
    /// # Errors
    /// [`EngineMismatch`] for the first engine that does not fit.
    pub fn check(&self, node: Option<&str>, npm: Option<&str>) -> Result<(), EngineMismatch> {
        for (engine, current, wanted) in [("node", &self.node, node), ("npm", &self.npm, npm)] {
            let (Some(current), Some(wanted)) = (current, wanted) else { continue };
            if !engine_fits(current, wanted) {
                return Err(EngineMismatch { engine, wanted: wanted.into(), current: current.clone() });
            }
        }
        Ok(())
    }
}

pub(crate) fn engine_fits(current: &Version, wanted: &str) -> bool {
    wanted.is_empty()
        || usual_engine_fits(current, wanted).unwrap_or_else(|| {
            Range::parse_strict(wanted).is_ok_and(|range| range.satisfies_including_prerelease(current))
        })
}

/// The answer for the shapes that nearly all engines have, `>=18`, `^18.12.0 || >=20`, without parsing a range:
/// every pick checks at least one of them. `None` for any other shape, and for a prerelease of node.
fn usual_engine_fits(current: &Version, wanted: &str) -> Option<bool> {
    if current.is_prerelease() {
        return None;
    }
    let current = current.tuple();
    let mut fits = false;
    for alternative in wanted.split("||") {
        let alternative = alternative.trim_matches(' ');
        fits |= if let Some(least) = alternative.strip_prefix(">=") {
            current >= numbers(least.trim_start_matches(' '))?
        } else {
            let least = numbers(alternative.strip_prefix('^')?)?;
            // Below 1.0.0 the caret means something else.
            if least[0] == 0 {
                return None;
            }
            current[0] == least[0] && current >= least
        };
    }
    Some(fits)
}

/// `1`, `1.2` or `1.2.3`, what is left out being zero.
fn numbers(text: &str) -> Option<[u64; 3]> {
    let mut numbers = [0; 3];
    let mut parts = text.split('.');
    for (index, part) in parts.by_ref().take(3).enumerate() {
        let plain = (1..=9).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        if !plain || (part.len() > 1 && part.starts_with('0')) {
            return None;
        }
        numbers[index] = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
#[path = "platform_tests.rs"]
mod tests;
