package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/configs"
	"github.com/latchkey-io/latchkey/gateway"
	"github.com/latchkey-io/latchkey/gateway/web"
	"github.com/latchkey-io/latchkey/internal/seal"
	"github.com/latchkey-io/latchkey/oauth"
)

// logins is the way through the providers of a configuration.
type logins struct {
	*oauth.Logins
	providers []auth.Provider
}

// newLogins makes it, and reads the secrets of its clients from their files. It
// asks nobody; before, which may be nil, is what it takes the place of.
func newLogins(c *configs.Config, ring *seal.Ring, spend func(context.Context, string, time.Time) error, before *logins) (*logins, error) {
	public, err := url.Parse(c.HTTP.PublicURL)
	if err != nil {
		return nil, err
	}
	with := oauth.Config{Ring: ring, Spend: spend}
	if before != nil {
		with.Before = before.Logins
	}
	out := &logins{}
	for _, p := range c.Providers {
		asked, err := oauthProvider(p, public)
		if err != nil {
			return nil, err
		}
		with.Providers = append(with.Providers, asked)
		out.providers = append(out.providers, auth.Provider{
			Name: p.Name, Title: p.Title, Type: p.Type, Issuer: p.Issuer,
			AutoCreate: p.AutoCreateUsers, DefaultGroups: p.DefaultGroups,
			Unlock: auth.UnlockBy(p.Unlock), RefreshEvery: p.Refresh,
		})
	}
	out.Logins, err = oauth.NewLogins(with)
	return out, err
}

// oauthProvider is a provider as package oauth asks it.
func oauthProvider(p configs.Provider, public *url.URL) (oauth.Provider, error) {
	out := oauth.Provider{
		Name: p.Name, Title: p.Title, Type: oauth.Type(p.Type), Issuer: p.Issuer,
		ClientID: p.ClientID, Callback: gateway.CallbackURL(public, p.Name),
		Scopes: p.Scopes, AllowedDomains: p.AllowedDomains, AllowedOrgs: p.AllowedOrgs, AllowAny: p.AllowAny,
		BaseURL: p.BaseURL, AuthorizeURL: p.AuthorizeURL, TokenURL: p.TokenURL, UserinfoURL: p.UserinfoURL,
		Claims: oauth.Claims(p.Claims), TokenAudience: p.TokenAudience,
	}
	for _, g := range p.Groups {
		out.Groups = append(out.Groups, oauth.GroupRule(g))
	}
	if p.ClientSecretFile != "" {
		secret, err := configs.ReadSecret(p.ClientSecretFile)
		if err != nil {
			return oauth.Provider{}, fmt.Errorf("provider %s: client_secret_file: %w", p.Name, err)
		}
		out.ClientSecret = auth.NewSecret(secret)
	}
	return out, nil
}

// forGateway is the way that the gateway takes people; nil: there is none.
func (l *logins) forGateway() web.Logins {
	if len(l.providers) == 0 {
		return nil
	}
	return l.Logins
}

// setLogins puts it in force: who is known from now on, and who asks them.
func (d *daemon) setLogins(l *logins) {
	d.logins.Store(l)
	d.authority.SetProviders(l.providers, l.Logins)
}

// parts are the providers, as health tells of them.
func (l *logins) parts() []part {
	var out []part
	for _, p := range l.providers {
		out = append(out, part{"provider " + p.Name, func(ctx context.Context) (string, error) {
			said, ok := l.Health(ctx, p.Name)
			if said = p.Title + ": " + said; !ok {
				return "", errors.New(said)
			}
			return said, nil
		}})
	}
	return out
}

// strangersLogins is enough to ask how the providers of c are, by somebody who
// cannot open the store.
func strangersLogins(c *configs.Config) (*logins, error) {
	ring, err := seal.NewRing()
	if err != nil {
		return nil, err
	}
	return newLogins(c, ring, func(context.Context, string, time.Time) error { return errors.New("nobody comes back here") }, nil)
}
