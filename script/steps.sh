# Sourced by the other scripts: their folder and PATH, how they report each step, and how they end when one fails.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Node, if script/bootstrap had to download it; Rust, if the shell was not restarted since it was installed.
export PATH="$PWD/target/tools/node/bin:$PATH:$HOME/.cargo/bin"

# An error says what happened, why, and what to do. A backtrace of our own frames below it would only hide that.
export RUST_LIB_BACKTRACE="${RUST_LIB_BACKTRACE:-0}"

# Where cargo puts what it builds.
# shellcheck disable=SC2034
target=${CARGO_TARGET_DIR:-target}

steps_total=0 steps_begun=0 step_now='' step_began=0

# Prints "== 3/9 title" and runs the command; without a total, "== title".
step() { # title, command…
  step_now=$1 step_began=$SECONDS
  steps_begun=$((steps_begun + 1))
  shift
  if [ "$steps_total" -gt 0 ]; then printf '\n== %d/%d %s\n' "$steps_begun" "$steps_total" "$step_now"
  else printf '\n== %s\n' "$step_now"; fi
  "$@"
  printf '   %d s\n' "$((SECONDS - step_began))"
  step_now=''
}

# The cause comes last, after everything that a tool has printed.
fail() { # sentence…
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  step_now=''
  exit 1
}

say_where_it_ended() {
  local status=$?
  if [ "$status" -ne 0 ] && [ -n "$step_now" ]; then
    printf '\n== failed: %s, after %d s (exit code %d). The cause is in the lines above.\n' \
      "$step_now" "$((SECONDS - step_began))" "$status" >&2
  fi
}
trap say_where_it_ended EXIT

# Is there a desktop to open windows on?
has_display() { [ "$(uname)" != Linux ] || [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; }
