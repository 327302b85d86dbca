package redis_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/redis"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

const (
	roundsEnv     = "LATCHKEY_CRASH_ROUNDS" // default 20
	defaultRounds = 20
	crashWriters  = 8
)

func TestMain(m *testing.M) {
	redis.Silence()
	os.Exit(m.Run())
}

// What a writer knows of an id.
const (
	created = '+' // acknowledged
	unknown = '?' // a write began, and was not acknowledged
	deleted = '-' // acknowledged
)

func TestKilledServerLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	rounds := defaultRounds
	if v := os.Getenv(roundsEnv); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatalf("%s: %v", roundsEnv, err)
		}
		rounds = n
	}
	server := storetest.Redis(t) // flushes every write: appendfsync always
	s := open(t, config(t, server.URL))
	acknowledged := 0
	for round := range rounds {
		state := writeUntilKilled(t, server, s, round)
		server.Start(t)
		eventually(t, 5*time.Second, "the server is back", func() bool {
			_, err := s.Get(t.Context(), "none")
			return errors.Is(err, keystore.ErrNotFound)
		})
		for id, mark := range state {
			item, err := s.Get(t.Context(), id)
			switch {
			case mark == created && (err != nil || string(item.Value) != id):
				t.Errorf("round %d: created %s is lost: %v", round, id, err)
			case mark == deleted && !errors.Is(err, keystore.ErrNotFound):
				t.Errorf("round %d: deleted %s is back: %v", round, id, err)
			}
		}
		acknowledged += len(state)
	}
	t.Logf("%d kills, %d items acknowledged", rounds, acknowledged)
}

// writeUntilKilled creates and deletes until the server is killed some time
// after the first acknowledgement, and returns what was acknowledged.
func writeUntilKilled(t *testing.T, server *storetest.RedisServer, s *redis.Store, round int) map[string]rune {
	t.Helper()
	var mu sync.Mutex
	state := map[string]rune{}
	first := make(chan struct{})
	var once sync.Once
	say := func(id string, mark rune) {
		mu.Lock()
		defer mu.Unlock()
		state[id] = mark
		if mark == created {
			once.Do(func() { close(first) })
		}
	}
	var wg sync.WaitGroup
	for w := range crashWriters {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", round, w, i)
				say(id, unknown)
				if s.Create(t.Context(), keystore.Item{Key: id, Value: []byte(id)}) != nil {
					return
				}
				say(id, created)
				if i%2 == 0 {
					continue
				}
				say(id, unknown)
				if s.Delete(t.Context(), id) != nil {
					return
				}
				say(id, deleted)
			}
		})
	}
	<-first
	<-time.After(rand.N(100 * time.Millisecond))
	server.Kill(t)
	wg.Wait()
	return state
}
