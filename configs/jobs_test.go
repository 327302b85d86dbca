package configs_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/configs"
)

const goodJobs = `jobs:
- name: github
  issuer: https://token.actions.githubusercontent.com
  audience: https://latchkey.example.com
  mappings:
  - name: release
    claims: {repository: acme/app, ref: "refs/heads/release/*", run_attempt: 1, ref_protected: true}
    user: release-bot
    scope: artifact:npm/**:r,w
    life: 15m
  - name: build
    claims:
      repository_owner: acme
    groups: [ci, build team]
`

func TestJobs(t *testing.T) {
	c, faults := load(t, goodJobs)
	if faults != nil {
		t.Fatal(strings.Join(faults, "\n"))
	}
	want := []configs.JobProvider{{
		Name: "github", Issuer: "https://token.actions.githubusercontent.com", Audience: "https://latchkey.example.com",
		Mappings: []configs.JobMapping{
			{Name: "release", Claims: map[string]string{"repository": "acme/app", "ref": "refs/heads/release/*", "run_attempt": "1", "ref_protected": "true"}, User: "release-bot", Scope: "artifact:npm/**:r,w", Life: 15 * time.Minute},
			{Name: "build", Claims: map[string]string{"repository_owner": "acme"}, Groups: []string{"ci", "build team"}, Life: time.Hour},
		},
	}}
	if !reflect.DeepEqual(c.Jobs, want) {
		t.Errorf("%+v", c.Jobs)
	}
	if w := c.Warnings(); len(w) != 0 {
		t.Errorf("%q", w)
	}
	c.Jobs[0].Mappings[0].Life = 10 * time.Minute
	if w := c.Warnings(); len(w) != 1 || !strings.HasPrefix(w[0], "jobs github/release: life 10m is short") {
		t.Errorf("%q", w)
	}
}

// Every slip is named with its line, and all of them at once.
func TestJobFaults(t *testing.T) {
	_, faults := load(t, `jobs:
- name: GitHub
  issuer: http://ci.example.com
  mappings:
  - name: a
    claims: {}
  - name: a
    claims: {x: y}
    user: u
    groups: [g]
  - name: b
    claims: {x: '**', y: '*/*'}
    user: Release Bot
    scope: root
    life: 30s
- name: ci
  issuer: https://ci.example.com?x
  audience: a
- name: ci
  issuer: https://u:p@ci.example.com
  audience: a
  mappings:
  - name: c
    claims:
      iss: https://ci.example.com
      repository:
      ref: ""
      ref_type: x
      ref_type: x
    groups: [g, g, "a,b"]
    lief: 1h
    scope: artifact:a:r applied-permissions/admin
`)
	want := []string{
		"f:2: jobs[0].name: takes 1 to 63",
		"f:2: jobs[0].audience: is missing",
		"f:3: jobs[0].issuer: must be https",
		"f:5: jobs[0].mappings[0].user: is missing, and so is groups",
		"f:6: jobs[0].mappings[0].claims: is missing",
		"f:7: jobs[0].mappings[1].name: is the name of mapping 0 too",
		"f:10: jobs[0].mappings[1].groups: cannot be beside user",
		"f:12: jobs[0].mappings[2].claims: matches every job of the issuer",
		"f:13: jobs[0].mappings[2].user: takes a user name",
		"f:14: jobs[0].mappings[2].scope: takes scopes as",
		"f:15: jobs[0].mappings[2].life: takes a duration from 1m to 24h",
		"f:16: jobs[1].mappings: is empty: no job could get in",
		"f:17: jobs[1].issuer: must not have a query",
		"f:19: jobs[2].name: is the name of jobs[1] too",
		"f:20: jobs[2].issuer: must not have a user or a password",
		"f:25: jobs[2].mappings[0].claims.iss: is judged by issuer",
		"f:26: jobs[2].mappings[0].claims.repository: has no value",
		"f:27: jobs[2].mappings[0].claims.ref: is empty; * is any text",
		"f:29: jobs[2].mappings[0].claims.ref_type: is given twice",
		"f:30: jobs[2].mappings[0].groups[1]: is listed twice",
		"f:30: jobs[2].mappings[0].groups[2]: takes a group name",
		"f:31: jobs[2].mappings[0].lief: unknown key; the nearest is life",
		"f:32: jobs[2].mappings[0].scope: cannot be applied-permissions/admin with groups",
	}
	for i := range max(len(faults), len(want)) {
		switch {
		case i >= len(faults):
			t.Errorf("missing: %s", want[i])
		case i >= len(want):
			t.Errorf("beyond: %s", faults[i])
		case !strings.HasPrefix(faults[i], want[i]):
			t.Errorf("got  %s\nwant %s", faults[i], want[i])
		}
	}
}

