package auth

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// The answers of Identify are kept in the process while the store's feed
// proves that none of the records they rest on has changed.
//
// Nothing in here points anywhere: identities lie encoded in byte arenas that
// the garbage collector does not walk, and instead of a list from records to
// answers there is one array of change numbers, indexed by a hash of the
// record's key. An answer holds while none of its records bears a number
// later than the one at which its reading began; so a notice that comes while
// a read is under way spoils exactly that answer. Two keys on one place of the
// array cost a read too many, never a wrong answer.

const (
	// maxAge ends a kept answer whatever the feed says.
	maxAge = 5 * time.Second

	cacheShards = 64
	arenaSize   = 256 << 10 // bytes a shard: some 800 identities; full means begin anew
	generations = 1 << 16
	maxDeps     = 64
)

// feed follows the store's changes.
type feed struct {
	seq   atomic.Uint64 // number of the latest change
	floor atomic.Uint64 // answers begun before this number do not count
	alive atomic.Pointer[time.Time]
	seed  maphash.Seed
	gens  [generations]atomic.Uint64
}

// notice is the store's Watch callback.
func (f *feed) notice(c keystore.Change) {
	switch {
	case c.Reset:
		f.forget()
	case c.Key != "":
		raise(&f.gens[f.slot(c.Key)], f.seq.Add(1))
	default:
		until := c.AliveUntil
		f.alive.Store(&until)
	}
}

// forget makes everything kept so far worthless.
func (f *feed) forget() {
	f.alive.Store(nil)
	raise(&f.floor, f.seq.Add(1))
}

// raise never takes back what somebody else has raised higher meanwhile.
func raise(at *atomic.Uint64, n uint64) {
	for old := at.Load(); old < n && !at.CompareAndSwap(old, n); old = at.Load() {
	}
}

func (f *feed) slot(key string) uint16 {
	return uint16(maphash.String(f.seed, key))
}

// proven reports whether the feed is known to be complete up to a second ago.
func (f *feed) proven(now time.Time) bool {
	until := f.alive.Load()
	return until != nil && now.Before(*until)
}

// fresh reports whether no record of an answer begun at seq has changed since.
func (f *feed) fresh(seq uint64, deps []byte) bool {
	if seq < f.floor.Load() {
		return false
	}
	for ; len(deps) >= 2; deps = deps[2:] {
		if f.gens[binary.LittleEndian.Uint16(deps)].Load() > seq {
			return false
		}
	}
	return true
}

// noticing tells the feed of each change made here before the change is
// answered. The store's own notice may follow later where replicas share it,
// and who has just unlocked or revoked must not meet the answer from before.
//
// It also gives up each question after storeDeadline: who has several to ask
// and more time is refused at the first that is not answered.
type noticing struct {
	keystore.Store
	feed *feed
}

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if ends, ok := ctx.Deadline(); ok && time.Until(ends) <= storeDeadline {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, storeDeadline)
}

func (n noticing) Get(ctx context.Context, key string) (keystore.Item, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	return n.Store.Get(ctx, key)
}

func (n noticing) Create(ctx context.Context, item keystore.Item) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	defer n.feed.notice(keystore.Change{Key: item.Key})
	return n.Store.Create(ctx, item)
}

func (n noticing) Replace(ctx context.Context, old, next keystore.Item) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	defer n.feed.notice(keystore.Change{Key: next.Key})
	return n.Store.Replace(ctx, old, next)
}

func (n noticing) Delete(ctx context.Context, key string) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	defer n.feed.notice(keystore.Change{Key: key})
	return n.Store.Delete(ctx, key)
}

// cacheKey is a keyed hash of a proof; the key is the process's own.
type cacheKey [32]byte

type cache struct {
	feed   feed
	secret [32]byte
	shards [cacheShards]shard
}

type shard struct {
	mu    sync.Mutex
	index map[cacheKey]entry
	arena []byte
}

// entry has no pointers, so the collector passes over the whole index.
type entry struct {
	offset, size uint32
	seq          uint64
	read         int64 // unix nanoseconds of the reading
}

// key hashes the parts of a proof, each with its length.
func (c *cache) key(parts ...string) cacheKey {
	var stack [1280]byte // holds a JWT of ours
	buf := append(stack[:0], c.secret[:]...)
	for _, p := range parts {
		buf = binary.LittleEndian.AppendUint32(buf, uint32(len(p)))
		buf = append(buf, p...)
	}
	return sha256.Sum256(buf)
}

// get returns the identity kept under k if it still counts.
func (c *cache) get(k cacheKey, now time.Time) (who Identity, ok bool) {
	text, ok := c.text(k, now)
	if !ok {
		return who, false
	}
	who, ok = decodeIdentity(text)
	if ok && !who.Expires.IsZero() && !now.Before(who.Expires) {
		return Identity{}, false
	}
	return who, ok
}

// text returns the answer kept under k if it still counts.
func (c *cache) text(k cacheKey, now time.Time) (string, bool) {
	if !c.feed.proven(now) {
		return "", false
	}
	s := &c.shards[k[0]%cacheShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	e, found := s.index[k]
	if !found {
		return "", false
	}
	deps, body := splitEntry(s.arena[e.offset : e.offset+e.size])
	age := now.UnixNano() - e.read
	if age < 0 || age > int64(maxAge) || !c.feed.fresh(e.seq, deps) {
		return "", false // keep writes over it
	}
	return string(body), true
}

// put keeps an identity whose reading began at seq.
func (c *cache) put(k cacheKey, who Identity, seq uint64, deps []string, now time.Time) {
	if len(deps) > maxDeps || !c.feed.proven(now) {
		return
	}
	var stack [1024]byte
	c.keep(k, appendIdentity(stack[:0], who), seq, deps, now)
}

// keep keeps an answer whose reading began at seq.
func (c *cache) keep(k cacheKey, body []byte, seq uint64, deps []string, now time.Time) {
	if len(deps) > maxDeps || !c.feed.proven(now) {
		return
	}
	var stack [1024]byte
	data := append(stack[:0], byte(len(deps)))
	for _, d := range deps {
		data = binary.LittleEndian.AppendUint16(data, c.feed.slot(d))
	}
	data = append(data, body...)
	if len(data) > arenaSize/8 || !c.feed.fresh(seq, data[1:1+2*len(deps)]) {
		return
	}
	s := &c.shards[k[0]%cacheShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index == nil || len(s.arena)+len(data) > arenaSize {
		s.index = make(map[cacheKey]entry)
		s.arena = s.arena[:0]
	}
	e := entry{offset: uint32(len(s.arena)), size: uint32(len(data)), seq: seq, read: now.UnixNano()}
	if old, again := s.index[k]; again && old.size >= e.size { // its old place will do
		e.offset = old.offset
		copy(s.arena[e.offset:], data)
		s.index[k] = e
		return
	}
	s.arena = append(s.arena, data...)
	s.index[k] = e
}

func splitEntry(data []byte) (deps, body []byte) {
	n := 1 + 2*int(data[0])
	return data[1:n], data[n:]
}
