//! The typed keys, in groups by who needs them. Fields are named after npm's keys, and mean what npm's documentation
//! says of them; only what differs or surprises is noted.

use std::collections::BTreeMap;
use std::time::Duration;

use utoo_types::Omit;

use crate::error::ConfigError;
use crate::keys::LOG_LEVELS;
use crate::sources::Sources;
use crate::trust::refuse_variables;

/// What decides on the ideal tree.
#[derive(Clone, Debug)]
pub struct ResolveSettings {
    /// `legacy-peer-deps`
    pub legacy_peer_deps: bool,
    /// `strict-peer-deps`
    pub strict_peer_deps: bool,
    /// `force`
    pub force: bool,
    /// `prefer-dedupe`
    pub prefer_dedupe: bool,
    /// `install-strategy`, and the older `global-style` and `legacy-bundling`.
    pub install_strategy: InstallStrategy,
    /// `install-links`
    pub install_links: bool,
    /// `engine-strict`
    pub engine_strict: bool,
    /// `block-exotic-subdeps`, utoo's own, named as pnpm's: whether only the project itself may ask for what is in no
    /// registry. On unless it is turned off.
    pub block_exotic_subdeps: bool,
    /// `tag`: the dist-tag meant by a name alone.
    pub tag: String,
    /// `before`, in milliseconds since 1970.
    pub before: Option<i64>,
    /// `min-release-age`, in days; whoever has a clock makes a `before` of it where that is not given.
    pub min_release_age: Option<f64>,
    /// `os`, where it is not this machine's.
    pub os: Option<String>,
    /// `cpu`, where it is not this machine's.
    pub cpu: Option<String>,
    /// `libc`, where it is not this machine's.
    pub libc: Option<String>,
}

/// How packages are laid out in `node_modules`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InstallStrategy {
    /// As high as possible.
    #[default]
    Hoisted,
    /// Each below its dependent.
    Nested,
    /// Only direct dependencies at the top.
    Shallow,
    /// In `node_modules/.store`, linked.
    Linked,
}

/// What decides on `node_modules`.
#[derive(Clone, Debug)]
pub struct InstallSettings {
    /// `omit` without `include`, with `production`, `dev`, `only`, `also`, `optional` and `NODE_ENV` reckoned in.
    pub omit: Omit,
    /// `bin-links`
    pub bin_links: bool,
    /// `dry-run`
    pub dry_run: bool,
}

/// What is written into package.json.
#[derive(Clone, Debug)]
pub struct SaveSettings {
    /// `save`
    pub save: bool,
    /// Whether anybody said `save`, on or off: `update` writes package.json only where they did.
    pub save_said: bool,
    /// Which block, where a flag or key says so; otherwise a package stays in the block it is in.
    pub kind: Option<SaveKind>,
    /// `save-exact`
    pub save_exact: bool,
    /// `save-prefix`: `^`, `~` or nothing.
    pub save_prefix: String,
    /// `save-bundle`
    pub save_bundle: bool,
}

/// A block of dependencies in package.json.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveKind {
    /// `dependencies`
    Prod,
    /// `devDependencies`
    Dev,
    /// `optionalDependencies`
    Optional,
    /// `peerDependencies`
    Peer,
    /// `peerDependencies`, marked optional in `peerDependenciesMeta`.
    PeerOptional,
}

/// How the lockfile is read and written.
#[derive(Clone, Debug)]
pub struct LockSettings {
    /// `package-lock` and `shrinkwrap`: whether a lockfile is read and written at all. It always is where nothing else is
    /// wanted (`package-lock-only`).
    pub package_lock: bool,
    /// `package-lock-only`
    pub package_lock_only: bool,
    /// `format-package-lock`
    pub format_package_lock: bool,
    /// `lockfile-version`, where somebody asks for one.
    pub lockfile_version: Option<u32>,
    /// `replace-registry-host`
    pub replace_registry_host: ReplaceRegistryHost,
    /// `omit-lockfile-registry-resolved`
    pub omit_lockfile_registry_resolved: bool,
}

