#!/usr/bin/env bash
# Starts the service fresh on SQLite, then on PostgreSQL with Redis; sends what every adapter's sender sends, with duplicates and
# reordered updates; kills a worker in the middle; and shows that every accepted record is analysed exactly once.
# Needs `make setup`; the second half needs the Debian packages postgresql and redis-server, and is left out, aloud, without them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PYTHON="${PYTHON:-.venv/bin/python}"
export PYTHONPATH="$PWD"
PG_PORT="${PG_PORT:-54329}"
REDIS_PORT="${REDIS_PORT:-63799}"
WORK="$(mktemp -d)"
chmod 755 "$WORK"

as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }

stop() {
    [ -d "$WORK/pg/data" ] && as_postgres "$PG_BIN/pg_ctl" -D "$WORK/pg/data" -m immediate stop >/dev/null 2>&1 || true
    [ -n "${REDIS_PID:-}" ] && kill "$REDIS_PID" 2>/dev/null || true
    rm -rf "$WORK"
}
trap stop EXIT

echo "== SQLite"
"$PYTHON" examples/end_to_end.py --folder "$WORK/sqlite" --store "sqlite:///$WORK/sqlite/voc.db"

PG_BIN="$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1 || true)"
if [ -z "$PG_BIN" ] || ! command -v redis-server >/dev/null; then
    echo "== PostgreSQL and Redis: LEFT OUT, one of them is not installed"
    exit 0
fi

echo "== PostgreSQL with Redis"
mkdir "$WORK/pg"
[ "$(id -u)" = 0 ] && chown postgres "$WORK/pg"
as_postgres "$PG_BIN/initdb" -D "$WORK/pg/data" -A trust -U postgres >/dev/null
as_postgres "$PG_BIN/pg_ctl" -D "$WORK/pg/data" -o "-p $PG_PORT -c listen_addresses=127.0.0.1 -k $WORK/pg" -l "$WORK/pg/log" -w start >/dev/null
redis-server --port "$REDIS_PORT" --bind 127.0.0.1 --save "" --appendonly no >/dev/null &
REDIS_PID=$!
"$PYTHON" examples/end_to_end.py --folder "$WORK/postgresql" --store "postgresql://postgres@127.0.0.1:$PG_PORT/postgres" \
    --redis "redis://127.0.0.1:$REDIS_PORT/0"
