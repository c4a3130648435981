#include "config.h"

#include "cmd/command.h"
#include "cmd/docker.h"
#include "cmd/image_users.h"
#include "image/image.h"
#include "util/mem.h"

struct rmi_command {
	bool all, force, ignore;
};

static const struct option_spec options[] = {
	OPTION_BOOL("all", 'a', struct rmi_command, all, "remove all images"),
	OPTION_BOOL("force", 'f', struct rmi_command, force,
		"force removal of the image, and of the containers that use it"),
	OPTION_BOOL("ignore", 'i', struct rmi_command, ignore,
		"ignore errors if a specified image does not exist"),
	OPTION_END,
};

extern const struct command command_rmi;

static void print_removal(struct command_context *ctx, const struct image_removal *removal)
{
	for (char **name = removal->untagged; name && *name; name++)
		command_print(
			ctx, "Untagged: %s\n", docker_called() ? docker_familiar(*name) : *name);
	for (char **id = removal->deleted; id && *id; id++)
		command_print(ctx, "Deleted: %s%s\n", docker_called() ? "sha256:" : "", *id);
}

/* docker's --force takes the name from an image that containers use, and leaves them and it. */
static int untag_used(
	struct store *store, const char *name, struct image_removal *removal, struct error **err)
{
	cleanup_error struct error *why = NULL;
	cleanup_image struct image *image = NULL;
	char *names[] = {(char *)name, NULL};

	if (image_resolve(store, name, &image, &why) < 0 || !image->refs[0].reference ||
		image_untag(store, name, names, &why) < 0)
		return -1; /* by id: the conflict is the answer */
	strv_append(&removal->untagged, image->refs[0].reference);
	error_free(steal_ptr(err));
	return 0;
}

static int remove_images(struct command_context *ctx, struct store *store,
	const struct rmi_command *cmd, char *const *names)
{
	struct image_users users;
	int status = 0;

	image_users_init(store, &users);
	if (docker_called())
		users.remove_containers = NULL;
	if (cmd->all) {
		cleanup_error struct error *one = NULL;
		struct image_removal removal = {0};

		if (image_remove_all(store, cmd->force, &users, &removal, &one) < 0)
			status = command_report(&command_rmi, one, status);
		print_removal(ctx, &removal);
		image_removal_clear(&removal);
	}
	for (; !cmd->all && *names; names++) {
		cleanup_error struct error *one = NULL;
		struct image_removal removal = {0};

		if (image_remove(store, *names, cmd->force, &users, &removal, &one) < 0 &&
			!(docker_called() && cmd->force && one->kind == ERR_CONFLICT &&
				untag_used(store, *names, &removal, &one) == 0) &&
			!(cmd->ignore && one->kind == ERR_NOT_FOUND))
			status = command_report(&command_rmi, one, status);
		print_removal(ctx, &removal);
		image_removal_clear(&removal);
	}
	return status;
}

static int rmi_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct rmi_command cmd = {0};
	struct store *store;
	int first, status;

	if (options_parse(&command_rmi, argc, argv, &cmd, &first, err) < 0)
		return -1;
	if (cmd.all && first < argc)
		return error_set(err, ERR_USAGE,
			"when using the --all switch, you may not pass any "
			"images names or IDs");
	if (!cmd.all && first == argc)
		return error_set(err, ERR_USAGE, "image name or ID must be specified");
	if (command_store(ctx, &store, err) < 0)
		return -1;
	status = remove_images(ctx, store, &cmd, argv + first);
	/* The images are gone by now: what could not be deleted is a matter of space. */
	image_users_collect(store, false);
	return status;
}

const struct command command_rmi = {
	.name = "rmi",
	.summary = "removes one or more images from local storage",
	.description = "removes one or more previously pulled or locally created images",
	.operands = "IMAGE [IMAGE...]",
	.examples = "pod rmi imageID\npod rmi --force alpine",
	.max_operands = -1,
	.complete = COMPLETE_IMAGE,
	.options = options,
	.exit_status = {[ERR_NOT_FOUND] = 1, [ERR_CONFLICT] = 2}, /* podman-rmi(1) */
	.run = rmi_run,
};
