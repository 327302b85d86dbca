package auth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

func TestTokens(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	w.user("eve")
	alice, eve := w.who(password("alice")), w.who(w.apiKey(w.admin, "eve"))
	now := w.clock.Now()

	plain := w.token(alice, auth.NewToken{Description: "ci", Audience: "x@*"})
	if plain.Owner != "alice" || plain.Scope != "applied-permissions/user" || plain.Audience != "x@*" || plain.MadeWith != auth.KindPassword ||
		!plain.Reference.Empty() || plain.Expires.Sub(now).Round(time.Minute) != 8760*time.Hour {
		t.Errorf("%+v", plain)
	}
	for what, c := range map[string]struct {
		n     auth.NewToken
		code  auth.Code
		field string
	}{
		"scope":             {auth.NewToken{Scope: "everything"}, auth.Invalid, "scope"},
		"admin scope":       {auth.NewToken{Scope: "applied-permissions/admin"}, auth.Forbidden, ""},
		"description":       {auth.NewToken{Description: "a\x00b"}, auth.Invalid, "description"},
		"long description":  {auth.NewToken{Description: strings.Repeat("d", 1025)}, auth.Invalid, "description"},
		"audience":          {auth.NewToken{Audience: "a\nb"}, auth.Invalid, "audience"},
		"long audience":     {auth.NewToken{Audience: strings.Repeat("a", 256)}, auth.Invalid, "audience"},
		"negative life":     {auth.NewToken{Life: -time.Hour}, auth.Invalid, "expires_in"},
		"no life":           {auth.NewToken{Life: time.Nanosecond}, auth.Invalid, "expires_in"},
		"another's account": {auth.NewToken{Owner: "eve"}, auth.Forbidden, ""},
	} {
		wantCode(t, what, errOf(w.Tokens.Create(ctx, alice, c.n)), c.code, c.field)
	}
	wantCode(t, "for nobody", errOf(w.Tokens.Create(ctx, w.admin, auth.NewToken{Owner: "nobody"})), auth.NotFound)
	wantCode(t, "admin scope of a user", errOf(w.Tokens.Create(ctx, w.admin, auth.NewToken{Owner: "eve", Scope: "applied-permissions/admin"})), auth.Invalid, "scope")
	must(t, w.Users.Disable(ctx, w.admin, "eve"))
	wantCode(t, "for a disabled user", errOf(w.Tokens.Create(ctx, w.admin, auth.NewToken{Owner: "eve"})), auth.Invalid, "owner")
	must(t, w.Users.Enable(ctx, w.admin, "eve"))

	// What is another's is not there.
	for what, err := range map[string]error{
		"get":    errOf(w.Tokens.Get(ctx, eve, plain.ID)),
		"revoke": w.Tokens.Revoke(ctx, eve, plain.ID),
		"rotate": errOf(w.Tokens.Rotate(ctx, eve, plain.ID)),
	} {
		wantCode(t, what, err, auth.NotFound)
	}
	wantCode(t, "list", errOf(w.Tokens.List(ctx, eve, "alice")), auth.Forbidden)

	// A narrow token knows and ends itself, and nothing else.
	narrow := w.token(alice, auth.NewToken{Scope: "artifact:team/a:r", Life: time.Hour, Reference: true})
	self := w.who(bearer(narrow.Reference))
	if _, err := w.Tokens.Get(ctx, self, narrow.ID); err != nil {
		t.Errorf("itself: %v", err)
	}
	for what, err := range map[string]error{
		"get":           errOf(w.Tokens.Get(ctx, self, plain.ID)),
		"list":          errOf(w.Tokens.List(ctx, self, "alice")),
		"revoke":        w.Tokens.Revoke(ctx, self, plain.ID),
		"rotate":        errOf(w.Tokens.Rotate(ctx, self, narrow.ID)),
		"wider":         errOf(w.Tokens.Create(ctx, self, auth.NewToken{Scope: "artifact:team/*:r"})),
		"longer":        errOf(w.Tokens.Create(ctx, self, auth.NewToken{Scope: "artifact:team/a:r", Life: 2 * time.Hour})),
		"endless":       errOf(w.Tokens.Create(ctx, self, auth.NewToken{Scope: "artifact:team/a:r", Life: auth.Endless})),
		"the API key":   errOf(w.Keys.Create(ctx, self, "alice")),
		"client token":  errOf2(w.Tokens.ForClient(ctx, self)),
		"account":       errOf(w.Users.Get(ctx, self, "alice")),
		"its encrypted": errOf(w.Passwords.Encrypted(ctx, self)),
	} {
		wantCode(t, what, err, auth.Forbidden)
	}
	child := w.token(self, auth.NewToken{Scope: "artifact:team/a/sub:r"})
	if child.Expires.After(narrow.Expires) || child.MadeWith != auth.KindToken {
		t.Errorf("%+v", child)
	}
	must(t, w.Tokens.Revoke(ctx, self, narrow.ID))
	if w.holds(bearer(narrow.JWT)) || w.holds(bearer(narrow.Reference)) || w.holds(bearer(child.JWT)) {
		t.Error("it still works")
	}
	if list, err := w.Tokens.List(ctx, alice, "alice"); err != nil || len(list) != 1 || list[0].ID != plain.ID || !list[0].JWT.Empty() {
		t.Errorf("%+v, %v", list, err)
	}

	// The name in Basic authentication must be the owner's.
	for user, want := range map[string]bool{"": true, "alice": true, "eve": false} {
		if got := w.holds(auth.Bearer{User: user, Secret: plain.JWT}); got != want {
			t.Errorf("with the name %q: %v", user, got)
		}
	}
}

