package gateway_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
)

const zoePassword = "zoe has yet another password"

// TestAddingUsers: a person with a link or a password, a service, and what is
// refused with what was typed.
func TestAddingUsers(t *testing.T) {
	t.Parallel()
	h := furnished(t)
	h.secret.texts = append(h.secret.texts, zoePassword)
	o := h.office(true)

	made := o.post("/ui/admin/users/new", "name", "Yan", "display_name", "Yan Y.", "email", "yan@example.com", "kind", "person", "groups", "builders").is(http.StatusOK)
	made.says("yan is added", "shown only now", `title="Your profile">admin<`)
	link := resetLinkOf(made)
	if !strings.HasPrefix(link, h.origin+"/ui/reset?") {
		t.Errorf("the link is %q", link)
	}
	at, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	key := at.Query().Get("key")
	h.secret.texts = append(h.secret.texts, key)
	peer := auth.Peer{Addr: netip.MustParseAddr("127.0.0.1"), Door: "http"}
	if err := h.auth.Passwords.Reset(t.Context(), peer, at.Query().Get("user"), auth.NewSecret(key), auth.NewSecret("yan chose this one alone"), false); err != nil {
		t.Errorf("the link does not work: %v", err)
	}
	user, err := h.auth.Users.Get(t.Context(), h.admin, "yan")
	if err != nil || user.DisplayName != "Yan Y." || !slices.Equal(user.Groups, []string{"builders"}) || user.Admin {
		t.Errorf("%+v, %v", user, err)
	}

	o.leads(o.post("/ui/admin/users/new", "name", "zoe", "email", "zoe@example.com", "kind", "person", "admin", "1", "first", zoePassword, "again", zoePassword),
		"/ui/admin/users/zoe", "The user is added").says("administrator")
	h.signIn("zoe", zoePassword)
	o.leads(o.post("/ui/admin/users/new", "name", "robot", "kind", "service", "email", ""), "/ui/admin/users/robot", "The user is added").lacks("reset-link", "Sessions end")

	const typed = `"><svg onload=alert(1)>`
	for name, c := range map[string]struct {
		fields []string
		status int
		said   string
	}{
		"taken":             {[]string{"name", "alice", "email", "a@example.com", "display_name", typed}, http.StatusConflict, "there is a user alice already"},
		"a bad name":        {[]string{"name", "a b", "email", "a@example.com", "display_name", typed}, http.StatusBadRequest, "a user name is made of"},
		"no address":        {[]string{"name", "ann", "display_name", typed}, http.StatusBadRequest, "a person needs an e-mail address"},
		"a short password":  {[]string{"name", "ann", "email", "a@example.com", "display_name", typed, "first", "short", "again", "short"}, http.StatusBadRequest, "at least 15 are needed"},
		"two passwords":     {[]string{"name", "ann", "email", "a@example.com", "display_name", typed, "first", zoePassword, "again", "something else"}, http.StatusBadRequest, "the two passwords differ"},
		"service, password": {[]string{"name", "ann", "kind", "service", "display_name", typed, "first", zoePassword, "again", zoePassword}, http.StatusBadRequest, "a service account has no password"},
		"a group of nobody": {[]string{"name", "ann", "email", "a@example.com", "display_name", typed, "groups", "ghosts"}, http.StatusBadRequest, "there is no group"},
		"a kind of nothing": {[]string{"name", "ann", "email", "a@example.com", "display_name", typed, "kind", "ghost"}, http.StatusBadRequest, "of kind person or service"},
	} {
		page := o.post("/ui/admin/users/new", c.fields...).is(c.status)
		if !strings.Contains(strings.ToLower(page.body), strings.ToLower(strings.ReplaceAll(c.said, `"`, "&#34;"))) {
			t.Errorf("%s: %s", name, page.body)
		}
		page.says(`value="`+typed+`"`).lacks("<svg onload", zoePassword, `value="short"`, "Your current password")
	}
	if _, err := h.auth.Users.Get(t.Context(), h.admin, "ann"); auth.CodeOf(err) != auth.NotFound {
		t.Error(err)
	}
}

