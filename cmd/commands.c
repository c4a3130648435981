#include "config.h"

#include "cmd/commands.h"

extern const struct command command_history;
extern const struct command command_image_exists;
extern const struct command command_image_inspect;
extern const struct command command_image_prune;
extern const struct command command_images;
extern const struct command command_import;
extern const struct command command_load;
extern const struct command command_pull;
extern const struct command command_rmi;
extern const struct command command_save;
extern const struct command command_tag;
extern const struct command command_untag;
extern const struct command command_login;
extern const struct command command_logout;

/*
 * The command tree. To add a command: write cmd/x.c with `const struct command command_x` (declared
 * in cmd/commands.h), and in the same commit replace its line in every group that has it; a line
 * without a command is one that does not exist yet. Each group is sorted by name.
 *
 * Lines: {"name", &command_x}                  the command
 *        {"name", &command_x, .hidden = true}  works, is not listed
 *        {"name", .instead = "..."}            docker or podman have it, this version does not
 */

#define BUILD_ELSEWHERE                                                                            \
	"build with buildah or kaniko and bring the archive: 'buildah push NAME "                  \
	"docker-archive:image.tar:NAME' (kaniko: --no-push --tar-path image.tar), then 'pod load " \
	"-i image.tar'"
#define PUSH_ELSEWHERE                                                                             \
	"write an archive and push that: 'pod save -o image.tar NAME', then 'skopeo copy "         \
	"docker-archive:image.tar docker://REGISTRY/NAME:TAG'"
#define ONE_CONTEXT                                                                                \
	"there is no daemon, so \"default\" is the only context; 'pod --root' chooses another "    \
	"store"
#define COMPOSE_BY_HAND                                                                            \
	"start each service with 'pod run'; one with --network container:OTHER reaches the "       \
	"other at localhost"

static const struct command_entry container_commands[] = {
	{"attach", &command_attach},
	{"checkpoint"},
	{"cleanup", .instead = "a stopped container holds no mounts here"},
	{"clone"},
	{"commit",
		.instead =
			"'pod export CONTAINER | pod import - NAME' makes an image of its files"},
	{"cp", &command_cp},
	{"create", &command_create},
	{"diff", &command_diff},
	{"exec", &command_exec},
	{"exists", &command_container_exists},
	{"export", &command_export},
	{"init"},
	{"inspect", &command_container_inspect},
	{"kill", &command_kill},
	{"list", &command_ps},
	{"logs", &command_logs},
	{"ls", &command_ps, .hidden = true},
	{"mount"},
	{"pause", &command_pause},
	{"port", &command_port},
	{"prune", &command_container_prune},
	{"ps", &command_ps},
	{"rename", &command_rename},
	{"restart", &command_restart},
	{"restore"},
	{"rm", &command_rm},
	{"run", &command_run},
	{"runlabel", .instead = "'pod inspect' shows the label; run it yourself"},
	{"start", &command_start},
	{"stats", &command_stats},
	{"stop", &command_stop},
	{"top", &command_top},
	{"unmount", .instead = "nothing is mounted outside of containers"},
	{"unpause", &command_unpause},
	{"update", &command_update},
	{"wait", &command_wait},
	{NULL},
};

static const struct command_entry image_commands[] = {
	{"build", .instead = BUILD_ELSEWHERE},
	{"diff"},
	{"exists", &command_image_exists},
	{"history", &command_history},
	{"import", &command_import},
	{"inspect", &command_image_inspect},
	{"list", &command_images, .hidden = true},
	{"load", &command_load},
	{"ls", &command_images},
	{"mount"},
	{"prune", &command_image_prune},
	{"pull", &command_pull},
	{"push", .instead = PUSH_ELSEWHERE},
	{"rm", &command_rmi},
	{"save", &command_save},
	{"scp"},
	{"search", .instead = "name the image in full: 'pod pull REGISTRY/NAME:TAG'"},
	{"sign"},
	{"tag", &command_tag},
	{"tree"},
	{"trust"},
	{"unmount", .instead = "nothing is mounted outside of containers"},
	{"untag", &command_untag},
	{NULL},
};

static const struct command_entry volume_commands[] = {
	{"create", &command_volume_create},
	{"exists", &command_volume_exists},
	{"export"},
	{"import"},
	{"inspect", &command_volume_inspect},
	{"list", &command_volume_ls, .hidden = true},
	{"ls", &command_volume_ls},
	{"mount"},
	{"prune", &command_volume_prune},
	{"reload"},
	{"remove", &command_volume_rm, .hidden = true},
	{"rm", &command_volume_rm},
	{"unmount"},
	{NULL},
};

static const struct command_entry system_commands[] = {
	{"connection"},
	{"df", &command_system_df},
	{"doctor", &command_doctor, .hidden = true},
	{"events", &command_events},
	{"info", &command_info},
	{"migrate", .instead = "there is nothing to migrate"},
	{"prune", &command_system_prune},
	{"renumber", .instead = "there are no lock numbers"},
	{"reset", &command_system_reset},
	{"service", .instead = "there is no daemon and no API socket"},
	{NULL},
};

