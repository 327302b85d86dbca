package gateway_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

// mark stands in every hostile text.
const mark = "zqxj"

// hostile are texts that would be something else than text to careless pages:
// elements, ends of attributes, of comments, of elements of raw text and of
// templates, addresses of scripts, and characters that turn lines around.
var hostile = []string{
	`"><svg onload=alert(1) id=` + mark + `>`,
	`'><img src=x onerror=alert(1) ` + mark + `>`,
	`</title></textarea></code></style></script><script>` + mark + `()</script>`,
	`<a href="javascript:` + mark + `()">x</a><!--`,
	`{{.User}}${` + mark + `}<form action=//evil.example/` + mark + `>`,
	"\u202e\u2066" + mark + "\u2028\u200b\ufeff<b>",
}

// what pages are made of; nothing that people type adds to it.
var (
	elements = strings.Fields("html head meta title link script body a header svg circle path rect span nav form button div p ul li main h1 h2 h3 " +
		"section dl dt dd time code pre label input select option textarea fieldset legend details summary strong table thead tbody tr th td br")
	attributes = strings.Fields("lang charset name content rel href src defer class viewbox width height aria-hidden focusable cx cy r d x y rx id method action type title " +
		"role aria-label aria-labelledby aria-current aria-live aria-readonly aria-describedby aria-invalid value for required autocomplete autofocus maxlength rows spellcheck " +
		"autocapitalize autocorrect checked selected disabled hidden tabindex datetime scope open formaction target " +
		"data-secret data-from data-view data-copy data-said data-tabs data-tab data-countdown data-watch data-meter data-least data-own data-words data-drop")
	addresses = []string{"href", "src", "action", "formaction"}
)

var (
	tag        = regexp.MustCompile(`^<(/?)([a-z][a-z0-9]*)((?:\s+[a-zA-Z-]+(?:="[^"<>]*")?)*)\s*/?>`)
	attribute  = regexp.MustCompile(`([a-zA-Z-]+)(?:="([^"]*)")?`)
	plainPlace = regexp.MustCompile(`^/([^/\\]|$)`) // on this very origin
	safePlace  = regexp.MustCompile(`^(/ui/[^/\\]|/ui/$|/-/oauth/[a-z]+/start($|\?next=)|#|https://registry\.example/|data:,$)`)
)

// markup reads the page strictly, and reports what no template of ours has: an
// element, attribute, address or comment.
func (a answer) markup() {
	a.t.Helper()
	rest, ok := strings.CutPrefix(a.body, "<!doctype html>")
	if !ok {
		a.t.Errorf("%s (%d) is no page: %s", a.at, a.status, a.body)
		return
	}
	for {
		i := strings.IndexByte(rest, '<')
		if i < 0 {
			break
		}
		if strings.IndexByte(rest[:i], '>') >= 0 {
			a.t.Errorf("%s: a bare > in %q", a.at, rest[:i])
		}
		found := tag.FindStringSubmatch(rest[i:])
		if found == nil {
			a.t.Errorf("%s: odd markup at %.200q", a.at, rest[i:])
			return
		}
		if !slices.Contains(elements, found[2]) {
			a.t.Errorf("%s: element %s", a.at, found[0])
		}
		seen := map[string]bool{}
		for _, pair := range attribute.FindAllStringSubmatch(found[3], -1) {
			name, value := strings.ToLower(pair[1]), html.UnescapeString(pair[2])
			if !slices.Contains(attributes, name) || seen[name] {
				a.t.Errorf("%s: attribute %s in %s", a.at, name, found[0])
			}
			seen[name] = true
			if slices.Contains(addresses, name) && !safePlace.MatchString(value) {
				a.t.Errorf("%s: address %q in %s", a.at, value, found[0])
			}
			if name == "id" && strings.Contains(value, mark) {
				a.t.Errorf("%s: a text that was typed is the id of %s", a.at, found[0])
			}
		}
		rest = rest[i+len(found[0]):]
	}
}

// turning are characters that change in which direction, or on which line, what
// stands beside them is read (Unicode TR 9 §2, CVE-2021-42574).
const turning = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"

// upright reports such characters.
func (a answer) upright() {
	a.t.Helper()
	if i := strings.IndexAny(a.body, turning); i >= 0 {
		a.t.Errorf("%s: lines are turned around at %q", a.at, a.body[max(0, i-120):min(len(a.body), i+20)])
	}
}

