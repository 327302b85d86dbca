package auth_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// Both tokens work until the overlap ends, and then the new one alone.
func TestAReplacedTokenWorksUntilTheOverlapEnds(t *testing.T) {
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
			old := w.token(w.admin, auth.NewToken{Owner: "alice", Reference: true, Life: auth.Endless, Description: "ci"})
			child := w.token(w.who(bearer(old.JWT)), auth.NewToken{Life: auth.Endless})
			next, err := w.Tokens.Replace(ctx, w.admin, old.ID, 24*time.Hour)
			must(t, err)
			if next.Replaces != old.ID || next.Description != "ci" || !next.Expires.IsZero() || next.Reference.Empty() || next.ID == old.ID {
				t.Errorf("made %+v", next)
			}
			both := func(when string, olds bool) {
				t.Helper()
				for i, r := range replicas {
					for name, s := range map[string]auth.Secret{"JWT": old.JWT, "reference": old.Reference, "child": child.JWT} {
						if r.holds(bearer(s)) != olds {
							t.Errorf("%s: replica %d: the old %s works: %v", when, i, name, !olds)
						}
					}
					if !r.holds(bearer(next.JWT)) || !r.holds(bearer(next.Reference)) {
						t.Errorf("%s: replica %d: the new one does not work", when, i)
					}
				}
			}
			both("at first", true)
			got, err := w.Tokens.Get(ctx, w.admin, old.ID)
			must(t, err)
			if got.ReplacedBy != next.ID || !near(got.Expires, c.Now().Add(24*time.Hour)) || !got.Ended.IsZero() {
				t.Errorf("the old one is shown as %+v", got)
			}
			c.Advance(24*time.Hour - time.Minute)
			both("before the end", true)
			c.Advance(time.Minute)
			both("after the end", false)
			row := w.endedRow("alice", old.ID)
			if row.EndedWhy != "replaced" || !row.Ended.Equal(got.Expires) || row.ReplacedBy != next.ID {
				t.Errorf("shown as %+v", row)
			}
			if list := w.live("alice"); len(list) != 1 || list[0].ID != next.ID {
				t.Errorf("listed %+v", list)
			}
			c.Advance(30 * 24 * time.Hour)
			if n := w.RecordsOf(ctx, "cred/"); n != 1 {
				t.Errorf("%d reference forms are kept, want that of the new one", n)
			}
			if _, shown := w.findEnded("alice", old.ID); shown {
				t.Error("it is shown for ever")
			}
			both("a month later", false)
		})
	}
}

func TestAnOverlapMakesNothingLiveLonger(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	old := w.token(w.admin, auth.NewToken{Owner: "alice", Life: 3 * time.Hour})
	w.clock.Advance(2 * time.Hour)
	next, err := w.Tokens.Replace(ctx, w.admin, old.ID, 24*time.Hour)
	must(t, err)
	if life := next.Expires.Sub(next.Created); life != 3*time.Hour {
		t.Errorf("the new one lives %v", life)
	}
	if got, err := w.Tokens.Get(ctx, w.admin, old.ID); err != nil || !got.Expires.Equal(old.Expires) {
		t.Errorf("the old one ends at %v, %v, want %v", got.Expires, err, old.Expires)
	}
	w.clock.Advance(time.Hour)
	if w.holds(bearer(old.JWT)) {
		t.Error("the overlap made the old one live longer")
	}

	// A token that is about to end by an overlap is rotated into one of its
	// own kind of life, not into one of the overlap.
	year := w.token(w.admin, auth.NewToken{Owner: "alice", Life: auth.Endless})
	second, err := w.Tokens.Replace(ctx, w.admin, year.ID, time.Hour)
	must(t, err)
	third, err := w.Tokens.Rotate(ctx, w.admin, year.ID)
	must(t, err)
	if !second.Expires.IsZero() || !third.Expires.IsZero() || w.holds(bearer(year.JWT)) {
		t.Errorf("%v, %v", second.Expires, third.Expires)
	}
	if row := w.endedRow("alice", year.ID); row.EndedWhy != "replaced" {
		t.Errorf("a rotated one ended because %q", row.EndedWhy)
	}

	// One that ends is no way to one that does not.
	session, _ := w.session("alice", true)
	ending := w.token(w.who(session), auth.NewToken{Life: time.Hour})
	endless := w.token(w.who(session), auth.NewToken{Life: auth.Endless})
	wantCode(t, "by one that ends sooner", errOf(w.Tokens.Replace(ctx, w.who(bearer(ending.JWT)), endless.ID, time.Hour)), auth.Forbidden)
}

