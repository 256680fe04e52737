#compdef keys
# Completion of keys in zsh. It asks keys itself, so it never goes stale.
# Works when sourced, and as a file named _keys in a directory of $fpath.
_keys() {
  local line item
  local -a items begun
  for line in "${(@f)$(command keys __complete -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)}"; do
    if [[ $line == $'\tfiles' ]]; then
      compset -P '*[=:]'
      _files
      return
    fi
    item=${${${line%%$'\t'*}//\\/\\\\}//:/\\:}
    [[ $line == *$'\t'* ]] && item+=:${line#*$'\t'}
    if [[ $line == *:$'\t'* ]]; then
      begun+=("$item")
    elif [[ -n $item ]]; then
      items+=("$item")
    fi
  done
  # What ends in a colon goes on without a blank.
  _describe -t values value items -- begun -S ''
}

if [[ ${funcstack[1]} == _keys ]]; then
  _keys "$@"
else
  (( ${+functions[compdef]} )) || { autoload -Uz compinit && compinit -i }
  compdef _keys keys
fi
