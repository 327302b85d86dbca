package auth

import (
	"context"
	"sync"
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
	touchEvery = 5 * time.Minute // how often one credential's use is noted
	flushEvery = 3 * time.Second // how often notes are written
	maxNotes   = 4096            // waiting to be written; more are dropped
	maxNoted   = 1 << 16         // remembered as noted; then all may be noted again
	usedFor    = 400 * 24 * time.Hour
	usedAfter  = 24 * time.Hour // a credential that has ended
)

// uses collects last-used times in memory; losing some costs nothing but
// their being known.
type uses struct {
	mu    sync.Mutex
	notes map[string]note
	noted map[string]time.Time // when last, by id
}

// note is a use that waits to be written, and when its record ends.
type note struct {
	Use
	ends time.Time
}

func useID(kind Kind, ref string) string { return string(kind) + "/" + ref }

// note remembers that who's credential was used now. Short tokens are on no
// list, so of theirs nothing is kept.
func (u *uses) note(who Identity, peer Peer, now time.Time) {
	if who.Via.ref == "" || who.Via.Kind == KindGrant {
		return
	}
	id, every := useID(who.Via.Kind, who.Via.ref), touchEvery
	if who.Via.Kind == KindSession { // its end moves with its uses
		every = min(every, who.Expires.Sub(now)/2)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if last, ok := u.noted[id]; ok && now.Sub(last) < every {
		return
	}
	if len(u.notes) >= maxNotes {
		return
	}
	if u.notes == nil {
		u.notes = make(map[string]note)
	}
	if u.noted == nil || len(u.noted) >= maxNoted {
		u.noted = make(map[string]time.Time)
	}
	use := note{Use{At: now.UTC(), Client: event.Clean(Mask(peer.Client), MaxClient)}, now.Add(usedFor)}
	if peer.Addr.IsValid() {
		use.Addr = peer.Addr.String()
	}
	if end := who.Expires.Add(usedAfter); !who.Expires.IsZero() && end.Before(use.ends) {
		use.ends = end
	}
	u.notes[id], u.noted[id] = use, now
}

func (u *uses) take() map[string]note {
	u.mu.Lock()
	defer u.mu.Unlock()
	notes := u.notes
	u.notes = nil
	return notes
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
	for id, use := range a.uses.take() {
		gate <- struct{}{}
		writers.Go(func() {
			defer func() { <-gate }()
			_, err := a.rec.used.Upsert(ctx, id, func(u *Use, expires *time.Time) error {
				*u, *expires = use.Use, use.ends
				return nil
			})
			if err == nil {
				err = a.extendSession(ctx, id, use.At)
			}
			if err != nil && ctx.Err() == nil {
				a.c.Log.Debug("a last-used time was not written", "error", err)
			}
		})
	}
	writers.Wait()
}

// lastUse reads when a credential was last used; an error reads as never.
func (a *Authority) lastUse(ctx context.Context, kind Kind, ref string) Use {
	a.uses.mu.Lock()
	use, fresh := a.uses.notes[useID(kind, ref)]
	a.uses.mu.Unlock()
	if fresh {
		return use.Use
	}
	written, _, err := a.rec.used.Get(ctx, useID(kind, ref))
	if err != nil {
		return Use{}
	}
	return written
}