// resetLinkOf is the link that a page shows.
func resetLinkOf(a answer) string {
	a.t.Helper()
	_, rest, ok := strings.Cut(a.body, `aria-labelledby="link-label">`)
	link, _, _ := strings.Cut(rest, "<")
	if !ok {
		a.t.Fatalf("%s shows no link: %s", a.at, a.body)
	}
	return strings.ReplaceAll(link, "&amp;", "&")
}

// TestActsOnUsers: each asks first, naming the user, and then does it.
func TestActsOnUsers(t *testing.T) {
	t.Parallel()
	h := furnished(t)
	o := h.office(true)
	alice := h.browser(h.signIn("alice", alicePassword))
	enabled := func() bool { u, _ := h.auth.Users.Get(t.Context(), h.admin, "alice"); return u.Enabled }
	expired := func() bool { u, _ := h.auth.Users.Get(t.Context(), h.admin, "alice"); return u.PasswordExpired }
	for _, act := range []struct {
		path, title, said, done string
		holds                   func() bool
	}{
		{"end-sessions", "End all sessions of alice?", "signed out in every browser", "All sessions of the user are ended",
			func() bool {
				return h.do("GET", "/ui/profile", nil, navigate, alice).status == http.StatusSeeOther
			}},
		{"clear-guesses", "Clear the wrong guesses at alice?", "wrong passwords", "count of wrong passwords is cleared", enabled},
		{"expire-password", "Expire the password of alice?", "choosing another one only", "The password is expired", expired},
		{"unexpire-password", "Make the password of alice good again?", "opens everything again", "good again", func() bool { return !expired() }},
		{"revoke-api-key", "Revoke the API key of alice?", "Every script and client", "The API key is revoked",
			func() bool {
				_, err := h.auth.Keys.Get(t.Context(), h.admin, "alice")
				return auth.CodeOf(err) == auth.NotFound
			}},
		{"disable", "Disable alice?", "cannot sign in any more", "The user is disabled", func() bool { return !enabled() }},
		{"enable", "Enable alice?", "can sign in again", "The user is enabled", enabled},
	} {
		path := "/ui/admin/users/alice/" + act.path
		o.get(path).is(http.StatusOK).says("<h1>"+act.title+"</h1>", act.said)
		if act.path != "clear-guesses" && act.path != "enable" && act.holds() {
			t.Errorf("GET %s changes something", path)
		}
		o.leads(o.post(path), "/ui/admin/users/alice", act.done)
		if !act.holds() {
			t.Errorf("POST %s did nothing", path)
		}
	}
	o.get("/ui/admin/users/alice/delete").is(http.StatusOK).says("Delete alice?", "Nothing brings the account back", "API key")
	o.post("/ui/admin/users/alice/delete", "name", "eve").is(http.StatusBadRequest).says("This is not the name")
	o.post("/ui/admin/users/alice/delete").is(http.StatusBadRequest)
	o.leads(o.post("/ui/admin/users/alice/delete", "name", "alice"), "/ui/admin/users", "The user is deleted").lacks("alice@example.com")
	for _, path := range []string{"", "/edit", "/disable", "/tokens", "/reset-link"} {
		o.get("/ui/admin/users/alice" + path).is(http.StatusNotFound)
	}
	o.post("/ui/admin/users/alice/disable").is(http.StatusNotFound)
	o.get("/ui/admin/users/a%20b").is(http.StatusNotFound)
	o.get("/ui/admin/users/eve/fly").is(http.StatusNotFound)
}

