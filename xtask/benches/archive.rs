//! How fast archives are packed and read back, format by format; a fixed tree in memory and on disk.
//!
//! `cargo bench --bench archive`. Against other tools: `tests/bench/pack.py`.

use std::{hint::black_box, path::Path};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use xtask::{
    archive::{Entry, Format, Packing, Policy, list, pack},
    kernel::Events,
};

/// Half text, half something like machine code: sixteen large files and two thousand small ones.
fn tree() -> Vec<Entry> {
    let large = (0..16).map(|n| Entry::bytes(format!("large/{n:02}"), bytes(n, 2_500_000)));
    large.chain((0..2000).map(|n| Entry::bytes(format!("small/{n:04}"), bytes(n + 100, 4000)))).collect()
}

fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2) | 1;
    let mut all = Vec::with_capacity(length + 64);
    while all.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match state >> 62 {
            0 => all.extend_from_slice(&(state >> 20).to_le_bytes()),
            1 => all.extend_from_slice(format!("word {} and ", state >> 54).as_bytes()),
            _ => {
                let from = all.len().saturating_sub(1 + (state >> 40 & 0x7fff) as usize);
                let to = all.len().min(from + (state >> 33 & 0x3f) as usize);
                all.extend_from_within(from..to);
            }
        }
    }
    all.truncate(length);
    all
}

fn pack_to(entries: &[Entry], format: Format, at: &Path) -> u64 {
    pack(entries, &Packing::new(format, 1_769_860_800), at, &Events::none()).expect("pack the tree").size
}

fn archives(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("make a folder");
    let at = folder.path().join("archive");
    let entries = tree();
    let size = entries.iter().map(|entry| entry.content.size()).sum();
    for (name, reads) in [("pack", false), ("read", true)] {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10).throughput(Throughput::Bytes(size));
        for format in Format::ALL {
            pack_to(&entries, format, &at);
            group.bench_function(BenchmarkId::from_parameter(format), |bencher| {
                bencher.iter(|| {
                    if reads { black_box(list(&at, &Policy::own()).expect("read the archive").len() as u64) } else { black_box(pack_to(&entries, format, &at)) }
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, archives);
criterion_main!(benches);
