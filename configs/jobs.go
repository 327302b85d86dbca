package configs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// DefaultJobLife is how long a job's token lives when its mapping does not say.
const DefaultJobLife = time.Hour

// Limits of jobs.
const (
	maxJobProviders = 50
	maxJobMappings  = 100 // of one provider
	maxJobClaims    = 20  // of one mapping
	maxJobGroups    = 50  // of one mapping
	maxPattern      = 256 // bytes
	maxIssuer       = 512 // bytes
	maxAudience     = 512 // bytes
	maxScope        = 500 // bytes
	maxUserName     = 64  // bytes
	minJobLife      = time.Minute
	maxJobLife      = 24 * time.Hour
	// shortJobLife is when JFrog's clients think a token is over: with ten
	// minutes left they ask for another before each request.
	shortJobLife = 11 * time.Minute
)

var jobNameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$`)

// JobProvider is a CI system whose jobs are let in by the tokens that it signs
// for them.
type JobProvider struct {
	Name     string       `yaml:"name" doc:"Unique: 1 to 63 of a-z 0-9 and inner . _ -. What a job calls it: provider_name."`
	Issuer   string       `yaml:"issuer" doc:"The iss of its tokens, to the letter, as https://token.actions.githubusercontent.com. Its keys are found from here."`
	Audience string       `yaml:"audience" doc:"What its tokens must have in aud, so that a token for somebody else is no use here; best the address of this Latchkey."`
	Mappings []JobMapping `yaml:"mappings" doc:"What its jobs get. The first mapping that a job matches counts."`
}

// JobMapping is what the jobs with certain claims get.
type JobMapping struct {
	Name   string            `yaml:"name" doc:"Unique in its provider: 1 to 63 of a-z 0-9 and inner . _ -."`
	Claims map[string]string `yaml:"claims" doc:"Patterns by claim; all must match. * is any run of characters without / and :, ** any run. A list matches by one of its elements."`
	User   string            `yaml:"user" doc:"The user that these jobs act as. Or groups."`
	Groups []string          `yaml:"groups" doc:"Groups of the service account job-PROVIDER-MAPPING that these jobs act as; it is made when it is first needed. Or user."`
	Scope  string            `yaml:"scope" doc:"What the token opens, as artifact:team/assets:r,w. Empty: all that the user or the groups may."`
	Life   time.Duration     `yaml:"life" doc:"How long the token lives, 1m to 24h."`
}

// validateJobs judges the CI systems and their mappings.
func (c *Config) validateJobs(r *report) {
	if n := len(c.Jobs); n > maxJobProviders {
		r.at("jobs", "has %d entries; at most %d are accepted", n, maxJobProviders)
		return
	}
	names, accounts := map[string]int{}, map[string]string{}
	for i := range c.Jobs {
		p, at := &c.Jobs[i], index("jobs", i)
		if !jobNameForm.MatchString(p.Name) {
			r.at(at+".name", "takes 1 to 63 of a-z, 0-9 and inner . _ -")
		} else if first, taken := names[p.Name]; taken {
			r.at(at+".name", "is the name of jobs[%d] too", first)
		} else {
			names[p.Name] = i
		}
		if text := checkIssuer(p.Issuer, "takes the issuer's https URL, as https://token.actions.githubusercontent.com"); text != "" {
			r.at(at+".issuer", "%s", text)
		}
		switch {
		case p.Audience == "":
			r.at(at+".audience", "is missing: it tells tokens for this Latchkey from tokens for somebody else")
		case len(p.Audience) > maxAudience:
			r.at(at+".audience", "is longer than %d bytes", maxAudience)
		}
		p.validateMappings(r, at, accounts)
	}
}

func (p *JobProvider) validateMappings(r *report, at string, accounts map[string]string) {
	switch n := len(p.Mappings); {
	case n == 0:
		r.at(at+".mappings", "is empty: no job could get in; write one, or remove the provider")
	case n > maxJobMappings:
		r.at(at+".mappings", "has %d entries; at most %d are accepted", n, maxJobMappings)
		return
	}
	names := map[string]int{}
	for i := range p.Mappings {
		m, at := &p.Mappings[i], index(at+".mappings", i)
		if !jobNameForm.MatchString(m.Name) {
			r.at(at+".name", "takes 1 to 63 of a-z, 0-9 and inner . _ -")
		} else if first, taken := names[m.Name]; taken {
			r.at(at+".name", "is the name of mapping %d too", first)
		} else {
			names[m.Name] = i
			p.validateAccount(r, at, m, accounts)
		}
		m.validateClaims(r, at+".claims", p.Issuer)
		m.validateWho(r, at)
		if text := checkJobScope(m.Scope, len(m.Groups) > 0); text != "" {
			r.at(at+".scope", "%s", text)
		}
		if m.Life < minJobLife || m.Life > maxJobLife {
			r.at(at+".life", "takes a duration from %s to %s", durationText(minJobLife), durationText(maxJobLife))
		}
	}
}

// validateAccount judges the name of a mapping's service account: a-b with c
// and a with b-c would share one.
func (p *JobProvider) validateAccount(r *report, at string, m *JobMapping, accounts map[string]string) {
	if len(m.Groups) == 0 {
		return
	}
	account := "job-" + p.Name + "-" + m.Name
	if len(account) > maxUserName {
		r.at(at+".name", "is too long: the service account %s would have more than %d characters", account, maxUserName)
	} else if other, taken := accounts[account]; taken {
		r.at(at+".name", "gives the service account %s, which is that of %s too", account, other)
	} else {
		accounts[account] = at
	}
}

func (m *JobMapping) validateWho(r *report, at string) {
	switch {
	case m.User == "" && len(m.Groups) == 0:
		r.at(at+".user", "is missing, and so is groups: somebody must act for the job")
	case m.User != "" && len(m.Groups) > 0:
		r.at(at+".groups", "cannot be beside user: a job acts as that user, with that user's groups")
	case m.User != "" && !userNameForm.MatchString(m.User):
		r.at(at+".user", "takes a user name: 1 to 64 of a-z 0-9 . _ - @ +")
	}
	checkList(r, at+".groups", m.Groups, maxJobGroups, checkGroup)
}

// checkedClaims are judged for every token, and tell no job from another.
var checkedClaims = []string{"iss", "aud", "exp", "iat", "nbf", "jti"}

func (m *JobMapping) validateClaims(r *report, at, issuer string) {
	if len(m.Claims) == 0 {
		r.at(at, "is missing: without a claim, every job of the issuer would be let in")
		return
	}
	if len(m.Claims) > maxJobClaims {
		r.at(at, "has %d entries; at most %d are accepted", len(m.Claims), maxJobClaims)
		return
	}
	named := false // a claim tells somebody apart, or has a fault of its own
	for _, claim := range slices.Sorted(maps.Keys(m.Claims)) {
		pattern, at := m.Claims[claim], join(at, printable(claim))
		switch {
		case slices.Contains(checkedClaims, claim):
			r.at(at, "is judged by issuer, audience and the clock; it tells no job from another")
		case claim == "" || pattern == "":
			r.at(at, "is empty; * is any text")
		case len(pattern) > maxPattern:
			r.at(at, "is longer than %d bytes", maxPattern)
		}
		named = named || pattern == "" || strings.Trim(pattern, "*/:.-_ ") != ""
	}
	if !named {
		r.at(at, "matches every job of the issuer; name a repository, a project or a subject")
	} else if p, ok := publicIssuers[strings.TrimSuffix(issuer, "/")]; ok && !p.owned(m.Claims) {
		r.at(at, "could be matched by anybody: %s serves the whole world, so one of %s must begin with a name and its slash, as acme/*, or be without *", issuer, strings.Join(p.claims, ", "))
	}
}

// publicIssuer is a CI system on which anybody can run jobs.
type publicIssuer struct {
	claims []string // those that only the owner of a project can have
	before string   // what each sub begins with, before the owner's name
}

var publicIssuers = map[string]publicIssuer{
	"https://token.actions.githubusercontent.com": {[]string{"repository", "repository_id", "repository_owner", "repository_owner_id", "enterprise", "enterprise_id", "workflow_ref", "sub"}, "repo:"},
	"https://gitlab.com":                          {[]string{"project_path", "project_id", "namespace_path", "namespace_id", "sub"}, "project_path:"},
	"https://codeberg.org/api/actions":            {[]string{"repository", "repository_id", "repository_owner", "repository_owner_id", "workflow_ref", "sub"}, "repo:"},
	"https://agent.buildkite.com":                 {[]string{"organization_slug", "organization_id", "pipeline_id", "sub"}, "organization:"},
	"https://app.terraform.io":                    {[]string{"terraform_organization_name", "terraform_organization_id", "terraform_workspace_id", "sub"}, "organization:"},
	"https://accounts.google.com":                 {[]string{"hd", "email", "sub"}, ""},
}

// owned reports whether a claim names an owner to the end: acme* would let
// acme-evil in as well.
func (p publicIssuer) owned(claims map[string]string) bool {
	return slices.ContainsFunc(p.claims, func(claim string) bool {
		pattern := claims[claim]
		if claim == "sub" {
			pattern = strings.TrimPrefix(pattern, p.before)
		}
		fixed, _, wild := strings.Cut(pattern, "*")
		return pattern != "" && (!wild || strings.Index(fixed, "/") > 0)
	})
}

// checkJobScope looks for slips; what a scope means is judged when it is used.
func checkJobScope(s string, forGroups bool) string {
	if len(s) > maxScope {
		return fmt.Sprintf("is longer than %d bytes", maxScope)
	}
	for part := range strings.FieldsSeq(s) {
		if forGroups && part == "applied-permissions/admin" {
			return "cannot be applied-permissions/admin with groups: a service account is no administrator"
		}
	}
	known := s == "" || strings.HasPrefix(s, "applied-permissions/") || strings.HasPrefix(s, "artifact:") || strings.HasPrefix(s, "system:")
	if !known {
		return "takes scopes as applied-permissions/user, applied-permissions/groups:NAME or artifact:NAME/**:r,w"
	}
	return ""
}

// warnJobs says what clients will stumble over.
func (c *Config) warnJobs(say func(string, ...any)) {
	for _, p := range c.Jobs {
		for _, m := range p.Mappings {
			if m.Life < shortJobLife {
				say("jobs %s/%s: life %s is short: JFrog's clients take a token with ten minutes left for ended", p.Name, m.Name, durationText(m.Life))
			}
		}
	}
}
