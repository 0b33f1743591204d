# What a model is, as text, as JSON, as steps, and against another.
. "$(dirname "$0")/expect.sh"
golden=$root/tests/golden

expect 0 "$sluice" describe
expect_text out "8 experts"
expect 0 "$sluice" describe "$golden/deepseek_v3" --json
python3 -c 'import json, sys; d = json.load(open("out")); sys.exit(not d)' || { echo "FAILED: not JSON"; failures=$((failures + 1)); }
expect 0 "$sluice" describe "$golden/gguf_split" --plan
expect_text out "L0.moe.gate_up"
expect_text out "tokens a second"
expect 0 "$sluice" describe "$golden/llama" --diff "$golden/llama"
expect_text out "no difference"
expect 0 "$sluice" describe "$golden/llama" --diff "$golden/llama_linear"
expect_text out "rope"
finish
