//! The merged, typed value.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::Url;
use utoo_types::RegistryHosts;

use crate::credentials::{CredentialTable, Credentials, WithheldCredentials};
use crate::error::{ConfigError, Origin, Warning};
use crate::keys::Kind;
use crate::layers::{self, Layer, LayerData};
use crate::network::Network;
use crate::project::{Project, find_project};
use crate::public::public_registry;
use crate::routes::{Exposure, Routes};
use crate::settings::{
    DisplaySettings, InstallSettings, LockSettings, ResolveSettings, SaveSettings, ScriptSettings,
    WorkspaceSettings,
};
use crate::sources::{Found, Sources, invalid};
use crate::trust::{TrustedHosts, registry_hosts};
use crate::{keys, value};

/// What a configuration is loaded from. Nothing else is looked at but the files that these name.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// The current directory; absolute.
    pub cwd: PathBuf,
    /// `--prefix`: the project's root, instead of looking for it. Relative to `cwd`.
    pub prefix: Option<PathBuf>,
    /// The home directory, for `~` and the user's `.npmrc`; `HOME` of `env` where it is not given.
    pub home: Option<PathBuf>,
    /// The process's environment.
    pub env: BTreeMap<String, String>,
    /// Flags by key, without dashes, in the order they were given. A key given twice is a list.
    pub flags: Vec<(String, String)>,
}

/// The configuration of one command. Immutable; a clone shares everything.
#[derive(Clone, Debug)]
pub struct Config(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sources: Sources,
    project: Project,
    registry: Url,
    scopes: BTreeMap<String, Url>,
    registry_hosts: RegistryHosts,
    credentials: CredentialTable,
    routes: Routes,
    warnings: Vec<Warning>,
    network: Network,
    cache_dir: PathBuf,
    resolve: ResolveSettings,
    install: InstallSettings,
    save: SaveSettings,
    lock: LockSettings,
    scripts: ScriptSettings,
    workspaces: WorkspaceSettings,
    display: DisplaySettings,
}

/// A key's value before it is typed, with where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawValue<'a> {
    /// Each occurrence of a list, one of a plain key. Variables are expanded.
    pub values: &'a [String],
    /// The layer that won.
    pub layer: Layer,
    /// File and line, flag or variable.
    pub origin: &'a Origin,
}

impl Config {
    /// Finds the project, reads all layers and types them.
    ///
    /// Reads up to three `.npmrc` files and the package.json files above the project; measured at well under a
    /// millisecond, so that a no-op install can afford it.
    ///
    /// # Errors
    /// The first value that is wrong, the first file that is there and cannot be read, or what a project's file must
    /// not do; see [`ConfigError`].
    pub fn load(options: &LoadOptions) -> Result<Self, ConfigError> {
        if !options.cwd.is_absolute() {
            return Err(ConfigError::NotAbsolute { path: options.cwd.clone() });
        }
        let home = options.home.clone().or_else(|| env_path(&options.env, "HOME"));
        let project = match &options.prefix {
            Some(prefix) => Project { root: value::normalize(&options.cwd.join(prefix)), workspace: None },
            None => find_project(&options.cwd),
        };
        let sources = read_layers(options, home, &project.root)?;
        let mut inner = type_all(sources, project, options)?;
        inner.warn_of_withheld();
        Ok(Self(Arc::new(inner)))
    }

    /// The registry for a package: its scope's, else the default one. The path ends in a slash; there are no
    /// credentials in it.
    pub fn registry_for(&self, name: &(impl AsRef<str> + ?Sized)) -> &Url {
        let name = name.as_ref();
        let scope = name.split_once('/').map_or("", |(scope, _)| scope);
        self.0.scopes.get(scope).unwrap_or(&self.0.registry)
    }

    /// `registry`, or [`public_registry`].
    #[must_use]
    pub fn default_registry(&self) -> &Url {
        &self.0.registry
    }

    /// The registries of scopes, by scope with its `@`.
    pub fn scoped_registries(&self) -> impl Iterator<Item = (&str, &Url)> {
        self.0.scopes.iter().map(|(scope, url)| (scope.as_str(), url))
    }

    /// The hosts of the registries that are configured.
    #[must_use]
    pub fn registry_hosts(&self) -> &RegistryHosts {
        &self.0.registry_hosts
    }

