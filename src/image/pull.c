#include "config.h"

#include <string.h>

#include "container/events.h"
#include "image/image.h"
#include "image/layers.h"
#include "registry/fetch_client.h"
#include "registry/reference.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"

/*
 * Pulling: what the name leads to is resolved by the fetcher, which also verifies manifest and
 * config; the layers are made by layers_make(); then config and manifest become blobs, and the tag,
 * written last, makes the image visible.
 */

int pull_policy_parse(const char *text, enum pull_policy *ret, struct error **err)
{
	static const struct {
		const char *text;
		enum pull_policy policy;
	} words[] = {
		{"missing", PULL_MISSING},
		{"ifmissing", PULL_MISSING},
		{"ifnotpresent", PULL_MISSING},
		{"false", PULL_MISSING},
		{"always", PULL_ALWAYS},
		{"true", PULL_ALWAYS},
		{"never", PULL_NEVER},
		{"newer", PULL_NEWER},
		{"ifnewer", PULL_NEWER},
	};
	cleanup_free char *lower = str_to_lower(text);

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (str_equal(lower, words[i].text)) {
			*ret = words[i].policy;
			return 0;
		}
	return error_set(err, ERR_USAGE,
		"unsupported pull policy \"%s\": use always, missing, never or newer", text);
}

static void resolved_clear(struct fetch_resolved *resolved)
{
	fetch_resolved_clear(resolved);
}
#define cleanup_resolved __attribute__((cleanup(resolved_clear)))

/* The config must tell as many diff_ids as the manifest has layers: they belong together by
 * position only (image-spec config.md, "rootfs"). */
static int match_layers(const struct manifest *manifest, const struct image_config *config,
	struct layer_job *jobs, struct error **err)
{
	if (config->diff_id_count != manifest->layer_count)
		return error_set(err, ERR_INVALID,
			"the manifest has %zu layers and the config %zu diff_ids",
			manifest->layer_count, config->diff_id_count);
	for (size_t i = 0; i < manifest->layer_count; i++)
		jobs[i] = (struct layer_job){
			.diff_id = config->diff_ids[i],
			.digest = manifest->layers[i].digest,
			.size_bytes = manifest->layers[i].size_bytes,
			.source_fd = -1,
		};
	return 0;
}

static int write_image(struct store *store, const struct fetch_resolved *resolved,
	const struct image_config *config, struct error **err)
{
	struct image_ref ref = {
		.reference = resolved->reference,
		.manifest_digest = resolved->manifest.digest,
		.media_type = resolved->manifest.media_type,
		.image_id = (char *)digest_hex(resolved->config.digest),
		.size_bytes = image_size(store, config),
	};

	if (blob_write(store, resolved->config.digest, resolved->config.text,
		    resolved->config.size_bytes, err) < 0 ||
		blob_write(store, resolved->manifest.digest, resolved->manifest.text,
			resolved->manifest.size_bytes, err) < 0)
		return -1;
	return image_ref_write(store, &ref, err);
}

static void warn_platform(const struct image_config *config, const struct fetch_options *wanted,
	const char *reference)
{
	struct platform host;

	platform_host(&host);
	if (config->architecture && config->os &&
		(!str_equal(config->os, wanted->os ? wanted->os : host.os) ||
			!str_equal(config->architecture,
				wanted->architecture ? wanted->architecture : host.architecture)))
		log_warning("%s is made for %s/%s, which is not what was asked for", reference,
			config->os, config->architecture);
	platform_clear(&host);
}

/* The fetcher has seen hostile bytes: that the parts belong together, down from the digest that was
 * asked for, is checked here. (That each has its own digest registry/fetch_client.c has checked.)
 */
