#!/usr/bin/env bash
# How long it takes to publish 60 files of 64 KiB where every request takes 50 ms: `xtask release` against `gh release create`, on the same double.
# Our time is the whole command: check, build, verify, draft, upload, compare, publish, read back. Needs `gh` (.ci/setup installs it).
#   tests/bench/publish.sh [ROUNDS]          PROFILE=debug uses the debug build; FILES, KIB and LATENCY_MS change the case
set -euo pipefail
rounds=${1:-3} profile=${PROFILE:-release} files=${FILES:-60} kib=${KIB:-64} latency=${LATENCY_MS:-50}
root=$(cd "$(dirname "$0")/../.." && pwd)
command -v gh >/dev/null || { echo "SKIPPED: gh is not installed (.ci/setup installs it)" >&2; exit "${XTASK_CI_STRICT:-0}"; }

cd "$root"
RUSTFLAGS="${RUSTFLAGS:-}" cargo build --quiet --package xtask --bin xtask --example github-double ${profile:+--profile "$([ "$profile" = debug ] && echo dev || echo "$profile")"}
bin=$root/target/$profile/xtask double=$root/target/$profile/examples/github-double

scratch=$(mktemp -d)
trap 'exec {stop}>&- 2>/dev/null || true; rm -rf "$scratch"' EXIT
export HOME=$scratch/home GIT_CONFIG_NOSYSTEM=1 GH_NO_UPDATE_NOTIFIER=1
mkdir -p "$HOME" "$scratch/project/files" "$scratch/gh"
cd "$scratch/project"
for n in $(seq -w "$files"); do head -c "$((kib * 1024))" /dev/urandom >"files/file-$n.bin"; done
cat >xtask.toml <<TOML
schema = 1
[project]
name = "rocket"
repository = "acme/rocket"
[[artifact]]
name = "rocket"
files = ["files/*"]
strip-prefix = "files"
formats = ["raw"]
[release]
forge = "github"
notes = "none"
TOML
echo .xtask/ >.gitignore
git init --quiet --initial-branch=main
git config user.name bench && git config user.email bench@example.invalid
git add --all && git commit --quiet --message bench
for n in $(seq "$rounds"); do git tag "v1.0.$n"; done

# The double serves until this pipe closes.
tags=$(for n in $(seq "$rounds"); do echo "--tag v1.0.$n=$(git rev-parse HEAD) --tag gh-$n=$(git rev-parse HEAD)"; done)
mkfifo "$scratch/stop"
# shellcheck disable=SC2086 # a list of arguments
"$double" --latency-ms "$latency" --socket "$scratch/socket" $tags <"$scratch/stop" >"$scratch/double" &
exec {stop}>"$scratch/stop"
until grep -q ^token= "$scratch/double" 2>/dev/null; do sleep 0.05; done
value() { sed -n "s/^$1=//p" "$scratch/double"; }
GH_TOKEN=$(value token)
XTASK_GITHUB_API=$(value api)
export GH_TOKEN XTASK_GITHUB_API GH_CONFIG_DIR=$scratch/gh
printf 'http_unix_socket: %s\nprompt: disabled\n' "$scratch/socket" >"$scratch/gh/config.yml"

took() { local from to; from=$(date +%s%N); "$@" >/dev/null 2>"$scratch/err" || { cat "$scratch/err" >&2; exit 1; }; to=$(date +%s%N); echo $(((to - from) / 1000000)); }
ours=() theirs=()
for n in $(seq "$rounds"); do
    git checkout --quiet "v1.0.$n"
    ours+=("$(took "$bin" release --tag "v1.0.$n" --yes)")
    theirs+=("$(took gh release create "gh-$n" files/* --repo acme/rocket --title bench --notes none)")
done
# The double's log says how long publishing alone took: from the draft to the last answer (ours reads back what gh doesn't), without check and build.
exec {stop}>&-
wait
alone() {
    awk -v which="$1" -v latency="$latency" '$3 == "POST" && $4 ~ /\/releases$/ { run++; start = $1 } $3 == "PATCH" || $2 == "Objects" { end[run] = $1 - start }
        END { for (n = which; n <= run; n += 2) printf "%d ", end[n] * 1000 + latency }' "$scratch/double"
}
best() { printf '%s\n' "$@" | sort -n | head -n1; }
echo "$files files of $kib KiB at $latency ms a request, $rounds rounds, $profile build"
echo "xtask release:     ${ours[*]} ms; publishing alone: $(alone 1)ms"
echo "gh release create: ${theirs[*]} ms; publishing alone: $(alone 2)ms"
awk -v ours="$(best "${ours[@]}")" -v theirs="$(best "${theirs[@]}")" 'BEGIN { printf "best of each, whole command: gh takes %.2f times as long\n", theirs / ours }'
# shellcheck disable=SC2046 # lists of numbers
awk -v ours="$(best $(alone 1))" -v theirs="$(best $(alone 2))" 'BEGIN { printf "best of each, publishing alone: gh takes %.2f times as long\n", theirs / ours }'