// links are the addresses on a page, of pages.
func (a answer) links() []string {
	var all []string
	for _, found := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(a.body, -1) {
		at, _, _ := strings.Cut(html.UnescapeString(found[1]), "#")
		if strings.HasPrefix(at, "/ui/") && !strings.Contains(at, ".css") && !strings.Contains(at, ".js") {
			all = append(all, at)
		}
	}
	return all
}

// walk opens every page that can be reached by links.
func (h *house) walk(shown with, check func(answer)) int {
	h.t.Helper()
	seen := map[string]bool{}
	todo := []string{"/ui/profile", "/ui/admin/users"}
	for len(todo) > 0 && len(seen) < 400 {
		at := todo[0]
		todo = todo[1:]
		if seen[at] {
			continue
		}
		seen[at] = true
		a := h.do("GET", at, nil, navigate, shown)
		if a.status == http.StatusSeeOther {
			todo = append(todo, a.header.Get("Location"))
			continue
		}
		if a.status >= 500 {
			h.t.Errorf("%s: %d", a.at, a.status)
		}
		check(a)
		todo = append(todo, a.links()...)
	}
	return len(seen)
}

// TestHostileTextsStayTexts: whatever people, programs and strangers say of
// themselves is text on every page of every reader, and turns no line around.
func TestHostileTextsStayTexts(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	ctx := t.Context()
	taken := 0
	try := func(err error) {
		t.Helper()
		switch auth.CodeOf(err) {
		case "":
			taken++
		case auth.Invalid, auth.Unauthenticated, auth.Forbidden, auth.NotFound, auth.Exists, auth.Throttled:
		default:
			t.Error(err)
		}
	}
	var known []auth.Upstream
	for i, text := range hostile {
		alice := e.identify("alice", alicePassword)
		_, err := e.auth.Users.Update(ctx, e.admin, "alice", auth.UserChange{DisplayName: &text})
		try(err)
		for _, email := range []string{text + "@example.com", `"` + text + `"@example.com`, strings.ReplaceAll(text, " ", "") + "@example.com"} {
			_, err = e.auth.Users.Update(ctx, e.admin, "alice", auth.UserChange{Email: &email})
			try(err)
		}
		for _, name := range []string{text, strings.NewReplacer(`"`, "", "/", "", ":", "", ",", "").Replace(text)} {
			_, err = e.auth.Groups.Create(ctx, e.admin, name, text)
			try(err)
			_, err = e.auth.Users.Update(ctx, e.admin, "alice", auth.UserChange{Join: []string{name}})
			try(err)
			_, err = e.auth.Users.Update(ctx, e.admin, "admin", auth.UserChange{Join: []string{name}})
			try(err)
			_, err = e.auth.Tokens.Create(ctx, alice, auth.NewToken{Description: text, Scope: "applied-permissions/groups:" + name})
			try(err)
		}
		_, err = e.auth.Groups.Update(ctx, e.admin, "builders", text)
		try(err)
		var used []with
		for _, scope := range []string{"", "artifact:" + text + ":r", text} {
			tok, err := e.auth.Tokens.Create(ctx, alice, auth.NewToken{Description: text + "\n" + text, Scope: scope})
			try(err)
			if err == nil {
				used = append(used, bearer(tok.JWT.Reveal()))
			}
		}
		_, err = e.auth.SSHKeys.Create(ctx, alice, auth.NewSSHKey{Line: newSSHLine(t) + " " + text})
		try(err)
		_, err = e.auth.SSHKeys.Create(ctx, alice, auth.NewSSHKey{Line: newSSHLine(t), Title: text})
		try(err)
		_, err = e.auth.Upstreams.Set(ctx, alice, "alice", "registry", strings.ReplaceAll(text, ":", ""), auth.NewSecret(upstreamSecret))
		try(err)
		known = append(known, auth.Upstream{Name: "registry-" + strconv.Itoa(i), URL: &url.URL{Scheme: "https", Host: "registry.example"}, Send: auth.UpstreamHeader, Header: "X-" + mark, SignUp: "javascript:" + mark})

		// What programs call themselves, and what strangers ask for.
		agent := header("User-Agent", text)
		used = append(used, basic("alice", alicePassword))
		for _, as := range used {
			e.do("GET", v1+"/whoami", nil, agent, as)
		}
		e.do("POST", v1+"/session", map[string]any{"username": "alice", "password": alicePassword}, agent)
		e.do("POST", v1+"/session", map[string]any{"username": text, "password": "wrong wrong wrong"}, agent)
		e.do("POST", v1+"/session", map[string]any{"username": "alice", "password": text}, agent)
		e.do("DELETE", v1+"/tokens/"+url.PathEscape(text), nil, agent, basic("alice", alicePassword))
		e.do("GET", v1+"/users/"+url.PathEscape(text)+"?"+url.QueryEscape(text)+"="+url.QueryEscape(text), nil, agent, basic("alice", alicePassword))
		id := program[:len(program)-1] + string(rune('0'+i))
		e.requestLogin(id, agent)
	}
	if taken < 20 {
		t.Errorf("only %d hostile texts were taken: this proves little", taken)
	}
	t.Logf("%d hostile texts were taken", taken)
	alice, admin := e.unlocked("alice", alicePassword), e.unlocked("admin", e.adminPassword)
	shut := e.browser(e.signIn("alice", alicePassword))
	e.auth.SetUpstreams(append(known, auth.Upstream{Name: "registry", URL: registryOf(t), Send: auth.UpstreamBasic, SignUp: "https://registry.example/"}), gateway.Probe{})
	for name, shown := range map[string]with{"alice": alice, "alice, locked": shut, "admin": admin} {
		n := e.walk(shown, func(a answer) {
			a.page()
		})
		t.Logf("%s: %d pages", name, n)
	}

	// What was typed, reflected.
	for i, text := range hostile {
		q := url.QueryEscape(text)
		id := program[:len(program)-1] + string(rune('0'+i))
		for _, at := range []string{
			"/ui/login?next=" + q, "/ui/login?next=/" + q, "/ui/login?done=" + q, "/ui/login?jfClientSession=" + q, "/ui/login?jfClientSession=" + id + "&jfClientName=" + q,
			"/ui/forgot?done=" + q, "/ui/reset?user=" + q + "&key=" + q, "/ui/reset?user=alice&key=" + q, "/ui/email?key=" + q,
			"/ui/profile?page=" + q + "&done=" + q, "/ui/profile/unlock?next=" + q, "/ui/profile/unlock?next=/" + q, "/ui/profile/activity?before=" + q,
			"/ui/profile/tokens/" + url.PathEscape(text) + "/revoke", "/ui/profile/ssh/" + url.PathEscape(text) + "/delete", "/ui/profile/upstreams/" + url.PathEscape(text) + "/delete",
			"/ui/admin/users?search=" + q + "&after=" + q, "/ui/admin/users/" + url.PathEscape(text), "/ui/admin/users/" + url.PathEscape(text) + "/edit",
			"/ui/admin/users/alice/tokens/" + url.PathEscape(text) + "/end", "/ui/admin/groups?search=" + q + "&page=" + q, "/ui/admin/groups/edit?group=" + q, "/ui/admin/groups/delete?group=" + q,
			"/ui/admin/audit?user=" + q + "&action=" + q + "&text=" + q + "&before=" + q, "/ui/admin/audit?since=" + q, "/ui/" + url.PathEscape(text), "/" + url.PathEscape(text),
		} {
			for _, shown := range []with{admin, func(*http.Request) {}} {
				a := e.do("GET", at, nil, navigate, shown)
				if a.status == http.StatusSeeOther {
					if to := a.header.Get("Location"); !plainPlace.MatchString(strings.TrimPrefix(to, e.origin)) {
						t.Errorf("%s leads to %q", at, to)
					}
					continue
				}
				if a.status >= 500 {
					t.Errorf("%s: %d", at, a.status)
				}
				if at != "/"+url.PathEscape(text) && at != "/ui/"+url.PathEscape(text) {
					a.page()
				}
			}
		}
		for at, fields := range map[string]url.Values{
			"/ui/login":                         {"username": {text}, "password": {"wrong wrong wrong"}, "next": {text}},
			"/ui/renew":                         {"username": {text}, "old": {text}, "new": {text}, "again": {text}},
			"/ui/reset":                         {"user": {text}, "key": {text}, "new": {text}, "again": {text}},
			"/ui/email":                         {"key": {text}},
			"/ui/login/client":                  {"program": {id}, "answer": {"yes"}, "code": {text}},
			"/ui/profile/unlock":                {"password": {text}, "next": {text}},
			"/ui/profile/tokens":                {"form": {text}, "description": {text}, "expires": {text}, "date": {text}, "may": {text}, "groups": {text, text}, "repository": {text}, "scope": {text}},
			"/ui/profile/ssh":                   {"key": {text}, "title": {text}, "expires": {text}},
			"/ui/profile/account/name":          {"display_name": {strings.Repeat(text, 50)}},
			"/ui/profile/account/email":         {"email": {text}},
			"/ui/profile/upstreams/registry":    {"name": {text + ":"}, "secret": {text}},
			"/ui/admin/users/new":               {"name": {text}, "display_name": {text}, "email": {text}, "kind": {text}, "groups": {text}, "first": {text}, "again": {text}},
			"/ui/admin/users/alice/edit":        {"display_name": {text}, "was_display_name": {text + "x"}, "email": {text}, "was_email": {text + "x"}, "groups": {text, text}, "was_groups": {text}, "was_admin": {text}},
			"/ui/admin/users/alice/delete":      {"name": {text}},
			"/ui/admin/users/alice/reset-link":  {"form": {text}},
			"/ui/admin/groups/new":              {"name": {text + `"`}, "description": {text}},
			"/ui/admin/keys/revoke-all":         {"words": {text}},
			"/ui/profile/sessions/end":          {"session": {text}},
			"/ui/profile/tokens/nothing/rotate": {"form": {text}, "overlap": {text}},
		} {
			a := e.submit(at, fields, admin)
			if a.status >= 500 {
				t.Errorf("%s: %d", at, a.status)
			}
			if a.status >= 400 {
				a.page()
			}
			if at == "/ui/profile/account/email" || at == "/ui/profile/account/name" || at == "/ui/admin/users/alice/edit" {
				continue
			}
			if a.status < 300 {
				t.Errorf("%s: %d takes %q", at, a.status, text)
			}
		}
	}
}

