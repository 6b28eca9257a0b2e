# Moves the folder of Azure Backup's extension aside; the next backup installs it anew. One that lies there is kept.
aside="${SYSROOT:-}/var/lib/waagent/azremedy-aside"
[ -d "$aside" ] || mkdir -m 700 "$aside" || exit 1
for folder in "${SYSROOT:-}/var/lib/waagent"/Microsoft.Azure.RecoveryServices.VMSnapshotLinux-*; do
  [ -d "$folder" ] || continue
  name=${folder##*/}; number=1
  if [ -e "$aside/$name" ]; then
    while [ -e "$aside/$name~$number" ]; do number=$((number + 1)); done
    mv "$aside/$name" "$aside/$name~$number" || exit 1
  fi
  mv "$folder" "$aside/" || exit 1
done
printf 'moved to %s\n' "$aside"
