package main

import (
	"net/http"
	"strings"
	"testing"
)

// What the CLI is refused, with the statuses that it has words for. It asks
// once: a refusal is never tried again.

func TestJFConfigAddIsRefused(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]int{"supported": 0, "required": http.StatusUnauthorized, "unsupported": http.StatusConflict} {
		t.Run(policy, func(t *testing.T) {
			w := newJFWorld(t, "", "LATCHKEY_PASSWORD_ENCRYPTION_POLICY="+policy, "LATCHKEY_PROFILE_API_KEY_CREATION=false")
			j := w.client()
			err := j.addPassword("alice", jfPassword)
			if (err == nil) != (want == 0) || jfStatus(err) != want {
				t.Errorf("the right password: %v", err)
			}
			if err := w.client().addPassword("alice", jfPassword+"x"); jfStatus(err) != http.StatusUnauthorized {
				t.Errorf("a wrong password: %v", err)
			}
			if err := w.client().addPassword("nobody", jfPassword); jfStatus(err) != http.StatusUnauthorized {
				t.Errorf("somebody who does not exist: %v", err)
			}
			reference := w.do("token", "create", "alice", "--reference")
			if err := w.client().addPassword("alice", reference); jfStatus(err) != http.StatusForbidden {
				t.Errorf("a token for the password: %v", err)
			}
			if want != 0 {
				return
			}
			m := w.basicClient(t, "alice")
			if _, err := m.jfKey("POST"); jfStatus(err) != http.StatusForbidden {
				t.Errorf("an API key where none are made: %v", err)
			}
			w.do("user", "disable", "alice")
			if err := j.ping(); jfStatus(err) != http.StatusUnauthorized {
				t.Errorf("after alice was disabled: %v", err)
			}
		})
	}
}

// Programs that renew tokens by themselves know from these words that it is
// time to.
func TestJFIsToldThatATokenHasEnded(t *testing.T) {
	t.Parallel()
	w := newJFWorld(t, "")
	j := w.refreshable(t, 1)
	until(t, "the token has ended", func() bool { return w.whoami(j.access) == http.StatusUnauthorized })
	for path, words := range map[string]string{
		"/artifactory/api/system/service_id":      "Token failed verification: expired",
		"/artifactory/api/security/users/alice":   "Token failed verification: expired",
		"/artifactory/api/npm/npm-local/-/whoami": "Token failed verification: expired",
		"/access/api/v1/tokens":                   "Invalid token, expired",
		"/access/api/v1/tokens/me":                "Invalid token, expired",
		"/access/api/v2/users":                    "Invalid token, expired",
	} {
		a := w.request("GET", path, "", "Authorization", "Bearer "+j.access)
		if a.status != http.StatusUnauthorized || !strings.Contains(a.body, words) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	// However often it was shown since: it still goes with its refresh token.
	until(t, "the daemon tells to stop", func() bool { return w.whoami(j.access) == http.StatusForbidden })
	old := j.access
	if err := j.renewPlatform(); err != nil || j.access == old {
		t.Errorf("renewed after that: %v", err)
	}
}
