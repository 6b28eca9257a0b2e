# Moves goal-state files back that were moved aside, and overwrites none.
aside="${SYSROOT:-}/var/lib/waagent/azremedy-aside"
for file in "$aside"/*.xml; do
  if [ -f "$file" ] && [ ! -e "${SYSROOT:-}/var/lib/waagent/${file##*/}" ]; then
    mv "$file" "${SYSROOT:-}/var/lib/waagent/" || exit 1
  fi
done
printf 'moved back\n'
