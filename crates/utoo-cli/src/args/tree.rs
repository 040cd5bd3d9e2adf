//! clap's tree: commands, what they take, and their help.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};

/// The whole tree, as help and completions see it.
pub(crate) fn tree(program: &'static str) -> Command {
    let mut root = Command::new(program)
        .version(env!("CARGO_PKG_VERSION"))
        .about("Installs the dependencies of JavaScript projects: npm's tree and lockfile, faster")
        .after_help(ROOT_HELP)
        .subcommand_required(false)
        .disable_help_subcommand(true)
        .allow_external_subcommands(true)
        .external_subcommand_value_parser(clap::value_parser!(String))
        .arg(
            Arg::new("version")
                .short('v')
                .short_alias('V')
                .long("version")
                .action(ArgAction::Version)
                .help("Print the version"),
        )
        .disable_version_flag(true)
        .args(global_args());
    for command in commands() {
        root = root.subcommand(command);
    }
    root
}

/// Each command by its name; what it takes is put together only for the one that is run, or when help is printed.
fn commands() -> Vec<Command> {
    vec![
        install(),
        Command::new("uninstall")
            .visible_aliases(["rm", "remove", "un"])
            .alias("unlink")
            .alias("r")
            .about("Take packages out of package.json, the lockfile and node_modules")
            .defer(|command| {
                command
                    .arg(names("names", "Names of packages").required(true))
                    .args(save_args())
                    .after_help(UNINSTALL_HELP)
            }),
        Command::new("update")
            .visible_aliases(["up", "upgrade"])
            .alias("udpate")
            .about("Move packages to the newest versions that package.json allows")
            .defer(|command| {
                command
                    .arg(names("names", "Names of packages, however deep; without one, all"))
                    .args(save_args())
                    .after_help(UPDATE_HELP)
            }),
        Command::new("dedupe")
            .visible_alias("ddp")
            .about("Have fewer copies of the same package, where one version serves all")
            .defer(|command| command.after_help(DEDUPE_HELP)),
        Command::new("prune")
            .about("Remove packages that package.json no longer asks for")
            .defer(|command| command.after_help(PRUNE_HELP)),
        Command::new("shrinkwrap")
            .about("Turn package-lock.json into npm-shrinkwrap.json, which is published with the package")
            .defer(|command| command.after_help(SHRINKWRAP_HELP)),
        Command::new("deps")
            .about("Resolve and write package-lock.json, without downloading packages")
            .defer(|command| command.after_help(DEPS_HELP)),
        Command::new("ci")
            .visible_alias("clean-install")
            .about("Install exactly what package-lock.json says, from scratch")
            .defer(|command| command.after_help(CI_HELP)),
        Command::new("run")
            .visible_alias("run-script")
            .alias("rum")
            .alias("urn")
            .about("Run a script of package.json; without a name, list the scripts")
            .defer(|command| {
                command
                    .arg(Arg::new("script").help("Name of the script"))
                    .arg(script_args())
                    .after_help(RUN_HELP)
            }),
        shortcut("test", "Run the script `test`").visible_alias("t").alias("tst"),
        shortcut("start", "Run the script `start`, or `node server.js`"),
        shortcut("stop", "Run the script `stop`"),
        shortcut("restart", "Run the script `restart`, or `stop` and `start`"),
        Command::new("ls")
            .visible_aliases(["list", "ll", "la"])
            .about("Show the installed packages as a tree, and what is wrong with them")
            .defer(|command| {
                command
                    .arg(names("names", "Show only paths to these: name, or name@range"))
                    .after_help(LS_HELP)
            }),
        Command::new("explain")
            .visible_alias("why")
            .about("Say why packages are where they are: who wants them, and which versions were considered")
            .defer(|command| {
                let packages =
                    "name, name@range, or a path in the tree; without one, the peer conflicts are explained";
                command.arg(names("packages", packages)).after_help(EXPLAIN_HELP)
            }),
        Command::new("approve-scripts")
            .about("Allow install scripts of dependencies, in allowScripts of package.json")
            .defer(|command| {
                command
                    .arg(names("names", "Installed packages; on a terminal, without any, you are asked"))
                    .arg(long_only("allow-scripts-pending", "Only list those that wait for a review"))
                    .arg(long_only("no-allow-scripts-pin", "Allow every version, not only the installed one"))
                    .after_help(APPROVE_HELP)
            }),
        Command::new("deny-scripts")
            .about("Deny install scripts of dependencies, in allowScripts of package.json")
            .defer(|command| {
                command
                    .arg(names("names", "Installed packages; on a terminal, without any, you are asked"))
                    .after_help(DENY_HELP)
            }),
        Command::new("ignored-scripts")
            .about("List install scripts of dependencies that don't run, and why")
            .defer(|command| command.after_help(IGNORED_HELP)),
        Command::new("rebuild")
            .visible_alias("rb")
            .about("Run the allowed install scripts of installed packages once more, from fresh files")
            .defer(|command| {
                command.arg(names("names", "Only these: name, or name@range")).after_help(REBUILD_HELP)
            }),
        Command::new("store")
            .about("Look after the packages in the cache: verify, prune, path")
            .defer(|command| command.arg(action(&["verify", "prune", "path"])).after_help(STORE_HELP)),
        Command::new("cache").about("Look after the cache: verify, clean, ls, path").defer(|command| {
            command.arg(action(&["verify", "clean", "ls", "list", "path", "dir"])).after_help(CACHE_HELP)
        }),
        Command::new("clean")
            .about("Remove utoo's cache: packages, metadata and tarballs")
            .defer(|command| command.after_help(CLEAN_HELP)),
        Command::new("completions").about("Print a completion script for a shell").defer(|command| {
            command
                .arg(Arg::new("shell").required(true).value_parser(clap::value_parser!(clap_complete::Shell)))
                .after_help(COMPLETIONS_HELP)
        }),
    ]
}

