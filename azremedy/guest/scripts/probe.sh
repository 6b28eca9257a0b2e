# azremedy's probe for Linux: it reads what the backups of this VM rest on, and changes nothing.
# Its last line is one JSON object. Every path begins with ${SYSROOT:-}, which is empty in a VM.
export LC_ALL=C
PATH="$PATH:${SYSROOT:-}/usr/sbin:${SYSROOT:-}/sbin"
word() {
  if [ -z "$1" ]; then printf null; return; fi
  printf '"%s"' "$(printf '%s' "$1" | tr -cd '\040-\176' | cut -c1-100 | sed 's/[\\"]/\\&/g')"
}
value() { printf '%s\n' "$2" | sed -n "s/^$1=//p" | head -n 1; }
keys() {
  file=$1; shift; comma=
  printf '{'
  for key in "$@"; do
    found=$(sed -n "s/^[[:space:]]*${key}[[:space:]]*[=:][[:space:]]*//p" "$file" | tail -n 1)
    [ -z "$found" ] && continue
    case $key in HttpProxy.Host) found='set' ;; esac
    printf '%s"%s":%s' "$comma" "$key" "$(word "$found")"; comma=,
  done
  printf '}'
}
port() {
  if ! command -v curl >/dev/null 2>&1; then printf null; return; fi
  answer=$(curl -s -o /dev/null -m 5 --noproxy '*' -w '%{http_code}' "http://168.63.129.16:$1/?comp=versions")
  case $answer in 000|'') printf false ;; *) printf true ;; esac
}

unit=null; restart=
for name in walinuxagent waagent; do
  shown=$(systemctl show -p LoadState -p ActiveState -p UnitFileState -p Restart "$name.service" 2>/dev/null)
  [ "$(value LoadState "$shown")" = loaded ] || continue
  restart=$(value Restart "$shown")
  unit="[\"$name\",$(word "$(value ActiveState "$shown")"),$(word "$(value UnitFileState "$shown")")]"
  break
done

told=$(waagent --version 2>/dev/null)
package=$(printf '%s\n' "$told" | sed -n 's/^WALinuxAgent-\([0-9.]*\).*/\1/p' | head -n 1)
goal=$(printf '%s\n' "$told" | sed -n 's/^Goal state agent: *\([0-9.]*\).*/\1/p' | head -n 1)

config=null
if [ -f "${SYSROOT:-}/etc/waagent.conf" ]; then
  config=$(keys "${SYSROOT:-}/etc/waagent.conf" Extensions.Enabled Provisioning.Agent AutoUpdate.Enabled \
    AutoUpdate.UpdateToLatestVersion Logs.Verbose OS.EnableFirewall Protocol.EndpointDiscovery HttpProxy.Host)
fi
backup='{}'
if [ -f "${SYSROOT:-}/etc/azure/vmbackup.conf" ]; then
  backup=$(keys "${SYSROOT:-}/etc/azure/vmbackup.conf" fsfreeze timeout MountsToSkip SafeFreezeWaitInSeconds \
    SnapshotMethod seqsnapshot isanysnapshotfailed)
fi

stale=0
for file in "${SYSROOT:-}/var/lib/waagent"/*.[0-9]*.xml; do
  case $file in */GoalState.1.xml) continue ;; esac
  [ -f "$file" ] && stale=$((stale + 1))
done
snapshot=0
for folder in "${SYSROOT:-}/var/lib/waagent"/Microsoft.Azure.RecoveryServices.VMSnapshotLinux-*; do
  [ -d "$folder" ] && snapshot=$((snapshot + 1))
