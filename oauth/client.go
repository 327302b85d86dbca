package oauth

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/latchkey-io/latchkey/auth"
)

// askTimeout bounds one request to a token or userinfo endpoint.
const askTimeout = 5 * time.Second

// client is us as a provider knows us (RFC 6749 §1.1), and what we make of what
// it says.
type client struct {
	name, title, issuer string
	iss                 string // what it calls itself in answers, where that is not issuer; "": it is
	id                  string
	secret              auth.Secret // empty: a public client
	callback            string
	scopes              []string
	claims              Claims // every name is set
	domains             []string
	rules               []groupRule
	http                *http.Client // bounded, strict, and follows no redirect
	now                 func() time.Time
}

// calls reports whether the provider calls itself so in answers (RFC 9207 §2).
func (p *client) calls(itself string) bool {
	return itself == p.issuer || p.iss != "" && itself == p.iss
}

// config is us for golang.org/x/oauth2. The style of e is never left open: to
// find it out, the library shows a code twice.
func (p *client) config(e oauth2.Endpoint) *oauth2.Config {
	return &oauth2.Config{ClientID: p.id, ClientSecret: p.secret.Reveal(), RedirectURL: p.callback, Scopes: p.scopes, Endpoint: e}
}

// redeem shows a code at a token endpoint, with the verifier of its attempt
// (RFC 6749 §4.1.3, RFC 7636 §4.5).
func (p *client) redeem(ctx context.Context, e oauth2.Endpoint, code auth.Secret, a *attempt) (*oauth2.Token, error) {
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
func (p *client) renew(ctx context.Context, e oauth2.Endpoint, refresh auth.Secret) (*oauth2.Token, error) {
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
func (p *client) bearer(t *oauth2.Token) (*oauth2.Token, error) {
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
func (p *client) read(ctx context.Context, what, at string, access auth.Secret) ([]byte, error) {
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
func (p *client) get(ctx context.Context, what, at, accept string, access auth.Secret) (*http.Response, []byte, error) {
	ctx, cancel := p.bounded(ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, nil, p.down("%s: its address is not one", what)
	}
	r.Header.Set("Accept", accept)
	r.Header.Set("User-Agent", "latchkey")
	r.Header.Set("Authorization", "Bearer "+access.Reveal())
	answer, err := p.http.Do(r)
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

func (p *client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, p.http), askTimeout)
}
