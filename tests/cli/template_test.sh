# Chat templates as files, in a configuration, and rendering lines of conversations.
. "$(dirname "$0")/expect.sh"

cat >chat.jinja <<'EOF'
{{ bos_token }}{% for m in messages %}{% if m.role == 'robot' %}{{ raise_exception('no robots') }}{% endif %}[{{ m.role }}] {{ m.content }}
{% endfor %}{% if tools %}{{ tools | length }} tools {% endif %}{{ strftime_now('%Y-%m-%d') }}{% if mood is defined %} {{ mood }}{% endif %}
EOF
cat >lines <<'EOF'
{"messages": [{"role": "user", "content": "caf\u00e9"}], "bos_token": "<s>", "now": "2025-03-04 09:05:07"}
{"messages": [], "tools": [{"type": "function"}], "kwargs": {"mood": "blue"}, "now": "2025-03-04 09:05:07"}
{"messages": [{"role": "robot", "content": ""}]}
{"messages": 7}
EOF
expect_fed 0 lines "$sluice" template chat.jinja --jsonl
sed -n 1,3p out >seen
cat >expected <<'EOF'
{"rendered":"<s>[user] caf\u00e9\n2025-03-04"}
{"rendered":"1 tools 2025-03-04 blue"}
{"error":"no robots","error_type":"TemplateError"}
EOF
expect_same seen expected
[ "$(wc -l <out)" = 4 ] || { echo "FAILED: $(wc -l <out) lines of 4"; failures=$((failures + 1)); }
expect_text out 'needs a list of messages'

# Without --jsonl the text itself, once it has been seen to compile.
expect 0 "$sluice" template chat.jinja
expect_same out chat.jinja
printf '{"chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "{{ 1 + 1 }}"}]}' >config.json
expect 0 "$sluice" template config.json
printf '{{ 1 + 1 }}' >expected
expect_same out expected
printf '{"messages": []}\n' >line
expect_fed 0 line "$sluice" template config.json --jsonl
printf '{"rendered":"2"}\n' >expected
expect_same out expected

# A template that is wrong: an error, and with --jsonl one for each line.
printf '{%% for %%}' >broken.jinja
expect 65 "$sluice" template broken.jinja
expect_text err "broken.jinja"
expect_fed 0 line "$sluice" template broken.jinja --jsonl
expect_text out '"error_type":"TemplateSyntaxError"'

printf '{}' >config.json
expect 65 "$sluice" template config.json
expect_text err "chat_template"
expect 66 "$sluice" template absent.jinja
expect 2 "$sluice" template
printf 'not json\n' >line
expect_fed 65 line "$sluice" template chat.jinja --jsonl
expect_text err "line 1"
finish
