package auth

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/latchkey-io/latchkey/internal/event"
	"github.com/latchkey-io/latchkey/keystore"
)

// Job is a CI job whose own token was found good, and what a mapping of the
// configuration makes of it.
type Job struct {
	Provider, Mapping string
	Subject           string // the token's sub, for the audit trail
	// User is the account that the job's token is for. Empty: the service
	// account of the mapping, which is a member of Groups and nothing else.
	User   string
	Groups []string
	Scope  string // "": applied-permissions/user, with Groups those
	Life   time.Duration
}

// JobFinding says whether a job's token hits a mapping, and if not why.
type JobFinding struct {
	Provider string   `json:"provider"`
	Mapping  string   `json:"mapping,omitempty"`
	Hit      bool     `json:"hit"`
	User     string   `json:"user,omitempty"`   // with Hit: whose token it gets
	Groups   []string `json:"groups,omitempty"` // or of a service account in these
	Why      []string `json:"why,omitempty"`    // a sentence for each thing that does not fit
}

// JobJudge verifies the tokens of CI jobs.
type JobJudge interface {
	// Judge finds the mapping that a token hits: of the provider, or of the
	// one that issued it where that is empty, and the one named mapping, or
	// the first that it hits. Errors are of code Unauthenticated with the cause
	// in Err, or Unavailable when the issuer's keys cannot be had.
	Judge(ctx context.Context, provider, mapping string, token Secret) (Job, error)
	// Explain tells of every mapping whether token hits it.
	Explain(ctx context.Context, token Secret) ([]JobFinding, error)
}

// JobRequest is a job's token to be exchanged for one of ours.
type JobRequest struct {
	Provider, Mapping string // as in Judge
	Token             Secret
	Reference         bool // hand out the 64-character form as well
}

const (
	jobDeadline = 6 * time.Second // for the issuer's keys: five, and a little
	maxJobLife  = 24 * time.Hour
	maxJobToken = 16 << 10 // bytes
	maxJobText  = 256      // of what is kept about a job
)

// SetJobs says who judges jobs from now on; nil: nobody, and there are none.
func (a *Authority) SetJobs(j JobJudge) {
	if j == nil {
		a.jobs.Store(nil)
		return
	}
	a.jobs.Store(&j)
}

// Exchange turns a job's own token into a short one of ours (RFC 8693), that
// stands alone. Errors: Unauthenticated, Unavailable, Forbidden.
func (t *Tokens) Exchange(ctx context.Context, peer Peer, r JobRequest) (tok Token, err error) {
	who, target := Identity{Peer: peer}, ""
	defer func() { t.a.Trail.acted(who, actTokenExchange, target, err) }()
	judge := t.a.jobs.Load()
	if judge == nil {
		return Token{}, unauthenticated("no jobs are configured")
	}
	if r.Token.Empty() || len(r.Token.Reveal()) > maxJobToken {
		return Token{}, unauthenticated("not the form of a job's token")
	}
	judging, cancel := context.WithTimeout(ctx, jobDeadline)
	defer cancel()
	job, err := (*judge).Judge(judging, r.Provider, r.Mapping, r.Token)
	if err != nil {
		return Token{}, err
	}
	who.Via = Via{Kind: kindJob, ID: event.Clean(job.Provider+"/"+job.Mapping+" "+job.Subject, maxJobText)}
	target = job.User
	ctx, cancel = context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	if job.User == "" {
		if job.User, err = t.a.Users.forJob(ctx, who, job); err != nil {
			return Token{}, cannotActFor(err)
		}
	}
	scope := job.Scope
	if scope == "" {
		scope = scopeUserText
		if len(job.Groups) > 0 {
			scope = Scope{Kind: ScopeGroups, Groups: job.Groups}.String()
		}
	}
	scopes, err := ParseScopes(scope)
	if err != nil {
		return Token{}, cannotActFor(err)
	}
	life := min(max(job.Life, time.Second), maxJobLife)
	if longest := t.a.Policy().TokenMax; longest > 0 {
		life = min(life, longest)
	}
	now := t.a.now().UTC().Truncate(time.Second)
	tok, err = t.make(ctx, who, NewToken{
		Owner: job.User, Reference: r.Reference,
		Description: event.Clean("job "+job.Provider+"/"+job.Mapping+" "+job.Subject, maxJobText),
	}, scopes, now, now.Add(life.Truncate(time.Second)))
	target = job.User + " " + tok.ID
	return tok, cannotActFor(err)
}

