package auth_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// between is a store that does something once, after a read or before a write
// of a key.
type between struct {
	keystore.Store
	mu         sync.Mutex
	onGet      func(key string) func()
	onDelete   func(key string) func()
	afterWrite func(key string) func()
}

func (b *between) run(which *func(string) func(), key string) {
	b.mu.Lock()
	var do func()
	if *which != nil {
		if do = (*which)(key); do != nil {
			*which = nil
		}
	}
	b.mu.Unlock()
	if do != nil {
		do()
	}
}

func (b *between) set(which *func(string) func(), prefix string, do func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*which = func(key string) func() {
		if strings.HasPrefix(key, prefix) {
			return do
		}
		return nil
	}
}

func (b *between) Get(ctx context.Context, key string) (keystore.Item, error) {
	item, err := b.Store.Get(ctx, key)
	b.run(&b.onGet, key)
	return item, err
}

func (b *between) Delete(ctx context.Context, key string) error {
	b.run(&b.onDelete, key)
	return b.Store.Delete(ctx, key)
}

func (b *between) Create(ctx context.Context, item keystore.Item) error {
	err := b.Store.Create(ctx, item)
	b.run(&b.afterWrite, item.Key)
	return err
}

func (b *between) Replace(ctx context.Context, old, next keystore.Item) error {
	err := b.Store.Replace(ctx, old, next)
	b.run(&b.afterWrite, next.Key)
	return err
}

func betweenWorld(t *testing.T) (*world, *between) {
	c := storetest.NewClock()
	b := &between{Store: storetest.NewMemory(c.Now)}
	return worldOver(t, b, c), b
}

// A key made while another is being revoked is either dead or seen.
func TestNoKeyLivesUnseenByItsOwner(t *testing.T) {
	for _, at := range []string{"apikey/", "cred/"} {
		w, b := betweenWorld(t)
		w.user("alice", withPassword)
		alice := w.who(password("alice"))
		w.apiKey(alice, "alice")
		var made auth.Key
		meanwhile := func() { made, _ = w.Keys.Rotate(context.Background(), w.admin, "alice") }
		if at == "cred/" {
			b.set(&b.onDelete, at, meanwhile)
		} else {
			b.set(&b.onGet, at, meanwhile)
		}
		if err := w.Keys.Revoke(t.Context(), alice, "alice"); err != nil && auth.CodeOf(err) != auth.NotFound {
			t.Fatal(err)
		}
		if made.Secret.Empty() || !w.holds(auth.APIKey{Secret: made.Secret}) {
			continue
		}
		shown, err := w.Keys.Show(t.Context(), alice, "alice")
		if err != nil || !shown.Secret.Equal(made.Secret) {
			t.Errorf("%s: a key lives that its owner does not see: %v", at, err)
		}
	}
}

// Lists must not fill up with what has ended.
func TestListsAreNotFullOfTheDead(t *testing.T) {
	w := newWorld(t)
	w.SetMatches(func(string, string) bool { return true })
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	for range 200 {
		w.sshKey(alice, "alice", w.clock.Now().Add(time.Hour))
	}
	_, err := w.SSHKeys.Create(t.Context(), alice, auth.NewSSHKey{Line: line(newSSHKey(t))})
	wantCode(t, "a key too many", err, auth.Invalid)
	w.clock.Advance(2 * time.Hour)
	if _, err := w.SSHKeys.Create(t.Context(), alice, auth.NewSSHKey{Line: line(newSSHKey(t))}); err != nil {
		t.Errorf("after all others had ended: %v", err)
	}
	if testing.Short() {
		return
	}
	// Tokens that ended with their maker are dead though their records are there.
	key := w.apiKey(alice, "alice")
	byKey := w.who(key)
	const most = 2000
	for range most {
		if err := w.ListToken(t.Context(), byKey); err != nil {
			t.Fatal(err)
		}
	}
	_, err = w.Tokens.Create(t.Context(), alice, auth.NewToken{})
	wantCode(t, "a token too many", err, auth.Invalid)
	must(t, w.Keys.Revoke(t.Context(), alice, "alice"))
	if _, err := w.Tokens.Create(t.Context(), alice, auth.NewToken{}); err != nil {
		t.Errorf("after all others had ended: %v", err)
	}
	if n := w.RecordsOf(t.Context(), "token/"); n >= most {
		t.Errorf("%d records of tokens are left", n)
	}
}

