package oauth

import (
	"context"
	"fmt"
	"slices"

	"github.com/latchkey-io/latchkey/auth"
)

// Explain says of every mapping whether a token hits it, and if not, every
// reason. A provider that is not the token's issuer is one finding without a
// mapping. It is for administrators: the sentences repeat claims (and never the
// token). A token that cannot be read is an error of code Invalid, field
// "token". It takes at most fetchTimeout: there is one issuer to be asked.
func (j *Jobs) Explain(ctx context.Context, secret auth.Secret) ([]auth.JobFinding, error) {
	t, err := parseToken(secret.Reveal(), idToken)
	if err != nil {
		return nil, &auth.Error{Code: auth.Invalid, Field: "token", Reason: fmt.Sprintf("the token %v", err)}
	}
	findings := []auth.JobFinding{}
	for _, p := range j.providers {
		why := p.foreign(t)
		if t.issuer != p.issuer.url {
			findings = append(findings, auth.JobFinding{Provider: p.name, Why: why})
			continue
		}
		for _, reason := range append(t.untimely(j.now()), t.stale(j.now(), maxAge)...) {
			why = append(why, "the token "+reason)
		}
		if _, err := p.issuer.verify(ctx, t); err != nil {
			why = append(why, err.Error())
		}
		findings = append(findings, p.findings(t, why)...)
	}
	return findings, nil
}

// findings is one for each mapping; why is what stands against all of them.
func (p *provider) findings(t *token, why []string) []auth.JobFinding {
	var out []auth.JobFinding
	first := ""
	for _, m := range p.mappings {
		f := auth.JobFinding{Provider: p.name, Mapping: m.name, Why: append(why[:len(why):len(why)], m.misses(t)...)}
		switch {
		case len(f.Why) > 0:
		case first != "":
			f.Why = []string{fmt.Sprintf("mapping %s matches as well and comes first", first)}
		default:
			f.Hit, first = true, m.name
			f.User, f.Groups = m.user, slices.Clone(m.groups)
		}
		out = append(out, f)
	}
	return out
}