    /// What to send with a request: the credentials of the longest path of the URL that has any. Those of the user only on
    /// ways on which they arrive unseen.
    #[must_use]
    pub fn credentials_for(&self, url: &Url) -> Option<Credentials> {
        let (credentials, is_users) = self.0.credentials.find(url)?;
        (!is_users || self.0.exposure(url).is_none()).then_some(credentials)
    }

    /// The same for a tarball that `registry` said is at `url`: where nothing is known for its own path and it is on
    /// the registry's host, the registry's credentials.
    #[must_use]
    pub fn credentials_for_tarball(&self, url: &Url, registry: &Url) -> Option<Credentials> {
        self.credentials_for(url).or_else(|| {
            let same_origin = url.origin() == registry.origin();
            same_origin.then(|| self.credentials_for(registry)).flatten()
        })
    }

    /// The credential that would have been sent to this URL, had it not been withheld. For the hint of a 401 or 403.
    #[must_use]
    pub fn withheld_for(&self, url: &Url) -> Option<WithheldCredentials> {
        self.0.credentials.find_withheld(url).cloned().or_else(|| self.0.withheld_on_the_way(url))
    }

    /// What was ignored, and why; for the user to see.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.0.warnings
    }

    /// Proxies, trust, retries, time-outs.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.0.network
    }

    /// utoo's cache: `--cache-dir`, `UTOO_CACHE_DIR`, the key `cache-dir`, `$XDG_CACHE_HOME/utoo`, `~/.cache/utoo`.
    /// npm's own `cache` has another format and is not used.
    #[must_use]
    pub fn cache_dir(&self) -> &Path {
        &self.0.cache_dir
    }

    /// The project's root.
    #[must_use]
    pub fn prefix(&self) -> &Path {
        &self.0.project.root
    }

    /// The project, with the workspace that the command was started in.
    #[must_use]
    pub fn project(&self) -> &Project {
        &self.0.project
    }

    /// What decides on the ideal tree.
    #[must_use]
    pub fn resolve(&self) -> &ResolveSettings {
        &self.0.resolve
    }

    /// What decides on `node_modules`.
    #[must_use]
    pub fn install(&self) -> &InstallSettings {
        &self.0.install
    }

    /// What is written into package.json.
    #[must_use]
    pub fn save(&self) -> &SaveSettings {
        &self.0.save
    }

    /// How the lockfile is read and written.
    #[must_use]
    pub fn lock(&self) -> &LockSettings {
        &self.0.lock
    }

    /// How scripts are run.
    #[must_use]
    pub fn scripts(&self) -> &ScriptSettings {
        &self.0.scripts
    }

    /// Which workspaces a command is about.
    #[must_use]
    pub fn workspaces(&self) -> &WorkspaceSettings {
        &self.0.workspaces
    }

    /// What is shown.
    #[must_use]
    pub fn display(&self) -> &DisplaySettings {
        &self.0.display
    }

    /// The strongest layer's value of any key, known to utoo or not. May hold secrets.
    #[must_use]
    pub fn get_raw(&self, key: &str) -> Option<RawValue<'_>> {
        let found = self.0.sources.find(key)?;
        Some(RawValue {
            values: &found.setting.values,
            layer: found.data.layer,
            origin: &found.setting.origin,
        })
    }

    /// Every key that some layer sets, except credentials: what `npm_config_*` of scripts may show.
    #[must_use]
    pub fn public_keys(&self) -> BTreeSet<&str> {
        let keys = self.0.sources.layers.iter().flat_map(|data| data.settings.keys());
        keys.map(String::as_str).filter(|key| !is_secret(key)).collect()
    }
}

impl Inner {
    fn exposure(&self, url: &Url) -> Option<Exposure<'_>> {
        self.routes.exposure(url, self.network.proxy_for(url))
    }

    fn withheld_on_the_way(&self, url: &Url) -> Option<WithheldCredentials> {
        let (_, is_users) = self.credentials.find(url)?;
        let exposure = self.exposure(url).filter(|_| is_users)?;
        Some(WithheldCredentials::on_the_way(url, exposure))
    }

    /// A word on each registry that would be asked with the user's credentials, and is not.
    fn warn_of_withheld(&mut self) {
        let scopes = self.scopes.iter().map(|(scope, url)| (format!("{scope}:registry"), url));
        let registries = scopes.chain([("registry".to_owned(), &self.registry)]);
        let withheld = registries.filter_map(|(key, url)| {
            let mut withheld = self.withheld_on_the_way(url)?;
            if withheld.origin == Origin::Default {
                // It is the registry's own line that says so.
                withheld.origin = self.sources.find(&key)?.setting.origin.clone();
            }
            Some(withheld)
        });
        let withheld: Vec<_> = withheld.collect();
        for one in withheld {
            let warning = Warning { message: one.message(), origin: one.origin };
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }
}

