# azremedy reads one log of this VM: names, sizes and times of its files, and the last lines that speak of a fault, without
# secrets. It changes nothing. Its last line is one JSON object. Every path begins with ${SYSROOT:-}, empty in a VM.
export LC_ALL=C
word() {
  printf '"%s"' "$(printf '%s' "$1" | tr -cd '\040-\176' | cut -c1-100 | sed 's/[\\"]/\\&/g')"
}
newest() {
  for file in "$@"; do
    case $log:$file in handlers:*VMSnapshotLinux*/extension.log | handlers:*VMSnapshotLinux*/shell.log) continue ;; esac
    [ -f "$file" ] && [ ! -L "$file" ] && printf '%s\n' "$file"
  done |
    while read -r file; do printf '%s %s\n' "$(stat -c %Y "$file" 2>/dev/null || printf 0)" "$file"; done |
    sort -rn | head -n "$most" | cut -d ' ' -f 2-
}
end() {
  size=$(wc -c < "$1")
  tail -c 262144 "$1" | if [ "$size" -gt 262144 ]; then sed 1d; else cat; fi
}
# A line that is too long loses its last word, which could be half a secret.
worth() {
  tr -cd '\011\012\040-\176' | tr '\011' ' ' | grep -iE "$match" | tail -n 60 | cut -c1-2000 |
    sed -E '/^.{2000}/s/[^ ]*$/[cut]/' | sed -E "$secrets" | cut -c1-300 | sed 's/[\\"]/\\&/g; s/.*/"&"/'
}
# The newest 2200 bytes, whole lines.
last() {
  if [ "${#1}" -gt 2200 ]; then printf '%s\n' "$1" | tail -c 2200 | sed 1d; else printf '%s\n' "$1"; fi
}
told() {
  log=$1; most=$2; shift 2; comma=
  files=$(newest "$@")
  printf '{"azremedy":1,"os":"linux","log":"%s","files":[' "$log"
  printf '%s\n' "$files" | while read -r file; do
    [ -f "$file" ] || continue
    time=$(stat -c %Y "$file" 2>/dev/null)
    printf '%s[%s,%s,%s]' "$comma" "$(word "${file#"${SYSROOT:-}"}")" "$(($(wc -c < "$file")))" "${time:-null}"; comma=,
  done
  printf '],"lines":['
  if [ "$log" != goal-state ] && [ -n "$files" ]; then
    found=$(printf '%s\n' "$files" | sed '1!G;h;$!d' | while read -r file; do end "$file" | worth; done)
    [ -z "$found" ] || last "$found" | tr '\n' ',' | sed 's/,$//'
  fi
  printf ']}\n'
}
