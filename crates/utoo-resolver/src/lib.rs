//! The resolver: manifests in, npm's ideal tree out.
//!
//! Passes, in order, each a module:
//!
//! 1. `load`: package.json, workspaces and an existing lockfile become the tree to start from; the project's
//!    `overrides` become rules, which from then on decide what each edge asks for (`tree::scope`).
//! 2. `build`: edges that are missing or wrong get candidates with their peer sets, and the candidates are placed,
//!    breadth first, each as far up as everyone concerned agrees.
//! 3. `build::Builder::finish`, `tree::flags` and `platform`: what failed and was optional is left out, what
//!    nothing reaches is pruned, every node gets its marks, and what this platform cannot run becomes inert. Then
//!    `build::shrinkwrap`: what packages with an npm-shrinkwrap.json of their own list goes below them.
//! 4. `lock`: the tree becomes the lockfile.
//! 5. `graph`, if reasons were asked for: the tree as data, with what `build::record` wrote down on the way.
//!
//! [`Resolver`] is the core: it does no IO, spawns nothing, locks nothing and awaits nothing. [`resolve`] is the
//! main loop around it: one task that owns the manifest cache, the jobs in flight and the tree, asks a
//! [`Registry`] and guesses ahead (`prefetch`). The order in which answers come in never shows in the result.
//!
//! [`inspect`] stops after the first pass and shows the tree as it is.
//!
//! Where peers conflict, `fix` makes candidate edits of package.json from the conflict and tries each on the same
//! core ([`find_fixes`]).
//!
//! Never here: a socket, a file, a clock, a thread, a lock, global state.
//!
//! # Where the tree is not npm's
//!
//! On purpose; each is a scenario that says so (`-- differs --` in `fixtures/scenarios`), or is bounded by a test:
//!
//! * An override by a folder (`"a": "file:lib"`) is read from the project's root, where it is written. npm reads it
//!   from each dependent, and links to nothing (`overrides/file-folder`, `overrides/file-folder-nested`).
//! * An override that cannot be applied to a direct dependency is refused, and nothing is written. With
//!   `--package-lock-only` npm goes on as if package.json were empty: it writes a lockfile without packages, and `npm uninstall`
//!   takes all dependencies out of package.json (`overrides/lock-only-bad-key`, `overrides/lock-only-bad-key-range`,
//!   `overrides/lock-only-bad-key-range-uninstall`).
//! * When the dependency that an override refers to by `$name` is uninstalled, or installed in another range, what no longer
//!   fits is replaced at once; npm keeps it until its next install (`overrides/uninstall-referenced`,
//!   `overrides/install-referenced`).
//! * Entries that npm marks `extraneous` in the first lockfile of a project, and prunes at its next install, are not
//!   written at all (`peers/optional-conflict-deep`), nor are links of that kind, which npm does not mark
//!   (`peers/optional-closes-loop`).
//! * A workspace stays linked whatever peer sets it was tried in; npm takes its link out of the tree for that, and does
//!   not always put it back (`workspaces/peer-loses-link`).
//! * A package stays when a link to it from further down goes, such as closes a loop of packages; npm takes it out of the
//!   tree along with the link's folder, even where the project requires it (`lock/link-to-above-goes`).
//! * The project is none of its own workspaces: npm links it into its own `node_modules` (`workspaces/the-project-itself`).
//! * Two packages whose peers push each other aside for ever end as ERESOLVE; npm does not end.
//! * A lockfile with the marks of a merge is read from both sides (`lock/conflict-markers`), also where npm starts from
//!   nothing as what the sides share ends with a comma (`lock/conflict-two`).
//! * Paths in the package.json of a tarball start where the tarball lies, in that of a packed folder in the folder. npm
//!   looks for folders of the former as if the tarball were a folder (`tarballs/folder-in-tarball`,
//!   `install-links/tarball-to-folder`), and for tarballs of the latter beside the folder
//!   (`install-links/tarball-in-folder`, `install-links/tarball-of-folder`).
//! * A path in the package.json of a package from a registry is refused (`tarballs/file-in-remote`); npm reads it from
//!   wherever the package comes to lie.
//! * A folder of a git repository (`git+…#path:packages/a`) is refused by name. npm installs it, but its lockfile forgets the
//!   folder, so that its next install takes another package (`git/path`).
//! * Where git fails, npm's code is git's exit code; here it is a word that says what failed (`git/unknown-ref`,
//!   `git/unknown-repository`, `git/hosted-github-auth`, `tarballs/file-bare`).
//! * For an optional dependency that is asked for and not there, package.json gets the spec that was asked for; npm saves
//!   one that nothing can read (`save/request-missing`, `save/request-no-tag-in`).
//! * What the shrinkwrap of a package lists has to run on this platform as everything else has to. npm looks at platforms
//!   before it reads shrinkwraps, and so installs what its next `npm ci` refuses (`has-shrinkwrap/platform-required`) or
//!   what no platform of the project runs (`has-shrinkwrap/platform`, `has-shrinkwrap/platform-ci`,
//!   `has-shrinkwrap/platform-again`).
//! * Links that the shrinkwrap of a package lists, to folders inside of the package, are not made
//!   (`has-shrinkwrap/link`).
//! * Commands of a package are linked also where the shrinkwrap that lists it does not mention them
//!   (`has-shrinkwrap/bins-unsaid`).
//! * The project's `engines` are looked at also where it has `devEngines` (`engines/dev-and-engines`).
//! * An `os`, `cpu` or `libc` that is neither a text nor a list demands nothing of what is required; npm ends with a TypeError
//!   (`platform/os-object`). An optional package is left out for it by both.
//! * A package.json that is a list with something in it is refused (`workspaces/package-is-a-full-list`); an empty one is an
//!   empty object, also where it is the project's, of which npm then writes no entry (`workspaces/root-is-a-list`).
//! * A peer that is needed far below an optional dependency is placed; in a rare constellation npm leaves it out
//!   (`optional/peer-far-below`).
//! * A digest of a version 1 lockfile that cannot be read gives way to the one of the package's manifest, which its tarball is
//!   held to (`lock/v1-integrity-nonsense`); npm keeps it, and checks nothing.
//! * A `resolved` that is no address is refused before anyone is asked (`lock/resolved-nonsense`), and a setting whose value
//!   is none of those that it can have, with its file and line (`strategy/unknown-strategy`); npm takes the first for a tag and
//!   the default for the second.
//! * An optional dependency that cannot be had does not put a lockfile out of step (`ci/optional-unavailable`).
//! * What a bundled package needs and its bundle lacks is in the tree at once; npm has it there from its next install on
//!   (`bundled/needs-outside`). What a tarball holds in its `node_modules` and does not name as bundled is not there, nor
//!   in the lockfile, and whoever is placed there replaces all of it (`bundled/unnamed-in-tarball`, `tarballs/stray-nested`,
//!   `tarballs/stray-nested-ci`). What is in a bundle for another platform is refused once a lockfile has it, by npm also where
//!   that is all that has changed (`bundled/platform-again`).
//!
//! Of linked trees (`--install-strategy=linked`), which the installer lays out from the hoisted one; keys, package-lock.json
//! and links are npm's but for these:
//!
//! * A folder under another name than its own is linked under the name that is asked for; npm links it under its own, where
//!   nobody finds it (`linked/folder-other-name`).
//! * What a workspace in the folder of another needs is there; npm leaves it out (`linked/workspace-in-workspace`).
//! * A package that depends on another version of itself has that in its own `node_modules`; npm puts a link to it in the
//!   place of the package (`linked/self`).
//! * The hidden lockfile lists what is on disk: npm's also lists what an install for one workspace left out
//!   (`linked/one-workspace`), and optional packages that could not be had (`linked/optional-missing`).
//! * An install that has nothing to do writes nothing; npm then takes the integrity of all packages out of the hidden
//!   lockfile (`linked/again`).
//! * Without a package-lock.json, the next install resolves anew; npm reads its own list of the store as an ideal tree,
//!   and empties the store (`linked/no-lock`).
//!
//! ```
//! use utoo_resolver::{ManifestCache, ManifestJob, ManifestJobDone, Project, ResolveOptions, Resolver, Step};
//! use utoo_types::{Manifest, Packument};
//!
//! // The registry: one package in two versions.
//! let packument = Packument::from_json(
//!     br#"{"name": "left", "dist-tags": {"latest": "1.1.0"},
//!          "versions": {"1.0.0": {"name": "left", "version": "1.0.0"},
//!                       "1.1.0": {"name": "left", "version": "1.1.0"}}}"#.to_vec(),
//! )?;
//! let manifest = serde_json::json!({"name": "app", "dependencies": {"left": "^1.0.0"}});
//! let (project, options) = (Project::new(Manifest::from_value(&manifest)), ResolveOptions::default());
//!
//! let mut resolver = Resolver::new(&project, &options)?;
//! let mut cache = ManifestCache::new();
//! while let Step::Blocked(jobs) = resolver.advance(&cache)? {
//!     for job in jobs {
//!         let ManifestJob::Version { name, .. } = job else { continue };
//!         cache.insert(ManifestJob::Full { name }, Ok(ManifestJobDone::Full(packument.clone())));
//!     }
//! }
//! let lockfile = resolver.finish()?.lockfile;
//! assert_eq!(lockfile.packages["node_modules/left"].version.as_deref(), Some("1.1.0"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build;
mod cache;
mod error;
mod fix;
mod graph;
mod inspect;
mod load;
mod lock;
mod options;
mod overrides;
mod platform;
mod prefetch;
mod registry;
mod resolve;
mod resolver;
mod tree;

pub use build::{ConflictNode, Obstacle, PeerConflict, Step, Trial, TrialVerdict, Warning};
pub use cache::ManifestCache;
pub use error::{Dependent, ResolveError};
pub use fix::{Bounds, Change, Edit, Fix, FixSearch, find_fixes};
pub use graph::{Choice, EdgeProblem, Graph, GraphEdge, Origin, Overriding, Place, PlaceKind, Unfit};
pub use inspect::inspect;
pub use load::{Folder, Project, check_project};
pub use options::{
    Conflicts, Dedupe, EngineCheck, Folders, Goal, InstallStrategy, OptionalPeers, Peers, Record,
    ResolveOptions,
};
pub use registry::{
    Bundled, Documents, ErrorCategory, ManifestJob, ManifestJobDone, Registry, RegistryError, SourceManifest,
};
pub use resolve::{ResolveEvent, resolve, resolve_when, resolve_with};
pub use resolver::{Chosen, Resolution, Resolver, Spent};
pub use tree::{DependencyEdge, EdgeKind};

/// The example in the repository's README is compiled and run with this crate's.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
