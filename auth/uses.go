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
	usedFor    = 400 * 24 * time.Hour
)

// uses collects last-used times in memory; losing some costs nothing but
// their being known.
type uses struct {
	mu    sync.Mutex
	notes map[string]Use
}

func useID(kind Kind, ref string) string { return string(kind) + "/" + ref }

// note remembers that via was used now.
func (u *uses) note(via Via, peer Peer, now time.Time) {
	if via.ref == "" {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.notes == nil {
		u.notes = make(map[string]Use)
	}
	id := useID(via.Kind, via.ref)
	if _, there := u.notes[id]; !there && len(u.notes) >= maxNotes {
		return
	}
	use := Use{At: now.UTC(), Client: event.Clean(peer.Client, MaxClient)}
	if peer.Addr.IsValid() {
		use.Addr = peer.Addr.String()
	}
	u.notes[id] = use
}

func (u *uses) take() map[string]Use {
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
				*u, *expires = use, use.At.Add(usedFor)
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
		return use
	}
	use, _, err := a.rec.used.Get(ctx, useID(kind, ref))
	if err != nil {
		return Use{}
	}
	return use
}
