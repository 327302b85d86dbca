package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

const (
	exchangeURL = "/access/api/v1/oidc/token"
	exchange    = "urn:ietf:params:oauth:grant-type:token-exchange"
	idToken     = "urn:ietf:params:oauth:token-type:id_token"
)

// judge knows three tokens: of a job that acts as alice, of one that acts for a
// group, and of a CI system that does not answer.
type judge struct{}

const (
	jobOfAlice = "eyJhbGciOiJSUzI1NiJ9.job-of-alice.c2lnbmF0dXJl"
	jobOfGroup = "eyJhbGciOiJSUzI1NiJ9.job-of-group.c2lnbmF0dXJl"
	jobOfDown  = "eyJhbGciOiJSUzI1NiJ9.job-of-down.c2lnbmF0dXJl"
)

func (judge) Judge(_ context.Context, provider, mapping string, token auth.Secret) (auth.Job, error) {
	job := auth.Job{Provider: "ci", Mapping: "release", Subject: "repo:acme/app", User: "alice", Scope: "artifact:npm/**:r", Life: 15 * time.Minute}
	switch {
	case provider != "" && provider != "ci", mapping != "" && mapping != "release":
		return auth.Job{}, &auth.Error{Code: auth.Unauthenticated, Reason: "the credential is not accepted", Err: errors.New("no such provider")}
	case token.Reveal() == jobOfAlice:
		return job, nil
	case token.Reveal() == jobOfGroup:
		job.User, job.Scope, job.Groups = "", "", []string{"builders"}
		return job, nil
	case token.Reveal() == jobOfDown:
		return auth.Job{}, &auth.Error{Code: auth.Unavailable, Reason: "the keys of the job's issuer cannot be had now; try again", Err: errors.New("dial")}
	}
	return auth.Job{}, &auth.Error{Code: auth.Unauthenticated, Reason: "the credential is not accepted", Err: errors.New("the signature is not the issuer's")}
}

func (judge) Explain(_ context.Context, token auth.Secret) ([]auth.JobFinding, error) {
	if token.Reveal() == "x" {
		return nil, &auth.Error{Code: auth.Invalid, Field: "token", Reason: "the token is not a signed JWT"}
	}
	return []auth.JobFinding{{Provider: "ci", Mapping: "release", Hit: true}, {Provider: "other", Why: []string{"the issuer is another"}}}, nil
}

func newJobHouse(t *testing.T) *house {
	h := newHouse(t, houseConfig{})
	h.auth.SetJobs(judge{})
	h.secret.texts = append(h.secret.texts, jobOfAlice, jobOfGroup, jobOfDown)
	if _, err := h.auth.Groups.Create(t.Context(), h.admin, "builders", ""); err != nil {
		t.Fatal(err)
	}
	return h
}

