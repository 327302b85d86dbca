package oauth

import (
	"context"
	"fmt"
	"net/url"

	"github.com/latchkey-io/latchkey/auth"
)

// way is what differs between kinds of providers: OpenID Connect (openID),
// GitHub and plain OAuth 2. Logins has made the attempt, or judged what came
// back by all that is the same for each of them, before a way is asked.
//
// A way keeps nothing from one call to the next but what a provider publishes,
// and is safe for concurrent use. Every wait in it is bounded; that, and what
// is told when a provider fails, is the work of client, through which it asks.
// Its errors are *auth.Error: Unavailable when the provider did not answer,
// Forbidden when it, or a rule of ours, says no. None repeats a code or token.
type way interface {
	// authorize is the authorization endpoint, and what is asked there beyond
	// response_type, client_id, redirect_uri, scope, state and code_challenge.
	authorize(ctx context.Context, a *attempt) (endpoint string, more url.Values, err error)
	// names is whether the provider is known to say who it is with each answer
	// (RFC 9207 §2.4), so that one without iss is not its.
	names(ctx context.Context) (bool, error)
	// exchange turns the code that an attempt came back with into who came.
	// The code is shown to the provider once.
	exchange(ctx context.Context, code auth.Secret, a *attempt) (auth.External, error)
	// refresh asks what the provider says now of the person of subject, with
	// the External.Refresh of last time. Who is found must be subject.
	refresh(ctx context.Context, subject string, secret auth.Secret) (auth.External, error)
	// health is a clause on how the provider answers now, and whether well.
	health(ctx context.Context) (said string, ok bool)
}

// newWay makes the way of one type. us is complete.
func (l *Logins) newWay(p Provider, us *client, before *Logins) (way, error) {
	switch p.Type {
	case OIDC, Google:
		return l.newOpenID(p, us, before)
	case GitHub:
		return newGitHub(p, us)
	case OAuth2:
		return newPlain(p, us)
	}
	return nil, fmt.Errorf("there is no type %q", p.Type)
}
