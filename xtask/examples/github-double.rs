//! The double of GitHub as a program, for benchmarks and other clients: prints its addresses, serves until its standard input ends.
//!
//! `cargo run -p xtask --example github-double -- [--latency-ms N] [--socket PATH] [--tag NAME=COMMIT]…`; the repository is `acme/rocket`.

#[expect(dead_code, unused_imports, reason = "the tests use all of it, this program a part")]
#[path = "../../tests/it/github/mod.rs"]
mod github;

use std::io::Write as _;

use github::state::Ref;

fn main() -> std::io::Result<()> {
    let double = github::Double::start();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let value = args.next().unwrap_or_default();
        match arg.as_str() {
            "--latency-ms" => double.slow_down(std::time::Duration::from_millis(value.parse().unwrap_or_default())),
            #[cfg(unix)]
            "--socket" => double.listen_on(std::path::Path::new(&value)),
            "--tag" => {
                let (name, commit) = value.split_once('=').unwrap_or((&value, github::COMMIT));
                double.state().tags.insert(name.into(), Ref::Commit(commit.into()));
            }
            other => return Err(std::io::Error::other(format!("unknown argument {other}"))),
        }
    }
    let mut out = std::io::stdout();
    writeln!(
        out,
        "api={}\nuploads={}\nweb={}\nobjects={}\ntoken={}",
        double.hosts.api,
        double.hosts.uploads,
        double.hosts.web,
        double.hosts.objects,
        github::TOKEN
    )?;
    out.flush()?;
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    for seen in double.seen() {
        writeln!(out, "{seen}")?;
    }
    writeln!(out, "requests={} at-once={}", double.seen().len(), double.most_at_once())
}
