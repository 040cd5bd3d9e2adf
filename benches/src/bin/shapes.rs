//! Records the shapes of tarballs for the benches: which files a package has, without what is in them.

use std::error::Error;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use flate2::{Compression, GzBuilder};
use utoo_benches::corpus::{Shape, shape_of, shapes_path, write_shapes};

/// Writes benches/corpus/tarballs.txt.gz from the tarballs that a recording of scripts/bench holds.
#[derive(Parser)]
struct Cli {
    /// The recording: `.cache/bench/snapshots/<workload>`.
    storage: PathBuf,
    /// One of this many packages is taken, in the order of their names.
    #[arg(long, default_value_t = 16)]
    every: usize,
}

fn main() -> ExitCode {
    utoo_benches::say(record(&Cli::parse()))
}

fn record(cli: &Cli) -> Result<String, Box<dyn Error>> {
    let mut shapes: Vec<Shape> = Vec::new();
    let packages = cli.storage.join("v1/packages");
    for folder in sorted(&packages)?.into_iter().step_by(cli.every.max(1)) {
        let Ok(tarballs) = sorted(&folder.join("tarballs")) else { continue };
        let name = folder.file_name().unwrap_or_default().to_string_lossy().replace("%2f", "/");
        // Several versions of one package have one shape.
        let Some(tarball) = tarballs.first() else { continue };
        let file = tarball.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let version = file.rsplit_once('-').map_or("1.0.0", |(_, version)| version);
        shapes.push(shape_of(&name, version, File::open(tarball)?)?);
    }
    let files = shapes.iter().flat_map(|shape| &shape.files);
    let (count, bytes) = files.fold((0, 0), |(count, bytes), file| (count + 1, bytes + file.size));
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::best());
    gzip.write_all(write_shapes(&shapes).as_bytes())?;
    let path = shapes_path();
    std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
    utoo_fs::write_atomic(&path, &gzip.finish()?)?;
    Ok(format!("{} packages, {count} files, {bytes} bytes", shapes.len()))
}

fn sorted(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