fn action(words: &'static [&'static str]) -> Arg {
    Arg::new("action").required(true).value_parser(words.to_vec()).help("What to do")
}

fn install() -> Command {
    Command::new("install")
        .visible_aliases(["i", "add"])
        .aliases(["in", "ins", "inst", "insta", "instal", "isntall", "isnt"])
        .about("Install a project's dependencies; with packages, add them first")
        .defer(|command| {
            command
        .arg(names(
            "specs",
            "Packages to add: name, name@range, name@tag, alias@npm:name, folder, tarball, git or URL",
        ))
        .args(save_args())
        .after_help(INSTALL_HELP)
        })
}

fn shortcut(name: &'static str, about: &'static str) -> Command {
    Command::new(name)
        .about(about)
        .defer(|command| command.arg(script_args()).after_help("Same as `utoo run` with this name."))
}

fn names(id: &'static str, help: &'static str) -> Arg {
    Arg::new(id).num_args(0..).action(ArgAction::Append).help(help)
}

fn script_args() -> Arg {
    Arg::new("args")
        .num_args(0..)
        .action(ArgAction::Append)
        .help("Arguments of the script; its flags stand behind `--`")
}

/// A flag that is a configuration key with a short form. Its long form is taken out before clap sees it, and stands
/// here for help and completions.
fn switch(key: &'static str, short: char, help: &'static str) -> Arg {
    Arg::new(key).long(key).short(short).action(ArgAction::SetTrue).help(help)
}

const SAVE_SWITCHES: [(&str, char, &str); 6] = [
    ("save-dev", 'D', "Save to devDependencies"),
    ("save-optional", 'O', "Save to optionalDependencies"),
    ("save-prod", 'P', "Save to dependencies, also what is in another block"),
    ("save-exact", 'E', "Save the exact version instead of a range"),
    ("save-bundle", 'B', "Save to bundleDependencies as well"),
    ("save", 'S', "Save to package.json (the default)"),
];

fn save_args() -> Vec<Arg> {
    let mut args: Vec<Arg> = SAVE_SWITCHES.map(|(key, short, help)| switch(key, short, help)).into();
    args.push(long_only("save-peer", "Save to peerDependencies"));
    args.push(long_only("no-save", "Leave package.json as it is"));
    args
}

fn long_only(key: &'static str, help: &'static str) -> Arg {
    Arg::new(key).long(key).action(ArgAction::SetTrue).help(help)
}

