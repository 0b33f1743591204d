# A model with an encoder answers a source text, and says what both its stacks are.
. "$(dirname "$0")/expect.sh"

cp -r "$root/tests/golden/switch" model
# A vocabulary of 160: the usual first three, letters with and without a space, and sentinels at the end.
python3 - <<'END'
import json
pieces = [["<pad>", 0.0], ["</s>", 0.0], ["<unk>", -9.0], ["\u2581", -2.0]]
pieces += [[prefix + chr(97 + i), -3.0 - i / 100] for prefix in ("", "\u2581") for i in range(26)]
pieces += [[f"w{i}", -8.0] for i in range(156 - len(pieces))]
added = [{"id": i, "content": c, "special": True, "single_word": False, "lstrip": False, "rstrip": False,
          "normalized": False} for i, c in [(0, "<pad>"), (1, "</s>"), (2, "<unk>")] +
         [(159 - i, f"<extra_id_{i}>") for i in range(4)]]
pieces += [[f"<extra_id_{i}>", 0.0] for i in (3, 2, 1, 0)]
metaspace = {"type": "Metaspace", "replacement": "\u2581", "add_prefix_space": True}
end = [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}]
json.dump({"version": "1.0", "added_tokens": added, "normalizer": None, "pre_tokenizer": metaspace,
           "post_processor": {"type": "TemplateProcessing", "single": end, "pair": end,
                              "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}},
           "decoder": metaspace, "model": {"type": "Unigram", "unk_id": 2, "vocab": pieces}},
          open("model/tokenizer.json", "w"))
END

expect 0 "$sluice" tokenize model "a <extra_id_0> c"
expect_text out "159"
expect 0 "$sluice" run model -p "the <extra_id_0> sat on the <extra_id_1>" --temp 0 --max-tokens 12 --stats --threads 1
cp out first
expect_text err "12 tokens"
expect 0 "$sluice" run model -p "the <extra_id_0> sat on the <extra_id_1>" --temp 0 --max-tokens 12 --threads 2 --isa scalar
expect_same out first
expect 0 "$sluice" run model -p "another text" --temp 0 --max-tokens 12 --threads 1
cmp -s out first && { echo "FAILED: the source does not matter"; failures=$((failures + 1)); }

expect 0 "$sluice" describe model
expect_text out "encoder layer 1"
expect_text out "per token of the source"
expect 0 "$sluice" describe model --plan
expect_text out "enc.L1.moe.route"
expect_text out "L0.cross.attend"
expect 0 "$sluice" demo model --max-tokens 5 --threads 1
expect_text out "And of the encoder"
expect 0 "$sluice" verify model --reference model/golden.safetensors --threads 1
expect_text out "90 of 90 choices"

# A text longer than the context is refused with the numbers.
for _ in $(seq 600); do printf 'a b '; done >long
expect_fed 2 long "$sluice" run model --max-tokens 4 --threads 1
expect_text err "the context holds 512"
# Two versions compared on a text: each window's first half is a source, the second its answer.
for i in $(seq 40); do echo "the cat sat on the mat and saw a dog number $i of the day"; done >text
expect 0 "$sluice" pack model same.gguf
expect 0 "$sluice" compare same.gguf model --text text --window 64 --json
expect_text out '"largest_divergence": 0.0'
expect_text out '"same_expert_set": 1.0'
expect 0 "$sluice" pack model q3.gguf --recipe q3-moe --calibrate text --tokens 512
expect_text out "experts; the others"
expect 0 "$sluice" compare q3.gguf model --text text --window 64
expect_text out "perplexity"
expect_text out "router"

finish
