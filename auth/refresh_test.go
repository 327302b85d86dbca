package auth_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/seal"
)

func (w *world) refresh(s auth.Secret) (auth.Token, error) {
	w.t.Helper()
	return w.Tokens.Refresh(w.t.Context(), home, auth.Refreshing{Refresh: s})
}

func (w *world) renewed(s auth.Secret) auth.Token {
	w.t.Helper()
	tok, err := w.refresh(s)
	if err != nil {
		w.t.Fatalf("refresh: %v", err)
	}
	return tok
}

func (w *world) ids(owner string) []string {
	w.t.Helper()
	tokens, err := w.Tokens.List(w.t.Context(), w.admin, owner)
	must(w.t, err)
	var ids []string
	for _, tok := range tokens {
		ids = append(ids, tok.ID)
	}
	return ids
}

func TestRefresh(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	first := w.token(alice, auth.NewToken{Scope: "artifact:team/a:r", Description: "ci", Life: time.Hour, Refreshable: true, Reference: true})
	if !first.Refreshable || auth.FormOf(first.Refresh.Reveal()) != auth.FormRefresh || first.MadeWith != auth.KindPassword {
		t.Fatalf("%+v", first)
	}
	for what, p := range map[string]auth.Proof{
		"as a bearer":   bearer(first.Refresh),
		"as a password": auth.ReadSecret("alice", first.Refresh),
		"as a key":      auth.APIKey{Secret: first.Refresh},
	} {
		if w.holds(p) {
			t.Errorf("a refresh token identifies %s", what)
		}
	}
	w.clock.Advance(50 * time.Minute)
	second := w.renewed(first.Refresh)
	if second.ID == first.ID || second.Refresh.Equal(first.Refresh) || second.JWT.Equal(first.JWT) || second.Reference.Equal(first.Reference) {
		t.Error("something of the old pair is in the new one")
	}
	if second.Scope != first.Scope || second.Description != "ci" || second.Owner != "alice" || second.Expires.Sub(second.Created) != time.Hour {
		t.Errorf("%+v", second)
	}
	for what, p := range map[string]auth.Proof{
		"the old": bearer(first.JWT), "the new": bearer(second.JWT), "the new reference": bearer(second.Reference),
	} {
		if !w.holds(p) {
			t.Errorf("%s token does not work", what)
		}
	}
	// The same pair for a minute.
	again := w.renewed(first.Refresh)
	if !again.Refresh.Equal(second.Refresh) || !again.JWT.Equal(second.JWT) || !again.Reference.Equal(second.Reference) || again.ID != second.ID {
		t.Error("the same refresh token got another pair within the minute")
	}
	// Two steps on, the first access token has ended.
	w.clock.Advance(5 * time.Minute)
	third := w.renewed(second.Refresh)
	if w.holds(bearer(first.JWT)) || !w.holds(bearer(second.JWT)) || !w.holds(bearer(third.JWT)) {
		t.Error("of three access tokens not the last two work")
	}
	if got := w.ids("alice"); len(got) != 2 {
		t.Errorf("listed: %v", got)
	}

	// An access token that has expired is listed while it can be renewed.
	w.clock.Advance(2 * time.Hour)
	if got := w.ids("alice"); len(got) != 1 || got[0] != third.ID {
		t.Errorf("listed: %v, want %s", got, third.ID)
	}
	if w.holds(bearer(third.JWT)) {
		t.Error("an expired access token works")
	}
	fourth := w.renewed(third.Refresh)
	w.clock.Advance(91 * 24 * time.Hour)
	wantCode(t, "after three months", errOf(w.refresh(fourth.Refresh)), auth.Unauthenticated)
	if got := w.ids("alice"); len(got) != 0 {
		t.Errorf("listed in the end: %v", got)
	}
}

