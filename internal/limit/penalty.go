package limit

import (
	"container/heap"
	"net/netip"
	"sync"
	"time"
)

// What zero values of a [PenaltyConfig] mean: OpenSSH's own defaults.
const (
	defaultPenaltyMax   = 10 * time.Minute
	defaultPenaltyTable = 65536
)

// PenaltyConfig says how hard a [Penalty] is.
type PenaltyConfig struct {
	Now    func() time.Time // nil: time.Now
	Min    time.Duration    // penalties below it add up but refuse nobody; 0: each refuses
	Max    time.Duration    // no source waits longer; 0: 10 minutes
	Table  int              // sources remembered; 0: 65536
	Exempt []netip.Prefix   // never refused, never remembered
}

// Penalty makes sources that misbehave wait, as PerSourcePenalties of
// sshd_config(5): each offence adds time, the sum runs off with the clock, and
// once it has reached Min the source is refused until all of it is over.
//
// A full table forgets the source with the least left. So a flood from ever new
// addresses displaces itself, not those who have earned a long wait.
type Penalty struct {
	cfg    PenaltyConfig
	exempt Networks
	base   time.Time // times are kept as distances from it, on the monotonic clock

	mu     sync.Mutex
	where  map[sourceKey]int32 // index into offenders
	heaped offenderHeap
}

// An offender has no pointers; its penalty is over at ends.
type offender struct {
	source  sourceKey
	ends    time.Duration
	place   int32 // in the heap
	refused bool  // the sum has reached Min
}

// NewPenalty makes an empty table.
func NewPenalty(cfg PenaltyConfig) *Penalty {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Max <= 0 {
		cfg.Max = defaultPenaltyMax
	}
	if cfg.Table <= 0 {
		cfg.Table = defaultPenaltyTable
	}
	return &Penalty{cfg: cfg, exempt: NewNetworks(cfg.Exempt), base: cfg.Now(), where: make(map[sourceKey]int32)}
}

// Add lets the source of a wait d longer. An invalid address has no source.
func (p *Penalty) Add(a netip.Addr, d time.Duration) {
	if d <= 0 || !a.IsValid() || p.exempt.Contain(a) {
		return
	}
	source, now := keyOf(a), p.cfg.Now().Sub(p.base)
	p.mu.Lock()
	defer p.mu.Unlock()
	i, known := p.where[source]
	if !known {
		i = p.newLocked(source, now)
	}
	o := &p.heaped.offenders[i]
	if o.ends <= now {
		o.ends, o.refused = now, false
	}
	o.ends += min(d, p.cfg.Max)
	o.ends = min(o.ends, now+p.cfg.Max)
	o.refused = o.refused || o.ends-now >= min(p.cfg.Min, p.cfg.Max)
	heap.Fix(&p.heaped, int(o.place))
}

// newLocked gives source a place in the table, if need be that of the offender
// with the least left.
func (p *Penalty) newLocked(source sourceKey, now time.Duration) int32 {
	h := &p.heaped
	i := int32(len(h.offenders))
	if len(h.offenders) < p.cfg.Table {
		h.offenders = append(h.offenders, offender{source: source, ends: now})
		heap.Push(h, nil)
	} else {
		i = h.order[0]
		o := &h.offenders[i]
		delete(p.where, o.source)
		*o = offender{source: source, ends: now, place: o.place}
	}
	p.where[source] = i
	return i
}

// Refused says whether the source of a must wait, and until when.
func (p *Penalty) Refused(a netip.Addr) (until time.Time, yes bool) {
	if !a.IsValid() || p.exempt.Contain(a) {
		return time.Time{}, false
	}
	source, now := keyOf(a), p.cfg.Now().Sub(p.base)
	p.mu.Lock()
	defer p.mu.Unlock()
	i, known := p.where[source]
	if !known {
		return time.Time{}, false
	}
	o := &p.heaped.offenders[i]
	if !o.refused || o.ends <= now {
		return time.Time{}, false
	}
	return p.base.Add(o.ends), true
}

// offenderHeap keeps the offender with the least left in front of order, which
// holds indices into offenders.
type offenderHeap struct {
	offenders []offender
	order     []int32
}

func (h *offenderHeap) Len() int { return len(h.order) }

func (h *offenderHeap) Less(i, j int) bool {
	return h.offenders[h.order[i]].ends < h.offenders[h.order[j]].ends
}

func (h *offenderHeap) Swap(i, j int) {
	h.order[i], h.order[j] = h.order[j], h.order[i]
	h.offenders[h.order[i]].place = int32(i)
	h.offenders[h.order[j]].place = int32(j)
}

// Push adds the last offender to the heap.
func (h *offenderHeap) Push(any) {
	last := len(h.offenders) - 1
	h.offenders[last].place = int32(len(h.order))
	h.order = append(h.order, int32(last))
}

// Pop is part of heap.Interface; offenders are replaced, never popped.
func (h *offenderHeap) Pop() any {
	panic("limit: offenders are not popped")
}
