package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/latchkey-io/latchkey/auth"
)

// askTimeout bounds one request to a token or userinfo endpoint.
const askTimeout = 5 * time.Second

// party is us as a provider knows us, and what we make of what it says.
type party struct {
	name, title, issuer string
	iss                 string // what it calls itself in answers, where that is not issuer; "": it is
	id                  string
	secret              auth.Secret // empty: a public client
	callback            string
	scopes              []string
	claims              Claims // every name is set
	domains             []string
	rules               []groupRule
	client              *http.Client // bounded, strict, and follows no redirect
	now                 func() time.Time
}

// calls reports whether the provider calls itself so in answers (RFC 9207 §2).
func (p *party) calls(itself string) bool {
	return itself == p.issuer || p.iss != "" && itself == p.iss
}

// config is us for golang.org/x/oauth2. The style of e is never left open: to
// find it out, the library shows a code twice.
func (p *party) config(e oauth2.Endpoint) *oauth2.Config {
	return &oauth2.Config{ClientID: p.id, ClientSecret: p.secret.Reveal(), RedirectURL: p.callback, Scopes: p.scopes, Endpoint: e}
}

// redeem shows a code at a token endpoint, with the verifier of its attempt
// (RFC 6749 §4.1.3, RFC 7636 §4.5).
func (p *party) redeem(ctx context.Context, e oauth2.Endpoint, code auth.Secret, a *attempt) (*oauth2.Token, error) {
	ctx, cancel := p.bounded(ctx)
	defer cancel()
	t, err := p.config(e).Exchange(ctx, code.Reveal(), oauth2.VerifierOption(a.verifier))
	if err != nil {
		return nil, p.failed("token endpoint", err, code.Reveal(), a.verifier, a.state, a.nonce)
	}
	return p.bearer(t)
}

// renew shows a refresh token (RFC 6749 §6). The new token has the old refresh
// token where it brings no other.
func (p *party) renew(ctx context.Context, e oauth2.Endpoint, refresh auth.Secret) (*oauth2.Token, error) {
	ctx, cancel := p.bounded(ctx)
	defer cancel()
	t, err := p.config(e).TokenSource(ctx, &oauth2.Token{RefreshToken: refresh.Reveal()}).Token()
	if err != nil {
		return nil, p.failed("token endpoint", err, refresh.Reveal())
	}
	return p.bearer(t)
}

// bearer refuses tokens that are shown in other ways, or cannot be (RFC 6749
// §7.1, RFC 6750 §2.1).
func (p *party) bearer(t *oauth2.Token) (*oauth2.Token, error) {
	if t.TokenType != "" && !strings.EqualFold(t.TokenType, "bearer") {
		return nil, p.denied("token endpoint: the access token is not a bearer token")
	}
	if strings.ContainsFunc(t.AccessToken, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, p.denied("token endpoint: the access token is not of printable ASCII")
	}
	return t, nil
}

// read gets a JSON document of at most maxDocument bytes with an access token
// (RFC 6750 §2.1).
func (p *party) read(ctx context.Context, what, at string, access auth.Secret) ([]byte, error) {
	answer, text, err := p.get(ctx, what, at, "application/json", access)
	switch {
	case err != nil:
		return nil, err
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
		return nil, p.denied("%s: the answer is %d", what, answer.StatusCode)
	case answer.StatusCode != http.StatusOK:
		return nil, p.down("%s: the answer is %d", what, answer.StatusCode)
	}
	return text, nil
}

// get asks at an address, as what it is called in errors, and reads the body of
// the answer, whatever its status is.
func (p *party) get(ctx context.Context, what, at, accept string, access auth.Secret) (*http.Response, []byte, error) {
	ctx, cancel := p.bounded(ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, nil, p.down("%s: its address is not one", what)
	}
	r.Header.Set("Accept", accept)
	r.Header.Set("User-Agent", "latchkey")
	r.Header.Set("Authorization", "Bearer "+access.Reveal())
	answer, err := p.client.Do(r)
	if err != nil {
		return nil, nil, p.failed(what, err, access.Reveal())
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, nil, p.failed(what, err, access.Reveal())
	}
	return answer, text, nil
}

func (p *party) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, p.client), askTimeout)
}

// misfit is a refusal that is about how we are known to the provider, and says
// nothing of the person.
type misfit struct{ error }

// codes that a token endpoint may answer, and what they are about.
var (
	aboutUs  = []string{"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "incorrect_client_credentials", "redirect_uri_mismatch"}
	forLater = []string{"temporarily_unavailable", "server_error", "slow_down"}
)

// failed is what a failed request comes to. Of what the provider wrote, only a
// short beginning is told, without what is hidden.
func (p *party) failed(what string, err error, hidden ...string) error {
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return p.answered(what, answer, append(hidden, p.secret.Reveal()))
	}
	for _, known := range []error{errBusy, errMoved, errLarge, errUnclear} {
		if errors.Is(err, known) {
			return p.down("%s: %w", what, known)
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return p.down("%s: the request was given up", what)
	case errors.Is(err, context.DeadlineExceeded):
		return p.down("%s: no answer within %s", what, askTimeout)
	}
	return p.down("%s: %s", what, said(err.Error(), append(hidden, p.secret.Reveal())...))
}

func (p *party) answered(what string, answer *oauth2.RetrieveError, hidden []string) error {
	status, code := answer.Response.StatusCode, answer.ErrorCode
	told := fmt.Errorf("%s: the answer is %d, error %s %s", what, status, said(code, hidden...), said(answer.ErrorDescription, hidden...))
	switch {
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests,
		code == "", slices.Contains(forLater, code):
		return p.down("%w", told)
	case slices.Contains(aboutUs, code):
		return &auth.Error{Code: auth.Forbidden, Reason: p.title + " does not accept how this service is set up there; please tell an administrator", Err: misfit{told}}
	}
	return p.denied("%w", told)
}

// denied is an answer that cannot be accepted.
func (p *party) denied(format string, args ...any) error {
	return &auth.Error{Code: auth.Forbidden, Reason: "what " + p.title + " answered cannot be accepted; please start again, and tell an administrator if it stays so", Err: fmt.Errorf("provider "+p.name+": "+format, args...)}
}

// outside is somebody whom the provider knows and our rules do not let in.
func (p *party) outside(format string, args ...any) error {
	return &auth.Error{Code: auth.Forbidden, Reason: "this account of " + p.title + " is not one of those that are let in here; sign in there with another one, or ask an administrator", Err: fmt.Errorf("provider "+p.name+": "+format, args...)}
}

// down is a provider that does not answer, or nothing that means something.
func (p *party) down(format string, args ...any) error {
	return &auth.Error{Code: auth.Unavailable, Reason: p.title + " does not answer now; try again in a minute", Err: fmt.Errorf("provider "+p.name+": "+format, args...)}
}
