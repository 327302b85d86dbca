package oauth

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// Limits of a Provider.
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

const googleIssuer = "https://accounts.google.com"

// completed is p with what follows from its type.
func (p Provider) completed() Provider {
	p.Title = cmp.Or(clean(p.Title, maxFullName), p.Name)
	switch p.Type {
	case Google:
		p.Issuer = cmp.Or(p.Issuer, googleIssuer)
	case GitHub:
		p.BaseURL = cmp.Or(p.BaseURL, githubURL)
		p.Issuer = cmp.Or(p.Issuer, p.BaseURL)
	}
	return p
}

// identities is all that the meaning of a subject depends on, beside its issuer.
type identities struct {
	kind                  Type
	base, userinfo, claim string
}

func (p Provider) identities() identities {
	return identities{p.Type, p.BaseURL, p.UserinfoURL, p.Claims.named().Subject}
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
	case p.Type != OIDC && p.Type != Google && len(p.AllowedDomains)+len(p.TokenAudience) > 0:
		return errors.New("OpenID Connect alone has a rule of domains, and tokens for others")
	case p.Type != GitHub && (len(p.AllowedOrgs) > 0 || p.AllowAny):
		return errors.New("GitHub alone has rules of organisations") // one that is passed over would let everybody in
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
