#!/bin/sh
# check_tier_symbols.sh NM OBJECT...: fails if an object of a tier defines a weak symbol. The linker keeps one copy of
# a weak function for the whole program, and that copy could be one that other machines cannot run.
nm=$1
shift
status=0
for object in "$@"; do
  if "$nm" -C --defined-only "$object" | grep -E '^[0-9a-f]* [WVu] ' >&2; then
    echo "$object defines weak symbols" >&2
    status=1
  fi
done
exit $status
