# work for the shell itself, for the test that counts its functions
declare -A seen
f() { local z=$1; [[ $z =~ [0-9]+ ]] && seen[${BASH_REMATCH[0]}]=$z; }
for i in {1..40}; do a=$((i * i)); f "x${a/1/y}z"; done
trap "echo end" EXIT
case ${#seen[@]} in 0) exit 1 ;; *) printf "%s\n" "${#seen[@]}" ;; esac
