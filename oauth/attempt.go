package oauth

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/oauth2"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/seal"
)

// Limits of an attempt.
const (
	attemptLife = 10 * time.Minute
	stateLength = 43 // base64url of 256 bits
	idLength    = 10 // of the state's beginning, which names the cookie
	maxSession  = 128
	maxNext     = 768
	maxSealed   = 1500 // bytes of the cookie's value
)

const (
	attemptPurpose = "attempt at a provider"
	attemptVersion = 1
)

// attempt is one way to a provider and back, as the browser carries it, sealed:
//
//	version (1) | purpose (1) | begun, ms since 1970 (8) | state (43) | nonce (43) |
//	verifier (43) | provider (1 + n) | session (1 + n) | next (2 + n)
//
// Numbers are big-endian; a text of n bytes follows its length. The box is
// bound to the attempt's id as its record, so that one cookie is not another.
type attempt struct {
	auth.Attempt
	provider               string
	state, nonce, verifier string // 43 characters of base64url each
}

// purposes by their number in the box.
var purposes = []auth.Purpose{1: auth.ToSignIn, 2: auth.ToBind, 3: auth.ToUnlock}

var errAttempt = errors.New("the attempt cannot be read")

// newAttempt draws what nobody may guess.
func newAttempt(provider string, a auth.Attempt) *attempt {
	return &attempt{Attempt: a, provider: provider, state: random256(), nonce: random256(), verifier: oauth2.GenerateVerifier()}
}

func random256() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// isState reports 43 characters of base64url in their one spelling.
func isState(s string) bool {
	if len(s) != stateLength {
		return false
	}
	_, err := decode(s)
	return err == nil
}

func (a *attempt) id() string { return a.state[:idLength] }

// sealed is the cookie's value.
func (a *attempt) sealed(ring *seal.Ring) string {
	return base64.RawURLEncoding.EncodeToString(ring.Seal(attemptPurpose, a.id(), a.text()))
}

// openAttempt opens the cookie of this id.
func openAttempt(ring *seal.Ring, id, sealed string) (*attempt, error) {
	if len(sealed) > maxSealed {
		return nil, errAttempt
	}
	box, err := decode(sealed)
	if err != nil {
		return nil, errAttempt
	}
	text, err := ring.Open(attemptPurpose, id, box)
	if err != nil {
		return nil, errAttempt
	}
	return parseAttempt(text)
}

func (a *attempt) text() []byte {
	out := []byte{attemptVersion, 0}
	for i, p := range purposes {
		if p == a.Purpose {
			out[1] = byte(i)
		}
	}
	out = binary.BigEndian.AppendUint64(out, uint64(a.Begun.UnixMilli()))
	out = append(out, a.state+a.nonce+a.verifier...)
	out = append(append(out, byte(len(a.provider))), a.provider...)
	out = append(append(out, byte(len(a.Session))), a.Session...)
	return append(binary.BigEndian.AppendUint16(out, uint16(len(a.Next))), a.Next...)
}

// parseAttempt reads what text wrote, and nothing else.
func parseAttempt(text []byte) (*attempt, error) {
	in := reader{rest: text}
	version, purpose := in.number(1), in.number(1)
	a := &attempt{}
	begun := in.number(8)
	a.state, a.nonce, a.verifier = in.text(stateLength), in.text(stateLength), in.text(stateLength)
	a.provider = in.text(in.number(1))
	a.Session = in.text(in.number(1))
	a.Next = in.text(in.number(2))
	switch {
	case in.short || len(in.rest) > 0 || version != attemptVersion || purpose == 0 || purpose >= uint64(len(purposes)):
		return nil, errAttempt
	case !isState(a.state) || !isState(a.nonce) || !isState(a.verifier) || begun > 1<<53:
		return nil, errAttempt
	case len(a.provider) > maxProviderName || len(a.Session) > maxSession || len(a.Next) > maxNext:
		return nil, errAttempt
	}
	a.Purpose, a.Begun = purposes[purpose], time.UnixMilli(int64(begun)).UTC()
	return a, nil
}

// reader takes a text apart. What is not there is zero, and short.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.rest, r.short = nil, true
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *reader) text(n uint64) string { return string(r.bytes(n)) }

func (r *reader) number(size uint64) uint64 {
	n := uint64(0)
	for _, b := range r.bytes(size) {
		n = n<<8 | uint64(b)
	}
	return n
}
