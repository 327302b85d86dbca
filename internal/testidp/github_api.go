package testidp

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// api lets those in who show a good token of a user who is not suspended. What
// needs a scope is not there without it.
func (g *GitHub) api(scope string, then func(http.ResponseWriter, *http.Request, GitHubUser)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			g.fault("the API is asked by %s", r.Method)
		}
		if r.Header.Get("User-Agent") == "" {
			g.message(w, http.StatusForbidden, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.")
			return
		}
		got, ok := g.bearer(r)
		if !ok {
			g.message(w, http.StatusUnauthorized, "Bad credentials")
			return
		}
		id, err := strconv.ParseInt(got.user.Subject, 10, 64)
		if err != nil {
			panic(err)
		}
		g.mu.Lock()
		u, known := g.users[id]
		var user GitHubUser
		if known {
			user = *u
		}
		g.mu.Unlock()
		w.Header().Set("X-OAuth-Scopes", strings.Join(got.scopes, ", "))
		w.Header().Set("X-Accepted-OAuth-Scopes", scope)
		w.Header().Set("X-GitHub-Media-Type", "github.v3; format=json")
		switch {
		case !known:
			g.message(w, http.StatusUnauthorized, "Bad credentials")
		case user.Suspended:
			g.message(w, http.StatusForbidden, "Sorry. Your account was suspended.")
		case !covers(got.scopes, scope) && scope == "read:org":
			g.message(w, http.StatusForbidden, "You need at least read:org scope or user scope to see your organization membership")
		case !covers(got.scopes, scope):
			g.message(w, http.StatusNotFound, "Not Found")
		default:
			then(w, r, user)
		}
	}
}

// covers reports whether scopes hold one, or a wider one.
func covers(scopes []string, scope string) bool {
	wider := map[string][]string{"user:email": {"user"}, "read:org": {"write:org", "admin:org"}}
	return scope == "" || slices.Contains(scopes, scope) ||
		slices.ContainsFunc(wider[scope], func(w string) bool { return slices.Contains(scopes, w) })
}

func (g *GitHub) user(w http.ResponseWriter, _ *http.Request, u GitHubUser) {
	doc := map[string]any{
		"login": u.Login, "id": u.ID, "node_id": "MDQ6VXNlcg==", "type": "User", "site_admin": false,
		"html_url": g.URL + "/" + u.Login, "name": nil, "email": nil, "two_factor_authentication": true,
	}
	put(doc, "name", u.Name)
	put(doc, "email", u.PublicEmail)
	g.say(w, APIUser, http.StatusOK, doc)
}

func (g *GitHub) emails(w http.ResponseWriter, r *http.Request, u GitHubUser) {
	list := make([]map[string]any, 0, len(u.Emails))
	for _, e := range u.Emails {
		doc := map[string]any{"email": e.Email, "primary": e.Primary, "verified": e.Verified, "visibility": nil}
		put(doc, "visibility", e.Visibility)
		list = append(list, doc)
	}
	g.page(w, r, APIEmails, list)
}

// membership tells of the caller in one organisation, which is found without
// regard to case.
func (g *GitHub) membership(w http.ResponseWriter, r *http.Request, u GitHubUser) {
	org := r.PathValue("org")
	g.mu.Lock()
	limited := g.limited[strings.ToLower(org)]
	g.mu.Unlock()
	if limited {
		g.message(w, http.StatusForbidden, "Although you appear to have the correct authorization credentials, the `"+org+"` organization has enabled OAuth App access restrictions.")
		return
	}
	for name, state := range u.Orgs {
		if strings.EqualFold(name, org) {
			g.say(w, APIMembership, http.StatusOK, map[string]any{
				"state": state, "role": "member", "organization": map[string]any{"login": name, "id": 1},
				"user": map[string]any{"login": u.Login, "id": u.ID},
			})
			return
		}
	}
	g.message(w, http.StatusNotFound, "Not Found")
}

// memberships lists the caller's organisations, but for those that let no OAuth
// app in.
func (g *GitHub) memberships(w http.ResponseWriter, r *http.Request, u GitHubUser) {
	list := []map[string]any{}
	g.mu.Lock()
	for _, name := range slices.Sorted(maps.Keys(u.Orgs)) {
		if wanted := r.URL.Query().Get("state"); !g.limited[strings.ToLower(name)] && (wanted == "" || wanted == u.Orgs[name]) {
			list = append(list, map[string]any{"state": u.Orgs[name], "role": "member", "organization": map[string]any{"login": name, "id": 1}})
		}
	}
	g.mu.Unlock()
	g.page(w, r, APIMembership, list)
}

func (g *GitHub) teams(w http.ResponseWriter, r *http.Request, u GitHubUser) {
	list := make([]map[string]any, 0, len(u.Teams))
	for i, t := range u.Teams {
		list = append(list, map[string]any{
			"id": i + 1, "name": t.Name, "slug": t.Slug, "privacy": "closed", "organization": map[string]any{"login": t.Org, "id": 1},
		})
	}
	g.page(w, r, APITeams, list)
}

// page says one page of a list, of which Change changes each element.
func (g *GitHub) page(w http.ResponseWriter, r *http.Request, where Where, list []map[string]any) {
	q := r.URL.Query()
	size, number := numberOf(q, "per_page", perPage), numberOf(q, "page", 1)
	size = min(size, maxPerPage)
	last := max(1, (len(list)+size-1)/size)
	link := func(page int, rel string) string {
		return fmt.Sprintf(`<%s%s?per_page=%d&page=%d>; rel="%s"`, g.URL, r.URL.Path, size, page, rel)
	}
	var links []string
	if number > 1 {
		links = append(links, link(number-1, "prev"), link(1, "first"))
	}
	if number < last {
		links = append(links, link(number+1, "next"), link(last, "last"))
	}
	if links != nil {
		w.Header().Set("Link", strings.Join(links, ", "))
	}
	shown := list[min(len(list), (number-1)*size):min(len(list), number*size)]
	for _, doc := range shown {
		g.changed(where, doc)
	}
	out, err := json.Marshal(shown)
	if err != nil {
		panic(err)
	}
	g.sayText(w, where, http.StatusOK, "application/json; charset=utf-8", out)
}

func numberOf(q url.Values, name string, usual int) int {
	if n, err := strconv.Atoi(q.Get(name)); err == nil && n > 0 {
		return n
	}
	return usual
}
