# Restarts the agent: later, and apart from Run Command, which the agent carries out.
fail() { printf '%s\n' "$1" >&2; exit 1; }
command -v systemd-run >/dev/null 2>&1 || fail 'there is no systemd-run, which runs a restart apart from the agent'
unit=
for name in walinuxagent waagent; do
  if [ "$(systemctl show -p LoadState "$name.service" | sed -n 's/^LoadState=//p')" = loaded ]; then unit=$name; break; fi
done
[ "$unit" ] || fail 'the agent has no unit'
systemd-run --on-active=30 systemctl restart "$unit" || fail 'the restart could not be put off'
printf '%s is restarted in half a minute\n' "$unit"
