# Speed is measured and written down; no figure is judged here but by its form.
. "$(dirname "$0")/expect.sh"
model=$root/models/tiny-mixtral.gguf
quick="--prefill 16 --tokens 4 --depth 0,8 --batch 2 --repeat 2 --threads 2"

check() {
  python3 -c "$1" || { echo "FAILED: $2"; failures=$((failures + 1)); }
}

expect 0 "$sluice" bench "$model" --load --repeat 2 --threads 1
expect_text out "GB/s for each core"
expect 0 "$sluice" bench "$model" --load --repeat 2 --threads 1 --json
cp out load.json
check '
import json, sys
load = json.load(open("load.json"))
assert load["file_bytes"] > 1e6 and load["threads"] == 1
for figure in ("seconds", "processor_seconds", "bytes_per_second_and_core"):
    assert 0 < load[figure]["lowest"] <= load[figure]["highest"]
' "figures of loading"

expect 0 "$sluice" bench "$model" $quick --profile
expect_text out "prefill 16"
expect_text out "decode 4 after 8"
expect_text out "decode 2 x 2"
expect_text out "moe.gate_up"
expect 0 "$sluice" bench "$model" $quick --profile --json
cp out a.json
check '
import json
result = json.load(open("a.json"))
assert result["cpu"] and result["version"] and result["commit"] and result["threads"] == 2
assert len(result["bounds_by_round"]) == 3
for bounds in result["bounds_by_round"]:
    assert all(rate > 0 for rate in bounds.values())
assert [f["name"] for f in result["figures"]] == ["prefill 16", "decode 4", "decode 4 after 8", "decode 2 x 2"]
for figure in result["figures"]:
    assert len(figure["seconds"]) == 2 and all(s > 0 for s in figure["seconds"])
    assert len(figure["read_bytes_per_second"]) == 2 and min(figure["read_bytes_per_second"]) > 0
    least = sum(figure["least_seconds"])
    assert abs(least / sum(figure["seconds"]) - figure["share_of_bound"]) < 1e-9 and least > 0
    assert figure["weight_bytes_per_token"] > 0 and figure["int8_ops_per_token"] > 0
    profile = figure["profile"]
    assert profile["accounted"] >= 0.97, profile["accounted"]
    steps = {step["name"]: step for step in profile["steps"]}
    assert steps["L0.moe.gate_up"]["weight_bytes"] > 0 and steps["L0.moe.gate_up"]["busy_seconds"] > 0
    assert sum(s["int8_ops"] for s in steps.values()) > 0
near, deep = result["figures"][1:3]
assert deep["kv_bytes_per_token"] > near["kv_bytes_per_token"]
' "the JSON of bench"

expect 0 "$sluice" bench "$model" $quick --json
cp out b.json
expect 0 "$sluice" bench "$model" --prefill "" --batch "" --tokens 2 --repeat 1 --threads 1 --isa scalar
expect 2 "$sluice" bench "$model" --prefill "" --batch "" --depth ""
expect 2 "$sluice" bench "$model" --prefill 5x
expect_text err "5x"
expect 2 "$sluice" bench "$model" --depth 100000000
expect 2 "$sluice" bench "$model" --depth 1000000
expect_text err "trained for"

