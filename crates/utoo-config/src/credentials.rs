//! Credentials by registry path, and which of them a URL gets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::{Position, Url};

use crate::error::{ConfigError, Origin, Warning};
use crate::layers::{Layer, LayerData, Setting};
use crate::routes::Exposure;
use crate::secret::Secret;
use crate::sources::{Found, Sources};
use crate::trust::TrustedHosts;
use crate::value;

/// What to send to a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// For the `authorization` header.
    pub authorization: Option<Authorization>,
    /// For the TLS handshake.
    pub client_certificate: Option<ClientCertificate>,
}

/// The `authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// `Bearer <token>`
    Bearer(Secret),
    /// `Basic <base64 of user:password>`
    Basic(Secret),
}

impl Authorization {
    /// The header's whole value.
    #[must_use]
    pub fn header_value(&self) -> Secret {
        Secret::new(match self {
            Self::Bearer(token) => format!("Bearer {}", token.expose()),
            Self::Basic(encoded) => format!("Basic {}", encoded.expose()),
        })
    }
}

/// Files of a client certificate and its key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, with its chain.
    pub certfile: PathBuf,
    /// Its private key.
    pub keyfile: PathBuf,
}

/// A credential that is not sent, since a project's file would have it go where its owner may not want it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithheldCredentials {
    /// Where it stands; or the line of the project's file that is the reason.
    pub origin: Origin,
    /// The key, such as `//registry.example/:_authToken`; or the path that it would have been for.
    pub key: String,
    /// Why it is not sent.
    pub reason: WithheldReason,
}