// TestGuessesAtAUserAreShown, and cleared.
func TestGuessesAtAUserAreShown(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	o := h.office(true)
	for i := range auth.StrangerGuesses + 1 {
		h.submit("/ui/login", url.Values{"username": {"eve"}, "password": {fmt.Sprintf("a wrong password, number %d", i)}})
	}
	o.get("/ui/admin/users/eve").is(http.StatusOK).says("too many wrong passwords")
	o.leads(o.post("/ui/admin/users/eve/clear-guesses"), "/ui/admin/users/eve", "cleared").lacks("too many wrong passwords")
}

// TestResetLinkIsShownOnce: a form that is sent again makes no second one.
func TestResetLinkIsShownOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	o := h.office(true)
	form := o.get("/ui/admin/users/alice/reset-link").is(http.StatusOK).says("Make a reset link for alice?").hiddenValue("form")
	first := resetLinkOf(o.post("/ui/admin/users/alice/reset-link", "form", form).is(http.StatusOK))
	o.post("/ui/admin/users/alice/reset-link", "form", form).is(http.StatusConflict).says("This form was sent before").lacks("/ui/reset?")
	o.post("/ui/admin/users/alice/reset-link").is(http.StatusBadRequest).lacks("/ui/reset?")
	at, err := url.Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	h.secret.texts = append(h.secret.texts, at.Query().Get("key"))
	peer := auth.Peer{Addr: netip.MustParseAddr("127.0.0.1"), Door: "http"}
	if _, err := h.auth.Passwords.ShowReset(t.Context(), peer, "alice", auth.NewSecret(at.Query().Get("key"))); err != nil {
		t.Error(err)
	}
	h.signIn("alice", alicePassword) // goes on until the link is used
}

// TestTwoAdministratorsEditOneUser: what one saved, the other's older form does
// not undo.
func TestTwoAdministratorsEditOneUser(t *testing.T) {
	t.Parallel()
	h := furnished(t)
	if _, err := h.auth.Groups.Create(t.Context(), h.admin, "readers", ""); err != nil {
		t.Fatal(err)
	}
	o := h.office(true)
	before := o.get("/ui/admin/users/alice/edit").is(http.StatusOK)
	old := []string{}
	for _, name := range []string{"display_name", "email", "groups", "admin", "may_update_profile", "internal_password_disabled", "pages_disabled"} {
		old = append(old, "was_"+name, before.hiddenValue("was_"+name))
	}
	save := func(fields ...string) {
		o.leads(o.post("/ui/admin/users/alice/edit", append(fields, old...)...), "/ui/admin/users/alice", "Saved")
	}
	save("display_name", "Alice One", "email", "alice@example.com", "groups", "builders", "admin", "1", "may_update_profile", "1", "pages_disabled", "1")
	// The second form still shows no group, no right, no name.
	save("display_name", "", "email", "alice@example.org", "groups", "readers", "internal_password_disabled", "1")
	u, err := h.auth.Users.Get(t.Context(), h.admin, "alice")
	if err != nil {
		t.Fatal(err)
	}
	if u.DisplayName != "Alice One" || u.Email != "alice@example.org" || !slices.Equal(u.Groups, []string{"builders", "readers"}) ||
		!u.Admin || !u.PagesDisabled || u.MayUpdateProfile || !u.InternalPasswordDisabled {
		t.Errorf("%+v", u)
	}
	o.get("/ui/admin/users/alice").is(http.StatusOK).says("kept elsewhere", "no sign-in", "kept by the administrators", "builders, readers").lacks("expire-password", "reset-link")

	page := o.post("/ui/admin/users/alice/edit", append([]string{"display_name", "Alice Two", "email", "nowhere"}, old...)...).is(http.StatusBadRequest)
	page.says("is not an e-mail address", `value="Alice Two"`, `value="nowhere"`)
	if got := page.hiddenValue("was_email"); got != "alice@example.com" {
		t.Errorf("the form forgot what it showed: %q", got)
	}
}

