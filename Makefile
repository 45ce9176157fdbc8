# Dunwell. `make demo` and `make check` are all a newcomer needs; `make help` lists the rest.
CC     ?= gcc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
B      ?= build
SAN    ?=
V      ?=
Q      := $(if $(V),,@)
say     = $(if $(V),,@echo '  $(1)')

PKGS   := libwebsockets libcurl jansson sqlite3 libmicrohttpd libfyaml libcrypto
WARN   := -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes \
          -Wold-style-definition -Wformat=2 -Wundef -Wvla -Wcast-qual -Wwrite-strings -Wpointer-arith -Wswitch-enum -Wdouble-promotion -Wno-overlength-strings
HARDEN := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE
LINK   := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed
comma  := ,
ifneq ($(SAN),)
O      := $(B)/$(subst $(comma),-,$(SAN))
SANF   := -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
HARDEN := -fPIE
CPPFLAGS += -DDW_TEST_POINTS
else
O      := $(B)
endif
# pkg-config is asked when it is first needed, and once: `make demo` installs it before.
PKGC    = $(eval PKGC := $(shell pkg-config --cflags $(PKGS)))$(PKGC)
PKGL    = $(eval PKGL := $(shell pkg-config --libs $(PKGS)))$(PKGL)
OWN     = -std=c11 -D_GNU_SOURCE -I. -I$(B)/gen $(WARN) $(HARDEN) $(SANF) $(PKGC) -pthread
LIBS    = $(PKGL) -lunistring -pthread -lm

