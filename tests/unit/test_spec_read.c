#include "config.h"

#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "runtime/capability.h"
#include "runtime/hooks.h"
#include "runtime/seccomp.h"
#include "runtime/seccomp_bpf.h"
#include "runtime/spec.h"
#include "util/mem.h"
#include "util/str.h"

/* Tables write JSON with ' for ". */
static char *json_of(const char *text)
{
	char *copy = xstrdup(text);

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	return copy;
}

#define ROOT    "'ociVersion':'1.2.0','root':{'path':'rootfs'}"
#define MINIMAL "'args':['sh'],'cwd':'/'"
#define PROCESS "'process':{" MINIMAL "}"

static struct runtime_spec *read_ok(const char *text)
{
	cleanup_free char *json = json_of(text);
	cleanup_error struct error *err = NULL;
	struct runtime_spec *spec = NULL;

	if (runtime_spec_read(json, strlen(json), &spec, &err) < 0)
		fail_msg("%s: %s", text, err->message);
	return spec;
}

/* Every member of the specification that is refused, with its path. */
static void test_refused(void **state)
{
	static const struct {
		const char *text, *path;
		enum error_kind kind;
	} cases[] = {
		{"[]", "config.json: must be", ERR_INVALID},
		{"{", "config.json: ", ERR_INVALID},
		{"{}", "config.json: ociVersion: is required", ERR_INVALID},
		{"{'ociVersion':1}", "config.json: ociVersion: must be a string", ERR_INVALID},
		{"{'ociVersion':'one'}", "config.json: ociVersion: 'one'", ERR_INVALID},
		{"{'ociVersion':'2.0.0'}", "config.json: ociVersion: version", ERR_UNSUPPORTED},
		{"{'ociVersion':'1.2.0'}", "config.json: root: is required", ERR_INVALID},
		{"{'ociVersion':'1.2.0','root':{}}", "config.json: root.path: is", ERR_INVALID},
		{"{'ociVersion':'1.2.0','root':{'path':''}}", "config.json: root.path: must not",
			ERR_INVALID},
		{"{" ROOT ",'root':{'path':'x'}}", "config.json: member 'root' appears twice",
			ERR_INVALID},
		{"{" ROOT "}", "config.json: process: is required", ERR_INVALID},
		{"{" ROOT ",'process':[]}", "config.json: process: must be", ERR_INVALID},
		{"{" ROOT ",'process':{'cwd':'/'}}", "config.json: process.args: is", ERR_INVALID},
		{"{" ROOT ",'process':{'args':[],'cwd':'/'}}", "config.json: process.args: must",
			ERR_INVALID},
		{"{" ROOT ",'process':{'args':['a',1],'cwd':'/'}}",
			"config.json: process.args[1]: must be a string", ERR_INVALID},
		{"{" ROOT ",'process':{'args':['a']}}", "config.json: process.cwd: is",
			ERR_INVALID},
		{"{" ROOT ",'process':{'args':['a'],'cwd':'x'}}",
			"config.json: process.cwd: 'x' is not an absolute", ERR_INVALID},
#define P(member) "{" ROOT ",'process':{" MINIMAL "," member "}}"
		{P("'commandLine':'x'"), "config.json: process.commandLine: ", ERR_UNSUPPORTED},
		{P("'terminal':1"), "config.json: process.terminal: ", ERR_INVALID},
		{P("'consoleSize':{'height':65536}"),
			"config.json: process.consoleSize.height: ", ERR_INVALID},
		{P("'user':{'username':'root'}"),
			"config.json: process.user.username: ", ERR_UNSUPPORTED},
		{P("'user':{'uid':4294967295}"), "config.json: process.user: ", ERR_INVALID},
		{P("'user':{'uid':4294967296}"), "config.json: process.user.uid: ", ERR_INVALID},
		{P("'user':{'uid':-1}"), "config.json: process.user.uid: ", ERR_INVALID},
		{P("'user':{'gid':'0'}"), "config.json: process.user.gid: ", ERR_INVALID},
		{P("'user':{'umask':512}"), "config.json: process.user.umask: ", ERR_INVALID},
		{P("'user':{'additionalGids':[1,-2]}"),
			"config.json: process.user.additionalGids[1]: ", ERR_INVALID},
		{P("'env':'A=b'"), "config.json: process.env: must be an array", ERR_INVALID},
		{P("'capabilities':['CAP_KILL']"),
			"config.json: process.capabilities: ", ERR_INVALID},
		{P("'capabilities':{'ambient':[7]}"),
			"config.json: process.capabilities.ambient[0]: ", ERR_INVALID},
		{P("'rlimits':[{'type':'NOFILE','soft':1,'hard':1}]"),
			"config.json: process.rlimits[0].type: ", ERR_INVALID},
		{P("'rlimits':[{'type':'RLIMIT_NONE','soft':1,'hard':1}]"),
			"config.json: process.rlimits[0].type: ", ERR_INVALID},
		{P("'rlimits':[{'type':'RLIMIT_CPU','soft':1}]"),
			"config.json: process.rlimits[0].hard: is required", ERR_INVALID},
		{P("'rlimits':[{'type':'RLIMIT_CPU','soft':2,'hard':1}]"),
			"config.json: process.rlimits[0]: soft", ERR_INVALID},
		{P("'rlimits':[{'type':'RLIMIT_CPU','soft':1,'hard':1},{'type':'RLIMIT_CPU',"
		   "'soft':1,'hard':1}]"),
			"config.json: process.rlimits[1].type: 'RLIMIT_CPU' is given twice",
			ERR_INVALID},
		{P("'oomScoreAdj':1001"), "config.json: process.oomScoreAdj: ", ERR_INVALID},
		{P("'apparmorProfile':1"), "config.json: process.apparmorProfile: ", ERR_INVALID},
		{P("'ioPriority':{'priority':1}"),
			"config.json: process.ioPriority.class: ", ERR_INVALID},
		{P("'ioPriority':{'class':'IOPRIO_CLASS_RT','priority':8}"),
			"config.json: process.ioPriority.priority: ", ERR_INVALID},
		{P("'ioPriority':{'class':'RT'}"),
			"config.json: process.ioPriority.class: ", ERR_INVALID},
		{P("'scheduler':{'policy':'FIFO'}"),
			"config.json: process.scheduler.policy: ", ERR_INVALID},
		{P("'scheduler':{'policy':'SCHED_FIFO','priority':100}"),
			"config.json: process.scheduler.priority: ", ERR_INVALID},
		{P("'scheduler':{'policy':'SCHED_OTHER','nice':20}"),
			"config.json: process.scheduler.nice: ", ERR_INVALID},
		{P("'scheduler':{'policy':'SCHED_OTHER','flags':['X']}"),
			"config.json: process.scheduler.flags[0]: ", ERR_INVALID},
		{P("'execCPUAffinity':{'initial':'0-'}"),
			"config.json: process.execCPUAffinity.initial: ", ERR_INVALID},
		{P("'execCPUAffinity':{'final':'3-1'}"),
			"config.json: process.execCPUAffinity.final: ", ERR_INVALID},
#define T(member) "{" ROOT "," PROCESS "," member "}"
		{T("'hostname':7"), "config.json: hostname: ", ERR_INVALID},
		{T("'domainname':"
		   "'0123456789012345678901234567890123456789012345678901234567890123456789'"),
			"config.json: domainname: ", ERR_INVALID},
		{T("'solaris':{}"), "config.json: solaris: ", ERR_UNSUPPORTED},
		{T("'windows':{}"), "config.json: windows: ", ERR_UNSUPPORTED},
		{T("'vm':{}"), "config.json: vm: ", ERR_UNSUPPORTED},
		{T("'zos':{}"), "config.json: zos: ", ERR_UNSUPPORTED},
		{T("'freebsd':{}"), "config.json: freebsd: ", ERR_UNSUPPORTED},
		{T("'mounts':{}"), "config.json: mounts: must be an array", ERR_INVALID},
		{T("'mounts':[{}]"), "config.json: mounts[0].destination: is", ERR_INVALID},
		{T("'mounts':[{'destination':'/a/../b'}]"),
			"config.json: mounts[0].destination: ", ERR_INVALID},
		{T("'mounts':[{'destination':'/a','options':['ro',3]}]"),
			"config.json: mounts[0].options[1]: ", ERR_INVALID},
		{T("'mounts':[{'destination':'/a','uidMappings':[{'containerID':0}]}]"),
			"config.json: mounts[0].uidMappings[0].hostID: ", ERR_INVALID},
		{T("'hooks':{'prestart':[{}]}"), "config.json: hooks.prestart[0].path: is",
			ERR_INVALID},
		{T("'hooks':{'poststop':[{'path':'x'}]}"),
			"config.json: hooks.poststop[0].path: ", ERR_INVALID},
		{T("'hooks':{'poststop':[{'path':'/x','timeout':0}]}"),
			"config.json: hooks.poststop[0].timeout: ", ERR_INVALID},
		{T("'annotations':{'a':1}"), "config.json: annotations.a: ", ERR_INVALID},
		{T("'annotations':{'':'x'}"), "config.json: annotations.: ", ERR_INVALID},
		{T("'run.pod':[]"), "config.json: run.pod: ", ERR_INVALID},
		{T("'run.pod':{'groups':[1]}"), "config.json: run.pod.groups[0]: ", ERR_INVALID},
		{T("'linux':[]"), "config.json: linux: ", ERR_INVALID},
#define L(member) "{" ROOT "," PROCESS ",'linux':{" member "}}"
		{L("'namespaces':[{'path':'/x'}]"),
			"config.json: linux.namespaces[0].type: ", ERR_INVALID},
		{L("'namespaces':[{'type':'net'}]"),
			"config.json: linux.namespaces[0].type: ", ERR_INVALID},
		{L("'namespaces':[{'type':'pid'},{'type':'pid'}]"),
			"config.json: linux.namespaces[1].type: 'pid' is given twice", ERR_INVALID},
		{L("'namespaces':[{'type':'pid','path':'x'}]"),
			"config.json: linux.namespaces[0].path: ", ERR_INVALID},
		{L("'namespaces':[{'type':'mount','path':'x'}]"),
			"config.json: linux.namespaces[0].path: ", ERR_INVALID},
		{L("'uidMappings':[{'containerID':0,'hostID':0,'size':0}]"),
			"config.json: linux.uidMappings[0].size: ", ERR_INVALID},
		{L("'gidMappings':[{'containerID':4294967290,'hostID':0,'size':10}]"),
			"config.json: linux.gidMappings[0]: ", ERR_INVALID},
		{L("'sysctl':{'a':1}"), "config.json: linux.sysctl.a: ", ERR_INVALID},
		{L("'sysctl':{'a=b':'1'}"), "config.json: linux.sysctl.a=b: ", ERR_INVALID},
		{L("'resources':7"), "config.json: linux.resources: ", ERR_INVALID},
		{L("'cgroupsPath':{}"), "config.json: linux.cgroupsPath: ", ERR_INVALID},
		{L("'devices':[{'path':'/dev/x','type':'z','major':1,'minor':3}]"),
			"config.json: linux.devices[0].type: ", ERR_INVALID},
		{L("'devices':[{'path':'dev','type':'c','major':1,'minor':3}]"),
			"config.json: linux.devices[0].path: ", ERR_INVALID},
		{L("'devices':[{'path':'/dev/../x','type':'c','major':1,'minor':3}]"),
			"config.json: linux.devices[0].path: ", ERR_INVALID},
		{L("'devices':[{'path':'/dev/x','type':'c','major':1}]"),
			"config.json: linux.devices[0].minor: is required", ERR_INVALID},
		{L("'devices':[{'path':'/dev/x','type':'b','major':5000,'minor':0}]"),
			"config.json: linux.devices[0].major: ", ERR_INVALID},
		{L("'seccomp':{}"), "config.json: linux.seccomp.defaultAction: is", ERR_INVALID},
		{L("'seccomp':{'defaultAction':'X'}"),
			"config.json: linux.seccomp.defaultAction: ", ERR_INVALID},
		{L("'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','architectures':['SCMP_ARCH_X']}"),
			"config.json: linux.seccomp.architectures[0]: ", ERR_INVALID},
		{L("'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','flags':['X']}"),
			"config.json: linux.seccomp.flags[0]: ", ERR_INVALID},
		{L("'seccomp':{'defaultAction':'SCMP_ACT_NOTIFY'}"),
			"config.json: linux.seccomp: SCMP_ACT_NOTIFY needs", ERR_INVALID},
		{L("'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','listenerPath':'x'}"),
			"config.json: linux.seccomp.listenerPath: ", ERR_INVALID},
		{L("'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','listenerMetadata':'x'}"),
			"config.json: linux.seccomp.listenerMetadata: ", ERR_INVALID},
		{L("'rootfsPropagation':'x'"),
			"config.json: linux.rootfsPropagation: ", ERR_INVALID},
		{L("'maskedPaths':['proc']"), "config.json: linux.maskedPaths[0]: ", ERR_INVALID},
		{L("'readonlyPaths':['/a','b']"),
			"config.json: linux.readonlyPaths[1]: ", ERR_INVALID},
		{L("'mountLabel':1"), "config.json: linux.mountLabel: ", ERR_INVALID},
		{L("'personality':{'domain':'BSD'}"),
			"config.json: linux.personality.domain: ", ERR_INVALID},
		{L("'personality':{'domain':'LINUX','flags':['X']}"),
			"config.json: linux.personality.flags: ", ERR_UNSUPPORTED},
		{L("'timeOffsets':{'boottime':{'secs':1}}"),
			"config.json: linux.timeOffsets: ", ERR_INVALID},
		{L("'namespaces':[{'type':'time'}],'timeOffsets':{'realtime':{'secs':1}}"),
			"config.json: linux.timeOffsets.realtime: ", ERR_INVALID},
		{L("'namespaces':[{'type':'time'}],'timeOffsets':{'boottime':{'nanosecs':"
		   "1000000000}}"),
			"config.json: linux.timeOffsets.boottime.nanosecs: ", ERR_INVALID},
		{L("'intelRdt':{'closID':'../x'}"),
			"config.json: linux.intelRdt.closID: ", ERR_INVALID},
		{L("'netDevices':{'eth0':{}}"), "config.json: linux.netDevices: ", ERR_INVALID},
		{L("'netDevices':{'a/b':{}}"), "config.json: linux.netDevices.a/b: ", ERR_INVALID},
		{L("'netDevices':{'eth0':{'name':'..'}}"),
			"config.json: linux.netDevices.eth0: ", ERR_INVALID},
		{L("'memoryPolicy':{'nodes':'0'}"),
			"config.json: linux.memoryPolicy.mode: ", ERR_INVALID},
		{L("'memoryPolicy':{'mode':'MPOL_X'}"),
			"config.json: linux.memoryPolicy.mode: ", ERR_INVALID},
		{L("'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0,'}"), NULL, ERR_INVALID},
		{L("'memoryPolicy':{'mode':'MPOL_BIND','nodes':'x'}"),
			"config.json: linux.memoryPolicy.nodes: ", ERR_INVALID},
		{L("'memoryPolicy':{'mode':'MPOL_BIND','flags':['X']}"),
			"config.json: linux.memoryPolicy.flags[0]: ", ERR_INVALID},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *json = json_of(cases[i].text);
		cleanup_error struct error *err = NULL;
		cleanup_runtime_spec struct runtime_spec *spec = NULL;
		int result = runtime_spec_read(json, strlen(json), &spec, &err);

		if (!cases[i].path) { /* taken */
			assert_int_equal(result, 0);
			continue;
		}
		if (result == 0)
			fail_msg("%s was taken", cases[i].text);
		if (!str_starts_with(err->message, cases[i].path) || err->kind != cases[i].kind)
			fail_msg("%s: kind %d, '%s'", cases[i].text, err->kind, err->message);
	}
}