// What makes room on a full list leaves nothing of a dead family, and takes
// nothing from a living one.
func TestDeadFamiliesLeaveNothing(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.SetMatches(func(string, string) bool { return true })
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	key := w.who(w.apiKey(alice, "alice"))
	for range 20 {
		w.token(key, auth.NewToken{Life: auth.Endless, Refreshable: true})
	}
	living := w.token(alice, auth.NewToken{Life: time.Hour, Refreshable: true})
	newest := w.renewed(living.Refresh)
	for range 2000 - 22 {
		must(t, w.ListToken(ctx, key))
	}
	w.clock.Advance(2 * time.Hour)
	must(t, w.Keys.Revoke(ctx, alice, "alice"))
	if _, err := w.Tokens.Create(ctx, alice, auth.NewToken{}); err != nil {
		t.Fatal(err)
	}
	if n := w.RecordsOf(ctx, "refresh/"); n != 1 {
		t.Errorf("%d families are left, of which one lives", n)
	}
	w.renewed(newest.Refresh)
}

// An account made while its namesake's removal is being tidied up stays on the
// administrator's list.
func TestAnAccountMadeWhileItsNamesakeGoesIsListed(t *testing.T) {
	for _, at := range []string{"places/alice", "guess/account/alice"} {
		w, b := betweenWorld(t)
		w.user("alice", withPassword)
		b.set(&b.onDelete, at, func() { w.user("alice", withPassword) })
		must(t, w.Users.Delete(t.Context(), w.admin, "alice"))
		users, _, err := w.Users.List(t.Context(), w.admin, auth.Query{})
		must(t, err)
		if len(users) != 1 || users[0].Name != "alice" {
			t.Errorf("%s: the list has %d users", at, len(users))
		}
	}
}

// Who is put into a group while it goes is not in it when one is made again
// under its name.
func TestAGroupThatGoesTakesEverybody(t *testing.T) {
	for way, join := range map[string]func(w *world){
		"update": func(w *world) {
			w.Users.Update(t.Context(), w.admin, "alice", auth.UserChange{Groups: &[]string{"dev"}})
		},
		"create": func(w *world) {
			w.Users.Create(t.Context(), w.admin, auth.NewUser{Name: "bob", Email: "b@example.com", Groups: []string{"dev"}})
		},
		"exchange, first": func(w *world) { w.exchanged("new", "dev") },
		"exchange":        func(w *world) { w.exchanged("old", "dev") },
	} {
		w, b := betweenWorld(t)
		w.group("dev")
		w.user("alice")
		must(t, w.exchanged("old"))
		goes := func() { must(t, w.Groups.Delete(context.Background(), w.admin, "dev")) }
		if way == "exchange" { // the account is there already, which is found by making it
			b.set(&b.afterWrite, "user/job-ci-old", goes)
		} else {
			b.set(&b.onGet, "group/dev", goes)
		}
		join(w)
		users, _, err := w.Users.List(t.Context(), w.admin, auth.Query{})
		must(t, err)
		for _, u := range users {
			if slices.Contains(u.Groups, "dev") {
				t.Errorf("%s: %s is in a group that is no more", way, u.Name)
			}
		}
	}
}

// exchanged is a job's exchange by a mapping of groups.
func (w *world) exchanged(mapping string, groups ...string) error {
	w.SetJobs(&desk{job: auth.Job{Provider: "ci", Mapping: mapping, Groups: groups, Life: time.Hour}})
	return errOf(w.Tokens.Exchange(w.t.Context(), home, auth.JobRequest{Token: auth.NewSecret("its own")}))
}
