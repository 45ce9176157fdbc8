# Dunwell. `make demo` and `make check` are all a newcomer needs; `make help` lists the rest.
CC     ?= gcc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
B      ?= build
SAN    ?=

PKGS   := libwebsockets libcurl jansson sqlite3 libmicrohttpd libfyaml icu-i18n icu-uc libcrypto
WARN   := -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes \
          -Wold-style-definition -Wformat=2 -Wundef -Wvla -Wcast-qual -Wwrite-strings -Wpointer-arith -Wswitch-enum -Wdouble-promotion
HARDEN := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE
LINK   := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed
ifneq ($(SAN),)
O      := $(B)/$(subst $(comma),-,$(SAN))
SANF   := -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
HARDEN := -fPIE
else
O      := $(B)
endif
comma  := ,
OWN     = -std=c11 -D_GNU_SOURCE -I. -I$(B)/gen $(WARN) $(HARDEN) $(SANF) $(shell pkg-config --cflags $(PKGS)) -pthread
LIBS    = $(shell pkg-config --libs $(PKGS)) -pthread -lm

SRC    := $(wildcard engine/*.c) $(wildcard adapters/*.c adapters/*/*.c) $(filter-out bot/main.c,$(wildcard bot/*.c))
OBJ     = $(SRC:%.c=$(O)/obj/%.o)
UNIT   := $(wildcard tests/unit/test_*.c)

all: $(O)/dunwell
$(O)/dunwell: $(O)/obj/bot/main.o $(OBJ)
	$(CC) $(SANF) $(LDFLAGS) $(LINK) -o $@ $^ $(LIBS)
$(O)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(OWN) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(O)/unit/%: tests/unit/%.c $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(OWN) $(CPPFLAGS) $(CFLAGS) -MMD -MP -o $@ $< $(OBJ) $(LIBS) -lcmocka
-include $(wildcard $(O)/obj/*/*.d $(O)/obj/*/*/*.d $(O)/unit/*.d)
clean:
	rm -rf $(B)
.PHONY: all clean
