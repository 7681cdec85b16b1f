#!/usr/bin/env bash
# Makes the virtual environment that every make target uses: setup.sh PYTHON FOLDER. Shows one line a step; the whole
# output goes to FOLDER/setup.log and its end is shown where a step fails.
set -euo pipefail

python=$1 venv=$2
log=$venv/setup.log

fail() {
    echo "setup: $1" >&2
    exit 1
}

step() {
    local what=$1
    shift
    printf 'setup: %s … ' "$what"
    local started=$SECONDS
    if ! "$@" >>"$log" 2>&1; then
        echo "failed"
        tail -n 20 "$log" >&2
        fail "$what failed; the whole output is in $log. Run the same command again to go on."
    fi
    echo "$((SECONDS - started)) s"
}

command -v "$python" >/dev/null || python=python3
command -v "$python" >/dev/null || fail "no python3.11 found; install it with: apt-get install python3.11 python3.11-venv"
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
    fail "$("$python" --version) is not Python 3.11; name one with: make PYTHON=/path/to/python3.11"
"$python" -c 'import venv, ensurepip' 2>/dev/null || fail "Python has no venv; install it with: apt-get install python3.11-venv"

mkdir -p "$venv"
step "virtual environment" "$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip install --disable-pip-version-check --no-input -c constraints.txt)
# torch first and alone: where a CPU build is offered, later requirements then leave it in place.
step "PyTorch" "${pip[@]}" torch
step "everything else (some minutes)" "${pip[@]}" --config-settings editable_mode=compat -e ".[train,serve,router,deploy,ray,dev]"
touch "$venv/.installed"
