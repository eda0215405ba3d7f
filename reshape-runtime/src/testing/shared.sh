# Runs the server that all test processes of a user share, and ends it when nobody has used it for a while.
#
# $1  the server's folder; `data` in it is copied if it is not there
# $2  the initialised data folder to copy
# $3  how long nobody has to use the server before it ends, in seconds
# $4… the server's command line
#
# Who uses the server holds the pipe `users` in the folder open for writing, and has written a byte to it; whatever ends
# that process closes the pipe. Who finds `address` there after that byte can rely on the server: before it ends, `address` goes
# away, and then the pipe is looked at once more.
#
# `hold-*`  as long as one of these files is there the server goes on without users
# `kept`    as long as this file is there the data stays when the server ends
# `keep-*`  the same: one for each database that has a name of its own
# `exit`    the server has ended
home=$1
template=$2
idle=$3
shift 3

# Ctrl-C is for the process that asked. The server sets handlers of its own.
trap '' HUP INT QUIT TERM
exec </dev/null

rm -f "$home/exit"
if [ ! -e "$home/data/PG_VERSION" ]; then
    rm -rf "$home/data"
    # A copy that shares blocks where the file system can; GNU's options first, then those that every cp has.
    cp -a --reflink=auto "$template" "$home/data" 2>"$home/log" || {
        rm -rf "$home/data"
        cp -Rp "$template" "$home/data" 2>"$home/log"
    }
    chmod 700 "$home/data"
fi
[ -p "$home/users" ] || mkfifo -m 600 "$home/users"

# Prints how many processes have come since it was last asked, once $1 seconds have passed and none of them is left.
# The pipe is opened for writing here, not by the background process, so that there is a writer when `cat` begins.
newcomers() {
    exec 5>"$home/users"
    sleep "$1" >&5 4<&- 5>&- &
    exec 5>&-
    cat <&4 | wc -c
}

held() {
    ls "$home"/hold-* >/dev/null 2>&1
}

keeps() {
    [ -e "$home/kept" ] || ls "$home"/keep-* >/dev/null 2>&1
}

ended() {
    [ -e "$home/exit" ] || [ ! -d "$home" ]
}

# Under another name first: whoever looks meanwhile for `exit`, or opens the pipe for writing, finds no folder, and makes no file in it.
# Only where the folder above is ours to write in, or the folder is removed as it is.
remove() {
    if mv "$home" "$home.gone" 2>/dev/null; then rm -rf "$home.gone"; else rm -rf "$home"; fi
}

# The server, in a process of its own, so that the other end of the pipe below notices when this one is killed.
serve() {
    server_log=$home/log
    "$@" >"$server_log" 2>&1 &
    server=$!
    echo "$server"
    (
        # Both ends at once: opening one waits for the other.
        sleep "$idle" >"$home/users" &
        exec 4<"$home/users"
        while ! ended; do
            if [ "$(newcomers "$idle")" -gt 0 ] || held; then continue; fi
            mv -f "$home/address" "$home/address.old" 2>/dev/null
            if [ "$(newcomers 0)" -gt 0 ]; then
                mv -f "$home/address.old" "$home/address"
                continue
            fi
            break
        done
        # INT is the fast shutdown. Once `exit` exists the process id may be another's.
        ended || kill -INT "$server"
    ) >/dev/null &
    wait "$server"
    code=$?
    used=$(ls "$home/address" "$home/address.old" 2>/dev/null)
    rm -f "$home/address" "$home/address.old"
    echo "$code" >"$home/exit"
    # Who has started a server that nobody has used reads its log, tries again or removes the folder, and ends us; unless it was killed.
    [ "$code" -eq 0 ] || [ -n "$used" ] || {
        sleep 60
        code=0
        echo 0 >"$home/exit"
    }
    if [ "$code" -ne 0 ] || ! keeps; then remove; fi
}

serve "$@" | {
    read -r server
    # Until the process on the other end has ended, however that was.
    cat >/dev/null
    # The file is the server's, and goes when it does.
    if [ "$(head -n 1 "$home/data/postmaster.pid" 2>/dev/null)" = "$server" ]; then
        kill -QUIT "$server"
        remove
    fi
}
