package auth

import (
	"context"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey-io/latchkey/internal/event"
)

// Use is when, from where and with what client a credential was last used, to
// within touchEvery; zero if never.
type Use struct {
	At     time.Time `json:"at,omitzero"`
	Addr   string    `json:"address,omitempty"`
	Client string    `json:"client,omitempty"`
}

const (
	touchEvery = 5 * time.Minute // how often one credential's use by one client is noted
	flushEvery = 3 * time.Second // how often notes are written
	maxNotes   = 4096            // uses waiting to be written; more are dropped
	maxNoted   = 1 << 16         // credentials remembered as noted; then all may be noted again
	maxLately  = 1 << 16         // places for uses that were noted a moment ago
	usedFor    = 400 * 24 * time.Hour
	usedAfter  = 24 * time.Hour // a credential that has ended

	// maxClients are the addresses and clients of one credential that are
	// told apart, and noted within touchEvery.
	maxClients = 8
	recentFor  = 30 * 24 * time.Hour // of others than the last
)

// usedRecord is what is kept of one credential's uses: the last, and the last
// of each other address and client.
type usedRecord struct {
	Use
	Others []Use `json:"others,omitempty"`
}

// uses collects last-used times in memory; losing some costs nothing but
// their being known.
//
// The request path asks lately alone, which answers for all that was noted a
// moment ago without a lock: a place holds the upper half of a use's hash, and
// until when it need not be noted again, in seconds since 1970. Two uses on one
// place cost a look at noted, never a wrong answer but by a hash of 48 bits.
type uses struct {
	seed   maphash.Seed
	lately [maxLately]atomic.Uint64

	mu      sync.Mutex
	notes   map[useKey]note
	waiting int // uses in notes
	noted   map[useKey]window
	through map[string]struct{} // sessions through providers, in use since the last flush
}

// useKey names a credential.
type useKey struct {
	kind Kind
	ref  string
}

func (k useKey) id() string { return string(k.kind) + "/" + k.ref }

// note holds uses that wait to be written, one for each address and client,
// and when their record ends.
type note struct {
	uses []Use
	ends time.Time
}

// window is a time of at most touchEvery in which each client of a credential
// is noted once, and only the first of many.
type window struct {
	since time.Time
	n     int
	seen  [maxClients]uint32
}

// note remembers that who's credential was used by peer now. Short tokens are
// on no list, so of theirs nothing is kept.
func (u *uses) note(via *Via, expires time.Time, peer *Peer, now time.Time) {
	if via.ref == "" || via.Kind == KindGrant {
		return
	}
	hash := u.hash(via.ref, peer)
	place, mark := &u.lately[hash%maxLately], hash>>32
	if l := place.Load(); l>>32 == mark {
		if left := int64(uint32(l)) - now.Unix(); left > 0 && left <= int64(touchEvery/time.Second) {
			return
		}
	}
	if until := u.add(via, expires, peer, now, uint32(mark)); !until.IsZero() {
		place.Store(mark<<32 | uint64(uint32(until.Unix())))
	}
}

func (u *uses) hash(ref string, peer *Peer) uint64 {
	var h maphash.Hash
	h.SetSeed(u.seed)
	h.WriteString(ref)
	addr := peer.Addr.As16()
	h.Write(addr[:])
	h.WriteString(peer.Client[:min(len(peer.Client), MaxClient)])
	return h.Sum64()
}

// add is note for what is not known to have been noted a moment ago. It tells
// until when it need not be asked again; zero: it is too busy.
func (u *uses) add(via *Via, expires time.Time, peer *Peer, now time.Time, mark uint32) (until time.Time) {
	key, every := useKey{via.Kind, via.ref}, touchEvery
	if via.Kind == KindSession { // its end moves with its uses
		every = min(every, expires.Sub(now)/2)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	w, known := u.noted[key]
	if !known || now.Sub(w.since) >= every {
		w = window{since: now}
	}
	until = w.since.Add(every)
	if via.Kind == KindSession && len(via.Parents) > 0 {
		u.lookAt(via.ref)
		if soon := now.Add(lookEvery); until.After(soon) {
			until = soon
		}
	}
	if w.n == maxClients || slices.Contains(w.seen[:w.n], mark) {
		return until
	}
	if u.waiting >= maxNotes {
		return time.Time{}
	}
	if u.notes == nil {
		u.notes = make(map[useKey]note)
	}
	if u.noted == nil || !known && len(u.noted) >= maxNoted {
		u.noted = make(map[useKey]window)
	}
	key.ref = strings.Clone(key.ref) // an identity's texts share one string
	w.seen[w.n] = mark
	w.n++
	u.noted[key] = w
	use := Use{At: now.UTC(), Client: event.Clean(Mask(peer.Client), MaxClient)}
	if peer.Addr.IsValid() {
		use.Addr = peer.Addr.String()
	}
	n := u.notes[key]
	n.uses, n.ends = append(n.uses, use), useEnds(via.Kind, expires, now)
	u.notes[key] = n
	u.waiting++
	return until
}

// lookAt lets the next flush look whether the session's provider is to be asked
// again. Of very many some wait for their next use. u.mu is held.
func (u *uses) lookAt(ref string) {
	if u.through == nil {
		u.through = make(map[string]struct{})
	}
	if _, there := u.through[ref]; !there && len(u.through) < maxNotes {
		u.through[strings.Clone(ref)] = struct{}{}
	}
}

// useEnds is when what is known of a credential's uses may be forgotten.
func useEnds(kind Kind, expires, now time.Time) time.Time {
	ends, after := now.Add(usedFor), usedAfter
	if kind == KindToken && expires.Sub(now) > brief { // shown after its end
		after = endedFor
	}
	if end := expires.Add(after); !expires.IsZero() && end.Before(ends) {
		ends = end
	}
	return ends
}

func (u *uses) take() map[useKey]note {
	u.mu.Lock()
	defer u.mu.Unlock()
	notes := u.notes
	u.notes, u.waiting = nil, 0
	return notes
}

func (u *uses) takeThrough() map[string]struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	through := u.through
	u.through = nil
	return through
}

