# Dunwell. `make demo` and `make check` are all a newcomer needs; `make help` lists the rest.
CC     ?= gcc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
B      ?= build
SAN    ?=

PKGS   := libwebsockets libcurl jansson sqlite3 libmicrohttpd libfyaml icu-i18n icu-uc libcrypto
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
LIBS    = $(PKGL) -pthread -lm

SRC    := $(wildcard engine/*.c) $(wildcard adapters/*.c adapters/*/*.c) $(filter-out bot/main.c,$(wildcard bot/*.c))
OBJ     = $(SRC:%.c=$(O)/obj/%.o) $(O)/obj/embedded.o $(if $(SAN),$(O)/obj/tests/crash/kill_point.o)
UNIT   := $(wildcard tests/unit/test_*.c)

all: $(O)/dunwell
.DELETE_ON_ERROR:
$(O)/dunwell: $(O)/obj/bot/main.o $(OBJ)
	$(CC) $(SANF) $(LDFLAGS) $(LINK) -o $@ $^ $(LIBS)
$(O)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(OWN) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(O)/unit/%: tests/unit/%.c $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(OWN) $(CPPFLAGS) $(CFLAGS) -MMD -MP -o $@ $< $(OBJ) $(LIBS) -lcmocka
-include $(wildcard $(O)/obj/*/*.d $(O)/obj/*/*/*.d $(O)/unit/*.d)

# What a newcomer needs.
demo:
	tests/setup.sh
	+$(MAKE) --no-print-directory -j$$(nproc) all
	$(B)/dunwell demo
SANB   := $(B)/address-undefined
check:
	tests/setup.sh check
	+$(MAKE) --no-print-directory -j$$(nproc) all
	+$(MAKE) --no-print-directory -j$$(nproc) SAN=address,undefined CFLAGS='-O1 -g' tests-build
	sh tests/run.sh $(SANB) $(B) $(T)

UNITS  := $(UNIT:tests/unit/%.c=$(O)/unit/%)
FUZZ   := $(wildcard tests/fuzz/fuzz_*.c)
FUZZES := $(FUZZ:tests/fuzz/%.c=$(O)/fuzz/%)
SIM    := $(if $(wildcard tests/sim/sim.c),$(O)/sim/sim)
tests-build: $(O)/dunwell $(UNITS) $(FUZZES) $(SIM)
$(O)/fuzz/%: tests/fuzz/%.c tests/fuzz/standalone.c $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(OWN) $(CPPFLAGS) $(CFLAGS) -o $@ $< tests/fuzz/standalone.c $(OBJ) $(LIBS)
$(O)/sim/sim: $(wildcard tests/sim/*.c) $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(OWN) $(CPPFLAGS) $(CFLAGS) -o $@ $^ $(LIBS)
lint:
	sh tests/lint.sh
clean:
	rm -rf $(B)
.PHONY: all demo check tests-build lint clean
# The schema is part of the program: one string made of engine/schema.sql.
$(B)/gen/schema.h: engine/schema.sql
	@mkdir -p $(@D)
	{ echo '/* generated from engine/schema.sql */'; echo 'static const char SCHEMA_SQL[] ='; \
	  sed -e 's/^--.*//' -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e '/^$$/d' -e 's/^/    "/' -e 's/$$/\\n"/' $<; echo '    ;'; } > $@
$(O)/obj/engine/store.o: $(B)/gen/schema.h
# The texts of templates/ are part of the program too.
$(B)/gen/embedded.c: bot/embed.sh $(shell find templates -type f)
	@mkdir -p $(@D)
	sh bot/embed.sh templates > $@
$(O)/obj/embedded.o: $(B)/gen/embedded.c
	@mkdir -p $(@D)
	$(CC) $(OWN) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
