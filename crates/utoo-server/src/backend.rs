//! What stands behind the handler: documents and tarballs by name.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::document::Document;
use crate::proxy::Proxy;

/// Why there is no answer. Cloned to every caller of a shared request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There is no such package, version or tarball.
    NotFound,
    /// The upstream refused with this status, below 500.
    Refused(u16),
    /// The upstream failed, or gave something unusable, and nothing kept can stand in.
    Upstream(String),
    /// What is kept cannot be used, or cannot be written.
    Internal(String),
}

/// Everything a frozen server or one of fixtures has.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    pub(crate) documents: HashMap<String, Arc<Document>>,
    /// By name and file.
    pub(crate) tarballs: HashMap<(String, String), Bytes>,
}

pub(crate) enum Backend {
    Held(Holdings),
    Proxy(Box<Proxy>),
}

impl Backend {
    pub(crate) async fn document(&self, name: &str) -> Result<Arc<Document>, Failure> {
        match self {
            Self::Held(held) => held.documents.get(name).cloned().ok_or(Failure::NotFound),
            Self::Proxy(proxy) => proxy.document(name).await,
        }
    }

    pub(crate) async fn tarball(&self, name: &str, file: &str) -> Result<Bytes, Failure> {
        match self {
            Self::Held(held) => {
                let found = held.tarballs.get(&(name.to_owned(), file.to_owned()));
                found.cloned().ok_or(Failure::NotFound)
            }
            Self::Proxy(proxy) => proxy.tarball(name, file).await,
        }
    }
}
