//! Names from outside, and the paths they become.

use std::path::{Component, Path};

use utoo_fs::{check_relative, contained_join};
use utoo_lockfile::validate_location;
use utoo_types::{Manifest, PackageName};

use super::text;

const ROOT: &str = "/project/node_modules";

fn assert_inside(path: &Path) {
    let below = path.strip_prefix(ROOT).unwrap_or_else(|_| panic!("{} is outside", path.display()));
    assert!(below.components().all(|part| matches!(part, Component::Normal(_))), "{}", path.display());
    assert!(below.components().next().is_some(), "{} is the root itself", path.display());
}

/// A package's name, a lockfile's key, and the bins of a manifest.
pub(super) fn names(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    // Old names may be longer than npm allows today; what no file system takes is refused when it becomes a path.
    let short = text.len() < 2000 && text.split('/').all(|component| component.len() <= 255);
    if let Ok(name) = PackageName::parse(text)
        && short
    {
        let path = contained_join(Path::new(ROOT), name.as_str());
        assert_inside(&path.unwrap_or_else(|error| panic!("{name} is a name and no path: {error}")));
        assert!(Path::new(name.as_str()).components().count() <= 2, "{name} has too many components");
        assert!(!name.base().starts_with('.'), "{name} is hidden");
    }
    if validate_location(text).is_ok() && text.starts_with("node_modules/") && short {
        let path = contained_join(Path::new("/project"), text);
        assert_inside(&path.unwrap_or_else(|error| panic!("{text:?} is a location and no path: {error}")));
    }
    let manifest =
        serde_json::from_str(text).ok().map(|value: serde_json::Value| Manifest::from_value(&value));
    for (name, target) in manifest.iter().flat_map(|manifest| manifest.bin.iter()) {
        assert_inside(&Path::new(ROOT).join(".bin").join(name.as_ref()));
        assert!(!name.contains(['/', '\\', '\0']), "the bin {name:?} is more than a name");
        let target = contained_join(Path::new(ROOT), target);
        target.iter().for_each(|path| assert_inside(path));
    }
}

pub(super) fn paths(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let joined = contained_join(Path::new(ROOT), text);
    let checked = check_relative(text);
    assert!(joined.is_err() || checked.is_ok(), "{text:?} is joined, and is no relative path");
    // A path that is too long only with its root may be refused by the one, not by the other.
    assert!(joined.is_ok() || checked.is_err() || text.len() > 2000, "the two checks differ on {text:?}");
    joined.iter().for_each(|path| assert_inside(path));
}
