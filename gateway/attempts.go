package gateway

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway/web"
	"github.com/latchkey-io/latchkey/internal/limit"
)

const (
	maxAttempts    = 5   // ways to providers that a browser is on at once
	attemptSeconds = 600 // that a browser keeps what belongs to one
	attemptID      = 10  // characters of base64url
	attemptPart    = "-attempt-"
)

// Each answer that a browser brings back for a way that it did set out on costs
// a record, which remembers that it was used, and a question to the provider. So
// one source may bring so many bad ones; a sign-in that goes well is not counted.
const (
	failedWindow  = time.Minute
	maxFailedWays = 60      // of one source within failedWindow
	failedTable   = 1 << 14 // sources
)

// CallbackURL is where the provider of that name sends browsers back to; it is
// registered there to the letter. public is Config.PublicURL.
func CallbackURL(public *url.URL, provider string) string {
	return originOf(public) + web.ElsewherePath + provider + "/callback"
}

// startURL is where a browser begins to sign in through a provider.
func startURL(public *url.URL, provider string) string {
	return originOf(public) + web.ElsewherePath + provider + "/start"
}

// attempts are cookies beside that of the session, one for each way to a
// provider that the browser is on: NAME-attempt-ID. Nothing else keeps them, so
// ways that nobody finishes cost nothing here.
type attempts struct {
	session cookie
	failed  *limit.Recent // by source
}

var _ web.Attempts = attempts{}

func (a attempts) name(id string) string { return a.session.name + attemptPart + id }

// Keep lays a cookie down for ten minutes. Where there are as many as may be,
// the oldest give way: browsers send them first (RFC 6265 §5.4).
func (a attempts) Keep(w http.ResponseWriter, r *http.Request, id, sealed string) {
	var ids []string
	eachCookie(r.Header["Cookie"], func(name, _ string) {
		if old, ours := strings.CutPrefix(name, a.session.name+attemptPart); ours && isAttemptID(old) {
			ids = append(ids, old)
		}
	})
	for _, old := range ids[:max(0, len(ids)-maxAttempts+1)] {
		a.Drop(w, old)
	}
	http.SetCookie(w, a.cookie(id, sealed, attemptSeconds))
}

// Kept is what a cookie holds. Two different ones of a name are none: one of
// them was planted.
func (a attempts) Kept(r *http.Request, id string) (string, bool) {
	if !isAttemptID(id) {
		return "", false
	}
	return oneCookie(r.Header["Cookie"], a.name(id))
}

// Drop takes a cookie away.
func (a attempts) Drop(w http.ResponseWriter, id string) { http.SetCookie(w, a.cookie(id, "", -1)) }

// Failed counts a way that came to nothing.
func (a attempts) Failed(peer auth.Peer) { a.failed.Add(sourceKey(peer)) }

// Wait is Throttled for a source of too many.
func (a attempts) Wait(peer auth.Peer) error {
	if a.failed.Count(sourceKey(peer)) < maxFailedWays {
		return nil
	}
	return &auth.Error{Code: auth.Throttled, RetryAfter: failedWindow, Reason: "too many sign-ins failed in a minute; try again later"}
}

func sourceKey(peer auth.Peer) (key [32]byte) {
	source := limit.Source(peer.Addr).Addr().As16()
	copy(key[:], source[:])
	return key
}

func (a attempts) cookie(id, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: a.name(id), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: a.session.secure, SameSite: http.SameSiteLaxMode,
	}
}

func isAttemptID(id string) bool {
	if len(id) != attemptID {
		return false
	}
	for i := range len(id) {
		if !isBase64URL(id[i]) {
			return false
		}
	}
	return true
}

// isAttemptCookie reports a name of one of these cookies, under http or https.
func isAttemptCookie(name string) bool {
	for _, prefix := range [...]string{"latchkey" + attemptPart, "__Host-latchkey" + attemptPart} {
		if len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// BeginThrough gives the pages the sessions that providers begin.
func (s pageSessions) BeginThrough(w http.ResponseWriter, r *http.Request, before auth.Identity, ext auth.External) error {
	secret, _, err := s.api.auth.Sessions.SignInThrough(r.Context(), before.Peer, ext)
	if err != nil {
		return err
	}
	if err := s.api.end(r.Context(), before); err != nil {
		return err
	}
	s.api.cookie.set(w, secret, 0)
	return nil
}
