package main

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// What the CLI does when its tokens run out. Its clock is moved, since that is
// what it decides by; the daemon's stays.

func TestJFRenewals(t *testing.T) {
	t.Parallel()
	w := newJFWorld(t, "")
	t.Run("of a password's pair", w.renewPairs)
	t.Run("of a platform token", w.renewPlatformTokens)
	t.Run("of a token that has ended", w.renewEnded)
	t.Run("over SSH", w.renewOverSSH)
	t.Run("by two commands at once", w.renewAtOnce)
}

// pings runs a command and tells how often it slept and got a new pair.
func pings(t *testing.T, j *jf) (naps, renewals int) {
	t.Helper()
	n, r := j.naps, j.renewals
	if err := j.ping(); err != nil {
		t.Fatal(err)
	}
	return j.naps - n, j.renewals - r
}

func wantRenewal(t *testing.T, what string, j *jf, naps, renewals int) {
	t.Helper()
	if n, r := pings(t, j); n != naps || r != renewals {
		t.Errorf("%s: %d naps and %d renewals, want %d and %d", what, n, r, naps, renewals)
	}
}

// works fails the test for a token that the daemon does not accept.
func (w *jfWorld) works(t *testing.T, what, token string) {
	t.Helper()
	if status := w.whoami(strings.TrimPrefix(token, "Bearer ")); status != http.StatusOK {
		t.Errorf("%s is answered %d", what, status)
	}
}

func (w *jfWorld) renewPairs(t *testing.T) {
	j := w.client()
	if err := j.addPassword("alice", jfPassword); err != nil {
		t.Fatal(err)
	}
	wantRenewal(t, "the first command", j, 0, 1)
	j.ahead = 48 * time.Minute
	wantRenewal(t, "with more than ten minutes left", j, 0, 0)
	before, beforeRefresh := j.artAccess, j.artRefresh
	j.ahead = 51 * time.Minute
	// What it gets lives an hour by the daemon's clock, so as little is left
	// by its own: it goes on renewing, which is no fault of the tokens.
	m := &jfManager{j: j, root: j.platform + "/artifactory/"}
	if _, err := m.version(); err != nil {
		t.Fatal(err)
	}
	if j.naps != 1 || j.renewals != 2 || j.artAccess == before || j.artRefresh == beforeRefresh {
		t.Errorf("%d naps, %d pairs", j.naps, j.renewals)
	}
	goodForJF(t, j.artAccess, "alice")
	w.works(t, "the new token", j.artAccess)
	j.ahead = 0
	wantRenewal(t, "with the new pair", j, 0, 0)
	j.ahead = 2 * time.Hour
	if _, err := m.version(); err != nil || j.naps != 1 || j.renewals != 3 {
		t.Errorf("ended: %v, %d naps, %d pairs", err, j.naps, j.renewals)
	}
	// Where its refresh token does not work any more it begins with the password.
	j.artRefresh = beforeRefresh[:len(beforeRefresh)-1] + "0"
	if _, err := m.version(); err != nil || j.renewals != 4 {
		t.Errorf("with a wrong refresh token: %v, %d pairs", err, j.renewals)
	}
	j.ahead = 0
	wantRenewal(t, "with the pair got anew", j, 0, 0)
	w.works(t, "the token got anew", j.artAccess)
}

func (w *jfWorld) refreshable(t *testing.T, seconds int) *jf {
	t.Helper()
	maker := w.client()
	if err := maker.addToken("", w.do("token", "create", "alice")); err != nil {
		t.Fatal(err)
	}
	p := must[jfPair](t)(maker.createToken(map[string]any{"refreshable": true, "expires_in": seconds}))
	j := w.client()
	j.access, j.refresh = p.Access, p.Refresh
	return j
}

