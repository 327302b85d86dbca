package gateway

import (
	"net/http"
	"net/url"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// Scanner is the scanner of request heads, for tests.
type Scanner struct{ s scanner }

// Scan reports how many bytes of p pass, and the fault.
func (s *Scanner) Scan(p []byte) (int, error) { return s.s.scan(p) }

// BetweenRequests reports that the next byte begins a request.
func (s *Scanner) BetweenRequests() bool { return s.s.phase == atRequestLine && len(s.s.line) == 0 }

// SetLook makes long requests be looked at more often than in real life.
func (g *Gateway) SetLook(d time.Duration) { g.lookEvery = d }

// SetRoom makes every upstream take so many requests at once.
func (g *Gateway) SetRoom(n int64) {
	for _, u := range g.live.Load().upstreams {
		u.room = n
	}
}

var (
	CheckPath = func(u *url.URL) error { return checkPath(u) }
	HostOf    = hostOf
	Forgeable = forgeable
	SetsOurs  = setsOurs
	MaskPath  = maskPath
)

// Shown is what a request's headers show, in words.
func Shown(h http.Header) (key, header, cookie auth.Proof, err error) {
	c, err := readCredentials(h, "latchkey")
	return c.key, c.header, c.cookie, err
}

// NotAccepted reports a proof that is refused without being looked at.
func NotAccepted(p auth.Proof) bool { _, no := p.(notAccepted); return no }
