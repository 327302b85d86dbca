package limit

import (
	"math/rand/v2"
	"sync"
	"time"
)

// evictionLook is how many random entries a full table looks at before it
// forgets one of them.
const evictionLook = 8

// Recent counts events per key within a window that begins with the key's first
// event and has a fixed length; with the next event after its end a new one
// begins. It remembers a fixed number of keys.
//
// A full table forgets a key whose window is over or which has counted little:
// the best candidate among a few at random. So a flood of ever new keys
// displaces itself, and does not wipe out what has counted up.
type Recent struct {
	size   int
	window time.Duration
	now    func() time.Time
	base   time.Time // times are kept as distances from it, on the monotonic clock

	mu      sync.Mutex
	where   map[[32]byte]int32 // index into entries
	entries []recentEntry
}

// A recentEntry has no pointers.
type recentEntry struct {
	key   [32]byte
	ends  time.Duration
	count int32
}

const maxCount = 1<<31 - 1

// NewRecent makes an empty table for size keys (at least 1). A nil now is
// time.Now.
func NewRecent(size int, window time.Duration, now func() time.Time) *Recent {
	if now == nil {
		now = time.Now
	}
	return &Recent{size: max(size, 1), window: window, now: now, base: now(), where: make(map[[32]byte]int32)}
}

// Add counts one event of key and says how many there are now in its window.
func (r *Recent) Add(key [32]byte) int {
	now := r.now().Sub(r.base)
	r.mu.Lock()
	defer r.mu.Unlock()
	i, known := r.where[key]
	if !known {
		i = r.newLocked(key, now)
	}
	e := &r.entries[i]
	if e.ends <= now {
		e.ends, e.count = now+r.window, 0
	}
	if e.count < maxCount {
		e.count++
	}
	return int(e.count)
}

// Count says how many events of key there are in its window.
func (r *Recent) Count(key [32]byte) int {
	now := r.now().Sub(r.base)
	r.mu.Lock()
	defer r.mu.Unlock()
	i, known := r.where[key]
	if !known || r.entries[i].ends <= now {
		return 0
	}
	return int(r.entries[i].count)
}

// Forget sets the count of key to nothing.
func (r *Recent) Forget(key [32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, known := r.where[key]
	if !known {
		return
	}
	delete(r.where, key)
	last := int32(len(r.entries) - 1)
	if i != last {
		r.entries[i] = r.entries[last]
		r.where[r.entries[i].key] = i
	}
	r.entries = r.entries[:last]
}

// newLocked gives key an entry whose window is over.
func (r *Recent) newLocked(key [32]byte, now time.Duration) int32 {
	i := int32(len(r.entries))
	if len(r.entries) < r.size {
		r.entries = append(r.entries, recentEntry{})
	} else {
		i = r.victimLocked(now)
		delete(r.where, r.entries[i].key)
	}
	r.entries[i] = recentEntry{key: key, ends: now}
	r.where[key] = i
	return i
}

func (r *Recent) victimLocked(now time.Duration) int32 {
	worst := rand.Int32N(int32(len(r.entries)))
	for range evictionLook - 1 {
		i := rand.Int32N(int32(len(r.entries)))
		if r.entries[i].lessThan(&r.entries[worst], now) {
			worst = i
		}
	}
	return worst
}

// lessThan says whether e is the smaller loss.
func (e *recentEntry) lessThan(other *recentEntry, now time.Duration) bool {
	if eOver, otherOver := e.ends <= now, other.ends <= now; eOver != otherOver {
		return eOver
	}
	if e.count != other.count {
		return e.count < other.count
	}
	return e.ends < other.ends
}