// A refresh token that was stolen is used by two. Whoever comes second after
// the grace ends what both have, and the trail says so.
func TestReplayEndsTheFamily(t *testing.T) {
	for _, c := range []struct {
		name  string
		until func(w *world, second auth.Token) auth.Token
	}{
		{"a minute later", func(w *world, second auth.Token) auth.Token {
			w.clock.Advance(time.Minute + time.Second)
			return second
		}},
		{"once the new one was used", func(w *world, second auth.Token) auth.Token { return w.renewed(second.Refresh) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.user("alice", withPassword)
			alice := w.who(password("alice"))
			bystander := w.token(alice, auth.NewToken{Life: time.Hour, Refreshable: true})
			first := w.token(alice, auth.NewToken{Life: 24 * time.Hour, Refreshable: true})
			second := w.renewed(first.Refresh)
			newest := c.until(w, second)
			child := w.token(w.who(bearer(newest.JWT)), auth.NewToken{Life: time.Hour})

			wantCode(t, "replay", errOf(w.refresh(first.Refresh)), auth.Unauthenticated)
			for what, s := range map[string]auth.Secret{"first": first.JWT, "second": second.JWT, "newest": newest.JWT, "a token made with it": child.JWT} {
				if w.holds(bearer(s)) {
					t.Errorf("the access token %q survives the replay", what)
				}
			}
			wantCode(t, "the thief's or the victim's newest", errOf(w.refresh(newest.Refresh)), auth.Unauthenticated)
			if !strings.Contains(w.trail.String(), `"token.refresh_reused","result":"ok","user":"alice"`) {
				t.Error("the trail does not tell of the replay")
			}
			if !w.holds(bearer(bystander.JWT)) {
				t.Error("another family ended as well")
			}
			w.renewed(bystander.Refresh)
		})
	}
}

// Two programs that use one refresh token at the same moment get the same
// pair, on every store, however often.
func TestTwoRefreshesAtOnce(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel() // they wait for disks
			store, c, more := b.open(t)
			w := worldOver(t, store, c)
			two := w
			if more != nil {
				two = worldOver(t, more(), c, func(c *auth.Config) { c.Ring = w.ring })
			}
			w.user("alice", withPassword)
			tok := w.token(w.who(password("alice")), auth.NewToken{Life: time.Hour, Refreshable: true})
			for i := range 1000 {
				var pair [2]auth.Token
				var errs [2]error
				var both sync.WaitGroup
				for j, replica := range []*world{w, two} {
					both.Go(func() { pair[j], errs[j] = replica.refresh(tok.Refresh) })
				}
				both.Wait()
				if errs[0] != nil || errs[1] != nil {
					t.Fatalf("round %d: %v, %v", i, errs[0], errs[1])
				}
				if !pair[0].Refresh.Equal(pair[1].Refresh) || !pair[0].JWT.Equal(pair[1].JWT) {
					t.Fatalf("round %d: two different pairs", i)
				}
				tok = pair[i%2]
			}
			if !w.holds(bearer(tok.JWT)) || !two.holds(bearer(tok.JWT)) {
				t.Error("the last access token does not work")
			}
			if got := w.ids("alice"); len(got) != 2 {
				t.Errorf("%d tokens are listed in the end, want 2", len(got))
			}
		})
	}
}

