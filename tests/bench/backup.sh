#!/usr/bin/env bash
# How fast backups are, on one Docker volume: this program (reading back included) against the old script's `docker run … tar czf`, `tar | zstd` and restic.
# Then a hot backup of a server under load: the longest stall that a client saw. Needs Docker, root, zstd, restic and the live tests' images.
#   tests/bench/backup.sh [MEGABYTES]   default 1024
# Seen on two cores that others used too, 1 GiB in 4098 files: old script 29.4 s, tar | zstd 3.1 s, restic 16.5 s, this program 3.8 s; the longest stall
# of a client was 20 ms without a backup and 25 ms during one.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
megabytes=${1:-1024}
xtask=${XTASK:-$here/target/release/xtask}
image=xtask-live/redis:8.2.3
work=$(mktemp -d)
volume=xtask-bench-$$_data
trap 'docker rm -fv "$volume" >/dev/null 2>&1 || true; docker volume rm -f "$volume" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT

"$here/tests/live/images.sh" >/dev/null
docker volume create "$volume" >/dev/null
data=$(docker volume inspect -f '{{.Mountpoint}}' "$volume")

# Half of it compresses about 3:1 (text-like), a quarter not at all, a quarter is many small files.
python3 - "$data" "$megabytes" <<'PY'
import os, random, sys
root, megabytes = sys.argv[1], int(sys.argv[2])
random.seed(7)
words = [bytes(random.choices(b"abcdefghijklmnopqrstuvwxyz", k=random.randint(2, 9))) for _ in range(4000)]
text = b" ".join(random.choices(words, k=200_000))
def fill(path, size, source):
    with open(path, "wb") as out:
        while out.tell() < size:
            out.write(source()[: size - out.tell()])
fill(f"{root}/text", megabytes * 512 * 1024, lambda: text[random.randrange(1000):])
fill(f"{root}/random", megabytes * 256 * 1024, lambda: random.randbytes(1 << 20))
os.makedirs(f"{root}/small")
for n in range(megabytes * 256 // 64):
    fill(f"{root}/small/{n}", 64 * 1024, lambda: text[random.randrange(900_000):])
PY
sync

mkdir "$work/project"
cd "$work/project"
cat >docker-compose.yml <<YAML
services: {}
volumes: { data: { name: $volume } }
YAML
cat >xtask.toml <<TOML
schema = 1
[project]
name = "bench"
[version]
tag = "v{version}"
[services]
compose = "docker-compose.yml"
[[backup]]
name = "data"
volume = "data"
engine = "files"
TOML

measure() {
    local name=$1 start end
    shift
    start=$(date +%s.%N)
    "$@" >"$work/said" 2>&1 || { echo "$name FAILED:" && cat "$work/said" && exit 1; }
    end=$(date +%s.%N)
    awk -v n="$name" -v s="$start" -v e="$end" -v m="$megabytes" 'BEGIN { printf "%-42s %7.2f s %8.1f MB/s\n", n, e - s, m * 1.048576 / (e - s) }'
}
# What `tar czf` is in a small image: busybox packs, its gzip compresses; here as a pipe, as the image has no link for gzip.
old_script() { docker run --rm --user 0:0 -v "$volume":/data:ro -v "$work":/backup "$image" sh -c 'busybox tar cf - -C /data . | busybox gzip >/backup/old.tar.gz'; }
host_tar() { tar -czf "$work/host.tar.gz" -C "$data" .; }
tar_zstd() { tar -c -C "$data" . | zstd -q -3 -T0 -o "$work/tar.zst" -f; }
restic_backup() { RESTIC_PASSWORD=x restic -q -r "$work/restic" init && RESTIC_PASSWORD=x restic -q -r "$work/restic" backup "$data"; }

echo "$megabytes MiB in $(find "$data" -type f | wc -l) files, $(nproc) cores"
cat "$data"/text "$data"/random "$data"/small/* >/dev/null
measure "old script: docker run … tar czf (busybox)" old_script
measure "tar czf on this machine" host_tar
measure "tar | zstd -3 -T0" tar_zstd
if command -v restic >/dev/null; then measure "restic backup" restic_backup; else echo "restic is not installed"; fi
measure "xtask backup (with reading back)" "$xtask" backup data
sed -i 's/engine = "files"/&\nformat = "tar.gz"/' xtask.toml
measure "xtask backup, tar.gz (with reading back)" "$xtask" backup data
sed -i '/format = /d' xtask.toml
ls -l "$work"/old.tar.gz "$work"/tar.zst backups/data/*.tar.* | awk '{ printf "%8.1f MB %s\n", $5 / 1e6, $9 }'

# A hot backup under load: one client writes and times each answer.
docker volume rm "$volume" >/dev/null
docker run -d --name "$volume" --label com.docker.compose.service=db -p 127.0.0.1::6379 -v "$volume":/data "$image" redis-server --dir /data --appendonly yes --save '' --protected-mode no >/dev/null
port=$(docker port "$volume" 6379 | sed 's/.*://')
sed -i 's/engine = "files"/engine = "redis"\nservice = "db"/' xtask.toml
sleep 1
cat >"$work/stall.py" <<'PY'
import os, socket, sys, time
port, keys, stop = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
s = socket.create_connection(("127.0.0.1", port)); f = s.makefile("rb")
value = os.urandom(1024).hex().encode()
def send(key):
    s.sendall(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(key), key, len(value), value)); f.readline()
for n in range(keys): send(b"k%d" % n)
open(stop + ".ready", "w").close()
worst, count, began = 0, 0, time.time()
while not os.path.exists(stop):
    t = time.perf_counter(); send(b"w%d" % (count % 5000)); worst = max(worst, time.perf_counter() - t); count += 1
print(f"longest stall {worst * 1000:.1f} ms in {count} writes over {time.time() - began:.1f} s")
PY
for what in "without a backup" "during a hot backup"; do
    rm -f "$work/stop" "$work/stop.ready"
    python3 "$work/stall.py" "$port" $((megabytes * 64)) "$work/stop" >"$work/stall" &
    while [ ! -e "$work/stop.ready" ]; do sleep 0.2; done
    if [ "$what" = "without a backup" ]; then sleep 5; else "$xtask" backup data --accept >/dev/null 2>"$work/log" || cat "$work/log"; fi
    touch "$work/stop"
    wait
    echo "$what: $(cat "$work/stall")"
done
