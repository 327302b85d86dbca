package configs

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Limits of providers.
const (
	maxProviders      = 50
	maxProviderTitle  = 64  // bytes
	maxClientID       = 256 // bytes
	maxProviderScopes = 50
	maxProviderDomain = 100
	maxProviderOrgs   = 100
	maxProviderGroups = 100
	maxDefaultGroups  = 50
	maxTokenAudience  = 20
	maxExternalTokens = maxProviders // of one route
	maxClaimName      = 256          // bytes
	maxProviderURL    = 1024         // bytes; a query is among them, as some services are told their tenant by it
	minRefresh        = time.Minute
	maxRefresh        = 24 * time.Hour
)

var (
	providerNameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
	// scopeForm is a scope-token, and clientIDForm a client_id (RFC 6749 §A).
	scopeForm    = regexp.MustCompile(`^[\x21\x23-\x5b\x5d-\x7e]{1,256}$`)
	clientIDForm = regexp.MustCompile(`^[\x20-\x7e]+$`)
	orgForm      = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]{0,98}[A-Za-z0-9_])?(/[A-Za-z0-9_]([A-Za-z0-9_.-]{0,98}[A-Za-z0-9_-])?)?$`)
)

// orgScopes are those with which GitHub tells of organisations and teams.
var orgScopes = []string{"read:org", "write:org", "admin:org"}

// takenRealms are the realms of accounts that no provider made.
var takenRealms = []string{"internal", "local", "ldap", "saml"}

// validateProviders judges who signs people in, and gives those without a
// fault in their name, by it.
func (c *Config) validateProviders(r *report) map[string]*Provider {
	names := map[string]*Provider{}
	if n := len(c.Providers); n > maxProviders {
		r.at("providers", "has %d entries; at most %d are accepted", n, maxProviders)
		return names
	}
	for i := range c.Providers {
		p, at := &c.Providers[i], index("providers", i)
		switch {
		case !providerNameForm.MatchString(p.Name):
			r.at(at+".name", "takes 1 to 32 of a-z, 0-9 and inner hyphens")
		case slices.Contains(takenRealms, p.Name):
			r.at(at+".name", "is the realm of accounts that no provider makes; choose another")
		case names[p.Name] != nil:
			r.at(at+".name", "is the name of another provider too")
		default:
			names[p.Name] = p
		}
		p.validate(r, at)
		c.validateIssuer(r, at, i)
	}
	return names
}

func (p *Provider) validate(r *report, at string) {
	if len(p.Title) > maxProviderTitle || strings.ContainsFunc(p.Title, unprintable) {
		r.at(at+".title", "takes at most %d bytes of plain text", maxProviderTitle)
	}
	if !slices.Contains([]string{"oidc", "google", "github", "oauth2"}, p.Type) {
		if p.Type == "" {
			r.at(at+".type", "is missing: oidc, google, github or oauth2")
		} else {
			checkWord(r, at+".type", p.Type, "oidc", "google", "github", "oauth2")
		}
		return // what its other keys mean depends on it
	}
	p.validateKeys(r, at)
	p.validateClient(r, at)
	switch p.Type {
	case "github":
		p.validateGitHub(r, at)
	case "oauth2":
		p.validateOAuth2(r, at)
	}
	p.validateWho(r, at)
	p.validateClaims(r, at)
	p.validateUse(r, at)
}

// validateClient judges what this Latchkey is to the provider.
func (p *Provider) validateClient(r *report, at string) {
	switch {
	case p.ClientID == "":
		r.at(at+".client_id", "is missing: the provider gives it when you register this Latchkey there")
	case len(p.ClientID) > maxClientID || !clientIDForm.MatchString(p.ClientID):
		r.at(at+".client_id", "takes at most %d plain characters", maxClientID)
	}
	switch {
	case p.ClientSecretFile != "":
		if _, err := ReadSecret(p.ClientSecretFile); err != nil {
			r.at(at+".client_secret_file", "%s", strings.TrimPrefix(err.Error(), "secret file "))
		}
	case p.Type == "google" || p.Type == "github":
		r.at(at+".client_secret_file", "is missing: %s has no clients without a secret", p.Type)
	}
	checkList(r, at+".scopes", p.Scopes, maxProviderScopes, func(s string) string {
		if !scopeForm.MatchString(s) {
			return "takes one scope, without blanks and quotes"
		}
		return ""
	})
	if oidc := p.Type == "oidc" || p.Type == "google"; oidc && len(p.Scopes) > 0 && !slices.Contains(p.Scopes, "openid") {
		r.at(at+".scopes", "lacks openid: without it the provider does not say who somebody is")
	}
}

func (p *Provider) validateGitHub(r *report, at string) {
	u, err := url.Parse(p.BaseURL)
	text := checkIssuer(p.BaseURL, "takes the address of GitHub, as https://git.example.com")
	switch {
	case text != "":
		r.at(at+".base_url", "%s", text)
		return
	case err != nil || u.Path != "" || p.BaseURL != strings.ToLower(p.BaseURL):
		r.at(at+".base_url", "takes scheme, host and perhaps a port in lower case, as https://git.example.com")
		return
	case p.BaseURL != githubURL && (u.Hostname() == "github.com" || strings.HasSuffix(u.Hostname(), ".github.com")):
		r.at(at+".base_url", "must be %s for github.com", githubURL)
		return
	}
	if len(p.Scopes) > 0 && len(p.AllowedOrgs)+len(p.Groups) > 0 && !slices.ContainsFunc(p.Scopes, func(s string) bool { return slices.Contains(orgScopes, s) }) {
		r.at(at+".scopes", "lacks read:org: without it GitHub tells of no organisations and teams")
	}
	switch {
	case p.AllowAny && len(p.AllowedOrgs) > 0:
		r.at(at+".allow_any", "and allowed_orgs say two things; choose one")
	case p.AllowAny && p.BaseURL != githubURL:
		r.at(at+".allow_any", "is for github.com; without allowed_orgs everybody on %s is let in anyway", p.BaseURL)
	case p.BaseURL == githubURL && !p.AllowAny && len(p.AllowedOrgs) == 0:
		r.at(at+".allowed_orgs", "is empty: anybody can have an account on github.com; name organisations, or write allow_any: true")
	}
}

func (p *Provider) validateOAuth2(r *report, at string) {
	for _, a := range []struct{ key, address, does string }{
		{"authorize_url", p.AuthorizeURL, "people sign in there"},
		{"token_url", p.TokenURL, "codes are exchanged there"},
		{"userinfo_url", p.UserinfoURL, "it tells who somebody is"},
	} {
		if a.address == "" {
			r.at(at+"."+a.key, "is missing: %s, and type oauth2 finds no address by itself", a.does)
		} else if text := checkAsked(a.address, maxProviderURL, "takes an https URL, as https://login.example.com/oauth/token"); text != "" {
			r.at(at+"."+a.key, "%s", text)
		}
	}
	if p.Claims.Subject == "" {
		r.at(at+".claims.subject", "is missing: what never changes about an account there, as id or user_id")
	}
}

// validateWho judges whom the provider lets in.
func (p *Provider) validateWho(r *report, at string) {
	checkList(r, at+".allowed_domains", p.AllowedDomains, maxProviderDomain, func(s string) string {
		if !validHost(s) || !strings.Contains(s, ".") {
			return "takes a domain in lower case, as example.com, without @ and *"
		}
		return ""
	})
	checkList(r, at+".allowed_orgs", p.AllowedOrgs, maxProviderOrgs, func(s string) string {
		if !orgForm.MatchString(s) {
			return "takes an organisation, as acme, or a team by its short name, as acme/platform"
		}
		return ""
	})
}

func (p *Provider) validateClaims(r *report, at string) {
	for _, c := range []struct{ key, name string }{
		{"subject", p.Claims.Subject}, {"login", p.Claims.Login}, {"name", p.Claims.Name},
		{"email", p.Claims.Email}, {"email_verified", p.Claims.EmailVerified}, {"groups", p.Claims.Groups},
	} {
		if len(c.name) > maxClaimName || strings.ContainsFunc(c.name, unprintable) {
			r.at(at+".claims."+c.key, "takes the name of a claim, of at most %d bytes", maxClaimName)
		}
	}
	if n := len(p.Groups); n > maxProviderGroups {
		r.at(at+".groups", "has %d entries; at most %d are accepted", n, maxProviderGroups)
		return
	}
	for i, g := range p.Groups {
		at := index(at+".groups", i)
		switch {
		case g.Claim == "":
			r.at(at+".claim", "is missing: the provider's group, or a pattern of such")
		case len(g.Claim) > maxPattern:
			r.at(at+".claim", "is longer than %d bytes", maxPattern)
		case slices.Contains(p.Groups[:i], g):
			r.at(at+".claim", "is the same rule as an earlier one")
		}
		switch {
		case g.Group == "" && strings.ContainsAny(g.Claim, `/:,"`):
			r.at(at+".group", "is missing: a group here has no / : , or quotes in its name, so none is called as the provider's")
		case g.Group != "" && checkGroup(g.Group) != "":
			r.at(at+".group", "%s", checkGroup(g.Group))
		}
	}
}