func TestRotationKeepsWhatATokenIs(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice")
	old := w.token(w.admin, auth.NewToken{Owner: "alice", Scope: "artifact:a:r", Description: "d", Audience: "x", Life: time.Hour, Reference: true})
	w.clock.Advance(10 * time.Minute)
	next, err := w.Tokens.Rotate(ctx, w.admin, old.ID)
	if err != nil || next.ID == old.ID || next.Scope != old.Scope || next.Description != "d" || next.Audience != "x" || next.Reference.Empty() ||
		next.Expires.Sub(next.Created) != time.Hour {
		t.Errorf("%+v, %v", next, err)
	}
	if w.holds(bearer(old.JWT)) || w.holds(bearer(old.Reference)) || !w.holds(bearer(next.JWT)) || !w.holds(bearer(next.Reference)) {
		t.Error("the wrong one works")
	}
	wantCode(t, "twice", errOf(w.Tokens.Rotate(ctx, w.admin, old.ID)), auth.NotFound)

	whole := w.token(w.admin, auth.NewToken{Owner: "alice", Life: auth.Endless})
	child := w.token(w.who(bearer(whole.JWT)), auth.NewToken{Life: auth.Endless})
	wantCode(t, "by what it made", errOf(w.Tokens.Rotate(ctx, w.who(bearer(child.JWT)), whole.ID)), auth.Forbidden)
	if !w.holds(bearer(whole.JWT)) {
		t.Error("a refused rotation ended the token")
	}
	must(t, errOf(w.Tokens.Rotate(ctx, w.who(bearer(whole.JWT)), child.ID)))
}

func TestTokenPolicy(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	long := w.token(alice, auth.NewToken{Life: 100 * time.Hour})
	w.SetPolicy(auth.Policy{TokenDefault: 48 * time.Hour, TokenMax: 24 * time.Hour})
	if tok := w.token(alice, auth.NewToken{}); tok.Expires.Sub(w.clock.Now()).Round(time.Minute) != 24*time.Hour {
		t.Errorf("ends %v", tok.Expires)
	}
	wantCode(t, "too long", errOf(w.Tokens.Create(ctx, alice, auth.NewToken{Life: 25 * time.Hour})), auth.Forbidden, "expires_in")
	wantCode(t, "endless", errOf(w.Tokens.Create(ctx, alice, auth.NewToken{Life: auth.Endless})), auth.Forbidden, "expires_in")
	wantCode(t, "rotate a longer one", errOf(w.Tokens.Rotate(ctx, alice, long.ID)), auth.Forbidden, "expires_in")
	if !w.holds(bearer(long.JWT)) {
		t.Error("a refused rotation ended the token")
	}
	w.SetPolicy(auth.Policy{TokenDefault: auth.Endless, TokenMax: 24 * time.Hour})
	if tok := w.token(alice, auth.NewToken{}); tok.Expires.Sub(w.clock.Now()).Round(time.Minute) != 24*time.Hour {
		t.Errorf("without a default it ends %v", tok.Expires)
	}
}

func TestAClientsTokenIsGivenAgainForAMinute(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice")
	key, _ := w.sshKey(w.admin, "alice", time.Time{})
	other, _ := w.sshKey(w.admin, "alice", time.Time{})
	get := func(p auth.Proof) auth.Secret {
		t.Helper()
		secret, expires, err := w.Tokens.ForClient(ctx, w.who(p))
		if err != nil || expires.Sub(w.clock.Now()) > time.Hour {
			t.Fatalf("ends %v, %v", expires, err)
		}
		return secret
	}
	first := get(key)
	w.clock.Advance(50 * time.Second)
	if !get(key).Equal(first) {
		t.Error("another one within a minute")
	}
	if get(other).Equal(first) {
		t.Error("two keys share a token")
	}
	w.clock.Advance(11 * time.Second)
	second := get(key)
	if second.Equal(first) || !w.holds(bearer(first)) {
		t.Error("after a minute it should be a new one beside the old")
	}
	must(t, w.Tokens.Revoke(ctx, w.admin, w.who(bearer(second)).Via.ID))
	if get(key).Equal(second) {
		t.Error("a revoked token was given again")
	}
}
