package auth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// endedRow is the row of a token that has ended; it fails where there is none.
func (w *world) endedRow(owner, id string) auth.Token {
	w.t.Helper()
	tok, ok := w.findEnded(owner, id)
	if !ok {
		w.t.Fatalf("token %s of %s is not shown among the ended", id, owner)
	}
	return tok
}

func (w *world) findEnded(owner, id string) (auth.Token, bool) {
	w.t.Helper()
	rows, err := w.Tokens.Ended(w.t.Context(), w.admin, owner)
	must(w.t, err)
	for _, row := range rows {
		if row.ID == id {
			return row, true
		}
	}
	return auth.Token{}, false
}

func (w *world) live(owner string) []auth.Token {
	w.t.Helper()
	list, err := w.Tokens.List(w.t.Context(), w.admin, owner)
	must(w.t, err)
	return list
}

// near reports that a time is what is wanted, up to what a running clock adds.
func near(got, want time.Time) bool { return got.Sub(want).Abs() < 10*time.Second }

// A revoked token leaves a record that is shown for thirty days and opens
// nothing, in either form and on every replica.
func TestATokenThatHasEndedIsShownAndRefused(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			store, c, more := b.open(t)
			w := worldOver(t, store, c)
			replicas := []*world{w}
			if more != nil {
				replicas = append(replicas, worldOver(t, more(), c))
			}
			ctx := t.Context()
			w.user("alice", withPassword)
			tok := w.token(w.admin, auth.NewToken{Owner: "alice", Reference: true, Life: auth.Endless, Description: "ci"})
			held := w.who(bearer(tok.JWT))
			child := w.token(held, auth.NewToken{Reference: true})
			forms := map[string]auth.Proof{
				"JWT": bearer(tok.JWT), "reference": bearer(tok.Reference),
				"child": bearer(child.JWT), "child's reference": bearer(child.Reference),
				"grant": w.grant(held, lfs),
			}
			for _, r := range replicas {
				for name, p := range forms {
					if !r.holds(p) {
						t.Fatalf("%s does not work", name)
					}
				}
			}
			must(t, w.Tokens.Revoke(ctx, w.admin, tok.ID))
			revoked := time.Now()
			for name, p := range forms {
				if w.holds(p) {
					t.Errorf("%s works after the end", name)
				}
			}
			for _, r := range replicas[1:] {
				for name, p := range forms {
					eventually(t, time.Second-time.Since(revoked), name+" is refused by another replica", func() bool { return !r.holds(p) })
				}
			}
			at := c.Now()
			wantCode(t, "recheck", w.Recheck(ctx, held), auth.Unauthenticated)
			alice := w.who(password("alice"))
			for what, err := range map[string]error{
				"get":     errOf(w.Tokens.Get(ctx, alice, tok.ID)),
				"rotate":  errOf(w.Tokens.Rotate(ctx, alice, tok.ID)),
				"replace": errOf(w.Tokens.Replace(ctx, alice, tok.ID, time.Hour)),
				"revoke":  w.Tokens.Revoke(ctx, alice, tok.ID),
			} {
				wantCode(t, what, err, auth.NotFound)
			}
			must(t, w.Tokens.Surrender(ctx, home, tok.JWT)) // there is nothing to end
			if list := w.live("alice"); len(list) > 0 {
				t.Errorf("listed as live: %+v", list)
			}
			if all, err := w.Tokens.ListAll(ctx, w.admin, auth.TokenFilter{}); err != nil || len(all) > 0 {
				t.Errorf("listed as live: %+v, %v", all, err)
			}
			row := w.endedRow("alice", tok.ID)
			if row.EndedWhy != "revoked" || !near(row.Ended, at) || row.Description != "ci" || row.LastUsed.At.IsZero() || len(row.RecentUses) != 1 {
				t.Errorf("shown as %+v", row)
			}
			if row := w.endedRow("alice", child.ID); row.EndedWhy != "ended with what it was made with" {
				t.Errorf("its child is shown as %+v", row)
			}
			w.user("eve", withPassword)
			eve := w.who(password("eve"))
			wantCode(t, "somebody else looks", errOf(w.Tokens.Ended(ctx, eve, "alice")), auth.Forbidden)

			c.Advance(29 * 24 * time.Hour)
			w.endedRow("alice", tok.ID)
			if w.holds(bearer(tok.JWT)) {
				t.Error("it works again")
			}
			c.Advance(2 * 24 * time.Hour)
			if rows, err := w.Tokens.Ended(ctx, w.admin, "alice"); err != nil || len(rows) > 0 {
				t.Errorf("after 31 days: %+v, %v", rows, err)
			}
			for _, prefix := range []string{"token/", "cred/"} {
				if n := w.RecordsOf(ctx, prefix); n > 0 {
					t.Errorf("%d records at %s are still kept", n, prefix)
				}
			}
		})
	}
}

