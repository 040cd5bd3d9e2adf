//! What a [`UnifiedRegistry`](crate::UnifiedRegistry) is told when it is made; nothing of it changes afterwards.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use utoo_config::{CacheMode, Config};

use crate::http::RetryPolicy;

/// Requests in flight where `maxsockets` says nothing. npm's 15 leave a fast registry waiting; 64 saturate one core on
/// loopback, and leave a line of 1 Gbit/s idle that is 20 ms long: with 128 a cold install takes 0.70 of the time there.
const CONNECTIONS: usize = 128;

/// Configuration of a [`UnifiedRegistry`](crate::UnifiedRegistry).
#[derive(Clone, Debug)]
pub struct RegistryOptions {
    /// Registries, credentials, proxies and trust.
    pub config: Config,
    /// Where the manifest store is; `None` keeps nothing and finds nothing.
    pub cache_dir: Option<PathBuf>,
    /// Which of store and registry answers.
    pub cache_mode: CacheMode,
    /// Which form of packuments is asked for.
    pub form: DocumentForm,
    /// What registries can be asked for, unless `//host/path/:registry-documents` says it for one of them.
    pub documents: DocumentsChoice,
    /// When failed requests are repeated.
    pub retry: RetryPolicy,
    /// How long anything may take.
    pub timeouts: Timeouts,
    /// How large anything may be.
    pub limits: Limits,
    /// Requests in flight at once, at least 1. Tarballs take at most three quarters of them, so that the manifests
    /// on which a resolve waits never queue behind downloads.
    pub connections: usize,
    /// Protocols that git may use: `https`, `http`, `ssh` and `git`, in git's own words. `file` is not among them
    /// unless a caller adds it, since a dependency could name any folder of this machine.
    pub git_protocols: Vec<String>,
    /// What time it is, for the freshness of stored documents.
    pub clock: Clock,
}

/// The two forms of a packument that a registry serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentForm {
    /// What an install needs (`application/vnd.npm.install-v1+json`): many times smaller.
    Abbreviated,
    /// Everything, with `time` (which `before` and
    /// `min-release-age` need) and `license`.
    Full,
}

/// Whether registries are asked for packuments or for single versions: the key `registry-documents`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentsChoice {
    /// `full` (the default): packuments.
    Full,
    /// `version`: `GET /name/range-or-tag`, as npmmirror and its like answer it.
    Version,
    /// `auto`: packuments, unless
    /// [`UnifiedRegistry::probe_documents`](crate::UnifiedRegistry::probe_documents) has found that the default
    /// registry answers ranges.
    Probe,
}

impl DocumentsChoice {
    /// Reads the key's value; what is none of the three words counts as not said.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "full" => Some(Self::Full),
            "version" => Some(Self::Version),
            "auto" => Some(Self::Probe),
            _ => None,
        }
    }
}

/// How long a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect, with the TLS handshake.
    pub connect: Duration,
    /// Without a byte: until the response begins, and between two parts of it. `fetch-timeout`.
    pub stall: Duration,
    /// For a whole document.
    pub document: Duration,
    /// For a whole tarball.
    pub tarball: Duration,
    /// For one call of git.
    pub git: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            document: Duration::from_secs(10 * 60),
            tarball: Duration::from_secs(60 * 60),
            git: Duration::from_secs(10 * 60),
        }
    }
}

/// How large a response may be, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A document, on the wire and inflated. The largest of npm's are about 100 MB in full form.
    pub document: u64,
    /// A tarball on the wire.
    pub tarball: u64,
    /// A tarball inflated, at least; twenty times its size on the wire is allowed if that is more.
    pub inflated: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { document: 512 << 20, tarball: 2 << 30, inflated: 512 << 20 }
    }
}

/// What time it is. Tests move it; nothing else should.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// The system's.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(SystemTime::now))
    }

    /// One that asks this function.
    #[must_use]
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.0)()
    }

    /// Milliseconds since 1970; 0 before it.
    pub(crate) fn millis(&self) -> u64 {
        let since = self.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

impl RegistryOptions {
    /// What a loaded configuration says.
    ///
    /// Retries and time-outs that no layer sets are this crate's own, not npm's: npm waits ten seconds before its
    /// first retry and five minutes for a silent registry.
    #[must_use]
    pub fn from_config(config: &Config) -> Self {
        let network = config.network();
        let is_set = |key: &str| config.get_raw(key).is_some();
        let resolve = config.resolve();
        // Both pick by date, and only full documents carry dates.
        let by_date = resolve.before.is_some() || resolve.min_release_age.is_some();
        let documents = config.get_raw("registry-documents");
        Self {
            cache_dir: Some(config.cache_dir().to_owned()),
            cache_mode: network.cache_mode,
            form: if by_date { DocumentForm::Full } else { DocumentForm::Abbreviated },
            documents: documents
                .and_then(|raw| DocumentsChoice::parse(raw.values.last()?))
                .unwrap_or(DocumentsChoice::Full),
            retry: retry_policy(config, is_set),
            timeouts: timeouts(config, is_set),
            limits: Limits::default(),
            connections: network
                .maxsockets
                .and_then(|count| usize::try_from(count).ok())
                .map_or(CONNECTIONS, |count| count.max(1)),
            git_protocols: ["https", "http", "ssh", "git"].map(str::to_owned).to_vec(),
            clock: Clock::system(),
            config: config.clone(),
        }
    }
}

fn retry_policy(config: &Config, is_set: impl Fn(&str) -> bool) -> RetryPolicy {
    let set = &config.network().retries;
    let mut policy = RetryPolicy::default();
    if is_set("fetch-retries") {
        policy.retries = set.count;
    }
    if is_set("fetch-retry-factor") {
        policy.factor = set.factor;
    }
    if is_set("fetch-retry-mintimeout") {
        policy.min_wait = set.mintimeout;
    }
    if is_set("fetch-retry-maxtimeout") {
        policy.max_wait = set.maxtimeout;
    }
    policy
}

/// A `fetch-timeout` of zero means for ever to npm; here the bound on the whole still holds.
fn timeouts(config: &Config, is_set: impl Fn(&str) -> bool) -> Timeouts {
    let mut timeouts = Timeouts::default();
    if is_set("fetch-timeout") {
        let asked = config.network().fetch_timeout;
        timeouts.stall = if asked.is_zero() { timeouts.tarball } else { asked };
        timeouts.connect = timeouts.connect.min(timeouts.stall);
        timeouts.document = timeouts.document.max(timeouts.stall);
        timeouts.tarball = timeouts.tarball.max(timeouts.stall);
    }
    timeouts
}
