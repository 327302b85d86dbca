package bolt_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/bolt"
)

const (
	childEnv      = "LATCHKEY_CRASH_CHILD"  // path of the store: be the child
	roundsEnv     = "LATCHKEY_CRASH_ROUNDS" // default 20
	childWorkers  = 8
	defaultRounds = 20
)

// child writes until it is killed, and says on stdout what was acknowledged:
// "+id" created, "?id" about to be deleted, "-id" deleted.
func child(path string) {
	fatal := func(err error) {
		fmt.Println("!", err)
		os.Exit(1)
	}
	ctx := context.Background()
	s, err := bolt.Open(ctx, bolt.Config{Path: path})
	if err != nil {
		fatal(err)
	}
	round := os.Getpid()
	var mu sync.Mutex
	say := func(mark, id string) {
		mu.Lock()
		defer mu.Unlock()
		// One unbuffered write: what the parent reads was said.
		fmt.Fprintln(os.Stdout, mark+id)
	}
	var wg sync.WaitGroup
	for w := range childWorkers {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", round, w, i)
				if err := s.Create(ctx, keystore.Item{Key: id, Value: []byte(id)}); err != nil {
					fatal(err)
				}
				say("+", id)
				if i%2 == 0 {
					continue
				}
				say("?", id)
				if err := s.Delete(ctx, id); err != nil {
					fatal(err)
				}
				say("-", id)
			}
		})
	}
	wg.Wait()
}

func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	rounds := defaultRounds
	if v := os.Getenv(roundsEnv); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatalf("%s: %v", roundsEnv, err)
		}
		rounds = n
	}
	path := file(t)
	acknowledged := 0
	for round := range rounds {
		state := killedChild(t, path)
		s, err := bolt.Open(t.Context(), bolt.Config{Path: path})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for id, mark := range state {
			item, err := s.Get(t.Context(), id)
			switch {
			case mark == '+' && (err != nil || string(item.Value) != id):
				t.Errorf("round %d: created %s is lost: %v", round, id, err)
			case mark == '-' && !errors.Is(err, keystore.ErrNotFound):
				t.Errorf("round %d: deleted %s is back: %v", round, id, err)
			}
		}
		acknowledged += len(state)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d kills, %d items acknowledged", rounds, acknowledged)
}

// killedChild runs a child, kills it some time after its first word, and
// returns the last mark of each id.
func killedChild(t *testing.T, path string) map[string]byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	state := map[string]byte{}
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			break // a word cut off was not said
		}
		line = strings.TrimSuffix(line, "\n")
		if line[0] == '!' {
			t.Errorf("child: %s", line)
			break
		}
		if len(state) == 0 {
			time.AfterFunc(rand.N(100*time.Millisecond), func() { _ = cmd.Process.Kill() })
		}
		state[line[1:]] = line[0]
	}
	_ = cmd.Wait() // "signal: killed"
	if len(state) == 0 {
		t.Error("the child acknowledged nothing")
	}
	return state
}
