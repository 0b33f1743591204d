# verify agrees with a right reference and says where a wrong one differs.
. "$(dirname "$0")/expect.sh"
golden=$root/tests/golden

expect 0 "$sluice" verify "$golden/mixtral" --reference "$golden/mixtral/golden.safetensors" --threads 1
expect_text out "16 of 16 tokens"
expect 0 "$sluice" verify "$golden/gguf_olmoe_q4km" --reference "$golden/gguf_olmoe_q4km/golden.safetensors" --json --threads 1
expect_text out '"ok": true'
expect 0 "$sluice" verify "$golden/gguf_olmoe_q4km" --reference "$golden/gguf_olmoe_q4km/golden.safetensors" --exact --isa scalar --json --threads 1
expect_text out '"exact": true'
expect_text out '"isa": "scalar"'
expect_text out '"tolerance": 0.0001'

# The shipped model against the logits of its weights before they were quantised.
expect 0 "$sluice" verify "$root/models/tiny-mixtral.gguf" --reference "$golden/tiny-mixtral/golden.safetensors" --threads 1
expect_text out "24 of 24 tokens"

# 8-bit activations do not give the reference's logits to six digits.
expect 1 "$sluice" verify "$golden/gguf_olmoe_q4km" --reference "$golden/gguf_olmoe_q4km/golden.safetensors" --tolerance 1e-6 --threads 1
expect_text out "DIFFERS"
# The same shape, other weights.
expect 1 "$sluice" verify "$golden/llama" --reference "$golden/llama_linear/golden.safetensors" --threads 1
finish
