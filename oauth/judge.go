package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// Judge verifies a job's own token and finds the mapping it hits. provider "":
// the only one with the token's issuer; mapping "": the first that hits. Errors
// are *auth.Error: Unauthenticated for every token that is not good enough,
// with the cause in Err, and Unavailable when the issuer's keys cannot be had.
// It takes at most fetchTimeout.
func (j *Jobs) Judge(ctx context.Context, provider, mapping string, secret auth.Secret) (auth.Job, error) {
	t, err := parseToken(secret.Reveal(), idToken)
	if err != nil {
		return auth.Job{}, refused("the token %w", err)
	}
	p, err := j.choose(provider, t)
	if err != nil {
		return auth.Job{}, err
	}
	if why := p.foreign(t); len(why) > 0 {
		return auth.Job{}, refused("provider %s: %s", p.name, strings.Join(why, "; "))
	}
	if why := append(t.untimely(j.now()), t.stale(j.now(), maxAge)...); len(why) > 0 {
		return auth.Job{}, refused("provider %s: the token %s", p.name, strings.Join(why, "; "))
	}
	if _, err := p.issuer.verify(ctx, t); err != nil {
		if down, ok := errors.AsType[unreachable](err); ok {
			return auth.Job{}, &auth.Error{Code: auth.Unavailable, Reason: "the keys of the job's issuer cannot be had now; try again", Err: fmt.Errorf("provider %s: %w", p.name, down)}
		}
		return auth.Job{}, refused("provider %s: %w", p.name, err)
	}
	m, why := p.match(t, mapping)
	if m == nil {
		return auth.Job{}, refused("provider %s: %s", p.name, why)
	}
	return auth.Job{
		Provider: p.name, Mapping: m.name, Subject: t.subject,
		User: m.user, Groups: slices.Clone(m.groups), Scope: m.scope, Life: m.life,
	}, nil
}

// choose is the provider that is meant. One that is not named is found by the
// token's issuer when that leaves no choice.
func (j *Jobs) choose(name string, t *token) (*provider, error) {
	if name != "" {
		if p := j.provider(name); p != nil {
			return p, nil
		}
		return nil, refused("there is no provider %s", quote(name))
	}
	var found *provider
	for _, p := range j.providers {
		if p.issuer.url != t.issuer {
			continue
		}
		if found != nil {
			return nil, refused("several providers have the issuer %s; the request names none", quote(t.issuer))
		}
		found = p
	}
	if found == nil {
		return nil, refused("no provider has the issuer %s", quote(t.issuer))
	}
	return found, nil
}

// foreign is why the token is not from this provider, or not for us.
func (p *provider) foreign(t *token) []string {
	if t.issuer != p.issuer.url {
		return []string{fmt.Sprintf("the issuer is %s and not %s", quote(t.issuer), quote(p.issuer.url))}
	}
	if !slices.Contains(t.audience, p.audience) {
		return []string{fmt.Sprintf("the audience is %s and not %s", list(t.audience), quote(p.audience))}
	}
	return nil
}

// match is the first mapping that the token hits, among those called only
// unless that is "". Without one it says why.
func (p *provider) match(t *token, only string) (*mapping, string) {
	known := only == ""
	for _, m := range p.mappings {
		if only != "" && m.name != only {
			continue
		}
		known = true
		if len(m.misses(t)) == 0 {
			return m, ""
		}
	}
	if !known {
		return nil, "there is no mapping " + quote(only)
	}
	return nil, "no mapping matches the job of " + quote(t.subject)
}

// misses is why the token does not hit the mapping, a clause for each claim.
func (m *mapping) misses(t *token) []string {
	var why []string
	for _, c := range m.claims {
		if v := t.claims[c.name]; v == nil {
			why = append(why, fmt.Sprintf("claim %s is absent, not %s", c.name, quote(c.want.text)))
		} else if !c.matches(v) {
			why = append(why, fmt.Sprintf("claim %s is %s and not %s", c.name, shown(v), quote(c.want.text)))
		}
	}
	return why
}

func (c claim) matches(v any) bool {
	if elements, ok := v.([]any); ok {
		return slices.ContainsFunc(elements, func(e any) bool {
			text, ok := scalar(e)
			return ok && c.want.matches(text)
		})
	}
	text, ok := scalar(v)
	return ok && c.want.matches(text)
}

// scalar is a claim as text: numbers as they were written.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// shown is a claim for a sentence.
func shown(v any) string {
	if text, ok := scalar(v); ok {
		return quote(text)
	}
	if elements, ok := v.([]any); ok {
		return list(elements)
	}
	return "an object"
}

// list is a list for a sentence, its beginning when it is long.
func list[T any](elements []T) string {
	const most = 5
	var out []string
	for i, e := range elements {
		if i == most {
			out = append(out, "…")
			break
		}
		out = append(out, shown(e))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// refused is what every token that is not good enough gets. The cause is for
// the audit trail.
func refused(format string, args ...any) error {
	return &auth.Error{Code: auth.Unauthenticated, Reason: "the credential is not accepted", Err: fmt.Errorf(format, args...)}
}
