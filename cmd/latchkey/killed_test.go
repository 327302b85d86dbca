package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore/storetest"
)

const (
	roundsByDefault = 20 // make crash asks for more
	crashClients    = 4
	longestRound    = 150 * time.Millisecond // of changes before the kill
)

// What was acknowledged before a kill -9 holds after it: every token that was
// handed out opens, every one whose end was confirmed is dead for ever.
func TestKilledDaemonForgetsNothing(t *testing.T) {
	t.Parallel()
	rounds := roundsByDefault
	if text := os.Getenv("LATCHKEY_CRASH_ROUNDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("LATCHKEY_CRASH_ROUNDS: %v", err)
		}
		rounds = n
	}
	t.Run("bolt", func(t *testing.T) { crash(t, rounds) })
	t.Run("redis", func(t *testing.T) { crash(t, rounds, "LATCHKEY_STORE="+storetest.Redis(t).URL) })
}

// token is one whose creation was acknowledged.
type token struct {
	id, secret string
	dead       bool // its end was acknowledged
	unsure     bool // its end was asked for and not answered
}

func crash(t *testing.T, rounds int, env ...string) {
	d := newDaemon(t, env...)
	d.start()
	d.do("user", "create", "alice", "--email", "alice@example.com")
	var all []*token
	for round := range rounds {
		fresh := d.changeUntilKilled(all, time.Duration(rand.Int64N(int64(longestRound))))
		all = append(all, fresh...)
		d.start()
		d.checkTokens(recent(all, 100), fmt.Sprintf("round %d", round))
		if t.Failed() {
			return
		}
	}
	d.checkTokens(all, "at the end")
	live, dead := 0, 0
	for _, k := range all {
		if k.dead {
			dead++
		} else if !k.unsure {
			live++
		}
	}
	if live < rounds || dead < rounds {
		t.Errorf("only %d live and %d dead tokens after %d rounds: the test tests nothing", live, dead, rounds)
	}
	t.Logf("%d rounds: %d tokens live, %d dead", rounds, live, dead)
	d.do("audit", "tail")
}

// changeUntilKilled creates and revokes tokens from several clients until the
// daemon is killed after a while. It returns those it created.
func (d *daemonProcess) changeUntilKilled(old []*token, while time.Duration) []*token {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var mu sync.Mutex
	var made []*token
	var clients sync.WaitGroup
	for i := range crashClients {
		// Each client may end some of its share of the older ones.
		var mine []*token
		for j := len(old) - 1 - i; j >= 0 && len(mine) < 2; j -= crashClients {
			if !old[j].dead && !old[j].unsure {
				mine = append(mine, old[j])
			}
		}
		clients.Go(func() {
			c := socketClient(d.data("latchkey.sock"))
			for {
				k, err := createToken(ctx, c)
				if err != nil {
					return
				}
				mu.Lock()
				made = append(made, k)
				mu.Unlock()
				mine = append(mine, k)
				if rand.IntN(2) == 0 {
					continue
				}
				at := rand.IntN(len(mine))
				k = mine[at]
				mine = append(mine[:at], mine[at+1:]...)
				k.unsure = true
				if _, err := c.call(ctx, http.MethodDelete, "/tokens/"+k.id, nil, nil); err != nil {
					return
				}
				k.dead, k.unsure = true, false
			}
		})
	}
	<-time.After(while)
	d.kill()
	cancel()
	clients.Wait()
	return made
}

func createToken(ctx context.Context, c *client) (*token, error) {
	raw, err := c.call(ctx, http.MethodPost, "/users/alice/tokens", tokenBody{Reference: true}, nil)
	if err != nil {
		return nil, err
	}
	var answer tokenAnswer
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, err
	}
	return &token{id: answer.ID, secret: answer.ReferenceToken}, nil
}

func (d *daemonProcess) checkTokens(all []*token, when string) {
	d.t.Helper()
	for _, k := range all {
		status := d.whoami(k.secret)
		switch {
		case k.unsure && (status == http.StatusOK || status == http.StatusUnauthorized):
			// Either was never promised; from now on it is what it is.
			k.dead, k.unsure = status != http.StatusOK, false
		case k.dead && status != http.StatusUnauthorized:
			d.t.Errorf("%s: token %s was revoked and is answered %d", when, k.id, status)
		case !k.dead && status != http.StatusOK:
			d.t.Errorf("%s: token %s was handed out and is answered %d", when, k.id, status)
		}
	}
}

func recent(all []*token, n int) []*token { return all[max(0, len(all)-n):] }
