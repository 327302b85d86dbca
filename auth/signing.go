package auth

import (
	"context"
	"sync"
	"time"

	"github.com/latchkey-io/latchkey/internal/limit"
)

// signers lets a few tokens be signed by RSA at a time, which takes a
// millisecond each, in the order they were asked for: whoever makes or renews
// tokens without end leaves a core to everybody else, and of one owner's only
// so many wait that others come to their turn.
type signers struct {
	gate *limit.Gate

	mu sync.Mutex
	of map[string]int // that wait or are signed, by owner
}

const (
	maxSignQueue = 1 << 13
	maxSignsOf   = 64
)

func newSigners(cores int) *signers {
	return &signers{gate: limit.NewGate((cores+1)/2, maxSignQueue), of: make(map[string]int)}
}

// enter returns when a token of owner may be signed; leave is called after.
// Throttled when that does not come in time.
func (s *signers) enter(ctx context.Context, owner string) (leave func(), err error) {
	if !s.count(owner) {
		return nil, tooManyTokens(limit.ErrFull)
	}
	turn, err := s.gate.Enter(ctx)
	if err != nil {
		s.discount(owner)
		return nil, tooManyTokens(err)
	}
	return func() { turn(); s.discount(owner) }, nil
}

func (s *signers) count(owner string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[owner] >= maxSignsOf {
		return false
	}
	s.of[owner]++
	return true
}

func (s *signers) discount(owner string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[owner]--; s.of[owner] == 0 {
		delete(s.of, owner)
	}
}

func tooManyTokens(cause error) error {
	return &Error{Code: Throttled, Reason: "too many tokens are being made at once; try again in a moment", RetryAfter: time.Second, Err: cause}
}
