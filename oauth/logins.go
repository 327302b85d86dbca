package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/seal"
)

// Limits of a Config.
const (
	maxProviderName = 32 // bytes
	maxGroupRules   = 100
	maxDomains      = 100
	maxScopes       = 50
	maxAudiences    = 20
)

// Type is how a provider is spoken to.
type Type string

// The types.
const (
	OIDC   Type = "oidc"   // OpenID Connect, by discovery
	Google Type = "google" // the same, with the rule of hosted domains
	GitHub Type = "github" // github.com and GitHub Enterprise
	OAuth2 Type = "oauth2" // OAuth 2 with addresses and names of claims by hand
)

const googleIssuer = "https://accounts.google.com"

// Provider is somebody who says who people are.
type Provider struct {
	Name  string // required, unique: 1 to 32 of a-z, 0-9 and inner -
	Title string // what people call it; "": Name
	Type  Type   // required
	// Issuer names the identities: with oidc it leads to the discovery
	// document and is required, https, or http on this machine; google: "" is
	// https://accounts.google.com; github: "" is BaseURL; oauth2: required, and
	// what an iss of its answers must be.
	Issuer       string
	ClientID     string      // required
	ClientSecret auth.Secret // empty: a public client, by PKCE alone
	Callback     string      // required, unique: the exact redirect URI
	// Scopes that are asked for. None: openid profile email with oidc and
	// google, where openid must be among them; github: read:user user:email, and
	// read:org where a rule needs it; oauth2: none.
	Scopes []string
	// AllowedDomains are of whom is let in. oidc: the domain of the verified
	// e-mail address, whole, by ASCII letters of either case; google: hd, to the
	// letter. None: everybody whom the issuer knows.
	AllowedDomains []string
	AllowedOrgs    []string // github: organisations, or teams as org/team
	AllowAny       bool     // github: everybody
	BaseURL        string   // github: https://github.com or of an Enterprise server

	AuthorizeURL, TokenURL, UserinfoURL string // oauth2

	Claims Claims
	// Groups are given by the claim of groups; none: it is not looked at. At
	// most 100.
	Groups []GroupRule
	// TokenAudience are the aud of this issuer's tokens that JudgeToken takes.
	// None: it takes none. The client's own id cannot be one: that is the aud of
	// id_tokens, which open nothing.
	TokenAudience []string
}

// Claims are the names under which a provider tells things. An empty one is
// the name that OpenID Connect Core §5.1 has: sub, preferred_username, name,
// email, email_verified; and groups. With oidc and google the subject is sub.
type Claims struct{ Subject, Login, Name, Email, EmailVerified, Groups string }

// GroupRule gives those a group who have a claim of groups that fits.
type GroupRule struct {
	Claim string // a pattern, 1 to 256 bytes: * is any run without / and :, ** any
	Group string // ours; "": of the name that the claim has
}

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
	issuers   map[string]*issuer // by URL; providers may share one
}

var _ auth.Elsewhere = (*Logins)(nil)

// login is one provider.
type login struct {
	*party
	kind   Type
	way    way
	openID *openID // the way, where it is that; nil for others
	door   *door
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
		providers: map[string]*login{}, issuers: map[string]*issuer{},
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
	p.Title = clean(p.Title, maxFullName)
	if p.Title == "" {
		p.Title = p.Name
	}
	made := &login{kind: p.Type, door: newDoor(l.transport)}
	if before != nil && before.providers[p.Name] != nil {
		made.door = before.providers[p.Name].door
	}
	made.party = &party{
		name: p.Name, title: p.Title, issuer: p.Issuer, id: p.ClientID, secret: p.ClientSecret, callback: p.Callback,
		scopes: slices.Clone(p.Scopes), claims: p.Claims.named(), domains: slices.Clone(p.AllowedDomains),
		client: &http.Client{Transport: strict{made.door}, CheckRedirect: stay}, now: l.now,
	}
	for _, r := range p.Groups {
		made.rules = append(made.rules, groupRule{newPattern(r.Claim), r.Group})
	}
	var err error
	if made.way, err = l.newWay(p, made.party, before); err != nil {
		return nil, err
	}
	for _, other := range l.providers {
		if other.issuer == made.issuer && other.kind != made.kind {
			return nil, fmt.Errorf("%s has the same issuer and another type", other.name)
		}
	}
	made.openID, _ = made.way.(*openID)
	return made, nil
}

// check is what is wrong with a provider of any type.
func (p Provider) check() error {
	switch {
	case !providerName(p.Name):
		return errors.New("a provider's name is 1 to 32 of a-z, 0-9 and inner -")
	case p.ClientID == "" || len(p.ClientID) > maxIssuerURL:
		return errors.New("a provider needs a client id")
	case len(p.Groups) > maxGroupRules || len(p.AllowedDomains) > maxDomains || len(p.Scopes) > maxScopes || len(p.TokenAudience) > maxAudiences:
		return errors.New("a list is too long")
	case slices.Contains(p.TokenAudience, p.ClientID):
		return errors.New("the client id cannot be an audience of tokens: it is that of id_tokens, which open nothing")
	case slices.Contains(p.TokenAudience, ""):
		return errors.New("an audience of tokens is empty")
	}
	if text := callbackFault(p.Callback); text != "" {
		return fmt.Errorf("the callback %s", text)
	}
	for _, r := range p.Groups {
		if r.Claim == "" || len(r.Claim) > maxPattern || r.Group != "" && !groupName(r.Group) {
			return fmt.Errorf("a rule of groups has a pattern of 1 to %d bytes and the name of a group", maxPattern)
		}
	}
	for _, d := range p.AllowedDomains {
		if d == "" || strings.ContainsAny(d, "@*/: ") {
			return fmt.Errorf("%s is not a domain as example.com", quote(d))
		}
	}
	return nil
}

func providerName(s string) bool {
	return s != "" && len(s) <= maxProviderName && s[0] != '-' && s[len(s)-1] != '-' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// named is c with a name for each claim.
func (c Claims) named() Claims {
	for _, n := range []struct {
		name  *string
		usual string
	}{
		{&c.Subject, "sub"}, {&c.Login, "preferred_username"}, {&c.Name, "name"},
		{&c.Email, "email"}, {&c.EmailVerified, "email_verified"}, {&c.Groups, "groups"},
	} {
		if *n.name == "" {
			*n.name = n.usual
		}
	}
	return c
}

// provider is the one of this name. The error is of code NotFound.
func (l *Logins) provider(name string) (*login, error) {
	if p := l.providers[name]; p != nil {
		return p, nil
	}
	return nil, &auth.Error{Code: auth.NotFound, Reason: "provider not found"}
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