const GLOBAL_SWITCHES: [(&str, char, &str); 4] = [
    ("force", 'f', "Go on where npm would with --force"),
    ("all", 'a', "ls: show every level; approve-scripts, deny-scripts: everyone who waits"),
    ("long", 'l', "ls: show more of each package"),
    ("parseable", 'p', "ls: show paths, one a line"),
];

/// Flags of every command. What is a configuration key here is for help and completions.
fn global_args() -> Vec<Arg> {
    let value = |key: &'static str, name: &'static str, help: &'static str| {
        Arg::new(key).long(key).value_name(name).num_args(1).action(ArgAction::Append).help(help).global(true)
    };
    let mut args = vec![
        Arg::new("prefix")
            .short('C')
            .long("prefix")
            .value_name("DIR")
            .value_parser(clap::value_parser!(PathBuf))
            .value_hint(ValueHint::DirPath)
            .help("The project's folder, instead of looking for it upwards")
            .global(true),
        value("registry", "URL", "The registry to ask"),
        value("cache-dir", "DIR", "Where utoo keeps its cache").value_hint(ValueHint::DirPath),
        value("omit", "KIND", "Leave dev, optional or peer dependencies out of node_modules"),
        value("include", "KIND", "Take prod, dev, optional or peer dependencies in, whatever omits them"),
        value("workspace", "NAME", "Only this workspace, by name or folder").short('w'),
        Arg::new("quiet")
            .short('q')
            .long("quiet")
            .action(ArgAction::SetTrue)
            .help("Show nothing but errors")
            .global(true),
        Arg::new("global").short('g').long("global").action(ArgAction::SetTrue).hide(true).global(true),
    ];
    for (key, help) in [
        ("ignore-scripts", "Run no scripts of packages or the project"),
        ("foreground-scripts", "Show what install scripts of packages write, and run one at a time"),
        ("offline", "Ask only the cache, never the network"),
        ("prefer-offline", "Ask the cache first, however old it is"),
        ("legacy-peer-deps", "Leave peer dependencies out of the tree, as npm 6 did"),
        ("strict-peer-deps", "Fail on every conflict of peer dependencies"),
        ("workspaces", "Every workspace"),
        ("json", "Print one JSON document instead of text"),
        ("timing", "Print where the time went; --timing=trace also writes utoo-trace.json"),
        ("no-color", "Use no colours"),
    ] {
        args.push(long_only(key, help).global(true));
    }
    args.extend(
        GLOBAL_SWITCHES.map(|(key, short, help)| switch(key, short, help).global(true).hide_short_help(true)),
    );
    args
}

/// The configuration that short forms stand for.
pub(super) fn short_flags(found: &ArgMatches) -> Vec<(String, String)> {
    let mut flags = Vec::new();
    for (key, _, _) in SAVE_SWITCHES.iter().chain(&GLOBAL_SWITCHES) {
        if found.try_get_one::<bool>(key).is_ok_and(|on| on == Some(&true)) {
            flags.push(((*key).to_owned(), "true".to_owned()));
        }
    }
    for workspace in found.get_many::<String>("workspace").into_iter().flatten() {
        flags.push(("workspace".to_owned(), workspace.clone()));
    }
    flags
}

const ROOT_HELP: &str = "\
Every npm configuration key is a flag: --fetch-retries 5, --no-package-lock, --install-strategy=linked.

Examples:
  utoo install              install what package.json asks for
  utoo add react            add a package
  utoo build                run the script `build`
  utoo install --timing=trace
                            write every stage and job to utoo-trace.json, for chrome://tracing

Exit codes: 0 done, 1 may work when tried again, 2 usage, 3 credentials, 4 not found, 5 rate limited,
7 something must be changed first, 11 this machine; a script's own code is passed on.";

const INSTALL_HELP: &str = "\
Examples:
  utoo install                          install what package.json asks for
  utoo add react react-dom@18           add two packages to dependencies
  utoo add -D typescript                add to devDependencies
  utoo add -E left@npm:right@1.2.3      add an alias, with its exact version
  utoo install --omit=dev               leave devDependencies out
  utoo install --install-links          pack folders (file:lib) and install them as any package";

