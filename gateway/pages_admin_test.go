package gateway_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
)

// office is a browser in which the administrator is signed in.
type office struct {
	*house
	shown with
}

// office signs the administrator in, unlocked or not.
func (h *house) office(unlocked bool) office {
	h.t.Helper()
	o := office{h, h.browser(h.signIn("admin", h.adminPassword))}
	if unlocked {
		o.post("/ui/profile/unlock", "password", h.adminPassword).is(http.StatusSeeOther)
	}
	return o
}

func (o office) get(path string) answer {
	o.t.Helper()
	return o.do("GET", path, nil, navigate, o.shown)
}

// post sends a form of names and values.
func (o office) post(path string, pairs ...string) answer {
	o.t.Helper()
	fields := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		fields.Add(pairs[i], pairs[i+1])
	}
	return o.submit(path, fields, navigate, o.shown)
}

// leads checks that an answer sends the browser on to a page that says
// something.
func (o office) leads(a answer, path, said string) answer {
	o.t.Helper()
	a.is(http.StatusSeeOther)
	to := a.header.Get("Location")
	if at, _, _ := strings.Cut(to, "?"); at != path {
		o.t.Fatalf("%s leads to %s, want %s", a.at, to, path)
	}
	return o.get(to).is(http.StatusOK).says(said)
}

// says checks that the page says all that.
func (a answer) says(texts ...string) answer {
	a.t.Helper()
	for _, text := range texts {
		if !strings.Contains(html.UnescapeString(a.body), text) {
			a.t.Errorf("%s: the page has no %q: %s", a.at, text, a.body)
		}
	}
	return a
}

// hiddenValue is what a form of the page carries along under a name.
func (a answer) hiddenValue(name string) string {
	a.t.Helper()
	m := regexp.MustCompile(`name="` + regexp.QuoteMeta(name) + `" value="([^"]*)"`).FindStringSubmatch(a.body)
	if m == nil {
		a.t.Fatalf("%s: no hidden %s", a.at, name)
	}
	return html.UnescapeString(m[1])
}

// adminPages are those that only show something, and forms.
var adminPages = []string{
	"/ui/admin/users", "/ui/admin/users?search=al", "/ui/admin/users/new", "/ui/admin/users/alice", "/ui/admin/users/alice/edit",
	"/ui/admin/users/alice/disable", "/ui/admin/users/alice/delete", "/ui/admin/users/alice/reset-link",
	"/ui/admin/users/alice/tokens", "/ui/admin/users/alice/sshkeys", "/ui/admin/users/alice/sessions", "/ui/admin/users/alice/upstreams",
	"/ui/admin/groups", "/ui/admin/groups/new", "/ui/admin/groups/edit?group=builders", "/ui/admin/groups/delete?group=builders",
	"/ui/admin/keys", "/ui/admin/keys/revoke-all", "/ui/admin/audit", "/ui/admin/policies", "/ui/admin/health",
}

// adminPosts are all forms of the administration, filled in well.
var adminPosts = []struct {
	path   string
	fields []string
}{
	{"/ui/admin/users/new", []string{"name", "zoe", "email", "zoe@example.com", "kind", "person"}},
	{"/ui/admin/users/alice/edit", []string{"display_name", "Alice L.", "was_display_name", "", "email", "alice@example.com", "was_email", "alice@example.com"}},
	{"/ui/admin/users/alice/disable", nil},
	{"/ui/admin/users/alice/enable", nil},
	{"/ui/admin/users/alice/delete", []string{"name", "alice"}},
	{"/ui/admin/users/alice/clear-guesses", nil},
	{"/ui/admin/users/alice/expire-password", nil},
	{"/ui/admin/users/alice/unexpire-password", nil},
	{"/ui/admin/users/alice/end-sessions", nil},
	{"/ui/admin/users/alice/revoke-api-key", nil},
	{"/ui/admin/users/alice/reset-link", []string{"form", "AAAAAAAAAAAAAAAAAAAAAA"}},
	{"/ui/admin/groups/new", []string{"name", "readers", "description", ""}},
	{"/ui/admin/groups/edit?group=builders", []string{"description", "x"}},
	{"/ui/admin/groups/delete?group=builders", nil},
	{"/ui/admin/keys/revoke-all", []string{"words", "revoke all"}},
}

