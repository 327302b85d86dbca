//go:build clients

// Package clients_test runs the programs that people already have (npm, pip,
// mvn, docker, git, …) against bin/latchkey, unmodified, with the settings that
// docs/clients.md tells them.
//
// The document is the test: each of its blocks bears a name in a comment, and
// what is run or written here is the text of the block, in a home of its own,
// with the variables that the document explains. Behind the daemon stand small
// repositories of our own with a package of each kind; they note every request
// and find fault with one that bears a client's credential or does not say, in
// one header, who asks. In front, each way of signing in is tried with every
// kind of secret it fits, right and wrong: a right one must do its work, a wrong
// one must fail soon, after few requests, none of which goes any further.
//
// A program that is missing is a failure: tools/install-clients installs them.
package clients_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Limits of one run of a client.
const (
	patience = 2 * time.Minute // with a right secret, on a busy machine
	soon     = time.Minute     // until a script has failed with a wrong one; most take one
)

// TestClients runs every use of every client with every kind of secret, right
// and wrong. Two clients at a time are enough for two cores, each with a daemon
// of its own.
func TestClients(t *testing.T) {
	for _, c := range clients() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := startGate(t, c.https, c.first)
			if c.start != nil {
				c.start(t, g)
			}
			for _, u := range c.uses {
				for _, k := range u.kinds {
					t.Run(u.name+"/"+string(k)+"/right", func(t *testing.T) { right(t, g, u, k) })
					t.Run(u.name+"/"+string(k)+"/wrong", func(t *testing.T) { wrong(t, g, u, k) })
				}
			}
		})
	}
}

func right(t *testing.T, g *gate, u use, k kind) {
	r := g.newRun(t, u, g.right(t, k))
	requests, seen := g.requests(), g.upstream.count()
	r.play(t)
	if u.check != nil {
		u.check(t, r)
	}
	if g.upstream.count() == seen && !u.builtin {
		t.Error("nothing came to the repository")
	}
	g.judge(t, r)
	t.Logf("%d requests", g.requests()-requests)
}

func wrong(t *testing.T, g *gate, u use, k kind) {
	r := g.newRun(t, u, g.wrong(t, k))
	requests, seen, start := g.requests(), g.upstream.count(), time.Now()
	r.fail(t)
	took := time.Since(start).Round(time.Millisecond)
	if u.requests > 0 {
		g.await(t, requests)
	}
	if !strings.Contains(r.output, u.says) {
		t.Errorf("it does not say %q:\n%s", u.says, r.output)
	}
	sent := g.requests() - requests
	if sent > u.requests {
		t.Errorf("%d requests with a wrong secret, at most %d are expected", sent, u.requests)
	}
	if n := g.upstream.count() - seen; n > 0 {
		t.Errorf("%d requests came to the repository", n)
	}
	g.judge(t, r)
	t.Logf("%d requests, %s:\n%s", sent, took, last(r.output, 600))
}

// last is the end of a long text.
func last(text string, n int) string {
	if len(text) > n {
		return "… " + text[len(text)-n:]
	}
	return text
}

// write puts a file where a client looks for it.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