func TestWhatIsNotReplaced(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	w.user("eve", withPassword)
	tok := w.token(w.admin, auth.NewToken{Owner: "alice", Life: auth.Endless})
	renewable := w.token(w.admin, auth.NewToken{Owner: "alice", Refreshable: true})
	for _, overlap := range []time.Duration{-time.Hour, 0, time.Minute - 1, 30*24*time.Hour + 1, 1 << 62} {
		wantCode(t, overlap.String(), errOf(w.Tokens.Replace(ctx, w.admin, tok.ID, overlap)), auth.Invalid, "overlap")
	}
	wantCode(t, "renewable", errOf(w.Tokens.Replace(ctx, w.admin, renewable.ID, time.Hour)), auth.Invalid, "overlap")
	wantCode(t, "by itself", errOf(w.Tokens.Replace(ctx, w.who(bearer(tok.JWT)), tok.ID, time.Hour)), auth.Forbidden)
	wantCode(t, "by somebody else", errOf(w.Tokens.Replace(ctx, w.who(password("eve")), tok.ID, time.Hour)), auth.NotFound)
	wantCode(t, "by nobody", errOf(w.Tokens.Replace(ctx, auth.Identity{}, tok.ID, time.Hour)), auth.NotFound)
	if n := len(w.live("alice")); n != 2 {
		t.Errorf("%d tokens", n)
	}
	next, err := w.Tokens.Replace(ctx, w.admin, tok.ID, auth.MaxOverlap)
	must(t, err)
	wantCode(t, "again", errOf(w.Tokens.Replace(ctx, w.admin, tok.ID, time.Hour)), auth.Exists)
	must(t, w.Tokens.Revoke(ctx, w.admin, next.ID))
	other, err := w.Tokens.Replace(ctx, w.admin, tok.ID, time.Hour)
	must(t, err)
	if !other.Expires.IsZero() || !w.holds(bearer(tok.JWT)) {
		t.Errorf("made %+v", other)
	}
	must(t, w.Users.Disable(ctx, w.admin, "alice"))
	must(t, w.Users.Enable(ctx, w.admin, "alice"))
	wantCode(t, "one that ended with others", errOf(w.Tokens.Replace(ctx, w.admin, other.ID, time.Hour)), auth.NotFound)
}

// Of many who replace one token at once, one does, and the others leave
// nothing behind.
func TestOneReplaces(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	tok := w.token(w.admin, auth.NewToken{Owner: "alice", Life: auth.Endless, Reference: true})
	var all sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 8 {
		all.Go(func() {
			_, err := w.Tokens.Replace(t.Context(), w.admin, tok.ID, time.Hour)
			mu.Lock()
			defer mu.Unlock()
			switch auth.CodeOf(err) {
			case "":
				made++
			case auth.Exists, auth.Throttled:
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made != 1 {
		t.Errorf("%d replaced it", made)
	}
	if list := w.live("alice"); len(list) != 2 {
		t.Errorf("listed: %+v", list)
	}
}

// Whatever happens to the old token at whatever moment of its being replaced:
// it is dead, and a call that failed has left nothing that works.
func TestEndedWhileItIsReplaced(t *testing.T) {
	for n := 1; ; n++ {
		c := storetest.NewClock()
		m := &midway{Store: storetest.NewMemory(c.Now)}
		w := worldOver(t, m, c)
		w.user("alice")
		tok := w.token(w.admin, auth.NewToken{Owner: "alice", Life: auth.Endless, Reference: true})
		m.mu.Lock()
		m.left, m.do = n, func() {
			if err := w.Tokens.Revoke(context.Background(), w.admin, tok.ID); err != nil {
				t.Error(err)
			}
		}
		m.mu.Unlock()
		next, err := w.Tokens.Replace(t.Context(), w.admin, tok.ID, time.Hour)
		m.mu.Lock()
		left := m.left
		m.left = 0
		m.mu.Unlock()
		if left > 0 { // Replace has fewer operations
			must(t, err)
			break
		}
		if w.holds(bearer(tok.JWT)) || w.holds(bearer(tok.Reference)) {
			t.Errorf("operation %d: the revoked one works", n)
		}
		list := w.live("alice")
		if err != nil {
			wantCode(t, "replace", err, auth.NotFound)
			if len(list) > 0 {
				t.Errorf("operation %d: it failed and left %+v", n, list)
			}
		} else if len(list) != 1 || list[0].ID != next.ID || !w.holds(bearer(next.JWT)) {
			t.Errorf("operation %d: listed %+v", n, list)
		}
	}
}