// The exchange as jf and curl ask for it: POST /access/api/v1/oidc/token.
func TestJFrogOIDCExchange(t *testing.T) {
	t.Parallel()
	h := newJobHouse(t)
	body := func(token string, more ...string) map[string]any {
		m := map[string]any{"grant_type": exchange, "subject_token_type": idToken, "subject_token": token, "provider_name": "ci"}
		for i := 0; i+1 < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	t.Run("a job gets a token", func(t *testing.T) {
		h := h.in(t)
		a := h.do("POST", exchangeURL, body(jobOfAlice)).is(http.StatusOK)
		var got map[string]any
		if err := json.Unmarshal([]byte(a.body), &got); err != nil {
			t.Fatal(err)
		}
		id, _ := got["token_id"].(string)
		want := map[string]any{
			"access_token": a.field("access_token"), "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
			"token_type": "Bearer", "expires_in": 900.0, "scope": "artifact:npm/**:r", "username": "alice", "token_id": id,
		}
		if len(got) != len(want) || id == "" {
			t.Errorf("%v", got)
		}
		for key, value := range want {
			if got[key] != value {
				t.Errorf("%s is %v, want %v", key, got[key], value)
			}
		}
		if who := h.do("GET", v1+"/whoami", nil, bearer(a.field("access_token"))).is(http.StatusOK); who.field("user") != "alice" || who.field("scope") != "artifact:npm/**:r" {
			t.Errorf("%s", who.body)
		}
	})
	t.Run("with everything that clients send along, and the reference form", func(t *testing.T) {
		h := h.in(t)
		m := body(jobOfAlice, "provider_type", "GitHub", "project_key", "", "job_id", "1", "run_id", "2", "audience", "x", "application_key", "a",
			"repo", "acme/app", "revision", "9bdf", "branch", "main", "identity_mapping_name", "release")
		m["include_reference_token"] = true
		m["context"] = map[string]any{"vcs": []any{1, nil}}
		m["unheard_of"] = nil
		a := h.do("POST", exchangeURL, m).is(http.StatusOK)
		if r := a.field("reference_token"); len(r) != 64 || !strings.HasPrefix(r, "cmVmd") {
			t.Errorf("%q", r)
		}
	})
	t.Run("as a form, without a provider", func(t *testing.T) {
		h := h.in(t)
		f := url.Values{"grant_type": {exchange}, "subject_token_type": {idToken}, "subject_token": {jobOfGroup}, "run_id": {"7"}, "include_reference_token": {"true"}}
		a := h.do("POST", exchangeURL, f.Encode(), header("Content-Type", "application/x-www-form-urlencoded")).is(http.StatusOK)
		if a.field("username") != "job-ci-release" || a.field("scope") != "applied-permissions/groups:builders" || a.field("reference_token") == "" {
			t.Errorf("%s", a.body)
		}
	})
	t.Run("a credential beside it is not looked at", func(t *testing.T) {
		h := h.in(t)
		h.do("POST", exchangeURL, body(jobOfAlice), basic("eve", "not her password")).is(http.StatusOK)
	})
	t.Run("every refused token is the same 401", func(t *testing.T) {
		h := h.in(t)
		first := ""
		for name, m := range map[string]map[string]any{
			"forged":           body("eyJhbGciOiJub25lIn0.e30."),
			"no JWT":           body("password"),
			"one of ours":      body(h.do("POST", exchangeURL, body(jobOfAlice)).is(http.StatusOK).field("access_token")),
			"other provider":   body(jobOfAlice, "provider_name", "other"),
			"other mapping":    body(jobOfAlice, "identity_mapping_name", "other"),
			"17 KiB":           body(strings.Repeat("a", 17<<10)),
			"control bytes":    body("a\x00\x1b"),
			"long provider":    body(jobOfAlice, "provider_name", strings.Repeat("p", 30<<10)),
			"provider in caps": body(jobOfAlice, "provider_name", "CI"),
		} {
			a := h.do("POST", exchangeURL, m).is(http.StatusUnauthorized)
			if first == "" {
				first = a.body
			}
			if a.body != first || !strings.Contains(a.body, `"code":"UNAUTHORIZED"`) {
				t.Errorf("%s: %s", name, a.body)
			}
		}
	})
	t.Run("malformed: 400 in Access's shape", func(t *testing.T) {
		h := h.in(t)
		without := func(key string) map[string]any {
			m := body(jobOfAlice)
			delete(m, key)
			return m
		}
		twice := `{"grant_type":"` + exchange + `","subject_token_type":"` + idToken + `","subject_token":"x","subject_token":"` + jobOfAlice + `"}`
		for name, m := range map[string]any{
			"no grant_type":         without("grant_type"),
			"no subject_token_type": without("subject_token_type"),
			"no subject_token":      without("subject_token"),
			"another grant_type":    body(jobOfAlice, "grant_type", "client_credentials"),
			"another type":          body(jobOfAlice, "subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
			"a name twice":          twice,
			"a name in capitals":    strings.Replace(twice, `"subject_token":"x"`, `"Subject_Token":"x"`, 1),
			"a token in a list":     `{"grant_type":"` + exchange + `","subject_token_type":"` + idToken + `","subject_token":["` + jobOfAlice + `"]}`,
			"no JSON":               "{",
			"a list":                "[]",
		} {
			a := h.do("POST", exchangeURL, m).is(http.StatusBadRequest)
			if !strings.Contains(a.body, `{"errors":[{"code":"BAD_REQUEST"`) {
				t.Errorf("%s: %s", name, a.body)
			}
		}
		formal := header("Content-Type", "application/x-www-form-urlencoded")
		h.do("POST", exchangeURL, "subject_token=a&subject_token=b", formal).is(http.StatusBadRequest)
		h.do("POST", exchangeURL, url.Values{"grant_type": {exchange}, "subject_token_type": {idToken}, "subject_token": {jobOfAlice}, "include_reference_token": {"maybe"}}.Encode(), formal).is(http.StatusBadRequest)
		h.do("POST", exchangeURL, body(jobOfAlice), header("Content-Type", "text/plain")).is(http.StatusUnsupportedMediaType)
		h.do("POST", exchangeURL, body(strings.Repeat("a", 70<<10))).is(http.StatusRequestEntityTooLarge)
		h.do("GET", exchangeURL, nil).is(http.StatusMethodNotAllowed)
	})
	t.Run("an issuer that does not answer: 503, try again", func(t *testing.T) {
		a := h.in(t).do("POST", exchangeURL, body(jobOfDown)).is(http.StatusServiceUnavailable)
		if a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "SERVICE_UNAVAILABLE") {
			t.Errorf("%v %s", a.header, a.body)
		}
	})
	t.Run("no jobs are configured: the same 401", func(t *testing.T) {
		h := newHouse(t, houseConfig{})
		h.do("POST", exchangeURL, body(jobOfAlice)).is(http.StatusUnauthorized)
	})
}

func TestExplainJob(t *testing.T) {
	t.Parallel()
	h := newJobHouse(t)
	admin := basic("admin", h.adminPassword)
	at := v1 + "/explain/job"
	items := h.do("POST", at, map[string]any{"token": jobOfAlice}, admin).is(http.StatusOK).items()
	if len(items) != 2 || items[0]["hit"] != true || items[0]["mapping"] != "release" || items[1]["hit"] != false || items[1]["why"] == nil {
		t.Errorf("%v", items)
	}
	h.do("POST", at, map[string]any{"token": "x"}, admin).code(http.StatusBadRequest, auth.Invalid)
	h.do("POST", at, map[string]any{"token": ""}, admin).code(http.StatusBadRequest, auth.Invalid)
	h.do("POST", at, map[string]any{}, admin).code(http.StatusBadRequest, auth.Invalid)
	h.do("POST", at, map[string]any{"token": jobOfAlice}, basic("alice", alicePassword)).code(http.StatusForbidden, auth.Forbidden)
	h.do("POST", at, map[string]any{"token": jobOfAlice}).code(http.StatusUnauthorized, auth.Unauthenticated)
	h.auth.SetJobs(nil)
	if items := h.do("POST", at, map[string]any{"token": jobOfAlice}, admin).is(http.StatusOK).items(); len(items) != 0 {
		t.Errorf("%v", items)
	}
}
