# shellcheck shell=sh
# What the scripts share: where things are, progress, finding Python, building the two environments, the set-up steps.
# Sourced, never run. All progress goes to standard error, so that a script's standard output is its own.

ROOT=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
COMPANION_HOME=${COMPANION_HOME:-$ROOT/var}
case $COMPANION_HOME in /*) ;; *) COMPANION_HOME=$PWD/$COMPANION_HOME ;; esac
ENGINE=$ROOT/.env-engine # Python 3.10: Rasa 3.6.21 and its old pins
APP=$ROOT/.env-app       # Python 3.11 or newer: all that a browser can reach
APP_VERSIONS="3.11 3.12 3.13"
export COMPANION_HOME
export PYTHONPATH="$ROOT"
export PYTHONUNBUFFERED=1
export RASA_TELEMETRY_ENABLED=false
export RASA_CACHE_DIRECTORY="$COMPANION_HOME/cache" # two copies that train at the same time must not share one
export SQLALCHEMY_SILENCE_UBER_WARNING=1
export TF_CPP_MIN_LOG_LEVEL=2
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}" # two threads that wait for each other cost more
export UV_SYSTEM_CERTS=1 # uv's own certificates fail behind a private certificate authority
export UV_NO_PROGRESS=1
export PIP_DISABLE_PIP_VERSION_CHECK=1
unset PYTHONHOME VIRTUAL_ENV
umask 077 # the state holds what patients wrote
cd "$ROOT" || exit 1

CHILD='' HEARTBEAT='' BUILD_LOCK=''

say() { printf '%s\n' "$*" >&2; }

die() {
    say ""
    say "error: $1"
    shift
    for line in "$@"; do say "  $line"; done
    exit 1
}

# What a step started must not outlive the script. (A shell starts a background command with Ctrl-C ignored, hence TERM.)
clean_up() {
    [ -z "$HEARTBEAT" ] || kill "$HEARTBEAT" 2>/dev/null || true
    [ -z "$CHILD" ] || kill -TERM "$CHILD" 2>/dev/null || true
    [ -z "$BUILD_LOCK" ] || rm -rf "$BUILD_LOCK"
    HEARTBEAT='' CHILD='' BUILD_LOCK=''
}
trap clean_up EXIT
trap 'clean_up; say ""; say "stopped"; trap - INT; exit 130' INT
trap 'clean_up; trap - TERM; exit 143' TERM
trap 'clean_up; trap - HUP; exit 129' HUP

# attempt WORDS COMMAND…: run it with its output in a log and a dot every five seconds. Its exit status is the command's.
attempt() {
    step_words=$1
    shift
    mkdir -p "$COMPANION_HOME/logs"
    step_log=$COMPANION_HOME/logs/setup.log
    step_start=$(date +%s)
    printf '  %s ' "$step_words" >&2
    : >"$step_log"
    "$@" >"$step_log" 2>&1 </dev/null &
    CHILD=$!
    (
        trap '' INT
        while sleep 5 >/dev/null 2>&1 && kill -0 "$CHILD" 2>/dev/null; do printf '.' >&2; done
    ) &
    HEARTBEAT=$!
    step_status=0
    wait "$CHILD" || step_status=$?
    CHILD=''
    kill "$HEARTBEAT" 2>/dev/null || true
    wait "$HEARTBEAT" 2>/dev/null || true
    HEARTBEAT=''
    step_seconds=$(($(date +%s) - step_start))
    if [ "$step_status" -eq 0 ]; then say " $step_seconds s"; else say " failed after $step_seconds s"; fi
    return "$step_status"
}

# step WORDS COMMAND…: the same; on failure show the log's end and stop.
step() {
    if attempt "$@"; then return; fi
    say ""
    grep -v 'Location .* is ignored' "$step_log" | tail -n 40 | sed 's/^/  | /' >&2
    die "\"$step_words\" failed (exit status $step_status). The end of its output is above, all of it in" "$step_log"
}

# --- Python ---------------------------------------------------------------------------------------------------------

# A candidate counts only if it runs (pyenv's shim is found and fails), has the version, and what an environment needs.
python_runs() {
    "$1" -c '
import sys
if "%d.%d" % sys.version_info[:2] != sys.argv[1] or sys.maxsize < 2**32: sys.exit(1)
import ctypes, ssl, sqlite3, venv
if sys.argv[2] != "uv": import ensurepip
' "$2" "$3" >/dev/null 2>&1
}

# find_python 3.X: prints the first interpreter of that version that runs.
find_python() {
    need=pip
    if find_uv >/dev/null; then need=uv; fi
    data=${XDG_DATA_HOME:-$HOME/.local/share}
    for candidate in \
        "$(command -v "python$1" || true)" \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python \
        "${UV_PYTHON_INSTALL_DIR:-$data/uv/python}"/cpython-"$1".*/bin/"python$1" \
        "${ASDF_DATA_DIR:-$HOME/.asdf}"/installs/python/"$1".*/bin/python \
        "${MISE_DATA_DIR:-$data/mise}"/installs/python/"$1"*/bin/python \
        /opt/homebrew/bin/"python$1" /opt/homebrew/opt/"python@$1/bin/python$1" \
        /usr/local/opt/"python@$1/bin/python$1" /home/linuxbrew/.linuxbrew/bin/"python$1" \
        /usr/local/bin/"python$1" /usr/bin/"python$1" \
        /Library/Frameworks/Python.framework/Versions/"$1/bin/python$1" \
        "$(command -v python3 || true)"; do
        if [ -n "$candidate" ] && [ -x "$candidate" ] && python_runs "$candidate" "$1" "$need"; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    return 1
}

