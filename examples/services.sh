#!/usr/bin/env bash
# Serves on PostgreSQL and Redis that it starts, until Ctrl-C: `make services` without DATABASE. The database stays in var/postgresql.
# Needs the Debian packages postgresql and redis-server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source examples/servers.sh

PYTHON="${PYTHON:-.venv/bin/python}"
BIND="${BIND:-127.0.0.1:8000}"
PG_PORT="${PG_PORT:-54328}"
REDIS_PORT="${REDIS_PORT:-63798}"
FOLDER="$PWD/var/postgresql"

has_servers || { echo "PostgreSQL or Redis is not installed (apt-get install postgresql redis-server), or name one: DATABASE=postgresql://..." >&2; exit 2; }

stop() {
    [ -z "${REDIS_PID:-}" ] || kill "$REDIS_PID" 2>/dev/null || true
    stop_postgres "$FOLDER" fast
}
start_postgres "$FOLDER" "$PG_PORT" # one that runs already is not ours to stop
trap stop EXIT
start_redis "$REDIS_PORT"
export VOC_STORE__URL="postgresql://postgres@127.0.0.1:$PG_PORT/postgres" VOC_REDIS_URL="redis://127.0.0.1:$REDIS_PORT/0"
"$PYTHON" -m vocservice init
"$PYTHON" -m vocservice serve --bind "$BIND" --job-workers 2
