use std::io::Write as _;
use std::ops::Range;

use flate2::write::GzEncoder;
use futures_util::future::join_all;
use utoo_types::{Algorithm, PackageName};

use super::*;
use crate::policy::Prepare;

/// A package of one file, as long as its number says.
fn tarball(number: usize) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let bytes = vec![b'x'; number * 700];
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, "package/index.js", &*bytes).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all(&archive.into_inner().unwrap()).unwrap();
    gzip.finish().unwrap()
}

fn request(number: usize, integrity: Integrity) -> PackageRequest {
    let name = PackageName::new_unchecked(format!("p{number}"));
    let resolved = format!("https://registry.example/p{number}/-/p{number}-1.0.0.tgz").into();
    let integrity = Some(integrity);
    PackageRequest { name, version: "1.0.0".into(), resolved, integrity, prepare: Prepare::Skip }
}

#[tokio::test]
async fn of_many_that_arrive_at_once_only_the_wrong_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let arrivals = Arc::new(Arrivals::new(Store::open(folder.path())));
    let tarballs: Vec<(PackageRequest, Bytes)> = (0..60)
        .map(|number| {
            let bytes = tarball(number);
            let algorithm = if number % 9 == 0 { Algorithm::Sha1 } else { Algorithm::Sha512 };
            let mut request = request(number, Integrity::of(algorithm, &bytes));
            if number % 20 == 7 {
                request.integrity = Some(Integrity::of(algorithm, b"something else"));
            }
            (request, bytes.into())
        })
        .collect();
    let unpacked =
        join_all(tarballs.iter().map(|(request, body)| arrivals.unpack(request, body.clone()))).await;
    for (number, (unpacked, (request, body))) in unpacked.iter().zip(&tarballs).enumerate() {
        match unpacked {
            Ok(stored) => {
                let file = stored.index.find("index.js").unwrap().path_in(&stored.folder);
                let file = utoo_fs::read(file).unwrap();
                assert_eq!((number % 20 == 7, file.len()), (false, number * 700), "{}", request.label());
                assert_eq!(stored.index.integrity(), Integrity::of(Algorithm::Sha512, body).to_string());
            }
            Err(error) => assert_eq!((number % 20 == 7, error.code()), (true, "EINTEGRITY"), "{error}"),
        }
    }
}

/// Long ones are hashed beside the others, some of them in several lots, those that arrive last and one that is too long
/// alone; one that is long is not what it should be.
#[tokio::test]
async fn long_ones_are_verified_whatever_they_are_hashed_beside() {
    let folder = tempfile::tempdir().unwrap();
    let arrivals = Arc::new(Arrivals::new(Store::open(folder.path())));
    let numbers =
        [1500, 3, 5, 1000, 20, 900, 7, 8, 300, 2, 1, 1400, 9, 10, 9500, 11, 2000, 800, 12, 1100, 1200];
    let tarballs = numbers.map(|number| {
        let bytes = tarball(number);
        let wanted = if number == 1000 { Integrity::of(Algorithm::Sha512, b"x") } else { integrity(&bytes) };
        (number, request(number, wanted), Bytes::from(bytes))
    });
    let of = |bytes: Range<usize>| tarballs.iter().filter(|(_, _, body)| bytes.contains(&body.len())).count();
    assert_eq!((of(COUNTED_BYTES..LONGEST), of(LONGEST..usize::MAX)), (8, 1));
    for lot in [&tarballs[..], &tarballs[16..17]] {
        let unpacked = join_all(lot.iter().map(|(_, request, body)| arrivals.unpack(request, body.clone())));
        for (unpacked, (number, request, body)) in unpacked.await.into_iter().zip(lot) {
            match unpacked {
                Ok(stored) => {
                    assert_ne!(*number, 1000, "{}", request.label());
                    assert_eq!(stored.index.integrity(), integrity(body).to_string());
                }
                Err(error) => assert_eq!((*number, error.code()), (1000, "EINTEGRITY"), "{error}"),
            }
        }
    }
    assert!(arrivals.waiting().is_empty());
}

fn integrity(bytes: &[u8]) -> Integrity {
    Integrity::of(Algorithm::Sha512, bytes)
}

#[tokio::test]
async fn what_arrives_behind_the_end_is_not_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let arrivals = Arc::new(Arrivals::new(Store::open(folder.path())));
    arrivals.close();
    let bytes = tarball(3);
    let request = request(3, Integrity::of(Algorithm::Sha512, &bytes));
    let unpacked = arrivals.unpack(&request, bytes.into()).await;
    assert!(matches!(unpacked, Err(InstallError::Cancelled { .. })));
    assert!(!arrivals.store.root().exists());
}
