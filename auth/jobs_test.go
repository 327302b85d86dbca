package auth_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// desk is a judge that finds every token good, and says what is in job.
type desk struct {
	job     auth.Job
	err     error
	finding auth.JobFinding
}

func (d *desk) Judge(context.Context, string, string, auth.Secret) (auth.Job, error) {
	return d.job, d.err
}

func (d *desk) Explain(context.Context, auth.Secret) ([]auth.JobFinding, error) {
	return []auth.JobFinding{d.finding}, nil
}

func TestExchange(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.group("ci")
	w.group("release")
	w.user("bot", asService)
	w.user("root", asAdmin, withPassword)
	ask := auth.JobRequest{Token: auth.NewSecret("the job's own")}
	wantCode(t, "without jobs", errOf(w.Tokens.Exchange(ctx, home, ask)), auth.Unauthenticated)
	d := &desk{job: auth.Job{Provider: "github", Mapping: "release", Subject: "repo:acme/app", User: "bot", Scope: "artifact:npm/a:r,w", Life: 15 * time.Minute}}
	w.SetJobs(d)

	tok, err := w.Tokens.Exchange(ctx, home, ask)
	must(t, err)
	who := w.who(bearer(tok.JWT))
	if who.User != "bot" || who.Scopes.String() != "artifact:npm/a:r,w" || tok.Expires.Sub(tok.Created) != 15*time.Minute || tok.MadeWith != "" {
		t.Errorf("%+v of %+v", tok, who)
	}
	if got := w.ids("bot"); !slices.Contains(got, tok.ID) {
		t.Error("the token is on no list")
	}
	if trail := w.trail.String(); !strings.Contains(trail, `"action":"token.exchange","result":"ok","credential":"job:github/release repo:acme/app","target":"bot `+tok.ID) {
		t.Error("the trail does not tell of the exchange")
	}
	must(t, w.Tokens.Revoke(ctx, w.admin, tok.ID))
	if w.holds(bearer(tok.JWT)) {
		t.Error("it works after it was revoked")
	}

	// A mapping of groups has a service account of its own.
	d.job = auth.Job{Provider: "github", Mapping: "build", Groups: []string{"ci"}, Life: time.Hour}
	tok, err = w.Tokens.Exchange(ctx, home, ask)
	must(t, err)
	who = w.who(bearer(tok.JWT))
	if who.User != "job-github-build" || !slices.Equal(who.Groups, []string{"ci"}) || who.Admin || !who.Service {
		t.Errorf("%+v", who)
	}
	if trail := w.trail.String(); !strings.Contains(trail, `"action":"user.create","result":"ok","credential":"job:github/build ","target":"job-github-build"`) {
		t.Error("the trail does not tell of the account that was made")
	}
	must(t, errOf(w.Tokens.Exchange(ctx, home, ask)))
	if strings.Contains(w.trail.String(), `"user.update"`) {
		t.Error("the trail tells of a change that was none")
	}
	d.job.Groups = []string{"release"} // the configuration changed
	tok, err = w.Tokens.Exchange(ctx, home, ask)
	must(t, err)
	if again := w.who(bearer(tok.JWT)); !slices.Equal(again.Groups, []string{"release"}) {
		t.Errorf("groups %v after the mapping was changed", again.Groups)
	}
	if trail := w.trail.String(); !strings.Contains(trail, `"action":"user.update","result":"ok","credential":"job:github/build ","target":"job-github-build"`) {
		t.Error("the trail does not tell of the groups that changed")
	}
	must(t, w.Users.Disable(ctx, w.admin, "job-github-build"))
	wantCode(t, "a silenced mapping", errOf(w.Tokens.Exchange(ctx, home, ask)), auth.Unauthenticated)

	w.user("job-github-alice", withPassword)
	for what, job := range map[string]auth.Job{
		"a person's account": {Provider: "github", Mapping: "alice", Groups: []string{"ci"}, Life: time.Hour},
		"no such group":      {Provider: "github", Mapping: "x", Groups: []string{"gone"}, Life: time.Hour},
		"no such user":       {Provider: "github", Mapping: "x", User: "gone", Life: time.Hour},
		"no such scope":      {Provider: "github", Mapping: "x", User: "bot", Scope: "all", Life: time.Hour},
		"admin of none":      {Provider: "github", Mapping: "x", User: "bot", Scope: "applied-permissions/admin", Life: time.Hour},
		"a name too long":    {Provider: "github", Mapping: strings.Repeat("x", 64), Groups: []string{"ci"}, Life: time.Hour},
	} {
		d.job = job
		wantCode(t, what, errOf(w.Tokens.Exchange(ctx, home, ask)), auth.Unauthenticated)
	}
	d.job = auth.Job{Provider: "github", Mapping: "x", User: "bot", Life: 1000 * time.Hour}
	if tok, err = w.Tokens.Exchange(ctx, home, ask); err != nil || tok.Expires.Sub(tok.Created) != 24*time.Hour {
		t.Errorf("a life of 1,000 hours: %v %v", tok.Expires, err)
	}
	d.err = &auth.Error{Code: auth.Unauthenticated, Reason: "no"}
	wantCode(t, "a bad token", errOf(w.Tokens.Exchange(ctx, home, ask)), auth.Unauthenticated)
	d.err = nil
	wantCode(t, "no token", errOf(w.Tokens.Exchange(ctx, home, auth.JobRequest{})), auth.Unauthenticated)
	wantCode(t, "a huge one", errOf(w.Tokens.Exchange(ctx, home, auth.JobRequest{Token: auth.NewSecret(strings.Repeat("x", 1<<20))})), auth.Unauthenticated)

	wantCode(t, "explained to nobody", errOf(w.ExplainJob(ctx, auth.Identity{}, ask.Token)), auth.Unauthenticated)
	for _, c := range []struct {
		what string
		f    auth.JobFinding
		hit  bool
	}{
		{"a user", auth.JobFinding{Mapping: "x", User: "bot"}, true},
		{"groups", auth.JobFinding{Mapping: "x", Groups: []string{"ci"}}, true},
		{"a user who is not there", auth.JobFinding{Mapping: "x", User: "gone"}, false},
		{"a group that is not there", auth.JobFinding{Mapping: "x", Groups: []string{"gone"}}, false},
		{"a silenced mapping", auth.JobFinding{Mapping: "build", Groups: []string{"ci"}}, false},
		{"a person's account", auth.JobFinding{Mapping: "alice", Groups: []string{"ci"}}, false},
	} {
		c.f.Provider, c.f.Hit = "github", true
		d.finding = c.f
		if found, err := w.ExplainJob(ctx, w.admin, ask.Token); err != nil || len(found) != 1 || found[0].Hit != c.hit || c.hit == (len(found[0].Why) > 0) {
			t.Errorf("%s: %+v %v", c.what, found, err)
		}
	}
}
