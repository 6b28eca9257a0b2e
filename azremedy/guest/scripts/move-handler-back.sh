# Moves the folder of Azure Backup's extension back that was moved aside, where no backup has installed it anew.
home="${SYSROOT:-}/var/lib/waagent"
for folder in "$home"/Microsoft.Azure.RecoveryServices.VMSnapshotLinux-*; do
  if [ -d "$folder" ]; then printf 'it was installed anew\n' >&2; exit 1; fi
done
for folder in "$home/azremedy-aside"/Microsoft.Azure.RecoveryServices.VMSnapshotLinux-*; do
  case $folder in *~*) continue ;; esac
  if [ -d "$folder" ]; then mv "$folder" "$home/" || exit 1; fi
done
printf 'moved back\n'
