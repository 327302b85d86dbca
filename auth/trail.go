package auth

import (
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/latchkey-io/latchkey/internal/event"
	"github.com/latchkey-io/latchkey/internal/limit"
)

// Trail is the audit trail: one JSON line for every change, every secret
// handed over and every refusal. Each line carries a keyed hash over itself
// and the line before, so that a line taken out or altered is found by Verify
// to whoever holds the key ring.
type Trail struct {
	a       *Authority
	mu      sync.Mutex
	w       io.Writer
	last    string      // the chain's latest hash
	looking *limit.Gate // around what reads much of it for one page
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

	actIdentify = "identify" // a proof that was refused; it is no act of anybody known
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
	e := Event{Action: actIdentify, User: user}
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
	case External, ExternalToken:
		e.Credential = string(KindBinding)
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