const UNINSTALL_HELP: &str = "\
Examples:
  utoo uninstall react
  utoo rm @types/node typescript";

const UPDATE_HELP: &str = "\
package.json stays as it is, unless --save is given.

Examples:
  utoo update                    all packages
  utoo update react lodash       these, wherever they are
  utoo update --save             raise the ranges in package.json too
  utoo update left -w packages/a";

const DEDUPE_HELP: &str = "\
Examples:
  utoo dedupe
  utoo dedupe --dry-run --json";

const PRUNE_HELP: &str = "\
Examples:
  utoo prune
  utoo prune --omit=dev          take devDependencies off the disk, and leave them in the lockfile";

const SHRINKWRAP_HELP: &str = "\
Examples:
  utoo shrinkwrap
  utoo shrinkwrap --lockfile-version=2";

const DEPS_HELP: &str = "\
Fields of the lockfile that only a package's own files tell (`license` where the registry leaves it out) are
filled by the next `utoo install` with the same cache.

Examples:
  utoo deps
  utoo deps --prefer-offline";

const CI_HELP: &str = "\
Removes node_modules first, and fails where package-lock.json does not fit package.json.

Examples:
  utoo ci
  utoo ci --omit=dev --ignore-scripts";

const RUN_HELP: &str = "\
Examples:
  utoo run                       list the scripts
  utoo run build                 run `prebuild`, `build` and `postbuild`
  utoo run build -- --watch      give the script a flag
  utoo run test -w packages/a    run it in a workspace
  utoo build                     the same as `utoo run build`";

const LS_HELP: &str = "\
Examples:
  utoo ls                 direct dependencies
  utoo ls --all           every level
  utoo ls react           who brings react
  utoo ls --depth 1 --json";

const EXPLAIN_HELP: &str = "\
Explains the tree that `utoo install` would make now, from package.json and the lockfile. Versions
are those the registry has; with --offline those the cache knows. node_modules is not looked at.

Examples:
  utoo explain left                 every place of left, and who wants it
  utoo why left@1                   only where it is of version 1
  utoo explain node_modules/left    one place
  utoo explain                      overridden peer dependencies, and what resolves them
  utoo explain left --json --offline";
const APPROVE_HELP: &str = "\
An approval holds for the installed version, from where it came. `utoo install` then runs what may run.

Examples:
  utoo approve-scripts                          pick from those that wait for a review
  utoo approve-scripts esbuild sharp            these, in the installed version
  utoo approve-scripts --no-allow-scripts-pin esbuild
  utoo approve-scripts --all                    everyone who waits
  utoo approve-scripts --allow-scripts-pending  only list them";

const DENY_HELP: &str = "\
A denial holds for every version, and beats every approval.

Examples:
  utoo deny-scripts core-js
  utoo deny-scripts --all";

const IGNORED_HELP: &str = "\
Examples:
  utoo ignored-scripts
  utoo ignored-scripts --json";

const REBUILD_HELP: &str = "\
Packages are made anew from the cache before their scripts run; what allowScripts does not allow is left alone.

Examples:
  utoo rebuild                 everything that may run scripts, after another node was installed
  utoo rebuild better-sqlite3
  utoo rebuild sharp@^0.33 --foreground-scripts";

const STORE_HELP: &str = "\
verify reads every byte again and removes packages that are damaged; prune removes those that no project is linked to
(where files are cloned or copied into projects, nothing tells, and they go too; projects keep working); path says
where the store is.

Examples:
  utoo store verify
  utoo store prune --dry-run
  utoo store path";

const CACHE_HELP: &str = "\
verify and ls are about the packages; clean is `utoo clean`; path (or dir) says where the cache is.

Examples:
  utoo cache verify
  utoo cache ls --json
  utoo cache clean";

const CLEAN_HELP: &str = "\
Projects keep working: what node_modules holds does not need the cache.

Examples:
  utoo clean
  utoo clean --cache-dir /tmp/utoo-cache";

const COMPLETIONS_HELP: &str = "\
Examples:
  utoo completions bash > ~/.local/share/bash-completion/completions/utoo
  utoo completions zsh > ~/.zfunc/_utoo
  utoo completions fish > ~/.config/fish/completions/utoo.fish";
