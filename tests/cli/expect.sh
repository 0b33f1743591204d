# Sourced by the tests of the program: `sluice` and `root` from the command line, a folder of their own, and
# expectations that say what they saw.
set -uo pipefail
sluice=$1 root=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export XDG_STATE_HOME=$work/state
failures=0

# expect STATUS COMMAND...: runs it without input; leaves its output in $work/out and $work/err.
expect() {
  expect_fed "$1" /dev/null "${@:2}"
}

# expect_fed STATUS FILE COMMAND...: as expect, with the file as standard input.
expect_fed() {
  local wanted=$1 input=$2 status=0
  shift 2
  "$@" <"$input" >out 2>err || status=$?
  [ "$status" = "$wanted" ] && return
  printf 'FAILED: exit status %s, expected %s: %s\n' "$status" "$wanted" "$*"
  sed 's/^/  | /' err
  failures=$((failures + 1))
}

# expect_text FILE TEXT: the last command's out or err holds it.
expect_text() {
  grep -qF -- "$2" "$1" && return
  printf 'FAILED: no "%s" in %s:\n' "$2" "$1"
  sed 's/^/  | /' "$1"
  failures=$((failures + 1))
}

# expect_same A B: two files are equal byte for byte.
expect_same() {
  cmp "$1" "$2" && return
  failures=$((failures + 1))
}

finish() {
  [ "$failures" = 0 ] || exit 1
  echo "ok"
  exit 0
}
