#pragma once

#include "cmd/options.h"
#include "container/parse_limits.h"

/* Rows of option tables for the limits that run, create and update share; M is the member of struct
 * T that is a struct limit_options. In the order of their names. */

#define LIMITS_BLKIO_WEIGHT(T, M)                                                                  \
	OPTION_STRING("blkio-weight", 0, T, M.blkio_weight, "WEIGHT",                              \
		"Share of block devices, 10 to 1000")

#define LIMITS_BLKIO(T, M)                                                                         \
	LIMITS_BLKIO_WEIGHT(T, M), OPTION_STRV("blkio-weight-device", 0, T, M.blkio_weight_device, \
					   "DEVICE:WEIGHT", "Share of one block device")

#define LIMITS_CPU(T, M)                                                                           \
	OPTION_STRING("cpu-period", 0, T, M.cpu_period, "MICROSECONDS",                            \
		"Length of the period that --cpu-quota is for"),                                   \
		OPTION_STRING("cpu-quota", 0, T, M.cpu_quota, "MICROSECONDS",                      \
			"CPU time in each period; -1 without limit"),                              \
		OPTION_STRING("cpu-shares", 'c', T, M.cpu_shares, "SHARES",                        \
			"Share of CPU time against others (1024 is usual)"),                       \
		OPTION_STRING("cpus", 0, T, M.cpus, "NUMBER", "Number of CPUs, as 1.5"),           \
		OPTION_STRING("cpuset-cpus", 0, T, M.cpuset_cpus, "LIST",                          \
			"CPUs it may run on, as 0-2,7"),                                           \
		OPTION_STRING("cpuset-mems", 0, T, M.cpuset_mems, "LIST",                          \
			"Memory nodes it may use, as 0-1")

#define LIMITS_DEVICE(T, M)                                                                        \
	OPTION_STRV("device-read-bps", 0, T, M.device_read_bps, "DEVICE:RATE",                     \
		"Bytes a second read from a device, as /dev/sda:1mb"),                             \
		OPTION_STRV("device-read-iops", 0, T, M.device_read_iops, "DEVICE:RATE",           \
			"Reads a second from a device"),                                           \
		OPTION_STRV("device-write-bps", 0, T, M.device_write_bps, "DEVICE:RATE",           \
			"Bytes a second written to a device"),                                     \
		OPTION_STRV("device-write-iops", 0, T, M.device_write_iops, "DEVICE:RATE",         \
			"Writes a second to a device")

#define LIMITS_MEMORY(T, M)                                                                        \
	OPTION_STRING("memory", 'm', T, M.memory, "SIZE", "Memory it may use, as 512m"),           \
		OPTION_STRING("memory-reservation", 0, T, M.memory_reservation, "SIZE",            \
			"Memory that it keeps when others need some"),                             \
		OPTION_STRING("memory-swap", 0, T, M.memory_swap, "SIZE",                          \
			"Memory and swap together; -1 without limit",                              \
			.default_text = "twice --memory"),                                         \
		OPTION_STRING("memory-swappiness", 0, T, M.memory_swappiness, "PERCENT",           \
			"Not available: cgroup v2 has no such setting", .hidden = true)

#define LIMITS_PIDS(T, M)                                                                          \
	OPTION_STRING("pids-limit", 0, T, M.pids_limit, "NUMBER",                                  \
		"Processes and threads; -1 without limit", .default_text = "2048")
