package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// MiddlewareConfig is what Middleware stands on.
type MiddlewareConfig struct {
	Auth *auth.Authority // required
	// PublicURL is scheme and host of the program, as http://127.0.0.1:8080.
	// Browsers without a session are sent to /ui/login there. Required.
	PublicURL *url.URL
	// Route is who may: GET, HEAD and OPTIONS take its Read rules, everything
	// else its Write rules. Without any rule it is everybody known.
	Route auth.Route
	// TrustedProxies are the peers whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	Log            *slog.Logger     // nil: slog.Default
	Now            func() time.Time // nil: time.Now
}

// Middleware puts authentication in front of any handler of a Go program, as
// the gateway puts it in front of upstreams: ambiguous requests are refused,
// credentials are read and judged, what the client showed and every spelling
// of an identity header are taken away, and the handler finds the caller with
// IdentityFrom. Requests that may not come through never reach it.
//
// The bytes of HTTP/1 are scanned only on connections of Gateway.Listener;
// net/http alone takes some framings that proxies before it read differently.
func Middleware(c MiddlewareConfig) (func(http.Handler) http.Handler, error) {
	if len(c.Route.Read) == 0 && len(c.Route.Write) == 0 {
		known, err := auth.ParseRules([]string{"authenticated"})
		if err != nil {
			return nil, err
		}
		c.Route.Read, c.Route.Write = known, known
	}
	d, err := newFrame(Config{Auth: c.Auth, PublicURL: c.PublicURL, TrustedProxies: c.TrustedProxies, Log: c.Log, Now: c.Now})
	if err != nil {
		return nil, err
	}
	g := newGateway(d)
	here := &place{Route: Route{Route: c.Route, WebSocket: true}}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x := g.begin(d, w, r)
			defer x.end()
			x.site, x.route = d.public, here
			if err := x.guard(); err != nil {
				x.refuse(err)
				return
			}
			r = x.r.WithContext(context.WithValue(x.r.Context(), identityKey{}, x.told()))
			r.Header = r.Header.Clone()
			strip(r.Header)
			next.ServeHTTP(x, r)
		})
	}, nil
}

// guard judges a request for a handler of the same program.
func (x *exchange) guard() error {
	x.meet("http")
	if err := checkRequest(x.r); err != nil {
		return err
	}
	if _, err := x.identify(); err != nil {
		return err
	}
	if err := x.checkOrigin(); err != nil {
		return err
	}
	return x.allow()
}

type identityKey struct{}

// IdentityFrom is who a request behind Middleware comes from; ok is false for
// a context of anything else. Somebody anonymous is an identity that is not
// Known.
func IdentityFrom(ctx context.Context) (who auth.Identity, ok bool) {
	who, ok = ctx.Value(identityKey{}).(auth.Identity)
	return who, ok
}
