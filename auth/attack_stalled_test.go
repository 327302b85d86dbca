package auth_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// A store that takes questions and does not answer keeps nobody who comes from
// a provider longer than its deadline, however many questions were to follow.
func TestAStalledStoreIsRefusedInTimeThroughProviders(t *testing.T) {
	base := newWorld(t)
	base.SetMatches(func(string, string) bool { return true })
	base.elsewhere(corp(autoCreate), ghe())
	base.user("alice", withPassword)
	bound := base.link("alice", atCorp("1"))
	through, info := base.through(atCorp("1", sid("s")))
	open, openInfo := base.session("alice", true)
	var all sync.WaitGroup
	for what, do := range map[string]func(ctx context.Context, w *world, who, unlocked auth.Identity) error{
		"sign in": func(ctx context.Context, w *world, _, _ auth.Identity) error {
			return errOf2(w.Sessions.SignInThrough(ctx, home, atCorp("1")))
		},
		"arrive": func(ctx context.Context, w *world, _, _ auth.Identity) error {
			return errOf2(w.Sessions.SignInThrough(ctx, home, atCorp("2", login("zoe"))))
		},
		"unlock": func(ctx context.Context, w *world, who, _ auth.Identity) error {
			now := w.clock.Now()
			return errOf(w.Sessions.UnlockThrough(ctx, who, auth.Attempt{Purpose: auth.ToUnlock, Session: info.ID, Begun: now},
				atCorp("1", func(e *auth.External) { e.SignedIn = now })))
		},
		"link": func(ctx context.Context, w *world, _, who auth.Identity) error {
			return errOf(w.Bindings.Create(ctx, who, openInfo.ID, atGHE("1")))
		},
		"links": func(ctx context.Context, w *world, _, who auth.Identity) error {
			return errOf(w.Bindings.List(ctx, who, "alice"))
		},
		"unlink": func(ctx context.Context, w *world, _, who auth.Identity) error {
			return w.Bindings.Delete(ctx, who, bound.ID)
		},
		"logged out": func(ctx context.Context, w *world, _, _ auth.Identity) error {
			return errOf(w.Sessions.LoggedOut(ctx, home, auth.ExternalLogout{Provider: "corp", Issuer: corpIssuer, SID: "s", ID: "x"}))
		},
	} {
		var store *storetest.Faulty
		w, _ := base.copied(func(s keystore.Store) keystore.Store { store = storetest.NewFaulty(s); return store }, corp(autoCreate), ghe())
		who, unlocked := w.who(through), w.who(open)
		store.FailWhere(storetest.Stalled, func(storetest.Op, string) bool { return true })
		all.Go(func() {
			defer store.Heal()
			begun := time.Now()
			err := do(t.Context(), w, who, unlocked)
			if took := time.Since(begun); took > 3*time.Second || auth.CodeOf(err) != auth.Unavailable {
				t.Errorf("%s took %v: %v", what, took, err)
			}
		})
	}
	all.Wait()
}
