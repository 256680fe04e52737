# Completion of keys in bash 4 or newer. It asks keys itself, so it never goes stale.
_keys() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == $'\tfiles' ]]; then
      compopt -o default
    else
      COMPREPLY+=("$line")
      # What ends in a colon goes on without a blank.
      [[ $line == *: ]] && compopt -o nospace
    fi
  done < <(command keys __complete --bash -- "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null </dev/null)
}
complete -F _keys keys
