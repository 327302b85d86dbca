package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// Commands, first starts, bad starts and reloads, typed as a person does.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, scripts("testdata/commands", ""))
}

// The whole way of the README, with real ssh and git-lfs: Debian's, and the
// newest where make has built it.
func TestTour(t *testing.T) {
	t.Parallel()
	clients := map[string]string{"debian": "/usr/bin"}
	if newest := os.Getenv("LATCHKEY_GIT_LFS"); newest != "" {
		clients["newest"] = filepath.Dir(newest)
	}
	for name, path := range clients {
		t.Run(name, func(t *testing.T) { testscript.Run(t, scripts("testdata/tour", path)) })
	}
}

// The same way with the records in Redis; each script has a part of it.
func TestTourOnRedis(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ssh", "http"} {
		t.Run(name, func(t *testing.T) {
			p := scripts("", "/usr/bin", "LATCHKEY_STORE", storetest.Redis(t).URL)
			p.Files = []string{"testdata/tour/" + name + ".txtar"}
			testscript.Run(t, p)
		})
	}
}
