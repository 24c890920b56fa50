#!/usr/bin/env bash
# Time to safety: from the command until the older release's services are healthy, its application is the current one and the forge offers it: one
# `xtask rollback --to` against the runbook's manual way (tags in .env, `up -d`, the artifact installed, `gh release edit`) typed without a pause by a
# script that makes no mistake. Same stack, same double of GitHub at LATENCY_MS a request, both ways in turn. Twice: a service without data
# changes; then the database's image too, where the manual way begins with the old backup script. Neither pulls: the images are here.
# Needs Docker, Compose v2, gh and the live tests' images.
#   tests/bench/rollback.sh [ROUNDS]         PROFILE=debug uses the debug build; SOAK (seconds, default 0) is how long xtask watches afterwards
set -euo pipefail
rounds=${1:-3} profile=${PROFILE:-release} latency=${LATENCY_MS:-50} soak=${SOAK:-0}
root=$(cd "$(dirname "$0")/../.." && pwd)
for tool in gh docker; do command -v $tool >/dev/null || { echo "SKIPPED: $tool is not here (.ci/setup installs it)" >&2; exit "${XTASK_CI_STRICT:-0}"; }; done
"$root/tests/live/images.sh" >/dev/null

cd "$root"
cargo build --quiet --package xtask --bin xtask --example github-double --profile "$([ "$profile" = debug ] && echo dev || echo "$profile")"
bin=$root/target/$profile/xtask double=$root/target/$profile/examples/github-double

scratch=$(mktemp -d)
name=xtask-bench-$$
cleanup() {
    exec {stop}>&- 2>/dev/null || true
    docker ps -aq --filter "label=com.docker.compose.project=$name" | xargs -r docker rm -fv >/dev/null 2>&1 || true
    docker network ls -q --filter "label=com.docker.compose.project=$name" | xargs -r docker network rm >/dev/null 2>&1 || true
    docker volume ls -q --filter "label=com.docker.compose.project=$name" | xargs -r docker volume rm -f >/dev/null 2>&1 || true
    docker images --format '{{.Repository}}:{{.Tag}}' "xtask-kept/$name/*" | xargs -r docker rmi --no-prune >/dev/null 2>&1 || true
    rm -rf "$scratch"
}
trap cleanup EXIT
mkdir -p "$scratch/home/.docker" "$scratch/project" "$scratch/gh"
cp -r "${DOCKER_CONFIG:-$HOME/.docker}/." "$scratch/home/.docker/" 2>/dev/null || true
cargo_home=${CARGO_HOME:-$HOME/.cargo}
export HOME=$scratch/home CARGO_HOME=$cargo_home GIT_CONFIG_NOSYSTEM=1 GH_NO_UPDATE_NOTIFIER=1 XTASK_COMPOSE="docker compose"

cd "$scratch/project"
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
data_port=$(port) http_port=$(port)
sed -e 's|falkordb/falkordb|xtask-live/falkordb|; s|falkordb/graphiti-mcp|xtask-live/graphiti-mcp|' -e "s/container_name: auto-codex/container_name: $name/" \
    -e 's/interval: 10s/interval: 1s/; s/start_period: .*/start_period: 1s/' -e 's|falkordb_data:/data|falkordb_data:/var/lib/falkordb/data|' \
    -e 's|curl -s -o /dev/null http://localhost:8000/|curl -fsS http://localhost:8000/health|' \
    -e 's|^  graphiti-mcp:|&\n    stop_grace_period: 1s|' "$root/tests/fixtures/runbook/docker-compose.yml" >docker-compose.yml
cat >xtask.toml <<TOML
schema = 1
[project]
name = "rocket"
repository = "acme/rocket"
[version]
tag = "v{version}"
[[version.source]]
file = "VERSION"
[[artifact]]
name = "rocket"
files = ["VERSION", "lib/**"]
[release]
forge = "github"
notes = "none"
[install]
to = "{home}/apps"
[services]
compose = "docker-compose.yml"
project = "$name"
wait = 60
soak = $soak
[[services.probe]]
service = "graphiti-mcp"
http = "http://127.0.0.1:$http_port/health"
[[backup]]
name = "falkordb"
service = "falkordb"
volume = "falkordb_data"
engine = "redis"
TOML
printf '/.xtask/\n/.env\n/backups/\n' >.gitignore
mkdir lib && head -c 5000000 /dev/urandom >lib/data
pin() { printf 'FALKORDB_IMAGE_TAG=%s\nGRAPHITI_MCP_IMAGE_TAG=%s\nFALKORDB_PORT=%s\nGRAPHITI_MCP_PORT=%s\n' "$1" "$2" "$data_port" "$http_port" >.env; }
git init --quiet --initial-branch=main
git config user.name bench && git config user.email bench@example.invalid
for version in 1.0.0 1.1.0 1.2.0; do
    echo $version >VERSION && git add --all && git commit --quiet --message $version && git tag v$version
done

tags=$(git tag | while read -r tag; do echo "--tag $tag=$(git rev-parse "$tag")"; done)
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

