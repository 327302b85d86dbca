package auth_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/seal"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

func openRing(t *testing.T, s keystore.Store, path string) (*seal.Ring, bool) {
	t.Helper()
	ring, created, err := auth.OpenRing(t.Context(), s, path)
	must(t, err)
	return ring, created
}

// same reports whether two rings hold the same keys.
func same(t *testing.T, a, b *seal.Ring) bool {
	t.Helper()
	_, err := b.Open("test", "record", a.Seal("test", "record", []byte("x")))
	return a.LookupID("test", "x") == b.LookupID("test", "x") && err == nil
}

func TestRingIsMadeInAnEmptyStoreOnly(t *testing.T) {
	store := storetest.NewMemory(nil)
	path := filepath.Join(t.TempDir(), "master.key")
	first, created := openRing(t, store, path)
	if !created {
		t.Error("it does not say that the ring is new")
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	again, created := openRing(t, store, path)
	if created || !same(t, first, again) {
		t.Error("the ring is another one the second time")
	}
	before := snapshot(t, store)

	t.Run("a missing key file is not made again", func(t *testing.T) {
		missing := filepath.Join(t.TempDir(), "master.key")
		_, _, err := auth.OpenRing(t.Context(), store, missing)
		if err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("%v", err)
		}
		if _, err := os.Stat(missing); !os.IsNotExist(err) {
			t.Errorf("a key file appeared: %v", err)
		}
	})
	t.Run("another key opens nothing", func(t *testing.T) {
		wrong := filepath.Join(t.TempDir(), "master.key")
		_, err := seal.CreateMasterKey(wrong)
		must(t, err)
		if _, _, err := auth.OpenRing(t.Context(), store, wrong); !errors.Is(err, seal.ErrWrongMasterKey) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a key that others may read is refused", func(t *testing.T) {
		for _, s := range []keystore.Store{store, storetest.NewMemory(nil)} {
			wide := filepath.Join(t.TempDir(), "master.key")
			key, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(wide, key, 0o600))
			must(t, os.Chmod(wide, 0o644))
			if _, _, err := auth.OpenRing(t.Context(), s, wide); err == nil {
				t.Error("it was accepted")
			}
		}
	})
	t.Run("a store of somebody else is left alone", func(t *testing.T) {
		foreign := storetest.NewMemory(nil)
		must(t, foreign.Create(t.Context(), keystore.Item{Key: "user/alice", Value: []byte("{}")}))
		none := filepath.Join(t.TempDir(), "master.key")
		if _, _, err := auth.OpenRing(t.Context(), foreign, none); err == nil {
			t.Error("keys were made in it")
		}
		if _, err := os.Stat(none); !os.IsNotExist(err) {
			t.Errorf("a key file appeared: %v", err)
		}
	})
	t.Run("a store that does not answer is not empty", func(t *testing.T) {
		for n := range 3 {
			silent := storetest.NewFaulty(storetest.NewMemory(nil))
			ops := []storetest.Op{storetest.OpGet, storetest.OpList, storetest.OpCreate}
			silent.FailWhere(storetest.NotPersisted, func(op storetest.Op, _ string) bool { return op == ops[n] })
			if _, created, err := auth.OpenRing(t.Context(), silent, filepath.Join(t.TempDir(), "master.key")); err == nil || created {
				t.Errorf("%s fails: created %v, %v", ops[n], created, err)
			}
		}
	})
	if after := snapshot(t, store); after != before {
		t.Error("a refusal changed the store")
	}
}

func snapshot(t *testing.T, s keystore.Store) string {
	t.Helper()
	var b bytes.Buffer
	for item, err := range s.List(t.Context(), "") {
		must(t, err)
		b.WriteString(item.Key)
		b.Write(item.Value)
	}
	return b.String()
}

