#!/usr/bin/env bash
# Starts the service fresh on SQLite, then on PostgreSQL with Redis; sends what every adapter's sender sends: records, duplicates, older
# versions that come late, deletions and replays after them; kills a worker in the middle; and shows that every accepted record is
# analysed exactly once and that nothing taken back returns.
# Needs `make setup`; the second half needs the Debian packages postgresql and redis-server. Without them it is left out, aloud, and
# where CI is set that is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source examples/servers.sh

PYTHON="${PYTHON:-.venv/bin/python}"
export PYTHONPATH="$PWD"
PG_PORT="${PG_PORT:-54329}"
REDIS_PORT="${REDIS_PORT:-63799}"
WORK="$(mktemp -d)"
chmod 755 "$WORK"

stop() {
    stop_postgres "$WORK/pg" immediate
    [ -z "${REDIS_PID:-}" ] || kill "$REDIS_PID" 2>/dev/null || true
    rm -rf "$WORK"
}
trap stop EXIT

echo "== SQLite"
"$PYTHON" examples/end_to_end.py --folder "$WORK/sqlite" --store "sqlite:///$WORK/sqlite/voc.db"

if ! has_servers; then
    echo "== PostgreSQL and Redis: LEFT OUT, one of them is not installed"
    [ -z "${CI:-}" ]
    exit
fi

echo "== PostgreSQL with Redis"
start_postgres "$WORK/pg" "$PG_PORT"
start_redis "$REDIS_PORT"
"$PYTHON" examples/end_to_end.py --folder "$WORK/postgresql" --store "postgresql://postgres@127.0.0.1:$PG_PORT/postgres" \
    --redis "redis://127.0.0.1:$REDIS_PORT/0"
