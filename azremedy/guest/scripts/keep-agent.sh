# Has systemd start the agent after a restart of the VM (start), and again whenever it ends (again): whichever the line
# before this one names. The agent itself goes on as it is.
fail() { printf '%s\n' "$1" >&2; exit 1; }
unit=
for name in walinuxagent waagent; do
  if [ "$(systemctl show -p LoadState "$name.service" | sed -n 's/^LoadState=//p')" = loaded ]; then unit=$name; break; fi
done
[ "$unit" ] || fail 'the agent has no unit'
folder="${SYSROOT:-}/etc/systemd/system/$unit.service.d"
for one in $what; do
  case $one in
    start) systemctl enable "$unit" || fail "$unit could not be enabled" ;;
    again)
      umask 022
      mkdir -p "$folder" && printf '[Service]\nRestart=always\nRestartSec=5\n' > "$folder/azremedy-restart.conf" \
        && systemctl daemon-reload || fail "$folder could not be written to"
      if [ "$(systemctl show -p Restart "$unit.service")" != Restart=always ]; then
        rm -f "$folder/azremedy-restart.conf"; systemctl daemon-reload
        fail "another file in $folder says what happens when $unit ends"
      fi ;;
  esac
done
printf '%s is kept up by systemd\n' "$unit"
