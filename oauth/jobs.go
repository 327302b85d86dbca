package oauth

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// Limits of a JobsConfig.
const (
	maxProviders = 50
	maxMappings  = 100 // of one provider
	maxClaims    = 20  // of one mapping
	minLife      = time.Minute
	maxLife      = 24 * time.Hour
	defaultLife  = time.Hour
)

// JobsConfig is whose jobs are let in, and as whom.
type JobsConfig struct {
	// Providers are the CI systems; their order means nothing. None: no token
	// is accepted.
	Providers []JobProvider
	// Before is what these take the place of: the keys of issuers that are in
	// both stay known, and the limits on fetches go on. nil: nothing is known.
	Before *Jobs
	// Transport reaches issuers; nil: HTTPS, by a proxy where the environment
	// names one. With Before it counts for new issuers alone.
	Transport http.RoundTripper
	Now       func() time.Time // nil: time.Now
}

// JobProvider is a CI system that signs tokens for its jobs.
type JobProvider struct {
	Name     string // required, unique: what a request calls it
	Issuer   string // required: the iss of its tokens, to the letter; https, or http on this machine
	Audience string // required: what its tokens must have in aud
	Mappings []JobMapping
}

// JobMapping is what the jobs of a provider get that have certain claims. Of
// several that a token fits, the first counts.
type JobMapping struct {
	Name string // required, unique in its provider
	// Claims are patterns by the claim's name, 1 to 20: * stands for any run
	// of characters without / and :, ** for any run. All must match. A number
	// or truth value is compared as the text it was written as, a list by its
	// elements, of which one must match. At least one pattern must tell
	// somebody apart.
	Claims map[string]string
	User   string        // as whom, or
	Groups []string      // as a service account of its own in exactly these
	Scope  string        // "": applied-permissions/user, or with Groups applied-permissions/groups:…
	Life   time.Duration // of the token given out, 1 min to 24 h; 0: 1 h
}

// Jobs judges the tokens of CI jobs. It does not change, and all methods are
// safe for concurrent use.
type Jobs struct {
	providers []*provider
	issuers   issuers
	now       func() time.Time
}

var _ auth.JobJudge = (*Jobs)(nil)

type provider struct {
	name, audience string
	issuer         *issuer
	mappings       []*mapping
}

type mapping struct {
	name   string
	claims []claim // by name
	user   string
	groups []string
	scope  string
	life   time.Duration
}

type claim struct {
	name string
	want *pattern
}

// NewJobs takes a configuration. An error names the first thing that is wrong
// with it. Nothing is asked of any issuer before a token needs it.
func NewJobs(c JobsConfig) (*Jobs, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if len(c.Providers) > maxProviders {
		return nil, fmt.Errorf("jobs: %d providers, at most %d are accepted", len(c.Providers), maxProviders)
	}
	j := &Jobs{now: c.Now, issuers: issuers{}}
	if c.Transport == nil {
		c.Transport = newTransport()
	}
	var before issuers
	if c.Before != nil {
		before = c.Before.issuers
	}
	for _, p := range c.Providers {
		if j.provider(p.Name) != nil {
			return nil, fmt.Errorf("jobs: two providers are called %q", p.Name)
		}
		made, err := newProvider(p)
		if err != nil {
			return nil, fmt.Errorf("jobs: %s: %w", p.Name, err)
		}
		made.issuer = j.issuers.at(p.Issuer, before, c.Transport, c.Now)
		j.providers = append(j.providers, made)
	}
	return j, nil
}

func (j *Jobs) provider(name string) *provider {
	for _, p := range j.providers {
		if p.name == name {
			return p
		}
	}
	return nil
}

func newProvider(p JobProvider) (*provider, error) {
	if p.Name == "" || p.Audience == "" {
		return nil, errors.New("a provider needs a name, an issuer and an audience")
	}
	if text := urlFault(p.Issuer, maxIssuerURL, false); text != "" {
		return nil, fmt.Errorf("the issuer %s", text)
	}
	if n := len(p.Mappings); n == 0 || n > maxMappings {
		return nil, fmt.Errorf("%d mappings, 1 to %d are accepted", n, maxMappings)
	}
	out := &provider{name: p.Name, audience: p.Audience}
	for _, m := range p.Mappings {
		if slices.ContainsFunc(out.mappings, func(o *mapping) bool { return o.name == m.Name }) {
			return nil, fmt.Errorf("two mappings are called %q", m.Name)
		}
		made, err := newMapping(m)
		if err != nil {
			return nil, fmt.Errorf("mapping %s: %w", m.Name, err)
		}
		out.mappings = append(out.mappings, made)
	}
	return out, nil
}

func newMapping(m JobMapping) (*mapping, error) {
	out := &mapping{name: m.Name, user: m.User, groups: slices.Clone(m.Groups), life: m.Life}
	if m.Name == "" {
		return nil, errors.New("a mapping needs a name")
	}
	if (m.User == "") == (len(m.Groups) == 0) {
		return nil, errors.New("a mapping needs a user or groups, not both")
	}
	if n := len(m.Claims); n == 0 || n > maxClaims {
		return nil, fmt.Errorf("%d claims, 1 to %d are accepted", n, maxClaims)
	}
	open := true
	for name, text := range m.Claims {
		if name == "" || text == "" || len(text) > maxPattern {
			return nil, fmt.Errorf("claim %s: a pattern has 1 to %d bytes", quote(name), maxPattern)
		}
		p := newPattern(text)
		open = open && p.open()
		out.claims = append(out.claims, claim{name, p})
	}
	if open {
		return nil, errors.New("the claims match everybody; one must name somebody")
	}
	slices.SortFunc(out.claims, func(a, b claim) int { return strings.Compare(a.name, b.name) })
	if out.life == 0 {
		out.life = defaultLife
	}
	if out.life < minLife || out.life > maxLife {
		return nil, fmt.Errorf("a life of %s; it may be %s to %s", out.life, minLife, maxLife)
	}
	var err error
	out.scope, err = m.scope()
	return out, err
}

// scope is the scope in the one spelling that auth writes; "" stays, for auth
// to choose, which with groups is a scope of their names.
func (m JobMapping) scope() (string, error) {
	if m.Scope == "" && len(m.Groups) == 0 {
		return "", nil
	}
	text := m.Scope
	if text == "" {
		text = auth.Scope{Kind: auth.ScopeGroups, Groups: m.Groups}.String()
	}
	scopes, err := auth.ParseScopes(text)
	if err != nil {
		if e, ok := errors.AsType[*auth.Error](err); ok {
			return "", fmt.Errorf("scope: %s", e.Reason)
		}
		return "", err
	}
	if m.Scope == "" {
		return "", nil
	}
	return scopes.String(), nil
}
