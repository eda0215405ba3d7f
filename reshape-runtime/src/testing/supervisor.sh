# Runs one server, and outlives the process that asked for it: however that process ends, the pipe on standard
# input is closed, and then the server is stopped and its folder removed.
#
# $1  the folder, in which everything is made
# $2  the initialised data folder to copy
# $3… the server's command line
folder=$1
template=$2
shift 2

# Ctrl-C is for the process that asked. The server sets handlers of its own.
trap '' HUP INT QUIT TERM
exec 3<&0 </dev/null

# A copy that shares blocks where the file system can; GNU's options first, then those that every cp has.
cp -a --reflink=auto "$template" "$folder/data" 2>"$folder/log" || {
    rm -rf "$folder/data"
    cp -Rp "$template" "$folder/data" 2>"$folder/log"
}
chmod 700 "$folder/data"

"$@" >"$folder/log" 2>&1 3<&- &
server=$!

# QUIT is the immediate shutdown: nobody needs the data any more. Once `exit` exists the process id may be another's.
(
    cat <&3 >/dev/null
    [ -e "$folder/exit" ] || kill -QUIT "$server"
) &

exec 3<&-
wait "$server"
echo $? >"$folder/exit"
wait
rm -rf "$folder"
