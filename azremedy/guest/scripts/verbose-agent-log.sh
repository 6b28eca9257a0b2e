# Sets how much the agent logs, and restarts it: later, and apart from Run Command, which the agent carries out.
# The line before this one holds the value of Logs.Verbose that is there, and the one that is to be; empty is no such line.
fail() { printf '%s\n' "$1" >&2; exit 1; }
conf="${SYSROOT:-}/etc/waagent.conf"
command -v systemd-run >/dev/null 2>&1 || fail 'there is no systemd-run, which runs a restart apart from the agent'
unit=
for name in walinuxagent waagent; do
  if [ "$(systemctl show -p LoadState "$name.service" | sed -n 's/^LoadState=//p')" = loaded ]; then unit=$name; break; fi
done
[ "$unit" ] || fail 'the agent has no unit'
[ -f "$conf" ] || fail "there is no $conf"
there=$(grep '^[[:space:]]*Logs\.Verbose[[:space:]]*[=:]' "$conf")
[ "$there" = "${old:+Logs.Verbose=$old}" ] || fail "$conf is not as it was when it was looked at: ${there:-no Logs.Verbose}"
made="$conf.azremedy"
umask 077
case $old:$new in
  *:) sed '/^Logs\.Verbose=/d' "$conf" > "$made" ;;
  :*) { cat "$conf"; [ -z "$(tail -c 1 "$conf")" ] || printf '\n'; printf 'Logs.Verbose=%s\n' "$new"; } > "$made" ;;
  *) sed "s/^Logs\.Verbose=.*/Logs.Verbose=$new/" "$conf" > "$made" ;;
esac
# What is written over keeps its owner, its rights and its label.
[ -s "$made" ] && cat "$made" > "$conf" && rm -f "$made" || fail "$conf could not be written"
systemd-run --on-active=30 systemctl restart "$unit" || fail 'it is set, and the restart could not be put off'
printf 'Logs.Verbose is %s, and %s is restarted in half a minute\n' "${new:-not set}" "$unit"