static const struct command_entry healthcheck_commands[] = {
	{"run", &command_healthcheck_run},
	{NULL},
};

static const struct command command_healthcheck = {
	.name = "healthcheck",
	.summary = "manage health checks of containers",
	.subcommands = healthcheck_commands,
};

static const struct command command_container = {
	.name = "container",
	.summary = "manage containers",
	.subcommands = container_commands,
};

static const struct command command_image = {
	.name = "image",
	.summary = "manage images",
	.subcommands = image_commands,
};

static const struct command command_volume = {
	.name = "volume",
	.summary = "manage volumes",
	.description = "volumes are created in and can be shared between containers",
	.subcommands = volume_commands,
};

static const struct command_entry generate_commands[] = {
	{"kube"},
	{"systemd", &command_generate_systemd},
	{NULL},
};

static const struct command command_generate = {
	.name = "generate",
	.summary = "generate units from containers",
	.subcommands = generate_commands,
};

static const struct command command_system = {
	.name = "system",
	.summary = "manage pod",
	.subcommands = system_commands,
};

/* docker's; see cmd/docker_context.c */
static const struct command_entry context_commands[] = {
	{"create", .instead = ONE_CONTEXT},
	{"export", .instead = ONE_CONTEXT},
	{"import", .instead = ONE_CONTEXT},
	{"inspect", &command_context_inspect},
	{"ls", &command_context_ls},
	{"rm", .instead = ONE_CONTEXT},
	{"show", &command_context_show},
	{"update", .instead = ONE_CONTEXT},
	{"use", &command_context_use},
	{NULL},
};

static const struct command command_context = {
	.name = "context",
	.summary = "manage contexts",
	.subcommands = context_commands,
};

static const struct command_entry root_commands[] = {
	{"__complete", &command_complete, .hidden = true},
	{"__docker", &command_docker_doc, .hidden = true},
	{"__man", &command_man, .hidden = true},
	{"__restart", &command_restart_policy, .hidden = true},
	{"__userns", &command_userns, .hidden = true},
	{"attach", &command_attach},
	{"auto-update"},
	{"build", .instead = BUILD_ELSEWHERE},
	{"builder", .instead = BUILD_ELSEWHERE},
	{"buildx", .instead = BUILD_ELSEWHERE},
	{"commit",
		.instead =
			"'pod export CONTAINER | pod import - NAME' makes an image of its files"},
	{"completion", &command_completion},
	{"compose", .instead = COMPOSE_BY_HAND},
	{"container", &command_container},
	{"context", &command_context, .hidden = true},
	{"cp", &command_cp},
	{"create", &command_create},
	{"diff", &command_diff},
	{"doctor", &command_doctor},
	{"events", &command_events},
	{"exec", &command_exec},
	{"export", &command_export},
	{"generate", &command_generate},
	{"healthcheck", &command_healthcheck},
	{"help", &command_help_words},
	{"history", &command_history},
	{"image", &command_image},
	{"images", &command_images},
	{"import", &command_import},
	{"info", &command_info},
	{"init"},
	{"inspect", &command_inspect},
	{"kill", &command_kill},
	{"kube", .instead = "start each container with 'pod run'"},
	{"load", &command_load},
	{"login", &command_login},
	{"logout", &command_logout},
	{"logs", &command_logs},
	{"machine", .instead = "containers run on this host's own kernel"},
	{"manifest"},
	{"mount", .instead = "use 'pod cp' to reach a container's files"},
	{"network", .instead = "use --network slirp4netns, host, none or container:NAME"},
	{"node"},
	{"oci", &command_oci},
	{"pause", &command_pause},
	{"play", .instead = "start each container with 'pod run'"},
	{"plugin"},
	{"pod", .instead = "share namespaces with --network, --pid and --ipc container:NAME"},
	{"port", &command_port},
	{"ps", &command_ps},
	{"pull", &command_pull},
	{"push", .instead = PUSH_ELSEWHERE},
	{"rename", &command_rename},
	{"restart", &command_restart},
	{"rm", &command_rm},
	{"rmi", &command_rmi},
	{"run", &command_run},
	{"save", &command_save},
	{"search", .instead = "name the image in full: 'pod pull REGISTRY/NAME:TAG'"},
	{"secret"},
	{"service"},
	{"stack", .instead = "start each service with 'pod run'"},
	{"start", &command_start},
	{"stats", &command_stats},
	{"stop", &command_stop},
	{"swarm", .instead = "pod runs containers on this host only"},
	{"system", &command_system},
	{"tag", &command_tag},
	{"top", &command_top},
	{"trust"},
	{"unmount", .instead = "nothing is mounted outside of containers"},
	{"unpause", &command_unpause},
	{"unshare", &command_unshare},
	{"untag", &command_untag},
	{"update", &command_update},
	{"version", &command_version},
	{"volume", &command_volume},
	{"wait", &command_wait},
	{NULL},
};

const struct command command_root = {
	.name = "pod",
	.summary = "manage containers, images and volumes",
	.subcommands = root_commands,
};
