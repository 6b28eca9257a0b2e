# Updates the agent from the distribution's repository: later, and apart from Run Command, which the agent carries out.
# It keeps the configuration, and says what is in the way: a package that is held, a repository that offers no newer one.
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
fail() { printf '%s\n' "$1" >&2; exit 1; }
command -v systemd-run >/dev/null 2>&1 || fail 'there is no systemd-run, which runs an update apart from the agent'
unit=
for name in walinuxagent waagent; do
  if [ "$(systemctl show -p LoadState "$name.service" | sed -n 's/^LoadState=//p')" = loaded ]; then unit=$name; break; fi
done
[ "$unit" ] || fail 'the agent has no unit'
package=
for name in walinuxagent waagent; do
  case $(dpkg-query -W -f='${Status}' "$name" 2>/dev/null) in *' installed') package=$name; break ;; esac
done
if [ "$package" ]; then
  [ -z "$(apt-mark showhold "$package")" ] || fail "$package is held"
  apt-get -qq update || fail 'the repositories do not answer'
  apt-get -s -q -y install --only-upgrade "$package" | grep -q "^Inst $package " || fail "no newer $package is offered"
  command="apt-get -y -q -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install --only-upgrade"
else
  for name in WALinuxAgent python-azure-agent python3-azure-agent python311-azure-agent; do
    if rpm -q "$name" >/dev/null 2>&1; then package=$name; break; fi
  done
  case $package in
    '') fail 'no package of the agent is installed: it did not come from the distribution' ;;
    WALinuxAgent)
      manager=
      for name in dnf tdnf yum; do
        if command -v "$name" >/dev/null 2>&1; then manager=$name; break; fi
      done
      [ "$manager" ] || fail "there is no dnf, tdnf or yum that updates $package"
      # Some end in 100 where there is something newer, some in 0: what they list tells.
      offered=$("$manager" -y check-update "$package")
      case $? in 0|100) ;; *) fail 'the repositories do not answer' ;; esac
      printf '%s\n' "$offered" | grep -q "^$package[. ]" || fail "no newer $package is offered, or it is held"
      command="$manager -y upgrade" ;;
    *)
      zypper --non-interactive refresh >/dev/null || fail 'the repositories do not answer'
      zypper --non-interactive list-updates | grep -q "| $package  *|" || fail "no newer $package is offered, or it is held"
      command="zypper --non-interactive update" ;;
  esac
fi
systemd-run --on-active=30 --setenv=DEBIAN_FRONTEND=noninteractive \
  sh -c "$command $package && systemctl restart $unit" || fail 'the update could not be put off'
printf '%s is updated in half a minute, and %s restarted\n' "$package" "$unit"