func TestReplicasThatStartAtOnceAgree(t *testing.T) {
	for range 3 {
		store := storetest.NewMemory(nil)
		dir := t.TempDir()
		path := filepath.Join(dir, "master.key")
		_, err := seal.CreateMasterKey(path) // shared by all replicas
		must(t, err)
		rings := make([]*seal.Ring, 2)
		var makers atomic.Int32
		var all sync.WaitGroup
		for i := range rings {
			all.Go(func() {
				ring, created, err := auth.OpenRing(context.Background(), store, path)
				if err != nil {
					t.Errorf("replica %d: %v", i, err)
				}
				if created {
					makers.Add(1)
				}
				rings[i] = ring
			})
		}
		all.Wait()
		if t.Failed() {
			return
		}
		if makers.Load() != 1 || !same(t, rings[0], rings[1]) {
			t.Fatalf("%d rings were made", makers.Load())
		}
	}
}

// overtaken is a store in which another replica starts between the first look
// at the ring and the next call.
type overtaken struct {
	keystore.Store
	once  sync.Once
	other func()
}

func (o *overtaken) Get(ctx context.Context, key string) (keystore.Item, error) {
	item, err := o.Store.Get(ctx, key)
	o.once.Do(o.other)
	return item, err
}

func (o *overtaken) List(ctx context.Context, prefix string) iter.Seq2[keystore.Item, error] {
	return o.Store.List(ctx, prefix)
}

func TestAReplicaThatWasOvertakenTakesTheOthersRing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	memory := storetest.NewMemory(nil)
	store := &overtaken{Store: memory}
	var theirs *seal.Ring
	store.other = func() {
		theirs, _ = openRing(t, memory, path)
		a, err := auth.New(t.Context(), auth.Config{Store: memory, Ring: theirs})
		must(t, err)
		must(t, a.Close())
	}
	mine, created := openRing(t, store, path)
	if created || !same(t, mine, theirs) {
		t.Error("it made a ring of its own")
	}
}

func TestRewrapMayBeCutOffAnywhere(t *testing.T) {
	begin := func(t *testing.T) (*storetest.Faulty, string, *seal.Ring) {
		store := storetest.NewFaulty(storetest.NewMemory(nil))
		path := filepath.Join(t.TempDir(), "master.key")
		ring, _ := openRing(t, store, path)
		return store, path, ring
	}
	check := func(t *testing.T, store keystore.Store, path string, ring *seal.Ring, old []byte) {
		t.Helper()
		must(t, auth.RewrapRing(t.Context(), store, path, false))
		again, created := openRing(t, store, path)
		if created || !same(t, ring, again) {
			t.Error("the keys have changed")
		}
		if now, err := os.ReadFile(path); err != nil || bytes.Equal(now, old) {
			t.Errorf("the master key is the old one, %v", err)
		}
		if left, _ := filepath.Glob(path + ".new"); len(left) > 0 {
			t.Errorf("left over: %v", left)
		}
	}
	for name, cut := range map[string]func(*testing.T, *storetest.Faulty, string){
		"not at all": func(*testing.T, *storetest.Faulty, string) {},
		"before the store took it": func(t *testing.T, s *storetest.Faulty, path string) {
			s.FailWrite(1, storetest.NotPersisted)
			if err := auth.RewrapRing(t.Context(), s, path, false); err == nil {
				t.Fatal("it went well")
			}
			openRing(t, s, path) // the old key still opens
		},
		"after the store took it": func(t *testing.T, s *storetest.Faulty, path string) {
			s.FailWrite(1, storetest.Persisted)
			if err := auth.RewrapRing(t.Context(), s, path, false); err == nil {
				t.Fatal("it went well")
			}
		},
		"between the files": func(t *testing.T, s *storetest.Faulty, path string) {
			s.FailWrite(1, storetest.Persisted)
			if err := auth.RewrapRing(t.Context(), s, path, false); err == nil {
				t.Fatal("it went well")
			}
			must(t, os.Rename(path, path+".old"))
		},
		"when the store could not be read": func(t *testing.T, s *storetest.Faulty, path string) {
			s.FailWhere(storetest.NotPersisted, func(op storetest.Op, _ string) bool { return op == storetest.OpGet })
			if err := auth.RewrapRing(t.Context(), s, path, false); err == nil {
				t.Fatal("it went well")
			}
			s.Heal()
		},
		"while compromised keys were renewed": func(t *testing.T, s *storetest.Faulty, path string) {
			s.FailWrite(1, storetest.NotPersisted)
			if err := auth.RewrapRing(t.Context(), s, path, true); err == nil {
				t.Fatal("it went well")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, path, ring := begin(t)
			old, err := os.ReadFile(path)
			must(t, err)
			cut(t, store, path)
			check(t, store, path, ring, old)
		})
	}
	t.Run("compromised keys are all new", func(t *testing.T) {
		store, path, ring := begin(t)
		must(t, auth.RewrapRing(t.Context(), store, path, true))
		again, _ := openRing(t, store, path)
		if same(t, ring, again) {
			t.Error("the keys are the old ones")
		}
	})
}

