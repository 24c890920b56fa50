#!/bin/sh
# Starts the server the way FalkorDB's own image does: module, data folder and arguments come from the environment.
case "$STANDIN_TAG" in
*-crash)
    echo "fatal: this build can't start" >&2
    exit 1
    ;;
*-slow) slow="--key-load-delay 2000 --loading-process-events-interval-bytes 1024" ;;
esac
mkdir -p "$FALKORDB_DATA_PATH"
# shellcheck disable=SC2086 # arguments are words
exec redis-server --dir "$FALKORDB_DATA_PATH" --protected-mode no --enable-debug-command yes $slow ${REDIS_PASSWORD:+--requirepass "$REDIS_PASSWORD"} $REDIS_ARGS \
    --loadmodule /var/lib/falkordb/bin/falkordb.so $FALKORDB_ARGS
