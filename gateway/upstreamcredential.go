package gateway

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// Some upstreams know people by accounts of their own. A route that says so
// shows there the name and secret that the caller has stored for it, in place
// of the credential that the client showed, and never lets the upstream ask
// the client for another: what it would get is one of ours.

// upstreamsPath is where people enter what upstreams know them by.
const upstreamsPath = "/ui/profile/upstreams"

// shortestRepeated is how long a secret is, in bytes, that is looked for in
// what an upstream answers: less may be there by chance.
const shortestRepeated = 6

// lent is the caller's own credential for the route's upstream.
type lent struct {
	to     auth.Upstream
	name   string
	secret auth.Secret
}

// borrow finds the caller's own credential for the upstream. Without one the
// request goes on where everybody may do what it does, and nowhere else.
func (x *exchange) borrow() error {
	up := x.route.UpstreamCredential
	if up == nil || !x.who.Known() {
		return nil
	}
	name, secret, err := x.d.cfg.Auth.Upstreams.For(x.r.Context(), x.who, *up)
	switch auth.CodeOf(err) {
	case "":
		x.lent = &lent{*up, name, secret}
		x.pace.lends(up)
		return nil
	case auth.NotFound, auth.Forbidden:
		if x.unlent = x.notLent(err); x.everybodyMay() {
			return nil
		}
		return x.unlent
	}
	return err
}

// notLent is the refusal that tells the caller why there is no credential to
// show, and what to do about it.
func (x *exchange) notLent(err error) error {
	e, ok := errors.AsType[*auth.Error](err)
	if !ok || e.Code != auth.NotFound {
		return err // entering one would not help
	}
	return &auth.Error{Code: auth.Forbidden, Reason: e.Reason + "; " + x.whereToEnter(), Err: err}
}

// everybodyMay reports whether the route lets everybody do what this request
// does.
func (x *exchange) everybodyMay() bool {
	reading, writing := reads(x.r.Method) || x.webSocket, !reads(x.r.Method) || x.webSocket
	return (!reading || x.route.Open(auth.Read)) && (!writing || x.route.Open(auth.Write))
}

// whereToEnter tells the caller where a name and secret are entered.
func (x *exchange) whereToEnter() string {
	up := x.route.UpstreamCredential
	if x.who.Service {
		return fmt.Sprintf("an administrator enters them with: latchkey upstream set %s %s", x.who.User, up.Name)
	}
	text := "enter them at " + x.d.public.origin + upstreamsPath
	if up.SignUp != "" {
		text += " (accounts there: " + up.SignUp + ")"
	}
	return text
}

// showUpstream puts a credential into the one header that up wants it in.
func showUpstream(h http.Header, up auth.Upstream, name string, secret auth.Secret) {
	switch up.Send {
	case auth.UpstreamBasic:
		h[authHeader] = []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+secret.Reveal()))}
	case auth.UpstreamBearer:
		h[authHeader] = []string{"Bearer " + secret.Reveal()}
	case auth.UpstreamHeader:
		h[http.CanonicalHeaderKey(up.Header)] = []string{secret.Reveal()}
	}
}

// strip is strip, and every spelling of the header that the route's upstream
// takes a secret from: whatever is said in it, the client does not say it.
func (x *exchange) strip(h http.Header) {
	strip(h)
	if x.route == nil || x.route.UpstreamCredential == nil || x.route.UpstreamCredential.Send != auth.UpstreamHeader {
		return
	}
	for name := range h {
		if laxlySame(name, x.route.UpstreamCredential.Header) {
			delete(h, name)
		}
	}
}

// laxlySame compares names of headers as the laxest upstream does; see
// forgeable.
func laxlySame(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	fold := func(c byte) byte {
		switch {
		case 'A' <= c && c <= 'Z':
			return c + 'a' - 'A'
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			return c
		}
		return '-'
	}
	for i := range len(a) {
		if fold(a[i]) != fold(b[i]) {
			return false
		}
	}
	return true
}

// keepCredential judges the head of an answer from an upstream that knows
// people by accounts of their own: no challenge passes, and no header repeats
// what was shown there.
func (x *exchange) keepCredential(r *http.Response) error {
	if r.StatusCode == http.StatusUnauthorized {
		return x.notAcceptedThere()
	}
	h := r.Header
	delete(h, "Www-Authenticate")
	delete(h, "Proxy-Authenticate")
	if to, err := url.Parse(h.Get("Location")); err == nil && to.User != nil {
		return refusedAnswer("the upstream redirects to an address with a name or secret in it")
	}
	if x.lent == nil {
		return nil
	}
	forms := x.lent.forms()
	for name, values := range h {
		for _, value := range values {
			if !containsAny(value, forms) {
				continue
			}
			if name == "Location" {
				return refusedAnswer("the upstream redirects to an address with a name or secret in it")
			}
			delete(h, name)
		}
	}
	return nil
}

// forms are the texts in which an answer could repeat the secret.
func (l *lent) forms() []string {
	secret := l.secret.Reveal()
	if len(secret) < shortestRepeated {
		return nil
	}
	forms := []string{secret, url.QueryEscape(secret), url.PathEscape(secret)}
	for _, text := range [...]string{l.name + ":" + secret, secret} {
		raw := []byte(text)
		forms = append(forms, base64.RawStdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw))
	}
	return forms
}

func containsAny(text string, forms []string) bool {
	for _, form := range forms {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}

// notAcceptedThere is what a 401 of such an upstream means to the client.
func (x *exchange) notAcceptedThere() error {
	up := x.route.UpstreamCredential
	switch {
	case !x.who.Known():
		return refusedProof() // signed in here, they may be known there
	case x.lent == nil:
		return x.unlent
	}
	return &auth.Error{Code: auth.Forbidden, Reason: fmt.Sprintf("the upstream %q does not accept the name and secret that are stored for %s; %s", up.Name, x.who.User, x.whereToEnter())}
}

// checkLending refuses a route that would show a user's credential to anything
// but its upstream.
func checkLending(rt Route) error {
	up := rt.UpstreamCredential
	if up == nil {
		return nil
	}
	if rt.Builtin != nil {
		return fmt.Errorf("route %q: a built-in service takes no upstream credential", rt.Name)
	}
	to, err := url.Parse(rt.Upstream)
	if err != nil || up.URL == nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" || auth.OriginOf(to) != up.Origin() {
		return fmt.Errorf("route %q: its upstream is not at the scheme, host and port of the upstream %q", rt.Name, up.Name)
	}
	switch up.Send {
	case auth.UpstreamBasic, auth.UpstreamBearer:
		if rt.Basic {
			return fmt.Errorf("route %q: Basic and the credential for %q fill the same header", rt.Name, up.Name)
		}
	case auth.UpstreamHeader:
		if !plainHeader(up.Header) || rt.Basic && laxlySame(up.Header, authHeader) {
			return fmt.Errorf("route %q: the header of the upstream %q cannot be set", rt.Name, up.Name)
		}
	default:
		return fmt.Errorf("route %q: the upstream %q says no way of sending", rt.Name, up.Name)
	}
	return nil
}

// plainHeader reports a name of letters, digits and inner hyphens that frames
// nothing and says nothing of ours.
func plainHeader(name string) bool {
	if name == "" || strings.Trim(name, "-") != name {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	switch lower := strings.ToLower(name); lower {
	case "authorization", "x-authorization", "x-jfrog-art-api", "x-api-key":
		return true
	case "connection", "cookie", "expect", "keep-alive", "proxy-connection", "te", "trailer", "upgrade":
		return false
	}
	return !forgeable(name)
}