// TestOwnAccount: what auth refuses to do to oneself is not offered.
func TestOwnAccount(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	o := h.office(true)
	o.get("/ui/admin/users/admin").is(http.StatusOK).says("This is your own account", `href="/ui/profile"`, "/admin/edit").
		lacks("/admin/disable", "/admin/delete", "/admin/reset-link", "/admin/expire-password", "/admin/end-sessions", "Identity tokens")
	o.get("/ui/admin/users/admin/edit").is(http.StatusOK).lacks(`name="admin"`)
	for _, act := range []string{"disable", "delete"} {
		o.get("/ui/admin/users/admin/" + act).is(http.StatusForbidden).says("Administrators do not disable or delete themselves")
		o.post("/ui/admin/users/admin/"+act, "name", "admin").is(http.StatusForbidden)
	}
	o.leads(o.post("/ui/admin/users/admin/edit", "display_name", "The Boss", "was_display_name", "Administrator", "email", "admin@localhost", "was_email", "admin@localhost", "may_update_profile", "1", "was_may_update_profile", "1"),
		"/ui/admin/users/admin", "The Boss")
	o.post("/ui/admin/users/admin/edit", "admin", "1").is(http.StatusBadRequest)
}

// TestThingsOfAUser are listed without their secrets, and ended.
func TestThingsOfAUser(t *testing.T) {
	t.Parallel()
	h := furnished(t)
	o := h.office(true)
	const evil = `"><svg onload=alert(1)>`
	for i := range 12 {
		h.do("POST", v1+"/me/tokens", map[string]any{"description": fmt.Sprint(evil, i)}, basic("alice", alicePassword)).is(http.StatusCreated)
	}
	token := h.do("POST", v1+"/me/tokens", map[string]any{"description": "the newest"}, basic("alice", alicePassword)).is(http.StatusCreated)
	const line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3qf1zJ6cwo0PZjyC9hM6nK1n0M0v3oX5r8k8q3Q2bE laptop"
	key := h.do("POST", v1+"/me/sshkeys", map[string]any{"key": line, "title": evil}, basic("alice", alicePassword)).is(http.StatusCreated)
	alice := h.browser(h.signIn("alice", alicePassword))

	page := o.get("/ui/admin/users/alice").is(http.StatusOK)
	page.says("the newest", evil+"11", "All 13", key.field("fingerprint"), "Revoke the API key").lacks("<svg onload", evil+"0<")
	o.get("/ui/admin/users/alice/tokens").is(http.StatusOK).says(evil+"0", "the newest").lacks("<svg onload")

	end := "/ui/admin/users/alice/tokens/" + token.field("id") + "/end"
	page.says(`href="` + end + `"`)
	o.get(end).is(http.StatusOK).says("Revoke a token of alice?", "the newest", "Last used")
	o.get(strings.Replace(end, "alice", "eve", 1)).is(http.StatusNotFound) // it is not hers
	o.post(strings.Replace(end, "alice", "eve", 1)).is(http.StatusNotFound)
	h.do("GET", v1+"/whoami", nil, bearer(token.field("access_token"))).is(http.StatusOK)
	o.leads(o.post(end), "/ui/admin/users/alice", "The token is revoked").lacks("the newest")
	h.do("GET", v1+"/whoami", nil, bearer(token.field("access_token"))).is(http.StatusUnauthorized)
	o.post(end).is(http.StatusNotFound)

	end = "/ui/admin/users/alice/sshkeys/" + key.field("id") + "/end"
	o.get(end).is(http.StatusOK).says("Delete an SSH key of alice?", key.field("fingerprint")).lacks("<svg onload")
	o.leads(o.post(end), "/ui/admin/users/alice", "The SSH key is deleted").says("No SSH keys")

	sessions, err := h.auth.Sessions.List(t.Context(), h.admin, "alice")
	if err != nil || len(sessions) != 1 {
		t.Fatal(sessions, err)
	}
	end = "/ui/admin/users/alice/sessions/" + sessions[0].ID + "/end"
	o.get(end).is(http.StatusOK).says("End a session of alice?")
	o.leads(o.post(end), "/ui/admin/users/alice", "The session is ended").says("Not signed in anywhere")
	h.do("GET", "/ui/profile", nil, navigate, alice).is(http.StatusSeeOther)
}