// What ends a token ends what can renew it, and what ends the credential that
// both were made with as well.
func TestRefreshTokensEnd(t *testing.T) {
	for name, end := range map[string]func(w *world, tok auth.Token){
		"revoked":       func(w *world, tok auth.Token) { must(w.t, w.Tokens.Revoke(w.t.Context(), w.admin, tok.ID)) },
		"rotated":       func(w *world, tok auth.Token) { must(w.t, errOf(w.Tokens.Rotate(w.t.Context(), w.admin, tok.ID))) },
		"user disabled": func(w *world, _ auth.Token) { must(w.t, w.Users.Disable(w.t.Context(), w.admin, "alice")) },
		"disabled, enabled": func(w *world, _ auth.Token) {
			must(w.t, w.Users.Disable(w.t.Context(), w.admin, "alice"))
			must(w.t, w.Users.Enable(w.t.Context(), w.admin, "alice"))
		},
		"user deleted": func(w *world, _ auth.Token) { must(w.t, w.Users.Delete(w.t.Context(), w.admin, "alice")) },
		"deleted, made anew": func(w *world, _ auth.Token) {
			must(w.t, w.Users.Delete(w.t.Context(), w.admin, "alice"))
			w.user("alice", withPassword)
		},
		"password changed": func(w *world, _ auth.Token) {
			must(w.t, w.Passwords.Change(w.t.Context(), w.admin, "alice", auth.Secret{}, auth.NewSecret("another long password")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.user("alice", withPassword)
			first := w.token(w.who(password("alice")), auth.NewToken{Life: time.Hour, Refreshable: true})
			second := w.renewed(first.Refresh)
			end(w, second)
			for what, s := range map[string]auth.Secret{"old": first.Refresh, "new": second.Refresh} {
				wantCode(t, "the "+what+" refresh token", errOf(w.refresh(s)), auth.Unauthenticated)
			}
			for what, s := range map[string]auth.Secret{"old": first.JWT, "new": second.JWT} {
				if w.holds(bearer(s)) {
					t.Errorf("the %s access token works", what)
				}
			}
		})
	}
}

// A token minted through a token never exceeds it, renewed or not.
func TestRefreshNeverExceeds(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	parent := w.token(w.who(password("alice")), auth.NewToken{Life: 3 * time.Hour})
	who := w.who(bearer(parent.JWT))
	wantCode(t, "a longer life", errOf(w.Tokens.Create(t.Context(), who, auth.NewToken{Life: 4 * time.Hour, Refreshable: true})), auth.Forbidden)
	tok := w.token(who, auth.NewToken{Life: 2 * time.Hour, Refreshable: true})
	w.clock.Advance(110 * time.Minute)
	tok = w.renewed(tok.Refresh)
	if tok.Expires.After(parent.Expires) {
		t.Errorf("renewed until %v, its parent ends at %v", tok.Expires, parent.Expires)
	}
	w.clock.Advance(71 * time.Minute)
	wantCode(t, "after the parent's end", errOf(w.refresh(tok.Refresh)), auth.Unauthenticated)

	// A maximum that has become shorter holds for what is renewed.
	endless := w.token(w.who(password("alice")), auth.NewToken{Life: auth.Endless, Refreshable: true})
	w.SetPolicy(auth.Policy{TokenMax: time.Hour, TokenDefault: time.Hour})
	if tok := w.renewed(endless.Refresh); tok.Expires.Sub(tok.Created) != time.Hour {
		t.Errorf("life %v under a maximum of an hour", tok.Expires.Sub(tok.Created))
	}
}

func TestRefreshWithAnAccessToken(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	tok := w.token(alice, auth.NewToken{Life: time.Hour, Refreshable: true, Reference: true})
	other := w.token(alice, auth.NewToken{Life: time.Hour, Refreshable: true})
	plain := w.token(alice, auth.NewToken{Life: time.Hour})
	ask := func(refresh, access auth.Secret) error {
		return errOf(w.Tokens.Refresh(t.Context(), home, auth.Refreshing{Refresh: refresh, Access: access}))
	}
	for what, access := range map[string]auth.Secret{
		"of another family": other.JWT, "of none": plain.JWT, "rubbish": auth.NewSecret("x"), "another refresh token": other.Refresh,
	} {
		wantCode(t, what, ask(tok.Refresh, access), auth.Unauthenticated)
	}
	ring, err := seal.NewRing()
	must(t, err)
	foreign, err := ring.SignJWT(seal.Access, "JWT", map[string]any{"iss": "jfac@elsewhere", "jti": tok.ID})
	must(t, err)
	wantCode(t, "of another issuer", ask(tok.Refresh, auth.NewSecret(foreign)), auth.Invalid, "access_token")
	must(t, ask(tok.Refresh, tok.Reference))
	w.clock.Advance(30 * time.Second)
	must(t, ask(tok.Refresh, tok.JWT))
	next := w.renewed(tok.Refresh)
	w.clock.Advance(2 * time.Hour) // expired, and still fine as this
	must(t, ask(next.Refresh, next.JWT))
}

// Every wrong character, every cut and every other number is refused, and
// nothing that is refused changes anything.
func TestForgedRefreshTokens(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	tok := w.token(w.who(password("alice")), auth.NewToken{Life: time.Hour, Refreshable: true})
	good := tok.Refresh.Reveal()
	for i := range good {
		for _, c := range "0Az" {
			if forged := good[:i] + string(c) + good[i+1:]; forged != good {
				wantCode(t, "character", errOf(w.refresh(auth.NewSecret(forged))), auth.Unauthenticated)
			}
		}
	}
	for _, forged := range []string{"", good[:63], good + "0", strings.ToLower(good), " " + good, good + "\n", strings.Repeat("0", 64)} {
		wantCode(t, "form", errOf(w.refresh(auth.NewSecret(forged))), auth.Unauthenticated)
	}
	w.renewed(tok.Refresh)
}

func TestListAll(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	w.user("eve", withPassword)
	alice, eve := w.who(password("alice")), w.who(password("eve"))
	w.token(alice, auth.NewToken{Description: "ci deploy"})
	w.token(alice, auth.NewToken{Description: "ci build", Refreshable: true})
	w.token(eve, auth.NewToken{Description: "laptop"})
	for _, c := range []struct {
		what string
		who  auth.Identity
		f    auth.TokenFilter
		want int
	}{
		{"everybody's", w.admin, auth.TokenFilter{}, 3},
		{"one's own", eve, auth.TokenFilter{}, 1},
		{"of one", w.admin, auth.TokenFilter{Owner: "alice"}, 2},
		{"that begin so", w.admin, auth.TokenFilter{Description: "ci*"}, 2},
		{"of that name", w.admin, auth.TokenFilter{Description: "laptop"}, 1},
		{"refreshable", w.admin, auth.TokenFilter{Refreshable: pointTo(true)}, 1},
		{"not refreshable", alice, auth.TokenFilter{Refreshable: pointTo(false)}, 1},
	} {
		tokens, err := w.Tokens.ListAll(ctx, c.who, c.f)
		if err != nil || len(tokens) != c.want {
			t.Errorf("%s: %d tokens (%v), want %d", c.what, len(tokens), err, c.want)
		}
	}
	wantCode(t, "another's", errOf(w.Tokens.ListAll(ctx, eve, auth.TokenFilter{Owner: "alice"})), auth.Forbidden)
	wantCode(t, "nobody", errOf(w.Tokens.ListAll(ctx, auth.Identity{}, auth.TokenFilter{})), auth.Unauthenticated)
}

// FuzzRefresh: nothing but what was handed out renews.
func FuzzRefresh(f *testing.F) {
	w := newWorld(f)
	w.user("alice", withPassword)
	tok := w.token(w.who(password("alice")), auth.NewToken{Life: time.Hour, Refreshable: true})
	f.Add(tok.Refresh.Reveal() + "x")
	f.Add("LKrt1" + strings.Repeat("a", 59))
	f.Fuzz(func(t *testing.T, text string) {
		if text == tok.Refresh.Reveal() {
			t.Skip("the one that was handed out")
		}
		if _, err := w.Tokens.Refresh(t.Context(), home, auth.Refreshing{Refresh: auth.NewSecret(text)}); auth.CodeOf(err) != auth.Unauthenticated {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// A token of one second, made when a second is about to end, is not taken for
// an endless one when it is renewed.
func TestRefreshOfTheShortestTokens(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	for range 20 {
		w.clock.Advance(137 * time.Millisecond)
		tok := w.token(alice, auth.NewToken{Life: time.Second, Refreshable: true})
		if life := tok.Expires.Sub(tok.Created); life != time.Second {
			t.Fatalf("life %v", life)
		}
		if tok = w.renewed(tok.Refresh); tok.Expires.Sub(tok.Created) != time.Second {
			t.Fatalf("renewed: life %v", tok.Expires.Sub(tok.Created))
		}
	}
}

// Tokens are signed a few at a time, so that whoever makes or renews them
// without end takes nobody else's turn. What has to wait too long is refused,
// and nothing of it is kept; a refresh that was refused is repeated.
func TestSigningWaitsItsTurn(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	key := w.apiKey(w.admin, "alice")
	alice := w.who(key)
	old := w.token(alice, auth.NewToken{Life: time.Hour, Refreshable: true})
	records := func() int {
		return w.RecordsOf(t.Context(), "token/") + w.RecordsOf(t.Context(), "refresh/") + w.RecordsOf(t.Context(), "cred/")
	}
	before := records()
	release := w.FillSigners()
	soon := func(do func(ctx context.Context) error) error {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		return do(ctx)
	}
	for what, n := range map[string]auth.NewToken{"token": {Reference: true}, "family": {Refreshable: true, Life: auth.Endless}} {
		wantCode(t, what, soon(func(ctx context.Context) error { return errOf(w.Tokens.Create(ctx, alice, n)) }), auth.Throttled)
	}
	if now := records(); now != before {
		t.Errorf("%d records, before %d", now, before)
	}
	wantCode(t, "refresh", soon(func(ctx context.Context) error {
		return errOf(w.Tokens.Refresh(ctx, home, auth.Refreshing{Refresh: old.Refresh}))
	}), auth.Throttled)
	if !w.holds(key) || !w.holds(bearer(old.JWT)) {
		t.Error("keys and tokens wait as well")
	}
	w.grant(alice, lfs)

	// Somebody else's turn comes although alice asks and asks.
	w.user("eve", withPassword)
	eve := w.who(password("eve"))
	var asking sync.WaitGroup
	refused := make(chan error, 200)
	for range cap(refused) {
		asking.Go(func() { refused <- errOf(w.Tokens.Create(context.Background(), alice, auth.NewToken{Life: time.Hour})) })
	}
	for range cap(refused) - 64 {
		wantCode(t, "more than wait", <-refused, auth.Throttled)
	}
	asking.Go(func() { refused <- errOf(w.Tokens.Create(context.Background(), eve, auth.NewToken{Life: time.Hour})) })
	release()
	asking.Wait()
	for range 65 {
		wantCode(t, "in their turn", <-refused, "")
	}
	w.renewed(w.renewed(old.Refresh).Refresh)
}
