//! From text to a spec.

use std::sync::Arc;

use super::git::GitSpec;
use super::hosted::Hosted;
use super::{Spec, SpecContext, SpecError, SpecKind, file, uri};
use crate::name::{PackageName, is_url_friendly};
use crate::range::Range;
use crate::text::js_trim;
use crate::version::Version;

/// Reads a command-line argument.
pub(super) fn argument(arg: &str, context: &SpecContext) -> Result<Spec, SpecError> {
    // An `@` at the start belongs to a scope.
    let first = arg.chars().next().map_or(0, char::len_utf8);
    let at = arg[first..].find('@').map(|at| at + first);
    let name = at.map_or(arg, |at| &arg[..at]);
    if protocol(arg).is_some() {
        return resolve(None, arg, Some(arg), context);
    }
    if is_scp(arg) {
        return resolve(None, &format!("git+ssh://{arg}"), Some(arg), context);
    }
    if !name.starts_with('@') && (name.contains('/') || file::is_tarball(name)) {
        return resolve(None, arg, Some(arg), context);
    }
    match at {
        Some(at) => {
            let spec = match &arg[at + 1..] {
                "" => "*",
                spec => spec,
            };
            resolve(Some(name), spec, Some(arg), context)
        }
        None if PackageName::parse(arg).is_ok() => resolve(Some(arg), "*", Some(arg), context),
        None => resolve(None, arg, Some(arg), context),
    }
}

/// Reads a name and what is wanted under it.
pub(super) fn resolve(
    name: Option<&str>,
    spec: &str,
    arg: Option<&str>,
    context: &SpecContext,
) -> Result<Spec, SpecError> {
    let name = name.filter(|name| !name.is_empty());
    let raw: Arc<str> = match (arg, name) {
        (Some(arg), _) => arg.into(),
        (None, Some(name)) => format!("{name}@{spec}").into(),
        (None, None) => spec.into(),
    };
    let name = name.map(PackageName::parse).transpose()?;
    let mut parsed = Spec {
        name,
        raw,
        raw_spec: spec.into(),
        save_spec: None,
        fetch_spec: None,
        kind: SpecKind::Tag("".into()),
    };
    if is_plainly_registrys(spec) {
        parsed.set_registry(spec)?;
    } else if is_path(spec) || starts_with_ignoring_case(spec, "file:") {
        parsed.set_file(spec, context);
    } else if starts_with_ignoring_case(spec, "npm:") {
        parsed.set_alias(&spec["npm:".len()..], context)?;
    } else if let Some(hosted) = Hosted::parse(spec) {
        let (git, save) = GitSpec::from_hosted(hosted, &parsed.raw)?;
        parsed.save_spec = Some(save);
        parsed.fetch_spec = git.url.clone();
        parsed.kind = SpecKind::Git(git);
    } else if protocol(spec).is_some() {
        parsed.set_url(spec)?;
    } else if spec.contains('/') || file::is_tarball(spec) {
        parsed.set_file(spec, context);
    } else {
        parsed.set_registry(spec)?;
    }
    Ok(parsed)
}

const REGISTRY_ONLY: &str = "aliases only work for registry deps";

impl Spec {
    fn set_file(&mut self, spec: &str, context: &SpecContext) {
        let found = file::read(spec, context);
        self.save_spec = Some(found.save.into());
        self.fetch_spec = Some(found.path.to_string_lossy().into());
        self.kind =
            if file::is_tarball(spec) { SpecKind::File(found.path) } else { SpecKind::Directory(found.path) };
    }

    fn set_alias(&mut self, target: &str, context: &SpecContext) -> Result<(), SpecError> {
        let wrong = |reason| Err(SpecError::Alias { reason, raw: self.raw.clone() });
        let target = match argument(target, context) {
            Err(SpecError::Option { .. }) => return wrong(REGISTRY_ONLY),
            other => other?,
        };
        if matches!(target.kind, SpecKind::Alias(_)) {
            return wrong("nested aliases not supported");
        }
        if !target.is_registry() {
            return wrong(REGISTRY_ONLY);
        }
        if target.name.is_none() {
            return wrong("aliases must have a name");
        }
        self.kind = SpecKind::Alias(Box::new(target));
        Ok(())
    }

