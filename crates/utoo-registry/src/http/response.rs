//! A response, by whichever client it came.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use url::Url;

use super::MAX_RESERVE;
use super::direct::DirectResponse;
use crate::failure::Failure;
use crate::stats::Counter;

/// A response, its body still to be read.
pub(super) enum Response<'a> {
    Direct(Box<DirectResponse<'a>>),
    Any(reqwest::Response),
}

impl Response<'_> {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Direct(response) => response.status,
            Self::Any(response) => response.status(),
        }
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        match self {
            Self::Direct(response) => &response.headers,
            Self::Any(response) => response.headers(),
        }
    }

    fn announced(&self) -> Option<u64> {
        match self {
            Self::Direct(response) => response.announced(),
            Self::Any(response) => response.content_length(),
        }
    }

    /// The whole body, at most `limit` bytes, shown to `watch` and counted in `received` as it arrives.
    pub(super) async fn body(
        self,
        url: &Url,
        limit: u64,
        received: &Counter,
        mut watch: impl FnMut(&[u8]) + Send,
    ) -> Result<Bytes, Failure> {
        let mut length: u64 = 0;
        let mut arrived = |part: &[u8]| {
            length += part.len() as u64;
            received.add(part.len() as u64);
            watch(part);
            if length > limit { Err(too_large(url, limit)) } else { Ok(()) }
        };
        let announced = self.announced();
        if announced.is_some_and(|length| length > limit) {
            return Err(too_large(url, limit));
        }
        match self {
            Self::Direct(mut response) => {
                while let Some(part) = response.chunk(url).await? {
                    arrived(part)?;
                }
                Ok(response.into_body())
            }
            Self::Any(response) => collect(response, url, announced, &mut arrived).await,
        }
    }
}

fn too_large(url: &Url, limit: u64) -> Failure {
    Failure::malformed("ETOOLARGE", url, format!("the response is larger than {limit} bytes"))
}

/// Puts the parts of a body together.
async fn collect(
    mut response: reqwest::Response,
    url: &Url,
    announced: Option<u64>,
    arrived: &mut (impl FnMut(&[u8]) -> Result<(), Failure> + Send),
) -> Result<Bytes, Failure> {
    let mut first: Option<Bytes> = None;
    let mut rest: Vec<u8> = Vec::new();
    loop {
        let chunk = response.chunk().await.map_err(|error| Failure::transport(url, error))?;
        let Some(chunk) = chunk else { break };
        arrived(&chunk)?;
        // One chunk is the rule for small documents, and then nothing is copied.
        match (&first, rest.is_empty()) {
            (None, true) => first = Some(chunk),
            (Some(begun), _) => {
                let here = (begun.len() + chunk.len()) as u64;
                let expected = announced.unwrap_or(0).clamp(here, MAX_RESERVE.max(here));
                rest.reserve(usize::try_from(expected).unwrap_or(0));
                rest.extend_from_slice(begun);
                rest.extend_from_slice(&chunk);
                first = None;
            }
            (None, false) => rest.extend_from_slice(&chunk),
        }
    }
    Ok(first.unwrap_or_else(|| rest.into()))
}
