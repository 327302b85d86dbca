package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/latchkey-io/latchkey/auth"
)

// Limits of a way to GitHub.
const (
	githubTime  = 8 * time.Second // all requests of one sign-in or refresh
	maxOrgs     = 100             // rules of organisations and teams
	maxOrgName  = 100             // bytes
	maxOneByOne = 3               // rules that are asked about; with more, all that there are is read
)

const (
	githubURL    = "https://github.com"
	githubAPI    = "https://api.github.com"
	githubMarker = "/login/oauth" // behind its URL, what GitHub calls itself in answers
)

// readOrg are the scopes that show organisations and teams; the first is the
// narrowest.
var readOrg = []string{"read:org", "write:org", "admin:org"}

// gitHub is the way of github.com and GitHub Enterprise Server, which is OAuth 2
// with ways of its own. A person is the account's number there, for ever: logins
// change hands. Organisations and teams are compared by ASCII letters of either
// case.
type gitHub struct {
	*client
	base, api string
	orgs      []orgRule // none: everybody
	seen      glance
}

// orgRule lets the members of an organisation in, or of a team of it.
type orgRule struct{ org, team string }

func newGitHub(p Provider, us *client) (*gitHub, error) {
	g := &gitHub{client: us, base: p.BaseURL}
	var err error
	if g.api, err = apiOf(g.base); err != nil {
		return nil, fmt.Errorf("the base URL %w", err)
	}
	switch {
	case g.api == githubAPI && len(p.AllowedOrgs) == 0 && !p.AllowAny:
		return nil, errors.New("anybody can have an account on github.com: name organisations, or allow any")
	case len(p.AllowedOrgs) > maxOrgs:
		return nil, fmt.Errorf("%d rules of organisations, at most %d are accepted", len(p.AllowedOrgs), maxOrgs)
	}
	for _, text := range p.AllowedOrgs {
		rule, ok := readOrgRule(text)
		if !ok {
			return nil, fmt.Errorf("%s is not an organisation as acme, or a team as acme/platform", quote(text))
		}
		g.orgs = append(g.orgs, rule)
	}
	us.iss = g.base + githubMarker
	for i, r := range us.rules { // of either case
		if text := p.Groups[i].Claim; r.group == "" && !strings.Contains(text, "*") && groupName(text) {
			us.rules[i].group = text
		}
		us.rules[i].claim = newPattern(lowerASCII(p.Groups[i].Claim))
	}
	return g, g.chooseScopes()
}

// apiOf is where the API of a server is.
func apiOf(base string) (string, error) {
	u, err := url.Parse(base)
	if text := urlFault(base, maxIssuerURL, false); text != "" || err != nil {
		return "", errors.New(text)
	}
	host := strings.TrimSuffix(lowerASCII(u.Hostname()), ".")
	switch {
	case u.Path != "":
		return "", errors.New("has a path")
	case base == githubURL:
		return githubAPI, nil
	case host == "github.com" || strings.HasSuffix(host, ".github.com"):
		return "", errors.New("of github.com is " + githubURL)
	case strings.HasSuffix(host, ".ghe.com"): // GitHub Enterprise Cloud with a domain of its own
		return u.Scheme + "://api." + u.Host, nil
	}
	return base + "/api/v3", nil
}

// chooseScopes asks for no more than the rules need.
func (g *gitHub) chooseScopes() error {
	needed := len(g.orgs) > 0 || len(g.rules) > 0
	if len(g.scopes) == 0 {
		g.scopes = []string{"read:user", "user:email"}
		if needed {
			g.scopes = append(g.scopes, readOrg[0])
		}
	}
	if needed && !slices.ContainsFunc(g.scopes, func(s string) bool { return slices.Contains(readOrg, s) }) {
		return fmt.Errorf("the scopes lack %s, without which no organisation is seen", readOrg[0])
	}
	return nil
}

// readOrgRule reads org, or org/team with the team's short name.
func readOrgRule(text string) (orgRule, bool) {
	org, team, withTeam := strings.Cut(lowerASCII(text), "/")
	if !orgName(org) || withTeam && !orgName(team) {
		return orgRule{}, false
	}
	return orgRule{org, team}, true
}

// orgName reports what is a name of an organisation or a short name of a team,
// and one segment of a path.
func orgName(s string) bool {
	return s != "" && len(s) <= maxOrgName && s != "." && s != ".." &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == ""
}

func (g *gitHub) authorize(context.Context, *attempt) (string, url.Values, error) {
	return g.base + "/login/oauth/authorize", url.Values{"allow_signup": {"false"}}, nil
}

// names is no: GitHub has said who it is, and stopped again. Where it does, it
// must be right.
func (g *gitHub) names(context.Context) (bool, error) { return false, nil }

// exchange shows the code to GitHub, whose errors have status 200 and whose
// answer is a form; both are known to the library.
func (g *gitHub) exchange(ctx context.Context, code auth.Secret, a *attempt) (auth.External, error) {
	ctx, cancel := context.WithTimeout(ctx, githubTime)
	defer cancel()
	e := oauth2.Endpoint{TokenURL: g.base + "/login/oauth/access_token", AuthStyle: oauth2.AuthStyleInParams}
	t, err := g.redeem(ctx, e, code, a)
	if err != nil {
		return auth.External{}, err
	}
	return g.person(ctx, auth.NewSecret(t.AccessToken))
}

// refresh asks again with the access token, which does not end by itself. A
// rule that does not fit any more is a refusal, as a token taken back is.
func (g *gitHub) refresh(ctx context.Context, subject string, access auth.Secret) (auth.External, error) {
	ctx, cancel := context.WithTimeout(ctx, githubTime)
	defer cancel()
	ext, err := g.person(ctx, access)
	if err == nil && ext.Subject != subject {
		return auth.External{}, g.denied("the token is of somebody else now")
	}
	return ext, err
}

// person is who an access token is of, by our rules.
func (g *gitHub) person(ctx context.Context, access auth.Secret) (auth.External, error) {
	asker := &githubAsker{gitHub: g, access: access}
	ext, err := asker.user(ctx)
	if err != nil {
		return auth.External{}, err
	}
	if err := asker.admit(ctx); err != nil {
		return auth.External{}, err
	}
	if ext.Email, ext.EmailVerified, err = asker.email(ctx); err != nil {
		return auth.External{}, err
	}
	if len(g.rules) > 0 {
		theirs, err := asker.groups(ctx)
		if err != nil {
			return auth.External{}, err
		}
		if ext.Groups, err = g.groups(theirs); err != nil {
			return auth.External{}, err
		}
	}
	ext.Provider, ext.Issuer = g.name, g.issuer
	if keepable(access.Reveal()) {
		ext.Refresh = access
	}
	return ext, nil
}

func (g *gitHub) health(ctx context.Context) (string, bool) {
	return g.seen.look(ctx, g.client, g.api+"/meta")
}
