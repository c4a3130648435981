#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "container/events.h"
#include "image/archive.h"
#include "image/changes.h"
#include "image/image.h"
#include "image/layers.h"
#include "image/staging.h"
#include "storage/unpacker.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/sha256.h"
#include "util/str.h"
#include "util/timefmt.h"

/* A root file system's tar becomes an image of one layer, with a config made here. */

/* Now, or what reproducible builds ask for (SOURCE_DATE_EPOCH). */
static char *creation_time(void)
{
	struct strbuf out = STRBUF_INIT;
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	uint64_t seconds, now = time_now_ns();
	char text[32];
	struct tm tm;
	time_t at;

	if (epoch && str_to_uint64(epoch, UINT32_MAX, &seconds) == 0)
		now = seconds * NS_PER_SECOND;
	at = (time_t)(now / NS_PER_SECOND);
	(void)gmtime_r(&at, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	strbuf_addstr(&out, text);
	if (now % NS_PER_SECOND)
		strbuf_addf(&out, ".%09llu", (unsigned long long)(now % NS_PER_SECOND));
	strbuf_addch(&out, 'Z');
	return strbuf_detach(&out);
}

static int compose_config(const struct import_options *opts, const struct archive_member *layer,
	char **ret, size_t *ret_len, struct error **err)
{
	cleanup_free char *created = creation_time(), *created_by = NULL;
	struct image_config config = {0};
	struct platform host;
	char *diff_ids[] = {layer->diff_id, NULL};
	int status = 0;

	platform_host(&host);
	config.os = (char *)(opts->os ? opts->os : host.os);
	config.architecture = (char *)(opts->architecture ? opts->architecture : host.architecture);
	config.variant = (char *)(opts->architecture ? opts->variant : host.variant);
	config.diff_ids = diff_ids;
	config.diff_id_count = 1;
	for (char *const *change = opts->changes; change && *change && status == 0; change++)
		status = change_apply(&config, *change, err);
	created_by = xasprintf("/bin/sh -c #(nop) ADD file:%s in /", digest_hex(layer->diff_id));
	if (status == 0)
		*ret = image_config_compose(&config, created, created_by,
			opts->message ? opts->message : "imported from tarball", ret_len);
	/* The borrowed members are not the config's to free. */
	config.os = config.architecture = config.variant = NULL;
	config.diff_ids = NULL;
	strv_free(config.cmd);
	strv_free(config.entrypoint);
	strv_free(config.env);
	strv_free(config.labels);
	strv_free(config.exposed_ports);
	strv_free(config.volumes);
	free(config.user);
	free(config.working_dir);
	free(config.stop_signal);
	platform_clear(&host);
	return status;
}

static int write_image(struct store *store, const struct archive_member *layer, const char *config,
	size_t config_len, const char *reference, char **ret_id, struct error **err)
{
	cleanup_free char *manifest = NULL;
	char config_digest[SHA256_DIGEST_TEXT + 1], manifest_digest[SHA256_DIGEST_TEXT + 1];
	const struct descriptor layers[] = {{
		.digest = layer->digest,
		.size_bytes = layer->size_bytes,
		.compression = layer->compression,
	}};
	struct image_config diff_ids = {
		.diff_ids = (char *[]){layer->diff_id, NULL}, .diff_id_count = 1};
	struct image_ref ref = {
		.reference = (char *)reference,
		.manifest_digest = manifest_digest,
		.media_type = (char *)MEDIA_TYPE_OCI_MANIFEST,
	};
	size_t manifest_len;

	sha256_digest(config, config_len, config_digest);
	manifest = manifest_compose(config_digest, config_len, layers, 1, false, &manifest_len);
	sha256_digest(manifest, manifest_len, manifest_digest);
	ref.image_id = (char *)digest_hex(config_digest);
	ref.size_bytes = image_size(store, &diff_ids);
	if (blob_write(store, config_digest, config, config_len, err) < 0 ||
		blob_write(store, manifest_digest, manifest, manifest_len, err) < 0 ||
		image_ref_write(store, &ref, err) < 0)
		return -1;
	*ret_id = xstrdup(ref.image_id);
	return 0;
}

static int import_layer(struct store *store, struct staging *staging, int in_fd,
	const struct import_options *opts, const char *reference, struct image_archive *archive,
	char **ret_id, struct error **err)
{
	const struct layers_options layer_opts = {
		.unpack_flags = UNPACK_PLAIN, .keep_blobs = layers_keep_blobs()};
	cleanup_close int source_fd = -1;
	cleanup_free char *config = NULL;
	const struct archive_member *layer;
	struct layer_job job;
	size_t config_len;

	if (image_archive_import(in_fd, staging->dir_fd, archive, err) < 0)
		return -1;
	layer = &archive->members[0];
	if (layer->size_bytes == 0)
		return error_set(err, ERR_INVALID, "the archive is empty");
	if (compose_config(opts, layer, &config, &config_len, err) < 0)
		return -1;
	source_fd = openat(staging->dir_fd, layer->file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (source_fd < 0)
		return error_errno(err, errno, "open the imported layer");
	job = (struct layer_job){
		.diff_id = layer->diff_id,
		.digest = layer->digest,
		.size_bytes = layer->size_bytes,
		.source_fd = source_fd,
	};
	if (layers_make(store, &job, 1, &layer_opts, err) < 0 ||
		(layers_keep_blobs() &&
			staging_keep_blob(staging, layer->file, layer->digest, err) < 0))
		return -1;
	return write_image(store, layer, config, config_len, reference, ret_id, err);
}

int image_import(struct store *store, int in_fd, const char *reference,
	const struct import_options *opts, char **ret_id, struct error **err)
{
	cleanup_staging struct staging *staging = NULL;
	cleanup_free char *canonical = NULL;
	cleanup_close int lock_fd = -1;
	struct image_archive archive = {0};
	int status;

	if (reference && image_local_reference(reference, &canonical, err) < 0)
		return -1;
	lock_fd = image_lock(store, err);
	if (lock_fd < 0 || staging_begin(store, "import", &staging, err) < 0)
		return -1;
	status = import_layer(store, staging, in_fd, opts, canonical, &archive, ret_id, err);
	image_archive_clear(&archive);
	if (status == 0)
		event_image(store, "import", *ret_id, canonical);
	return status;
}
