package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/seal"
)

// Config is whom to ask, and with what.
type Config struct {
	Providers []Provider // at most 50; none: nobody is sent anywhere
	Ring      *seal.Ring // required; seals attempts. Replicas share it
	// Spend notes that an attempt was used, until a time: auth.Exists the second
	// time, whichever replica asks. Required.
	Spend func(ctx context.Context, id string, until time.Time) error
	// Before is what this takes the place of: what its issuers published stays
	// known, and the limits go on. nil: nothing is known.
	Before *Logins
	// Transport reaches providers; nil: HTTPS, by a proxy where the environment
	// names one. With Before it counts for new ones alone.
	Transport http.RoundTripper
	Now       func() time.Time // nil: time.Now
}

// Logins sends people to providers and judges what they come back with. It does
// not change, keeps nothing of an attempt, and all methods are safe for
// concurrent use.
type Logins struct {
	providers map[string]*login
	ring      *seal.Ring
	spend     func(ctx context.Context, id string, until time.Time) error
	now       func() time.Time
	transport http.RoundTripper
	issuers   issuers
}

var _ auth.Elsewhere = (*Logins)(nil)

// login is one provider.
type login struct {
	*client
	identities identities
	way        way
	door       *door
}

// NewLogins takes a configuration. An error names the first thing that is wrong
// with it. Nobody is asked anything before somebody comes.
func NewLogins(c Config) (*Logins, error) {
	if c.Ring == nil || c.Spend == nil {
		return nil, errors.New("logins: a ring and something that remembers used attempts are needed")
	}
	if len(c.Providers) > maxProviders {
		return nil, fmt.Errorf("logins: %d providers, at most %d are accepted", len(c.Providers), maxProviders)
	}
	l := &Logins{
		providers: map[string]*login{}, issuers: issuers{},
		ring: c.Ring, spend: c.Spend, now: c.Now, transport: c.Transport,
	}
	if l.now == nil {
		l.now = time.Now
	}
	if l.transport == nil {
		l.transport = newTransport()
	}
	for _, p := range c.Providers {
		if l.providers[p.Name] != nil {
			return nil, fmt.Errorf("logins: two providers are called %q", p.Name)
		}
		for _, other := range l.providers {
			if other.callback == p.Callback {
				return nil, fmt.Errorf("logins: %s and %s have one callback; an answer must tell whose it is", other.name, p.Name)
			}
		}
		made, err := l.newLogin(p, c.Before)
		if err != nil {
			return nil, fmt.Errorf("logins: %s: %w", p.Name, err)
		}
		l.providers[p.Name] = made
	}
	return l, nil
}

func (l *Logins) newLogin(p Provider, before *Logins) (*login, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	p = p.completed()
	made := &login{identities: p.identities(), door: newDoor(l.transport)}
	if before != nil && before.providers[p.Name] != nil {
		made.door = before.providers[p.Name].door
	}
	made.client = &client{
		name: p.Name, title: p.Title, issuer: p.Issuer, id: p.ClientID, secret: p.ClientSecret, callback: p.Callback,
		scopes: slices.Clone(p.Scopes), claims: p.Claims.named(), domains: slices.Clone(p.AllowedDomains),
		http: &http.Client{Transport: strict{made.door}, CheckRedirect: stay}, now: l.now,
	}
	for _, r := range p.Groups {
		made.rules = append(made.rules, groupRule{newPattern(r.Claim), r.Group})
	}
	for _, other := range l.providers {
		if other.issuer == p.Issuer && other.identities != made.identities {
			return nil, fmt.Errorf("%s has the same issuer and names people in another way", other.name)
		}
	}
	var err error
	if made.way, err = l.newWay(p, made.client, before); err != nil {
		return nil, err
	}
	return made, nil
}

// provider is the one of this name. The error is of code NotFound.
func (l *Logins) provider(name string) (*login, error) {
	if p := l.providers[name]; p != nil {
		return p, nil
	}
	return nil, &auth.Error{Code: auth.NotFound, Reason: "provider not found"}
}

// openID is the one of this name where OpenID Connect is spoken to it.
func (l *Logins) openID(name string) (*openID, bool) {
	p := l.providers[name]
	if p == nil {
		return nil, false
	}
	o, ok := p.way.(*openID)
	return o, ok
}

// Health asks a provider what it publishes, unless that was done within half a
// minute, and tells how that went in a clause. It takes at most five seconds.
func (l *Logins) Health(ctx context.Context, provider string) (said string, ok bool) {
	p, err := l.provider(provider)
	if err != nil {
		return "there is no such provider", false
	}
	return p.way.health(ctx)
}