func TestJobLimits(t *testing.T) {
	mapping := func(more string) string {
		return "jobs:\n- name: ci\n  issuer: https://ci.example.com\n  audience: a\n  mappings:\n  - {name: m, user: u, " + more + "}\n"
	}
	many := func(n int, form string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, form, i)
		}
		return b.String()
	}
	head := "jobs:\n- name: ci\n  issuer: https://ci.example.com\n  audience: a\n  mappings:\n"
	provider := "- {name: p%d, issuer: 'https://ci.example.com', audience: a, mappings: [{name: m, user: u, claims: {a: b}}]}\n"
	for _, tc := range []struct{ name, text, want string }{
		{"50 providers", "jobs:\n" + many(50, provider), ""},
		{"51 providers", "jobs:\n" + many(51, provider), "jobs: has 51 entries; at most 50"},
		{"100 mappings", head + many(100, "  - {name: m%d, user: u, claims: {a: b}}\n"), ""},
		{"101 mappings", head + many(101, "  - {name: m%d, user: u, claims: {a: b}}\n"), "has 101 entries; at most 100"},
		{"20 claims", mapping("claims: {" + many(20, "c%d: x, ") + "}"), ""},
		{"21 claims", mapping("claims: {" + many(21, "c%d: x, ") + "}"), "has 21 entries; at most 20"},
		{"256 bytes", mapping("claims: {a: " + strings.Repeat("x", 256) + "}"), ""},
		{"257 bytes", mapping("claims: {a: " + strings.Repeat("x", 257) + "}"), "is longer than 256 bytes"},
		{"a list of claims", mapping("claims: [a]"), "takes a block of names and texts"},
		{"a claim with a list", mapping("claims: {a: [b]}"), "takes one value"},
		{"a claim with a line break", mapping(`claims: {"a\nb": c}`), "a name is a plain word"},
		{"a claim that a terminal would act on", mapping("claims: {a\u202eb: ''}"), `claims."a\u202eb": is empty`},
		{"a life of 0", mapping("claims: {a: b}, life: 0"), "takes a duration from 1m to 24h"},
		{"a long scope", mapping("claims: {a: b}, scope: artifact:" + strings.Repeat("x", 500)), "is longer than 500 bytes"},
		{"loopback", "jobs: [{name: a, issuer: 'http://[::1]:8080/x', audience: a, mappings: [{name: m, user: u, claims: {a: b}}]}]", ""},
		{"nearly loopback", "jobs: [{name: a, issuer: 'http://localhost.example.com', audience: a, mappings: [{name: m, user: u, claims: {a: b}}]}]", "must be https"},
		{"a file", "jobs: [{name: a, issuer: 'file:///etc', audience: a, mappings: [{name: m, user: u, claims: {a: b}}]}]", "takes the issuer's https URL"},
		{"one account of two mappings", "jobs:\n- {name: a, issuer: 'https://x.example', audience: a, mappings: [{name: b-c, groups: [g], claims: {a: b}}]}\n" +
			"- {name: a-b, issuer: 'https://x.example', audience: a, mappings: [{name: c, groups: [g], claims: {a: b}}]}\n", "f:3: jobs[1].mappings[0].name: gives the service account job-a-b-c, which is that of jobs[0].mappings[0] too"},
		{"an account with a long name", "jobs: [{name: " + strings.Repeat("a", 40) + ", issuer: 'https://x.example', audience: a, mappings: [{name: " + strings.Repeat("b", 20) + ", groups: [g], claims: {a: b}}]}]", "is too long: the service account"},
	} {
		_, faults := load(t, tc.text)
		if got := strings.Join(faults, "\n"); tc.want == "" && faults != nil || tc.want != "" && (len(faults) != 1 || !strings.Contains(got, tc.want)) {
			t.Errorf("%s: %s", tc.name, got)
		}
	}
}

// On a system where anybody may run jobs, a mapping without an owner is an
// open door.
func TestJobsOfPublicIssuers(t *testing.T) {
	const github, gitlab, codeberg, own = "https://token.actions.githubusercontent.com", "https://gitlab.com", "https://codeberg.org/api/actions", "https://git.example.com"
	for _, tc := range []struct {
		issuer, claims string
		open           bool
	}{
		{github, "{repository: acme/app}", false},
		{github, "{repository: acme/*}", false},
		{github, "{repository: acme*}", true},
		{github, "{repository: acme*/app}", true},
		{github, "{repository: '*/app'}", true},
		{github, "{repository: /a*}", true},
		{github, "{repository_owner: acme}", false},
		{github, "{repository_owner: acme*}", true},
		{github, "{repository_id: 74}", false},
		{github, "{ref: refs/heads/main}", true},
		{github, "{ref: refs/heads/main, environment: production}", true},
		{github, "{actor: octocat}", true},
		{github, "{job_workflow_ref: acme/app/.github/workflows/x.yml@refs/heads/main}", true}, // anybody may call it
		{github, "{workflow_ref: 'acme/app/**'}", false},
		{github, "{sub: 'repo:**'}", true},
		{github, "{sub: 'repo:acme*'}", true},
		{github, "{sub: 'repo:acme/app:*'}", false},
		{github, "{sub: 'repo:acme/app:ref:refs/heads/main'}", false},
		{github, "{ref: refs/heads/main, repository: acme/app}", false},
		{gitlab, "{project_path: 'acme/**'}", false},
		{gitlab, "{project_path: '**/app'}", true},
		{gitlab, "{ref_path: refs/heads/main, ref_protected: true}", true},
		{gitlab, "{user_login: maria}", true},
		{gitlab, "{sub: 'project_path:acme/app:*'}", false},
		{gitlab, "{sub: 'project_path:*/app'}", true},
		{codeberg, "{repository: acme/app}", false},
		{codeberg, "{ref: refs/heads/main}", true},
		{"https://agent.buildkite.com", "{organization_slug: acme}", false},
		{"https://agent.buildkite.com", "{build_branch: main}", true},
		{"https://app.terraform.io", "{terraform_organization_name: acme}", false},
		{"https://app.terraform.io", "{terraform_run_phase: apply}", true},
		{"https://accounts.google.com", "{email: ci@acme.iam.gserviceaccount.com}", false},
		{"https://accounts.google.com", "{email_verified: true}", true},
		{own, "{ref: refs/heads/main}", false},
	} {
		_, faults := load(t, "jobs: [{name: a, issuer: '"+tc.issuer+"', audience: a, mappings: [{name: m, user: u, claims: "+tc.claims+"}]}]")
		if tc.open != (len(faults) == 1 && strings.Contains(faults[0], "could be matched by anybody")) || !tc.open && faults != nil {
			t.Errorf("%s %s: %q", tc.issuer, tc.claims, faults)
		}
	}
}