/// Which hosts in `resolved` give way to the configured registry's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ReplaceRegistryHost {
    /// The public registry's.
    #[default]
    Npmjs,
    /// None.
    Never,
    /// All.
    Always,
    /// This one.
    Host(String),
}

/// How scripts are run.
#[derive(Clone, Debug)]
pub struct ScriptSettings {
    /// `ignore-scripts`
    pub ignore_scripts: bool,
    /// `foreground-scripts`
    pub foreground_scripts: bool,
    /// `script-shell`: a name on the PATH or a path.
    pub script_shell: Option<String>,
    /// `node-options`
    pub node_options: Option<String>,
    /// `if-present`
    pub if_present: bool,
    /// `allow-scripts` of files and environment: packages whose install scripts may run. Counts where package.json has
    /// no `allowScripts` of its own.
    pub allow_scripts: Vec<String>,
    /// `allow-scripts-pin`: whether an approval holds for the installed version only.
    pub allow_scripts_pin: bool,
    /// `allow-scripts-pending`: whether `approve-scripts` only lists.
    pub allow_scripts_pending: bool,
    /// `strict-allow-scripts`
    pub strict_allow_scripts: bool,
    /// `dangerously-allow-all-scripts`
    pub dangerously_allow_all_scripts: bool,
    /// `script-timeout`, in milliseconds: how long one script of an install may take. utoo's own key; nothing and 0 are
    /// no bound.
    pub script_timeout: Option<Duration>,
}

/// Which workspaces a command is about.
#[derive(Clone, Debug)]
pub struct WorkspaceSettings {
    /// `workspace`: names or paths; the workspace that the command was started in, where none is given.
    pub selected: Vec<String>,
    /// `workspaces`: all, none (`false`), or as `selected` says.
    pub all: Option<bool>,
    /// `include-workspace-root`
    pub include_root: bool,
}

/// What is shown.
#[derive(Clone, Debug)]
pub struct DisplaySettings {
    /// `loglevel`
    pub loglevel: LogLevel,
    /// `color` and `NO_COLOR`
    pub color: Color,
    /// `progress`, where somebody says so; otherwise whether it is a terminal decides.
    pub progress: Option<bool>,
    /// `json`
    pub json: bool,
    /// `unicode`
    pub unicode: bool,
    /// `timing`
    pub timing: Timing,
    /// `all`
    pub all: bool,
    /// `long`
    pub long: bool,
    /// `parseable`
    pub parseable: bool,
    /// `depth`, where it is given; `usize::MAX` is infinite.
    pub depth: Option<usize>,
}

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "npm's own words, quietest first")]
pub enum LogLevel {
    Silent,
    Error,
    Warn,
    #[default]
    Notice,
    Http,
    Info,
    Verbose,
    Silly,
}

/// What is measured (`timing`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timing {
    /// Nothing.
    #[default]
    Off,
    /// How long stages and jobs took (`true`, as with npm).
    Totals,
    /// The same, and every one of them is written to a file (`trace`).
    Trace,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// On a terminal that shows them.
    #[default]
    Auto,
    /// In any case.
    Always,
    /// In no case.
    Never,
}

impl ResolveSettings {
    pub(crate) fn read(sources: &Sources) -> Result<Self, ConfigError> {
        if let Some(found) = sources.find("tag") {
            refuse_variables("tag", found)?;
        }
        Ok(Self {
            legacy_peer_deps: sources.boolean("legacy-peer-deps", false)?,
            strict_peer_deps: sources.boolean("strict-peer-deps", false)?,
            force: sources.boolean("force", false)?,
            prefer_dedupe: sources.boolean("prefer-dedupe", false)?,
            install_strategy: install_strategy(sources)?,
            install_links: sources.boolean("install-links", false)?,
            engine_strict: sources.boolean("engine-strict", false)?,
            block_exotic_subdeps: sources.boolean("block-exotic-subdeps", true)?,
            tag: sources.text("tag").filter(|tag| !tag.is_empty()).unwrap_or_else(|| "latest".to_owned()),
            before: sources.date("before")?,
            min_release_age: sources.number("min-release-age")?,
            os: nonempty(sources, "os"),
            cpu: nonempty(sources, "cpu"),
            libc: nonempty(sources, "libc"),
        })
    }
}

