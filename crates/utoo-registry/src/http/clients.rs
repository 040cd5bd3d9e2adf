//! The connection pools: one for plain HTTP, one for TLS, one more for each client certificate; each made when the
//! first request needs it, so that a run that asks nobody, or only `http://`, reads no certificates.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use reqwest::{Client, ClientBuilder, Proxy};
use url::Url;
use utoo_config::{ClientCertificate, Network};
use utoo_resolver::{ErrorCategory, RegistryError};

use super::IDLE;
use super::direct::Direct;
use super::tls::{self, ClientIdentity};
use crate::options::Timeouts;

/// HTTP/2 windows: a stream takes a whole packument without waiting for an update, a connection a hundred of them.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 32 << 20;

#[derive(Debug)]
pub(crate) struct Clients {
    network: Arc<Network>,
    timeouts: Timeouts,
    connections: usize,
    /// `None` where what is configured is for another client.
    direct: OnceLock<Option<Direct>>,
    plain: OnceLock<Result<Client, RegistryError>>,
    secure: OnceLock<Result<Client, RegistryError>>,
    /// Few or none: looked through in order.
    identified: Mutex<Vec<(ClientCertificate, Client)>>,
}

impl Clients {
    pub(crate) fn new(network: Network, timeouts: Timeouts, connections: usize) -> Self {
        Self {
            network: Arc::new(network),
            timeouts,
            connections,
            direct: OnceLock::new(),
            plain: OnceLock::new(),
            secure: OnceLock::new(),
            identified: Mutex::new(Vec::new()),
        }
    }

    /// The client for a URL, given what the registry's credentials say about client certificates.
    pub(crate) fn client(
        &self,
        url: &Url,
        certificate: Option<&ClientCertificate>,
    ) -> Result<Client, RegistryError> {
        if !self.needs_tls(url) {
            return self.plain.get_or_init(|| self.build(tls::empty_config()?)).clone();
        }
        match certificate {
            Some(files) if url.scheme() == "https" => self.identified(files),
            _ => self.secure.get_or_init(|| self.build_secure()).clone(),
        }
    }

    /// What asks without any client around it, where nothing stands between this machine and the host.
    pub(crate) fn direct(&self, url: &Url) -> Option<&Direct> {
        let is_plain = url.scheme() == "http" && url.username().is_empty() && url.password().is_none();
        let direct = || {
            let applies = self.network.local_address.is_none() && !self.has_proxy();
            applies.then(|| Direct::new(&self.network.user_agent, self.timeouts, self.connections))?
        };
        is_plain.then(|| self.direct.get_or_init(direct).as_ref())?
    }

    fn needs_tls(&self, url: &Url) -> bool {
        url.scheme() == "https" || self.network.proxy_for(url).is_some_and(|proxy| proxy.scheme() == "https")
    }

    fn build_secure(&self) -> Result<Client, RegistryError> {
        let identity = match (&self.network.cert, &self.network.key) {
            (Some(cert), Some(key)) => {
                Some(ClientIdentity { certificates: cert.expose().as_bytes(), key: key.expose().as_bytes() })
            }
            _ => None,
        };
        self.build(tls::trusting_config(&self.network, identity.as_ref())?)
    }

    fn identified(&self, files: &ClientCertificate) -> Result<Client, RegistryError> {
        let mut clients = self.identified.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients.iter().find(|(of, _)| of == files) {
            return Ok(client.clone());
        }
        let certificates = tls::read(&files.certfile, "certfile")?;
        let key = tls::read(&files.keyfile, "keyfile")?;
        let identity = ClientIdentity { certificates: &certificates, key: &key };
        let client = self.build(tls::trusting_config(&self.network, Some(&identity))?)?;
        clients.push((files.clone(), client.clone()));
        Ok(client)
    }

    fn build(&self, tls: rustls::ClientConfig) -> Result<Client, RegistryError> {
        let mut builder = ClientBuilder::new()
            .tls_backend_preconfigured(tls)
            .user_agent(self.network.user_agent.as_str())
            // Redirects are followed by hand, so that credentials stay with their origin.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // Only the configuration decides on proxies; it has read the environment.
            .no_proxy()
            .connect_timeout(self.timeouts.connect)
            .read_timeout(self.timeouts.stall)
            .pool_max_idle_per_host(self.connections)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW);
        if self.has_proxy() {
            let network = Arc::clone(&self.network);
            builder = builder.proxy(Proxy::custom(move |url| network.proxy_for(url).cloned()));
        }
        if let Some(address) = &self.network.local_address {
            let address: std::net::IpAddr = address
                .parse()
                .map_err(|_| unusable(format!("local-address: {address} is no IP address")))?;
            builder = builder.local_address(address);
        }
        builder.build().map_err(|error| {
            unusable("the HTTP client cannot be set up").caused_by(error.without_url().to_string())
        })
    }

    /// Without any proxy, requests need not look for theirs. The names are reserved, no exception can list them.
    fn has_proxy(&self) -> bool {
        ["http://proxied.invalid/", "https://proxied.invalid/"]
            .iter()
            .filter_map(|probe| Url::parse(probe).ok())
            .any(|probe| self.network.proxy_for(&probe).is_some())
    }
}

fn unusable(message: impl Into<String>) -> RegistryError {
    RegistryError::new("ECONFIG", ErrorCategory::Precondition, message)
}
