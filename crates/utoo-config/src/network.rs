//! How to reach registries: proxies, trust, retries, time-outs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::error::ConfigError;
use crate::secret::Secret;
use crate::sources::Sources;
use crate::trust::{TrustedHosts, refuse_variables};

/// Everything about the network that is not about one registry.
#[derive(Clone, Debug)]
pub struct Network {
    /// Whether the cache is asked before, after or instead of the network.
    pub cache_mode: CacheMode,
    /// `https-proxy`: for every request, before `proxy`.
    https_proxy: ProxyChoice,
    /// `proxy`: for every request.
    proxy: ProxyChoice,
    /// `HTTPS_PROXY` or `https_proxy`.
    env_https_proxy: Option<Url>,
    /// `HTTP_PROXY` or `http_proxy`.
    env_http_proxy: Option<Url>,
    /// `noproxy`, or `NO_PROXY`: host names, whose subdomains are meant too; `*` is every host.
    pub no_proxy: Vec<String>,
    /// `ca`: certificates in PEM that are trusted **instead of** the system's.
    pub ca: Vec<String>,
    /// `cafile`: a file of such certificates.
    pub cafile: Option<PathBuf>,
    /// `NODE_EXTRA_CA_CERTS`: a file of certificates that are trusted besides.
    pub node_extra_ca_certs: Option<PathBuf>,
    /// `SSL_CERT_FILE`: the file of the system's certificates.
    pub ssl_cert_file: Option<PathBuf>,
    /// `SSL_CERT_DIR`: the folder of the system's certificates.
    pub ssl_cert_dir: Option<PathBuf>,
    /// `strict-ssl`: whether a server's certificate must be valid.
    pub strict_ssl: bool,
    /// `cert`: a client certificate in PEM for every registry.
    pub cert: Option<Secret>,
    /// `key`: its private key in PEM.
    pub key: Option<Secret>,
    /// How often and how soon to try again.
    pub retries: Retries,
    /// `fetch-timeout`: how long a request may go without progress; zero means for ever.
    pub fetch_timeout: Duration,
    /// `maxsockets`: connections to one registry at once, at least 1. `None` where nobody said.
    pub maxsockets: Option<u32>,
    /// `local-address`: the address that connections start from.
    pub local_address: Option<String>,
    /// `user-agent`, filled in.
    pub user_agent: String,
}

/// A proxy key as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ProxyChoice {
    Unset,
    None,
    Use(Url),
}

/// Which of cache and network answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheMode {
    /// The cache while it is fresh, else the network.
    Default,
    /// `prefer-offline`: the cache however old, else the network.
    PreferOffline,
    /// `prefer-online`: the cache only after the network confirmed it.
    PreferOnline,
    /// `offline`: the cache, never the network.
    Offline,
}

/// Exponential backoff: the n-th retry waits `mintimeout * factor^n`, at most `maxtimeout`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retries {
    /// `fetch-retries`: tries after the first.
    pub count: u32,
    /// `fetch-retry-factor`
    pub factor: f64,
    /// `fetch-retry-mintimeout`
    pub mintimeout: Duration,
    /// `fetch-retry-maxtimeout`
    pub maxtimeout: Duration,
}

impl Network {
    pub(crate) fn read(
        sources: &Sources,
        trusted: &TrustedHosts,
        env: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            cache_mode: cache_mode(sources)?,
            https_proxy: proxy_choice(sources, trusted, "https-proxy")?,
            proxy: proxy_choice(sources, trusted, "proxy")?,
            env_https_proxy: env_proxy(env, "https_proxy"),
            env_http_proxy: env_proxy(env, "http_proxy"),
            no_proxy: no_proxy(sources, env),
            ca: certificates(sources),
            cafile: sources.path("cafile"),
            node_extra_ca_certs: env_path(env, "NODE_EXTRA_CA_CERTS"),
            ssl_cert_file: env_path(env, "SSL_CERT_FILE"),
            ssl_cert_dir: env_path(env, "SSL_CERT_DIR"),
            strict_ssl: sources.boolean("strict-ssl", true)?,
            cert: pem(sources, "cert"),
            key: pem(sources, "key"),
            retries: retries(sources)?,
            fetch_timeout: milliseconds(sources, "fetch-timeout", 300_000)?,
            maxsockets: Some(sources.count("maxsockets", 0)?).filter(|count| *count > 0),
            local_address: sources.text("local-address").filter(|address| !address.is_empty()),
            user_agent: user_agent(sources, env)?,
        })
    }

    /// The proxy for a URL, or none: `https-proxy`, then `proxy`, then the environment's for the URL's scheme, unless
    /// `noproxy` names the host.
    #[must_use]
    pub fn proxy_for(&self, url: &Url) -> Option<&Url> {
        if self.bypasses_proxy(url) {
            return None;
        }
        for choice in [&self.https_proxy, &self.proxy] {
            match choice {
                ProxyChoice::Use(proxy) => return Some(proxy),
                ProxyChoice::None => return None,
                ProxyChoice::Unset => {}
            }
        }
        match url.scheme() {
            "https" => self.env_https_proxy.as_ref().or(self.env_http_proxy.as_ref()),
            _ => self.env_http_proxy.as_ref(),
        }
    }

    fn bypasses_proxy(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return true };
        self.no_proxy.iter().any(|pattern| {
            let (name, port) = match pattern.rsplit_once(':') {
                Some((name, port)) if !name.contains(':') && port.parse::<u16>().is_ok() => {
                    (name, port.parse::<u16>().ok())
                }
                _ => (pattern.as_str(), None),
            };
            let name = name.trim_start_matches('*').trim_start_matches('.');
            let same_port = port.is_none() || port == url.port_or_known_default();
            same_port && (name.is_empty() || is_same_or_subdomain(host, name))
        })
    }
}

