# A model of random weights loads, is described and runs.
. "$(dirname "$0")/expect.sh"
cat >config.json <<'EOF'
{"model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "vocab_size": 1024, "hidden_size": 64,
 "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
 "num_local_experts": 8, "num_experts_per_tok": 2, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
 "rope_theta": 1000000.0, "tie_word_embeddings": false, "hidden_act": "silu"}
EOF

expect 0 "$sluice" synth config.json tiny.gguf --type Q8_0 --layers 1 --seed 3
expect_text out "tensors"
expect 0 "$sluice" synth config.json again.gguf --type Q8_0 --layers 1 --seed 3
expect_same tiny.gguf again.gguf
expect 0 "$sluice" describe tiny.gguf
expect_text out "8 experts"
expect 0 "$sluice" run tiny.gguf -p hello --max-tokens 3 --threads 1
expect 2 "$sluice" synth no-such-shape out.gguf
expect_text err "olmoe"
expect 2 "$sluice" synth olmoe out.gguf --type Q4_K_X
expect 73 "$sluice" synth config.json no/such/folder/out.gguf
finish