// cannotActFor makes a fault of the configuration or of an account, which is
// no job's business, a refusal with the cause in the audit trail.
func cannotActFor(err error) error {
	switch CodeOf(err) {
	case NotFound, Invalid, Forbidden:
		return unauthenticated("the mapping's account cannot be used: " + err.Error())
	}
	return err
}

// kindJob names a job's token in the audit trail.
const kindJob Kind = "job"

// ExplainJob tells an administrator which mapping a job's token hits.
func (a *Authority) ExplainJob(ctx context.Context, who Identity, token Secret) ([]JobFinding, error) {
	if err := a.may(ctx, who, actJobExplain, ""); err != nil {
		return nil, err
	}
	judge := a.jobs.Load()
	if judge == nil {
		return []JobFinding{}, nil
	}
	explaining, cancel := context.WithTimeout(ctx, jobDeadline)
	defer cancel()
	findings, err := (*judge).Explain(explaining, token)
	if err != nil {
		return nil, err
	}
	for i := range findings {
		if err := a.checkHit(ctx, &findings[i]); err != nil {
			return nil, err
		}
	}
	return findings, nil
}

// checkHit takes a hit back where its account could not act.
func (a *Authority) checkHit(ctx context.Context, f *JobFinding) error {
	if !f.Hit {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	name, why := f.User, ""
	if name == "" {
		name, _ = CanonicalName("job-" + f.Provider + "-" + f.Mapping)
		_, err := a.Users.checkGroups(ctx, f.Groups)
		if e, ok := errors.AsType[*Error](err); ok && e.Code == Invalid {
			f.Hit, f.Why = false, append(f.Why, e.Reason)
		} else if err != nil {
			return err
		}
	}
	acc, err := (&view{a: a}).account(ctx, name)
	switch {
	case err != nil:
		return err
	case acc == nil && f.User != "":
		why = "there is no user " + name + "; create the account first"
	case acc == nil: // made at the first exchange
	case acc.Disabled:
		why = "user " + name + " is disabled"
	case f.User == "" && (acc.Kind != ServiceUser || acc.Admin):
		why = name + " is not the service account of a mapping"
	}
	if why != "" {
		f.Hit, f.Why = false, append(f.Why, why)
	}
	return nil
}

// forJob finds or makes the service account of a mapping, a member of exactly
// the mapping's groups, which must exist.
func (u *Users) forJob(ctx context.Context, who Identity, j Job) (name string, err error) {
	if name, err = CanonicalName("job-" + j.Provider + "-" + j.Mapping); err != nil {
		return "", err
	}
	groups, err := u.checkGroups(ctx, j.Groups)
	if err != nil {
		return "", err
	}
	_, err = u.create(ctx, Identity{}, NewUser{Name: name, Kind: ServiceUser, Groups: groups, DisplayName: "Jobs of " + j.Provider + "/" + j.Mapping})
	if err == nil {
		u.a.Trail.acted(who, actUserCreate, name, nil)
	}
	if CodeOf(err) != Exists {
		return name, err
	}
	changed := false
	_, err = u.a.rec.accounts.Update(ctx, name, func(acc *account, _ *time.Time) error {
		changed = false
		switch {
		case acc.Kind != ServiceUser || acc.Admin:
			return forbidden("%s is not the service account of a mapping", name)
		case slices.Equal(acc.Groups, groups):
			return keystore.ErrSkip
		}
		acc.Groups, acc.Updated, changed = groups, u.a.now().UTC(), true
		return nil
	})
	switch {
	case errors.Is(err, keystore.ErrNotFound):
		return "", notFound("user " + name)
	case err != nil || !changed:
		return name, storeFailed(err)
	}
	err = u.leaveGone(ctx, name, groups)
	u.a.Trail.acted(who, actUserUpdate, name, err)
	return name, err
}
