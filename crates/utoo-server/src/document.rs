//! One package's document, and its representations as they go over the wire, prepared once for each origin.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderValue;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::abbreviated::abbreviate;
use crate::{digest, gzip, tarball};

/// The media type of abbreviated documents.
pub(crate) const ABBREVIATED: &str = "application/vnd.npm.install-v1+json";
/// The largest document, inflated: four times the largest one that public registries serve.
pub(crate) const DOCUMENT_LIMIT: u64 = 1 << 29;
/// Origins for which representations are kept; the name in a `host` header is the client's choice.
const ORIGINS: usize = 4;

/// Full or abbreviated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Full,
    Abbreviated,
}

/// One body, ready to be sent.
#[derive(Debug)]
pub(crate) struct Representation {
    pub(crate) content_type: HeaderValue,
    /// Deflated once; plain bodies are inflated from it, since hardly a client asks for them.
    pub(crate) gzip: Bytes,
    pub(crate) etag: HeaderValue,
    pub(crate) gzip_etag: HeaderValue,
}

impl Representation {
    pub(crate) fn new(content_type: &'static str, body: &[u8]) -> Self {
        let digest = digest::short_hex(body);
        // Hexadecimal digits in quotes are always a header value.
        let etag = |text: String| HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("\"\""));
        Self {
            content_type: HeaderValue::from_static(content_type),
            gzip: gzip::compress(body).into(),
            etag: etag(format!("\"{digest}\"")),
            gzip_etag: etag(format!("\"{digest}-gzip\"")),
        }
    }

    pub(crate) fn plain(&self) -> std::io::Result<Bytes> {
        gzip::decompress(&self.gzip, DOCUMENT_LIMIT).map(Bytes::from)
    }
}

/// Both forms for one origin.
#[derive(Debug)]
pub(crate) struct Prepared {
    full: Representation,
    abbreviated: Representation,
}

impl Prepared {
    pub(crate) fn form(&self, form: Form) -> &Representation {
        match form {
            Form::Full => &self.full,
            Form::Abbreviated => &self.abbreviated,
        }
    }
}

type Slot = (Arc<str>, Arc<OnceCell<Arc<Prepared>>>);

/// A full document as its source gave it, and what was prepared from it.
#[derive(Debug)]
pub(crate) struct Document {
    name: Arc<str>,
    /// The full document as JSON, deflated.
    source: Bytes,
    slots: Mutex<Vec<Slot>>,
}

impl Document {
    /// Takes a full document that is known to be JSON, deflated.
    pub(crate) fn new(name: Arc<str>, source: Bytes) -> Self {
        Self { name, source, slots: Mutex::new(Vec::new()) }
    }

    /// Bytes that this document holds, roughly: its source and, for each origin, as much again and the short form.
    pub(crate) fn weight(&self) -> usize {
        self.source.len() * 3
    }

    /// The document as its source gave it.
    pub(crate) fn parse(&self) -> Result<Value, String> {
        let text = gzip::decompress(&self.source, DOCUMENT_LIMIT).map_err(|error| error.to_string())?;
        serde_json::from_slice(&text).map_err(|error| error.to_string())
    }

    /// The document with its tarball URLs at `origin`.
    pub(crate) fn parse_for(&self, origin: &str) -> Result<Value, String> {
        let mut value = self.parse()?;
        point_tarballs_at(&mut value, &self.name, origin);
        Ok(value)
    }

    /// The representations for `origin`, made off the async threads by the first who asks.
    pub(crate) async fn prepared(self: &Arc<Self>, origin: &str) -> Result<Arc<Prepared>, String> {
        let cell = self.slot(origin);
        let prepare = async || {
            let (document, origin) = (Arc::clone(self), origin.to_owned());
            let prepared = tokio::task::spawn_blocking(move || document.prepare(&origin)).await;
            prepared.map_err(|error| error.to_string())?
        };
        cell.get_or_try_init(prepare).await.cloned()
    }

    /// Prepares for `origin` on this thread, ahead of requests.
    pub(crate) fn prepare_now(&self, origin: &str) -> Result<(), String> {
        let prepared = self.prepare(origin)?;
        // Someone else may have been faster, with the same result.
        let _ = self.slot(origin).set(prepared);
        Ok(())
    }

    fn prepare(&self, origin: &str) -> Result<Arc<Prepared>, String> {
        let full = self.parse_for(origin)?;
        let to_bytes = |value: &Value| serde_json::to_vec(value).map_err(|error| error.to_string());
        let abbreviated = Representation::new(ABBREVIATED, &to_bytes(&abbreviate(&full))?);
        let full = Representation::new("application/json", &to_bytes(&full)?);
        Ok(Arc::new(Prepared { full, abbreviated }))
    }

    fn slot(&self, origin: &str) -> Arc<OnceCell<Arc<Prepared>>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cell)) = slots.iter().find(|(known, _)| **known == *origin) {
            return Arc::clone(cell);
        }
        if slots.len() == ORIGINS {
            // The first one is the server's own and stays.
            slots.remove(1);
        }
        let cell = Arc::new(OnceCell::new());
        slots.push((origin.into(), Arc::clone(&cell)));
        cell
    }
}

/// Rewrites every `dist.tarball` to `<origin>/<name>/-/<file>`.
pub(crate) fn point_tarballs_at(document: &mut Value, name: &str, origin: &str) {
    let Some(versions) = document.get_mut("versions").and_then(Value::as_object_mut) else { return };
    for (version, manifest) in versions {
        let file = tarball::file_name(name, version, manifest);
        if let Some(dist) = manifest.get_mut("dist").and_then(Value::as_object_mut)
            && dist.contains_key("tarball")
        {
            dist.insert("tarball".to_owned(), Value::String(format!("{origin}/{name}/-/{file}")));
        }
    }
}
