# make build   bin/latchkey, one static binary
# make run     builds it and starts it with its state in ./data
# make test    every test, with real Redis, git-lfs and OpenSSH
# make test-browser   the pages in a real browser; screenshots keeps pictures of them
# make lighthouse   what Lighthouse says of the pages
# make test-clients   npm, pip, mvn, docker, git and others against it; minutes
# make check   formatting, vet, lint, import rules, modules
# make bench   what a request costs
# make crash   kill -9, two hundred times on each store
# make flood   two hundred thousand sign-ins that are never finished
# make fuzz    every fuzz target for FUZZTIME
# make clean   removes bin; never ./data

SHELL := /bin/sh
export GOFLAGS := -buildvcs=false
export CGO_ENABLED := 0

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
FUZZTIME ?= 10s
ROUNDS ?= 200
BENCH ?= .
BENCHTIME ?= 300ms
BENCHROUNDS ?= 7

TOOLS := bin/tools

.PHONY: build run test check bench crash flood fuzz clean peers test-clients test-browser screenshots lighthouse

build:
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/latchkey ./cmd/latchkey

run: build
	bin/latchkey serve

# The programs that tests and checks run, in the versions of tools/go.mod:
# staticcheck, the newest git-lfs and its suite for servers.
$(TOOLS)/built: tools/go.mod tools/go.sum
	@mkdir -p $(TOOLS)
	go -C tools build -trimpath -o ../$(TOOLS)/ tool
	@go version > $@

peers: $(TOOLS)/built
	@tools/install-peers

# Two test binaries at a time, so that timings hold on two cores.
test: peers
	LATCHKEY_LFS_API_SUITE='$(CURDIR)/$(TOOLS)/git-lfs-test-server-api' \
	LATCHKEY_GIT_LFS='$(CURDIR)/$(TOOLS)/git-lfs' \
	go test -p 2 -timeout 9m ./...

# The programs that people have, unmodified, as docs/clients.md tells them.
test-clients: $(TOOLS)/built build
	@tools/install-clients
	go vet -tags clients ./clients/
	$(TOOLS)/staticcheck -tags clients ./clients/
	go test -tags clients -count=1 -parallel 2 -timeout 20m ./clients/

# The pages in Debian's Chromium, two files of tests at a time.
test-browser: build
	@tools/install-browser
	PATH='$(CURDIR)/browser/node/bin':"$$PATH" npm --prefix browser --silent test

# The same, and pictures of the pages stay in docs/screenshots.
screenshots: export LATCHKEY_SCREENSHOTS := $(CURDIR)/docs/screenshots
screenshots: test-browser

# What Lighthouse says of the pages; a minute or two, and 185 MB of npm once.
lighthouse: build
	@tools/install-browser
	npm ci --prefix browser/lighthouse --no-audit --no-fund --ignore-scripts
	PATH='$(CURDIR)/browser/node/bin':"$$PATH" node browser/lighthouse/run.mjs

check: $(TOOLS)/built
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then \
		echo "not formatted, run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(TOOLS)/staticcheck ./...
	go test -count=1 ./internal/deps
	go mod tidy -diff
	go -C tools mod tidy -diff
	go mod verify

# First the daemon beside its peers, each in a process of its own, in rounds
# that alternate (with BENCH_LFS=1 also git-lfs, which takes minutes and some
# gigabytes); then the parts. Nothing else should run meanwhile.
bench: peers build
	LATCHKEY_BENCH_BINARY='$(CURDIR)/bin/latchkey' LATCHKEY_GIT_LFS='$(CURDIR)/$(TOOLS)/git-lfs' \
	go test -count=1 -timeout 30m -run '^$$' -bench '$(BENCH)' -benchtime '$(BENCHROUNDS)x' ./cmd/latchkey
	go test -p 1 -count=1 -timeout 30m -run '^$$' -bench '$(BENCH)' -benchtime '$(BENCHTIME)' \
		$$(go list ./... | grep -v '/cmd/latchkey$$')

crash: peers
	LATCHKEY_CRASH_ROUNDS=$(ROUNDS) go test -count=1 -timeout 60m -v -run '^TestKilled' ./cmd/latchkey

flood: peers
	LATCHKEY_STARTS=200000 go test -count=1 -timeout 10m -v -run '^TestAbandonedSignIns' ./cmd/latchkey

# go test fuzzes one target of one package at a time.
fuzz:
	@set -e; for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime '$(FUZZTIME)' $$package; \
		done; \
	done

clean:
	rm -rf bin
