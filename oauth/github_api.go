package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// Limits of GitHub's API.
const (
	maxPages    = 10 // of a list; what is behind them is as if it were not there
	perPage     = 100
	maxIDDigits = 19 // of an account's number
)

// githubAsker asks the API about the person of one access token.
type githubAsker struct {
	*gitHub
	access auth.Secret
	teams  []string // org/team in lower case; nil: not asked
	active []string // organisations in lower case; nil: not asked
}

// user is the account (GET /user). The e-mail address there is for show, and
// anybody's to write, so it is not looked at.
func (a *githubAsker) user(ctx context.Context) (auth.External, error) {
	text, _, err := a.ask(ctx, "/user")
	if errors.Is(err, errMissing) {
		return auth.External{}, a.down("/user: %w", err)
	} else if err != nil {
		return auth.External{}, err
	}
	user, err := object(text)
	if err != nil {
		return auth.External{}, a.down("/user: the answer %w", err)
	}
	id, ok := user["id"].(json.Number)
	if !ok || !digits(id.String()) {
		return auth.External{}, a.denied("/user: the answer has no number of an account")
	}
	login, _ := user["login"].(string)
	name, _ := user["name"].(string)
	return auth.External{Subject: id.String(), Login: clean(login, maxLogin), DisplayName: clean(name, maxFullName)}, nil
}

// digits reports a number above zero as it is written shortest, so that one
// account has one subject.
func digits(s string) bool {
	return s != "" && len(s) <= maxIDDigits && s[0] != '0' && strings.Trim(s, "0123456789") == ""
}

// email is the primary address, and whether GitHub has verified it
// (GET /user/emails); none without the scope.
func (a *githubAsker) email(ctx context.Context) (address string, verified bool, err error) {
	text, _, err := a.ask(ctx, "/user/emails?per_page="+strconv.Itoa(perPage))
	if unseen(err) {
		return "", false, nil
	} else if err != nil {
		return "", false, err
	}
	list, err := objects(text)
	if err != nil {
		return "", false, a.down("/user/emails: the answer %w", err)
	}
	for _, e := range list {
		if e["primary"] == true {
			address, _ = e["email"].(string)
			address = cleanEmail(address)
			return address, address != "" && e["verified"] == true, nil
		}
	}
	return "", false, nil
}

// admit judges by the rules of organisations. Whatever is not a clear yes is
// none: a membership that is pending, an organisation that does not show itself
// to this application, a team behind the pages that are read.
func (a *githubAsker) admit(ctx context.Context) error {
	if len(a.orgs) == 0 {
		return nil
	}
	for _, rule := range a.orgs {
		in, err := a.member(ctx, rule)
		if err != nil {
			return err
		}
		if in {
			return nil
		}
	}
	return a.excluded("the account is in none of the organisations and teams that are let in")
}

func (a *githubAsker) member(ctx context.Context, rule orgRule) (bool, error) {
	if rule.team != "" {
		teams, err := a.allTeams(ctx)
		return slices.Contains(teams, rule.org+"/"+rule.team), err
	}
	if len(a.orgs) > maxOneByOne {
		active, err := a.allOrgs(ctx)
		return slices.Contains(active, rule.org), err
	}
	text, _, err := a.ask(ctx, "/user/memberships/orgs/"+url.PathEscape(rule.org))
	if unseen(err) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	m, err := object(text)
	if err != nil {
		return false, a.down("membership: the answer %w", err)
	}
	return m["state"] == "active" && lowerASCII(loginOf(m["organization"])) == rule.org, nil
}

// allTeams are the teams that the person is in (GET /user/teams).
func (a *githubAsker) allTeams(ctx context.Context) ([]string, error) {
	if a.teams != nil {
		return a.teams, nil
	}
	list, err := a.pages(ctx, "/user/teams?")
	if err != nil {
		return nil, err
	}
	a.teams = []string{}
	for _, t := range list {
		org, slug := loginOf(t["organization"]), ""
		if slug, _ = t["slug"].(string); orgName(org) && orgName(slug) {
			a.teams = append(a.teams, lowerASCII(org)+"/"+lowerASCII(slug))
		}
	}
	return a.teams, nil
}

