package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Commands, first starts, bad starts and reloads, typed as a person does.
func TestScripts(t *testing.T) {
	testscript.Run(t, scripts("testdata/commands", ""))
}

// The whole way of the README, with real ssh and git-lfs: Debian's, and the
// newest where make has built it.
func TestTour(t *testing.T) {
	clients := map[string]string{"debian": "/usr/bin"}
	if newest := os.Getenv("LATCHKEY_GIT_LFS"); newest != "" {
		clients["newest"] = filepath.Dir(newest)
	}
	for name, path := range clients {
		t.Run(name, func(t *testing.T) { testscript.Run(t, scripts("testdata/tour", path)) })
	}
}
