package oauth

import (
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
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

// newAttempt draws what nobody may guess: 256 bits each, which the library has
// for verifiers alone.
func newAttempt(provider string, a auth.Attempt) *attempt {
	draw := oauth2.GenerateVerifier
	return &attempt{Attempt: a, provider: provider, state: draw(), nonce: draw(), verifier: draw()}
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

// text panics for texts that are longer than may be, which Begin refuses.
func (a *attempt) text() []byte {
	var out cryptobyte.Builder
	out.AddUint8(attemptVersion)
	out.AddUint8(uint8(slices.Index(purposes, a.Purpose)))
	out.AddUint64(uint64(a.Begun.UnixMilli()))
	out.AddBytes([]byte(a.state + a.nonce + a.verifier))
	of := func(text string) cryptobyte.BuilderContinuation {
		return func(b *cryptobyte.Builder) { b.AddBytes([]byte(text)) }
	}
	out.AddUint8LengthPrefixed(of(a.provider))
	out.AddUint8LengthPrefixed(of(a.Session))
	out.AddUint16LengthPrefixed(of(a.Next))
	return out.BytesOrPanic()
}

// parseAttempt reads what text wrote, and nothing else.
func parseAttempt(text []byte) (*attempt, error) {
	var (
		version, purpose        uint8
		begun                   uint64
		state, nonce, verifier  []byte
		provider, session, next cryptobyte.String
	)
	in := cryptobyte.String(text)
	whole := in.ReadUint8(&version) && in.ReadUint8(&purpose) && in.ReadUint64(&begun) &&
		in.ReadBytes(&state, stateLength) && in.ReadBytes(&nonce, stateLength) && in.ReadBytes(&verifier, stateLength) &&
		in.ReadUint8LengthPrefixed(&provider) && in.ReadUint8LengthPrefixed(&session) && in.ReadUint16LengthPrefixed(&next) && in.Empty()
	switch {
	case !whole || version != attemptVersion || purpose == 0 || int(purpose) >= len(purposes):
		return nil, errAttempt
	case !isState(string(state)) || !isState(string(nonce)) || !isState(string(verifier)) || begun > 1<<53:
		return nil, errAttempt
	case len(provider) > maxProviderName || len(session) > maxSession || len(next) > maxNext:
		return nil, errAttempt
	}
	return &attempt{
		Attempt:  auth.Attempt{Purpose: purposes[purpose], Session: string(session), Next: string(next), Begun: time.UnixMilli(int64(begun)).UTC()},
		provider: string(provider), state: string(state), nonce: string(nonce), verifier: string(verifier),
	}, nil
}
