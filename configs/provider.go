package configs

import (
	"slices"
	"strings"
	"time"
)

// defaultRefresh is how old what a provider said of somebody may become while
// the session is in use, when the provider's entry does not say.
const defaultRefresh = 5 * time.Minute

const (
	googleIssuer = "https://accounts.google.com"
	githubURL    = "https://github.com"
)

// Provider is somebody else who says who people are. Types differ in the keys
// that they have: see typedKeys.
type Provider struct {
	Name             string          `yaml:"name" doc:"Unique: 1 to 32 of a-z 0-9 and inner hyphens. In addresses, and the realm of accounts that it makes; not internal, local, ldap or saml."`
	Type             string          `yaml:"type" enum:"oidc,google,github,oauth2" doc:"oidc (any OpenID provider), google, github (github.com or GitHub Enterprise Server) or oauth2 (others, by their addresses)."`
	Title            string          `yaml:"title" doc:"What buttons and lists call it. Empty: the name."`
	Issuer           string          `yaml:"issuer" doc:"Who vouches, to the letter; with the subject it is what accounts are linked to. oidc: its settings are found from here. oauth2: a name for the service, as its URL. Empty with google: https://accounts.google.com; with github: base_url."`
	ClientID         string          `yaml:"client_id" doc:"What the provider calls this Latchkey."`
	ClientSecretFile string          `yaml:"client_secret_file" doc:"File with the secret of that client. Empty with oidc and oauth2: a public client, by PKCE alone."`
	Scopes           []string        `yaml:"scopes" doc:"What is asked for. Empty: openid, profile and email with oidc and google; read:user and user:email with github, and read:org where organisations count; none with oauth2."`
	AllowedDomains   []string        `yaml:"allowed_domains" doc:"oidc: domains of verified e-mail addresses that are let in; google: Workspace domains (hd). Empty: everybody whom the provider knows."`
	AllowedOrgs      []string        `yaml:"allowed_orgs" doc:"github: organisations, as acme, or teams, as acme/platform, whose members are let in. Empty: everybody, which github.com needs allow_any for."`
	AllowAny         bool            `yaml:"allow_any" doc:"github: let everybody on github.com in."`
	BaseURL          string          `yaml:"base_url" doc:"github: https://github.com, or the address of a GitHub Enterprise Server. Empty: https://github.com."`
	AuthorizeURL     string          `yaml:"authorize_url" doc:"oauth2: where people sign in."`
	TokenURL         string          `yaml:"token_url" doc:"oauth2: where a code is exchanged for a token."`
	UserinfoURL      string          `yaml:"userinfo_url" doc:"oauth2: what tells, in JSON, whose token it is."`
	Claims           ProviderClaims  `yaml:"claims" doc:"oidc and oauth2: how the provider calls what it says of people."`
	Groups           []ProviderGroup `yaml:"groups" doc:"Which of the provider's groups are groups here. Without entries, none."`
	AutoCreateUsers  bool            `yaml:"auto_create_users" doc:"Make an account for somebody who is let in and has none."`
	DefaultGroups    []string        `yaml:"default_groups" doc:"Groups of the accounts that auto_create_users makes."`
	Unlock           string          `yaml:"unlock" enum:"password,again,open" doc:"What opens the profile to people who signed in here: password (their password at this Latchkey), again (signing in at the provider afresh; oidc alone) or open (it is never locked). Left out: again with oidc, else password."`
	Refresh          time.Duration   `yaml:"refresh" doc:"How old what the provider said may become while a session is in use, 1m to 24h. 0: it is not asked again."`
	TokenAudience    []string        `yaml:"token_audience" doc:"oidc and google: what JWTs of this issuer must have in aud to be taken as a credential by routes with external_tokens. Empty: none is taken."`
}