find_uv() {
    for candidate in "$(command -v uv || true)" "$HOME/.local/bin/uv" "$ROOT/.env-uv/bin/uv"; do
        if [ -n "$candidate" ] && [ -x "$candidate" ] && "$candidate" --version >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    return 1
}

# get_uv PYTHON: uv itself, into an environment of its own, where it is not on the machine. It installs in half a minute
# what takes pip four, and can fetch a Python that is missing; where it cannot be had, pip does.
get_uv() {
    if find_uv >/dev/null; then return; fi
    attempt "uv: creating its environment" "$1" -m venv --clear "$ROOT/.env-uv" &&
        attempt "uv: installing" "$ROOT/.env-uv/bin/python" -m pip install -q --no-input --no-deps --require-hashes \
            -r requirements/tools.lock
}

# choose_python NAME VARIABLE OVERRIDE VERSION…: sets CHOSEN, or says what is missing and how to get it.
choose_python() {
    name=$1 variable=$2 override=$3
    shift 3
    if [ -n "$override" ]; then
        for version in "$@"; do
            for need in pip uv; do
                if python_runs "$override" "$version" "$need" && { [ $need = pip ] || find_uv >/dev/null; }; then
                    CHOSEN=$override
                    return
                fi
            done
        done
        die "$variable=$override is not a Python the $name can use." \
            "It has to run, to be version $(printf '%s' "$*" | sed 's/ /, /g') (64 bit), and to have ssl, sqlite3, venv and ensurepip." \
            "Unset $variable to have one looked for."
    fi
    for version in "$@"; do
        if CHOSEN=$(find_python "$version"); then return; fi
    done
    wanted=$1
    if ! find_uv >/dev/null; then
        for any in 3.11 3.12 3.13 3.14 3.10 3.9; do
            if any_python=$(find_python "$any"); then
                get_uv "$any_python" || true
                break
            fi
        done
    fi
    if uv=$(find_uv); then
        say "  no Python $wanted on this machine: asking uv for one"
        if "$uv" python install "$wanted" >&2 && CHOSEN=$("$uv" python find --no-project --managed-python "$wanted"); then return; fi
    fi
    die "the $name needs Python $(printf '%s' "$*" | sed 's/ / or /g'), and none was found or could be fetched." \
        "Any one of these puts it where it is looked for:" \
        "  uv python install $wanted                            (https://docs.astral.sh/uv)" \
        "  pyenv install $wanted                                (needs a C compiler)" \
        "  brew install python@$wanted                          (macOS)" \
        "  apt-get install python$wanted python$wanted-venv     (Debian or Ubuntu, where that release has it)" \
        "or name one yourself: $variable=/path/to/python$wanted $0"
}

# --- Environments ---------------------------------------------------------------------------------------------------

python_version() { "$1" -c 'import platform; print(platform.python_version(), platform.machine())' 2>/dev/null; }

# What an environment was made of: it is made anew when any of it changes (and when the tree moved: it holds absolute paths).
env_stamp() {
    python=$1
    shift
    { python_version "$python" && printf '%s\n' "$ROOT" && cat "$@"; } | cksum
}

# One at a time: two copies may start at the same moment.
lock_build() {
    lock=$ROOT/.env-lock
    waited=0
    until mkdir "$lock" 2>/dev/null; do
        owner=$(cat "$lock/pid" 2>/dev/null || true)
        if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null || [ -z "$owner" ] && [ "$waited" -gt 5 ]; then
            rm -rf "$lock" # whoever made it is gone
        else
            [ "$waited" -ne 1 ] || say "  waiting for another script (process $owner) that is building the environments"
            waited=$((waited + 1))
            sleep 1
        fi
    done
    BUILD_LOCK=$lock
    printf '%s\n' $$ >"$lock/pid"
}

unlock_build() { rm -rf "$BUILD_LOCK" && BUILD_LOCK=''; }

