# What the machine is and does; no figure is judged here but by its form.
. "$(dirname "$0")/expect.sh"

expect 0 "$sluice" doctor --no-disk
expect_text out "processor"
expect_text out "reads GB/s"
head -c 70000000 /dev/zero >large
expect 0 "$sluice" doctor --disk large --json
cp out machine.json
python3 -c '
import json
machine = json.load(open("machine.json"))
assert "node" in machine["placement"], machine["placement"]
assert machine["processor"]["cpus"] > 0 and machine["memory"]["total_bytes"] > 0
threads = [s["threads"] for s in machine["scaling"]]
assert threads == sorted(set(threads)) and threads[0] == 1 and threads[-1] == machine["usable_cores"]
for scaling in machine["scaling"]:
    for key in ("read_bytes_per_second", "int8_ops_per_second", "float_ops_per_second"):
        rate = scaling[key]
        assert 0 < rate["lowest"] <= rate["median"] <= rate["highest"] < 1e18
assert machine["disk"]["sequential_bytes_per_second"] > 0
assert all(a["change"] and a["reason"] for a in machine["advice"])
' || { echo "FAILED: the JSON of doctor"; failures=$((failures + 1)); }
expect 66 "$sluice" doctor --disk no/such/folder
echo small >small
expect 2 "$sluice" doctor --disk small
expect_text err "too small"
finish
