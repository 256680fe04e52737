# Completion of keys in fish. It asks keys itself, so it never goes stale.
function __keys_complete
    set -l current (commandline -ct)
    set -l words (commandline -opc)
    set -l answer (command keys __complete -- $words[2..-1] (string unescape -- "$current"; or echo -- "$current") 2>/dev/null </dev/null)
    if test "$answer" = \t'files'
        complete -C "'' $current"
    else
        printf '%s\n' $answer
    end
end
complete -c keys -f -a '(__keys_complete)'
