# What a model needs, from its header; speeds are judged by their form alone.
. "$(dirname "$0")/expect.sh"

expect 0 "$sluice" fit "$root/models/tiny-mixtral.gguf"
expect_text out "as it is"
expect_text out "--threads"
expect 0 "$sluice" fit "$root/tests/configs/deepseek_v3.json" --json
cp out fit.json
python3 -c '
import json
fit = json.load(open("fit.json"))
assert fit["experts"] == 256 and fit["experts_per_token"] == 8
assert 670e9 < fit["parameters"] < 675e9
recipes = {w["recipe"]: w for w in fit["weights"]}
assert "as it is" not in recipes
assert recipes["q8"]["weight_bytes"] > recipes["q4"]["weight_bytes"] > 3e11
for w in recipes.values():
    assert w["decode_tokens_per_second"] > 0 and w["prompt_tokens_per_second"] > 0
' || { echo "FAILED: the JSON of fit"; failures=$((failures + 1)); }
expect 0 "$sluice" fit "$root/tests/golden/llama" --ctx 64 --threads 1
expect_text out "as it is"
expect 66 "$sluice" fit no-such-file.gguf
echo '{"model_type": "nothing known"}' >config.json
expect 65 "$sluice" fit config.json
finish