// What ran out by itself is shown as well, unless it was one of the many that
// programs make for a moment.
func TestWhatRanOutIsShownUnlessItWasBrief(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice")
	long := w.token(w.admin, auth.NewToken{Owner: "alice", Life: 2 * time.Hour, Reference: true})
	brief := w.token(w.admin, auth.NewToken{Owner: "alice", Life: time.Hour, Reference: true})
	cut := w.token(w.admin, auth.NewToken{Owner: "alice", Life: time.Hour})
	must(t, w.Tokens.Revoke(ctx, w.admin, cut.ID))
	w.clock.Advance(2*time.Hour - time.Second)
	if rows, err := w.Tokens.Ended(ctx, w.admin, "alice"); err != nil || len(rows) > 0 {
		t.Errorf("before the end: %+v, %v", rows, err)
	}
	w.clock.Advance(time.Second)
	for name, p := range map[string]auth.Proof{"JWT": bearer(long.JWT), "reference": bearer(long.Reference), "brief": bearer(brief.Reference)} {
		if w.holds(p) {
			t.Errorf("%s works after its end", name)
		}
	}
	wantCode(t, "get", errOf(w.Tokens.Get(ctx, w.admin, long.ID)), auth.NotFound)
	wantCode(t, "revoke", w.Tokens.Revoke(ctx, w.admin, long.ID), auth.NotFound)
	if list := w.live("alice"); len(list) > 0 {
		t.Errorf("listed as live: %+v", list)
	}
	rows, err := w.Tokens.Ended(ctx, w.admin, "alice")
	must(t, err)
	if len(rows) != 1 || rows[0].ID != long.ID || rows[0].EndedWhy != "expired" || !rows[0].Ended.Equal(long.Expires) {
		t.Errorf("shown: %+v", rows)
	}
	if n := w.RecordsOf(ctx, "token/"); n != 1 {
		t.Errorf("%d records, want that of the long one", n)
	}
	w.clock.Advance(30 * 24 * time.Hour)
	if rows, err := w.Tokens.Ended(ctx, w.admin, "alice"); err != nil || len(rows) > 0 || w.RecordsOf(ctx, "token/") > 0 {
		t.Errorf("after 30 days: %+v, %v", rows, err)
	}
}