# A peer that always measures 10 tokens a second.
cat >peer <<'EOF'
#!/bin/sh
echo "$@" >>peer_calls
echo '[{"avg_ts": 10.0}]'
EOF
cat >batched <<'EOF'
#!/bin/sh
echo "$@" >>batched_calls
echo
echo '{"pl": 2, "speed_tg": 20.0}'
EOF
chmod +x peer batched
expect 0 "$sluice" bench "$model" --prefill 8 --depth 4 --tokens 2 --batch 2 --repeat 2 --peer ./peer --json
cp out peer.json
expect 0 "$sluice" bench "$model" --prefill 8 --depth "" --batch 2 --tokens 8 --repeat 2 --peer-batched ./batched --json
cp out batched.json
check '
import json
figures = json.load(open("peer.json"))["figures"]
assert figures[0]["peer_tokens_per_second"] == [10, 10] and figures[0]["ratio_to_peer"]["median"] > 0
assert "ratio_to_peer" not in figures[2]
calls = open("peer_calls").read().split("\n")
assert "-p 8 -n 0" in calls[0] and "-p 0 -n 2" in calls[1] and calls[1].endswith("-d 4"), calls
' "the comparison with a peer"
check '
import json
prompt, together = json.load(open("batched.json"))["figures"]
assert "ratio_to_peer" not in prompt
assert together["peer_tokens_per_second"] == [20, 20] and together["ratio_to_peer"]["median"] > 0
calls = open("batched_calls").read().split("\n")
assert "-npp 1 -ntg 4 -npl 2 -c 512" in calls[0], calls
' "the comparison with a peer's sequences together"
expect 66 "$sluice" bench "$model" --prefill 8 --depth "" --batch "" --repeat 1 --peer ./no-such-program
expect 2 "$sluice" bench --peer ./peer

# A recorded load on a server of ours, and on a peer's that is another of ours in disguise.
cat >trace.csv <<'EOF'
TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,40,3
2023-11-16 18:17:03.9899600,200,30
2023-11-16 18:17:04.0319600,12,2
EOF
cat >server <<EOF
#!/bin/sh
echo "\$@" >>server_calls
exec "$sluice" serve "\$2" --host "\$4" --port "\$6" --threads "\$8"
EOF
chmod +x server
expect 0 "$sluice" bench "$model" --serve trace.csv --longest-answer 8 --threads 1 --repeat 2 --peer ./server --json
cp out serving.json
check '
import json
result = json.load(open("serving.json"))
assert result["trace"] == "trace.csv" and result["cpu"]
ours, peer = result["servers"]
assert ours["name"] == "sluice" and peer["name"] == "server"
for server in (ours, peer):
    assert len(server["rounds"]) == 2
    for round in server["rounds"]:
        assert round["requests"] == 3 and round["failed"] == 0, round
        assert round["answer_tokens_per_second"] > 0 and round["time_to_first_token_seconds"]["p95"] > 0
        tokens = round["answer_tokens_per_second"] * round["seconds"]
        assert abs(tokens - (3 + 8 + 2)) < 1e-6, tokens
calls = open("server_calls").read().split("\n")
assert "-c 3584 -np 16" in calls[0], calls  # sixteen of 200 + 8 tokens, in whole pages
' "the load on two servers"
expect 0 "$sluice" bench "$model" --serve trace.csv --requests 1 --repeat 1 --threads 1
expect_text out "first token, p95 ms"
echo "nothing" >none.csv
expect 65 "$sluice" bench "$model" --serve none.csv
expect_text err "line 1"
expect 74 "$sluice" bench "$model" --serve trace.csv --requests 1 --repeat 1 --threads 1 --peer /bin/false
expect_text err "ended before it answered"

compare=$root/bench/compare
python3 - <<'EOF'
import json
result = json.load(open("a.json"))
for name, factor in (("same", 1.0), ("faster", 0.5), ("slower", 2.0)):
    copy = json.loads(json.dumps(result))
    for figure in copy["figures"]:
        figure["seconds"] = [factor, factor * 1.01, factor * 1.02]
        figure["read_bytes_per_second"] = [1e9] * 3
    copy["bounds_by_round"] = [result["bounds_by_round"][0]] * 4
    json.dump(copy, open(name + ".json", "w"))
EOF
expect 0 python3 "$compare" same.json same.json
expect_text out "no difference shown"
expect 0 python3 "$compare" same.json faster.json
expect_text out "2.000"
expect 1 python3 "$compare" same.json slower.json
expect_text out "slower"
expect 0 python3 "$compare" same.json faster.json --absolute
echo '{}' >empty.json
expect 2 python3 "$compare" same.json empty.json
expect 2 python3 "$compare" same.json nowhere.json
finish
