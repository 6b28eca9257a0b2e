# Updates the agent from the distribution's repository: later, and apart from Run Command, which the agent carries out.
# It keeps the configuration, and says what is in the way: a package that is held, a repository that offers no newer one.
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
fail() { printf '%s\n' "$1" >&2; exit 1; }
# Asks a package manager, two minutes at the most, and leaves in `said` what it says. `$1` is an exit code that is no
# failure, beside 0: some end in 100 where there is something newer.
ask() {
  fine=$1; shift
  said=$(timeout -k 10 120 "$@" 2>&1); code=$?
  case $code in 0|"$fine") return ;; esac
  case $said in
    *'Could not get lock'*|*'Unable to lock'*|*'holding the yum lock'*|*'Waiting for process with pid'* \
      |*'management is locked'*|*'instance lock'*) fail 'another package manager is at work: try again once it is done' ;;
  esac
  case $code in 124|137) fail 'the repositories do not answer within two minutes' ;; esac
  fail 'the repositories do not answer'
}
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
  ask 0 apt-get -qq update
  ask 100 apt-get -s -q -y install --only-upgrade "$package"
  printf '%s\n' "$said" | grep -q "^Inst $package " || fail "no newer $package is offered"
  command="apt-get -y -q -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install --only-upgrade"
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
      ask 100 "$manager" -y check-update "$package"
      printf '%s\n' "$said" | grep -q "^$package[. ]" || fail "no newer $package is offered, or it is held"
      command="$manager -y upgrade" ;;
    *)
      ask 0 zypper --non-interactive refresh
      ask 0 zypper --non-interactive list-updates
      printf '%s\n' "$said" | grep -q "| $package  *|" || fail "no newer $package is offered, or it is held"
      command="zypper --non-interactive update" ;;
  esac
fi
systemd-run --on-active=30 --setenv=DEBIAN_FRONTEND=noninteractive \
  sh -c "$command $package && systemctl restart $unit" || fail 'the update could not be put off'
printf '%s is updated in half a minute, and %s restarted\n' "$package" "$unit"
