//! TLS as the user's machine trusts: the system's certificates, or those the configuration names instead.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tracing::warn;
use utoo_config::Network;
use utoo_resolver::{ErrorCategory, RegistryError};

/// A client's certificate chain and key, both PEM.
pub(crate) struct ClientIdentity<'a> {
    pub(crate) certificates: &'a [u8],
    pub(crate) key: &'a [u8],
}

/// The configuration for clients that will speak TLS. Reads the certificates from disk: a few milliseconds.
pub(crate) fn trusting_config(
    network: &Network,
    identity: Option<&ClientIdentity<'_>>,
) -> Result<ClientConfig, RegistryError> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| local("EPROTO", "TLS cannot be set up").caused_by(error.to_string()))?;
    let builder = if network.strict_ssl {
        builder.with_root_certificates(roots(network)?)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(TrustAnyone(provider)))
    };
    let mut config = match identity {
        Some(identity) => {
            let (chain, key) = parse_identity(identity)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                local("ERR_SSL", "the client certificate cannot be used").caused_by(error.to_string())
            })?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The configuration for clients that will only speak plain HTTP: it trusts no one and reads nothing.
pub(crate) fn empty_config() -> Result<ClientConfig, RegistryError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| local("EPROTO", "TLS cannot be set up").caused_by(error.to_string()))?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// `ca` and `cafile` replace the system's certificates, as npm documents; `NODE_EXTRA_CA_CERTS` adds to the system's,
/// as node documents. `SSL_CERT_FILE` and `SSL_CERT_DIR` say where the system's are.
fn roots(network: &Network) -> Result<RootCertStore, RegistryError> {
    let mut roots = RootCertStore::empty();
    if !network.ca.is_empty() || network.cafile.is_some() {
        for pem in &network.ca {
            add_pem(&mut roots, pem.as_bytes(), "the `ca` setting")?;
        }
        if let Some(file) = &network.cafile {
            add_pem(&mut roots, &read(file, "cafile")?, &file.display().to_string())?;
        }
        return Ok(roots);
    }
    add_system(&mut roots, network);
    if let Some(file) = &network.node_extra_ca_certs {
        // node warns and goes on when the file cannot be used: the variable is often set for all programs at once.
        match read(file, "NODE_EXTRA_CA_CERTS") {
            Ok(pem) => {
                if let Err(error) = add_pem(&mut roots, &pem, &file.display().to_string()) {
                    warn!(%error, "extra certificates are not used");
                }
            }
            Err(error) => warn!(%error, "extra certificates are not used"),
        }
    }
    if roots.is_empty() {
        return Err(local("UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "this system has no trusted certificates")
            .hint(
                "install the system's CA certificates, or name a file of them with cafile or SSL_CERT_FILE",
            ));
    }
    Ok(roots)
}

fn add_system(roots: &mut RootCertStore, network: &Network) {
    let found = match (network.ssl_cert_file.as_deref(), network.ssl_cert_dir.as_deref()) {
        (None, None) => rustls_native_certs::load_native_certs(),
        (file, dir) => rustls_native_certs::load_certs_from_paths(file, dir),
    };
    for error in &found.errors {
        warn!(%error, "a part of the system's certificates cannot be read");
    }
    // Stores hold certificates that no TLS library accepts any more; the others count.
    let (_, unusable) = roots.add_parsable_certificates(found.certs);
    if unusable > 0 {
        tracing::debug!(unusable, "certificates of the system that cannot be used");
    }
}

fn add_pem(roots: &mut RootCertStore, pem: &[u8], from: &str) -> Result<(), RegistryError> {
    let invalid = |cause: String| {
        local("ERR_SSL", format!("{from} holds no certificate that can be used")).caused_by(cause)
    };
    let mut any = false;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
        roots.add(certificate).map_err(|error| invalid(error.to_string()))?;
        any = true;
    }
    if any { Ok(()) } else { Err(invalid("there is no BEGIN CERTIFICATE in it".to_owned())) }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn parse_identity(identity: &ClientIdentity<'_>) -> Result<Identity, RegistryError> {
    let invalid = |what: &str, cause: String| {
        local("ERR_SSL", format!("the client {what} cannot be used")).caused_by(cause)
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(identity.certificates).collect();
    let chain = chain.map_err(|error| invalid("certificate", error.to_string()))?;
    let key =
        PrivateKeyDer::from_pem_slice(identity.key).map_err(|error| invalid("key", error.to_string()))?;
    Ok((chain, key))
}

/// Reads a file that the setting `what` names.
pub(crate) fn read(path: &Path, what: &str) -> Result<Vec<u8>, RegistryError> {
    std::fs::read(path).map_err(|error| {
        local("ENOENT", format!("{what}: {} cannot be read", path.display())).caused_by(error.to_string())
    })
}

fn local(code: &'static str, message: impl Into<String>) -> RegistryError {
    RegistryError::new(code, ErrorCategory::Local, message)
}

/// `strict-ssl=false`: any certificate will do, as the user has demanded.
#[derive(Debug)]
struct TrustAnyone(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAnyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