fn is_same_or_subdomain(host: &str, name: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.len().checked_sub(name.len()) {
        Some(0) => host.eq_ignore_ascii_case(name),
        Some(before) => {
            host.as_bytes()[before - 1] == b'.'
                && host.as_bytes()[before..].eq_ignore_ascii_case(name.as_bytes())
        }
        None => false,
    }
}

fn cache_mode(sources: &Sources) -> Result<CacheMode, ConfigError> {
    Ok(if sources.boolean("offline", false)? {
        CacheMode::Offline
    } else if sources.boolean("prefer-online", false)? {
        CacheMode::PreferOnline
    } else if sources.boolean("prefer-offline", false)? {
        CacheMode::PreferOffline
    } else {
        CacheMode::Default
    })
}

fn proxy_choice(sources: &Sources, trusted: &TrustedHosts, key: &str) -> Result<ProxyChoice, ConfigError> {
    Ok(match (sources.proxy(key)?, sources.find(key)) {
        (Some(Some(url)), Some(found)) => {
            trusted.check_url(key, found, &url)?;
            ProxyChoice::Use(url)
        }
        (Some(None), _) => ProxyChoice::None,
        _ => ProxyChoice::Unset,
    })
}

/// Lower case first, as curl and npm look. A value that is no URL is ignored: it is not ours to refuse.
fn env_proxy(env: &BTreeMap<String, String>, name: &str) -> Option<Url> {
    env_either(env, name).and_then(crate::value::proxy_url)
}

fn env_either<'a>(env: &'a BTreeMap<String, String>, lower: &str) -> Option<&'a str> {
    [lower.to_owned(), lower.to_ascii_uppercase()]
        .iter()
        .find_map(|name| env.get(name))
        .map(String::as_str)
        .filter(|text| !text.is_empty())
}

fn env_path(env: &BTreeMap<String, String>, name: &str) -> Option<PathBuf> {
    env.get(name).filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn no_proxy(sources: &Sources, env: &BTreeMap<String, String>) -> Vec<String> {
    if sources.find("noproxy").is_some() {
        return sources.list("noproxy");
    }
    let text = env_either(env, "no_proxy").unwrap_or_default();
    text.split([',', ' ']).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// `ca` holds PEM with its line breaks written as `\n`; it is a list whose elements may hold commas.
fn certificates(sources: &Sources) -> Vec<String> {
    let values = sources.find("ca").map_or(&[][..], |found| &found.setting.values);
    let given = values.iter().filter(|text| !matches!(text.as_str(), "" | "null"));
    given.map(|text| text.replace("\\n", "\n")).collect()
}

fn pem(sources: &Sources, key: &str) -> Option<Secret> {
    sources.text(key).filter(|text| !text.is_empty()).map(|text| Secret::new(text.replace("\\n", "\n")))
}

fn retries(sources: &Sources) -> Result<Retries, ConfigError> {
    Ok(Retries {
        count: sources.count("fetch-retries", 2)?,
        factor: sources.number("fetch-retry-factor")?.unwrap_or(10.0),
        mintimeout: milliseconds(sources, "fetch-retry-mintimeout", 10_000)?,
        maxtimeout: milliseconds(sources, "fetch-retry-maxtimeout", 60_000)?,
    })
}

/// Longer than a year counts as a year, so that no arithmetic on it overflows.
fn milliseconds(sources: &Sources, key: &str, default: u32) -> Result<Duration, ConfigError> {
    const YEAR: f64 = 365.0 * 86_400_000.0;
    let value = sources.number(key)?.unwrap_or(f64::from(default)).min(YEAR);
    Ok(Duration::from_secs_f64(value / 1000.0))
}

const DEFAULT_USER_AGENT: &str = "utoo/{utoo-version} {platform} {arch} workspaces/{workspaces} {ci}";

fn user_agent(sources: &Sources, env: &BTreeMap<String, String>) -> Result<String, ConfigError> {
    if let Some(found) = sources.find("user-agent") {
        refuse_variables("user-agent", found)?;
    }
    let workspaces = !sources.list("workspace").is_empty() || sources.boolean("workspaces", false)?;
    let ci = if env.get("CI").is_some_and(|value| !matches!(value.as_str(), "" | "false")) {
        "ci/true"
    } else {
        ""
    };
    let template = sources.text_or("user-agent", DEFAULT_USER_AGENT);
    let filled = template
        .replace("{utoo-version}", env!("CARGO_PKG_VERSION"))
        .replace("npm/{npm-version}", concat!("utoo/", env!("CARGO_PKG_VERSION")))
        .replace("{node-version}", "?")
        .replace("{platform}", platform())
        .replace("{arch}", architecture())
        .replace("{workspaces}", if workspaces { "true" } else { "false" })
        .replace("{ci}", ci);
    // A header's value: visible ASCII and spaces.
    Ok(filled.chars().filter(|c| matches!(c, ' '..='~')).collect::<String>().trim().to_owned())
}

/// node's name of the operating system.
fn platform() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    }
}

/// node's name of the processor.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        "x86" => "ia32",
        other => other,
    }
}
