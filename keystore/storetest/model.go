package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// seedEnv repeats the run of one seed, as the name of a failed test tells it.
const seedEnv = "LATCHKEY_MODEL_SEED"

// modelSteps is long enough to meet every pair of operations on few keys.
const modelSteps = 400

// testModel runs random operations against the store and against a map, and
// wants the same answers.
func testModel(t *testing.T, open Open, same func(got, want []string) bool) {
	for range 3 {
		seed := rand.Uint64()
		if v, err := strconv.ParseUint(os.Getenv(seedEnv), 10, 64); err == nil {
			seed = v
		}
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			clock := NewClock()
			m := model{
				t: t, store: open(t, clock.Now), clock: clock,
				rand: rand.New(rand.NewPCG(seed, 0)), items: map[string]keystore.Item{},
			}
			w := NewWatcher(t, m.store)
			for range modelSteps {
				m.step()
			}
			w.WaitKeys(t, len(m.changes))
			if got := w.Keys(); !same(got, m.changes) {
				t.Errorf("the feed brought %q, want %q", got, m.changes)
			}
		})
	}
}

type model struct {
	t       *testing.T
	store   keystore.Store
	clock   *Clock
	rand    *rand.Rand
	items   map[string]keystore.Item // live or expired
	past    []keystore.Item          // what was stored once
	changes []string
}

func (m *model) live(key string) (keystore.Item, bool) {
	item, ok := m.items[key]
	return item, ok && item.Live(m.clock.Now())
}

func (m *model) random() keystore.Item {
	item := keystore.Item{Key: []string{"a", "b/1", "b/2"}[m.rand.IntN(3)]}
	item.Value = bytes.Repeat([]byte{byte(m.rand.IntN(3))}, m.rand.IntN(3))
	if m.rand.IntN(2) == 0 {
		item.Expires = m.clock.Now().Add(time.Duration(m.rand.IntN(5)) * time.Minute).Truncate(time.Millisecond).UTC()
	}
	return item
}

func (m *model) put(item keystore.Item) {
	m.items[item.Key] = item
	m.past = append(m.past, item)
	m.changes = append(m.changes, item.Key)
}

func (m *model) step() {
	ctx := deadline(m.t)
	item := m.random()
	now, live := m.live(item.Key)
	switch op := m.rand.IntN(12); {
	case op < 3:
		err := m.store.Create(ctx, item)
		m.want("create", item, err, !live, keystore.ErrExists)
		if err == nil {
			m.put(item)
		}
	case op < 6:
		old := now
		if len(m.past) > 0 && (!live || m.rand.IntN(3) == 0) {
			old = m.past[m.rand.IntN(len(m.past))]
		}
		item.Key = old.Key
		if item.Key == "" {
			return
		}
		now, live = m.live(item.Key)
		same := live && bytes.Equal(old.Value, now.Value) && old.Expires.Equal(now.Expires)
		err := m.store.Replace(ctx, old, item)
		m.want("replace", item, err, same, keystore.ErrConflict)
		if err == nil {
			m.put(item)
		}
	case op < 8:
		err := m.store.Delete(ctx, item.Key)
		m.want("delete", item, err, live, keystore.ErrNotFound)
		if err == nil {
			delete(m.items, item.Key)
			m.changes = append(m.changes, item.Key)
		}
	case op < 10:
		got, err := m.store.Get(ctx, item.Key)
		m.want("get", item, err, live, keystore.ErrNotFound)
		if live {
			m.equal(got, now)
		}
	case op < 11:
		prefix := []string{"", "a", "b/", "b/2", "c"}[m.rand.IntN(5)]
		all := listed(m.t, m.store, prefix)
		for key := range m.items {
			now, live := m.live(key)
			got, ok := all[key]
			if want := live && strings.HasPrefix(key, prefix); ok != want {
				m.t.Fatalf("list %q: %q is listed: %t, want %t", prefix, key, ok, want)
			}
			if ok {
				m.equal(got, now)
				delete(all, key)
			}
		}
		if len(all) > 0 {
			m.t.Fatalf("list %q gave more: %v", prefix, all)
		}
	default:
		m.clock.Advance(time.Duration(m.rand.IntN(90)) * time.Second)
	}
}

func (m *model) want(op string, item keystore.Item, err error, ok bool, refusal error) {
	m.t.Helper()
	switch {
	case ok && err != nil:
		m.t.Fatalf("%s %q: %v", op, item.Key, err)
	case !ok && !errors.Is(err, refusal):
		m.t.Fatalf("%s %q: %v, want %v", op, item.Key, err, refusal)
	}
}

func (m *model) equal(got, want keystore.Item) {
	m.t.Helper()
	if got.Key != want.Key || !bytes.Equal(got.Value, want.Value) || !got.Expires.Equal(want.Expires) {
		m.t.Fatalf("got %+v, want %+v", got, want)
	}
}
