//! What a path asks for.

use percent_encoding::percent_decode_str;
use utoo_types::PackageName;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Ping,
    Health,
    Stats,
    Document(String),
    Version { name: String, selector: String },
    Tarball { name: String, file: String },
    Nothing,
}

/// Reads a path as sent, without its query. Scoped names come as `/@s/n` and as `/@s%2fn`.
pub(crate) fn route(path: &str) -> Route {
    let parts: Vec<String> = path.split('/').skip(1).map(decode).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["-", "ping"] => return Route::Ping,
        ["-", "health"] => return Route::Health,
        ["-", "stats"] => return Route::Stats,
        ["-", ..] => return Route::Nothing,
        _ => {}
    }
    let (name, rest) = match parts.as_slice() {
        [scope, base, rest @ ..] if scope.starts_with('@') && !scope.contains('/') => {
            (format!("{scope}/{base}"), rest)
        }
        [name, rest @ ..] => ((*name).to_owned(), rest),
        [] => return Route::Nothing,
    };
    if PackageName::parse(&name).is_err() {
        return Route::Nothing;
    }
    match rest {
        [] | [""] => Route::Document(name),
        ["-", file] if is_file_name(file) => Route::Tarball { name, file: (*file).to_owned() },
        [selector] => Route::Version { name, selector: (*selector).to_owned() },
        _ => Route::Nothing,
    }
}

fn decode(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

fn is_file_name(file: &str) -> bool {
    !file.is_empty() && !file.starts_with('.') && !file.contains(['/', '\\', '\0'])
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
