//! Configuration files.

use utoo_config::{Config, LoadOptions};

/// What must never show.
const SECRET: &str = "tell-nobody";

/// The text as the project's and as the user's `.npmrc`, with a secret behind it.
pub(super) fn npmrc(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder to write to: {error}"));
    let (home, project) = (folder.path().join("home"), folder.path().join("project"));
    let secret =
        format!("\n//registry.example/:_authToken={SECRET}\n//registry.example/:_password={SECRET}\n");
    for directory in [&home, &project] {
        let made = std::fs::create_dir_all(directory).map_err(|error| error.to_string());
        let text = [bytes, secret.as_bytes()].concat();
        let made = made.and_then(|()| {
            utoo_fs::write_atomic(directory.join(".npmrc"), &text).map_err(|error| error.to_string())
        });
        made.unwrap_or_else(|error| panic!("cannot write: {error}"));
    }
    let options = LoadOptions {
        cwd: project.clone(),
        prefix: Some(project),
        home: Some(home),
        env: [("NPM_TOKEN".to_owned(), SECRET.to_owned())].into(),
        flags: Vec::new(),
    };
    let shown = match Config::load(&options) {
        Ok(config) => format!("{config:?}"),
        Err(error) => format!("{error} {error:?}"),
    };
    assert!(!shown.contains(SECRET), "a secret shows: {shown}");
}
