//! One large archive, inflated on one thread: piece by piece, by what does that here and by a library; and in one go into a buffer that
//! is used again, which is what nobody has room for.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark without its data cannot go on")]

use std::io::{Read, Write};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flate2::Compression;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder};
use flate2::write::DeflateEncoder;
use utoo_benches::corpus::tarballs;
use utoo_inflate::Inflate;

/// All archives of the corpus as one, deflated as npm does.
fn archive() -> (Vec<u8>, Vec<u8>) {
    let mut text = Vec::new();
    for tarball in tarballs() {
        MultiGzDecoder::new(&*tarball.bytes).read_to_end(&mut text).unwrap();
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&text).unwrap();
    (encoder.finish().unwrap(), text)
}

/// How many bytes it inflates to.
fn piece_by_piece(stream: &[u8], inflate: &mut Inflate) -> usize {
    inflate.restart();
    let (mut at, mut length) = (0, 0);
    while !inflate.is_done() {
        at += inflate.feed(&stream[at..], true).unwrap();
        length += inflate.read(usize::MAX).len();
    }
    length
}

/// The same, in windows of 128 KB.
fn with_zlib(stream: &[u8], window: &mut [u8]) -> usize {
    let mut decoder = DeflateDecoder::new(stream);
    let mut length = 0;
    loop {
        match decoder.read(window).unwrap() {
            0 => return length,
            read => length += read,
        }
    }
}

fn inflate(criterion: &mut Criterion) {
    let (stream, text) = archive();
    let (mut inflate, mut window, mut whole) = (Inflate::new(), vec![0; 128 << 10], vec![0; text.len()]);
    assert_eq!(piece_by_piece(&stream, &mut inflate), text.len());
    assert_eq!(with_zlib(&stream, &mut window), text.len());
    let mut decompressor = libdeflater::Decompressor::new();
    let mut group = criterion.benchmark_group("inflate");
    group.sample_size(20);
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("piece by piece", |bencher| {
        bencher.iter(|| piece_by_piece(&stream, &mut inflate));
    });
    group.bench_function("piece by piece, zlib-rs", |bencher| {
        bencher.iter(|| with_zlib(&stream, &mut window));
    });
    group.bench_function("in one go, libdeflate", |bencher| {
        bencher.iter(|| decompressor.deflate_decompress(&stream, &mut whole).unwrap());
    });
    group.finish();
}

criterion_group!(benches, inflate);
criterion_main!(benches);