/// Keys whose values are credentials. A script must not inherit them.
fn is_secret(key: &str) -> bool {
    key.starts_with("//")
        || key.starts_with('_')
        || matches!(key, "cert" | "key" | "otp" | "password" | "username")
}

fn env_path(env: &BTreeMap<String, String>, name: &str) -> Option<PathBuf> {
    env.get(name).filter(|text| !text.is_empty()).map(PathBuf::from)
}

fn read_layers(options: &LoadOptions, home: Option<PathBuf>, root: &Path) -> Result<Sources, ConfigError> {
    let env = &options.env;
    let mut sources = Sources {
        layers: vec![
            layers::from_flags(&options.flags, &options.cwd),
            layers::from_environment(env, &options.cwd),
        ],
        home,
    };
    // Only flags and environment say where the user's file is: a project that could name it could pose as the user.
    let user_file = sources
        .find("userconfig")
        .and_then(|found| sources.resolve_path(found))
        .or_else(|| sources.home.as_ref().map(|home| home.join(".npmrc")));
    let user = read_file(Layer::User, user_file.as_deref(), env)?;
    let project_file = root.join(".npmrc");
    // In the home directory, the same file is the user's.
    let project_file = (user_file.as_ref() != Some(&project_file)).then_some(project_file);
    sources.layers.push(read_file(Layer::Project, project_file.as_deref(), env)?);
    sources.layers.push(user);
    let global_file = global_file(&sources, env);
    sources.layers.push(read_file(Layer::Global, global_file.as_deref(), env)?);
    Ok(sources)
}

fn read_file(
    layer: Layer,
    path: Option<&Path>,
    env: &BTreeMap<String, String>,
) -> Result<LayerData, ConfigError> {
    match path {
        Some(path) => layers::from_file(layer, path, env),
        None => Ok(LayerData { layer, base: PathBuf::new(), settings: BTreeMap::new() }),
    }
}

/// `globalconfig`, else `etc/npmrc` in the global prefix: `prefix` of environment or user, `PREFIX`, or the folder
/// above the one that node is in.
fn global_file(sources: &Sources, env: &BTreeMap<String, String>) -> Option<PathBuf> {
    if let Some(path) = sources.find_trusted("globalconfig").and_then(|found| sources.resolve_path(found)) {
        return Some(path);
    }
    let configured = [Layer::Environment, Layer::User].iter().find_map(|layer| {
        let data = sources.layer(*layer)?;
        let setting = data.settings.get("prefix")?;
        sources.resolve_path(Found { data, setting })
    });
    let prefix = configured.or_else(|| env_path(env, "PREFIX")).or_else(|| node_prefix(env))?;
    Some(prefix.join("etc/npmrc"))
}

fn node_prefix(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let name = if cfg!(windows) { "node.exe" } else { "node" };
    let node = std::env::split_paths(env.get("PATH")?)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|node| node.is_file())?;
    let folder = node.canonicalize().ok()?;
    let folder = folder.parent()?;
    if cfg!(windows) { Some(folder.to_owned()) } else { folder.parent().map(Path::to_owned) }
}

fn type_all(sources: Sources, project: Project, options: &LoadOptions) -> Result<Inner, ConfigError> {
    let env = &options.env;
    let mut warnings = check_lists(&sources)?;
    let trusted = TrustedHosts::collect(&sources);
    let mut credentials = CredentialTable::collect(&sources, &trusted, &mut warnings)?;
    let mut registries = Registries { sources: &sources, trusted: &trusted, credentials: &mut credentials };
    let scopes = registries.scopes()?;
    let registry = registries.registry("registry")?.unwrap_or_else(public_registry);
    let started_in = project.workspace.as_ref().map(|path| path.to_string_lossy().into_owned());
    Ok(Inner {
        registry_hosts: registry_hosts(scopes.values().chain([&registry]), &trusted),
        routes: Routes::read(&sources, scopes.values().chain([&registry]))?,
        registry,
        scopes,
        network: Network::read(&sources, &trusted, env)?,
        cache_dir: cache_dir(&sources, &project.root, options, &mut warnings),
        resolve: ResolveSettings::read(&sources)?,
        install: InstallSettings::read(&sources, env)?,
        save: SaveSettings::read(&sources)?,
        lock: LockSettings::read(&sources)?,
        scripts: ScriptSettings::read(&sources)?,
        workspaces: WorkspaceSettings::read(&sources, started_in)?,
        display: DisplaySettings::read(&sources, env)?,
        warnings,
        credentials,
        project,
        sources,
    })
}

