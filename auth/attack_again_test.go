package auth_test

import (
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// An SSH key's id is the key's own. Deleting the key ends what was made with
// it; registering the same key again, even at once, must not bring that back.
func TestWhatAnSSHKeyMadeStaysDeadWhenTheKeyIsRegisteredAgain(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	key, info := w.sshKey(alice, "alice", time.Time{})
	throughKey := w.who(key)

	tok := w.token(throughKey, auth.NewToken{Reference: true})
	made := map[string]auth.Proof{
		"token":               bearer(tok.JWT),
		"its reference form":  bearer(tok.Reference),
		"token made by token": bearer(w.token(w.who(bearer(tok.JWT)), auth.NewToken{}).JWT),
		"short token":         w.grant(throughKey, lfs),
	}
	for name, p := range made {
		if !w.holds(p) {
			t.Fatalf("%s does not open to begin with", name)
		}
	}
	must(t, w.SSHKeys.Delete(t.Context(), alice, info.ID))
	if _, err := w.SSHKeys.Create(t.Context(), alice, auth.NewSSHKey{Line: line(key.Key)}); err != nil {
		t.Fatal(err)
	}
	for name, p := range made {
		if w.holds(p) {
			t.Errorf("%s opens again", name)
		}
	}
	// Neither does a connection that was opened with the key before.
	wantCode(t, "the connection from before", w.Recheck(t.Context(), throughKey), auth.Unauthenticated)
	if !w.holds(key) {
		t.Error("the key itself does not open after it was registered again")
	}
	if fresh := w.token(w.who(key), auth.NewToken{}); !w.holds(bearer(fresh.JWT)) {
		t.Error("what the key makes from now on does not open")
	}
}