func TestTheFirstAdministrator(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "initial-admin-password")
	if created, err := w.Bootstrap(t.Context(), func(auth.Secret) error { return os.ErrPermission }); created || !errors.Is(err, os.ErrPermission) {
		t.Errorf("a password that was not kept: created %v, %v", created, err)
	}
	if _, err := w.Users.Get(t.Context(), w.admin, "admin"); auth.CodeOf(err) != auth.NotFound {
		t.Errorf("an account with a password that nobody knows: %v", err)
	}
	created, err := w.Bootstrap(t.Context(), keepAt(path))
	if err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	text, err := os.ReadFile(path)
	must(t, err)
	who := w.who(auth.Password{User: "admin", Secret: auth.NewSecret(string(text))})
	if !who.Admin || len(text) < 24 {
		t.Errorf("admin %v, a password of %d", who.Admin, len(text))
	}
	never := func(auth.Secret) error { t.Error("a second password was made"); return nil }
	if created, err := w.Bootstrap(t.Context(), never); created || err != nil {
		t.Errorf("created %v again, %v", created, err)
	}
	w.user("other", asAdmin)
	must(t, w.Users.Delete(t.Context(), w.admin, "admin"))
	if created, err := w.Bootstrap(t.Context(), never); created || err != nil {
		t.Errorf("a deleted admin came back: created %v, %v", created, err)
	}
}

func TestTwoReplicasMakeOneAdministrator(t *testing.T) {
	w := newWorld(t)
	other := w.again()
	var created atomic.Int32
	var right atomic.Pointer[auth.Secret]
	var all sync.WaitGroup
	var both sync.WaitGroup
	both.Add(2)
	for _, a := range []*auth.Authority{w.Authority, other.Authority} {
		all.Go(func() {
			var mine auth.Secret
			ok, err := a.Bootstrap(t.Context(), func(s auth.Secret) error {
				mine = s
				both.Done()
				both.Wait()
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			if ok {
				created.Add(1)
				right.Store(&mine)
			}
		})
	}
	all.Wait()
	if created.Load() != 1 || !w.holds(auth.Password{User: "admin", Secret: *right.Load()}) {
		t.Errorf("%d were made", created.Load())
	}
}

func TestBootstrapMayBeCutOffAnywhere(t *testing.T) {
	for _, mode := range []storetest.Mode{storetest.NotPersisted, storetest.Persisted} {
		for n := 1; n <= 2; n++ {
			c := storetest.NewClock()
			faulty := storetest.NewFaulty(storetest.NewMemory(c.Now))
			w := worldOver(t, faulty, c)
			faulty.FailWrite(n, mode)
			var kept []auth.Secret
			keep := func(s auth.Secret) error { kept = append(kept, s); return nil }
			if created, err := w.Bootstrap(t.Context(), keep); err == nil || created {
				t.Fatalf("write %d: created %v, %v", n, created, err)
			}
			if _, err := w.Bootstrap(t.Context(), keep); err != nil {
				t.Errorf("write %d, mode %d: repeated: %v", n, mode, err)
			}
			if !w.holds(auth.Password{User: "admin", Secret: kept[len(kept)-1]}) {
				t.Errorf("write %d, mode %d: the password kept last does not open", n, mode)
			}
		}
	}
}