// A token that ended with something else says with what, and is not kept for
// ever although nobody ended it.
func TestWhatATokenEndedWith(t *testing.T) {
	ctx := t.Context()
	for name, c := range map[string]struct {
		end func(w *world)
		why string
		by  func(w *world) auth.Identity
	}{
		"password": {func(w *world) {
			must(t, w.Passwords.Change(ctx, w.admin, "alice", auth.Secret{}, auth.NewSecret("another long and quite new one")))
		}, "ended with the password it was made with", func(w *world) auth.Identity { return w.who(password("alice")) }},
		"account": {func(w *world) { must(t, w.Users.Disable(ctx, w.admin, "alice")) }, "ended with the account", nil},
		"account, enabled again": {func(w *world) {
			must(t, w.Users.Disable(ctx, w.admin, "alice"))
			must(t, w.Users.Enable(ctx, w.admin, "alice"))
		}, "ended with others of the account", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.user("alice", withPassword)
			by := w.admin
			if c.by != nil {
				by = c.by(w)
			}
			tok := w.token(by, auth.NewToken{Owner: "alice", Life: auth.Endless, Reference: true})
			renewed := w.token(by, auth.NewToken{Owner: "alice", Life: 48 * time.Hour, Refreshable: true})
			expired := w.token(by, auth.NewToken{Owner: "alice", Life: 2 * time.Hour, Refreshable: true})
			next, err := w.refresh(renewed.Refresh)
			must(t, err)
			w.clock.Advance(time.Hour)
			at := w.clock.Now()
			c.end(w)
			w.clock.Advance(24 * time.Hour)
			row := w.endedRow("alice", tok.ID)
			if row.EndedWhy != c.why || !row.Ended.Equal(at) {
				t.Errorf("ended %v: %q, want %v, %q", row.Ended, row.EndedWhy, at, c.why)
			}
			if _, shown := w.findEnded("alice", renewed.ID); shown {
				t.Error("a token is shown beside the one that renewed it")
			}
			w.endedRow("alice", next.ID)
			w.endedRow("alice", expired.ID) // nobody can renew it any more
			if list := w.live("alice"); len(list) > 0 {
				t.Errorf("listed as live: %+v", list)
			}
			if w.holds(bearer(tok.JWT)) || w.holds(bearer(tok.Reference)) {
				t.Error("it works")
			}
			w.clock.Advance(31 * 24 * time.Hour)
			if n := w.RecordsOf(ctx, "cred/"); n > 0 {
				t.Errorf("%d reference forms are kept", n)
			}
			if _, shown := w.findEnded("alice", tok.ID); shown {
				t.Error("it is shown for ever")
			}
		})
	}
}

// The newest hundred ends are shown, the newest first.
func TestTheNewestEndsAreShown(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	for range 103 {
		must(t, w.ListToken(ctx, alice))
	}
	for _, tok := range w.live("alice") { // the newest first
		must(t, w.Tokens.Revoke(ctx, w.admin, tok.ID))
		w.clock.Advance(time.Second)
	}
	rows, err := w.Tokens.Ended(ctx, alice, "alice")
	must(t, err)
	if len(rows) != 100 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, row := range rows[1:] {
		if row.Ended.After(rows[i].Ended) {
			t.Fatalf("row %d ended after row %d", i+1, i)
		}
	}
	if w.clock.Now().Sub(rows[0].Ended) != time.Second {
		t.Error("the last end is not the first row")
	}
}

// What has ended never keeps anybody from making a token.
func TestAFullListDropsWhatHasEndedFirst(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	old := w.token(alice, auth.NewToken{Reference: true})
	must(t, w.Tokens.Revoke(ctx, alice, old.ID))
	for range auth.MaxTokensOf - 1 {
		must(t, w.ListToken(ctx, alice))
	}
	w.endedRow("alice", old.ID)
	w.token(alice, auth.NewToken{})
	if _, shown := w.findEnded("alice", old.ID); shown {
		t.Error("it is shown although the list was full")
	}
	if n := len(w.live("alice")); n != auth.MaxTokensOf {
		t.Errorf("%d live tokens", n)
	}
	wantCode(t, "one more", errOf(w.Tokens.Create(ctx, alice, auth.NewToken{})), auth.Invalid, "owner")
}

// While the mark is written and the other form is not gone yet, neither works.
func TestARevocationCutShortEndsBothForms(t *testing.T) {
	c := storetest.NewClock()
	f := storetest.NewFaulty(storetest.NewMemory(c.Now))
	w := worldOver(t, f, c)
	w.user("alice")
	tok := w.token(w.admin, auth.NewToken{Owner: "alice", Reference: true, Life: auth.Endless})
	f.FailWhere(storetest.NotPersisted, func(op storetest.Op, key string) bool {
		return op == storetest.OpDelete && strings.HasPrefix(key, "cred/")
	})
	wantCode(t, "revoke", w.Tokens.Revoke(t.Context(), w.admin, tok.ID), auth.Unavailable)
	f.Heal()
	if w.holds(bearer(tok.JWT)) || w.holds(bearer(tok.Reference)) {
		t.Error("it works")
	}
	w.endedRow("alice", tok.ID)
}
