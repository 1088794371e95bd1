# Sourced: PostgreSQL and Redis of our own, for a while, from what Debian installs. PG_BIN is blank where PostgreSQL is not there.
PG_BIN="$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1 || true)"

has_servers() { [ -n "$PG_BIN" ] && command -v redis-server >/dev/null; }

# PostgreSQL does not run as root.
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }

# start_postgres FOLDER PORT: its data stay in the folder.
start_postgres() {
    mkdir -p "$1"
    [ "$(id -u)" != 0 ] || chown postgres "$1"
    [ -d "$1/data" ] || as_postgres "$PG_BIN/initdb" -D "$1/data" -A trust -U postgres >/dev/null
    as_postgres "$PG_BIN/pg_ctl" -D "$1/data" -o "-p $2 -c listen_addresses=127.0.0.1 -k $1" -l "$1/log" -w start >/dev/null
}

# stop_postgres FOLDER HOW
stop_postgres() { [ ! -d "$1/data" ] || as_postgres "$PG_BIN/pg_ctl" -D "$1/data" -m "$2" stop >/dev/null 2>&1 || true; }

# start_redis PORT: sets REDIS_PID; it keeps nothing.
start_redis() {
    redis-server --port "$1" --bind 127.0.0.1 --save "" --appendonly no >/dev/null &
    REDIS_PID=$!
}
