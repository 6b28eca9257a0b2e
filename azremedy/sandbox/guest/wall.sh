# Runs a script in a root of its own: in new namespaces (no privileges are needed, where the system admits them), with
# the programs of this machine to be read only and nothing else of it. Any step that fails ends it before the script.
# $1 is the root; its /.guest/script is run.
set -e
root=$1
mount --make-rprivate /
mount --bind "$root" "$root"
mkdir -p "$root/.host" "$root/.old" "$root/proc" "$root/dev"
for folder in usr bin sbin lib lib64; do
  if [ -L "/$folder" ]; then
    [ "$folder" = usr ] || ln -sfn ".host/$(readlink "/$folder" | sed 's#^/##')" "$root/$folder"
  elif [ -d "/$folder" ]; then
    mkdir -p "$root/.host/$folder"
    mount --bind "/$folder" "$root/.host/$folder"
    mount -o remount,bind,ro "$root/.host/$folder"
    [ "$folder" = usr ] || ln -sfn ".host/$folder" "$root/$folder"
  fi
done
: > "$root/dev/null"
mount --bind /dev/null "$root/dev/null"
mount -t proc proc "$root/proc"
cd "$root"
PATH=/usr/bin:/bin:/usr/sbin:/sbin:/.host/usr/bin:/.host/usr/sbin:/.host/bin:/.host/sbin
pivot_root . .old
cd /
umount -l /.old
ulimit -f 8192
ulimit -t 20
ulimit -v 1048576
# Once more new namespaces: what is mounted read only cannot be mounted otherwise in them.
exec unshare --user --map-root-user --mount -- \
  env -i PATH=/.guest/bin:/.host/usr/bin:/.host/bin HOME=/root LC_ALL=C sh /.guest/script
