use super::super::format::Kind;
use super::*;

const SLOT: Slot = Slot {
    offset: 1 << 40,
    length: 77,
    identity: 0xdead_beef,
    lease: Lease { fetched_at: 1_700_000_000_000, max_age: 300 },
};

#[test]
fn what_is_written_is_read() {
    assert_eq!(decode(&encode(7, SLOT)), Some((7, SLOT)));
    assert_eq!(id_of(MAGIC, &head(MAGIC, 42)), Some(42));
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let entry = encode(7, SLOT);
    for bit in 0..ENTRY * 8 {
        let mut damaged = entry;
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(decode(&damaged), None, "bit {bit}");
    }
    for end in 0..ENTRY {
        assert_eq!(decode(&entry[..end]), None, "cut at {end}");
    }
    assert_eq!(id_of(PACK_MAGIC, &head(MAGIC, 42)), None);
    assert_eq!(id_of(MAGIC, &head(MAGIC, 42)[..15]), None);
}

#[test]
fn each_part_of_a_key_counts() {
    let key = Key { registry: "https://registry.example/", name: "a", kind: &Kind::Abbreviated };
    let version = Kind::Version("".into());
    let others = [
        Key { registry: "https://registry.example/a", ..key },
        Key { name: "b", ..key },
        Key { kind: &Kind::Full, ..key },
        Key { kind: &version, ..key },
        // The border between two texts counts, too.
        Key { registry: "https://registry.example/a", name: "", ..key },
    ];
    let mut hashes: Vec<u64> = others.iter().chain([&key]).map(|key| hash(*key)).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 6);
}
