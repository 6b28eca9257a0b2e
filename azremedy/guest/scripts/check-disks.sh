# azremedy's check of copied disks for Linux: it reads, and changes nothing. Its last line is one JSON object.
# The line before this one names the LUNs: `old` of the disk that was copied, `new` of those that hold the copy.
export LC_ALL=C
root=${SYSROOT:-}
device() {
  for way in "data/by-lun/$1" "scsi1/lun$1"; do
    if [ -e "$root/dev/disk/azure/$way" ]; then printf '%s' "$root/dev/disk/azure/$way"; return; fi
  done
}
column() { lsblk -brnpo "$1" "$2" 2>/dev/null | grep -v '^ *$' | sort -u; }
lines() { if [ -z "$1" ]; then printf 0; else printf '%s\n' "$1" | wc -l | tr -d ' '; fi; }

# What the next boot looks for: a name of a device, a file or a share on each line.
named() {
  sed -n 's/^[[:space:]]*\([^#[:space:]][^[:space:]]*\).*/\1/p' "$root/etc/fstab" 2>/dev/null
  sed -n 's/^[[:space:]]*[^#[:space:]][^[:space:]]*[[:space:]]\{1,\}\([^[:space:]]\{1,\}\).*/\1/p' "$root/etc/crypttab" 2>/dev/null
  for folder in etc run lib usr/lib usr/local/lib; do
    find "$root/$folder/systemd/" \( -name '*.mount' -o -name '*.automount' -o -name '*.swap' -o -path '*.d/*.conf' \) \
      -exec sed -n 's/^[[:space:]]*What[[:space:]]*=[[:space:]]*//p' {} + 2>/dev/null
  done
}
# Whether a name surely leads to something else than one of `devices`. What leads nowhere may be any of them.
elsewhere() {
  case $1 in
    ''|//*) return 0 ;;
    *%*|*\\*) return 1 ;;
    /*) way=$1 ;;
    UUID=*|LABEL=*|PARTUUID=*|PARTLABEL=*|ID=*) way=/dev/disk/by-$(printf '%s' "${1%%=*}" | tr A-Z a-z)/${1#*=} ;;
    [A-Z]*=*) return 1 ;;
    *) return 0 ;;
  esac
  target=$(readlink -f "$root$way")
  if [ ! -e "$target" ]; then
    # The temporary disk, which some sizes lack, and an image that systemd names wherever it is installed.
    case $way in /dev/disk/cloud/azure_resource*|/dev/disk/azure/resource*|/var/lib/machines.raw) return 0 ;; esac
    return 1
  fi
  [ "$devices" ] && ! printf '%s\n' "$devices" | grep -qxF -e "$target"
}

uses() {
  [ -n "$(column MOUNTPOINT "$1")" ] && printf 'mounted '
  for id in $(column MAJ:MIN "$1"); do
    if cat "$root/proc"/[0-9]*/mountinfo 2>/dev/null | grep -qF " $id "; then printf 'namespace '; break; fi
  done
  for kind in $(column TYPE "$1"); do
    case $kind in disk|part) ;; lvm) printf 'lvm ' ;; raid*|md*) printf 'md ' ;; crypt) printf 'crypt ' ;; *) printf 'other ' ;; esac
  done
  for kind in $(column FSTYPE "$1"); do
    case $kind in
      ext2|ext3|ext4|xfs|vfat|ntfs) ;;
      LVM2_member) printf 'lvm ' ;; linux_raid_member) printf 'md ' ;; crypto_LUKS) printf 'crypt ' ;; *) printf 'other ' ;;
    esac
  done
  names=$(named | tr -d '"' | sort -u)
  # Two disks may bear one name, a copy made block by block does: the link of udev then leads to one of them only.
  for tag in UUID LABEL PARTUUID PARTLABEL; do
    for value in $(column "$tag" "$1"); do
      if printf '%s\n' "$names" | grep -qF -e "$value"; then printf 'fstab '; return; fi
    done
  done
  devices=$(for name in $(column NAME "$1"); do readlink -f "$root$name"; done)
  printf '%s\n' "$names" | while IFS= read -r name; do
    if ! elsewhere "$name"; then printf 'fstab '; break; fi
  done
}

roots=
disk() {
  place=$(device "$1")
  if [ -z "$place" ]; then printf '[%s,null,0,0,""]' "$1"; return; fi
  used=; [ "$1" = "$old" ] && used=$(uses "$place" | tr ' ' '\n' | sort -u | tr '\n' ' ' | sed 's/^ *//; s/ *$//')
  size=$(lsblk -bdrno SIZE "$place" | tr -cd '0-9')
  printf '[%s,%s,%s,%s,"%s"]' "$1" "${size:-null}" "$(lines "$(column FSTYPE "$place")")" \
    "$(lines "$(column MOUNTPOINT "$place")")" "$used"
}
for lun in $new; do
  place=$(device "$lun")
  [ -z "$place" ] && continue
  # A mount point of other characters than these is not looked at: what lies there counts as missing.
  for mount in $(column MOUNTPOINT "$place" | grep -x '/[A-Za-z0-9/_.-]*'); do
    case " $roots " in *" $mount "*) ;; *) roots="$roots $mount" ;; esac
  done
done

files() {
  for mount in $roots; do
    (cd "$root$mount" && find . -xdev -type f ! -name 'azremedy-lun*' -printf '%s %P\n' 2>/dev/null)
  done
}
list=; sums=
for mount in $roots; do
  if [ -f "$root$mount/azremedy-lun$old.files" ]; then list="$root$mount/azremedy-lun$old.files"; fi
  if [ -f "$root$mount/azremedy-lun$old.sums" ]; then sums="$root$mount/azremedy-lun$old.sums"; fi
done
count=null; missing=0; sample=0; differ=0
if [ -n "$list" ] && sort -c "$list" 2>/dev/null; then
  count=$(wc -l < "$list" | tr -d ' ')
  missing=$(files | sort | comm -23 "$list" - | wc -l | tr -d ' ')
fi
if [ -n "$sums" ]; then
  while IFS= read -r line && [ "$sample" -lt 64 ]; do
    sample=$((sample + 1)); now=
    for mount in $roots; do
      file="$root$mount/${line#* }"
      if [ -f "$file" ]; then now=$(head -c 1048576 "$file" | sha256sum | cut -c 1-64); break; fi
    done
    [ "$now" = "${line%% *}" ] || differ=$((differ + 1))
  done < "$sums"
fi

printf '{"azremedy":1,"os":"linux","disks":['
disk "$old"
for lun in $new; do printf ','; disk "$lun"; done
printf '],"files":%s,"missing":%s,"sample":%s,"differ":%s}\n' "$count" "$missing" "$sample" "$differ"
