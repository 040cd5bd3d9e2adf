use super::*;

#[test]
fn routes() {
    let document = |name: &str| Route::Document(name.to_owned());
    let version =
        |name: &str, selector: &str| Route::Version { name: name.to_owned(), selector: selector.to_owned() };
    let tarball = |name: &str, file: &str| Route::Tarball { name: name.to_owned(), file: file.to_owned() };
    for (path, expected) in [
        ("/left", document("left")),
        ("/left/", document("left")),
        ("/JSONStream", document("JSONStream")),
        ("/@s/n", document("@s/n")),
        ("/@s%2fn", document("@s/n")),
        ("/@s%2Fn", document("@s/n")),
        ("/%40s%2fn", document("@s/n")),
        ("/left/1.0.0", version("left", "1.0.0")),
        ("/left/%5E1", version("left", "^1")),
        ("/@s/n/latest", version("@s/n", "latest")),
        ("/@s%2fn/%3E=1%20%3C2", version("@s/n", ">=1 <2")),
        ("/left/-/left-1.0.0.tgz", tarball("left", "left-1.0.0.tgz")),
        ("/@s/n/-/n-1.0.0.tgz", tarball("@s/n", "n-1.0.0.tgz")),
        ("/@s%2fn/-/n-1.0.0.tgz", tarball("@s/n", "n-1.0.0.tgz")),
        ("/-/ping", Route::Ping),
        ("/-/health", Route::Health),
        ("/-/stats", Route::Stats),
        ("/-/other", Route::Nothing),
        ("/", Route::Nothing),
        ("/..", Route::Nothing),
        ("/..%2f..%2fetc", Route::Nothing),
        ("/left/-/..%2fx", Route::Nothing),
        ("/left/-/a/b", Route::Nothing),
        ("/@s", Route::Nothing),
    ] {
        assert_eq!(route(path), expected, "{path}");
    }
}
