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
  for name in UUID LABEL PARTUUID PARTLABEL NAME; do
    for value in $(column "$name" "$1") "/azure/scsi1/lun$old" "/azure/data/by-lun/$old"; do
      if cat "$root/etc/fstab" "$root/etc/systemd/system"/*.mount 2>/dev/null | grep -v '^[[:space:]]*#' \
        | grep -qF -e "$value"; then printf 'fstab '; break 2; fi
    done
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
