package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"golang.org/x/oauth2"

	"github.com/latchkey-io/latchkey/auth"
)

// plain is the way of OAuth 2 alone (RFC 6749), which does not say who somebody
// is: where to ask that, and what the answer calls things, is configured.
type plain struct {
	*client
	authorizeURL, tokenURL, userinfoURL string
	seen                                glance
}

func newPlain(p Provider, us *client) (*plain, error) {
	o := &plain{client: us, authorizeURL: p.AuthorizeURL, tokenURL: p.TokenURL, userinfoURL: p.UserinfoURL}
	for _, a := range []struct{ name, at string }{
		{"authorize", p.AuthorizeURL}, {"token", p.TokenURL}, {"userinfo", p.UserinfoURL},
	} {
		if text := urlFault(a.at, maxJWKSURL, true); text != "" {
			return nil, fmt.Errorf("the %s URL %s", a.name, text)
		}
	}
	switch {
	case us.issuer == "" || len(us.issuer) > maxIssuerURL:
		return nil, errors.New("an issuer is needed: it names whose identities these are")
	case p.Claims.Subject == "":
		return nil, errors.New("the claim of the subject is needed: what never changes about an account there")
	}
	return o, nil
}

func (o *plain) authorize(context.Context, *attempt) (string, url.Values, error) {
	return o.authorizeURL, nil, nil
}

func (o *plain) names(context.Context) (bool, error) { return false, nil }

// endpoint proves who we are by Basic, which every server takes (RFC 6749
// §2.3.1); a public client has but its name.
func (o *plain) endpoint() oauth2.Endpoint {
	style := oauth2.AuthStyleInHeader
	if o.secret.Empty() {
		style = oauth2.AuthStyleInParams
	}
	return oauth2.Endpoint{TokenURL: o.tokenURL, AuthStyle: style}
}

func (o *plain) exchange(ctx context.Context, code auth.Secret, a *attempt) (auth.External, error) {
	t, err := o.redeem(ctx, o.endpoint(), code, a)
	if err != nil {
		return auth.External{}, err
	}
	return o.person(ctx, t)
}

func (o *plain) refresh(ctx context.Context, subject string, secret auth.Secret) (auth.External, error) {
	t, err := o.renew(ctx, o.endpoint(), secret)
	if err != nil {
		return auth.External{}, err
	}
	ext, err := o.person(ctx, t)
	if err == nil && ext.Subject != subject {
		return auth.External{}, o.denied("userinfo is about somebody else now")
	}
	return ext, err
}

// person is who an access token is of.
func (o *plain) person(ctx context.Context, t *oauth2.Token) (auth.External, error) {
	text, err := o.read(ctx, "userinfo", o.userinfoURL, auth.NewSecret(t.AccessToken))
	if err != nil {
		return auth.External{}, err
	}
	claims, err := object(text)
	if err != nil {
		return auth.External{}, o.down("userinfo: the answer %w", err)
	}
	subject, ok := subjectOf(claims[o.claims.Subject])
	if !ok {
		return auth.External{}, o.denied("userinfo: the claim %s names nobody", quote(o.claims.Subject))
	}
	ext := o.described(claims)
	ext.Subject = subject
	if ext.Groups, err = o.groups(claims[o.claims.Groups]); err != nil {
		return auth.External{}, err
	}
	if keepable(t.RefreshToken) {
		ext.Refresh = auth.NewSecret(t.RefreshToken)
	}
	return ext, nil
}

// subjectOf is a claim that names somebody: a text, or a whole number above
// zero, which is taken as its digits.
func subjectOf(claim any) (string, bool) {
	switch v := claim.(type) {
	case string:
		return v, isSubject(v)
	case json.Number:
		return v.String(), digits(v.String())
	}
	return "", false
}

func (o *plain) health(ctx context.Context) (string, bool) {
	return o.seen.look(ctx, o.client, o.userinfoURL)
}
