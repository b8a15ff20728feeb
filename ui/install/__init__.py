"""`loopnote install-desktop`: the files that let a desktop know Loopnote, in the user's own folders.

tree         the command line as plain values    ─▶ completions (bash, zsh, fish), manual (man page)
entries      menu entry, autostart, software catalogue, icon
placing      puts files in place, and takes exactly these away again
command      the command
"""