up_to_date() { # DIRECTORY OVERRIDE LOCK…
    up_dir=$1 up_python=${2:-$1/bin/python}
    shift 2
    [ -x "$up_dir/bin/python" ] && [ -f "$up_dir/.stamp" ] && python_version "$up_dir/bin/python" >/dev/null &&
        [ "$(cat "$up_dir/.stamp")" = "$(env_stamp "$up_python" "$@")" ]
}

build_env() { # NAME DIRECTORY LOCK [LOCK WITHOUT DEPENDENCIES]; interpreter in CHOSEN
    name=$1 dir=$2 lock=$3 bare=${4:-}
    say "  $name environment: Python $(python_version "$CHOSEN") at $CHOSEN"
    packages=$(cat "$lock" ${bare:+"$bare"} | grep -c '^[a-z]')
    # Every package is in the lock with its hash, so nothing is looked up or resolved.
    set -- --no-deps --require-hashes -r "$lock" ${bare:+-r "$bare"}
    rm -rf "$dir"
    # uv does not read pip's settings (a mirror, say): what it cannot install, pip may.
    if get_uv "$CHOSEN" && uv=$(find_uv) &&
        attempt "$name environment: creating" "$uv" venv -q --no-project --python "$CHOSEN" "$dir" &&
        attempt "$name environment: $packages packages" "$uv" pip install -q --python "$dir/bin/python" "$@"; then
        :
    else
        rm -rf "$dir"
        step "$name environment: creating, without uv" "$CHOSEN" -m venv "$dir"
        step "$name environment: $packages packages, with pip" "$dir/bin/python" -m pip install -q --no-input --no-compile \
            --progress-bar off "$@"
    fi
    env_stamp "$dir/bin/python" "$lock" ${bare:+"$bare"} >"$dir/.stamp"
}

app_up_to_date() { up_to_date "$APP" "${APP_PYTHON:-}" requirements/app.lock; }
engine_up_to_date() { up_to_date "$ENGINE" "${ENGINE_PYTHON:-}" requirements/engine.lock requirements/encoder.lock; }

setup_environments() {
    if app_up_to_date && engine_up_to_date; then return; fi
    lock_build
    if ! app_up_to_date; then
        # shellcheck disable=SC2086
        choose_python app APP_PYTHON "${APP_PYTHON:-}" $APP_VERSIONS
        build_env app "$APP" requirements/app.lock
    fi
    if ! engine_up_to_date; then
        choose_python engine ENGINE_PYTHON "${ENGINE_PYTHON:-}" 3.10
        build_env engine "$ENGINE" requirements/engine.lock requirements/encoder.lock
    fi
    unlock_build
}

# --- Release, model, database ---------------------------------------------------------------------------------------

# digest PATH…: one checksum of all files under the paths, names included.
digest() {
    find "$@" -type f ! -name '*.pyc' ! -name '.*' -exec cksum {} + | LC_ALL=C sort -k 3 | cksum
}

unchanged() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; } # STAMP FILE, DIGEST

setup_release() { step "release" "$APP/bin/python" -m companion.release; }

setup_model() {
    model=$COMPANION_HOME/models/companion.tar.gz
    now=$(digest config.yml domain.yml data assistant companion requirements/engine.lock requirements/encoder.lock)
    if [ -f "$model" ] && unchanged "$COMPANION_HOME/models/.stamp" "$now"; then return; fi
    mkdir -p "$COMPANION_HOME/models"
    fresh=$COMPANION_HOME/models/.new-$$
    step "training the assistant" "$ENGINE/bin/python" -m rasa train --data data --out "$fresh" --fixed-model-name companion
    # Swapped whole: an engine that starts meanwhile sees the old model or the new one.
    mv "$fresh/companion.tar.gz" "$model"
    rm -rf "$fresh"
    printf '%s\n' "$now" >"$COMPANION_HOME/models/.stamp"
}

setup_web() {
    now=$(digest web companion data manage.py requirements/app.lock)
    if [ -f "$COMPANION_HOME/db.sqlite3" ] && unchanged "$COMPANION_HOME/.web-stamp" "$now"; then return; fi
    step "database" "$APP/bin/python" manage.py migrate --no-input
    step "editors' desk" "$APP/bin/python" manage.py set_up_desk
    if grep -q '^ *"mode": "demo"' "$COMPANION_HOME/releases/current.json"; then
        step "demo clinic" "$APP/bin/python" manage.py seed_demo
        : >"$COMPANION_HOME/logs/setup.log" # it prints the sign-ins it made up
    fi
    printf '%s\n' "$now" >"$COMPANION_HOME/.web-stamp"
}

setup_all() {
    setup_environments
    setup_release
    setup_model
    setup_web
}
