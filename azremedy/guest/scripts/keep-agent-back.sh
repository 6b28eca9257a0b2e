# Takes back what the line before this one names: that systemd starts the agent after a restart of the VM (start), and
# again whenever it ends (again). The agent itself goes on as it is.
fail() { printf '%s\n' "$1" >&2; exit 1; }
unit=
for name in walinuxagent waagent; do
  if [ "$(systemctl show -p LoadState "$name.service" | sed -n 's/^LoadState=//p')" = loaded ]; then unit=$name; break; fi
done
[ "$unit" ] || fail 'the agent has no unit'
folder="${SYSROOT:-}/etc/systemd/system/$unit.service.d"
for one in $what; do
  case $one in
    start) systemctl disable "$unit" || fail "$unit could not be disabled" ;;
    again)
      rm -f "$folder/azremedy-restart.conf" || fail "$folder could not be written to"
      [ -n "$(ls -A "$folder" 2>/dev/null)" ] || rm -rf "$folder"
      systemctl daemon-reload ;;
  esac
done
printf '%s is as it was\n' "$unit"