/// A key that holds one value and was given several times keeps the last; only its words are checked by the readers.
/// Keys that nobody of utoo reads yet, but npm types, must be right too: a typo found late is a typo kept.
/// What is left out of a list of words is only said.
fn check_lists(sources: &Sources) -> Result<Vec<Warning>, ConfigError> {
    let mut warnings = Vec::new();
    for definition in keys::definitions() {
        match definition.kind {
            Kind::ListOf(_) => warnings.extend(sources.unknown_words(definition.key)),
            Kind::OneOf(_) => drop(sources.word(definition.key)?),
            Kind::Boolean => drop(sources.boolean_if_set(definition.key)?),
            _ => {}
        }
    }
    Ok(warnings)
}

struct Registries<'a> {
    sources: &'a Sources,
    trusted: &'a TrustedHosts,
    credentials: &'a mut CredentialTable,
}

impl Registries<'_> {
    fn scopes(&mut self) -> Result<BTreeMap<String, Url>, ConfigError> {
        let keys: BTreeSet<&String> = self
            .sources
            .layers
            .iter()
            .flat_map(|data| data.settings.keys())
            .filter(|key| is_scope(key))
            .collect();
        let mut scopes = BTreeMap::new();
        for key in keys {
            if let Some(url) = self.registry(key)? {
                scopes.insert(key.trim_end_matches(":registry").to_owned(), url);
            }
        }
        Ok(scopes)
    }

    fn registry(&mut self, key: &str) -> Result<Option<Url>, ConfigError> {
        let Some(found) = self.sources.find(key) else { return Ok(None) };
        if matches!(found.setting.text(), "" | "null") {
            return Ok(None);
        }
        let url = value::registry_url(found.setting.text()).ok_or_else(|| invalid(key, found.setting))?;
        self.trusted.check_url(key, found, &url)?;
        Ok(Some(self.without_credentials(url, found)))
    }

    /// Moves user name and password from a URL to the table, so that the URL can be shown and compared.
    fn without_credentials(&mut self, mut url: Url, found: Found<'_>) -> Url {
        if !url.username().is_empty() || url.password().is_some() {
            self.credentials.insert_url(&url, found);
            // Both fail only for URLs that cannot carry credentials.
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        url
    }
}

fn is_scope(key: &str) -> bool {
    key.starts_with('@') && key.ends_with(":registry")
}

fn cache_dir(sources: &Sources, root: &Path, options: &LoadOptions, warnings: &mut Vec<Warning>) -> PathBuf {
    let mut key = sources.find("cache-dir");
    if let Some(found) = key.filter(|found| found.data.layer == Layer::Project)
        && sources.resolve_path(found).is_some_and(|path| !is_inside(root, &path))
    {
        // `utoo clean` removes what is in there.
        let message = "`cache-dir` is not used: a project's cache is inside the project".to_owned();
        warnings.push(Warning { origin: found.setting.origin.clone(), message });
        key = sources.find_trusted("cache-dir");
    }
    let flag = key.filter(|found| found.data.layer == Layer::Flags);
    let below_home = || sources.home.as_ref().map(|home| home.join(".cache"));
    // XDG says that a relative path is to be ignored.
    let xdg = || env_path(&options.env, "XDG_CACHE_HOME").filter(|path| path.is_absolute());
    flag.and_then(|found| sources.resolve_path(found))
        .or_else(|| {
            env_path(&options.env, "UTOO_CACHE_DIR").map(|path| value::normalize(&options.cwd.join(path)))
        })
        .or_else(|| sources.resolve_path(key?))
        .or_else(|| xdg().or_else(below_home).map(|cache| cache.join("utoo")))
        .unwrap_or_else(|| std::env::temp_dir().join("utoo-cache"))
}

/// Whether a path is below a folder, also when every link on the way is followed.
fn is_inside(root: &Path, path: &Path) -> bool {
    let there = path.ancestors().find_map(|above| above.canonicalize().ok());
    let below = |root: &Path, path: &Path| path.starts_with(root) && path != root;
    let inside = |there: PathBuf, root: PathBuf| there.starts_with(root);
    below(root, path) && there.zip(root.canonicalize().ok()).is_some_and(|(there, root)| inside(there, root))
}
