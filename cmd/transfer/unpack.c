#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/transfer/sandbox.h"
#include "cmd/transfer/transfer.h"
#include "rootless/idmap.h"
#include "storage/image_store.h"
#include "storage/inflate.h"
#include "storage/unpack.h"
#include "storage/unpack_protocol.h"
#include "util/mem.h"
#include "util/str.h"

/*
 * `pod-transfer unpack`, storage/unpack_protocol.h. One pass:
 *
 *   source → SHA-256 → inflate → SHA-256 → tar → files below diff/
 *
 * each step pulling from the one before, so that there is one buffer per step and no copy but
 * inflate's.
 */

#define READ_SIZE (256u << 10)

/* More than this many times the compressed size, beyond a first gigabyte, no layer of use has. */
#define RATIO_MAX        20000u
#define RATIO_FREE_BYTES (1ull << 30)

struct pipeline {
	/* the source */
	bool is_regular;
	uint64_t offset, valid; /* bytes read, bytes that may be read */
	bool valid_is_final;
	EVP_MD_CTX *blob_hash;
	/* the tar stream */
	struct inflate *inflate;
	uint64_t tar_size, tar_limit;
	EVP_MD_CTX *diff_hash;
	unsigned char buffer[READ_SIZE];
};

/* Wait until more of the source may be read. */
static int wait_valid(struct pipeline *pipeline, struct error **err)
{
	struct pollfd fds[2] = {
		{.fd = UNPACK_NOTIFY_FD, .events = POLLIN}, {.fd = UNPACK_CONTROL_FD, .events = 0}};
	uint64_t counters[64];
	ssize_t n;

	n = read(UNPACK_NOTIFY_FD, counters, sizeof(counters));
	if (n < 0 && errno == EAGAIN) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return error_errno(err, errno, "wait for the download");
		/* pod is gone: nobody will take the result */
		if (fds[1].revents & (POLLHUP | POLLERR))
			return error_set(err, ERR_CONFLICT, "given up");
		return 0;
	}
	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0)
		return error_errno(err, errno, "read how much was downloaded");
	if (n == 0) {
		/* never a counter: it was complete from the start, to its end */
		pipeline->valid_is_final = true;
		return 0;
	}
	if (n % (ssize_t)sizeof(uint64_t) != 0)
		return error_set(err, ERR_INVALID, "the download's counter is malformed");
	pipeline->valid = counters[n / (ssize_t)sizeof(uint64_t) - 1];
	return 0;
}

/* Bytes to read next; 0 when all that will come was read. */
static int may_read(struct pipeline *pipeline, size_t *ret, struct error **err)
{
	while (!pipeline->valid_is_final && pipeline->valid <= pipeline->offset)
		if (wait_valid(pipeline, err) < 0)
			return -1;
	if (pipeline->valid > pipeline->offset)
		*ret = (size_t)MIN(pipeline->valid - pipeline->offset, (uint64_t)READ_SIZE);
	else
		*ret = pipeline->valid ? 0 : READ_SIZE;
	return 0;
}

static ssize_t read_some(const struct pipeline *pipeline, void *buf, size_t len)
{
	ssize_t n;

	do
		n = pipeline->is_regular
			    ? pread(UNPACK_SOURCE_FD, buf, len, (off_t)pipeline->offset)
			    : read(UNPACK_SOURCE_FD, buf, len);
	while (n < 0 && errno == EINTR);
	return n;
}

static int source_read(void *ctx, const void **ret_data, size_t *ret_len, struct error **err)
{
	struct pipeline *pipeline = ctx;
	/* A pipe gives little at a time; and the first piece must be long enough to tell the
	 * format. */
	size_t enough = pipeline->is_regular ? 4 : READ_SIZE, have = 0;

	while (have < enough) {
		size_t want = READ_SIZE;
		ssize_t n;

		if (pipeline->is_regular && may_read(pipeline, &want, err) < 0)
			return -1;
		want = MIN(want, READ_SIZE - have);
		if (!want)
			break;
		n = read_some(pipeline, pipeline->buffer + have, want);
		if (n < 0)
			return error_errno(err, errno, "read the layer");
		if (n == 0) {
			if (pipeline->valid > pipeline->offset)
				return error_set(err, ERR_INVALID, "the layer ends too early");
			break;
		}
		have += (size_t)n;
		pipeline->offset += (uint64_t)n;
	}
	if (have && EVP_DigestUpdate(pipeline->blob_hash, pipeline->buffer, have) != 1)
		return error_set(err, ERR_SYSTEM, "SHA-256 failed");
	*ret_data = pipeline->buffer;
	*ret_len = have;
	return 0;
}

static int tar_read(void *ctx, const void **ret_data, size_t *ret_len, struct error **err)
{
	struct pipeline *pipeline = ctx;

	if (inflate_read(pipeline->inflate, ret_data, ret_len, err) < 0)
		return -1;
	pipeline->tar_size += *ret_len;
	if (pipeline->tar_size > pipeline->tar_limit)
		return error_set(err, ERR_INVALID, "the layer is larger than %llu bytes",
			(unsigned long long)pipeline->tar_limit);
	if (pipeline->tar_size > RATIO_FREE_BYTES &&
		pipeline->tar_size / RATIO_MAX > pipeline->offset)
		return error_set(err, ERR_INVALID,
			"the layer inflates to more than %u times its size", RATIO_MAX);
	if (*ret_len && EVP_DigestUpdate(pipeline->diff_hash, *ret_data, *ret_len) != 1)
		return error_set(err, ERR_SYSTEM, "SHA-256 failed");
	return 0;
}

