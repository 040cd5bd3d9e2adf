//! Hashing and verifying streams of bytes.

use sha1::Sha1;
use sha2::digest::Digest as _;
use sha2::{Sha256, Sha384, Sha512};
use smallvec::smallvec;

use super::{Algorithm, Digest, Hash, Integrity};

#[derive(Clone)]
enum State {
    Sha1(Sha1),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

/// Hashes a stream in one pass.
#[derive(Clone)]
pub struct Hasher {
    algorithm: Algorithm,
    state: Box<State>,
}

impl Hasher {
    /// A hasher that has seen no bytes.
    pub fn new(algorithm: Algorithm) -> Self {
        let state = match algorithm {
            Algorithm::Sha1 => State::Sha1(Sha1::new()),
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha384 => State::Sha384(Sha384::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
        };
        Self { algorithm, state: Box::new(state) }
    }

    /// Takes the next bytes of the stream.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut *self.state {
            State::Sha1(state) => state.update(bytes),
            State::Sha256(state) => state.update(bytes),
            State::Sha384(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// The integrity of everything that was taken.
    pub fn finish(self) -> Integrity {
        let mut bytes = [0_u8; 64];
        let digest = &mut bytes[..self.algorithm.digest_len()];
        match *self.state {
            State::Sha1(state) => digest.copy_from_slice(&state.finalize()),
            State::Sha256(state) => digest.copy_from_slice(&state.finalize()),
            State::Sha384(state) => digest.copy_from_slice(&state.finalize()),
            State::Sha512(state) => digest.copy_from_slice(&state.finalize()),
        }
        let hash = Hash { algorithm: self.algorithm, digest: Digest::Bytes(bytes), options: None };
        Integrity { hashes: smallvec![hash] }
    }
}

/// Bytes were not what their integrity says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("integrity checksum failed when using {}: wanted {wanted} but got {actual}", .wanted.strongest().0)]
pub struct IntegrityMismatch {
    /// What was expected.
    pub wanted: Box<Integrity>,
    /// What the bytes have, by the algorithm that decided.
    pub actual: Box<Integrity>,
}

impl IntegrityMismatch {
    /// npm's code for it.
    pub fn code(&self) -> &'static str {
        "EINTEGRITY"
    }
}

/// Verifies a stream against an [`Integrity`] in one pass.
#[derive(Clone)]
pub struct Checker {
    wanted: Integrity,
    hasher: Hasher,
}

impl Checker {
    /// A checker that has seen no bytes; it computes the strongest algorithm of `wanted` only.
    pub fn new(wanted: &Integrity) -> Self {
        Self { wanted: wanted.clone(), hasher: Hasher::new(wanted.strongest().0) }
    }

    /// Takes the next bytes of the stream.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// The integrity of the bytes, by the algorithm that decided.
    ///
    /// # Errors
    /// [`IntegrityMismatch`] when they are other bytes.
    pub fn finish(self) -> Result<Integrity, IntegrityMismatch> {
        let actual = self.hasher.finish();
        match self.wanted.matches(&actual) {
            true => Ok(actual),
            false => Err(IntegrityMismatch { wanted: Box::new(self.wanted), actual: Box::new(actual) }),
        }
    }
}