static int check_chain(const struct fetch_resolved *resolved, struct error **err)
{
	cleanup_manifest struct manifest *index = NULL;
	const char *at = strchr(resolved->reference, '@');
	const char *top =
		resolved->index.digest ? resolved->index.digest : resolved->manifest.digest;
	bool listed = false;

	if (at && !str_equal(at + 1, top))
		return error_set(err, ERR_DIGEST, "the registry gave manifest %s", top);
	if (!resolved->index.digest)
		return 0;
	if (manifest_parse(resolved->index.text, resolved->index.size_bytes,
		    resolved->index.media_type, "manifest index", &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index->entry_count; i++)
		listed |= str_equal(index->entries[i].digest, resolved->manifest.digest);
	return listed ? 0
		      : error_set(err, ERR_DIGEST, "manifest %s is not in the index %s",
				resolved->manifest.digest, resolved->index.digest);
}

/* A name without a domain may be found on any of the search registries; else the image is recorded
 * under the very name that was asked for, never over another one. */
static int check_reference(const char *name, const char *resolved, struct error **err)
{
	cleanup_reference struct reference *wanted = NULL, *got = NULL, *there = NULL;
	cleanup_free char *text = NULL;

	if (reference_parse(name, &wanted, err) < 0 || reference_parse(resolved, &got, err) < 0)
		return -1;
	text = reference_string(wanted);
	if (!str_equal(text, resolved) && !wanted->qualified) {
		free(text);
		there = reference_with_domain(wanted, got->domain);
		text = reference_string(there);
	}
	return str_equal(text, resolved) ? 0
					 : error_set(err, ERR_INVALID,
						   "the fetcher gave another image, '%s'", resolved);
}

static int pull_resolved(struct store *store, struct fetcher *fetcher,
	const struct fetch_resolved *resolved, const struct fetch_options *wanted,
	const struct pull_events *events, struct error **err)
{
	cleanup_manifest struct manifest *manifest = NULL;
	cleanup_free struct layer_job *jobs = NULL;
	const struct layers_source source = {
		.fetcher = fetcher,
		.fetch = fetcher_fetch_blob,
		.fd = fetcher_fd,
		.next_event = fetcher_next_event,
	};
	const struct layers_options layer_opts = {
		.source = &source,
		.keep_blobs = layers_keep_blobs(),
		.events = events,
	};
	struct image_config *config = NULL;
	int status;

	if (check_chain(resolved, err) < 0)
		return -1;
	if (manifest_parse(resolved->manifest.text, resolved->manifest.size_bytes,
		    resolved->manifest.media_type, "manifest", &manifest, err) < 0)
		return -1;
	if (manifest->is_index || !str_equal(manifest->config.digest, resolved->config.digest))
		return error_set(err, ERR_INVALID, "the fetcher gave another image's config");
	if (image_config_parse(
		    resolved->config.text, resolved->config.size_bytes, "config", &config, err) < 0)
		return -1;
	jobs = xcalloc(manifest->layer_count + 1, sizeof(*jobs));
	status = match_layers(manifest, config, jobs, err);
	if (status == 0)
		status = layers_make(store, jobs, manifest->layer_count, &layer_opts, err);
	if (status == 0) {
		warn_platform(config, wanted, resolved->reference);
		if (events->config)
			events->config(events->data, resolved->config.digest);
		status = write_image(store, resolved, config, err);
	}
	image_config_free(config);
	return status;
}

static bool has_platform(const struct image *image, const struct pull_options *opts)
{
	const struct image_config *config = image->config;

	return (!opts->os || !config->os || str_equal(opts->os, config->os)) &&
	       (!opts->architecture || !config->architecture ||
		       str_equal(opts->architecture, config->architecture)) &&
	       (!opts->variant || !config->variant || str_equal(opts->variant, config->variant));
}

/* The image as the store has it; NULL where a pull is needed. */
static int look_up_present(struct store *store, const char *name, const struct pull_options *opts,
	struct image **ret, struct error **err)
{
	cleanup_error struct error *why = NULL;
	cleanup_image struct image *image = NULL;

	*ret = NULL;
	if (opts->policy == PULL_ALWAYS)
		return 0;
	if (image_resolve(store, name, &image, &why) < 0) {
		if (why->kind != ERR_NOT_FOUND || opts->policy == PULL_NEVER)
			return error_move(err, &why);
		return 0;
	}
	if (!has_platform(image, opts)) {
		if (opts->policy == PULL_NEVER)
			return error_set(err, ERR_NOT_FOUND,
				"%s: the image in the store is for %s/%s", name,
				image->config->os ? image->config->os : "?",
				image->config->architecture ? image->config->architecture : "?");
		return 0;
	}
	*ret = steal_ptr(&image);
	return 0;
}

static int resolve_remote(struct fetcher *fetcher, const char *name,
	const struct pull_options *opts, struct fetch_options *fetch, struct fetch_resolved *ret,
	struct error **err)
{
	cleanup_free char *reference = NULL;

	if (reference_normalise(name, &reference, err) < 0)
		return -1;
	if (opts->events.trying)
		opts->events.trying(opts->events.data, reference);
	*fetch = (struct fetch_options){
		.authfile = opts->authfile,
		.username = opts->username,
		.password = opts->password,
		.cert_dir = opts->cert_dir,
		.tls_verify = !opts->tls_verify_given ? FETCH_TLS_DEFAULT
			      : opts->tls_verify      ? FETCH_TLS_VERIFY
						      : FETCH_TLS_SKIP,
		.os = opts->os,
		.architecture = opts->architecture,
		.variant = opts->variant,
	};
	if (fetcher_resolve(fetcher, name, fetch, ret, err) < 0)
		return -1;
	return check_reference(name, ret->reference, err);
}

int image_pull(struct store *store, const char *name, const struct pull_options *opts,
	struct image **ret, struct error **err)
{
	cleanup_resolved struct fetch_resolved resolved = {0};
	cleanup_fetcher struct fetcher *fetcher = NULL;
	cleanup_image struct image *present = NULL;
	cleanup_error struct error *why = NULL;
	cleanup_close int lock_fd = -1;
	struct fetch_options fetch;

	if (look_up_present(store, name, opts, &present, err) < 0)
		return -1;
	if (present && opts->policy != PULL_NEWER) {
		*ret = steal_ptr(&present);
		return 0;
	}
	if (fetcher_start(&fetcher, err) < 0)
		return -1;
	if (resolve_remote(fetcher, name, opts, &fetch, &resolved, &why) < 0) {
		if (!present)
			return error_move(err, &why);
		log_warning("%s: using the image in the store: %s", name, why->message);
	}
	if (present && (why || str_equal(present->id, digest_hex(resolved.config.digest)))) {
		*ret = steal_ptr(&present);
		return 0;
	}
	lock_fd = image_lock(store, err);
	if (lock_fd < 0)
		return -1;
	if (pull_resolved(store, fetcher, &resolved, &fetch, &opts->events, err) < 0)
		return error_wrap(err, "%s", resolved.reference);
	if (image_lookup_reference(store, resolved.reference, ret, err) < 0)
		return -1;
	event_image(store, "pull", (*ret)->id, resolved.reference);
	return 0;
}
