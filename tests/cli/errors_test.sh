# Wrong arguments and wrong files: the exit status, and a message that helps.
. "$(dirname "$0")/expect.sh"

expect 2 "$sluice"
expect_text err "sluice --help"
expect 2 "$sluice" discribe
expect_text err "did you mean describe?"
expect 2 "$sluice" --verson
expect_text err "did you mean --version?"
expect 2 "$sluice" run --max-token 3
expect_text err "did you mean --max-tokens?"
expect 2 "$sluice" run --temp hot
expect_text err "'hot' is not a number"
expect 2 "$sluice" run --top-p 1.5
expect_text err "not between 0 and 1"
expect 2 "$sluice" tokenize
expect_text err "TOKENIZER is required"
expect 2 "$sluice" verify "$root/tests/golden/mixtral"
expect_text err "--reference is required"
expect 2 "$sluice" describe --json --plan
expect 2 "$sluice" run --isa sse -p hi
expect_text err "scalar, avx2, avx512, amx"
if ! grep -q amx_int8 /proc/cpuinfo; then
  expect 78 "$sluice" run --isa amx -p hi
  expect_text err "this machine has no amx: the processor"
fi

expect 0 "$sluice" --version
expect_text out "sluice "
expect 0 "$sluice" --help
for verb in run demo describe verify tokenize detokenize synth serve; do
  expect_text out "  $verb "
  expect 0 "$sluice" "$verb" --help
  expect_text out "Usage: sluice $verb"
  expect 0 "$sluice" --help
done

expect 66 "$sluice" describe no-such-file.gguf
expect_text err "no-such-file.gguf"
expect 66 "$sluice" run no-such-file.gguf -p hi
expect 66 "$sluice" verify "$root/tests/golden/mixtral" --reference no-such-file
expect 66 "$sluice" tokenize no-such-file hello

mkfifo pipe.gguf
expect 66 "$sluice" describe pipe.gguf
: >empty.gguf
expect 65 "$sluice" describe empty.gguf
printf 'PK\003\004 this is a zip file and not a model' >zip.gguf
expect 65 "$sluice" describe zip.gguf
model=$root/tests/golden/gguf_mixtral_q8_0/model.gguf
head -c 2000 "$model" >short.gguf
expect 65 "$sluice" describe short.gguf
expect_text err "short.gguf"
expect_text err "offset"
expect 65 "$sluice" run short.gguf -p hi
expect 65 "$sluice" verify "$model" --reference "$root/tests/golden/mixtral/golden.safetensors"
expect_text err "reference"
finish