/* All members at once: read into the struct, written, and read again. */
static const char everything[] =
	"{'ociVersion':'1.3.0','unknown':{'x':[1]},'process':{'terminal':true,'consoleSize':{"
	"'height':24,'width':80},'user':{'uid':1000,'gid':1001,'umask':63,'additionalGids':[5,6]},"
	"'args':['sh','-c','true'],'env':['A=b','PATH=/bin'],'cwd':'/work','capabilities':{"
	"'bounding':['CAP_KILL','CAP_CHOWN'],'effective':['CAP_KILL'],'inheritable':['CAP_CHOWN'],"
	"'permitted':['CAP_KILL'],'ambient':[]},'rlimits':[{'type':'RLIMIT_NOFILE','hard':"
	"18446744073709551615,'soft':1024}],'noNewPrivileges':true,'oomScoreAdj':-5,"
	"'apparmorProfile':'aa','selinuxLabel':'se','ioPriority':{'class':'IOPRIO_CLASS_BE',"
	"'priority':4},'scheduler':{'policy':'SCHED_BATCH','nice':3,'flags':["
	"'SCHED_FLAG_RESET_ON_FORK'],'runtime':1,'deadline':2,'period':3},'execCPUAffinity':{"
	"'initial':'0','final':'0-1,3'}},'root':{'path':'/r','readonly':true},'hostname':'h',"
	"'domainname':'d','mounts':[{'destination':'/proc','type':'proc','source':'proc',"
	"'options':['nosuid']},{'destination':'rel','type':'bind','source':'/x','options':['bind',"
	"'idmap'],'uidMappings':[{'containerID':0,'hostID':10,'size':5}],'gidMappings':[{"
	"'containerID':1,'hostID':11,'size':6}]}],'hooks':{'createRuntime':[{'path':'/h','args':["
	"'h','1'],'env':['X=y'],'timeout':9}]},'annotations':{'k':'v','e':''},'linux':{"
	"'namespaces':[{'type':'pid'},{'type':'network','path':'/proc/1/ns/net'},{'type':'time'}],"
	"'uidMappings':[{'containerID':0,'hostID':1000,'size':1}],'gidMappings':[{'containerID':0,"
	"'hostID':1001,'size':1}],'sysctl':{'net.ipv4.ip_forward':'1'},'resources':{'pids':{'limit'"
	":7}},'cgroupsPath':'/c','devices':[{'path':'/dev/x','type':'c','major':10,'minor':200,"
	"'fileMode':8630,'uid':1,'gid':2},{'path':'/dev/p','type':'p'}],'seccomp':{'defaultAction':"
	"'SCMP_ACT_ERRNO','defaultErrnoRet':38,'architectures':['SCMP_ARCH_X86_64',"
	"'SCMP_ARCH_X32','SCMP_ARCH_AARCH64'],'flags':['SECCOMP_FILTER_FLAG_LOG'],'listenerPath':"
	"'/run/s','listenerMetadata':'m','syscalls':[{'names':['read','write'],'action':"
	"'SCMP_ACT_ALLOW'},{'names':['kill'],'action':'SCMP_ACT_NOTIFY','args':[{'index':1,'value':"
	"9,'op':'SCMP_CMP_EQ'}]}]},'rootfsPropagation':'rslave','maskedPaths':['/proc/kcore'],"
	"'readonlyPaths':['/proc/sys'],'mountLabel':'ml','personality':{'domain':'LINUX32'},"
	"'timeOffsets':{'monotonic':{'secs':-3,'nanosecs':5},'boottime':{'secs':7}},'intelRdt':{"
	"'closID':'c','schemata':['L3:0=f'],'enableCMT':true},'netDevices':{'eth7':{'name':'eth0'},"
	"'eth8':{}},'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0','flags':["
	"'MPOL_F_STATIC_NODES']}}}";