// validateUse judges what people who came in this way can do.
func (p *Provider) validateUse(r *report, at string) {
	checkList(r, at+".default_groups", p.DefaultGroups, maxDefaultGroups, checkGroup)
	if len(p.DefaultGroups) > 0 && !p.AutoCreateUsers {
		r.at(at+".default_groups", "is for accounts that auto_create_users makes, which is off")
	}
	checkWord(r, at+".unlock", p.Unlock, "password", "again", "open")
	if p.Unlock == "again" && p.Type != "oidc" {
		r.at(at+".unlock", "cannot be again: type %s does not tell when somebody last signed in; take password or open", p.Type)
	}
	if p.Refresh != 0 && (p.Refresh < minRefresh || p.Refresh > maxRefresh) {
		r.at(at+".refresh", "takes 0, or a duration from %s to %s", durationText(minRefresh), durationText(maxRefresh))
	}
	checkList(r, at+".token_audience", p.TokenAudience, maxTokenAudience, func(s string) string {
		switch {
		case s == "" || len(s) > maxAudience:
			return "takes what the tokens have in aud, 1 to 512 bytes"
		case s == p.ClientID:
			return "is client_id: the ID tokens of signing in would then be credentials; take an audience of its own"
		}
		return ""
	})
}

// validateExternalTokens judges whose JWTs a route takes.
func (rt *Route) validateExternalTokens(r *report, at string, known map[string]*Provider) {
	checkList(r, at+".external_tokens", rt.ExternalTokens, maxExternalTokens, func(name string) string {
		switch p := known[name]; {
		case p == nil:
			return "names none of providers; write it there first"
		case len(p.TokenAudience) == 0:
			return "names a provider without token_audience, so none of its tokens would be taken"
		}
		return ""
	})
}

func unprintable(c rune) bool { return !unicode.IsPrint(c) || c == unicode.ReplacementChar }
