package auth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/seal"
)

// Whoever holds a token may end it, in any form, expired or not.
func TestSurrender(t *testing.T) {
	for name, form := range map[string]func(auth.Token) auth.Secret{
		"JWT":           func(tok auth.Token) auth.Secret { return tok.JWT },
		"reference":     func(tok auth.Token) auth.Secret { return tok.Reference },
		"refresh token": func(tok auth.Token) auth.Secret { return tok.Refresh },
	} {
		for _, wait := range []time.Duration{0, 2 * time.Hour} {
			t.Run(fmt.Sprint(name, " after ", wait), func(t *testing.T) {
				w := newWorld(t)
				w.user("alice", withPassword)
				alice := w.who(password("alice"))
				other := w.token(alice, auth.NewToken{})
				tok := w.token(alice, auth.NewToken{Life: time.Hour, Reference: true, Refreshable: true})
				w.clock.Advance(wait)
				must(t, w.Tokens.Surrender(t.Context(), home, form(tok)))
				if w.holds(bearer(tok.JWT)) || w.holds(bearer(tok.Reference)) {
					t.Error("it works")
				}
				wantCode(t, "refresh", errOf(w.refresh(tok.Refresh)), auth.Unauthenticated)
				if !w.holds(bearer(other.JWT)) {
					t.Error("another token ended as well")
				}
				if !strings.Contains(w.trail.String(), `"action":"token.revoke","result":"ok","user":"alice"`) {
					t.Error("the trail does not tell")
				}
				must(t, w.Tokens.Surrender(t.Context(), home, tok.JWT)) // nothing left to end
			})
		}
	}
	w := newWorld(t)
	w.user("alice", withPassword)
	grant := w.grant(w.who(password("alice")), lfs)
	must(t, w.Tokens.Surrender(t.Context(), home, grant.Secret))
	if w.holds(grant) {
		t.Error("the grant works")
	}
	ring, err := seal.NewRing()
	must(t, err)
	foreign, err := ring.SignJWT(seal.Access, "JWT", map[string]any{"iss": "jfac@elsewhere", "jti": "x"})
	must(t, err)
	wantCode(t, "a foreign one", w.Tokens.Surrender(t.Context(), home, auth.NewSecret(foreign)), auth.Invalid)
	wantCode(t, "rubbish", w.Tokens.Surrender(t.Context(), home, auth.NewSecret("x")), auth.NotFound)
}

// Ids of short tokens can be made up, so their revocations are bounded.
func TestRevocationsOfGrantsAreBounded(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	grant := w.grant(alice, lfs)
	id := w.who(grant).Via.ID
	var err error
	n := 0
	for ; n < 1000 && err == nil; n++ {
		err = w.Tokens.Revoke(ctx, alice, fmt.Sprintf("%s%012d", id[:len(id)-12], n))
	}
	wantCode(t, "in the end", err, auth.Throttled)
	if n > 201 {
		t.Errorf("after %d", n)
	}
	must(t, w.Tokens.Revoke(ctx, w.admin, id))
	if w.holds(grant) {
		t.Error("an administrator's revocation is nothing")
	}
	w.clock.Advance(11 * time.Minute)
	must(t, w.Tokens.Revoke(ctx, alice, id))
}