SRC    := $(wildcard engine/*.c) $(wildcard adapters/*.c adapters/*/*.c) $(filter-out bot/main.c,$(wildcard bot/*.c))
OBJ     = $(SRC:%.c=$(O)/obj/%.o) $(O)/obj/embedded.o $(if $(SAN),$(O)/obj/tests/crash/kill_point.o)
UNIT   := $(wildcard tests/unit/test_*.c)

all: $(O)/dunwell ## build/dunwell (V=1 shows the commands)
.DELETE_ON_ERROR:
$(O)/dunwell: $(O)/obj/bot/main.o $(OBJ)
	$(call say,LD $@)
	$(Q)$(CC) $(SANF) $(LDFLAGS) $(LINK) -o $@ $^ $(LIBS)
$(O)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(OWN) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(O)/unit/%: tests/unit/%.c $(OBJ)
	@mkdir -p $(@D)
	$(call say,TEST $<)
	$(Q)$(CC) $(OWN) $(CPPFLAGS) $(CFLAGS) -MMD -MP -o $@ $< $(OBJ) $(LIBS) -lcmocka
-include $(wildcard $(O)/obj/*/*.d $(O)/obj/*/*/*.d $(O)/unit/*.d)

# What a newcomer needs.
demo: ## installs what is missing, builds, and plays Dunwell in this terminal
	tests/setup.sh
	+$(MAKE) --no-print-directory -j$$(nproc) all
	$(B)/dunwell demo
SANB   := $(B)/address-undefined
check: ## installs what the tests need and runs them all (T=word: only those with it in their name)
	tests/setup.sh check
	+$(MAKE) --no-print-directory -j$$(nproc) all
	+$(MAKE) --no-print-directory -j$$(nproc) SAN=address,undefined CFLAGS='-O1 -g' tests-build
	sh tests/run.sh $(SANB) $(B) $(T)

UNITS  := $(UNIT:tests/unit/%.c=$(O)/unit/%)
FUZZ   := $(wildcard tests/fuzz/fuzz_*.c)
FUZZES := $(FUZZ:tests/fuzz/%.c=$(O)/fuzz/%)
SIM    := $(if $(wildcard tests/sim/sim.c),$(O)/sim/sim)
WALK   := $(O)/crash/store_walk
MODEL  := $(O)/model/model
tests-build: $(O)/dunwell $(UNITS) $(FUZZES) $(SIM) $(MODEL) $(WALK) $(O)/walk/walk
$(O)/crash/%: tests/crash/%.c $(OBJ)
	@mkdir -p $(@D)
	$(call say,TEST $<)
	$(Q)$(CC) $(OWN) $(CPPFLAGS) $(CFLAGS) -o $@ $< $(OBJ) $(LIBS)
$(O)/fuzz/%: tests/fuzz/%.c tests/fuzz/standalone.c $(OBJ)
	@mkdir -p $(@D)
	$(call say,TEST $<)
	$(Q)$(CC) $(OWN) $(CPPFLAGS) $(CFLAGS) -o $@ $< tests/fuzz/standalone.c $(OBJ) $(LIBS)
$(O)/sim/sim: $(wildcard tests/sim/*.c) $(OBJ)
	@mkdir -p $(@D)
	$(call say,TEST tests/sim)
	$(Q)$(CC) $(OWN) $(CPPFLAGS) $(CFLAGS) -o $@ $^ $(LIBS)
$(O)/walk/walk: $(wildcard tests/walk/*.c tests/walk/*.h) tests/peers/perform.h $(OBJ)
	@mkdir -p $(@D)
	$(call say,TEST tests/walk)
	$(Q)$(CC) $(OWN) $(CPPFLAGS) $(CFLAGS) -o $@ $(filter %.c %.o,$^) $(LIBS)
$(O)/model/model: $(wildcard tests/model/*.c tests/model/*.h) tests/unit/office.h tests/unit/cases.h $(OBJ)
	@mkdir -p $(@D)
	$(call say,TEST tests/model)
	$(Q)$(CC) $(OWN) $(CPPFLAGS) $(CFLAGS) -o $@ $(filter %.c %.o,$^) $(LIBS) -lcmocka
bench: all ## side by side with peers and the limit of the machine; prints, never fails on a number
	python3 tests/bench/run.py
lint: ## the rules a machine can check
	sh tests/lint.sh
clean: ## removes build/
	rm -rf $(B)

# Deeper looks, not part of `make check`: minutes, not seconds.
FUZZ_SECONDS ?= 30
CRASH_ROUNDS ?= 100
SCHEDULES ?= 100000
FUZZSAN := address,undefined
FUZZER  := $(FUZZ:tests/fuzz/%.c=$(O)/fuzzer/%)
$(O)/fuzzer/%: tests/fuzz/%.c $(OBJ)
	@mkdir -p $(@D)
	$(call say,FUZZ $<)
	$(Q)$(CC) $(OWN) $(CPPFLAGS) $(CFLAGS) -fsanitize=fuzzer -o $@ $< $(OBJ) $(LIBS)
fuzz-build: $(FUZZER)
fuzz: ## each fuzzing target with clang for FUZZ_SECONDS (30); what is found goes to build/fuzz/
	tests/setup.sh check
	+$(MAKE) --no-print-directory -j$$(nproc) CC=clang SAN=fuzzer-no-link,$(FUZZSAN) CFLAGS='-O1 -g' fuzz-build
	sh tests/fuzz/run.sh $(B)/fuzzer-no-link-$(subst $(comma),-,$(FUZZSAN))/fuzzer $(B)/fuzz $(FUZZ_SECONDS)
valgrind: ## the unit tests and the demo under valgrind
	tests/setup.sh check
	+$(MAKE) --no-print-directory -j$$(nproc) all $(UNIT:tests/unit/%.c=$(B)/unit/%)
	sh tests/valgrind.sh $(B)
tsan: ## what has threads, and the demo, under ThreadSanitizer
	tests/setup.sh check
	+$(MAKE) --no-print-directory -j$$(nproc) SAN=thread CFLAGS='-O1 -g' tsan-build
	for t in $(THREADED); do $(B)/thread/unit/test_$$t || exit 1; done
	$(B)/thread/dunwell demo </dev/null
THREADED := queue outbox http out socket book_reader
tsan-build: $(O)/dunwell $(THREADED:%=$(O)/unit/test_%)
crash: ## kill points, kill -9 and faults at billing for longer: CRASH_ROUNDS (100) rounds; the simulator with more seeds; approvals against a model, SCHEDULES (100000)
	tests/setup.sh check
	+$(MAKE) --no-print-directory -j$$(nproc) all $(B)/model/model
	+$(MAKE) --no-print-directory -j$$(nproc) SAN=address,undefined CFLAGS='-O1 -g' tests-build
	$(SANB)/sim/sim --seeds $(CRASH_ROUNDS)
	$(B)/model/model --schedules $(SCHEDULES)
	for t in $(wildcard tests/crash/test_*.py); do \
	    DUNWELL=$(SANB)/dunwell DUNWELL_PLAIN=$(B)/dunwell CRASH_ROUNDS=$(CRASH_ROUNDS) $(B)/venv/bin/python $$t || exit 1; done
	DUNWELL=$(SANB)/dunwell WALK='--all --seeds $(CRASH_ROUNDS)' $(B)/venv/bin/python tests/walk/test_walk.py

peers: ## Dunwell with a real Kill Bill server; fetches some 130 MB
	tests/setup.sh check
	sh tests/peers/killbill_check.sh

# Packaging. DESTDIR and PREFIX (/usr/local) are honoured; nothing is started and no configuration is written.
DIR    := $(DESTDIR)$(PREFIX)
SHARE  := $(DIR)/share
VERSION = $(shell sed -n 's/^\#define DW_VERSION "\(.*\)"/\1/p' bot/cmdline.h)
install: all ## the program, its manual, examples and a systemd unit; DESTDIR and PREFIX are honoured
	install -D -m 755 $(B)/dunwell $(DIR)/bin/dunwell
	install -D -m 644 -t $(SHARE)/man/man1 bot/dunwell.1
	install -D -m 644 -t $(SHARE)/man/man5 bot/dunwell.yaml.5
	install -D -m 644 -t $(SHARE)/doc/dunwell README.md
	install -D -m 644 -t $(SHARE)/doc/dunwell/examples templates/*.yaml templates/*.csv templates/*.json
	install -d $(DIR)/lib/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|' bot/dunwell.service > $(DIR)/lib/systemd/system/dunwell.service
	chmod 644 $(DIR)/lib/systemd/system/dunwell.service
dist: ## build/dunwell-VERSION.tar.gz of what is committed
	@mkdir -p $(B)
	git archive --format=tar.gz --prefix=dunwell-$(VERSION)/ -o $(B)/dunwell-$(VERSION).tar.gz HEAD
	@echo $(B)/dunwell-$(VERSION).tar.gz
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile
.PHONY: all demo check tests-build lint bench clean fuzz fuzz-build valgrind tsan tsan-build crash peers install dist help
# The schema is part of the program: one string made of engine/schema.sql, and one of what brings an older store to it.
$(B)/gen/schema.h: engine/schema.sql engine/upgrade.sql
	@mkdir -p $(@D)
	$(Q)echo '/* generated from engine/schema.sql and upgrade.sql */' > $@
	$(Q)for f in schema upgrade; do \
	  echo "static const char $$(echo $$f | tr a-z A-Z)_SQL[] ="; \
	  sed -e 's/^--.*//' -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e '/^$$/d' -e 's/^/    "/' -e 's/$$/\\n"/' engine/$$f.sql; echo '    ;'; \
	  done >> $@
$(O)/obj/engine/store.o: $(B)/gen/schema.h
# The texts of templates/ are part of the program too.
$(B)/gen/embedded.c: bot/embed.sh $(shell find templates -type f)
	@mkdir -p $(@D)
	$(Q)sh bot/embed.sh templates > $@
$(O)/obj/embedded.o: $(B)/gen/embedded.c
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(OWN) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