done
leases=0
for file in "${SYSROOT:-}/run/systemd/netif/leases"/* "${SYSROOT:-}/var/lib/dhcp"/*.leases \
  "${SYSROOT:-}/var/lib/dhclient"/*.lease* "${SYSROOT:-}/var/lib/NetworkManager"/*.lease "${SYSROOT:-}/var/lib/wicked"/lease*; do
  [ -f "$file" ] && leases=$((leases + 1))
done

# How the addresses of Ethernet adapters are configured: "dhcp" counts files, "static" names who has one typed in.
dhcp=0; static=
typed() {
  case $static in *"\"$1\""*) return ;; esac
  static="$static${static:+,}\"$1\""
}
read_config() { lines=; [ -f "$1" ] && lines=$(sed 's/^[[:space:]]*#.*//' "$1" | tr -d "\"'"); [ -n "$lines" ]; }
says() { printf '%s\n' "$lines" | grep -Eqi "$1"; }
for file in "${SYSROOT:-}/etc/netplan"/*.yaml; do
  read_config "$file" || continue
  if says 'dhcp4: *(true|yes|on)'; then dhcp=$((dhcp + 1))
  elif printf '%s\n' "$lines" | grep -v 'to:' | grep -Eq '[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+/[0-9]+'; then typed netplan; fi
done
for file in "${SYSROOT:-}/etc/NetworkManager/system-connections"/* "${SYSROOT:-}/run/NetworkManager/system-connections"/*; do
  read_config "$file" && says '^type=(802-3-)?ethernet' || continue
  case $(printf '%s\n' "$lines" | sed -n '/^\[ipv4\]/,/^\[/s/^method=//p' | head -n 1) in
    auto) dhcp=$((dhcp + 1)) ;;
    manual) typed NetworkManager ;;
  esac
done
for file in "${SYSROOT:-}/etc/sysconfig/network-scripts"/ifcfg-* "${SYSROOT:-}/etc/sysconfig/network"/ifcfg-*; do
  case $file in *ifcfg-lo|*:*|*.*|*~) continue ;; esac
  read_config "$file" || continue
  says '^ONBOOT=no' && continue
  if says '^BOOTPROTO=dhcp'; then dhcp=$((dhcp + 1)); elif says '^IPADDR'; then typed ifcfg; fi
done
for file in "${SYSROOT:-}/etc/network/interfaces" "${SYSROOT:-}/etc/network/interfaces.d"/*; do
  read_config "$file" || continue
  if says '^[[:space:]]*iface +e[^ ]* +inet +dhcp'; then dhcp=$((dhcp + 1))
  elif says '^[[:space:]]*iface +e[^ ]* +inet +static'; then typed interfaces; fi
done
for file in "${SYSROOT:-}/etc/systemd/network"/*.network; do
  read_config "$file" && says '^(Name=(e|\*)|MACAddress=|Type=ether)' || continue
  if says '^DHCP=(yes|true|ipv4)'; then dhcp=$((dhcp + 1))
  elif says '^Address=[0-9]+\.'; then typed networkd; fi
done

pythons=; comma=
for name in python3 python3.8 python3.7 python3.6 python3.5 python2.7 python2.6 python2 python; do
  for folder in usr/bin usr/local/bin; do
    if [ -x "${SYSROOT:-}/$folder/$name" ]; then pythons="$pythons$comma\"$name\""; comma=,; break; fi
  done
done

selinux=$(getenforce 2>/dev/null | head -n 1)
release=$(cat "${SYSROOT:-}/etc/os-release" 2>/dev/null | tr -d '"')
reboot=false
[ -f "${SYSROOT:-}/var/run/reboot-required" ] || [ -f "${SYSROOT:-}/run/reboot-required" ] && reboot=true

printf '{"azremedy":1,"os":"linux","distribution":%s,"release":%s,' "$(word "$(value ID "$release")")" \
  "$(word "$(value VERSION_ID "$release")")"
printf '"agent":%s,"restart":%s,"package":%s,"goal":%s,' "$unit" "$(word "$restart")" "$(word "$package")" "$(word "$goal")"
printf '"config":%s,"backup":%s,"snapshot":%s,"stale":%s,"leases":%s,' "$config" "$backup" "$snapshot" "$stale" "$leases"
printf '"dhcp":%s,"static":[%s],' "$dhcp" "$static"
printf '"selinux":%s,"pythons":[%s],"reboot":%s,' "$(word "$selinux")" "$pythons" "$reboot"
printf '"ports":{"80":%s,"32526":%s}}\n' "$(port 80)" "$(port 32526)"
