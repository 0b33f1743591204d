"""The page for Prometheus is one that its own tool finds nothing wrong with, where that is installed."""
import shutil
import subprocess
import sys
import urllib.request

from serving import Server


def main():
    promtool = shutil.which("promtool")
    if not promtool:
        print("promtool (Debian: prometheus) is not installed")
        sys.exit(77)
    with Server(sys.argv[1]) as server:
        assert server.complete()[0] == 200
        with urllib.request.urlopen(server.url + "/metrics", timeout=120) as answer:
            page = answer.read()
    checked = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, timeout=120)
    assert checked.returncode == 0 and not checked.stdout and not checked.stderr, checked
    for name in ("num_requests_running", "kv_cache_usage_perc", "num_preemptions_total", "generation_tokens_total",
                 "experts_touched_total", "expert_load_entropy_ratio", "time_to_first_token_seconds_bucket"):
        assert f"\nsluice_{name}".encode() in b"\n" + page, name
    print("ok")


if __name__ == "__main__":
    main()
