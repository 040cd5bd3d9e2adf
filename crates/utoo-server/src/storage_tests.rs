use super::*;

#[test]
fn names_are_one_part_of_a_path() {
    for (name, encoded) in [
        ("left-pad", "left-pad"),
        ("@s/n", "@s%2fn"),
        ("JSONStream", "%4a%53%4f%4e%53tream"),
        ("..", "%2e."),
        ("a%2fb", "a%252fb"),
        ("é", "%c3%a9"),
    ] {
        assert_eq!(encode(name), encoded);
        assert_eq!(decode(encoded).as_deref(), Some(name));
    }
    assert_eq!(decode(".tmp123"), None);
}

#[test]
fn keeps_documents_and_tarballs() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::new(dir.path());
    assert_eq!(storage.names().unwrap(), Vec::<String>::new());
    assert!(storage.read_document("@s/n").is_none());

    let meta = Meta::now(Some("\"e\"".to_owned()));
    storage.write_document("@s/n", b"gz", &meta).unwrap();
    storage.write_tarball("@s/n", "n-1.0.0.tgz", b"tgz").unwrap();

    assert_eq!(storage.names().unwrap(), ["@s/n"]);
    assert_eq!(storage.read_document("@s/n").unwrap(), (Bytes::from_static(b"gz"), meta));
    assert_eq!(storage.tarballs("@s/n").unwrap(), [("n-1.0.0.tgz".to_owned(), Bytes::from_static(b"tgz"))]);
}

#[test]
fn freshness_is_bounded_and_never_from_the_future() {
    let fresh = Meta::now(None);
    assert!(fresh.is_fresh(Duration::from_secs(300)));
    assert!(!fresh.is_fresh(Duration::ZERO));
    assert!(!Meta::default().is_fresh(Duration::from_secs(300)));
    assert!(!Meta { etag: None, fetched_at: fresh.fetched_at + 1000 }.is_fresh(Duration::from_secs(300)));
}
