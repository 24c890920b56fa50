//! The redactor's throughput on logs: without hits (the promise: 500 MB/s a core), with a secret in every hundredth line, and with many known secrets.

use std::{hint::black_box, io};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use xtask::incident::redact::{Redactor, Secret};

/// A log as services write it: an access line after every few lines of a program.
fn log(size: usize, secret_every: usize) -> Vec<u8> {
    let mut text = String::with_capacity(size + 400);
    let mut n = 0_usize;
    while text.len() < size {
        n += 1;
        let (minute, second, id) = (n / 60 % 60, n % 60, n.wrapping_mul(7919));
        text.push_str(&format!("2026-01-31T12:{minute:02}:{second:02}.{:03}Z INFO graphiti_mcp::server: handled request id={id} method=POST path=/api/v1/episodes/{} status=200 took={}ms worker={}\n", n % 1000, n % 977, n % 313, n % 8));
        if n.is_multiple_of(5) {
            text.push_str("10.0.0.12 - - [31/Jan/2026:12:00:00 +0000] \"GET /static/app.js HTTP/1.1\" 304 0 \"https://example.com/index.html\" \"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/120.0\"\n");
        }
        if secret_every > 0 && n.is_multiple_of(secret_every) {
            text.push_str(&format!("DEBUG sending with authorization: Bearer {id:0>40}x and api_key=\"{id:x>24}\"\n"));
        }
    }
    text.into_bytes()
}

fn secrets(count: usize) -> Vec<Secret> {
    (0..count)
        .map(|n| {
            Secret::new(format!("SECRET_{n}"), format!("{:016x}{:016x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15), n.wrapping_mul(0xC2B2_AE3D_27D4_EB4F) + 1))
        })
        .collect()
}

fn redact(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("redact");
    group.sample_size(10);
    for (name, every, known) in [("no hits", 0, 0), ("no hits, 20 known secrets", 0, 20), ("a secret every 100 lines", 100, 20)] {
        let text = log(64 << 20, every);
        group.throughput(Throughput::Bytes(text.len() as u64));
        let secrets = secrets(known);
        group.bench_function(name, |bencher| {
            let mut redactor = Redactor::new(&secrets);
            bencher.iter(|| redactor.copy(black_box(text.as_slice()), io::sink()).map(|counts| counts.len()));
        });
    }
    group.finish();
}

criterion_group!(benches, redact);
criterion_main!(benches);
