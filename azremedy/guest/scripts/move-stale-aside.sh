# Moves goal-state files that an old agent left behind aside; the placeholder GoalState.1.xml stays where it is.
aside="${SYSROOT:-}/var/lib/waagent/azremedy-aside"
[ -d "$aside" ] || mkdir -m 700 "$aside" || exit 1
for file in "${SYSROOT:-}/var/lib/waagent"/*.[0-9]*.xml; do
  case $file in */GoalState.1.xml) continue ;; esac
  if [ -f "$file" ]; then mv "$file" "$aside/" || exit 1; fi
done
printf 'moved to %s\n' "$aside"