func (w *jfWorld) renewPlatformTokens(t *testing.T) {
	for name, c := range map[string]struct {
		life      int
		older     bool
		ahead     time.Duration
		naps, new int
	}{
		"an hour, newer release":                 {3600, false, 0, 0, 0},
		"29 minutes of an hour, newer release":   {3600, false, 31 * time.Minute, 1, 1},
		"ended, newer release":                   {3600, false, 61 * time.Minute, 0, 1},
		"thirty days, older release":             {30 * 24 * 3600, true, 0, 0, 0},
		"six of thirty days, older release":      {30 * 24 * 3600, true, 24 * 24 * time.Hour, 1, 1},
		"an hour, older release":                 {3600, true, 0, 1, 1},
		"two of thirty days, newer release":      {30 * 24 * 3600, false, 28 * 24 * time.Hour, 1, 1},
		"four of thirty days, newer release":     {30 * 24 * 3600, false, 26 * 24 * time.Hour, 0, 0},
		"half an hour: never enough for a newer": {1800, false, 0, 1, 1},
	} {
		j := w.refreshable(t, c.life)
		j.newThreshold, j.ahead = !c.older, c.ahead
		before, beforeRefresh := j.access, j.refresh
		m := &jfManager{j: j, root: j.platform + "/artifactory/"}
		if _, err := m.version(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if j.naps != c.naps || j.renewals != c.new {
			t.Errorf("%s: %d naps and %d renewals", name, j.naps, j.renewals)
		}
		if c.new > 0 && (j.access == before || j.refresh == beforeRefresh) {
			t.Errorf("%s: a token of the new pair is the old one", name)
		}
		if life := goodForJF(t, j.access, "alice"); life.Expires-life.Issued != int64(c.life) {
			t.Errorf("%s: it lives %d s", name, life.Expires-life.Issued)
		}
		w.works(t, name, j.access)
	}
}

// The old token is the credential of the request that renews it, and the daemon
// itself knows that it has ended.
func (w *jfWorld) renewEnded(t *testing.T) {
	j := w.refreshable(t, 1)
	until(t, "the token has ended", func() bool { return w.whoami(j.access) == http.StatusUnauthorized })
	old := j.access
	m := &jfManager{j: j, root: j.platform + "/artifactory/"}
	if _, err := m.version(); err != nil || j.renewals != 1 || j.naps != 0 || j.access == old {
		t.Errorf("%v, %d renewals, %d naps", err, j.renewals, j.naps)
	}
	goodForJF(t, j.access, "alice")
	j.refresh = "no refresh token of ours"
	until(t, "the next has ended too", func() bool { return w.whoami(j.access) == http.StatusUnauthorized })
	if _, err := m.version(); jfStatus(err) != http.StatusNotFound {
		t.Errorf("with an unknown refresh token: %v", err)
	}
}

func (w *jfWorld) renewOverSSH(t *testing.T) {
	key := newSigner(t)
	w.register(t, "alice", key)
	j := w.overSSH(key)
	m := must[*jfManager](t)(j.manager())
	version := must[string](t)
	version(m.version())
	j.ahead = 48 * time.Minute
	version(m.version())
	if n := j.logins.Load(); n != 1 || j.naps != 0 {
		t.Errorf("with twelve minutes left: %d logins, %d naps", n, j.naps)
	}
	j.ahead = 50 * time.Minute
	version(m.version())
	if n := j.logins.Load(); n != 2 || j.naps != 1 {
		t.Errorf("with ten minutes left: %d logins, %d naps", n, j.naps)
	}
	j.ahead = 61 * time.Minute
	version(m.version())
	if n := j.logins.Load(); n != 3 || j.naps != 1 {
		t.Errorf("ended: %d logins, %d naps", n, j.naps)
	}
	w.works(t, "the last login's token", m.headers["Authorization"])
}

// Two commands that share what "jf config add" kept renew the same pair at the
// same moment; neither loses its login.
func (w *jfWorld) renewAtOnce(t *testing.T) {
	first := w.refreshable(t, 3600)
	for round := range 5 {
		first.ahead = 59 * time.Minute
		second := w.client()
		second.access, second.refresh, second.ahead = first.access, first.refresh, first.ahead
		var both sync.WaitGroup
		errs := make([]error, 2)
		for i, j := range []*jf{first, second} {
			both.Go(func() { _, errs[i] = (&jfManager{j: j, root: j.platform + "/artifactory/"}).version() })
		}
		both.Wait()
		if errs[0] != nil || errs[1] != nil || first.access != second.access || first.refresh != second.refresh {
			t.Fatalf("round %d: %v, the same pair: %t", round, errs, first.access == second.access)
		}
		w.works(t, "the new token", second.access)
	}
}