/// Why a credential is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WithheldReason {
    /// The project's file would send this environment variable to a host that only that file names.
    Variable(String),
    /// The project's file says, by this key, whom to take for the registry.
    Certificates(&'static str),
    /// Unencrypted, through a proxy that the project's file names by this key.
    Proxy(&'static str),
    /// Unencrypted, to a host that is known to be asked encrypted.
    Unencrypted,
}

impl WithheldCredentials {
    /// One sentence for a warning or a hint.
    #[must_use]
    pub fn message(&self) -> String {
        let key = &self.key;
        match &self.reason {
            WithheldReason::Variable(variable) => format!(
                "{key} is not used: it would send ${{{variable}}} to a host that only this project names; \
                 name the registry in your own ~/.npmrc or environment, or list its host there in trusted-registries"
            ),
            WithheldReason::Certificates(setting) => format!(
                "your credentials for {key} are not sent: by {setting} this project says whom to take for that host; \
                 put {setting} into your own ~/.npmrc if you mean it"
            ),
            WithheldReason::Proxy(setting) => format!(
                "your credentials for {key} are not sent: they would go unencrypted through the {setting} of this \
                 project; put {setting} into your own ~/.npmrc if you mean it"
            ),
            WithheldReason::Unencrypted => format!(
                "your credentials for {key} are not sent: they would go unencrypted to a host that is otherwise asked by \
                 https; name it by http:// in your own ~/.npmrc if you mean it"
            ),
        }
    }

    /// Because of what would happen on the way to a URL.
    pub(crate) fn on_the_way(url: &Url, exposure: Exposure<'_>) -> Self {
        let (origin, reason) = match exposure {
            Exposure::Certificates(line) => (line.origin.clone(), WithheldReason::Certificates(line.key)),
            Exposure::Proxy(line) => (line.origin.clone(), WithheldReason::Proxy(line.key)),
            Exposure::Unencrypted => (Origin::Default, WithheldReason::Unencrypted),
        };
        let key = format!("//{}/", &url[Position::BeforeHost..Position::AfterPort]);
        Self { origin, key, reason }
    }
}

/// What the layers say about one registry path.
#[derive(Clone, Debug, Default)]
struct Parts {
    token: Option<Secret>,
    auth: Option<Secret>,
    username: Option<String>,
    password: Option<Secret>,
    certfile: Option<PathBuf>,
    keyfile: Option<PathBuf>,
    /// Whether any of it is the user's, and not the project's own text.
    is_users: bool,
}

impl Parts {
    /// npm's order where several are given: token, then `_auth`, then user name with password.
    fn credentials(&self) -> Option<Credentials> {
        let authorization = if let Some(token) = &self.token {
            Some(Authorization::Bearer(token.clone()))
        } else if let Some(auth) = &self.auth {
            Some(Authorization::Basic(auth.clone()))
        } else if let (Some(username), Some(password)) = (&self.username, &self.password) {
            Some(Authorization::Basic(basic(username, password)))
        } else {
            None
        };
        let client_certificate = match (&self.certfile, &self.keyfile) {
            (Some(certfile), Some(keyfile)) => {
                Some(ClientCertificate { certfile: certfile.clone(), keyfile: keyfile.clone() })
            }
            _ => None,
        };
        (authorization.is_some() || client_certificate.is_some())
            .then_some(Credentials { authorization, client_certificate })
    }
}

fn basic(username: &str, password: &Secret) -> Secret {
    Secret::new(STANDARD.encode(format!("{username}:{}", password.expose())))
}

/// All credentials, by npm's "nerf dart": `//host[:port]/path/`.
#[derive(Debug, Default)]
pub(crate) struct CredentialTable {
    by_path: BTreeMap<String, Parts>,
    withheld: BTreeMap<String, WithheldCredentials>,
}

const UNSCOPED: [&str; 4] = ["_auth", "_authToken", "username", "_password"];

impl CredentialTable {
    pub(crate) fn collect(
        sources: &Sources,
        trusted: &TrustedHosts,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, ConfigError> {
        let mut table = Self::default();
        // Weakest first, so that a stronger layer's value replaces the same key's.
        for data in sources.layers.iter().rev() {
            for (key, setting) in &data.settings {
                if let Some((path, name)) = split_key(key) {
                    table.insert(data, (key, path, name), setting, (sources, trusted))?;
                } else if is_unscoped(key) && !setting.text().is_empty() {
                    warnings.push(unscoped(key, data, setting, sources)?);
                }
            }
        }
        warnings.extend(
            table.withheld.values().map(|one| Warning { origin: one.origin.clone(), message: one.message() }),
        );
        Ok(table)
    }

    fn insert(
        &mut self,
        data: &LayerData,
        (key, path, name): (&str, &str, &str),
        setting: &Setting,
        (sources, trusted): (&Sources, &TrustedHosts),
    ) -> Result<(), ConfigError> {
        let text = setting.text();
        if text.is_empty() {
            return Ok(());
        }
        if data.layer == Layer::Project
            && let Some(used) = setting.used.first()
            && !trusted.has_path(path)
        {
            let withheld = WithheldCredentials {
                origin: setting.origin.clone(),
                key: key.to_owned(),
                reason: WithheldReason::Variable(used.name.clone()),
            };
            self.withheld.insert(path.to_owned(), withheld);
            return Ok(());
        }
        let parts = self.by_path.entry(path.to_owned()).or_default();
        parts.is_users |= data.layer.is_trusted() || !setting.used.is_empty();
        let file = || Some(value::path(text, &data.base, sources.home.as_deref()));
        match name {
            "_authToken" => parts.token = Some(Secret::new(text)),
            "_auth" => parts.auth = Some(Secret::new(text)),
            "username" => parts.username = Some(text.to_owned()),
            "_password" => parts.password = Some(decode_password(key, text, setting)?),
            "certfile" => parts.certfile = file(),
            _ => parts.keyfile = file(),
        }
        Ok(())
    }

    /// User name and password out of a registry's own URL; a credential that a key gives comes first.
    pub(crate) fn insert_url(&mut self, url: &Url, found: Found<'_>) {
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let password = Secret::new(decode(url.password().unwrap_or_default()));
        let parts = self.by_path.entry(nerf_dart(url)).or_default();
        parts.is_users |= found.data.layer.is_trusted() || !found.setting.used.is_empty();
        if parts.auth.is_none() {
            parts.auth = Some(basic(&decode(url.username()), &password));
        }
    }

    /// What a URL would get, and whether any of it is the user's own.
    pub(crate) fn find(&self, url: &Url) -> Option<(Credentials, bool)> {
        walk_up(&nerf_dart(url)).find_map(|path| {
            let parts = self.by_path.get(path)?;
            Some((parts.credentials()?, parts.is_users))
        })
    }

    pub(crate) fn find_withheld(&self, url: &Url) -> Option<&WithheldCredentials> {
        walk_up(&nerf_dart(url)).find_map(|path| self.withheld.get(path))
    }
}

/// `//host:port/path`, without scheme, user and query.
fn nerf_dart(url: &Url) -> String {
    format!("//{}", &url[Position::BeforeHost..Position::AfterPath])
}

/// The path itself and every shorter one, with and without its last slash, longest first.
fn walk_up(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| match path.strip_suffix('/') {
        Some(shorter) => Some(shorter),
        None => path.rfind('/').map(|slash| &path[..=slash]),
    })
    .take_while(|path| path.len() > 2)
}

/// `//host/path/:_authToken` into path and name.
fn split_key(key: &str) -> Option<(&str, &str)> {
    let (path, name) = key.rsplit_once(':')?;
    let known = matches!(name, "_authToken" | "_auth" | "username" | "_password" | "certfile" | "keyfile");
    (path.starts_with("//") && known).then_some((path, name))
}

/// The environment's keys are lower-cased on their way in.
fn is_unscoped(key: &str) -> bool {
    UNSCOPED.contains(&key) || key == "_authtoken"
}

/// npm 11 refuses unscoped credentials in files, and sends those of flags and environment nowhere.
fn unscoped(
    key: &str,
    data: &LayerData,
    setting: &Setting,
    sources: &Sources,
) -> Result<Warning, ConfigError> {
    if matches!(data.layer, Layer::Flags | Layer::Environment) {
        let message = format!("`{key}` names no registry and is not used");
        return Ok(Warning { origin: setting.origin.clone(), message });
    }
    let registry = sources.find("registry").and_then(|found| value::registry_url(found.setting.text()));
    let path = nerf_dart(&registry.unwrap_or_else(crate::public::public_registry));
    Err(ConfigError::UnscopedCredential {
        origin: setting.origin.clone(),
        key: key.to_owned(),
        suggestion: format!("{path}:{key}"),
    })
}

fn decode_password(key: &str, text: &str, setting: &Setting) -> Result<Secret, ConfigError> {
    let decoded = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.map(Secret::new).ok_or_else(|| ConfigError::InvalidValue {
        origin: setting.origin.clone(),
        key: key.to_owned(),
        value: "(redacted)".to_owned(),
        expected: "a password in base64".to_owned(),
    })
}
