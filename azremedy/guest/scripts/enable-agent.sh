# Has systemd start the agent after a restart of the VM. The agent goes on as it is.
for name in walinuxagent waagent; do
  if [ "$(systemctl show -p LoadState "$name.service" | sed -n 's/^LoadState=//p')" = loaded ]; then
    systemctl enable "$name.service" && printf '%s is enabled\n' "$name"
    exit
  fi
done
exit 1
