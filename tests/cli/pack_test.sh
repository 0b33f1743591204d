# Packing: recipes, containers, calibration, comparison; nothing half-made is left behind.
. "$(dirname "$0")/expect.sh"
model=$root/models/tiny-mixtral.gguf
printf '%s\n' 'Once upon a time there was a little girl who lived in a house by the sea.' \
  'Every morning she went down to the shore to see what the waves had brought.' >text

expect 0 "$sluice" pack "$model" keep.gguf
expect_text out "bits per weight"
expect 0 "$sluice" run "$model" -p "Once upon" --max-tokens 12 --temp 0
cp out plain
expect 0 "$sluice" run keep.gguf -p "Once upon" --max-tokens 12 --temp 0
expect_same plain out
expect 0 "$sluice" describe keep.gguf
expect_text out "8 experts"
expect 0 "$sluice" tokenize keep.gguf "Once upon a time"
expect 0 "$sluice" compare keep.gguf "$model" --text text --json
expect_text out '"largest_divergence": 0.0'
expect_text out '"same_expert_set": 1.0'

expect 0 "$sluice" pack "$model" q4.gguf --recipe q4-moe --calibrate text --imatrix matrix.gguf
expect_text out "experts; the others"
expect 0 "$sluice" compare q4.gguf "$model" --text text
expect_text out "perplexity"
expect 0 "$sluice" pack "$model" again.gguf --recipe q4-moe --imatrix matrix.gguf
expect_same q4.gguf again.gguf
expect 0 "$sluice" pack "$model" plain.gguf --recipe q4 --to gguf
expect 0 "$sluice" run plain.gguf -p "Once upon" --max-tokens 3

expect 2 "$sluice" pack "$model" out.gguf --recipe q4-mo
expect_text err "q4-moe"
expect 2 "$sluice" pack "$model" out.gguf --to safetensors
expect 2 "$sluice" pack keep.gguf out.gguf
expect_text err "packed already"
expect 66 "$sluice" pack no-such-model out.gguf
expect 73 "$sluice" pack "$model" no/such/folder/out.gguf

# A full disk, here a limit of 4 MB on files.
mkdir full
expect 74 bash -c 'ulimit -f 4096; exec "$0" "$@"' "$sluice" pack "$model" full/out.gguf
expect_text err "no partial file is left"
expect_text err "bytes are needed"
# A full disk in truth, where this user may mount one.
if unshare -m true 2>/dev/null; then
  expect 74 unshare -m bash -c 'mount -t tmpfs -o size=4m none full || exit 99
    "$0" pack "$1" full/out.gguf; status=$?; [ -z "$(ls -A full)" ] && exit $status' "$sluice" "$model"
  expect_text err "bytes are needed, 0 are written, 4194304 are free"
else
  echo "no disk was filled: this user may mount none"
fi
# Ctrl-C in the middle.
"$sluice" pack "$model" full/out.gguf --recipe q3-moe --threads 1 >out 2>err &
sleep 0.3
kill -INT $!
wait $!
status=$?
[ "$status" = 130 ] || [ "$status" = 0 ] || { echo "FAILED: interrupted packing ended with $status"; failures=1; }
[ "$status" = 0 ] && rm -f full/out.gguf
[ -z "$(ls -A full)" ] || { echo "FAILED: left behind: $(ls -A full)"; failures=1; }
# Killed while it writes, which nothing can catch.
"$sluice" pack "$model" full/out.gguf --recipe q3-moe --threads 1 >out 2>err &
killed=0
while kill -0 $! 2>/dev/null; do
  open=$(ls -l /proc/$!/fd 2>/dev/null | grep "$PWD/full/") || continue
  kill -9 $!
  killed=1
  break
done
wait $!
case "$open" in
  *out.gguf*) echo "this file system has no files without a name" ;;
  *) [ "$killed" = 1 ] && [ -z "$(ls -A full)" ] || { echo "FAILED: killed, left behind: $(ls -A full)"; failures=1; } ;;
esac
finish
