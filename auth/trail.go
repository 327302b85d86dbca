package auth

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/latchkey-io/latchkey/internal/event"
)

// Trail is the audit trail: one JSON line for every change, every secret
// handed over and every refusal. Each line carries a keyed hash over itself
// and the line before, so that a line taken out or altered is found by Verify
// to whoever holds the key ring.
type Trail struct {
	a    *Authority
	mu   sync.Mutex
	w    io.Writer
	last string // the chain's latest hash
}

// Event is one line of the trail.
type Event struct {
	Time       time.Time `json:"time"`
	Action     string    `json:"action"` // token.create, session.sign_in, …
	Result     string    `json:"result"` // ok, refused or failed
	User       string    `json:"user,omitempty"`
	Credential string    `json:"credential,omitempty"` // kind:id, never a secret
	Target     string    `json:"target,omitempty"`
	Addr       string    `json:"address,omitempty"`
	Door       string    `json:"door,omitempty"`
	Client     string    `json:"client,omitempty"`
	Request    string    `json:"request,omitempty"`
	Cause      string    `json:"cause,omitempty"`
	Chain      string    `json:"chain,omitempty"`
}

const (
	maxTarget  = 200
	chainStart = "latchkey audit"
)

// acted records what who did to target, or was refused.
func (t *Trail) acted(who Identity, what act, target string, err error) {
	e := Event{Action: string(what), Result: "ok", User: who.User, Target: event.Clean(Mask(target), maxTarget)}
	if who.Via.Kind != "" {
		e.Credential = string(who.Via.Kind) + ":" + who.Via.ID
	}
	e.outcome(err)
	t.write(e, who.Peer)
}

// refused records a proof that was not accepted, and the user whose it might
// have been where there is such a user: a name that is nobody's may be a
// password typed into the wrong field.
func (t *Trail) refused(peer Peer, p Proof, user string, err error) {
	e := Event{Action: "identify", User: user}
	switch p.(type) {
	case APIKey:
		e.Credential = string(KindAPIKey)
	case Bearer:
		e.Credential = string(KindToken)
	case Password:
		e.Credential = string(KindPassword)
	case EncryptedPassword:
		e.Credential = string(KindEncryptedPassword)
	case SSHKey:
		e.Credential = string(KindSSHKey)
	case Session:
		e.Credential = string(KindSession)
	}
	e.outcome(err)
	t.write(e, peer)
}

func (e *Event) outcome(err error) {
	if err == nil {
		return
	}
	e.Result = "failed"
	switch CodeOf(err) {
	case Unauthenticated, Repeated, Throttled, Expired, Forbidden, Locked, NotFound, Exists, Invalid, Unsupported:
		e.Result = "refused"
	}
	e.Cause = err.Error()
	if known, ok := errors.AsType[*Error](err); ok && known.Err == nil {
		e.Cause = known.Reason
	}
	e.Cause = event.Clean(Mask(e.Cause), maxTarget)
}

// RequestRefused records that a request of somebody known was refused at the
// door, before anything that has a line of its own was tried: a body that
// cannot be read, a value out of bounds. request is its method and path.
func (t *Trail) RequestRefused(who Identity, request string, err error) {
	t.acted(who, actRequest, request, err)
}

func (t *Trail) write(e Event, peer Peer) {
	if peer.Told != nil {
		peer.Told.Store(true)
	}
	if t.w == nil {
		return
	}
	e.Time = t.a.now().UTC()
	if peer.Addr.IsValid() {
		e.Addr = peer.Addr.String()
	}
	e.Door, e.Request = peer.Door, peer.Request
	e.Client = event.Clean(Mask(peer.Client), MaxClient)
	t.mu.Lock()
	defer t.mu.Unlock()
	line, err := t.chained(&e)
	if err == nil {
		_, err = t.w.Write(append(line, '\n'))
	}
	if err != nil {
		t.a.c.Log.Error("the audit trail cannot be written", "error", err)
	}
}

func (t *Trail) chained(e *Event) ([]byte, error) {
	e.Chain = ""
	line, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	if t.last == "" {
		t.last = chainStart
	}
	t.last = t.a.ring().LookupID("audit", t.last+"\n"+string(line))
	e.Chain = t.last
	return json.Marshal(e)
}

// Continue takes up the chain of an earlier run from what it wrote; call it
// once, before anything is recorded. A trail that does not begin here is
// continued all the same, and Verify tells where it breaks.
func (t *Trail) Continue(earlier io.Reader) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return scan(earlier, func(_ int, _ []byte, e Event) error {
		t.last = e.Chain
		return nil
	})
}

// Search streams the events of written that match to fn, oldest first. Only
// an administrator may.
func (t *Trail) Search(ctx context.Context, who Identity, written io.Reader, q EventQuery, fn func(Event) error) error {
	if err := t.a.may(ctx, who, actAudit, ""); err != nil {
		t.acted(who, actAudit, "", err)
		return err
	}
	return scan(written, func(_ int, _ []byte, e Event) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if q.matches(e) {
			return fn(e)
		}
		return nil
	})
}

// EventQuery selects events; zero values match all.
type EventQuery struct {
	User   string    // who did it, or to whom it was done
	Action string    // exact, or a prefix ending in "."
	Since  time.Time // not older
}

func (q EventQuery) matches(e Event) bool {
	owner, _, _ := strings.Cut(e.Target, " ") // a target is NAME, NAME ID or ID
	return (q.User == "" || e.User == q.User || owner == q.User) &&
		(q.Action == "" || e.Action == q.Action || strings.HasSuffix(q.Action, ".") && strings.HasPrefix(e.Action, q.Action)) &&
		!e.Time.Before(q.Since)
}

// Verify checks the chain of written and returns how many lines hold, and an
// error naming the first that does not. Only an administrator may.
func (t *Trail) Verify(ctx context.Context, who Identity, written io.Reader) (lines int, err error) {
	if err := t.a.may(ctx, who, actAudit, ""); err != nil {
		return 0, err
	}
	check := Trail{a: t.a}
	err = scan(written, func(n int, raw []byte, e Event) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		chain := e.Chain
		again, err := check.chained(&e)
		if err != nil || e.Chain != chain || !bytes.Equal(again, raw) {
			return fmt.Errorf("line %d of the audit trail was altered, or a line before it is missing", n)
		}
		lines = n
		return nil
	})
	return lines, err
}

const maxAuditLine = 64 << 10

func scan(r io.Reader, fn func(n int, raw []byte, e Event) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 4096), maxAuditLine)
	for n := 1; s.Scan(); n++ {
		var e Event
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			return fmt.Errorf("line %d of the audit trail is not an event: %w", n, err)
		}
		if err := fn(n, s.Bytes(), e); err != nil {
			return err
		}
	}
	return s.Err()
}