fn nonempty(sources: &Sources, key: &str) -> Option<String> {
    sources.text(key).filter(|text| !text.is_empty())
}

fn install_strategy(sources: &Sources) -> Result<InstallStrategy, ConfigError> {
    if sources.boolean("global-style", false)? {
        return Ok(InstallStrategy::Shallow);
    }
    if sources.boolean("legacy-bundling", false)? {
        return Ok(InstallStrategy::Nested);
    }
    Ok(match sources.word("install-strategy")? {
        Some("nested") => InstallStrategy::Nested,
        Some("shallow") => InstallStrategy::Shallow,
        Some("linked") => InstallStrategy::Linked,
        _ => InstallStrategy::Hoisted,
    })
}

impl InstallSettings {
    pub(crate) fn read(sources: &Sources, env: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        Ok(Self {
            omit: omit(sources, env)?,
            bin_links: sources.boolean("bin-links", true)?,
            dry_run: sources.boolean("dry-run", false)?,
        })
    }
}

/// As npm 11 reckons: `omit` if given, else dev under `NODE_ENV=production`; `production`, `only` and `optional=false`
/// add, and everything that is included is taken out again, whatever put it in.
fn omit(sources: &Sources, env: &BTreeMap<String, String>) -> Result<Omit, ConfigError> {
    let production = env.get("NODE_ENV").is_some_and(|value| value == "production");
    let mut omitted =
        sources.words("omit").unwrap_or_else(|| if production { vec!["dev".to_owned()] } else { Vec::new() });
    let mut included = sources.words("include").unwrap_or_default();
    let dev = "dev".to_owned();
    match sources.boolean_if_set("production")? {
        Some(true) => omitted.push(dev.clone()),
        Some(false) => included.push(dev.clone()),
        None => {}
    }
    if sources.word("only")?.is_some() {
        omitted.push(dev.clone());
    }
    if sources.boolean("dev", false)? || sources.word("also")?.is_some() {
        included.push(dev);
    }
    match sources.boolean_if_set("optional")? {
        Some(true) => included.push("optional".to_owned()),
        Some(false) => omitted.push("optional".to_owned()),
        None => {}
    }
    let has = |kind: &str| omitted.iter().any(|one| one == kind) && !included.iter().any(|one| one == kind);
    Ok(Omit { dev: has("dev"), optional: has("optional"), peer: has("peer") })
}

impl SaveSettings {
    pub(crate) fn read(sources: &Sources) -> Result<Self, ConfigError> {
        Ok(Self {
            save: sources.boolean("save", true)?,
            save_said: sources.boolean_if_set("save")?.is_some(),
            kind: save_kind(sources)?,
            save_exact: sources.boolean("save-exact", false)?,
            save_prefix: sources.text_or("save-prefix", "^"),
            save_bundle: sources.boolean("save-bundle", false)?,
        })
    }
}

fn save_kind(sources: &Sources) -> Result<Option<SaveKind>, ConfigError> {
    let optional = sources.boolean("save-optional", false)?;
    let peer = sources.boolean("save-peer", false)?;
    Ok(if peer && optional {
        Some(SaveKind::PeerOptional)
    } else if peer {
        Some(SaveKind::Peer)
    } else if optional {
        Some(SaveKind::Optional)
    } else if sources.boolean("save-dev", false)? {
        Some(SaveKind::Dev)
    } else if sources.boolean("save-prod", false)? {
        Some(SaveKind::Prod)
    } else {
        None
    })
}

impl LockSettings {
    pub(crate) fn read(sources: &Sources) -> Result<Self, ConfigError> {
        let package_lock_only = sources.boolean("package-lock-only", false)?;
        let package_lock = sources.boolean("package-lock", true)? && sources.boolean("shrinkwrap", true)?;
        Ok(Self {
            package_lock: package_lock || package_lock_only,
            package_lock_only,
            format_package_lock: sources.boolean("format-package-lock", true)?,
            lockfile_version: sources.word("lockfile-version")?.and_then(|word| word.parse().ok()),
            replace_registry_host: match sources.text_or("replace-registry-host", "npmjs").as_str() {
                "npmjs" | "" => ReplaceRegistryHost::Npmjs,
                "never" => ReplaceRegistryHost::Never,
                "always" => ReplaceRegistryHost::Always,
                host => ReplaceRegistryHost::Host(host.to_ascii_lowercase()),
            },
            omit_lockfile_registry_resolved: sources.boolean("omit-lockfile-registry-resolved", false)?,
        })
    }
}

