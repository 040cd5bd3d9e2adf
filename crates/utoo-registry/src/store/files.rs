//! The two files of the manifest store: read as a whole by whoever looks, appended to by whoever holds the lock.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustc_hash::FxHashMap;
use utoo_fs::DirLock;

use super::index::{self, ENTRY, HEAD, MAGIC, PACK_MAGIC, Slot};

/// How long another process may hold the lock before this one gives up: what is not written is only cache.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(2);
/// An index is not read beyond this: 25 million documents.
const MAX_INDEX: u64 = 1 << 30;

/// How large a pack may grow, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Below this nothing is thrown away.
    pub(super) small: u64,
    /// Beyond this the documents that were fetched longest ago are dropped, until half of it is left.
    pub(super) large: u64,
}

impl Default for Bounds {
    /// 32 MiB, and 512 MiB: about 80,000 documents.
    fn default() -> Self {
        Self { small: 32 << 20, large: 512 << 20 }
    }
}

/// A pack as this process knows it.
#[derive(Clone, Debug)]
pub(super) struct Pack {
    id: u64,
    pub(super) file: Arc<File>,
    pub(super) slots: FxHashMap<u64, Slot>,
}

impl Pack {
    /// Reads the index and opens its pack; `None` where there is none that can be read.
    pub(super) fn read(root: &Path) -> Option<Self> {
        // Once more where the pack was replaced between the two.
        Self::read_once(root).or_else(|| Self::read_once(root))
    }

    fn read_once(root: &Path) -> Option<Self> {
        let path = root.join("index");
        if std::fs::metadata(&path).ok()?.len() > MAX_INDEX {
            return None;
        }
        let bytes = utoo_fs::read(path).ok()?;
        let id = index::id_of(MAGIC, &bytes)?;
        let file = utoo_fs::open(pack_path(root, id)).ok()?;
        let length = file.metadata().ok()?.len();
        let mut slots = FxHashMap::with_capacity_and_hasher(bytes.len() / ENTRY, Default::default());
        for (hash, slot) in bytes[HEAD..].chunks_exact(ENTRY).filter_map(index::decode) {
            match slot.offset.checked_add(slot.length.into()).is_some_and(|end| end <= length) {
                true => slots.insert(hash, slot),
                false => slots.remove(&hash),
            };
        }
        Some(Self { id, file: Arc::new(file), slots })
    }
}

/// The files, open for appending, with the lock held.
pub(super) struct Appender<'a> {
    root: &'a Path,
    index: File,
    index_end: u64,
    pub(super) pack: Pack,
    pack_end: u64,
    _lock: DirLock,
}