// page checks markup and headers of a page.
func (a answer) page() {
	a.t.Helper()
	if strings.Contains(a.body, "<style>") {
		if strings.Contains(a.body, "<svg onload") || strings.Contains(a.body, "<script") || strings.Contains(a.body, "<img") {
			a.t.Errorf("%s: %s", a.at, a.body)
		}
		return // an error page, with its style in it
	}
	a.markup()
	a.upright()
	a.guarded()
}

// TestAddressesAreSeenAsTheyAre: an e-mail address has no characters that are
// not seen, or that make the lines of a letter about it read otherwise.
func TestAddressesAreSeenAsTheyAre(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	for _, hidden := range []string{"\u202e", "\u2066", "\u2028", "\u2029", "\u00a0", "\u3000", "\u200b", "\u200d", "\ufeff", "\u00ad", "\ufffd", "\U000e0041"} {
		for _, email := range []string{"alice" + hidden + "all" + hidden + "is" + hidden + "well@example.com", "alice@exam" + hidden + "ple.com"} {
			if _, err := h.auth.Users.Update(t.Context(), h.admin, "alice", auth.UserChange{Email: &email}); auth.CodeOf(err) != auth.Invalid {
				t.Errorf("%q: %v", email, err)
			}
		}
	}
	for _, email := range []string{"алиса@пример.example", "o'hara+x@example.com", "名@例え.example"} {
		if _, err := h.auth.Users.Update(t.Context(), h.admin, "alice", auth.UserChange{Email: &email}); err != nil {
			t.Errorf("%q: %v", email, err)
		}
	}
}

// TestOnlyOurScriptRuns: what lies elsewhere on the origin, as a file that
// somebody stored behind a route, is no script of a page, wherever the origin
// has a name. An address is none that a policy could name.
func TestOnlyOurScriptRuns(t *testing.T) {
	t.Parallel()
	for public, want := range map[string]string{
		"https://door.example":           "script-src https://door.example/ui/app.js;",
		"https://Door-1.example:8443":    "script-src https://Door-1.example:8443/ui/app.js;",
		"http://localhost:8080":          "script-src http://localhost:8080/ui/app.js;",
		"http://127.0.0.1:8080":          "script-src 'self';",
		"https://192.0.2.1":              "script-src 'self';",
		"https://[2001:db8::1]:8443":     "script-src 'self';",
		"https://under_score.example":    "script-src 'self';",
		"https://door.example;img-src*/": "script-src 'self';",
	} {
		u, err := url.Parse(public)
		if err != nil {
			u = &url.URL{Scheme: "https", Host: "door.example;img-src*"}
		}
		policy := gateway.PagePolicy(u)
		if !strings.Contains(policy, want) || strings.Contains(policy, "unsafe") || strings.Contains(policy, "img-src*") {
			t.Errorf("%s: %s", public, policy)
		}
	}
}