// ProviderClaims are names of claims. Empty ones are the usual: sub (required
// with oauth2), preferred_username, name, email, email_verified, groups.
type ProviderClaims struct {
	Subject       string `yaml:"subject" doc:"oauth2: what never changes about an account, and is never another's: a number or id, not a login or an address."`
	Login         string `yaml:"login" doc:"The name there, to show and to make an account's name of. Empty: preferred_username."`
	Name          string `yaml:"name" doc:"The display name. Empty: name."`
	Email         string `yaml:"email" doc:"The e-mail address. Empty: email."`
	EmailVerified string `yaml:"email_verified" doc:"Whether the provider has verified the address; only true counts. Empty: email_verified."`
	Groups        string `yaml:"groups" doc:"The list of groups. Empty: groups."`
}

// ProviderGroup makes members of a provider's groups members here.
type ProviderGroup struct {
	Claim string `yaml:"claim" doc:"Pattern of the provider's group: * is any run of characters without / and :, ** any run. With github: acme/platform, a team."`
	Group string `yaml:"group" doc:"Group here, which must exist. Empty: the one of the same name."`
}

// DefaultProvider is what each entry of providers begins with.
func DefaultProvider() Provider {
	return Provider{
		Scopes: []string{}, AllowedDomains: []string{}, AllowedOrgs: []string{},
		Groups: []ProviderGroup{}, DefaultGroups: []string{}, TokenAudience: []string{},
		Refresh: defaultRefresh,
	}
}

// complete fills in what follows from the type and the other keys.
func (p *Provider) complete() {
	fill := func(v *string, text string) {
		if *v == "" {
			*v = text
		}
	}
	fill(&p.Title, p.Name)
	p.BaseURL = strings.TrimSuffix(p.BaseURL, "/")
	switch p.Type {
	case "oidc":
		fill(&p.Unlock, "again")
	case "google":
		fill(&p.Issuer, googleIssuer)
	case "github":
		fill(&p.BaseURL, githubURL)
		fill(&p.Issuer, p.BaseURL)
	}
	fill(&p.Unlock, "password")
}

// typedKeys are the keys that only some types have, with those types.
func (p *Provider) typedKeys() []typedKey {
	return []typedKey{
		{"allowed_domains", len(p.AllowedDomains) > 0, []string{"oidc", "google"}},
		{"allowed_orgs", len(p.AllowedOrgs) > 0, []string{"github"}},
		{"allow_any", p.AllowAny, []string{"github"}},
		{"base_url", p.BaseURL != "", []string{"github"}},
		{"authorize_url", p.AuthorizeURL != "", []string{"oauth2"}},
		{"token_url", p.TokenURL != "", []string{"oauth2"}},
		{"userinfo_url", p.UserinfoURL != "", []string{"oauth2"}},
		{"claims.subject", p.Claims.Subject != "", []string{"oauth2"}},
		{"claims.login", p.Claims.Login != "", []string{"oidc", "oauth2"}},
		{"claims.name", p.Claims.Name != "", []string{"oidc", "oauth2"}},
		{"claims.email", p.Claims.Email != "", []string{"oidc", "oauth2"}},
		{"claims.email_verified", p.Claims.EmailVerified != "", []string{"oidc", "oauth2"}},
		{"claims.groups", p.Claims.Groups != "", []string{"oidc", "oauth2"}},
		{"groups", len(p.Groups) > 0, []string{"oidc", "github", "oauth2"}},
		{"token_audience", len(p.TokenAudience) > 0, []string{"oidc", "google"}},
	}
}

type typedKey struct {
	path  string
	set   bool
	types []string
}

// validateKeys reports the keys that the type does not have.
func (p *Provider) validateKeys(r *report, at string) {
	for _, k := range p.typedKeys() {
		if k.set && !slices.Contains(k.types, p.Type) {
			r.at(at+"."+k.path, "is not a key of type %s; %s", p.Type, haveIt(k.types))
		}
	}
}

// haveIt is which types have a key.
func haveIt(types []string) string {
	if len(types) == 1 {
		return types[0] + " has it"
	}
	last := len(types) - 1
	return strings.Join(types[:last], ", ") + " and " + types[last] + " have it"
}