// allOrgs are the organisations in which the person is active
// (GET /user/memberships/orgs).
func (a *githubAsker) allOrgs(ctx context.Context) ([]string, error) {
	if a.active != nil {
		return a.active, nil
	}
	list, err := a.pages(ctx, "/user/memberships/orgs?state=active&")
	if err != nil {
		return nil, err
	}
	a.active = []string{}
	for _, m := range list {
		if org := loginOf(m["organization"]); m["state"] == "active" && orgName(org) {
			a.active = append(a.active, lowerASCII(org))
		}
	}
	return a.active, nil
}

// groups are what rules of groups are about: organisations, and teams as
// org/team.
func (a *githubAsker) groups(ctx context.Context) ([]any, error) {
	teams, err := a.allTeams(ctx)
	if err != nil {
		return nil, err
	}
	orgs, err := a.allOrgs(ctx)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, name := range slices.Concat(orgs, teams) {
		if slices.ContainsFunc(a.rules, func(r groupRule) bool { return r.claim.matches(name) }) {
			out = append(out, name)
		}
	}
	return out, nil
}

func loginOf(v any) string {
	o, _ := v.(map[string]any)
	s, _ := o["login"].(string)
	return s
}

// pages reads a list to its end, or to its maxPages-th page. Addresses are made
// here: those in the header are not followed.
func (a *githubAsker) pages(ctx context.Context, path string) ([]map[string]any, error) {
	var out []map[string]any
	for page := 1; page <= maxPages; page++ {
		text, more, err := a.ask(ctx, fmt.Sprintf("%sper_page=%d&page=%d", path, perPage, page))
		if unseen(err) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
		list, err := objects(text)
		if err != nil {
			return nil, a.down("%s: the answer %w", place(path), err)
		}
		if out = append(out, list...); !more {
			break
		}
	}
	return out, nil
}

var (
	errMissing = errors.New("the answer is 404")
	errRevoked = errors.New("the answer is 401")
)

// unseen reports that GitHub shows this person, or this application, no such
// thing; a token that is no good any more is something else.
func unseen(err error) bool {
	return errors.Is(err, errMissing) || auth.CodeOf(err) == auth.Forbidden && !errors.Is(err, errRevoked)
}

// ask gets a document of the API, and tells whether a next page is linked. The
// errors are errMissing; Forbidden, with errRevoked for a token that is no good
// any more; Unavailable, also where we asked too often.
func (a *githubAsker) ask(ctx context.Context, path string) (text []byte, more bool, err error) {
	answer, text, err := a.get(ctx, place(path), a.api+path, "application/vnd.github+json", a.access)
	if err != nil {
		return nil, false, err
	}
	switch status := answer.StatusCode; {
	case status == http.StatusTooManyRequests, status == http.StatusForbidden && tooOften(answer.Header):
		return nil, false, a.down("%s: the answer is %d: we asked too often", place(path), status)
	case status == http.StatusUnauthorized:
		return nil, false, a.denied("%s: %w", place(path), errRevoked)
	case status == http.StatusForbidden:
		return nil, false, a.denied("%s: the answer is 403", place(path))
	case status == http.StatusNotFound:
		return nil, false, errMissing
	case status != http.StatusOK:
		return nil, false, a.down("%s: the answer is %d", place(path), status)
	}
	return text, strings.Contains(answer.Header.Get("Link"), `rel="next"`), nil
}

// tooOften tells a limit on requests, first or second, from a refusal.
func tooOften(h http.Header) bool {
	return h.Get("X-RateLimit-Remaining") == "0" || h.Get("Retry-After") != ""
}

// place is a path without what is asked there.
func place(path string) string {
	name, _, _ := strings.Cut(path, "?")
	return name
}

// objects reads a list of JSON objects, each as strictly as object does.
func objects(text []byte) ([]map[string]any, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil || list == nil {
		return nil, errors.New("is not a list")
	}
	out := make([]map[string]any, 0, len(list))
	for _, element := range list {
		o, err := object(element)
		if err != nil {
			return nil, fmt.Errorf("has an element that %w", err)
		}
		out = append(out, o)
	}
	return out, nil
}
