package configs

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// checkIssuer says what is wrong with the URL of an issuer, which has this form.
func checkIssuer(s, form string) string {
	if s == "" {
		return "is missing: it " + form
	}
	if text := checkAsked(s, maxIssuer, form); text != "" {
		return text
	}
	if strings.Contains(s, "?") {
		return "must not have a query"
	}
	return ""
}

// checkAsked says what is wrong with a URL of at most so many bytes at which
// somebody is asked who people are.
func checkAsked(s string, most int, form string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil || len(s) > most || u.Hostname() == "" || u.Opaque != "" || u.Scheme != "https" && u.Scheme != "http":
		return form
	case u.Scheme == "http" && !thisMachine(u.Hostname()):
		return "must be https: whoever is on the way could read secrets and put keys of their own in; http is for this machine alone"
	case u.User != nil:
		return "must not have a user or a password in it"
	case strings.Contains(s, "#"):
		return "must not have a fragment"
	}
	return checkURLHost(u)
}

// thisMachine is true for hosts whose http nobody else is on the way of. Names
// below localhost are not among them: some resolvers ask others for these.
func thisMachine(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() || err != nil && strings.EqualFold(host, "localhost")
}

// entraHost serves the tenants of Microsoft Entra, and words that stand for
// many of them: their discovery names no issuer.
const entraHost = "login.microsoftonline.com"

var manyTenants = []string{"common", "organizations", "consumers"}

// publicProviders know anybody who asks for an account.
var publicProviders = []string{
	googleIssuer, "https://gitlab.com", "https://codeberg.org", "https://appleid.apple.com",
	"https://" + entraHost + "/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", // personal accounts
}

// validateIssuer judges who vouches, and that no earlier provider means
// somebody else by the same issuer: linked accounts are to issuer and subject.
func (c *Config) validateIssuer(r *report, at string, i int) {
	p := &c.Providers[i]
	at += ".issuer"
	if text := checkIssuer(p.Issuer, "takes the issuer's https URL, as https://id.example.com"); text != "" {
		if p.Type != "github" || p.Issuer != p.BaseURL { // else base_url has the fault
			r.at(at, "%s", text)
		}
		return
	}
	u, err := url.Parse(p.Issuer)
	if err != nil {
		return
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	switch {
	case sameIssuer(p.Issuer, canonicalURL(c.HTTP.PublicURL)):
		r.at(at, "is http.public_url: Latchkey does not vouch for people to itself")
	case strings.EqualFold(u.Hostname(), entraHost) && slices.Contains(manyTenants, tenant):
		r.at(at, "takes the issuer of one tenant, https://%s/TENANT-ID/v2.0: %s is for every tenant, and vouches for none", entraHost, tenant)
	}
	for j := range c.Providers[:i] {
		switch q := &c.Providers[j]; {
		case !sameIssuer(p.Issuer, q.Issuer):
		case p.Issuer != q.Issuer:
			r.at(at, "is that of providers[%d] in another spelling; one of them is not to the letter", j)
			return
		case p.identities() != q.identities():
			r.at(at, "is that of providers[%d] too, which finds accounts in another way: people could be taken for each other", j)
			return
		}
	}
}

// sameIssuer takes spellings together that a person takes for one.
func sameIssuer(a, b string) bool {
	x, err := url.Parse(a)
	y, err2 := url.Parse(b)
	if err != nil || err2 != nil {
		return a == b
	}
	return originOf(x) == originOf(y) && strings.TrimSuffix(x.Path, "/") == strings.TrimSuffix(y.Path, "/")
}

// identities is all that the meaning of a subject depends on.
func (p *Provider) identities() [4]string {
	return [...]string{p.Type, p.BaseURL, p.UserinfoURL, p.Claims.Subject}
}

// warnProviders says where strangers get accounts.
func (c *Config) warnProviders(say func(string, ...any)) {
	for _, p := range c.Providers {
		if !p.AutoCreateUsers || len(p.AllowedDomains) > 0 {
			continue
		}
		public := slices.ContainsFunc(publicProviders, func(s string) bool { return sameIssuer(s, p.Issuer) })
		if public && p.Type != "github" || p.AllowAny {
			say("providers %s: auto_create_users makes an account for anybody in the world: %s lets everybody have one there", p.Name, p.Issuer)
		}
	}
}