impl ScriptSettings {
    pub(crate) fn read(sources: &Sources) -> Result<Self, ConfigError> {
        Ok(Self {
            ignore_scripts: sources.boolean("ignore-scripts", false)?,
            foreground_scripts: sources.boolean("foreground-scripts", false)?,
            script_shell: nonempty(sources, "script-shell"),
            node_options: nonempty(sources, "node-options"),
            if_present: sources.boolean("if-present", false)?,
            allow_scripts: sources.list("allow-scripts"),
            allow_scripts_pin: sources.boolean("allow-scripts-pin", true)?,
            allow_scripts_pending: sources.boolean("allow-scripts-pending", false)?,
            strict_allow_scripts: sources.boolean("strict-allow-scripts", false)?,
            dangerously_allow_all_scripts: sources.boolean("dangerously-allow-all-scripts", false)?,
            script_timeout: sources.number("script-timeout")?.and_then(milliseconds),
        })
    }
}

fn milliseconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number / 1000.0).ok().filter(|time| !time.is_zero())
}

impl WorkspaceSettings {
    pub(crate) fn read(sources: &Sources, started_in: Option<String>) -> Result<Self, ConfigError> {
        let mut selected = sources.list("workspace");
        let all = sources.boolean_if_set("workspaces")?;
        if selected.is_empty() && all.is_none() {
            selected.extend(started_in);
        }
        Ok(Self { selected, all, include_root: sources.boolean("include-workspace-root", false)? })
    }
}

impl DisplaySettings {
    pub(crate) fn read(sources: &Sources, env: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        Ok(Self {
            loglevel: loglevel(sources)?,
            color: color(sources, env)?,
            progress: sources.boolean_if_set("progress")?,
            json: sources.boolean("json", false)?,
            unicode: sources.boolean("unicode", true)?,
            timing: match sources.word("timing")? {
                Some("true") => Timing::Totals,
                Some("trace") => Timing::Trace,
                _ => Timing::Off,
            },
            all: sources.boolean("all", false)?,
            long: sources.boolean("long", false)?,
            parseable: sources.boolean("parseable", false)?,
            depth: sources.number("depth")?.map(whole),
        })
    }
}

fn whole(depth: f64) -> usize {
    if depth.is_infinite() {
        usize::MAX
    } else {
        format!("{:.0}", depth.floor()).parse().unwrap_or(usize::MAX)
    }
}

fn loglevel(sources: &Sources) -> Result<LogLevel, ConfigError> {
    const LEVELS: [LogLevel; 8] = [
        LogLevel::Silent,
        LogLevel::Error,
        LogLevel::Warn,
        LogLevel::Notice,
        LogLevel::Http,
        LogLevel::Info,
        LogLevel::Verbose,
        LogLevel::Silly,
    ];
    let word = sources.word("loglevel")?;
    let index = word.and_then(|word| LOG_LEVELS.iter().position(|level| *level == word));
    Ok(index.map_or(LogLevel::default(), |index| LEVELS[index]))
}

/// A flag or file first, then `NO_COLOR` (any value but nothing) and `FORCE_COLOR`.
fn color(sources: &Sources, env: &BTreeMap<String, String>) -> Result<Color, ConfigError> {
    let set = |name: &str| env.get(name).is_some_and(|value| !matches!(value.as_str(), "" | "0"));
    Ok(match sources.word("color")? {
        Some("always") => Color::Always,
        Some("false") => Color::Never,
        _ if set("NO_COLOR") => Color::Never,
        _ if set("FORCE_COLOR") => Color::Always,
        _ => Color::Auto,
    })
}