// with is r and more uses: the newest first, of each address and client the
// last. Of more than maxClients the oldest of those goes whose address another
// has as well, so that who invents clients does not hide where others are.
func (r usedRecord) with(more []Use, now time.Time) usedRecord {
	all := slices.Concat(more, []Use{r.Use}, r.Others)
	slices.SortStableFunc(all, func(a, b Use) int { return b.At.Compare(a.At) })
	var kept []Use
	for i, use := range all {
		old := i > 0 && now.Sub(use.At) >= recentFor || use.At.IsZero()
		same := func(k Use) bool { return k.Addr == use.Addr && k.Client == use.Client }
		if !old && !slices.ContainsFunc(kept, same) {
			kept = append(kept, use)
		}
	}
	for len(kept) > maxClients {
		i := len(kept) - 1
		for i > 0 && !slices.ContainsFunc(kept[:i], func(k Use) bool { return k.Addr == kept[i].Addr }) {
			i--
		}
		if i == 0 { // all are elsewhere
			i = len(kept) - 1
		}
		kept = slices.Delete(kept, i, i+1)
	}
	if len(kept) == 0 {
		return usedRecord{}
	}
	return usedRecord{kept[0], kept[1:]}
}

// flushUses writes the notes every few seconds until ctx ends, and once more.
func (a *Authority) flushUses(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			a.writeUses(ctx)
		case <-ctx.Done():
			a.writeUses(context.WithoutCancel(ctx))
			return
		}
	}
}

func (a *Authority) writeUses(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	var writers sync.WaitGroup
	gate := make(chan struct{}, 64) // so that a store that batches can
	for key, n := range a.uses.take() {
		gate <- struct{}{}
		writers.Go(func() {
			defer func() { <-gate }()
			_, err := a.rec.used.Upsert(ctx, key.id(), func(r *usedRecord, expires *time.Time) error {
				*r = r.with(n.uses, a.now())
				if n.ends.After(*expires) {
					*expires = n.ends
				}
				return nil
			})
			if err == nil {
				err = a.extendSession(ctx, key, n.uses[len(n.uses)-1].At)
			}
			if err != nil && ctx.Err() == nil {
				a.c.Log.Debug("a last-used time was not written", "error", err)
			}
		})
	}
	for ref := range a.uses.takeThrough() {
		gate <- struct{}{}
		writers.Go(func() {
			defer func() { <-gate }()
			if !a.asking.look(ctx, ref) {
				a.uses.mu.Lock()
				defer a.uses.mu.Unlock()
				a.uses.lookAt(ref)
			}
		})
	}
	writers.Wait()
}

// lastUse reads when a credential was last used; an error reads as never.
func (a *Authority) lastUse(ctx context.Context, kind Kind, ref string) Use {
	if waiting := a.uses.of(useKey{kind, ref}); len(waiting) > 0 {
		return waiting[len(waiting)-1]
	}
	written, _, err := a.rec.used.Get(ctx, useKey{kind, ref}.id())
	if err != nil {
		return Use{}
	}
	return written.Use
}

// of is what waits to be written, oldest first.
func (u *uses) of(key useKey) []Use {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.notes[key].uses)
}

// tellUses fills in when and by whom tok was used; an error reads as never.
func (t *Tokens) tellUses(ctx context.Context, tok *Token) {
	key, now := useKey{KindToken, tok.ID}, t.a.now()
	waiting := t.a.uses.of(key)
	r, _, err := t.a.rec.used.Get(ctx, key.id())
	if err != nil {
		r = usedRecord{}
	}
	r = r.with(waiting, now)
	tok.LastUsed, tok.RecentUses = r.Use, nil
	for _, use := range append([]Use{r.Use}, r.Others...) {
		if !use.At.IsZero() && now.Sub(use.At) < recentFor {
			tok.RecentUses = append(tok.RecentUses, use)
		}
	}
}