static void test_everything(void **state)
{
	cleanup_runtime_spec struct runtime_spec *spec = read_ok(everything);
	const struct runtime_process *process = &spec->process;

	(void)state;
	assert_true(process->terminal);
	assert_int_equal(process->console_height, 24);
	assert_int_equal(process->console_width, 80);
	assert_int_equal(process->uid, 1000);
	assert_int_equal(process->gid, 1001);
	assert_int_equal(process->umask, 077);
	assert_int_equal(process->additional_gid_count, 2);
	assert_int_equal(process->additional_gids[1], 6);
	assert_string_equal(process->args[2], "true");
	assert_string_equal(process->env[1], "PATH=/bin");
	assert_string_equal(process->cwd, "/work");
	assert_int_equal(process->capabilities[CAPABILITY_BOUNDING], 1 << 5 | 1);
	assert_int_equal(process->capabilities[CAPABILITY_INHERITABLE], 1);
	assert_int_equal(process->capabilities[CAPABILITY_AMBIENT], 0);
	assert_true(process->capabilities_for_user);
	assert_int_equal(process->rlimits[0].resource, RLIMIT_NOFILE);
	assert_true(process->rlimits[0].hard == UINT64_MAX);
	assert_true(process->no_new_privileges);
	assert_int_equal(process->oom_score_adj, -5);
	assert_string_equal(process->apparmor_profile, "aa");
	assert_string_equal(process->selinux_label, "se");
	assert_int_equal(process->io_priority, IOPRIO_CLASS_BE << IOPRIO_CLASS_SHIFT | 4);
	assert_int_equal(process->scheduler.policy, SCHED_BATCH);
	assert_int_equal(process->scheduler.nice, 3);
	assert_int_equal(process->scheduler.flags, 1);
	assert_int_equal(process->scheduler.period_ns, 3);
	assert_string_equal(process->final_cpus, "0-1,3");
	assert_string_equal(spec->root_path, "/r");
	assert_true(spec->root_readonly);
	assert_string_equal(spec->mounts[1].destination, "/rel");
	assert_int_equal(spec->mounts[1].source_fd, -1);
	assert_int_equal(spec->mounts[1].gid_mappings[0].host_id, 11);
	assert_string_equal(spec->hooks[HOOK_CREATE_RUNTIME].items[0].args[1], "1");
	assert_string_equal(spec->annotations[1], "e=");
	assert_int_equal(spec->namespaces[NAMESPACE_PID].mode, NAMESPACE_NEW);
	assert_int_equal(spec->namespaces[NAMESPACE_NETWORK].mode, NAMESPACE_JOIN);
	assert_int_equal(spec->namespaces[NAMESPACE_USER].mode, NAMESPACE_INHERIT);
	assert_string_equal(spec->resources, "{\"pids\":{\"limit\":7}}");
	assert_string_equal(spec->sysctl[0], "net.ipv4.ip_forward=1");
	assert_int_equal(spec->devices[0].file_mode, 0666);
	assert_false(spec->devices[1].has_file_mode);
	assert_true(spec->seccomp->notifies);
	assert_int_equal(spec->rootfs_propagation, PROPAGATION_RSLAVE);
	assert_int_equal(spec->process.personality, 8);
	assert_int_equal(spec->monotonic_offset.seconds, -3);
	assert_int_equal(spec->boottime_offset.seconds, 7);
	assert_true(spec->intel_rdt.enable_monitoring);
	assert_string_equal(spec->net_devices[0].name, "eth0");
	assert_null(spec->net_devices[1].name);
	assert_int_equal(spec->process.memory_policy.mode, MPOL_BIND | MPOL_F_STATIC_NODES);
}

