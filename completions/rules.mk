# Completion scripts are printed by the program and committed, so that they can be read and packaged
# without building; manual pages are made with the programs.

completion_files = completions/pod.bash completions/_pod completions/pod.fish

completions: $(B)/pod
	for f in $(completion_files); do \
		case $$f in *.bash) shell=bash ;; *.fish) shell=fish ;; *) shell=zsh ;; esac; \
		$(B)/pod completion $$shell > $(srcdir)/$$f || exit 1; \
	done
	$(B)/pod __docker > $(srcdir)/doc/docker.md

# The committed files are those that the program makes.
check-completions: $(B)/pod
	@for f in $(completion_files); do \
		case $$f in *.bash) shell=bash ;; *.fish) shell=fish ;; *) shell=zsh ;; esac; \
		$(B)/pod completion $$shell | cmp - $(srcdir)/$$f || \
			{ echo "$$f is stale: run 'make completions'"; exit 1; }; \
	done
	@$(B)/pod __docker | cmp - $(srcdir)/doc/docker.md || \
		{ echo "doc/docker.md is stale: run 'make completions'"; exit 1; }

# docker's are the same under its name (make install-docker).
docker_completions = $(B)/completions/docker.bash $(B)/completions/_docker $(B)/completions/docker.fish

$(B)/docker: $(B)/pod
	$(call quiet,LN)ln -sf pod $@

$(docker_completions): $(B)/docker
	@mkdir -p $(@D)
	$(call quiet,GEN)case $@ in *.bash) shell=bash ;; *.fish) shell=fish ;; *) shell=zsh ;; esac; \
		$(B)/docker completion $$shell > $@

$(B)/man/pod.1: $(B)/pod $(wildcard $(srcdir)/doc/man/*.md)
	$(call quiet,GEN)rm -rf $(B)/man && $(B)/pod __man $(B)/man $(srcdir)/doc/man

docs: $(B)/man/pod.1 $(docker_completions)
all: docs

.PHONY: completions check-completions docs
