#!/usr/bin/env python3
"""Packs one tree with our packer and with the usual tools, in one run, and prints ratios of time and size.

The tree is a seeded choice of this machine's own libraries, programs and texts, with a share of bytes that don't compress:
real data, so the ratios are real; the same choice again on the same machine. Tools that are missing are left out, loudly.

    tests/bench/pack.py [--megabytes 300] [--seed 1] [--rounds 3] [--tree FOLDER] [--packer FILE]
"""

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {"library": ["/usr/lib", "/usr/local/lib", "~/.rustup/toolchains", "~/.pyenv/versions"], "program": ["/usr/bin", "/usr/sbin"], "text": ["/usr/share", "/usr/include", "/etc"]}
SHARES = {"library": 0.5, "program": 0.25, "text": 0.2, "noise": 0.05}


def candidates(kind):
    """Regular files of a kind, sorted, so that only the seed decides."""
    found = []
    for source in SOURCES[kind]:
        for folder, folders, names in os.walk(Path(source).expanduser()):
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                library = ".so" in name or name.endswith((".a", ".rlib"))
                if (kind == "library") == library and not path.is_symlink() and path.is_file() and os.access(path, os.R_OK) and 0 < path.stat().st_size < 64 << 20:
                    found.append(path)
    return found


def make_tree(folder, size, seed):
    """Fills the folder; texts are cut off by count, so that there are thousands of small files but not only these."""
    choice = random.Random(seed)
    for kind, share in SHARES.items():
        left, number = int(size * share), 0
        pool = [] if kind == "noise" else candidates(kind)
        choice.shuffle(pool)
        while left > 0:
            number += 1
            if kind == "noise":
                data, mode = choice.randbytes(min(left, choice.randrange(1, 4 << 20))), 0o644
            elif pool:
                path = pool.pop()
                data, mode = path.read_bytes(), 0o755 if os.access(path, os.X_OK) else 0o644
            else:
                break
            target = folder / kind / str(number % 40) / f"{number}.bin"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            target.chmod(mode)
            left -= len(data)


def run(command, out, tree):
    """Wall seconds, processor seconds, peak memory of the largest child so far, bytes."""
    out.unlink(missing_ok=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=tree, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "OUT": str(out)})
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, out.stat().st_size


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--megabytes", type=int, default=300)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--tree", type=Path, help="pack this folder instead of making one")
    options.add_argument("--packer", type=Path, help="the packer, built before; otherwise it is built now")
    options = options.parse_args()
    packer = options.packer and options.packer.resolve()
    if packer is None:
        subprocess.run(["cargo", "build", "--quiet", "--release", "--example", "pack"], cwd=ROOT, check=True)
        packer = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/examples/pack"
    ours = f"'{packer}' . \"$OUT\""
    contests = [
        ("zip", "ours.zip", ours, [("zip", 'zip -qr -6 "$OUT" .'), ("7z", '7z a -bd -tzip -mx=5 "$OUT" .')]),
        ("tar.gz", "ours.tar.gz", ours, [("tar", 'tar -czf "$OUT" .'), ("pigz", 'tar -c . | pigz -6 > "$OUT"')]),
        ("tar.zst", "ours.tar.zst", ours, [("zstd", 'tar -c . | zstd -q -3 -T0 > "$OUT"')]),
    ]
    with tempfile.TemporaryDirectory(prefix="pack-bench-") as scratch:
        scratch = Path(scratch)
        tree = options.tree and options.tree.resolve()
        if tree is None:
            tree = scratch / "tree"
            tree.mkdir()
            make_tree(tree, options.megabytes * 1_000_000, options.seed)
        sizes = [path.stat().st_size for path in tree.rglob("*") if path.is_file() and not path.is_symlink()]
        print(f"{len(sizes)} files, {sum(sizes) / 1e6:.1f} MB, {os.cpu_count()} cores, best of {options.rounds}")
        print(f"{'packer':34} {'wall s':>8} {'cpu s':>8} {'MB':>9}   ours is … as fast, … its size")
        for title, name, command, rivals in contests:
            entries = [(f"ours, {title}", name, command)]
            for tool, rival in rivals:
                if shutil.which(tool):
                    entries.append((rival.replace(' "$OUT"', "").replace(' > "$OUT"', ""), f"theirs.{title}", rival))
                else:
                    print(f"SKIPPED: {tool} is not installed", file=sys.stderr)
            best = {}
            # Rounds go round all packers, so that a busy moment of the machine hits each alike.
            for _ in range(options.rounds):
                for label, file, line in entries:
                    best[label] = min(best.get(label, (9e9,)), run(line, scratch / file, tree))
            mine = best[f"ours, {title}"]
            for label, _, _ in entries:
                wall, cpu, size = best[label]
                ratio = "" if label.startswith("ours") else f"   {wall / mine[0]:6.2f} ×       {mine[2] / size:6.3f} ×"
                print(f"{label:34} {wall:8.2f} {cpu:8.2f} {size / 1e6:9.2f}{ratio}", flush=True)


if __name__ == "__main__":
    main()
