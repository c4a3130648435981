# Sources of other rooms that the monitor program is made of, too.
MONITOR_SHARED = src/runtime/process.c src/runtime/process_user.c
