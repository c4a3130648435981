#include "config.h"

#include <linux/seccomp.h>
#include <stddef.h>

#include "runtime/seccomp_bpf.h"
#include "runtime/seccomp_words.h"

/* Of two words for one action the first is written. */
const struct seccomp_word seccomp_actions[] = {
	{"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},
	{"SCMP_ACT_LOG", SECCOMP_RET_LOG},
	{"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
	{"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
	{"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
	{"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
	{"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
	{"SCMP_ACT_TRACE", SECCOMP_RET_TRACE},
	{"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF},
	{NULL, 0},
};

const struct seccomp_word seccomp_flags[] = {
	{"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
	{"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
	{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
	{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
	{NULL, 0},
};

const char *const seccomp_compare_words[] = {
	[SECCOMP_EQ] = "SCMP_CMP_EQ",
	[SECCOMP_NE] = "SCMP_CMP_NE",
	[SECCOMP_LT] = "SCMP_CMP_LT",
	[SECCOMP_LE] = "SCMP_CMP_LE",
	[SECCOMP_GE] = "SCMP_CMP_GE",
	[SECCOMP_GT] = "SCMP_CMP_GT",
	[SECCOMP_MASKED_EQ] = "SCMP_CMP_MASKED_EQ",
	NULL,
};

const char *const seccomp_architectures[] = {"SCMP_ARCH_NATIVE", "SCMP_ARCH_X86",
	"SCMP_ARCH_X86_64", "SCMP_ARCH_X32", "SCMP_ARCH_ARM", "SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS",
	"SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64",
	"SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE",
	"SCMP_ARCH_S390", "SCMP_ARCH_S390X", "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64",
	"SCMP_ARCH_RISCV64", "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K", "SCMP_ARCH_SH",
	"SCMP_ARCH_SHEB", NULL};

const char *seccomp_action_word(uint32_t action)
{
	for (const struct seccomp_word *word = seccomp_actions; word->word; word++)
		if (word->number == action)
			return word->word;
	return "SCMP_ACT_KILL_PROCESS"; /* what the kernel does for an action it does not know */
}