// furnished has a group, and an API key of alice's.
func furnished(t *testing.T) *house {
	h := newHouse(t, houseConfig{})
	if _, err := h.auth.Groups.Create(t.Context(), h.admin, "builders", "who builds"); err != nil {
		t.Fatal(err)
	}
	h.do("POST", v1+"/me/apikey", nil, basic("alice", alicePassword)).is(http.StatusCreated)
	return h
}

// TestAdministrationIsForAdministrators: everybody else gets a page that says
// so, and nothing happens.
func TestAdministrationIsForAdministrators(t *testing.T) {
	t.Parallel()
	h := furnished(t)
	eve := office{h, h.browser(h.signIn("eve", evePassword))}
	eve.post("/ui/profile/unlock", "password", evePassword).is(http.StatusSeeOther)
	for _, path := range adminPages {
		eve.get(path).is(http.StatusForbidden).says("These pages are for administrators").lacks("alice@example.com", "who builds")
	}
	for _, form := range adminPosts {
		eve.post(form.path, form.fields...).is(http.StatusForbidden)
	}
	eve.post("/ui/admin/audit/verify").is(http.StatusForbidden)
	if to := h.do("GET", "/ui/admin/users", nil, navigate).is(http.StatusSeeOther).header.Get("Location"); !strings.Contains(to, "/ui/login") {
		t.Errorf("nobody is led to %s", to)
	}
	// An administrator's token is for programs.
	token := h.do("POST", v1+"/me/tokens", map[string]any{}, basic("admin", h.adminPassword)).is(http.StatusCreated).field("access_token")
	h.do("GET", "/ui/admin/users", nil, navigate, bearer(token)).is(http.StatusForbidden)
	if user, err := h.auth.Users.Get(t.Context(), h.admin, "alice"); err != nil || !user.Enabled || user.DisplayName != "" {
		t.Errorf("%+v, %v", user, err)
	}
}

// TestLockedAdministrator sees the lists, is offered the unlocking and nothing
// else, and changes nothing.
func TestLockedAdministrator(t *testing.T) {
	t.Parallel()
	h := furnished(t)
	o := h.office(false)
	for _, path := range adminPages {
		page := o.get(path).is(http.StatusOK).lacks(`class="button second danger`, `>Edit</a>`, `class="danger"`, `>Add user</`, `>Add group</`)
		if !strings.Contains(path, "audit") && !strings.Contains(path, "policies") && !strings.Contains(path, "health") {
			page.says("nothing can be changed until")
		}
	}
	for _, form := range adminPosts {
		page := o.post(form.path, form.fields...).is(http.StatusForbidden)
		page.says("locked itself meanwhile")
	}
	user, err := h.auth.Users.Get(t.Context(), h.admin, "alice")
	if err != nil || !user.Enabled || user.DisplayName != "" || user.PasswordExpired {
		t.Errorf("%+v, %v", user, err)
	}
	if _, err := h.auth.Keys.Get(t.Context(), h.admin, "alice"); err != nil {
		t.Error(err)
	}
	if _, err := h.auth.Users.Get(t.Context(), h.admin, "zoe"); auth.CodeOf(err) != auth.NotFound {
		t.Error(err)
	}
	// What was typed is kept, and goes through with the password.
	page := o.post("/ui/admin/groups/new", "name", "readers", "description", "who reads").says(`value="readers"`, "who reads", `name="password"`)
	page.is(http.StatusForbidden)
	o.leads(o.post("/ui/admin/groups/new", "name", "readers", "description", "who reads", "password", h.adminPassword), "/ui/admin/groups", "The group is added")
}

// TestUnlockingComesBackToThePage of the administration, with what it is about.
func TestUnlockingComesBackToThePage(t *testing.T) {
	t.Parallel()
	h := furnished(t)
	o := h.office(false)
	next := o.get("/ui/admin/groups/edit?group=builders&done=locked").is(http.StatusOK).hiddenValue("next")
	if next != "/ui/admin/groups/edit?group=builders" {
		t.Errorf("next is %q", next)
	}
	to := o.post("/ui/profile/unlock", "password", h.adminPassword, "next", next).is(http.StatusSeeOther).header.Get("Location")
	if to != next {
		t.Errorf("led to %q", to)
	}
}
