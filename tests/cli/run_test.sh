# Answers through pipes, with the embedded model.
. "$(dirname "$0")/expect.sh"

expect 0 "$sluice" run -p "Once upon a time" --seed 7 --max-tokens 12 --stats --threads 1
cp out first
[ "$(wc -c <out)" -gt 12 ] || { echo "FAILED: hardly an answer"; failures=$((failures + 1)); }
expect_text err "12 tokens"

# The same seed, the same answer: from an argument, from a pipe, with another number of threads.
printf 'Once upon a time\n' >input
expect_fed 0 input "$sluice" run --seed 7 --max-tokens 12 --threads 1
expect_same out first
expect 0 "$sluice" run -p "Once upon a time" --seed 7 --max-tokens 12 --threads 2
expect_same out first

expect 0 "$sluice" run -p "Once upon a time" --temp 0 --max-tokens 8 --isa scalar --threads 1
cp out scalar
expect 0 "$sluice" run -p "Once upon a time" --temp 0 --max-tokens 8 --threads 1
expect_same out scalar

# A prompt longer than the context keeps its end.
for _ in $(seq 300); do printf 'the quick brown fox and the lazy dog '; done >long
expect_fed 0 long "$sluice" run --max-tokens 4 --stats --threads 1
expect_text err "4 tokens"

expect 0 "$sluice" demo --max-tokens 20 --threads 1
expect_text out "tokens/s"
expect_text out "million parameters"
expect_text out "layer   5"
finish