// TestUpstreamCredentialsOfAUser are named, never shown, and deleted.
func TestUpstreamCredentialsOfAUser(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	at, err := url.Parse("http://127.0.0.1:9/")
	if err != nil {
		t.Fatal(err)
	}
	h.auth.SetUpstreams([]auth.Upstream{{Name: "nexus", URL: at, Send: auth.UpstreamBasic}}, nil)
	const secret = "what nexus knows alice by"
	if _, err := h.auth.Upstreams.Set(t.Context(), h.identify("alice", alicePassword), "alice", "nexus", "alice.l", auth.NewSecret(secret)); err != nil {
		t.Fatal(err)
	}
	o := h.office(true)
	o.get("/ui/admin/users/alice").is(http.StatusOK).says("nexus", "alice.l").lacks(secret)
	o.get("/ui/admin/users/alice/upstreams/nexus/end").is(http.StatusOK).says("Delete an upstream credential of alice?").lacks(secret)
	o.leads(o.post("/ui/admin/users/alice/upstreams/nexus/end"), "/ui/admin/users/alice", "The credential is deleted").says("None stored")
}

// TestAUserCalledNew has a page beside the one that adds users.
func TestAUserCalledNew(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	if _, err := h.auth.Users.Create(t.Context(), h.admin, auth.NewUser{Name: "new", Email: "new@example.com"}); err != nil {
		t.Fatal(err)
	}
	o := h.office(true)
	o.get("/ui/admin/users").is(http.StatusOK).says(`href="/ui/admin/users/new/"`)
	o.get("/ui/admin/users/new/").is(http.StatusOK).says("new@example.com", `href="/ui/admin/users/new/disable"`)
	o.leads(o.post("/ui/admin/users/new/disable"), "/ui/admin/users/new/", "The user is disabled")
	o.leads(o.post("/ui/admin/users/new/delete", "name", "new"), "/ui/admin/users", "The user is deleted")
}

// TestListOfUsers is searched and paged, and shows names as text.
func TestListOfUsers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	const evil = `"><svg onload=alert(1)>`
	for i := range 60 {
		u := auth.NewUser{Name: fmt.Sprintf("guest%02d", i), Email: "g@example.com", DisplayName: evil}
		if i == 0 {
			u.Kind, u.Email = auth.ServiceUser, ""
		}
		if _, err := h.auth.Users.Create(t.Context(), h.admin, u); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.auth.Passwords.Expire(t.Context(), h.admin, "guest01"); err != nil {
		t.Fatal(err)
	}
	if err := h.auth.Users.Disable(t.Context(), h.admin, "guest02"); err != nil {
		t.Fatal(err)
	}
	o := h.office(false)
	if to := o.get("/ui/admin").is(http.StatusSeeOther).header.Get("Location"); to != "/ui/admin/users" {
		t.Errorf("/ui/admin leads to %s", to)
	}
	first := o.get("/ui/admin/users?search=GUEST").is(http.StatusOK)
	first.says("guest00", "guest49", evil, "service", "password expired", "disabled", `href="/ui/admin/users?after=guest49&search=GUEST"`).lacks("guest50", "<svg onload", "alice")
	o.get("/ui/admin/users?after=guest49&search=GUEST").is(http.StatusOK).says("guest50", "guest59", "From the beginning").lacks("guest49<", "Next page")
	o.get("/ui/admin/users?search=" + url.QueryEscape(evil)).is(http.StatusOK).says("No name has").lacks("<svg onload")
	o.get("/ui/admin/users?after=" + url.QueryEscape(evil)).is(http.StatusOK).lacks("<svg onload")
}
