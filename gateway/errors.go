package gateway

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway/web"
	"github.com/latchkey-io/latchkey/internal/event"
)

// What is said in place of a reason that is not for strangers.
const (
	noReason       = "the credential is missing or not accepted" // one text for every failed proof
	internalReason = "something went wrong here; the log has the details"

	// The same for tokens. Clients look for the first words of these, and
	// then use their refresh token.
	noTokenReason       = "Token failed verification: expired, revoked or unknown"
	noAccessTokenReason = "Invalid token, expired, revoked or unknown"
)

// Codes of failures of an upstream.
const (
	codeUpstream        auth.Code = "bad_gateway"
	codeUpstreamTimeout auth.Code = "gateway_timeout"
	codeTooSlow         auth.Code = "request_timeout"
)

// How long a client is asked to wait when nobody says it, and the bounds of
// what is said: git-lfs gives up at more than five minutes.
const (
	waitUnavailable = 5 * time.Second
	waitLeast       = time.Second
	waitMost        = 5 * time.Minute
)

const (
	basicChallenge = `Basic realm="Latchkey"`
	maxDrain       = 1 << 20 // bytes of a body nobody wants
	netHTTPDrains  = 256 << 10
)

// statusOf is the whole table from codes to statuses.
func statusOf(code auth.Code) int {
	switch code {
	case auth.Unauthenticated:
		return http.StatusUnauthorized
	case auth.Repeated, auth.Expired, auth.Forbidden, auth.Locked:
		return http.StatusForbidden
	case auth.Throttled:
		return http.StatusTooManyRequests
	case auth.Invalid:
		return http.StatusBadRequest
	case auth.NotFound, codeNoRoute:
		return http.StatusNotFound
	case auth.Exists, auth.Unsupported:
		return http.StatusConflict
	case auth.Unavailable:
		return http.StatusServiceUnavailable
	case codeMethod:
		return http.StatusMethodNotAllowed
	case codeTooLarge:
		return http.StatusRequestEntityTooLarge
	case codeWrongType:
		return http.StatusUnsupportedMediaType
	case codeTooSlow:
		return http.StatusRequestTimeout
	case codeUpstream:
		return http.StatusBadGateway
	case codeUpstreamTimeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// malformed is a request that is refused as it stands, whoever sends it.
func malformed(reason string) error {
	return &auth.Error{Code: auth.Invalid, Reason: reason}
}

// invalid is one field of a request that cannot be taken.
func invalid(field, format string, args ...any) error {
	return &auth.Error{Code: auth.Invalid, Field: field, Reason: fmt.Sprintf(format, args...)}
}

// refusal is an error as the outside may see it.
type refusal struct {
	status int
	code   auth.Code
	reason string
	field  string
	wait   time.Duration // 0: none
}

// refusalOf decides what is shown of err.
func refusalOf(err error, lfsBatch bool) refusal {
	e, ok := errors.AsType[*auth.Error](err)
	if !ok {
		e = &auth.Error{Code: auth.Internal}
	}
	r := refusal{status: statusOf(e.Code), code: e.Code, reason: auth.Mask(e.Reason), field: e.Field}
	switch e.Code {
	case auth.Unauthenticated:
		r.reason = noReason
		if _, key := errors.AsType[keyRefused](err); key {
			r.status = http.StatusForbidden
		}
	case auth.Throttled:
		r.wait = min(max(e.RetryAfter, waitLeast), waitMost)
	case auth.Unavailable:
		r.wait = waitUnavailable
		if lfsBatch {
			// A batch that is told 503 is not tried again.
			r.status = http.StatusTooManyRequests
		}
	}
	if r.status == http.StatusInternalServerError {
		r.code, r.reason = auth.Internal, internalReason
	}
	return r
}

// refuse answers err in the dialect of this door. After an answer has begun
// there is nothing left to say: the connection is cut.
func (x *exchange) refuse(err error) {
	x.note(err)
	if x.status != 0 {
		panic(http.ErrAbortHandler)
	}
	if x.dialect == inGeneral && isLFS(x.r.Header) {
		x.dialect = inLFS
	}
	ref := refusalOf(err, strings.HasSuffix(x.r.URL.Path, "/objects/batch"))
	if ref.code == auth.Unauthenticated && x.shown.header != nil && !x.shown.basic {
		ref.reason = x.aboutTokens(ref.reason)
	}
	if ref.status == http.StatusUnauthorized && (x.dialect == inGeneral && x.navigates() || x.dialect == inPages && x.readsPages() && !x.shown.explicit()) {
		x.toSignIn()
		return
	}
	h := x.Header()
	for _, name := range [...]string{"Content-Length", "Content-Encoding", "Etag", "Last-Modified"} {
		h.Del(name)
	}
	if ref.wait > 0 {
		seconds := (ref.wait + time.Second - 1) / time.Second
		h.Set("Retry-After", strconv.Itoa(int(seconds)))
	}
	if (ref.status == http.StatusUnauthorized || errors.As(err, new(keyRefused))) && !x.isOurScript() {
		x.challenge(h)
	}
	if ref.status == http.StatusMethodNotAllowed && h.Get("Allow") == "" {
		h.Set("Allow", allowedMethods)
	}
	body := x.body(h, ref)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.ownHeaders()
	unread := x.unreadBody()
	if unread {
		h.Set("Connection", "close")
	}
	x.WriteHeader(ref.status)
	if x.r.Method != http.MethodHead {
		x.Write(body) // a client that has gone needs no answer
	}
	if unread {
		x.drain()
	}
}

// aboutTokens is what the JFrog dialect says of every Bearer that it does not
// accept.
func (x *exchange) aboutTokens(otherwise string) string {
	switch {
	case x.dialect == inAccess:
		return noAccessTokenReason
	case x.dialect == inOAuth, x.dialect == inGeneral && strings.HasPrefix(x.r.URL.Path, "/artifactory/api/"):
		return noTokenReason
	}
	return otherwise
}

// note puts the cause on the event. A cause may repeat what the client sent, and
// people put secrets into the wrong fields.
func (x *exchange) note(err error) {
	x.event.Set(slog.String("refused", string(auth.CodeOf(err))))
	cause := err.Error()
	if e, ok := errors.AsType[*auth.Error](err); ok {
		if cause = e.Reason; e.Err != nil {
			cause = e.Err.Error()
		}
	}
	if cause != "" {
		x.event.Set(slog.String("cause", event.Clean(auth.Mask(cause), event.MaxText)))
	}
}

// ownHeaders are on every answer that we write ourselves.
func (x *exchange) ownHeaders() {
	h := x.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if x.d.cfg.PublicURL.Scheme == "https" {
		h.Set("Strict-Transport-Security", web.StrictTransport)
	}
}

// navigates reports a browser that shows the answer to a person, who can sign
// in. It must be a request that may be repeated.
func (x *exchange) navigates() bool {
	if x.r.Method != http.MethodGet && x.r.Method != http.MethodHead || x.shown.explicit() {
		return false
	}
	if mode := x.r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(x.r.Header.Get("Accept"), "text/html")
}

// readsPages reports a browser at a page, whatever it sent there.
func (x *exchange) readsPages() bool {
	if mode := x.r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(x.r.Header.Get("Accept"), "text/html")
}

// isOurScript reports a request that a browser makes for the script of a page
// of ours: at a challenge the browser would ask for a password by itself.
func (x *exchange) isOurScript() bool {
	return x.dialect == inPages && x.r.Header.Get("Sec-Fetch-Mode") != ""
}

// toSignIn sends a browser to the sign-in page, which leads it back; from a
// form whose session has ended, to where people begin.
func (x *exchange) toSignIn() {
	next := x.r.URL.EscapedPath()
	if x.r.URL.RawQuery != "" {
		next += "?" + x.r.URL.RawQuery
	}
	if !reads(x.r.Method) {
		next = web.HomePath
	}
	to := web.SignIn(next)
	if x.site != nil && !x.site.public {
		to = web.LoginPath + "?" + web.NextInQuery + "=" + url.QueryEscape(x.site.origin+next)
	}
	x.ownHeaders()
	x.Header().Set("Location", x.d.public.origin+to)
	x.WriteHeader(http.StatusSeeOther)
}

// unreadBody reports a body that net/http would not read to its end by itself,
// and that the client is sending without being asked to.
func (x *exchange) unreadBody() bool {
	b, ok := x.r.Body.(*pacedBody)
	return ok && !b.ended && (x.r.ContentLength < 0 || x.r.ContentLength > netHTTPDrains) && x.r.ProtoMajor == 1
}

// drain sends the answer and takes in a little more of the body, so that a
// client that is writing reads the answer before it finds the connection gone.
func (x *exchange) drain() {
	c := http.NewResponseController(x.ResponseWriter)
	if c.Flush() != nil || x.r.Header.Get("Expect") != "" {
		return
	}
	c.SetReadDeadline(time.Now().Add(drainTimeout))
	io.CopyN(io.Discard, x.r.Body, maxDrain) // whatever comes of it, the connection ends
}