impl<'a> Appender<'a> {
    /// Takes the lock and opens the files, new ones where there are none that can be used. `known` is what the caller
    /// knows of the pack: it stays, unless another process made a new one.
    pub(super) fn open(root: &'a Path, known: Option<Pack>) -> io::Result<Self> {
        let lock = lock(root)?;
        let current = read_id(root).filter(|id| pack_path(root, *id).is_file());
        let id = match current {
            Some(id) => id,
            None => create(root)?,
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let index = utoo_fs::open_with(root.join("index"), &options)?;
        let file = Arc::new(utoo_fs::open_with(pack_path(root, id), &options)?);
        let entries = index.metadata()?.len().saturating_sub(HEAD as u64) / ENTRY as u64;
        let index_end = HEAD as u64 + entries * ENTRY as u64;
        let pack_end = file.metadata()?.len().max(HEAD as u64);
        let slots = match known {
            Some(known) if known.id == id => known.slots,
            _ => Pack::read(root).map(|pack| pack.slots).unwrap_or_default(),
        };
        Ok(Self { root, index, index_end, pack: Pack { id, file, slots }, pack_end, _lock: lock })
    }

    /// Where the next document will be.
    pub(super) fn end(&self) -> u64 {
        self.pack_end
    }

    /// Appends documents, and then the entries that name them.
    pub(super) fn append(&mut self, documents: &[u8], entries: &[(u64, Slot)]) -> io::Result<()> {
        utoo_fs::write_all_at(
            &self.pack.file,
            &pack_path(self.root, self.pack.id),
            self.pack_end,
            documents,
        )?;
        self.pack_end += documents.len() as u64;
        let encoded: Vec<u8> = entries.iter().flat_map(|(hash, slot)| index::encode(*hash, *slot)).collect();
        utoo_fs::write_all_at(&self.index, &self.root.join("index"), self.index_end, &encoded)?;
        self.index_end += encoded.len() as u64;
        self.pack.slots.extend(entries.iter().copied());
        Ok(())
    }

    /// Keeps the files within bounds, and gives back what is known of them.
    pub(super) fn settle(mut self, bounds: Bounds) -> io::Result<Pack> {
        let named: u64 = self.pack.slots.values().map(|slot| u64::from(slot.length)).sum();
        let wasteful = self.pack_end > bounds.small && named < self.pack_end / 2;
        let repetitive = self.index_end / (ENTRY as u64) > 4 * self.pack.slots.len() as u64 + 4096;
        let too_large = self.pack_end > bounds.large;
        if wasteful || too_large || repetitive {
            // What other processes appended is known to the file only.
            self.pack.slots = Pack::read(self.root).map(|pack| pack.slots).unwrap_or_default();
        }
        if wasteful || too_large {
            self.repack(bounds.large / 2)?;
        } else if repetitive {
            self.write_index(self.pack.id, &self.pack.slots)?;
        }
        Ok(self.pack)
    }

    /// Makes a new pack of the documents that were fetched last, up to this many bytes.
    fn repack(&mut self, most: u64) -> io::Result<()> {
        let mut kept: Vec<(u64, Slot)> = self.pack.slots.iter().map(|(hash, slot)| (*hash, *slot)).collect();
        kept.sort_unstable_by_key(|(_, slot)| std::cmp::Reverse(slot.lease.fetched_at));
        let (id, file) = create_pack(self.root)?;
        let mut end = HEAD as u64;
        let mut slots = FxHashMap::default();
        for (hash, slot) in kept {
            let mut document = vec![0; slot.length as usize];
            if end + u64::from(slot.length) > most
                || read_at(&self.pack.file, slot.offset, &mut document).is_err()
            {
                continue;
            }
            utoo_fs::write_all_at(&file, &pack_path(self.root, id), end, &document)?;
            slots.insert(hash, Slot { offset: end, ..slot });
            end += u64::from(slot.length);
        }
        self.write_index(id, &slots)?;
        // Who reads the old one has it open.
        let _ = utoo_fs::remove_file(pack_path(self.root, self.pack.id));
        self.pack = Pack { id, file: Arc::new(file), slots };
        Ok(())
    }

    fn write_index(&self, id: u64, slots: &FxHashMap<u64, Slot>) -> io::Result<()> {
        let mut bytes = index::head(MAGIC, id).to_vec();
        bytes.extend(slots.iter().flat_map(|(hash, slot)| index::encode(*hash, *slot)));
        utoo_fs::write_atomic(self.root.join("index"), bytes).map_err(io::Error::other)
    }
}

/// Removes what killed processes left: temporary files, and packs that the index does not name. The lock must be held.
pub(super) fn sweep(appender: &Appender<'_>) {
    utoo_fs::sweep_temporary(appender.root);
    let current = pack_path(appender.root, appender.pack.id);
    let Ok(entries) = utoo_fs::read_dir(appender.root) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_pack =
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX));
        if is_pack && path != current {
            let _ = utoo_fs::remove_file(path);
        }
    }
}

const PREFIX: &str = "pack-";

fn pack_path(root: &Path, id: u64) -> PathBuf {
    root.join(format!("{PREFIX}{id:016x}"))
}

fn lock(root: &Path) -> io::Result<DirLock> {
    let started = Instant::now();
    loop {
        match DirLock::try_acquire(root.join("lock")).map_err(io::Error::other)? {
            Some(lock) => return Ok(lock),
            None if started.elapsed() > PATIENCE => return Err(io::ErrorKind::TimedOut.into()),
            None => thread::sleep(PAUSE),
        }
    }
}

fn read_id(root: &Path) -> Option<u64> {
    let mut head = [0; HEAD];
    read_at(&utoo_fs::open(root.join("index")).ok()?, 0, &mut head).ok()?;
    index::id_of(MAGIC, &head)
}

/// An empty pack, and an index that names it.
fn create(root: &Path) -> io::Result<u64> {
    let (id, _) = create_pack(root)?;
    utoo_fs::write_atomic(root.join("index"), index::head(MAGIC, id)).map_err(io::Error::other)?;
    Ok(id)
}

/// A pack of a name that no other has.
fn create_pack(root: &Path) -> io::Result<(u64, File)> {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let mut id = (nanos as u64) ^ (u64::from(std::process::id()) << 48);
    loop {
        match utoo_fs::create_new(pack_path(root, id)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => id = id.wrapping_add(1),
            Err(error) => return Err(error),
            Ok(file) => {
                utoo_fs::write_all_at(&file, &pack_path(root, id), 0, &index::head(PACK_MAGIC, id))?;
                return Ok((id, file));
            }
        }
    }
}

#[cfg(unix)]
pub(super) fn read_at(file: &File, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// Two threads that read at once may get each other's bytes, which the checksums notice.
#[cfg(not(unix))]
pub(super) fn read_at(mut file: &File, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
    use io::{Read as _, Seek as _};
    file.seek(io::SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}
