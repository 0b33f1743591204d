# Ids and texts, as arguments, through pipes and in lines of JSON.
. "$(dirname "$0")/expect.sh"
model=$root/models/tiny-mixtral.gguf
text='The river — once "wide" — was dry.'

expect 0 "$sluice" tokenize "$model" "$text"
cp out ids
expect_fed 0 ids "$sluice" detokenize "$model" --skip-special
printf '%s' "$text" >expected
expect_same out expected

# Standard input is taken byte for byte, line feeds too.
printf 'one\n two\n\n' >input
expect_fed 0 input "$sluice" tokenize "$model"
cp out ids
expect_fed 0 ids "$sluice" detokenize "$model" --skip-special
expect_same out input

# The first token is BOS unless it is not wanted.
expect 0 "$sluice" tokenize "$model" hello
read -r bos rest <out
expect 0 "$sluice" tokenize "$model" hello --no-add-special
printf '%s\n' "$rest" >expected
expect_same out expected
[ "$bos" = 1 ] || { echo "FAILED: BOS is $bos"; failures=$((failures + 1)); }

cat >lines <<'EOF'
{"text": "hello", "add_special": false}
{"text": "", "add_special": false}
{"text": "caf\u00e9 \ud83d\ude00\n", "add_special": true, "parse_special": false}
EOF
expect_fed 0 lines "$sluice" tokenize "$model" --jsonl
[ "$(wc -l <out)" = 3 ] || { echo "FAILED: $(wc -l <out) lines of 3"; failures=$((failures + 1)); }
sed 's/}$/, "skip_special": true}/' out >id_lines
expect_fed 0 id_lines "$sluice" detokenize "$model" --jsonl
printf '%s\n' '{"text":"hello"}' '{"text":""}' '{"text":"caf\u00e9 \ud83d\ude00\n"}' >expected
expect_same out expected

printf '{"text": "fine"}\n{"text": 7}\n' >lines
expect_fed 65 lines "$sluice" tokenize "$model" --jsonl
expect_text err "line 2"
printf '{"ids": [1, 2.5]}\n' >lines
expect_fed 65 lines "$sluice" detokenize "$model" --jsonl
printf '%0100000d' 0 | tr 0 '[' >lines
expect_fed 65 lines "$sluice" tokenize "$model" --jsonl
expect 2 "$sluice" detokenize "$model" 1 two
expect_text err "'two'"
expect 2 "$sluice" tokenize "$model" text --jsonl

# A reader that has seen enough ends the program without a word.
yes '{"text": "again and again"}' | "$sluice" tokenize "$model" --jsonl 2>err | head -n 1 >out
[ -s err ] && { echo "FAILED: a closed pipe is worth no message:"; cat err; failures=$((failures + 1)); }
expect_text out '"ids"'

# A full disk is worth one.
if [ -e /dev/full ]; then
  "$sluice" tokenize "$model" hello >/dev/full 2>err
  [ $? = 74 ] || { echo "FAILED: /dev/full"; failures=$((failures + 1)); }
  expect_text err "No space left"
fi
finish
