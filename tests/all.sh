#!/usr/bin/env bash
# Style, types and the suite: everything that CI checks. Needs the package installed with its `test` extra.
# Arguments go to pytest: `tests/all.sh -k house`.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
neutral=$(mktemp -d)
trap 'rm -rf "$neutral"' EXIT

ruff check .
ruff format --check .

# The rooms are put together into one package when they are installed, so types are checked on an installed copy.
python -m pip install --quiet --no-deps --target "$neutral" .
(cd "$neutral" && python -m mypy --config-file "$root/pyproject.toml" --cache-dir "$root/.mypy_cache" -p parface_bench)

OMP_NUM_THREADS=1 pytest -n 2 "$@"
