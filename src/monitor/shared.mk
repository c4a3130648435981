# Sources of other rooms that the monitor program is made of, too.
MONITOR_SHARED = src/monitor/protocol.c src/monitor/logformat.c src/monitor/notify.c \
	src/monitor/journal.c \
	src/runtime/process.c src/runtime/process_check.c src/runtime/process_command.c \
	src/runtime/process_credentials.c src/runtime/process_limits.c \
	src/runtime/process_seccomp.c src/runtime/process_send.c \
	src/runtime/process_user.c \
	src/runtime/single_id_filter.c
