#pragma once

/*
 * pod-transfer's roles: `pod-transfer ROLE [ARGUMENTS]`, started by pod only, with descriptors as
 * each role's header says. A role is its own main: ARGV[0] is its name; returns the exit status.
 */

/** transfer_archive() - archives from outside, see src/image/archive.h. */
int transfer_archive(int argc, char **argv);

/** transfer_fetch() - the network side of a pull or login, see registry/fetch_protocol.h. */
int transfer_fetch(int argc, char **argv);

/** transfer_unpack() - one layer, see storage/unpack_protocol.h. */
int transfer_unpack(int argc, char **argv);