quiet() { "$@" >"$scratch/log" 2>&1 || { echo "failed: $*" >&2; tail -20 "$scratch/log" >&2; exit 1; }; }
# v1.0.0 has another database image, v1.1.0 another graphiti-mcp; v1.2.0 is the bad one.
declare -A falkordb=([1.0.0]=4.16.2 [1.1.0]=4.16.3 [1.2.0]=4.16.3) graphiti=([1.0.0]=1.0.0 [1.1.0]=1.0.0 [1.2.0]=1.0.1)
for version in 1.0.0 1.1.0 1.2.0; do
    git checkout --quiet v$version && pin "${falkordb[$version]}" "${graphiti[$version]}" && quiet "$bin" release --tag v$version --yes
done
quiet "$bin" services up
docker exec "$name-falkordb" redis-cli GRAPH.QUERY g "UNWIND range(1, 20000) AS i CREATE (:A {i: i, text: 'some text to keep'})" >/dev/null
quiet "$bin" install

manual() {
    local tag=$1
    if [ "${falkordb[${tag#v}]}" != "${falkordb[1.2.0]}" ]; then
        mkdir -p backups
        docker run --rm -v "${name}_falkordb_data:/data:ro" -v "$PWD/backups:/backup" xtask-live/redis:8.2.3 sh -c 'tar cf - -C /data . ' >"backups/manual-$(date +%N).tar"
    fi
    pin "${falkordb[${tag#v}]}" "${graphiti[${tag#v}]}"
    docker compose -p "$name" up -d
    until [ "$(docker inspect -f '{{.State.Health.Status}}' "$name-graphiti-mcp")" = healthy ]; do sleep 0.05; done
    rm -rf "$scratch/down" && gh release download "$tag" --repo acme/rocket --dir "$scratch/down"
    (cd "$scratch/down" && sha256sum --quiet -c SHA256SUMS)
    mkdir -p "$HOME/apps/versions/$tag" && tar -xzf "$scratch"/down/rocket-*.tar.gz -C "$HOME/apps/versions/$tag"
    ln -sfn "versions/$tag" "$HOME/apps/current.new" && mv -T "$HOME/apps/current.new" "$HOME/apps/current"
    gh release edit "$tag" --repo acme/rocket --latest
    git tag --list 'v*' | while read -r bad; do
        if [ "$(printf '%s\n%s\n' "$tag" "$bad" | sort -V | tail -n1)" != "$tag" ]; then
            { printf '> **Taken back. Use %s instead.**\n\n' "$tag"; gh release view "$bad" --repo acme/rocket --json body --jq .body; } >"$scratch/notes"
            gh release edit "$bad" --repo acme/rocket --prerelease --notes-file "$scratch/notes"
        fi
    done
}
# What was the manual way's is taken back by hand too, so that both begin at the same.
reset() {
    pin "${falkordb[1.2.0]}" "${graphiti[1.2.0]}"
    docker compose -p "$name" up -d --wait
    for again in v1.1.0 v1.2.0; do gh release edit "$again" --repo acme/rocket --prerelease=false --notes none; done
    gh release edit v1.2.0 --repo acme/rocket --latest
    ln -sfn versions/v1.2.0 "$HOME/apps/current"
}
is_safe() {
    [ "$(docker inspect -f '{{.Config.Image}} {{.State.Health.Status}}' "$name-graphiti-mcp")" = "xtask-live/graphiti-mcp:${graphiti[${1#v}]} healthy" ] &&
        [ "$(docker inspect -f '{{.Config.Image}} {{.State.Health.Status}}' "$name-falkordb")" = "xtask-live/falkordb:${falkordb[${1#v}]} healthy" ] &&
        [ "$(readlink "$HOME/apps/current")" = "versions/$1" ] && [ "$(gh api repos/acme/rocket/releases/latest --jq .tag_name)" = "$1" ]
}
took() {
    local tag=$1 from to
    shift
    from=$(date +%s%N)
    quiet "$@"
    to=$(date +%s%N)
    is_safe "$tag" || { echo "$* didn't end at $tag" >&2; exit 1; }
    echo $(((to - from) / 1000000))
}
best() { printf '%s\n' "$@" | sort -n | head -n1; }
for tag in v1.1.0 v1.0.0; do
    ours=() theirs=()
    for _ in $(seq "$rounds"); do
        ours+=("$(took "$tag" "$bin" rollback --to "$tag" --yes)")
        quiet "$bin" rollback --undo --yes
        theirs+=("$(took "$tag" manual "$tag")")
        quiet reset
    done
    case $tag in v1.1.0) what="one service without data" ;; *) what="both services, the data backed up first" ;; esac
    echo "$what: $rounds rounds, $latency ms a request, soak $soak s, $profile build"
    echo "  xtask rollback --to $tag --yes: ${ours[*]} ms"
    echo "  by hand, without a pause:        ${theirs[*]} ms"
    awk -v ours="$(best "${ours[@]}")" -v theirs="$(best "${theirs[@]}")" 'BEGIN { printf "  best of each: by hand takes %.2f times as long\n", theirs / ours }'
done
