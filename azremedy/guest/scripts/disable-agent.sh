# Has systemd not start the agent after a restart of the VM, as it was before. The agent goes on as it is.
for name in walinuxagent waagent; do
  if [ "$(systemctl show -p LoadState "$name.service" | sed -n 's/^LoadState=//p')" = loaded ]; then
    systemctl disable "$name.service" && printf '%s is disabled\n' "$name"
    exit
  fi
done
exit 1
