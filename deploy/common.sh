# What deploy/backup and deploy/restore share. Sourced by them, not run.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ -n "${PGBIN:-}" ]; then PATH="$PGBIN:$PATH"; fi
if [ -z "${PYTHON:-}" ]; then
  PYTHON=python3
  if [ -x "$here/.venv/bin/python" ]; then PYTHON="$here/.venv/bin/python"; fi
fi

die() {
  printf '%s: %s\n' "deploy/$(basename "$0")" "$1" >&2
  exit "${2:-1}"
}

say() {
  printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1"
}

need() {
  command -v "$1" >/dev/null ||
    die "$1 is not found. Install the PostgreSQL client programs, or set PGBIN to their folder."
}

manage() {
  (cd "$here" && "$PYTHON" manage.py "$@")
}

# The parts of DATABASE_URL become PG* variables: on a command line the password could be read.
connect() {
  if [ -n "${DATABASE_URL:-}" ]; then
    local lines
    lines=$("$PYTHON" - <<'PY'
import os
import shlex
import sys
from urllib.parse import parse_qsl, unquote, urlsplit

url = urlsplit(os.environ["DATABASE_URL"])
if url.scheme not in {"postgres", "postgresql", "psql", "pgsql"}:
    sys.exit(1)
told = {
    "PGHOST": unquote(url.hostname or ""),
    "PGPORT": str(url.port or ""),
    "PGUSER": unquote(url.username or ""),
    "PGPASSWORD": unquote(url.password or ""),
    "PGDATABASE": unquote(url.path[1:]),
}
names = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "host": "PGHOST"}
told |= {names[name]: value for name, value in parse_qsl(url.query) if name in names}
for name, value in told.items():
    if value:
        print(f"export {name}={shlex.quote(value)}")
PY
    ) || die "DATABASE_URL is no address of PostgreSQL. SQLite is one file: copy it while nothing runs."
    eval "$lines"
  elif [ -z "${PGHOST:-}${PGDATABASE:-}${PGSERVICE:-}" ]; then
    die "which database? Set DATABASE_URL, or PGHOST, PGUSER, PGPASSWORD and PGDATABASE."
  fi
  export PGCONNECT_TIMEOUT="${PGCONNECT_TIMEOUT:-10}"
}

need_database() {
  [ -n "${PGDATABASE:-}" ] || die "which database? Set PGDATABASE."
}
