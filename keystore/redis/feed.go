package redis

import (
	"context"
	"crypto/rand"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/latchkey-io/latchkey/keystore"
)

// Times of the feed.
const (
	// beatEvery is the pause between two heartbeats.
	beatEvery = 250 * time.Millisecond
	// beatProves is what one heartbeat is worth: AliveUntil is so much later
	// than the moment before it was written.
	beatProves = time.Second
	// beatTimeout ends one attempt to write a heartbeat.
	beatTimeout = time.Second
	// beatLife removes the heartbeat's key when the process is gone.
	beatLife = 10 * time.Second
	// silence without a heartbeat of our own makes us connect anew: the
	// connection may lead to a master that is one no more.
	silence = 2 * time.Second
	// unanswered beats are forgotten after this many later ones.
	maxUnanswered = 256

	minBackoff = 25 * time.Millisecond
	maxBackoff = 500 * time.Millisecond
)

// Watch is keystore.Store's, on a connection of its own. Its proof of life is
// a heartbeat: every 250 ms a key is written and published, in one step, on
// each master; what that master published before has then been delivered when
// the heartbeat comes back, as a connection keeps the order.
func (s *Store) Watch(ctx context.Context, fn func(keystore.Change)) error {
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return keystore.ErrClosed
	}
	s.calls.Add(1)
	s.mu.RUnlock()
	defer s.calls.Done()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()

	backoff := minBackoff
	for ctx.Err() == nil {
		if s.listen(ctx, fn) {
			backoff = minBackoff
		}
		select {
		case <-ctx.Done():
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, maxBackoff)
	}
	return nil
}

// listen runs one connection of the feed to its end and reports whether it
// was ever alive.
func (s *Store) listen(ctx context.Context, fn func(keystore.Change)) (alive bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b := newBeats(s)
	sub := s.client.Subscribe(ctx, s.feedChannel(), b.channel)
	defer sub.Close()
	// A read of go-redis ends with its deadline or its connection only.
	defer context.AfterFunc(ctx, func() { sub.Close() })()

	var beating sync.WaitGroup
	defer beating.Wait()
	defer cancel()
	last := time.Now()
	tell := func(c keystore.Change) {
		begin := time.Now()
		fn(c)
		last = last.Add(time.Since(begin)) // what fn took is not silence
	}
	for ctx.Err() == nil {
		msg, err := sub.ReceiveTimeout(ctx, silence)
		if err != nil {
			return alive
		}
		switch m := msg.(type) {
		case *redis.Subscription:
			// Both names are subscribed by one command. Should go-redis connect
			// anew by itself, it comes again, and is a new feed again.
			if m.Channel == s.feedChannel() {
				tell(keystore.Change{Reset: true})
				if !alive {
					alive = true
					beating.Go(func() { b.run(ctx) })
				}
			}
		case *redis.Message:
			if m.Channel == s.feedChannel() {
				tell(keystore.Change{Key: m.Payload})
			} else if until, ours := b.back(m.Payload); ours {
				last = time.Now()
				if !until.IsZero() {
					tell(keystore.Change{AliveUntil: until})
				}
			}
		}
		if time.Since(last) > silence {
			return alive
		}
	}
	return alive
}

// beats are the heartbeats of one connection. Their name is new with each, so
// none of an earlier connection is ever taken for proof of this one.
type beats struct {
	s       *Store
	channel string
	keys    map[int]string // by slot

	mu      sync.Mutex
	n       uint64
	sent    map[string]beat      // by message, until it comes back
	masters map[string]time.Time // when the latest beat that is back was written; zero: none yet
	until   time.Time            // the latest given out
}

type beat struct {
	n      uint64
	master string
	at     time.Time
}

func newBeats(s *Store) *beats {
	return &beats{
		s:       s,
		channel: s.prefix + "beat/" + rand.Text(),
		keys:    map[int]string{},
		sent:    map[string]beat{},
	}
}

// run writes heartbeats until ctx ends. It may outlive ctx by beatTimeout.
func (b *beats) run(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		masters, err := b.s.masters(ctx)
		if err == nil {
			b.expect(masters)
			for name, slot := range masters {
				b.write(ctx, name, b.key(slot))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// key is a key that lies in the slot. Only run calls it.
func (b *beats) key(slot int) string {
	if slot == anySlot {
		return b.channel
	}
	key, ok := b.keys[slot]
	if !ok {
		key = b.channel + "{" + slotTag(slot) + "}"
		b.keys[slot] = key
	}
	return key
}

// expect forgets masters that are none any more, and waits for new ones.
func (b *beats) expect(masters map[string]int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := b.masters
	b.masters = make(map[string]time.Time, len(masters))
	for name := range masters {
		b.masters[name] = known[name]
	}
}

func (b *beats) write(ctx context.Context, master, key string) {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	b.mu.Lock()
	b.n++
	msg := strconv.FormatUint(b.n, 10)
	for m, old := range b.sent {
		if old.n+maxUnanswered < b.n {
			delete(b.sent, m)
		}
	}
	b.sent[msg] = beat{n: b.n, master: master, at: b.s.now()}
	b.mu.Unlock()
	// An error may still have been a beat: it counts if it comes back.
	_, _ = b.s.run(ctx, beatScript, key, beatLife.Milliseconds(), b.channel, msg)
}

// back takes a message of our channel, and reports whether it is a heartbeat
// awaited, and the new AliveUntil, zero if it is no later than before.
func (b *beats) back(msg string) (until time.Time, ours bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	this, ours := b.sent[msg]
	if !ours {
		return time.Time{}, false
	}
	delete(b.sent, msg)
	if at, ok := b.masters[this.master]; ok && this.at.After(at) {
		b.masters[this.master] = this.at
	}
	// The feed has come as far as on the slowest master.
	oldest := this.at
	for _, at := range b.masters {
		if at.IsZero() {
			return time.Time{}, true
		}
		if at.Before(oldest) {
			oldest = at
		}
	}
	until = oldest.Add(beatProves)
	if !until.After(b.until) {
		return time.Time{}, true
	}
	b.until = until
	return until, true
}