static int hash_begin(EVP_MD_CTX **ret, const EVP_MD *sha256, struct error **err)
{
	*ret = EVP_MD_CTX_new();
	if (!*ret || EVP_DigestInit_ex(*ret, sha256, NULL) != 1)
		return error_set(err, ERR_SYSTEM, "SHA-256 cannot be set up");
	return 0;
}

static int hash_end(EVP_MD_CTX *hash, char out[72], struct error **err)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len;

	if (EVP_DigestFinal_ex(hash, digest, &len) != 1 || len != 32)
		return error_set(err, ERR_SYSTEM, "SHA-256 failed");
	memcpy(out, "sha256:", 7);
	hex_encode(digest, len, out + 7);
	return 0;
}

static int check_digest(
	const char *what, const char *expected, const char *found, struct error **err)
{
	if (str_equal(expected, "-") || str_equal(expected, found))
		return 0;
	return error_set(
		err, ERR_DIGEST, "the %s is %s, not the expected %s", what, found, expected);
}

/* The compressed digest decides first, also where inflating it went wrong: bytes damaged on the way
 * are another fault than a bad image. */
static int finish_source(struct pipeline *pipeline, const char *digest,
	struct unpack_result *result, struct error **err)
{
	const void *data;
	size_t len;

	do {
		if (source_read(pipeline, &data, &len, err) < 0)
			return -1;
	} while (len);
	if (hash_end(pipeline->blob_hash, result->blob_digest, err) < 0)
		return -1;
	result->blob_size_bytes = pipeline->offset;
	return check_digest("layer's digest", digest, result->blob_digest, err);
}

static int unpack_stream(struct pipeline *pipeline, const struct unpack_options *opts,
	const char *digest, const char *diff_id, struct unpack_result *result, struct error **err)
{
	struct inflate_source source = {.read = source_read, .ctx = pipeline};
	struct tar_source tar_source = {.read = tar_read, .ctx = pipeline};
	cleanup_error struct error *why = NULL;
	struct unpack_counts counts = {0};
	struct tar *tar;
	int status;

	pipeline->inflate = inflate_open(&source);
	tar = tar_open(&tar_source);
	status = unpack_tar(tar, opts, &counts, &why);
	if (status == 0)
		status = tar_drain(tar, &why);
	tar_close(tar);
	inflate_close(pipeline->inflate);
	if (status < 0 && why->kind != ERR_INVALID)
		return error_move(err, &why);
	if (finish_source(pipeline, digest, result, err) < 0)
		return -1;
	if (status < 0)
		return error_move(err, &why);
	if (hash_end(pipeline->diff_hash, result->diff_id, err) < 0 ||
		check_digest("unpacked layer's digest", diff_id, result->diff_id, err) < 0)
		return -1;
	result->tar_size_bytes = pipeline->tar_size;
	result->file_count = counts.files;
	result->implied_count = counts.implied_directories;
	result->content_size_bytes = counts.content_bytes;
	result->skipped_device_count = counts.skipped_devices;
	result->skipped_xattr_count = counts.skipped_xattrs;
	result->squashed_count = counts.squashed_owners;
	return 0;
}

static int unpack_run(int argc, char **argv, struct unpack_result *result, struct error **err)
{
	struct unpack_options opts = {.diff_fd = UNPACK_DIFF_FD, .implied_fd = UNPACK_IMPLIED_FD};
	struct pipeline *pipeline = xcalloc(1, sizeof(*pipeline));
	const EVP_MD *sha256;
	uint64_t flags;
	struct stat st;

	if (argc != 5 || (!str_equal(argv[1], "-") && !digest_is_valid(argv[1])) ||
		(!str_equal(argv[2], "-") && !digest_is_valid(argv[2])) ||
		str_to_uint64(argv[3], INT64_MAX, &pipeline->tar_limit) < 0 ||
		str_to_uint64(argv[4], UINT32_MAX, &flags) < 0)
		return error_set(err, ERR_USAGE, "the unpacker was started with wrong arguments");
	opts.flags = (unsigned int)flags;
	if (id_map_is_single("/proc/self/uid_map"))
		opts.flags |= UNPACK_SQUASH_IDS;
	if (fstat(UNPACK_SOURCE_FD, &st) < 0)
		return error_errno(err, errno, "look at the layer's source");
	pipeline->is_regular = S_ISREG(st.st_mode);
	/* Fetched once: it may look for providers and their files. */
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!sha256)
		return error_set(err, ERR_SYSTEM, "SHA-256 is not to be had from OpenSSL");
	if (hash_begin(&pipeline->blob_hash, sha256, err) < 0 ||
		hash_begin(&pipeline->diff_hash, sha256, err) < 0 ||
		sandbox_enter(UNPACK_DIFF_FD, err) < 0)
		return -1;
	return unpack_stream(pipeline, &opts, argv[1], argv[2], result, err);
}

int transfer_unpack(int argc, char **argv)
{
	struct unpack_result result = {.magic = UNPACK_RESULT_MAGIC};
	struct error *err = NULL;

	/* No process of a container that shares the user namespace may attach; and without pod
	 * there is nothing to unpack for. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (unpack_run(argc, argv, &result, &err) < 0) {
		result.error_kind = err->kind;
		result.errnum = err->errnum;
		snprintf(result.text, sizeof(result.text), "%s", err->message);
	} else {
		result.ok = 1;
	}
	/* One message whole: a SOCK_SEQPACKET socket cuts nothing. */
	if (write(UNPACK_CONTROL_FD, &result, sizeof(result)) != (ssize_t)sizeof(result))
		_exit(125);
	/* Memory and descriptors go with the process; exit handlers would only cost time. */
	_exit(result.ok ? 0 : 1);
}
