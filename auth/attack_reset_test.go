package auth_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// A link that does not work costs the same for every name: the trail has a line
// of it, which names accounts alone, and the store is asked the same.
func TestLinksThatDoNotWorkCostTheSame(t *testing.T) {
	c := storetest.NewClock()
	store := storetest.NewFaulty(storetest.NewMemory(c.Now))
	w := worldOver(t, store, c)
	w.user("alice", withPassword)
	costs := func(name, key string) string {
		calls, trail := len(store.Calls()), strings.Count(w.trail.String(), "\n")
		w.wantDead(name, name, auth.NewSecret(strings.Repeat(key, 43)))
		return fmt.Sprint(len(store.Calls())-calls, " calls, ", strings.Count(w.trail.String(), "\n")-trail, " lines")
	}
	known := costs("alice", "k")
	for name, key := range map[string]string{"nobody": "n", "no name at all": "x"} {
		if unknown := costs(name, key); unknown != known && name != "no name at all" || !strings.HasSuffix(unknown, "1 lines") {
			t.Errorf("%s: %s, and for an account: %s", name, unknown, known)
		}
	}
	if trail := w.trail.String(); strings.Contains(trail, "nobody") || strings.Contains(trail, "no name") {
		t.Error("a name that is nobody's is in the trail")
	}
}

// A link that ended with a change of the address does not come back with it.
func TestAnAddressThatComesBackRevivesNothing(t *testing.T) {
	w := newWorld(t)
	m := w.sendsMail()
	w.user("alice", withPassword)
	mailed, made := w.forgot(m, "alice").Key, w.made("alice").Key
	session, _ := w.session("alice", true)
	confirm := w.pending(m, w.who(session), "third@example.com")
	for _, email := range []string{"new@example.com", "alice@example.com"} {
		_, err := w.Users.ChangeEmail(t.Context(), w.admin, "alice", email)
		must(t, err)
	}
	w.wantDead("mailed", "alice", mailed)
	w.wantDead("made", "alice", made)
	wantCode(t, "confirmed", w.Users.ConfirmEmail(t.Context(), w.who(session), confirm), auth.NotFound)
}

// A rotation by an administrator is seen by whose token it was.
func TestARotationByAnotherIsSeen(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	tok := w.token(w.who(password("alice")), auth.NewToken{})
	next, err := w.Tokens.Rotate(t.Context(), w.admin, tok.ID)
	must(t, err)
	last, err := w.Tokens.Replace(t.Context(), w.admin, next.ID, time.Hour)
	must(t, err)
	seen := ""
	for _, e := range w.activity(w.admin, "alice") {
		if e.Action == "token.rotate" {
			seen += e.Target + "; "
		}
	}
	if want := "alice " + next.ID + " " + last.ID + "; alice " + tok.ID + " " + next.ID + "; "; seen != want {
		t.Errorf("seen: %q, want %q", seen, want)
	}
}

// Whoever sits in an unlocked session of the account and makes a credential at
// the very moment at which its owner chooses a new password is out as well:
// whichever of the two came first, nothing that was made works afterwards.
func TestMadeWhileThePasswordIsReset(t *testing.T) {
	type made map[string]auth.Proof
	makes := map[string]func(w *world, who auth.Identity) made{
		"SSH key": func(w *world, who auth.Identity) made {
			key := newSSHKey(t)
			w.SSHKeys.Create(t.Context(), who, auth.NewSSHKey{Line: line(key)})
			return made{"SSH key": auth.SSHKey{Key: key}}
		},
		"API key": func(w *world, who auth.Identity) made {
			key, err := w.Keys.Create(t.Context(), who, "alice")
			if err != nil {
				return made{}
			}
			return made{"API key": auth.APIKey{Secret: key.Secret}}
		},
		"token": func(w *world, who auth.Identity) made {
			tok, err := w.Tokens.Create(t.Context(), who, auth.NewToken{Reference: true})
			if err != nil {
				return made{}
			}
			return made{"token": bearer(tok.JWT), "reference token": bearer(tok.Reference)}
		},
		"refreshable token": func(w *world, who auth.Identity) made {
			tok, err := w.Tokens.Create(t.Context(), who, auth.NewToken{Refreshable: true})
			if err != nil {
				return made{}
			}
			proofs := made{"token": bearer(tok.JWT)}
			if again, err := w.refresh(tok.Refresh); err == nil {
				proofs["renewed token"] = bearer(again.JWT)
			}
			return proofs
		},
		"address": func(w *world, who auth.Identity) made {
			w.sendsMail()
			w.Users.ChangeEmail(t.Context(), who, "alice", "mallory@example.com")
			return made{}
		},
		"upstream credential": func(w *world, who auth.Identity) made {
			w.Upstreams.Set(t.Context(), who, "alice", "packages", "mallory", auth.NewSecret("of mallory"))
			return made{}
		},
	}
	for what, do := range makes {
		t.Run(what, func(t *testing.T) {
			for n := 1; ; n++ {
				c := storetest.NewClock()
				m := &midway{Store: storetest.NewMemory(c.Now)}
				w := worldOver(t, m, c)
				w.SetMatches(func(string, string) bool { return true })
				basic, _, _, _ := withUpstreams(w)
				w.user("alice", withPassword)
				attacker, _ := w.session("alice", true)
				who, link := w.who(attacker), w.made("alice")
				var err error
				m.mu.Lock()
				m.left, m.do = n, func() {
					err = w.Passwords.Reset(context.Background(), home, "alice", link.Key, newPassword, false)
				}
				m.mu.Unlock()
				got := do(w, who)
				m.mu.Lock()
				over := m.left > 0
				m.left = 0
				m.mu.Unlock()
				if over {
					return
				}
				must(t, err)
				for form, p := range got {
					if w.holds(p) {
						t.Errorf("reset before operation %d: the %s works", n, form)
					}
				}
				owner := w.who(auth.Password{User: "alice", Secret: newPassword})
				if name, _, err := w.Upstreams.For(t.Context(), owner, basic); err == nil {
					t.Errorf("reset before operation %d: the owner is lent the name %s", n, name)
				}
				if keys, err := w.SSHKeys.List(t.Context(), owner, "alice"); err != nil || len(keys) > 0 {
					t.Errorf("reset before operation %d: SSH keys %v, %v", n, keys, err)
				}
				if email, _, err := w.Users.PendingEmail(t.Context(), owner, "alice"); err != nil || email != "" {
					t.Errorf("reset before operation %d: the address %s waits, %v", n, email, err)
				}
				if n > 60 {
					t.Fatal("it never comes to an end")
				}
				c.Advance(time.Second)
			}
		})
	}
}