    fn set_url(&mut self, spec: &str) -> Result<(), SpecError> {
        if let Some(git) = GitSpec::scp(spec, &self.raw) {
            return git.map(|git| self.set_git(git, spec));
        }
        let slashed = starts_with_ignoring_case(spec, "git+file://").then(|| spec.replace('\\', "/"));
        let url = uri::parse(slashed.as_deref().unwrap_or(spec))
            .ok_or_else(|| SpecError::Url { url: spec.into() })?;
        match url.scheme() {
            "git" | "git+http" | "git+https" | "git+rsync" | "git+ftp" | "git+file" | "git+ssh" => {
                let git = GitSpec::url(url, spec, &self.raw)?;
                self.set_git(git, spec);
            }
            "http" | "https" => {
                self.save_spec = Some(spec.into());
                self.fetch_spec = Some(spec.into());
                self.kind = SpecKind::Remote(spec.into());
            }
            scheme => {
                return Err(SpecError::Protocol { protocol: format!("{scheme}:").into(), spec: spec.into() });
            }
        }
        Ok(())
    }

    fn set_git(&mut self, git: GitSpec, spec: &str) {
        self.save_spec = Some(spec.into());
        self.fetch_spec = git.url.clone();
        self.kind = SpecKind::Git(git);
    }

    fn set_registry(&mut self, spec: &str) -> Result<(), SpecError> {
        let text = js_trim(spec);
        self.kind = if let Ok(version) = Version::parse_loose(text) {
            SpecKind::Version(version)
        } else if let Ok(range) = Range::parse(text) {
            SpecKind::Range(range)
        } else if is_url_friendly(text) {
            SpecKind::Tag(text.into())
        } else {
            return Err(SpecError::Tag { tag: text.into(), raw: self.raw.clone() });
        };
        self.fetch_spec = Some(text.into());
        Ok(())
    }
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Whether a spec has nothing in it by which it could come from elsewhere than a registry. Nearly all are so, and what they
/// are not need not be asked one by one.
fn is_plainly_registrys(spec: &str) -> bool {
    let is_elsewhere = |byte| matches!(byte, b':' | b'/' | b'\\' | b'@' | b'#');
    !spec.bytes().any(is_elsewhere) && !is_path(spec) && !file::is_tarball(spec)
}

/// What npm takes for a protocol: letters up to a colon, perhaps with `git+` before them.
fn protocol(text: &str) -> Option<&str> {
    let letters = if starts_with_ignoring_case(text, "git+") { &text[4..] } else { text };
    let (name, _) = letters.split_once(':')?;
    let valid = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic());
    valid.then_some(name)
}

/// `git@host.example:path`: something before an `@`, a host with a dot, a colon.
fn is_scp(text: &str) -> bool {
    let Some((user, rest)) = text.split_once('@') else {
        return false;
    };
    let Some((label, rest)) = rest.split_once('.') else {
        return false;
    };
    let Some((domain, path)) = rest.split_once(':') else {
        return false;
    };
    let first = path.chars().next();
    !user.is_empty()
        && !label.is_empty()
        && !label.contains(':')
        && !domain.is_empty()
        && first.is_some_and(|c| !matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}'))
        && !path.contains(['\n', '\r', '\u{2028}', '\u{2029}'])
}

/// Paths by their beginning: `.`, `~/`, `/`, a drive.
fn is_path(text: &str) -> bool {
    let mut bytes = text.bytes();
    match (bytes.next(), bytes.next()) {
        (Some(b'.' | b'/'), _) | (Some(b'~'), Some(b'/')) => true,
        (Some(letter), Some(b':')) => letter.is_ascii_alphabetic(),
        _ => false,
    }
}