static void assert_round_trip(const struct runtime_spec *spec)
{
	cleanup_free char *first = runtime_spec_write(spec), *second = NULL;
	cleanup_runtime_spec struct runtime_spec *copy = NULL;
	cleanup_error struct error *err = NULL;

	if (runtime_spec_read(first, strlen(first), &copy, &err) < 0)
		fail_msg("%s\n%s", err->message, first);
	second = runtime_spec_write(copy);
	assert_string_equal(first, second);
	if (!spec->seccomp)
		return;
	assert_int_equal(spec->seccomp->count, copy->seccomp->count);
	assert_memory_equal(spec->seccomp->filter, copy->seccomp->filter,
		spec->seccomp->count * sizeof(*spec->seccomp->filter));
}

static void test_round_trip(void **state)
{
	cleanup_runtime_spec struct runtime_spec *spec = read_ok(everything);

	(void)state;
	assert_round_trip(spec);
}

/* What `pod run` writes down, with the default profile and with one for other capabilities. */
static void test_engine_round_trip(void **state)
{
	static const uint64_t capabilities[] = {SECCOMP_DEFAULT_CAPABILITIES, 0, UINT64_C(1) << 21};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
		cleanup_runtime_spec struct runtime_spec *spec = runtime_spec_new();
		struct runtime_process *process = &spec->process;
		cleanup_error struct error *err = NULL;
		cleanup_free char *text = NULL;

		process->user = xstrdup(i ? "user:group" : "1000:50");
		strv_append(&process->additional_groups, "wheel");
		strv_append(&process->additional_groups, "12");
		strv_append(&process->args, "sh");
		process->cwd = xstrdup("/");
		process->capabilities_for_user = i == 1;
		process->capabilities[CAPABILITY_BOUNDING] = capabilities[i];
		process->capabilities[CAPABILITY_EFFECTIVE] = capabilities[i];
		spec->root_path = xstrdup("/somewhere/root");
		spec->namespaces[NAMESPACE_MOUNT].mode = NAMESPACE_NEW;
		runtime_spec_add_mount(spec, "/tmp", "tmpfs", "tmpfs", "rw,mode=1777");
		strv_append(&spec->annotations, "mine=1");
		assert_int_equal(seccomp_default(capabilities[i], &spec->seccomp, &err), 0);
		assert_round_trip(spec);
		text = runtime_spec_write(spec);
		assert_int_equal(strstr(text, "{\"uid\":1000,\"gid\":50}") != NULL, i == 0);
	}
}

/* People may be allowed annotations who may not choose users. */
static void test_annotations_are_text(void **state)
{
	cleanup_runtime_spec struct runtime_spec *spec = read_ok(
		"{" ROOT "," PROCESS ",'annotations':{'run.pod.user':'root','run.pod':'x'}}");

	(void)state;
	assert_null(spec->process.user);
	assert_int_equal(strv_length(spec->annotations), 2);
}

static void test_process_alone(void **state)
{
	cleanup_free char *json = json_of("{" MINIMAL ",'user':{'uid':7}}");
	cleanup_error struct error *err = NULL;
	struct runtime_process process;

	(void)state;
	runtime_process_init(&process);
	assert_int_equal(runtime_process_read(json, strlen(json), &process, &err), 0);
	assert_int_equal(process.uid, 7);
	assert_int_equal(process.umask, -1);
	runtime_process_clear(&process);
	assert_int_equal(runtime_process_read("{}", 2, &process, &err), -1);
	assert_non_null(str_starts_with(err->message, "process: args: is required"));
	runtime_process_clear(&process);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_engine_round_trip),
		cmocka_unit_test(test_annotations_are_text),
		cmocka_unit_test(test_process_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
